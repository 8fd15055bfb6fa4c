from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecosorter.datasets.boxes import BoxedPhoto
from ecosorter.datasets.open_images import load_open_images
from ecosorter.datasets.published import PublishedOpenImages, published
from ecosorter.errors import DatasetError

NAMES = "LabelName,DisplayName\n/m/can,Tin can\n/m/bag,Plastic bag\n/m/man,Man\n/m/box,Box\n"
BOX_COLUMNS = (
    "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"
)
IMAGE_COLUMNS = (
    "ImageID,Subset,OriginalURL,OriginalLandingURL,License,AuthorProfileURL,Author,Title,OriginalSize,OriginalMD5,"
    "Thumbnail300KURL,Rotation"
)


def open_images() -> PublishedOpenImages:
    found = published()["open-images"]
    assert isinstance(found, PublishedOpenImages)
    return found


def box_line(name: str, label: str = "/m/can", corners: str = "0.1,0.6,0.1,0.6", flags: str = "0,0,0,0,0") -> str:
    return f"{name},xclick,{label},1,{corners},{flags}"


def image_line(name: str, author: str = "Ana", rotation: str = "0.0", part: str = "validation") -> str:
    page, profile = f"https://www.flickr.com/photos/{name}", f"https://www.flickr.com/people/{abs(hash(author))}/"
    licence = "https://creativecommons.org/licenses/by/2.0/"
    return f'{name},{part},https://x/{name}_o.jpg,{page},{licence},{profile},{author},"a, b",1,x==,,{rotation}'


def tables(boxes: list[str], images: list[str], names: str = NAMES) -> dict[str, str]:
    """The files of the set by path, with nothing in the parts that are not given."""
    part = open_images().parts
    files = {entry.boxes: BOX_COLUMNS + "\n" for entry in part.values()}
    files |= {entry.images: IMAGE_COLUMNS + "\n" for entry in part.values()}
    files[open_images().names] = names
    files[part["validation"].boxes] += "\n".join(boxes) + "\n"
    files[part["validation"].images] += "\n".join(images) + "\n"
    return files


Read = Callable[[dict[str, str]], list[BoxedPhoto]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def run(files: dict[str, str]) -> list[BoxedPhoto]:
        def table(path: str, max_bytes: int) -> Path:
            file = tmp_path / path.rpartition("/")[2]
            file.write_text(files[path], encoding="utf-8")
            return file

        return list(load_open_images(open_images(), table, "http://photos"))

    return run


def test_a_photo_with_its_photographer(read: Read) -> None:
    (photo,) = read(tables([box_line("0a1b")], [image_line("0a1b", '"Ana, José"', "90.0")]))
    assert photo.place == "http://photos/validation/0a1b.jpg"
    assert (photo.author, photo.turn) == ("Ana, José", 90)
    assert photo.licence == "https://creativecommons.org/licenses/by/2.0/"
    assert photo.url == "https://www.flickr.com/photos/0a1b"
    (box,) = photo.boxes
    assert (box.label, box.left, box.top, box.right, box.bottom) == ("logam", 0.1, 0.1, 0.6, 0.6)


@pytest.mark.parametrize("rotation", ["", "nan", "0.0", "45", "x"])
def test_an_unknown_rotation_is_none(read: Read, rotation: str) -> None:
    (photo,) = read(tables([box_line("0a")], [image_line("0a", rotation=rotation)]))
    assert photo.turn == 0


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([box_line("0a", "/m/box")], id="a box may be of anything"),
        pytest.param([box_line("0a", "/m/unknown")], id="an unknown class"),
        pytest.param([box_line("0a", flags="0,0,1,0,0")], id="a heap"),
        pytest.param([box_line("0a", flags="0,0,0,1,0")], id="a drawing"),
        pytest.param([box_line("0a"), box_line("0a", "/m/man", "0,1,0,1")], id="in somebody's hand"),
        pytest.param([box_line("0a"), box_line("0a", "/m/bag", "0.3,0.7,0.3,0.7")], id="with something on it"),
    ],
)
def test_photos_without_a_single_thing_are_passed_over(read: Read, lines: list[str]) -> None:
    assert read(tables(lines, [image_line("0a")])) == []


def test_what_lies_under_it_does_not_matter(read: Read) -> None:
    assert len(read(tables([box_line("0a"), box_line("0a", "/m/box", "0,1,0,1")], [image_line("0a")]))) == 1


def test_parts_are_read_when_they_are_needed(tmp_path: Path) -> None:
    asked: list[str] = []
    files = tables([box_line("0a")], [image_line("0a")])

    def table(path: str, max_bytes: int) -> Path:
        asked.append(path)
        file = tmp_path / path.rpartition("/")[2]
        file.write_text(files[path])
        return file

    assert next(load_open_images(open_images(), table, "http://photos")).name == "0a"
    validation = open_images().parts["validation"]
    assert asked == [open_images().names, validation.boxes, validation.images]


def test_names_without_a_header(read: Read) -> None:
    assert len(read(tables([box_line("0a")], [image_line("0a")], NAMES.partition("\n")[2]))) == 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda files: files.update({open_images().names: "<html>\n"}), "names none of the classes"),
        (lambda files: _change(files, "boxes", "ImageID,Source\n"), "has no column IsDepiction"),
        (lambda files: _change(files, "boxes", "", box_line("0a", corners="a,1,0,1")), "is no number"),
        (lambda files: _change(files, "boxes", "", box_line("0a", corners="0.5,9,0,1")), "outside of its photo"),
        (lambda files: _change(files, "boxes", "", box_line("0a", corners="nan,1,0,1")), "outside of its photo"),
        (lambda files: _change(files, "images", "ImageID\n"), "has no column Author"),
    ],
)
def test_tables_that_lie_are_refused_and_removed(
    read: Read, tmp_path: Path, change: Callable[[dict[str, str]], None], why: str
) -> None:
    files = tables([box_line("0a")], [image_line("0a")])
    change(files)
    with pytest.raises(DatasetError, match=f"{why}.*was removed"):
        read(files)
    assert len(list(tmp_path.iterdir())) < len(files)


def _change(files: dict[str, str], table: str, text: str, line: str = "") -> None:
    path = getattr(open_images().parts["validation"], table)
    files[path] = text or f"{files[path]}{line}\n"


def test_an_id_leads_nowhere_else(read: Read) -> None:
    assert read(tables([box_line("../../x")], [image_line("../../x")])) == []


@settings(max_examples=80, deadline=None)
@given(st.lists(st.text(st.sampled_from('01.,"\n\r\0xa/mcan-'), max_size=40), max_size=4), st.integers(0, 2))
def test_whatever_a_table_says_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], which: int
) -> None:
    files = tables([box_line("0a")], [image_line("0a")])
    part = open_images().parts["validation"]
    files[(open_images().names, part.boxes, part.images)[which]] += "\n".join(lines)
    folder = tmp_path_factory.getbasetemp()

    def table(path: str, max_bytes: int) -> Path:
        file = folder / path.rpartition("/")[2]
        file.write_text(files[path], encoding="utf-8", newline="")
        return file

    with suppress(DatasetError):
        for photo in load_open_images(open_images(), table, "http://photos"):
            assert photo.place.startswith("http://photos/validation/0a")
