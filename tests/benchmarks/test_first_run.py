import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.first_run import BACKBONE, backbone_name, photo_folder
from tests.training.networks import resnet_folder
from tests.training.pictures import photo, touch

REPOSITORY = Path(__file__).parents[2]
CLASSES = ("kaca", "kertas", "logam")


def first_run(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith("ECOSORTER_")}
    environ = mine | {"PYTHONPATH": str(REPOSITORY), "ECOSORTER_CACHE": str(folder / "cache"), "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "-m", "benchmarks.first_run"]
    return subprocess.run(
        command, cwd=folder, env=environ | variables, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository's folder without photos, with room beside it for `shared`."""
    folder = tmp_path / "main"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_without_photos_it_says_what_to_do(inside: Path) -> None:
    done = first_run(inside)
    assert done.returncode == 1
    for word in ("ECOSORTER_PHOTOS", "photos fetch trashnet", "./photos", "../shared/photos"):
        assert word in done.stderr
    assert not (inside / "runs").exists()


def test_a_wrong_folder_is_named(inside: Path) -> None:
    touch(inside / "photos/kaca/1.jpg")  # not looked at: the person meant another place
    done = first_run(inside, ECOSORTER_PHOTOS="elsewhere")
    assert done.returncode == 1
    assert "ECOSORTER_PHOTOS is elsewhere" in done.stderr


@pytest.mark.parametrize(
    ("files", "chosen", "found"),
    [
        ([], "", None),
        (["photos/notes.txt"], "", None),
        (["photos/kaca/1.jpg"], "", "photos"),
        (["../shared/photos/kaca/1.jpg"], "", "../shared/photos"),
        (["../shared/photos/trashnet/kaca/1.jpg", "../shared/photos/a/kaca/1.jpg"], "", "../shared/photos/trashnet"),
        (["photos/kaca/1.jpg", "../shared/photos/trashnet/kaca/1.jpg"], "", "photos"),
        (["photos/trashnet/notes.txt", "photos/kaca/1.jpg"], "", "photos"),
        (["photos/kaca/1.jpg", "mine/kaca/1.jpg"], "mine", "mine"),
        (["photos/kaca/1.jpg"], "mine", None),
    ],
)
def test_where_photos_are_looked_for(inside: Path, files: list[str], chosen: str, found: str | None) -> None:
    for file in files:
        touch(inside / file)
    folder = photo_folder({"ECOSORTER_PHOTOS": chosen} if chosen else {})
    assert folder == (Path(found) if found else None)


def test_which_backbone_is_taken(inside: Path) -> None:
    assert backbone_name({}) == "mobilenet-v2"
    (inside / BACKBONE).mkdir(parents=True)
    assert backbone_name({}) == str(BACKBONE)
    assert backbone_name({"ECOSORTER_BACKBONE": "resnet18"}) == "resnet18"


def test_trains_classifies_and_then_says_that_it_is_finished(inside: Path) -> None:
    for number, name in enumerate(CLASSES):
        for index in range(20):
            photo(inside / "photos" / name / f"{index}.jpg", 100 * number + index)
    settings = {"ECOSORTER_BACKBONE": str(resnet_folder(inside / "network")), "ECOSORTER_FIT__EPOCHS": "2"}

    done = first_run(inside, **settings)
    assert done.returncode == 0, done.stderr
    run = inside / "runs/first"
    assert (run / "bundle/model.onnx").is_file()
    assert (run / "report.html").as_uri() in done.stdout
    test_photos = [answer["path"] for answer in json.loads((run / "result.json").read_text())["answers"]]
    classified = done.stdout.partition("$ ecosorter classify")[2].partition("\n")[0].split()
    assert len(classified) == min(12, len(test_photos)) + 2  # and --model BUNDLE
    assert set(classified[:-2]) <= set(test_photos)

    again = first_run(inside, **settings)
    assert again.returncode == 0
    assert "finished already" in again.stderr
