"""The curve of accuracy against photos: what is chosen, and that more of it is seen to help."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks import integers
from benchmarks.curve import Point, measured, plot, report, some_photographers, some_photos, some_sources
from ecosorter.datasets.dataset import PhotoRow
from ecosorter.datasets.photoset import PhotoSet, SourceCount
from ecosorter.training.recipe import Recipe, load_recipe

SOURCES = ("a", "b", "c", "d", "e", "f")
CLASSES = ("kaca", "logam", "plastik")
GROUPS = [["a", "b"], ["c", "d"], ["e", "f"]]
EACH = 12  # photos of a class of a source


def photoset() -> PhotoSet:
    rows = [
        PhotoRow(path=Path(f"{source}/{label}/{number}.jpg"), label=label, source=source, group="")
        for source in SOURCES
        for label in CLASSES
        for number in range(EACH)
    ]
    counts = [SourceCount(name=name, photos=dict.fromkeys(CLASSES, EACH), fingerprint="") for name in SOURCES]
    return PhotoSet(rows, ["" for _ in rows], np.arange(len(rows)), CLASSES, counts, [])


def recipe() -> Recipe:
    rule = {"evaluation.left_out": GROUPS, "evaluation.aside": ["e", "f"], "head.c": 1}
    return load_recipe("ecosorter", overrides=rule)


def seen(photos: PhotoSet) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Two views of each photo: its class lies in the first numbers, its source and chance in the others."""
    random = np.random.default_rng(0)
    places = random.normal(size=(len(SOURCES), 40)) * 3
    place = np.array([SOURCES.index(row.source) for row in photos.rows])
    features = places[place] + random.normal(size=(len(place), 40))
    features[:, :3] = random.normal(size=(len(place), 3)) + 1.5 * photos.labels[:, None]
    return np.stack([features, features], axis=1).astype(np.float32)


def points() -> tuple[Point, Point]:
    photos = photoset()
    few, all_of_them = (
        measured(str(number), partial(some_sources, number=number), 3, photos, seen(photos), recipe())
        for number in (1, 4)
    )
    return few, all_of_them


def test_whole_sources_are_chosen() -> None:
    photos = photoset()
    rows = some_sources(photos, np.arange(72), np.random.default_rng(0), number=1)
    assert len(rows) == 3 * EACH
    assert len({photos.rows[row].source for row in rows}) == 1


def test_so_many_photos_of_each_class_of_each_source_are_chosen() -> None:
    photos = photoset()
    rows = some_photos(photos, np.arange(36, 108), np.random.default_rng(0), number=5)
    assert len(rows) == len(set(rows.tolist())) == 2 * 3 * 5
    assert rows.min() >= 36
    assert rows.max() < 108
    assert len(some_photos(photos, np.arange(36), np.random.default_rng(0), number=500)) == 36


def test_whole_groups_of_photographers_are_chosen() -> None:
    photos = photoset()
    rows = some_photographers(photos, np.arange(108), np.random.default_rng(0), number=1, groups=GROUPS)
    assert sorted({photos.rows[row].source for row in rows}) in GROUPS
    assert len(rows) == 2 * 3 * EACH


def test_more_sources_to_learn_from_find_more() -> None:
    few, all_of_them = points()
    assert (few.sources, few.photos, few.classes) == (1, 3 * EACH, 3)
    assert (all_of_them.sources, all_of_them.photos) == (4, 12 * EACH)
    assert np.mean(all_of_them.mean) > np.mean(few.mean)
    assert np.std(all_of_them.mean) == pytest.approx(0)  # there are no more: every draw is the same


def test_a_single_class_to_learn_from_is_the_only_answer() -> None:
    photos = photoset()
    point = measured("one", lambda _, rows, __: rows[:EACH], 1, photos, seen(photos), recipe())
    assert point.classes == 1
    assert point.mean == point.aside == pytest.approx([1 / 3])


def test_table_and_plot_show_every_point(tmp_path: Path) -> None:
    curve = points()
    text = report({"sources": curve, "photos": curve}, photoset())
    assert all(f"{np.mean(point.mean):.3f}" in text for point in curve)
    assert "doubling brings +" in text
    plot({"sources": curve, "photos": curve}, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_the_cost_of_integers_is_told_in_points() -> None:
    better, worse = (Point(name, [mean], [0.6], 1, 1, 7) for name, mean in (("floats", 0.73), ("integers", 0.722)))
    assert "They cost 0.8 points of the yardstick; at most 0.5" in integers.report(worse, better)
