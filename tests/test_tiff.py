"""Files with TIFF's signature: cameras' raw files, rare kinds, and those that are plain."""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ecosorter.errors import PhotoUnsupported
from ecosorter.photos import open_photo
from ecosorter.sniff import other_picture, photo_format
from ecosorter.tiff import is_camera_raw, read_directories
from tests.tiny import encoded

Tags = dict[int, int | Sequence[int] | bytes]
SUB_DIRECTORIES = 330


def page(width: int = 16, height: int = 12, **more: Any) -> Tags:
    """Return the tags of a grey page; `more` are tags as ``_262=1``. Its pixels are at the start of the file."""
    tags: Tags = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: width * height}
    return tags | {int(name[1:]): value for name, value in more.items()}


def tiff(*pages: Tags, below: Sequence[Tags] = (), order: str = "<", big: bool = False) -> bytes:
    """Return a file of these pages; the directories `below` belong to the first one."""
    word, width = ("Q", 8) if big else ("I", 4)
    mark = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}H", 43 if big else 42)
    head = mark + (struct.pack(f"{order}HH", 8, 0) if big else b"")
    body = bytearray(5000)  # pixels
    base = len(head) + width

    def directory(tags: Tags, following: int) -> int:
        entries = b""
        for tag, value in sorted(tags.items()):
            if isinstance(value, bytes):
                kind, values = 2, value
                count = len(value)
            else:
                numbers = [value] if isinstance(value, int) else list(value)
                kind, values, count = 4, struct.pack(f"{order}{len(numbers)}I", *numbers), len(numbers)
            if len(values) > width:
                place = base + len(body)
                body.extend(values)
                values = struct.pack(f"{order}{word}", place)
            entries += struct.pack(f"{order}HH{word}", tag, kind, count) + values.ljust(width, b"\0")
        place = base + len(body)
        body.extend(struct.pack(f"{order}{'Q' if big else 'H'}", len(tags)) + entries)
        body.extend(struct.pack(f"{order}{word}", following))
        return place

    subs = [directory(each, 0) for each in below]
    following = 0
    for number, tags in reversed(list(enumerate(pages))):
        following = directory(tags | ({SUB_DIRECTORIES: subs} if subs and number == 0 else {}), following)
    return bytes(head + struct.pack(f"{order}{word}", following) + body)


THUMBNAIL = page(_254=1)
SENSOR = page(60, 40, _262=32803)
RAW = {
    "DNG, thumbnail first": tiff(THUMBNAIL | {50706: b"\1\4\0\0"}, below=[SENSOR]),
    "DNG, sensor first": tiff(SENSOR | {50706: b"\1\4\0\0"}),
    "DNG, linear": tiff(THUMBNAIL, below=[page(60, 40, _262=34892)]),
    "DNG, big-endian": tiff(THUMBNAIL | {50706: b"\1\4\0\0"}, below=[SENSOR], order=">"),
    "DNG as BigTIFF": tiff(THUMBNAIL | {50706: b"\1\4\0\0"}, below=[SENSOR], big=True),
    "NEF": tiff(
        THUMBNAIL | {271: b"NIKON CORPORATION\0"}, below=[page(50, 30, _259=6), SENSOR | {259: 34713}], order=">"
    ),
    "NEF without marks of the sensor": tiff(page(_271=b"NIKON\0"), below=[page(60, 40)], order=">"),
    "ARW": tiff(page(_254=1, _271=b"SONY\0"), page(8, 6), below=[page(60, 40, _259=32767)]),
    "CR2": b"II*\0\x10\0\0\0CR\2\0" + tiff(page())[12:],
    "PEF": tiff(page(60, 40, _262=32803, _259=65535), page(), order=">"),
    "SRW": tiff(THUMBNAIL, below=[page(60, 40, _259=32770)]),
    "thumbnail before the picture": tiff(THUMBNAIL, page(60, 40)),
    "ORF": b"IIRO\x08\0\0\0" + bytes(100),
    "ORF of older cameras": b"IIRS\x08\0\0\0" + bytes(100),
    "ORF, big-endian": b"MMOR\0\0\0\x08" + bytes(100),
    "RW2": b"IIU\0\x18\0\0\0" + bytes(100),
    "RAF": b"FUJIFILMCCD-RAW 0201" + bytes(100),
    "CR3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(100),
    "CRW": b"II\x1a\0\0\0HEAPCCDR" + bytes(100),
    "MRW": b"\0MRM" + bytes(100),
    "X3F": b"FOVb" + bytes(100),
}


