"""Names that people give their class folders stand for one of the seven, or for a class of their own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecosorter.datasets.class_names import normalise, one_of_the_seven, understand

SEVEN = ("kaca", "kardus", "kertas", "khusus", "logam", "organik", "plastik")
PUBLISHED = {
    "TrashNet": {
        "glass": "kaca",
        "paper": "kertas",
        "cardboard": "kardus",
        "plastic": "plastik",
        "metal": "logam",
        "trash": "khusus",
    },
    "RealWaste": {
        "Cardboard": "kardus",
        "Food Organics": "organik",
        "Glass": "kaca",
        "Metal": "logam",
        "Miscellaneous Trash": "khusus",
        "Paper": "kertas",
        "Plastic": "plastik",
        "Textile Trash": "khusus",
        "Vegetation": "organik",
    },
    "10 and 12 classes": {
        "battery": "khusus",
        "biological": "organik",
        "brown-glass": "kaca",
        "cardboard": "kardus",
        "clothes": "khusus",
        "green-glass": "kaca",
        "glass": "kaca",
        "metal": "logam",
        "paper": "kertas",
        "plastic": "plastik",
        "shoes": "khusus",
        "trash": "khusus",
        "white-glass": "kaca",
    },
    "people": {
        "KACA": "kaca",
        "Sampah Organik": "organik",
        "sisa_makanan": "organik",
        "daun-daun": "organik",
        "botol-botol plastik": "plastik",
        "Plastic Bottles": "plastik",
        "plastic_bottle": "plastik",
        "  e-waste ": "khusus",
        "EWaste": "khusus",
        "Batteries": "khusus",
        "tin cans": "logam",
        "Kardus ": "kardus",
        "newspapers": "kertas",
    },
}


@pytest.mark.parametrize(
    ("name", "label"),
    [pytest.param(n, c, id=f"{who}: {n}") for who, names in PUBLISHED.items() for n, c in names.items()],
)
def test_known_class_names(name: str, label: str) -> None:
    assert one_of_the_seven(name) == label


@pytest.mark.parametrize("name", ["bottle", "can", "recyclable", "", "  ", "--", "glas", "metallic"])
def test_names_that_could_mean_several_materials_are_not_guessed(name: str) -> None:
    assert one_of_the_seven(name) is None


@given(st.text(max_size=40))
def test_normalising_forgets_case_separators_and_nothing_twice(name: str) -> None:
    once = normalise(name)
    assert normalise(f" {name}\t") == once
    assert normalise(once.replace(" ", "_")) == normalise(once.replace(" ", "-"))


@pytest.mark.parametrize(
    ("name", "label", "how"),
    [
        ("kaca", "kaca", "known"),
        ("Kaca", "kaca", "known"),
        ("Glass bottles", "kaca", "alias"),
        ("sampah", "khusus", "alias"),
        ("daun", "organik", "alias"),
        ("baterai", "baterai", "new"),
        ("popok", "popok", "new"),
        ("Kabel tua", "Kabel tua", "new"),
    ],
)
def test_names_are_understood(name: str, label: str, how: str) -> None:
    found = understand([name], SEVEN)[name]
    assert (found.label, found.how) == (label, how)


def test_own_names_are_only_those_of_the_model() -> None:
    found = understand(["KACA", "glass", "daun"], SEVEN, own=True)
    assert {name: (entry.label, entry.how) for name, entry in found.items()} == {
        "KACA": ("kaca", "known"),
        "glass": ("glass", "new"),
        "daun": ("daun", "new"),
    }


def test_names_are_those_of_the_model_at_hand() -> None:
    found = understand(["battery", "glass", "Baterai", "kabel", "Kabel"], ("baterai", "battery", "bulb"))
    assert {name: entry.label for name, entry in found.items()} == {
        "battery": "battery",
        "glass": "glass",
        "Baterai": "baterai",
        "kabel": "Kabel",  # two spellings of one new class
        "Kabel": "Kabel",
    }
