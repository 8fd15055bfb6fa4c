"""Sets with boxes, fetched from a site that serves their formats, breaks off and lies."""

import csv
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecosorter.datasets.dataset import load_dataset
from ecosorter.datasets.fetch import Request, fetch
from ecosorter.errors import DatasetError, DownloadBrokenOff, DownloadError
from tests.datasets.site import Site, board, coco, colour_of, open_site, write_batch
from tests.datasets.test_open_images import box_line, image_line, open_images, tables

KINDS = {"red": "Drink can", "green": "Glass bottle", "blue": "Unlabeled litter"}
THINGS = [
    {"red": (20, 20, 120, 120), "green": (220, 120, 140, 140)},
    {"red": (100, 100, 150, 100)},
    {"green": (150, 60, 120, 160), "blue": (140, 50, 60, 60)},  # not alone
    {"green": (20, 100, 100, 150)},
]


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with open_site() as running:
        yield running


@pytest.fixture
def litter(site: Site) -> Request:
    """TACO as it is, small."""
    site.files["/annotations.json"] = json.dumps(coco(THINGS, KINDS, base=site.url)).encode()
    site.files |= {f"/{number:04}.jpg": board(things) for number, things in enumerate(THINGS)}
    return Request(url=f"{site.url}/annotations.json", pause=0.001)


def test_litter_with_the_address_of_each_photo(site: Site, litter: Request, tmp_path: Path) -> None:
    assert fetch("taco", tmp_path, litter).crops == {"logam": 2, "kaca": 2}
    dataset = load_dataset([tmp_path])
    assert dataset.sources == ("taco",)
    assert {colour_of(row.path) for row in dataset.rows if row.label == "logam"} == {"red"}
    assert {colour_of(row.path) for row in dataset.rows if row.label == "kaca"} == {"green"}
    assert [row.group for row in dataset.rows].count("0") == 2  # things of one photo stay together
    assert {row.url for row in dataset.rows} == {f"{site.url}/{n:04}.jpg" for n in (0, 1, 3)}
    assert fetch("taco", tmp_path, litter).crops.total() == 4
    assert site.asked == {"/annotations.json": 1, "/0000.jpg": 1, "/0001.jpg": 1, "/0003.jpg": 1}


@pytest.mark.parametrize("fault", ["html", "short", "loop", 404, 410])
def test_one_photo_that_is_none_costs_no_other(site: Site, litter: Request, tmp_path: Path, fault: str | int) -> None:
    site.faults["/0001.jpg"] = fault
    found = fetch("taco", tmp_path, litter)
    assert (found.crops, found.lost, found.later) == ({"logam": 1, "kaca": 2}, 1, 0)
    assert [path.name for path in (tmp_path / "taco/.incoming").iterdir()] == ["annotations.json"]


def test_another_photo_under_its_address_is_no_crop(site: Site, litter: Request, tmp_path: Path) -> None:
    site.files["/0001.jpg"] = board({"blue": (0, 0, 500, 100)}, size=(500, 100))
    assert fetch("taco", tmp_path, litter).lost == 1


@pytest.mark.parametrize("fault", ["cut", 503])
def test_a_photo_that_breaks_off_comes_another_time(
    site: Site, litter: Request, tmp_path: Path, fault: str | int
) -> None:
    site.faults["/0001.jpg"] = fault
    found = fetch("taco", tmp_path, litter)
    assert (found.crops.total(), found.lost, found.later) == (3, 0, 1)
    site.faults.clear()
    found = fetch("taco", tmp_path, litter)
    assert (found.crops.total(), found.lost, found.later) == (4, 0, 0)
    assert site.asked["/0000.jpg"] == 1
    assert len(load_dataset([tmp_path]).rows) == 4


def test_a_table_that_breaks_off_is_asked_for_again(site: Site, litter: Request, tmp_path: Path) -> None:
    site.faults["/annotations.json"] = "cut"
    with pytest.raises(DownloadBrokenOff):
        fetch("taco", tmp_path, litter)
    site.faults.clear()
    assert fetch("taco", tmp_path, litter).crops.total() == 4


def test_a_table_with_another_checksum(site: Site, litter: Request, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="instead of"):
        fetch("taco", tmp_path, Request(url=litter.url, sha256="0" * 64))
    right = hashlib.sha256(site.files["/annotations.json"]).hexdigest()
    assert fetch("taco", tmp_path, Request(url=litter.url, sha256=right)).crops.total() == 4