@pytest.mark.parametrize("kind", RAW)
def test_a_cameras_raw_file_is_not_answered_from_its_thumbnail(kind: str) -> None:
    assert photo_format(RAW[kind]) is None
    assert other_picture(RAW[kind]) == "a camera's raw file"
    with pytest.raises(PhotoUnsupported, match="raw"):
        open_photo(RAW[kind])


@pytest.mark.parametrize(
    "plain",
    [
        pytest.param(tiff(page()), id="one page"),
        pytest.param(tiff(page(), order=">"), id="big-endian"),
        pytest.param(tiff(page(), big=True), id="BigTIFF"),
        pytest.param(tiff(page(), page(60, 40)), id="a larger second page"),
        pytest.param(tiff(page(60, 40), below=[page(30, 20, _254=1), page()]), id="a pyramid"),
        pytest.param(tiff(page(_254=0, _271=b"NIKON\0")), id="a camera's own TIFF"),
        pytest.param(tiff(page(_254=2)), id="a page of several"),
        pytest.param(tiff(THUMBNAIL), id="a small copy, alone"),
        pytest.param(encoded(Image.new("RGB", (16, 12)), "TIFF", compression="tiff_lzw"), id="Pillow's"),
    ],
)
def test_plain_files_are_read(plain: bytes) -> None:
    assert open_photo(plain).mode == "RGB"


@pytest.mark.parametrize(
    "rare",
    [
        pytest.param(tiff(page(_258=(32, 32, 32), _277=3, _262=2, _339=(3, 3, 3))), id="floats in colour"),
        pytest.param(tiff(page(_258=16, _339=3)), id="floats of 16 bits"),
        pytest.param(tiff(page(_258=64, _339=3)), id="floats of 64 bits"),
        *(
            pytest.param(tiff(page(_259=number)), id=f"compression {number}")
            for number in (6, 34712, 34887, 50001, 50002)
        ),
        pytest.param(tiff(page(_262=2, _277=5, _258=(12,) * 5)), id="channels of 12 bits"),
    ],
)
def test_rare_kinds_are_unsupported_and_not_damaged(rare: bytes) -> None:
    with pytest.raises(PhotoUnsupported, match="save it as JPEG"):
        open_photo(rare)


def test_numbers_that_stand_elsewhere_are_found() -> None:
    (first,) = read_directories(tiff(page(_700=(1, 2, 3)))).pages
    assert first[700] == (1, 2, 3)
    assert first[256] == (16,)


def test_directories_that_lead_in_a_circle_end() -> None:
    looped = bytearray(tiff(page()))
    start = int.from_bytes(looped[4:8], "little")
    looped[-4:] = start.to_bytes(4, "little")
    assert len(read_directories(bytes(looped)).pages) == 1


@given(st.sampled_from([b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"]), st.binary(max_size=200))
def test_any_bytes_may_follow_the_signature(signature: bytes, content: bytes) -> None:
    assert is_camera_raw(signature + content) in (True, False)


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8))
def test_any_damage_can_be_looked_at(changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(RAW["NEF"])
    for back, value in changes:
        damaged[-1 - back] = value
    assert is_camera_raw(bytes(damaged)) in (True, False)


def test_pixels_are_those_of_the_first_page() -> None:
    pixels = np.arange(16 * 12, dtype=np.uint8).reshape(12, 16)
    file = bytearray(tiff(page()))
    file[8 : 8 + pixels.size] = pixels.tobytes()
    assert np.array_equal(np.asarray(open_photo(bytes(file)))[:, :, 0], pixels)
