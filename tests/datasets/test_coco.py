import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecosorter.datasets.coco import load_batches, load_coco
from ecosorter.datasets.published import PublishedBatches, PublishedCoco, published
from ecosorter.errors import DatasetError
from tests.datasets.site import coco, write_batch

KINDS = {"red": "Metal", "green": "Glass", "blue": "Paper"}
CAN = {"red": (40, 30, 200, 150)}


def trash() -> PublishedBatches:
    found = published()["recycle-trash"]
    assert isinstance(found, PublishedBatches)
    return found


def litter() -> PublishedCoco:
    found = published()["taco"]
    assert isinstance(found, PublishedCoco)
    return found


def written(folder: Path, change: Any = None) -> Path:
    table = coco([CAN], {"red": "Drink can"}, base="http://127.0.0.1")
    if change:
        change(table)
    path = folder / "annotations.json"
    path.write_text(json.dumps(table))
    return path


def test_batches_are_read_one_after_the_other(tmp_path: Path) -> None:
    for number in (2, 1):
        write_batch(tmp_path / "data" / f"batch_0{number}", [CAN, {"blue": (0, 0, 400, 300)}], KINDS)
    photos = list(load_batches(tmp_path, trash()))
    assert [photo.name for photo in photos] == ["batch_01-0", "batch_01-1", "batch_02-0", "batch_02-1"]
    (box,) = photos[0].boxes
    assert (box.label, box.left, box.top, box.right, box.bottom) == ("logam", 0.1, 0.1, 0.6, 0.6)
    assert photos[1].boxes[0].label is None  # "Paper" is board, too
    assert photos[0].place == str(tmp_path / "data/batch_01/0000.jpg")
    assert photos[0].licence == "CC-BY-4.0"


def test_only_one_batch_is_read_at_a_time(tmp_path: Path) -> None:
    write_batch(tmp_path / "batch_01", [CAN], KINDS)
    write_batch(tmp_path / "batch_02", [CAN], KINDS)
    (tmp_path / "batch_02/data.json").write_text('{"images": [')
    photos = load_batches(tmp_path, trash())
    assert next(photos).name == "batch_01-0"
    with pytest.raises(DatasetError, match=r"batch_02/data\.json is no table of boxes"):
        next(photos)


@pytest.mark.parametrize("folder", ["nowhere", "empty"])
def test_a_folder_without_batches(tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"no folder in it has a data\.json"):
        next(load_batches(tmp_path / folder, trash()))


def test_photos_with_addresses(tmp_path: Path) -> None:
    (photo,) = load_coco(written(tmp_path), litter())
    assert (photo.name, photo.place, photo.url) == ("0", "http://127.0.0.1/0000.jpg", "http://127.0.0.1/0000.jpg")
    assert photo.size == (400, 300)
    assert photo.licence.startswith("CC-BY-4.0")


def test_a_photo_may_have_a_licence_of_its_own(tmp_path: Path) -> None:
    def change(table: dict[str, Any]) -> None:
        table["licenses"] = [{"id": 0, "name": "none", "url": "https://creativecommons.org/licenses/by-nc/2.0/"}]
        table["images"][0]["license"] = 0

    (photo,) = load_coco(written(tmp_path, change), litter())
    assert photo.licence.endswith("/by-nc/2.0/")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda table: table.pop("categories"), "categories: Field required"),
        (lambda table: table["images"][0].update(width=0), "images.0.width"),
        (lambda table: table["annotations"][0].update(bbox=[1, 2, 3]), "annotations.0.bbox"),
        (lambda table: table["annotations"][0].update(bbox=[1, 2, 3, float("inf")]), "annotations.0.bbox"),
        (lambda table: table["images"].append(table["images"][0]), "two photos of one id"),
    ],
)
def test_tables_that_lie_are_refused(tmp_path: Path, change: Any, why: str) -> None:
    with pytest.raises(DatasetError, match=why):
        list(load_coco(written(tmp_path, change), litter()))


def test_boxes_end_at_the_photo_and_those_of_no_photo_are_passed_over(tmp_path: Path) -> None:
    def change(table: dict[str, Any]) -> None:
        table["annotations"][0]["bbox"] = [-50, 100, 900, 900]
        table["annotations"].append({"id": 1, "image_id": 99, "category_id": 0, "bbox": [0, 0, 9, 9]})

    (photo,) = load_coco(written(tmp_path, change), litter())
    (box,) = photo.boxes
    assert (box.left, box.top, box.right, box.bottom) == (0, pytest.approx(1 / 3), 1, 1)


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/passwd"])
def test_a_table_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    batch = write_batch(tmp_path / "batch_01", [CAN], KINDS)
    table = json.loads((batch / "data.json").read_text())
    table["images"][0]["file_name"] = name
    (batch / "data.json").write_text(json.dumps(table))
    with pytest.raises(DatasetError, match="outside of its folder"):
        list(load_batches(tmp_path, trash()))


_NUMBERS = st.integers(-9, 999) | st.floats() | st.none() | st.text(max_size=3)
_THINGS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("id", "image_id", "category_id", "license", "width", "height", "iscrowd"), _NUMBERS),
        **dict.fromkeys(("file_name", "name", "flickr_url"), st.text(max_size=5) | st.none()),
        "bbox": st.lists(_NUMBERS, max_size=5),
    },
)


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(st.sampled_from(("images", "annotations", "categories", "licenses")), st.lists(_THINGS, max_size=3))
)
def test_whatever_a_table_says_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, table: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(table))
    with suppress(DatasetError):
        for photo in load_coco(path, litter()):
            assert all(0 <= side <= 1 for box in photo.boxes for side in (box.left, box.top, box.right, box.bottom))
