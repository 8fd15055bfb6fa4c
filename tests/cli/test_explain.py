"""`ecosorter explain` writes the picture and prints the answer, and touches nothing else."""

from pathlib import Path
from typing import Any

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from ecosorter.cli.explain import explain
from ecosorter.decision import Thresholds
from ecosorter.errors import BundleError, PhotoError
from tests import tiny

app = typer.Typer()
app.command()(explain)


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ECOSORTER_LANG", "en")
    monkeypatch.setenv("ECOSORTER_MODEL", str(tiny.tiny_bundle(tmp_path / "tiny").folder))
    (tmp_path / "blue.png").write_bytes(tiny.photo((0, 0, 255), size=(240, 160)))


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, arguments)


def test_a_picture_and_the_answer(tmp_path: Path) -> None:
    before = Path("blue.png").read_bytes()
    done = run("blue.png")
    assert done.exit_code == 0, done.output
    first, second, third, last = done.stdout.splitlines()
    assert first.startswith("Plastic (9")
    assert second == "Sure enough."
    assert third == "The brighter the colour, the more the model sees Plastic there."
    assert last == "The picture is in blue-explained.jpg"
    with Image.open("blue-explained.jpg") as picture:
        assert picture.format == "JPEG"
        assert picture.width == 320
        assert picture.height > 160
    assert Path("blue.png").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blue-explained.jpg", "blue.png", "tiny"]


def test_it_speaks_indonesian() -> None:
    lines = run("blue.png", "--lang", "id").stdout.splitlines()
    assert lines[0].startswith("Plastik (")
    assert lines[1] == "Cukup yakin."


@pytest.mark.parametrize(
    ("thresholds", "reason"),
    [
        (Thresholds(confidence=1, conformal=0.999), "Its confidence is too low. Perhaps Plastic (9"),
        (
            Thresholds(confidence=0, conformal=0, signals={"brightest": 2}),
            "This seems to show no waste. Perhaps Plastic (9",
        ),
    ],
)
def test_not_sure_says_why(thresholds: Thresholds, reason: str, tmp_path: Path) -> None:
    model = tiny.tiny_bundle(tmp_path / "unsure", thresholds=thresholds).folder
    lines = run("blue.png", "--model", str(model)).stdout.splitlines()
    assert lines[0] == "Not sure"
    assert lines[1].startswith(reason)


@pytest.mark.parametrize("name", ["kaca", "KACA", "Glass", "glass"])
def test_another_class_can_be_shown(name: str) -> None:
    assert "Nothing in this photo speaks for Glass." in run("blue.png", "--label", name).stdout


def test_an_unknown_class_is_refused_with_those_there_are() -> None:
    done = run("blue.png", "--label", "kayu")
    assert done.exit_code == 2
    assert "plastik" in done.output
    assert not Path("blue-explained.jpg").exists()


@pytest.mark.parametrize(("name", "kind"), [("a.png", "PNG"), ("a.JPG", "JPEG"), ("a.webp", "WEBP")])
def test_the_ending_decides_on_the_format(name: str, kind: str) -> None:
    assert run("blue.png", "--out", name).exit_code == 0
    with Image.open(name) as picture:
        assert picture.format == kind


def test_a_photo_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Path("turned.jpg").write_bytes(tiny.encoded(Image.new("RGB", (900, 600)), "JPEG", exif=exif))
    run("turned.jpg", "--out", "a.png")
    with Image.open("a.png") as picture:
        assert picture.width == 600
        assert picture.height > 900


def test_an_existing_file_is_kept_unless_forced() -> None:
    Path("a.png").write_bytes(b"precious")
    done = run("blue.png", "--out", "a.png")
    assert done.exit_code == 2
    assert Path("a.png").read_bytes() == b"precious"
    assert run("blue.png", "--out", "a.png", "--force").exit_code == 0
    assert Path("a.png").read_bytes() != b"precious"


def test_the_photo_itself_is_never_replaced() -> None:
    before = Path("blue.png").read_bytes()
    Path("link.png").symlink_to("blue.png")
    Path("hard.png").hardlink_to("blue.png")
    for target in ("blue.png", "./blue.png", "link.png", "hard.png"):
        assert run("blue.png", "--out", target, "--force").exit_code == 2
    assert Path("blue.png").read_bytes() == before
    assert Path("link.png").is_symlink()


@pytest.mark.parametrize("target", ["a.txt", "a", "nowhere/a.png", "tiny"])
def test_a_place_that_is_no_good_is_refused(target: str) -> None:
    assert run("blue.png", "--out", target).exit_code == 2


def test_bad_photos_and_models_are_errors_of_the_program() -> None:
    Path("text.jpg").write_text("no photo")
    assert isinstance(run("text.jpg").exception, PhotoError)
    assert isinstance(run("missing.jpg").exception, PhotoError)
    assert isinstance(run("blue.png", "--model", "nowhere").exception, BundleError)
    assert not Path("blue-explained.jpg").exists()


def test_a_picture_that_does_not_fit_on_the_disk_is_not_there(small_disk: None) -> None:
    Path("noise.png").write_bytes(tiny.encoded(Image.effect_noise((200, 200), 90), "PNG"))
    done = run("noise.png", "--out", "a.png")
    assert done.exit_code == 2
    assert "cannot be written" in " ".join(done.output.split())
    assert not [path.name for path in Path().iterdir() if path.name.startswith(("a.png", "."))]


def test_a_link_is_kept(tmp_path: Path) -> None:
    Path("real.png").write_bytes(b"old")
    Path("link.png").symlink_to("real.png")
    assert run("blue.png", "--out", "link.png", "--force").exit_code == 0
    assert Path("link.png").is_symlink()
    assert Path("real.png").read_bytes() != b"old"
