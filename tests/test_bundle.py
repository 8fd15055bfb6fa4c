"""Models on disk: what is written is read, and what does not fit is refused with the reason."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ecosorter.bundle import BundleInfo, find_bundles, load_bundle, write_bundle
from ecosorter.errors import BundleError
from tests.tiny import tiny_bundle, tiny_info

GOLDEN = Path(__file__).parent / "golden" / "bundle.json"


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_who_made_which_photo_lies_beside_the_card_and_is_never_needed(tmp_path: Path) -> None:
    table = "source,photo,author,licence,url\nhere,kaca/a.jpg,José,CC0,\n"
    written = write_bundle(tmp_path / "a", b"model", tiny_info(), "card", attribution=table)
    write_bundle(tmp_path / "a", b"model", tiny_info(), "card", attribution=table)  # the same again is no conflict
    read = load_bundle(tmp_path / "a")
    assert read.info == written.info
    assert read.load_attribution() == table
    (tmp_path / "a" / "ATTRIBUTION.csv").write_bytes(b"\xff")
    assert load_bundle(tmp_path / "a").load_attribution() is None
    (tmp_path / "a" / "ATTRIBUTION.csv").unlink()
    assert load_bundle(tmp_path / "a").load_attribution() is None


def test_what_is_written_is_read(tmp_path: Path) -> None:
    info = tiny_info(metrics={"macro_f1": 0.5, "per_class": {"kaca": [1, 2]}}, sha256="0" * 64)
    written = write_bundle(tmp_path / "deep" / "a", b"model", info, "# Kartu model é\n")
    read = load_bundle(tmp_path / "deep" / "a")
    assert read == written
    assert read.info == info.model_copy(update={"sha256": hashlib.sha256(b"model").hexdigest()})
    assert read.model_path.read_bytes() == b"model"
    assert (read.folder / "README.md").read_text(encoding="utf-8") == "# Kartu model é\n"
    assert sorted(files(tmp_path)) == ["deep/a/README.md", "deep/a/bundle.json", "deep/a/model.onnx"]


def test_a_bank_travels_along_and_is_looked_at_only_when_it_is_read(tmp_path: Path) -> None:
    written = write_bundle(tmp_path / "a", b"model", tiny_info(bank_sha256="0" * 64), "card", bank=b"features")
    read = load_bundle(tmp_path / "a")
    assert read == written
    assert read.info.bank_sha256 == hashlib.sha256(b"features").hexdigest()
    assert read.load_bank() == b"features"
    assert sorted(files(tmp_path / "a")) == ["README.md", "bank.npz", "bundle.json", "model.onnx"]
    (tmp_path / "a" / "bank.npz").write_bytes(b"others")
    with pytest.raises(BundleError, match=r"bank\.npz is not the bank .* SHA-256"):
        load_bundle(tmp_path / "a").load_bank()
    (tmp_path / "a" / "bank.npz").unlink()
    with pytest.raises(BundleError, match=r"bank\.npz is missing"):
        load_bundle(tmp_path / "a").load_bank()


def test_a_bundle_without_a_bank_says_so(tmp_path: Path) -> None:
    written = write_bundle(tmp_path / "a", b"model", tiny_info(bank_sha256="0" * 64), "card")
    assert written.info.bank_sha256 is None
    assert written.load_bank() is None
    with pytest.raises(BundleError, match="exists already"):
        write_bundle(tmp_path / "a", b"model", tiny_info(), "card", bank=b"features")
    write_bundle(tmp_path / "a", b"model", tiny_info(), "card", bank=b"features", replace=True)
    write_bundle(tmp_path / "a", b"model", tiny_info(), "card", replace=True)
    assert not (tmp_path / "a" / "bank.npz").exists()


def test_a_bank_without_end_is_not_read(tmp_path: Path) -> None:
    written = write_bundle(tmp_path / "a", b"model", tiny_info(), "card", bank=b"features")
    with (written.folder / "bank.npz").open("wb") as file:
        file.truncate(50_000_001)
    with pytest.raises(BundleError, match="more than 50 MB"):
        written.load_bank()


def test_the_format_is_the_golden_file(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "a", b"model", tiny_info(), "card")
    assert (bundle.folder / "bundle.json").read_text(encoding="utf-8") == GOLDEN.read_text(encoding="utf-8")


def test_the_golden_file_is_read(tmp_path: Path) -> None:
    shutil.copy(GOLDEN, tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"model")
    assert load_bundle(str(tmp_path)).info.classes == ("kaca", "logam", "organik", "plastik")


def test_a_mark_that_windows_puts_before_it_is_passed_over(tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path / "a").folder
    path = folder / "bundle.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert load_bundle(folder).info.classes == ("kaca", "logam", "organik", "plastik")


def change(**fields: Any) -> Any:
    def apply(folder: Path) -> None:
        content = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
        for path, value in fields.items():
            place = content
            *parents, key = path.split("__")
            for parent in parents:
                place = place[parent]
            if value is None:
                del place[key]
            else:
                place[key] = value
        (folder / "bundle.json").write_text(json.dumps(content), encoding="utf-8")

    return apply


def write(name: str, data: bytes) -> Any:
    return lambda folder: (folder / name).write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (shutil.rmtree, "no model folder"),
        (lambda folder: (folder / "bundle.json").unlink(), r"bundle\.json is missing"),
        (lambda folder: (folder / "model.onnx").unlink(), r"model\.onnx is missing"),
        (write("model.onnx", b"another model"), "SHA-256"),
        (write("bundle.json", b'{"format": 1'), "not valid JSON"),
        (write("bundle.json", b"\xff\xfe\x00"), "not valid JSON"),
        (write("bundle.json", b"[" * 100_000), "not valid JSON"),
        (write("bundle.json", b"[]"), "JSON object"),
        (change(format=3), "of format 3, and this program reads format 1 to 2"),
        (change(format=None), "of format None"),
        (change(colour="red"), r"Unknown key: 'colour'"),
        (change(preprocess__colour="red"), r"Unknown key: 'preprocess\.colour'"),
        (change(temperature=None), r"Missing key: 'temperature'"),
        (change(temperature=0), "'temperature'.*greater than 0"),
        (change(thresholds__confidence=1.5), r"'thresholds\.confidence'"),
        (change(preprocess__resize="crop"), "'preprocess'.*shorter_side"),
        (change(classes=["kaca"]), "'classes'"),
        (change(classes=["kaca", "logam", "kaca"]), "'classes'.*kaca stand there more than once"),
        (change(classes=["kaca", ""]), "'classes'.*no name"),
        (change(created="yesterday"), "'created'"),
        (change(created="2026-01-31T12:00:00+07:00"), "'created'.*UTC"),
        (change(sha256="0" * 64), "SHA-256"),
        (change(sha256=None), "SHA-256"),
    ],
)
def test_what_does_not_fit_is_refused(damage: Any, reason: str, tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path / "a").folder
    damage(folder)
    with pytest.raises(BundleError, match=reason) as caught:
        load_bundle(folder)
    assert str(folder) in str(caught.value)


def test_the_folder_of_a_run_leads_to_its_bundle(tmp_path: Path) -> None:
    tiny_bundle(tmp_path / "run" / "bundle")
    with pytest.raises(BundleError, match=r"Did you mean .*run/bundle\?"):
        load_bundle(tmp_path / "run")


@pytest.mark.parametrize(
    "fields", [{"classes": ("a",)}, {"classes": ("a", "a")}, {"temperature": float("inf")}, {"created": "2026-01-31"}]
)
def test_an_info_that_makes_no_sense_cannot_be_made(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        tiny_info(**fields)


def test_an_existing_folder_is_kept(tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path / "a").folder
    before = files(tmp_path)
    with pytest.raises(BundleError, match="exists already"):
        write_bundle(folder, b"other", tiny_info(), "card")
    assert files(tmp_path) == before


def test_the_same_bundle_may_be_written_again_and_into_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    tiny_bundle(tmp_path / "a")
    tiny_bundle(tmp_path / "a")
    assert load_bundle(tmp_path / "a").info.name == "tiny"


def test_a_bundle_is_replaced_on_request(tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path / "a").folder
    (folder / "left over").touch()
    write_bundle(folder, b"other", tiny_info(name="other"), "card", replace=True)
    assert load_bundle(folder).info.name == "other"
    assert sorted(files(tmp_path)) == ["a/README.md", "a/bundle.json", "a/model.onnx"]


@pytest.mark.parametrize("make", [lambda path: (path.mkdir(), (path / "thesis.txt").touch()), Path.touch])
def test_what_is_no_bundle_is_never_replaced(make: Any, tmp_path: Path) -> None:
    make(tmp_path / "home")
    before = files(tmp_path)
    with pytest.raises(BundleError, match="not a model folder"):
        write_bundle(tmp_path / "home", b"model", tiny_info(), "card", replace=True)
    assert files(tmp_path) == before


def test_a_write_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_bundle(tmp_path / "a").folder
    before = files(tmp_path)

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    for place in (folder, tmp_path / "b"):
        with pytest.raises(BundleError, match="No space left"):
            write_bundle(place, b"other", tiny_info(), "card", replace=True)
    assert files(tmp_path) == before


def test_a_swap_that_fails_puts_the_old_bundle_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_bundle(tmp_path / "a").folder
    before = files(tmp_path)
    rename = Path.rename
    calls: list[Path] = []

    def rename_once(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", rename_once)
    with pytest.raises(BundleError, match="Input/output"):
        write_bundle(folder, b"other", tiny_info(), "card", replace=True)
    assert files(tmp_path) == before


def test_bundles_are_found_but_not_half_written_ones(tmp_path: Path) -> None:
    for name in ("b/bundle", "a", ".c.1234.tmp", "@eaDir/a"):
        tiny_bundle(tmp_path / name)
    assert find_bundles(tmp_path) == [tmp_path / "a", tmp_path / "b" / "bundle"]
    assert find_bundles(tmp_path / "none") == []


def test_an_info_cannot_be_changed() -> None:
    info: BundleInfo = tiny_info()
    with pytest.raises(ValidationError, match="frozen"):
        info.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("name", [".DS_Store", "@eaDir"])
def test_what_a_system_puts_into_an_empty_folder_is_no_content(tmp_path: Path, name: str) -> None:
    (tmp_path / "a" / name).mkdir(parents=True)
    assert load_bundle(tiny_bundle(tmp_path / "a").folder)
    (tmp_path / "a" / name).mkdir()
    assert tiny_bundle(tmp_path / "a")
    (tmp_path / "a/notes.txt").touch()
    with pytest.raises(BundleError, match="exists already"):
        tiny_bundle(tmp_path / "a")


def test_an_editor_may_have_put_a_mark_before_the_description(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "a")
    path = bundle.folder / "bundle.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load_bundle(bundle.folder).info == bundle.info
