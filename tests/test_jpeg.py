"""JPEGs that are half there: what disks, cards and cut downloads leave, in files that end as they should."""

from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, JpegImagePlugin

from ecosorter.errors import PhotoCorrupt, PhotoError, PhotoTruncated, PhotoUnsupported
from ecosorter.jpeg import decode_jpeg, plain_jpeg
from ecosorter.photos import open_photo
from tests.tiny import encoded

END = b"\xff\xd9"


def scenery(seed: int = 0, grain: float = 0.15, width: int = 480, height: int = 360) -> Image.Image:
    """An image that is soft and coarse by turns, as photos are."""
    rng = np.random.default_rng(seed)
    soft = Image.fromarray(rng.integers(0, 256, (9, 12, 3), np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    coarse = Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))
    return Image.blend(soft, coarse, grain)


WAYS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "optimised": {"optimize": True},
    "restarts": {"restart_marker_rows": 1},
    "fine colours": {"subsampling": 0},
}
PHOTOS = {
    way: [encoded(scenery(*of), "JPEG", quality=85, **options) for of in ((0, 0.15), (1, 0.2))]
    for way, options in WAYS.items()
}


def data_at(jpeg: bytes) -> int:
    """Return where the data of the first scan begin."""
    scan = jpeg.index(b"\xff\xda")
    return scan + 2 + int.from_bytes(jpeg[scan + 2 : scan + 4], "big")


