"""PNGs with something in them that their picture does not need."""

import struct
import zlib
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from ecosorter.errors import PhotoCorrupt, PhotoError, PhotoTooManyPixels, PhotoUnsupported
from ecosorter.photos import Limits, open_photo
from ecosorter.png import plain_png
from tests.tiny import encoded

SIGNATURE = b"\x89PNG\r\n\x1a\n"
RED, WHITE = (255, 0, 0), (255, 255, 255)
PICTURE = Image.radial_gradient("L").resize((40, 30)).convert("RGB")
BOMB = zlib.compress(bytes(50_000_000))


def chunk(name: bytes, content: bytes, *, wrong: bool = False) -> bytes:
    checksum = zlib.crc32(name + content) ^ wrong
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    found, place = [], 8
    while place < len(png):
        length = int.from_bytes(png[place : place + 4], "big")
        found.append((png[place + 4 : place + 8], png[place + 8 : place + 8 + length]))
        place += 12 + length
    return found


def with_chunk(
    more: bytes, before: bytes = b"IDAT", image: Image.Image = PICTURE, wrong: Iterable[bytes] = ()
) -> bytes:
    """Return a PNG with one more chunk, and a wrong checksum in those that `wrong` names."""
    parts = [SIGNATURE]
    for name, content in chunks(encoded(image, "PNG")):
        parts += [more] if name == before else []
        parts.append(chunk(name, content, wrong=name in wrong))
    return b"".join(parts)


ANCILLARY = "tEXt zTXt iTXt iCCP eXIf tIME pHYs sRGB gAMA cHRM sBIT bKGD hIST sPLT cICP mDCV cLLI acTL fcTL fdAT caBX abCd".split()  # noqa: SIM905,E501
CONTENTS = {
    "nothing": b"",
    "one byte": b"\0",
    "no end": b"no end at all",
    "zeros": bytes(30),
    "a bomb": b"x\0\0" + BOMB,
    "a bomb with a language": b"XML:com.adobe.xmp\0\1\0\0\0" + BOMB,
    "an unknown way to pack": b"x\0\7abc",
}


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("before", [b"IDAT", b"IEND"])
def test_nothing_in_a_chunk_that_pictures_do_not_need_keeps_it_shut(content: str, before: bytes) -> None:
    for name in ANCILLARY:
        for wrong in (False, True):
            png = with_chunk(chunk(name.encode(), CONTENTS[content], wrong=wrong), before)
            assert open_photo(png).tobytes() == PICTURE.tobytes(), name


def test_a_profile_as_raw_text_is_no_orientation() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", f"\nexif\n{len(exif.tobytes()):8}\n{exif.tobytes().hex()}\n", zip=True)
    assert open_photo(encoded(PICTURE, "PNG", pnginfo=text)).size == PICTURE.size  # as in browsers


def test_an_orientation_of_a_wrong_checksum_is_none() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    tags = exif.tobytes().removeprefix(b"Exif\0\0")
    assert open_photo(with_chunk(chunk(b"eXIf", tags))).size == (30, 40)
    assert open_photo(with_chunk(chunk(b"eXIf", tags, wrong=True))).size == (40, 30)


@pytest.mark.parametrize(
    ("content", "wrong", "colour"),
    [
        (struct.pack(">3H", 255, 0, 0), False, WHITE),
        (struct.pack(">3H", 255, 0, 0), True, RED),
        (b"\0\xff", False, RED),
    ],
)
def test_transparency_counts_where_it_can_be_read(content: bytes, wrong: bool, colour: tuple[int, int, int]) -> None:
    png = with_chunk(chunk(b"tRNS", content, wrong=wrong), image=Image.new("RGB", (4, 4), RED))
    assert open_photo(png).getpixel((0, 0)) == colour


def test_a_palette_that_is_only_advice_may_be_wrong() -> None:
    for content in (b"abc", b"abcd", bytes(769)):
        png = with_chunk(chunk(b"PLTE", content, wrong=True))
        assert open_photo(png).tobytes() == PICTURE.tobytes()


@pytest.mark.parametrize("name", [b"IHDR", b"PLTE"])
def test_a_wrong_checksum_of_what_pictures_need_is_damage(name: bytes) -> None:
    with pytest.raises(PhotoCorrupt):
        open_photo(with_chunk(b"", image=PICTURE.convert("P"), wrong=[name]))


def test_wrong_pixels_are_damage() -> None:
    png = bytearray(encoded(PICTURE, "PNG"))
    png[png.index(b"IDAT") + 40] ^= 0xFF
    with pytest.raises(PhotoError):
        open_photo(bytes(png))


def test_the_caps_hold_with_any_chunk() -> None:
    png = with_chunk(chunk(b"zTXt", b"x\0\0" + BOMB))
    with pytest.raises(PhotoTooManyPixels):
        open_photo(png, limits=Limits(max_pixels=100))


def test_what_only_apples_devices_read_is_unsupported() -> None:
    with pytest.raises(PhotoUnsupported, match="Apple"):
        open_photo(with_chunk(chunk(b"CgBI", bytes(4)), before=b"IHDR"))


def test_what_is_not_needed_is_left_out() -> None:
    png = with_chunk(chunk(b"tEXt", b"a\0b")) + b"and more behind it"
    assert plain_png(png) == encoded(PICTURE, "PNG")


@given(st.binary(max_size=200))
def test_any_bytes_may_follow_the_signature(content: bytes) -> None:
    assert plain_png(SIGNATURE + content).startswith(SIGNATURE)
