"""A bundle is measured on every photo that can be read, source by source."""

from pathlib import Path

import numpy as np
import pytest

from ecosorter.classifier import Classifier
from ecosorter.datasets.dataset import Dataset, PhotoRow, dataset_of
from ecosorter.errors import DatasetError
from ecosorter.evaluation.evaluate import FailedPhoto, evaluate_bundle
from ecosorter.evaluation.metrics import score
from tests import tiny

COLOURS = {
    "white": (255, 255, 255),
    "light grey": (180, 180, 180),
    "dark grey": (90, 90, 90),
    "green": (0, 255, 0),
    "teal": (0, 140, 120),
    "blue": (0, 0, 255),
}


def coloured(folder: Path, *rows: tuple[str, str, str, str]) -> Dataset:
    """Photos of (colour, label, source, group)."""
    made = []
    for number, (colour, label, source, group) in enumerate(rows):
        path = folder / f"{number} {colour}.png"
        path.write_bytes(tiny.photo(COLOURS[colour]) if colour in COLOURS else b"no photo")
        made.append(PhotoRow(path, label, source, group))
    return dataset_of(made)


def tiny_logits(*colours: str) -> np.ndarray:
    """What the tiny model's description says that its logits are."""
    seen = np.array([COLOURS[name] for name in colours]) / 255
    known = np.array([tiny.COLOURS[name] for name in tiny.CLASSES]) / 255
    logits: np.ndarray = tiny.SHARPNESS * (2 * seen @ known.T - (known**2).sum(axis=1)) / 3
    return logits


def test_a_bundle_is_measured_as_its_logits_are(tmp_path: Path) -> None:
    bundle = tiny.tiny_bundle(tmp_path / "tiny", temperature=2.0)
    rows = [("white", "kaca"), ("light grey", "kaca"), ("dark grey", "kaca"), ("green", "organik"), ("teal", "organik")]
    dataset = coloured(tmp_path, *((colour, label, "phone", "") for colour, label in rows))
    done: list[int] = []
    result = evaluate_bundle(Classifier.load(bundle.folder), dataset, done.append)

    expected = score(
        tiny_logits(*(colour for colour, _ in rows)),
        np.array([0, 0, 0, 2, 2]),
        tiny.CLASSES,
        temperature=2.0,
        thresholds=bundle.info.thresholds,
    )
    assert result.scores.accuracy == 0.8  # dark grey is nearer to black
    assert result.scores.confusion == expected.confusion
    assert result.scores.calibration_error == pytest.approx(expected.calibration_error, abs=1e-5)
    assert result.scores.calibration_error_before == pytest.approx(expected.calibration_error_before, abs=1e-5)
    assert result.scores.loss == pytest.approx(expected.loss, abs=1e-5)
    assert result.scores.coverage == expected.coverage
    assert [(answer.path, answer.label) for answer in result.answers] == [(str(r.path), r.label) for r in dataset.rows]
    assert max(result.answers[3].probabilities, key=result.answers[3].probabilities.__getitem__) == "organik"
    assert sum(done) == 5


def test_sources_are_measured_apart_and_bad_photos_are_listed(tmp_path: Path) -> None:
    tiny.tiny_bundle(tmp_path / "tiny")
    dataset = coloured(
        tmp_path,
        ("white", "kaca", "phone", ""),
        ("broken", "kaca", "phone", ""),
        ("green", "organik", "studio", ""),
        ("blue", "organik", "studio", ""),
    )
    result = evaluate_bundle(Classifier.load(tmp_path / "tiny"), dataset)
    assert {name: (s.photos, s.accuracy) for name, s in result.by_source.items()} == {
        "phone": (1, 1.0),
        "studio": (2, 0.5),
    }
    assert result.scores.photos == 3
    (failure,) = result.failed
    assert isinstance(failure, FailedPhoto)
    assert failure.path == str(dataset.rows[1].path)
    assert failure.status == "text"
    assert failure.error


def test_a_group_is_one_of_its_source(tmp_path: Path) -> None:
    tiny.tiny_bundle(tmp_path / "tiny")
    # One object in each source, under the same name: one is always right and one always wrong.
    rows = [("white", "kaca", "phone", "1"), ("blue", "organik", "studio", "1")] * 6
    result = evaluate_bundle(Classifier.load(tmp_path / "tiny"), coloured(tmp_path, *rows))
    assert list(result.scores.accuracy_interval) == [0, 1]
    assert list(result.by_source["phone"].accuracy_interval) == pytest.approx([0.025, 1])  # one photo says little


def test_a_class_that_the_bundle_lacks_is_refused(tmp_path: Path) -> None:
    tiny.tiny_bundle(tmp_path / "tiny")
    dataset = coloured(tmp_path, ("white", "kaca", "", ""), ("blue", "kertas", "", ""))
    with pytest.raises(DatasetError, match=r"'tiny' does not know .* kertas; it knows kaca, logam, organik, plastik"):
        evaluate_bundle(Classifier.load(tmp_path / "tiny"), dataset)


def test_photos_of_which_none_can_be_read_are_refused(tmp_path: Path) -> None:
    tiny.tiny_bundle(tmp_path / "tiny")
    with pytest.raises(DatasetError, match="None of the 1 photos can be read: "):
        evaluate_bundle(Classifier.load(tmp_path / "tiny"), coloured(tmp_path, ("broken", "kaca", "", "")))


def test_recall_by_item_counts_the_photos_that_name_one(tmp_path: Path) -> None:
    bundle = tiny.tiny_bundle(tmp_path / "bundle")
    shown = {
        "a": ((255, 255, 255), "kaca", "botol"),
        "b": ((255, 255, 255), "plastik", "botol"),
        "c": ((0, 0, 255), "plastik", ""),
    }
    rows = []
    for name, (colour, label, item) in shown.items():
        (tmp_path / f"{name}.png").write_bytes(tiny.photo(colour))
        rows.append(PhotoRow(tmp_path / f"{name}.png", label, "s", "", item))
    found = evaluate_bundle(Classifier.load(bundle.folder), dataset_of(rows)).by_item
    assert {item: (each.photos, each.recall) for item, each in found.items()} == {"botol": (2, 0.5)}
