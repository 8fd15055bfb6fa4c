"""A network recipe from folders of photos to a bundle, with MobileNetEdgeTPU of random weights and small photos."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ecosorter import Classifier, read_bundle
from ecosorter.bundle import Bundle
from ecosorter.datasets.cache import Cache
from ecosorter.errors import DatasetError
from ecosorter.progress import Advance, Silent
from ecosorter.teaching.bank import read_bank
from ecosorter.training.network_recipe import NetworkRecipe, load_network_recipe
from ecosorter.training.shipping import ship
from tests.training.networks import edgetpu_file

COLOURS = {"kaca": (40, 160, 60), "kertas": (220, 215, 200), "logam": (90, 90, 140)}


def photos(folder: Path) -> Path:
    """Two sources of three classes: noisy squares of a colour each, on a board and on a floor."""
    random = np.random.default_rng(0)
    for source, floor in (("board", 235), ("floor", 60)):
        for label, colour in COLOURS.items():
            place = folder / source / label
            place.mkdir(parents=True)
            for number in range(7):
                pixels = np.full((72, 72, 3), floor, np.int64)
                top, left = random.integers(8, 28, 2)
                pixels[top : top + 32, left : left + 32] = colour
                pixels += random.integers(-12, 12, pixels.shape)
                Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(place / f"{number}.png")
    return folder


def recipe(backbone: Path, **overrides: object) -> NetworkRecipe:
    small = {
        "backbone": str(backbone),
        "on_board": ["board"],
        "hold_out": [],
        "preprocess.size": 64,
        "finetune.size": 64,
        "finetune.epochs": 1,
        "finetune.batch_size": 8,
        "trainer.accelerator": "cpu",
    }
    return load_network_recipe("ecosorter", overrides={**small, **overrides})


class Stages(Silent):
    """Remembers which stages there were; one of them is cut off."""

    def __init__(self, cut_off: str = "") -> None:
        self.cut_off, self.names, self.notes = cut_off, list[str](), list[str]()

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:  # noqa: ARG002  # as in Silent
        if name == self.cut_off:
            raise KeyboardInterrupt
        self.names.append(name)
        yield lambda _: None

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ship")
    photos(folder / "photos")
    edgetpu_file(folder / "backbone.onnx")
    return folder


@pytest.fixture(scope="module")
def in_two_runs(place: Path) -> tuple[Stages, Stages, dict[str, bytes], Bundle]:
    """A run that is cut off and started again: the stages of both, what the first one left behind, and the bundle.

    One export takes longer than all else together: so what is read by all tests is the bundle of the second run.
    """
    first, second = Stages(cut_off="train all"), Stages()
    given = [place / "photos"], place / "run", recipe(place / "backbone.onnx"), Cache(place / "cache")
    with pytest.raises(KeyboardInterrupt):
        ship(*given, first)
    left = files(place / "run")
    return first, second, left, ship(*given, second)


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def run(place: Path, in_two_runs: tuple[Stages, Stages, dict[str, bytes], Bundle]) -> tuple[Path, Bundle]:
    return place, in_two_runs[-1]


def test_the_bundle_answers(run: tuple[Path, Bundle]) -> None:
    folder, bundle = run
    classifier = Classifier.load(bundle.folder)
    assert classifier.bundle.info.classes == tuple(COLOURS)
    files = sorted((folder / "photos").rglob("*.png"))
    found = classifier.classify(files)
    assert {prediction.status for prediction in found} == {"ok"}
    pixels = classifier.decode(files[0])
    assert pixels.shape == (3, 64, 64, 3)
    assert classifier.explain(pixels, "kaca").shape == (2, 2)


def test_the_bundle_is_in_8_bits_and_small(run: tuple[Path, Bundle]) -> None:
    _, bundle = run
    sizes = {path.name: path.stat().st_size for path in bundle.folder.iterdir()}
    assert sizes["model.onnx"] < 4_500_000
    assert sum(sizes.values()) < 5_000_000


def test_every_source_was_left_out_by_itself(run: tuple[Path, Bundle]) -> None:
    _, bundle = run
    held_out = bundle.info.metrics["held_out"]
    assert held_out["left_out_together"] == [["board"], ["floor"]]
    assert {name: entry["photos"] for name, entry in held_out["sources"].items()} == {"board": 21, "floor": 21}
    assert held_out["mean"] == pytest.approx(np.mean([e["macro_recall"] for e in held_out["sources"].values()]))
    assert held_out["scores"]["photos"] == 42


def test_the_signals_travel_with_it(run: tuple[Path, Bundle]) -> None:
    _, bundle = run
    assert list(bundle.info.thresholds.signals) == ["familiarity", "waste", "detail"]
    assert bundle.info.metrics["no_waste"]["pictures"] > 100


def test_the_bank_holds_features_of_the_photos(run: tuple[Path, Bundle]) -> None:
    _, bundle = run
    bank = read_bank(bundle)
    assert bank.features.shape == (42, 1280 + len(COLOURS))  # with the scores of names
    assert bank.source_names == ("board", "floor")


def test_the_card_tells_where_it_fails(run: tuple[Path, Bundle]) -> None:
    _, bundle = run
    card = (bundle.folder / "README.md").read_text(encoding="utf-8")
    held_out = bundle.info.metrics["held_out"]
    assert f"{held_out['mean']:.3f}" in card
    assert f"{held_out['scores']['calibration_error']:.3f}" in card
    for name in ("board", "floor", *COLOURS):
        assert f"| {name} |" in card or f"**{name}**" in card


def test_a_run_that_was_cut_off_goes_on(
    place: Path, in_two_runs: tuple[Stages, Stages, dict[str, bytes], Bundle]
) -> None:
    first, second, left, bundle = in_two_runs
    assert [name for name in first.names if name.startswith("train")] == ["train board", "train floor"]
    assert [name for name in second.names if name.startswith("train")] == ["train all"]
    now = files(place / "run")
    assert {name: now[name] for name in left} == left  # not one network, answer or photo was made again
    assert read_bundle(bundle.folder).info == bundle.info


def test_groups_must_name_every_source(place: Path, tmp_path: Path) -> None:
    wrong = recipe(place / "backbone.onnx", hold_out=[["board"], ["kitchen"]])
    with pytest.raises(DatasetError, match="floor, kitchen"):
        ship([place / "photos"], tmp_path / "run", wrong, Cache(place / "cache"), Silent())


def test_one_source_alone_is_to_be_measured_by_folds(place: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="--folds"):
        ship(
            [place / "photos/floor"],
            tmp_path / "run",
            recipe(place / "backbone.onnx"),
            Cache(place / "cache"),
            Silent(),
        )