def test_photos_whose_own_licence_forbids_it_are_left_out(site: Site, litter: Request, tmp_path: Path) -> None:
    table = json.loads(site.files["/annotations.json"])
    kinds = ("by-nc/2.0", "by/2.0", "by-sa/2.0", "by-nd/2.0")
    table["licenses"] = [
        {"id": n, "url": f"https://creativecommons.org/licenses/{kind}/"} for n, kind in enumerate(kinds)
    ]
    for number, image in enumerate(table["images"]):
        image["license"] = number
    site.files["/annotations.json"] = json.dumps(table).encode()
    assert fetch("taco", tmp_path / "free", litter).crops == {"logam": 1}
    free = Request(url=litter.url, non_commercial=True)
    assert fetch("taco", tmp_path / "all", free).crops == {"logam": 2, "kaca": 1}
    assert any("by-nc" in row.licence for row in load_dataset([tmp_path / "all"]).rows)


def test_a_folder_that_the_user_has_downloaded(tmp_path: Path) -> None:
    kinds = {"red": "Metal", "green": "Glass", "blue": "Plastic bag"}
    here = tmp_path / "trash_dataset"
    write_batch(here / "data/batch_01", THINGS, kinds)
    asked = Request(batches=here)
    with pytest.raises(DatasetError, match="112 GB in 44 batches, which you download yourself"):
        fetch("recycle-trash", tmp_path / "photos")
    assert fetch("recycle-trash", tmp_path / "photos", asked).crops == {"logam": 2, "kaca": 2}
    write_batch(here / "data/batch_02", THINGS[:2], kinds)
    (here / "data/batch_02/0000.jpg").unlink()  # not yet copied
    found = fetch("recycle-trash", tmp_path / "photos", asked)
    assert (found.crops, found.later) == ({"logam": 3, "kaca": 2}, 1)
    (here / "data/batch_02/0000.jpg").write_bytes(board(THINGS[0]))
    assert fetch("recycle-trash", tmp_path / "photos", asked).crops == {"logam": 4, "kaca": 3}
    dataset = load_dataset([tmp_path / "photos"])
    assert len({(row.group, row.path.name) for row in dataset.rows}) == 7
    assert {row.licence for row in dataset.rows} == {"CC-BY-4.0"}


PEOPLE = ("Ana", "Budi", "Ana", "Citra", "Dewi")


@pytest.fixture
def world(site: Site) -> Request:
    """Open Images, as small as can be: a can in each photo, the third again by Ana."""
    names = [f"{number:016x}" for number in range(len(PEOPLE))]
    images = [image_line(name, person) for name, person in zip(names, PEOPLE, strict=True)]
    files = tables([box_line(name) for name in names], images)
    site.files = {f"/{path}": text.encode() for path, text in files.items()}
    site.files |= {f"/validation/{name}.jpg": board({"red": (40, 30, 200, 150)}) for name in names}
    return Request(url=site.url, pause=0.001)


def test_as_many_photographers_as_asked_for(site: Site, world: Request, tmp_path: Path) -> None:
    found = fetch("open-images", tmp_path, Request(url=world.url, each=2))
    assert (found.crops, found.people) == ({"logam": 2}, 2)
    assert sum(number for path, number in site.asked.items() if path.endswith(".jpg")) == 2
    before = site.asked[f"/{open_images().parts['validation'].boxes}"]
    found = fetch("open-images", tmp_path, Request(url=world.url, each=9))
    assert (found.crops, found.people) == ({"logam": 4}, 4)
    assert site.asked[f"/{open_images().parts['validation'].boxes}"] == before == 1
    with (tmp_path / "open-images/manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["author"] for row in rows] == ["Ana", "Budi", "Citra", "Dewi"]
    assert {row["licence"] for row in rows} == {"https://creativecommons.org/licenses/by/2.0/"}
    assert all(row["url"].startswith("https://www.flickr.com/photos/") for row in rows)
    assert len({row["group"] for row in rows}) == 4


def test_another_photo_of_the_same_person_stands_in(site: Site, world: Request, tmp_path: Path) -> None:
    site.faults[f"/validation/{0:016x}.jpg"] = 404
    found = fetch("open-images", tmp_path, world)
    fetch("open-images", tmp_path, world)
    assert (found.lost, len(load_dataset([tmp_path]).rows)) == (1, 4)


def test_a_table_that_is_a_web_page(site: Site, world: Request, tmp_path: Path) -> None:
    path = f"/{open_images().parts['validation'].images}"
    site.faults[path] = "html"
    with pytest.raises(DownloadError, match="web page"):
        fetch("open-images", tmp_path, world)
    site.faults.clear()
    assert fetch("open-images", tmp_path, world).crops == {"logam": 4}


def test_a_table_that_ends_early_is_noticed_where_its_lines_are_no_boxes(
    site: Site, world: Request, tmp_path: Path
) -> None:
    path = f"/{open_images().parts['validation'].boxes}"
    whole = site.files[path]
    site.files[path] = whole[: whole.rindex(b"0.1")]
    with pytest.raises(DatasetError, match="was removed"):
        fetch("open-images", tmp_path, world)
    site.files[path] = whole
    assert fetch("open-images", tmp_path, world).crops == {"logam": 4}
