"""The photos of a run: what is unusable is left out, and named where nothing is left."""

from pathlib import Path

import pytest

from ecosorter.datasets.cache import Cache
from ecosorter.datasets.dataset import PhotoRow, dataset_of
from ecosorter.datasets.photoset import usable_photos
from ecosorter.errors import DatasetError
from ecosorter.progress import Silent
from tests.training.pictures import photo


def test_where_nothing_can_be_used_the_files_are_named(tmp_path: Path) -> None:
    rows = [PhotoRow(tmp_path / f"{label}.jpg", label, "s") for label in ("kaca", "logam")]
    with pytest.raises(DatasetError, match=rf"found none\. These cannot be used: missing: {tmp_path}/kaca\.jpg, "):
        usable_photos(dataset_of(rows), Cache(tmp_path / "cache"), Silent())


def test_what_is_left_out_is_noted(tmp_path: Path) -> None:
    names = (("a", "kaca"), ("b", "logam"), ("gone", "logam"))
    rows = [PhotoRow(tmp_path / f"{name}.jpg", label, "s") for name, label in names]
    for seed, row in enumerate(rows[:2]):
        photo(row.path, seed)
    found = usable_photos(dataset_of(rows), Cache(tmp_path / "cache"), Silent())
    assert [row.path.name for row in found.rows] == ["a.jpg", "b.jpg"]
    assert [note.values for note in found.notes] == [{"number": 1, "kinds": "1 missing"}]
    assert found.sources[0].photos == {"kaca": 1, "logam": 1}
    assert found.labels.tolist() == [0, 1]
