import string
from importlib.resources import files

import pytest

from ecosorter.texts import LANGUAGES, class_name, texts

AREAS = sorted(
    path.name.removesuffix(".toml") for path in files("ecosorter.texts").iterdir() if path.name.endswith(".toml")
)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("area", AREAS)
def test_every_text_stands_in_both_languages_with_the_same_fields(area: str) -> None:
    indonesian, english = (texts(area, language) for language in LANGUAGES)
    assert indonesian.keys() == english.keys()
    for key, text in english.items():
        assert text.strip()
        assert indonesian[key].strip()
        assert fields(indonesian[key]) == fields(text), key


def test_a_class_of_somebodys_own_model_is_its_own_name() -> None:
    assert class_name("kaca", "en") == "Glass"
    assert class_name("kaca", "id") == "Kaca"
    assert class_name("sepatu", "en") == "sepatu"
