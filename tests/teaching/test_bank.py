"""The bank keeps features nearly as they were, is small, evenly chosen, and never unpickled."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ecosorter.bundle import Bundle, write_bundle
from ecosorter.errors import BundleError
from ecosorter.teaching.bank import choose_rows, load_bank, make_bank
from tests.tiny import CLASSES, tiny_info


def rows(n: int = 60, d: int = 20) -> tuple[NDArray[np.float32], NDArray[np.int64], list[str]]:
    random = np.random.default_rng(0)
    features = random.gamma(0.5, size=(n, d)) * np.arange(1, d + 1)
    return features.astype(np.float32), random.integers(0, len(CLASSES), n), [f"source {i % 3}" for i in range(n)]


def bundle(folder: Path, bank: bytes | None) -> Bundle:
    return write_bundle(folder, b"model", tiny_info(), "card", bank=bank)


def test_what_is_kept_is_nearly_what_it_was(tmp_path: Path) -> None:
    features, labels, sources = rows()
    features[:, 3] = -2.5  # a dimension that says nothing
    bank = load_bank(bundle(tmp_path / "a", make_bank(features, labels, sources, CLASSES)))
    steps = np.ptp(features, axis=0) / 255
    assert (np.abs(bank.features - features) <= steps / 2 + 1e-5).all()
    assert bank.features.dtype == np.float32
    assert bank.labels.tolist() == labels.tolist()
    assert bank.row_sources == sources
    assert bank.classes == CLASSES


def test_a_bank_keeps_to_its_limit_and_uses_it() -> None:
    features, labels, sources = rows(2000, 64)
    whole = make_bank(features, labels, sources, CLASSES, 10**9)
    for limit in (len(whole), len(whole) - 1, 40_000, 8_000):
        content = make_bank(features, labels, sources, CLASSES, limit)
        assert 0.7 * limit < len(content) <= limit
    with pytest.raises(ValueError, match="holds no row"):
        make_bank(features, labels, sources, CLASSES, 100)


def test_the_same_rows_give_the_same_bytes() -> None:
    assert make_bank(*rows(), CLASSES, 3_000) == make_bank(*rows(), CLASSES, 3_000)


def test_many_photos_of_few_sources_give_way_first() -> None:
    labels = np.repeat([0, 1], [1000, 50]).astype(np.int64)
    sources = np.concatenate([np.repeat([0, 1, 2], [940, 30, 30]), np.zeros(50, np.int64)])
    kept = choose_rows(labels, sources, 140, seed=0)
    assert len(kept) == len(set(kept.tolist())) == 140
    assert np.bincount(labels[kept]).tolist() == [90, 50]
    assert np.bincount(sources[kept][labels[kept] == 0]).tolist() == [30, 30, 30]
    assert choose_rows(labels, sources, 5000, seed=0).tolist() == list(range(1050))


def test_a_bundle_without_one_says_so(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no bank\.npz.*would forget"):
        load_bank(bundle(tmp_path / "a", None))


def arrays(**changes: Any) -> bytes:
    features, labels, sources = rows()
    fields = dict(np.load(io.BytesIO(make_bank(features, labels, sources, CLASSES))))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: value for name, value in (fields | changes).items() if value is not None})
    return buffer.getvalue()


def bomb() -> bytes:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("features.npy", "w", force_zip64=True) as member,
    ):
        for _ in range(201):
            member.write(bytes(1_000_000))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no archive", "cannot be used"),
        (b"", "cannot be used"),
        (arrays()[:-30], "cannot be used"),
        (arrays(labels=None), "labels"),
        (arrays(features=np.zeros((60, 20), np.float32)), "expected uint8"),
        (arrays(features=np.zeros((0, 20), np.uint8)), "expected uint8"),
        (arrays(scale=np.ones(3, np.float32)), "scales do not fit"),
        (arrays(low=np.full(20, np.nan, np.float32)), "scales do not fit"),
        (arrays(labels=np.full(60, 4, np.uint16)), "labels or sources do not fit"),
        (arrays(labels=np.full(60, -1, np.int64)), "labels or sources do not fit"),
        (arrays(sources=np.zeros(59, np.uint16)), "labels or sources do not fit"),
        (arrays(classes=np.array([str] * 4, dtype=object)), "pickle"),
        (arrays(classes=np.array(["kaca", "logam", "organik", "kayu"])), "its model lacks: kayu"),
        (bomb(), "unpacks to more than 200 MB"),
    ],
)
def test_what_is_no_bank_is_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=reason):
        load_bank(bundle(tmp_path / "a", content))


def test_the_hash_is_checked_when_it_is_read(tmp_path: Path) -> None:
    written = bundle(tmp_path / "a", make_bank(*rows(), CLASSES))
    (written.folder / "bank.npz").write_bytes(make_bank(*rows(61), CLASSES))
    with pytest.raises(BundleError, match="SHA-256"):
        load_bank(written)
    (written.folder / "bank.npz").unlink()
    with pytest.raises(BundleError, match="missing"):
        load_bank(replace(written))