def clusters(jpeg: bytes, size: int) -> bytes:
    start = -(-(len(jpeg) // 2) // size) * size
    return jpeg[:start] + bytes(size) + jpeg[start + size :]


def cut(jpeg: bytes, share: float) -> bytes:
    start = data_at(jpeg)
    return jpeg[: start + int((len(jpeg) - start) * share)]


HALVES: dict[str, Callable[[bytes, bytes], bytes]] = {
    "an end put behind 10 %": lambda one, _: cut(one, 0.1) + END,
    "an end put behind 50 %": lambda one, _: cut(one, 0.5) + END,
    "an end put behind 95 %": lambda one, _: cut(one, 0.95) + END,
    "zeros to the length, then an end": lambda one, _: cut(one, 0.5).ljust(len(one) - 2, b"\0") + END,
    "zeros to the sector, then an end": lambda one, _: cut(one, 0.5).ljust(-(-len(one) // 2 // 512) * 512, b"\0") + END,
    "a cluster of zeros": lambda one, _: clusters(one, 4096),
    "a sector of zeros": lambda one, _: clusters(one, 512),
    "the second half of another": lambda one, other: cut(one, 0.5) + other[len(cut(one, 0.5)) :],
    "the whole of another behind half": lambda one, other: cut(one, 0.5) + other,
    "a piece left out": lambda one, _: cut(one, 0.4) + one[len(cut(one, 0.4)) + 4096 :],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", HALVES)
def test_half_a_picture_is_not_answered(way: str, kind: str) -> None:
    half = HALVES[kind](*PHOTOS[way])
    with Image.open(BytesIO(half)) as opened:
        assert opened.size == (480, 360)  # it looks like a photo
    for at_least in (None, (60, 45)):
        with pytest.raises((PhotoTruncated, PhotoCorrupt)):
            open_photo(half, at_least=at_least)


def test_an_end_put_behind_a_scan_that_is_not_the_last() -> None:
    jpeg = PHOTOS["progressive"][0]
    scans = [place for place in range(len(jpeg)) if jpeg.startswith(b"\xff\xda", place)]
    assert len(scans) > 5
    for scan in scans[1:]:
        with pytest.raises(PhotoTruncated, match="scans are missing"):
            open_photo(jpeg[:scan] + END)


@given(st.floats(0.02, 0.97), st.sampled_from(["baseline", "progressive", "restarts"]))
@settings(max_examples=60, deadline=None)
def test_wherever_it_was_cut(share: float, way: str) -> None:
    with pytest.raises((PhotoTruncated, PhotoCorrupt)):
        open_photo(cut(PHOTOS[way][0], share) + END)


def flat(**options: object) -> bytes:
    return encoded(Image.new("RGB", (1600, 1200), (250, 250, 250)), "JPEG", **options)


@pytest.mark.parametrize(
    "jpeg",
    [
        *(pytest.param(jpegs[0], id=way) for way, jpegs in PHOTOS.items()),
        pytest.param(flat(), id="flat"),
        pytest.param(flat(optimize=True), id="flat, of zeros only"),
        pytest.param(flat(progressive=True), id="flat, progressive"),
        pytest.param(encoded(scenery().convert("L"), "JPEG"), id="grey"),
        pytest.param(encoded(scenery().convert("L"), "JPEG", progressive=True), id="grey, progressive"),
        pytest.param(encoded(scenery().convert("CMYK"), "JPEG"), id="CMYK"),
        pytest.param(PHOTOS["baseline"][0] + bytes(5000), id="zeros behind it"),
        pytest.param(PHOTOS["baseline"][0] + b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 20, id="a film behind it"),
        pytest.param(PHOTOS["baseline"][0][:-2] + bytes(5000) + END, id="padded before its end"),
        pytest.param(PHOTOS["baseline"][0][:-2] + bytes(range(1, 41)) + END, id="some bytes before its end"),
        pytest.param(PHOTOS["baseline"][0][:-2] + b"lens=24mm iso=100\n" * 99 + END, id="a note before its end"),
        pytest.param(PHOTOS["baseline"][0][:-2] + b"\1\0\0\0\x17\0\xb2\0" * 99 + END, id="numbers before its end"),
        pytest.param(encoded(scenery(), "MPO", save_all=True, append_images=[scenery(1)]), id="two pictures"),
        pytest.param(encoded(scenery(), "JPEG", keep_rgb=True), id="RGB inside"),
        pytest.param(encoded(Image.new("RGB", (1, 1)), "JPEG"), id="one pixel"),
    ],
)
@pytest.mark.parametrize("at_least", [None, (60, 45)])
def test_a_whole_picture_is_what_pillow_makes_of_it(jpeg: bytes, at_least: tuple[int, int] | None) -> None:
    image = open_photo(jpeg, at_least=at_least)
    theirs = JpegImagePlugin.JpegImageFile(BytesIO(jpeg))
    theirs.draft(None, at_least or theirs.size)
    assert np.array_equal(np.asarray(image), np.asarray(theirs.convert("RGB")))


def with_segment(marker: int, content: bytes, length: int | None = None) -> bytes:
    head = bytes((0xFF, marker)) + (len(content) + 2 if length is None else length).to_bytes(2, "big")
    return PHOTOS["baseline"][0][:2] + head + content + PHOTOS["baseline"][0][2:]


@pytest.mark.parametrize(
    "jpeg",
    [
        with_segment(0xE0, b"JFIF\0"),
        with_segment(0xE1, b""),
        with_segment(0xE1, b"Exif\0\0" + b"\xff" * 9),
        with_segment(0xE2, b"ICC_PROFILE\0"),
        with_segment(0xE2, b"ICC_PROFILE\0\x01\x05"),
        with_segment(0xE2, b"MPF\0"),
        with_segment(0xED, b"Photoshop 3.0\x008BIM\x03"),
        with_segment(0xEE, b"Adobe"),
        with_segment(0xEF, b"x" * 60_000),
        with_segment(0xFE, b"\xff" * 100),
        PHOTOS["baseline"][0][:20] + b"\0\0\0" + PHOTOS["baseline"][0][20:],
    ],
)
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_what_no_picture_needs_loses_none(jpeg: bytes) -> None:
    assert open_photo(jpeg).tobytes() == open_photo(PHOTOS["baseline"][0]).tobytes()


def test_a_rare_subsampling_is_left_to_pillow() -> None:
    jpeg = bytearray(PHOTOS["fine colours"][0])
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 11], jpeg[frame + 14] = 0x11, 0x31  # the colours finer than the light
    assert decode_jpeg(bytes(jpeg), "RGB", (480, 360)) is None


def frame(marker: int, bits: int, components: int) -> bytes:
    start = b"\xff\xd8\xff" + bytes((marker,)) + (8 + 3 * components).to_bytes(2, "big")
    size = bytes((bits, 0, 16, 0, 16, components))
    return start + size + b"\x01\x11\0" * components + b"\xff\xda\0\x08\x01\x01\0\0\x3f\0" + bytes(range(40)) + END


@pytest.mark.parametrize(
    ("marker", "bits", "components", "says"),
    [
        (0xC3, 8, 3, "lossless"),
        (0xC5, 8, 3, "hierarchical"),
        (0xF7, 8, 3, "lossless"),
        (0xC1, 12, 3, "12 bits"),
        (0xC0, 8, 2, "2 channels"),
    ],
)
def test_kinds_that_nobody_opens_are_unsupported(marker: int, bits: int, components: int, says: str) -> None:
    with pytest.raises(PhotoUnsupported, match=says):
        open_photo(frame(marker, bits, components))


def test_two_sizes_are_no_way_around_the_cap() -> None:
    jpeg = PHOTOS["baseline"][0]
    place = jpeg.index(b"\xff\xc0")
    large = jpeg[place : place + 5] + b"\xff\xdc\xff\xdc" + jpeg[place + 9 : place + 19]
    with pytest.raises(PhotoError):
        open_photo(jpeg[:place] + large + jpeg[place:])
    with pytest.raises(ValueError, match="two sizes"):
        decode_jpeg(jpeg, "RGB", (9000, 9000))


@given(st.binary(max_size=400))
def test_any_bytes_stay_a_jpeg(content: bytes) -> None:
    assert plain_jpeg(b"\xff\xd8" + content).startswith(b"\xff\xd8")
