import io

import pytest
from PIL import Image

from ecosorter.datasets.boxes import Box, cut_out, open_boxed, single_things
from ecosorter.errors import PhotoCorrupt
from tests.datasets.site import board, colour_of


def box(label: str | None, *corners: float, whole: bool = True) -> Box:
    left, top, right, bottom = corners
    return Box(label, left, top, right, bottom, whole=whole)


CAN = box("logam", 0.1, 0.1, 0.4, 0.4)


@pytest.mark.parametrize(
    ("others", "alone"),
    [
        pytest.param([], True, id="nothing else"),
        pytest.param([box("plastik", 0.6, 0.6, 0.9, 0.9)], True, id="far away"),
        pytest.param([box("plastik", 0.2, 0.2, 0.4, 0.4)], False, id="on it"),
        pytest.param([box("plastik", 0.41, 0.1, 0.6, 0.4)], False, id="in the room around it"),
        pytest.param([box(None, 0.0, 0.0, 1.0, 1.0)], False, id="a person before or behind it"),
        pytest.param([box("logam", 0.2, 0.2, 0.5, 0.5)], True, id="another can"),
        pytest.param([box("plastik", 0.39, 0.39, 0.41, 0.41)], True, id="a corner of something"),
    ],
)
def test_a_thing_stands_alone_when_its_crop_shows_no_other_class(others: list[Box], alone: bool) -> None:
    assert (0 in single_things([CAN, *others])) == alone


def test_what_is_no_single_thing_of_a_known_class_is_passed_over() -> None:
    heap = box("logam", 0.1, 0.1, 0.4, 0.4, whole=False)
    nothing = box("logam", 0.3, 0.3, 0.3, 0.5)
    assert single_things([heap, nothing, box(None, 0.6, 0.6, 0.9, 0.9)]) == []


def test_the_largest_comes_first() -> None:
    assert single_things([CAN, box("kaca", 0.5, 0.5, 0.95, 0.95)]) == [1, 0]


def test_a_crop_has_room_around_and_nothing_that_the_file_told() -> None:
    exif = Image.Exif()
    exif[0x010E] = "at home"
    image = open_boxed(board({"red": (100, 50, 200, 100)}, exif=exif), (400, 300))
    content = cut_out(image, box("logam", 0.25, 1 / 6, 0.75, 0.5))
    assert content
    with Image.open(io.BytesIO(content)) as crop:
        assert crop.size == (260, 130)
        assert not crop.getexif()
    assert colour_of(content) == "red"


def test_large_crops_are_made_smaller_and_small_things_are_none() -> None:
    image = Image.new("RGB", (2000, 1000))
    content = cut_out(image, box("kaca", 0.0, 0.0, 1.0, 1.0))
    assert content
    assert Image.open(io.BytesIO(content)).size == (512, 256)
    assert cut_out(image, box("kaca", 0.0, 0.0, 0.04, 0.09)) is None
    assert cut_out(image, box("kaca", 0.0, 0.0, 0.015, 0.9)) is None


def test_a_crop_is_turned_upright() -> None:
    image = Image.new("RGB", (400, 300))
    image.paste((255, 255, 255), (100, 100, 300, 150))  # white above, black below
    content = cut_out(image, box("kaca", 0.25, 1 / 3, 0.75, 2 / 3), turn=90)
    assert content
    with Image.open(io.BytesIO(content)) as crop:
        assert crop.size == (130, 260)
        levels = [crop.convert("L").getpixel((x, 130)) for x in (40, 90)]
        assert isinstance(levels[0], int)
        assert isinstance(levels[1], int)
    assert levels[0] > 200  # counterclockwise, what was above is on the left
    assert levels[1] < 50


@pytest.mark.parametrize("said", [(300, 400), (400, 300)])
def test_boxes_are_meant_for_the_orientation_whose_shape_the_table_says(said: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    content = board({"red": (0, 0, 200, 150)}, exif=exif)
    image = open_boxed(content, said)
    assert image.size == said
    assert image.getpixel((10, 10) if said == (400, 300) else (290, 10))[0] > 180  # type: ignore[index]


def test_a_copy_in_another_size_is_the_same_photo_and_one_of_another_shape_is_not() -> None:
    content = board({})
    assert open_boxed(content, (800, 600)).size == (400, 300)
    with pytest.raises(PhotoCorrupt, match="another one than was meant"):
        open_boxed(content, (500, 300))
