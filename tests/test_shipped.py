"""The model that comes along: small, whole, described truly, and careful with what it does not know."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from ecosorter import Classifier, load_bundle
from ecosorter.bundle import shipped_bundles
from ecosorter.datasets.credits import attribution
from ecosorter.datasets.dataset import load_dataset
from ecosorter.teaching.bank import load_bank
from tests.tiny import photo

SEVEN = ("kaca", "kardus", "kertas", "khusus", "logam", "organik", "plastik")


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load()


def test_there_is_one_and_it_is_small() -> None:
    (folder,) = shipped_bundles()
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert set(sizes) == {"model.onnx", "bundle.json", "README.md", "bank.npz", "ATTRIBUTION.csv"}
    assert sizes["model.onnx"] <= 5_500_000
    assert sum(sizes.values()) <= 10_000_000


def test_it_knows_the_seven_classes_and_where_it_learnt_them(classifier: Classifier) -> None:
    info = classifier.bundle.info
    assert info.classes == SEVEN
    assert len(info.data) == 71
    assert all(source.licence for source in info.data)
    assert not info.non_commercial
    bank = load_bank(classifier.bundle)
    assert set(bank.classes) == set(SEVEN)
    assert len(bank.source_names) == 71


def test_photographers_who_are_known_are_named_photo_by_photo(classifier: Classifier, shared: Path) -> None:
    table = attribution(load_dataset([shared / "photos"]).rows)
    assert classifier.bundle.load_attribution() == table
    card = (classifier.bundle.folder / "README.md").read_text(encoding="utf-8")
    assert "`ATTRIBUTION.csv` beside this card" in card


def test_its_card_tells_the_figures_of_its_description(classifier: Classifier) -> None:
    card = (classifier.bundle.folder / "README.md").read_text(encoding="utf-8")
    held_out = load_bundle(classifier.bundle.folder).info.metrics["held_out"]
    for key in ("aside", "yardstick"):
        low, high = held_out[key]["interval"]
        assert f"**{held_out[key]['macro_recall']:.3f}** ({low:.3f} to {high:.3f})" in card
    first = card.split("\n\n")[1]
    assert f"finds {100 * held_out['aside']['macro_recall']:.0f} %" in first
    assert "a new home may do worse" in first
    for name, entry in held_out["sources"].items():
        (row,) = (
            line
            for line in card.splitlines()
            if line.startswith((f"| {name} |", f"| {name} (", f"| {name}, ")) and entry_cells(entry) in line
        )
        assert row.startswith(f"| {name}")


def entry_cells(entry: dict[str, Any]) -> str:
    return f"| {entry['photos']} | {entry['macro_recall']:.3f} | {entry['top2_accuracy']:.3f} |"


def test_no_source_that_is_set_aside_shares_a_group_with_one_that_chooses(classifier: Classifier) -> None:
    info = classifier.bundle.info
    aside = set(info.recipe["evaluation"]["aside"])
    for group in info.metrics["held_out"]["left_out_together"]:
        counting = {name for name in group if info.metrics["held_out"]["sources"][name]["counts"]}
        assert counting <= aside or not counting & aside


@pytest.mark.parametrize(
    "blank", [(0, 0, 0), (255, 255, 255), (120, 120, 120), (200, 180, 150)], ids=["black", "white", "grey", "beige"]
)
def test_a_blank_photo_gets_no_class(classifier: Classifier, blank: tuple[int, int, int]) -> None:
    (found,) = classifier.classify([photo(blank, size=(300, 200))])
    assert (found.label, found.reason) == (None, "no_waste")


def test_a_cat_gets_no_class(classifier: Classifier) -> None:
    (found,) = classifier.classify([files("skimage.data").joinpath("chelsea.png").read_bytes()])
    assert found.label is None


def test_it_knows_photos_that_it_learnt_from(classifier: Classifier, shared: Path) -> None:
    # No measure of what it is worth, which the card tells: a model that fails here is broken.
    files_of = {label: sorted((shared / "photos").glob(f"*/{label}/*.jpg"))[::97] for label in SEVEN}
    right = sum(
        prediction.best == label for label, paths in files_of.items() for prediction in classifier.classify(paths)
    )
    assert right / sum(map(len, files_of.values())) > 0.75
