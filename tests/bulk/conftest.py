"""A tiny model, loaded, and photos of which it is known what they show."""

from pathlib import Path

import pytest

from ecosorter import Classifier
from ecosorter.bulk import RowFormat
from tests.tiny import CLASSES, COLOURS, photo, tiny_bundle

BETWEEN = (0, 128, 128)  # neither green nor blue


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return Classifier.load(tiny_bundle(tmp_path_factory.mktemp("models") / "tiny").folder, threads=2)


@pytest.fixture(scope="session")
def form(classifier: Classifier) -> RowFormat:
    return RowFormat(classifier.bundle.info, top=1, probabilities=True)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Forty photos and a few bad files in ``in/``, which lies in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for number in range(40):
        (tmp_path / "in" / f"{number:02}.png").write_bytes(photo(COLOURS[CLASSES[number % 4]]))
    (tmp_path / "in/05.png").write_bytes(b"")
    (tmp_path / "in/06.png").write_bytes(b"<html>")
    (tmp_path / "in/07.png").write_bytes(photo(BETWEEN))
    return tmp_path
