"""`ecosorter photos`: what it prints, writes and exits with."""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ecosorter.cli.photos import app
from ecosorter.datasets.cache import Cache
from ecosorter.datasets.dataset import load_dataset
from ecosorter.errors import DatasetError, DownloadError
from tests.datasets.site import write_batch
from tests.datasets.test_fetch import GOOD
from tests.training.pictures import picture, save
from tests.training.web import serving

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("ECOSORTER_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("ECOSORTER_LANG", raising=False)

    def invoke(*arguments: object) -> Result:
        return CliRunner().invoke(app, list(map(str, arguments)))

    return invoke


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Make two sources with fifty photos of each of two classes, all different."""
    for seed in range(100):
        place = tmp_path / "photos" / ("home", "street")[seed % 2] / ("kaca", "logam")[seed // 2 % 2]
        save(picture(seed, (64, 48)), place / f"{seed}.png")
    return tmp_path / "photos"


@pytest.fixture
def bad_photos(photos: Path) -> Path:
    """Add a wrong label, a broken file and a source with one class to them."""
    save(picture(0, (64, 48)), photos / "home" / "logam" / "wrong.jpg")
    (photos / "street" / "kaca" / "broken.jpg").write_text("<html></html>")
    save(picture(500), photos / "canteen" / "organik" / "a.jpg")
    return photos


def cells(output: str) -> list[str]:
    return [re.sub(r"\s+", " ", line).strip() for line in output.splitlines()]


def test_good_photos(run: Run, photos: Path) -> None:
    result = run("check", photos, "--lang", "en")
    assert result.exit_code == 0, result.output
    printed = cells(result.stdout)
    assert "Source Glass Metal Total" in printed
    assert "home 25 25 50" in printed
    assert "Different 50 50 100" in printed
    assert "- No problem was found." in printed


def test_bad_photos_need_a_person(run: Run, bad_photos: Path) -> None:
    result = run("check", bad_photos, "--lang", "en")
    assert result.exit_code == 1
    printed = cells(result.stdout)
    assert sum(line.startswith("! ") for line in printed) == 5
    assert f"The same, but labelled differently: {bad_photos}/home/kaca/0.png (Glass) = " in result.stdout
    assert f"a web page, not a photo; download the photo itself: {bad_photos}/street/kaca/broken.jpg" in printed


def test_in_indonesian(run: Run, bad_photos: Path) -> None:
    printed = cells(run("check", bad_photos, "--lang", "id").stdout)
    assert "Sumber Kaca Logam Organik Jumlah" in printed
    assert any("Sumber yang hanya berisi satu kelas: canteen (Organik)" in line for line in printed)


def test_json_is_all_there_is_on_standard_output(run: Run, bad_photos: Path) -> None:
    result = run("check", bad_photos, "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["photos"] == 103
    assert found["needs_person"] is True
    assert found["counts"]["canteen"] == {"kaca": 0, "logam": 0, "organik": 1}
    assert [bad["status"] for bad in found["unreadable"]] == ["html"]


def test_a_page(run: Run, bad_photos: Path, tmp_path: Path) -> None:
    result = run("check", bad_photos, "--html", tmp_path / "out" / "check.html", "--lang", "id")
    assert result.exit_code == 1
    page = (tmp_path / "out" / "check.html").read_text(encoding="utf-8")
    assert '<html lang="id">' in page
    assert page.count("data:image/jpeg") == 2


def test_a_page_that_cannot_be_written(run: Run, photos: Path) -> None:
    result = run("check", photos, "--html", photos / "home" / "kaca" / "0.png" / "check.html")
    assert result.exit_code == 2
    assert "cannot be written" in " ".join(result.output.replace("│", " ").split())


def test_own_class_names(run: Run, photos: Path) -> None:
    for source in ("home", "street"):
        (photos / source / "kaca").rename(photos / source / "botol A")
    assert isinstance(run("check", photos).exception, DatasetError)
    result = run("check", photos, "--classes", "own")
    assert result.exit_code == 0, result.output
    assert "botol A" in result.stdout


def test_facts_are_cached(run: Run, photos: Path) -> None:
    run("check", photos)
    assert Cache().usage().entries == 100


@pytest.mark.parametrize("arguments", [["check"], ["check", "x", "--lang", "fr"], ["check", "x", "--classes", "eight"]])
def test_wrong_usage(run: Run, arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_a_data_set_that_cannot_be_used_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    program = "import sys; from ecosorter.cli.app import main; sys.argv = ['ecosorter', *sys.argv[1:]]; main()"
    command = [sys.executable, "-c", program, "photos", "check", str(tmp_path / "nowhere")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "There is no" in result.stderr


def test_checking_photos_loads_no_training_library(photos: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from ecosorter.datasets import fetch, audit, dataset;"
        "audit.audit(dataset.load_dataset([Path(sys.argv[1])]));"
        "print([name for name in ('torch', 'sklearn', 'transformers', 'jinja2') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program, photos], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_fetch(run: Run, tmp_path: Path) -> None:
    with serving(GOOD) as server:
        sha256 = hashlib.sha256(GOOD).hexdigest()
        result = run("fetch", "trashnet", tmp_path, "--url", server.url, "--sha256", sha256, "--lang", "en")
        assert result.exit_code == 0, result.output
        assert result.stdout == f"TrashNet: 2527 photos in {tmp_path}/trashnet. Licence: MIT.\n"
        assert isinstance(run("fetch", "trashnet", tmp_path / "b", "--url", server.url).exception, DownloadError)
    assert len(load_dataset([tmp_path / "trashnet"]).rows) == 2527


def test_fetch_of_a_folder_with_boxes(run: Run, tmp_path: Path) -> None:
    things = [{"red": (20, 20, 120, 120), "green": (220, 120, 140, 140)}]
    write_batch(tmp_path / "trash/batch_01", things, {"red": "Metal", "green": "Glass"})
    result = run("fetch", "recycle-trash", tmp_path / "photos", "--from", tmp_path / "trash", "--lang", "en")
    assert result.exit_code == 0, result.output
    first, second = result.stdout.splitlines()
    assert first == f"Recycle Trash Dataset: 2 photos in {tmp_path}/photos/recycle-trash. Licence: CC-BY-4.0."
    assert second == "Glass 1, Metal 1"
    (tmp_path / "trash/batch_01/0000.jpg").write_bytes(b"half")
    (tmp_path / "photos/recycle-trash/.crops.jsonl").unlink()
    result = run("fetch", "recycle-trash", tmp_path / "photos", "--from", tmp_path / "trash", "--lang", "en")
    assert "Photos that could not be had now: 1. Run the same command again." in result.stdout


def test_a_set_that_must_not_be_used_commercially(run: Run, tmp_path: Path) -> None:
    error = run("fetch", "realwaste", tmp_path).exception
    assert isinstance(error, DatasetError)
    assert "--non-commercial" in str(error)


def test_real_photos(run: Run, shared: Path, tmp_path: Path) -> None:
    for source in ("siscer", "kitchen-bangladesh", "parcels"):
        (tmp_path / source).symlink_to(shared / "photos" / source)
    result = run("check", *(tmp_path / source for source in ("siscer", "kitchen-bangladesh", "parcels")), "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["photos"] == 291 + 168 + 36
    assert found["unreadable"] == []
    assert found["one_source_classes"] == {"kertas": "siscer", "khusus": "kitchen-bangladesh", "organik": "siscer"}
    assert found["small_classes"] == ["kaca", "kertas"]
    assert found["largest_group"] <= 3
