"""Photos as phones, cameras, scanners and failed downloads leave them."""

import os
import struct
import sys
import threading
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin, TiffImagePlugin

from ecosorter.errors import (
    PhotoCorrupt,
    PhotoEmpty,
    PhotoError,
    PhotoIsFolder,
    PhotoMissing,
    PhotoTooManyBytes,
    PhotoTooManyPixels,
    PhotoTruncated,
    PhotoUnreadable,
    PhotoUnsupported,
)
from ecosorter.photos import Limits, load_photo, open_photo
from ecosorter.sniff import PHOTO_FORMATS
from tests.tiny import encoded, photo

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def corners(width: int = 64, height: int = 32) -> Image.Image:
    """An image that shows which way is up: red, green / blue, white."""
    image = Image.new("RGB", (2, 2))
    for place, colour in zip([(0, 0), (1, 0), (0, 1), (1, 1)], [RED, GREEN, BLUE, WHITE], strict=True):
        image.putpixel(place, colour)
    return image.resize((width, height), Image.Resampling.NEAREST)


def noise(width: int = 80, height: int = 60) -> Image.Image:
    """An image that does not compress away, so that cuts and changes hit something."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def png(width: int, height: int, depth: int, colour_type: int, rows: bytes) -> bytes:
    """A PNG by hand, for what Pillow cannot write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def far_apart(image: Image.Image, place: tuple[int, int], colour: Any) -> int:
    """The largest difference of a pixel's channels from a colour."""
    pixel: Any = image.getpixel(place)
    return int(max(abs(a - b) for a, b in zip(pixel, colour, strict=True)))


def assert_same_picture(image: Image.Image, expected: Image.Image, tolerance: int) -> None:
    assert image.mode == "RGB"
    assert image.size == expected.size
    # The middle of each corner: lossy formats blur the edges between them.
    for x in (0.25, 0.75):
        for y in (0.25, 0.75):
            place = int(image.width * x), int(image.height * y)
            assert far_apart(image, place, expected.getpixel(place)) <= tolerance, place


@pytest.mark.parametrize("kind", PHOTO_FORMATS)
def test_every_format_is_read(kind: str, tmp_path: Path) -> None:
    data = encoded(corners(), kind)
    path = tmp_path / "photo.jpg"  # the name does not matter
    path.write_bytes(data)
    for source in (data, path, str(path)):
        assert_same_picture(open_photo(source), corners(), tolerance=40 if kind in ("AVIF", "HEIF", "WEBP") else 12)


def test_heic_says_what_to_install_where_nothing_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(photo(kind="HEIF"))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PhotoUnsupported, match=r"photo\.jpg is HEIC.*pip install 'ecosorter\[heic\]'"):
        open_photo(path)
    for kind in PHOTO_FORMATS:
        if kind != "HEIF":
            assert open_photo(encoded(corners(), kind)).size == (64, 32)


def grey(value: int) -> tuple[int, int, int]:
    return (value, value, value)


def palette_with_a_clear_colour() -> bytes:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([*RED, *BLUE])
    return encoded(image, "PNG", transparency=1)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(encoded(Image.new("L", (4, 4), 100), "PNG"), grey(100), id="grey"),
        pytest.param(encoded(Image.new("1", (4, 4), 1), "PNG"), WHITE, id="black and white"),
        pytest.param(encoded(Image.new("RGB", (4, 4), BLUE).convert("P"), "PNG"), BLUE, id="palette"),
        pytest.param(palette_with_a_clear_colour(), WHITE, id="palette, transparent"),
        pytest.param(encoded(Image.new("RGBA", (4, 4), (255, 0, 0, 0)), "PNG"), WHITE, id="transparent"),
        pytest.param(encoded(Image.new("RGBA", (4, 4), (0, 0, 0, 128)), "PNG"), grey(127), id="half transparent"),
        pytest.param(encoded(Image.new("RGBA", (4, 4), (0, 0, 0, 128)), "WEBP", lossless=True), grey(127), id="WebP"),
        pytest.param(encoded(Image.new("LA", (4, 4), (0, 128)), "PNG"), grey(127), id="grey, half transparent"),
        pytest.param(encoded(Image.new("RGB", (4, 4), RED), "PNG", transparency=RED), WHITE, id="a clear colour"),
        pytest.param(encoded(Image.new("CMYK", (8, 8), (255, 255, 0, 0)), "JPEG"), BLUE, id="CMYK JPEG"),
        pytest.param(encoded(Image.new("CMYK", (8, 8), (255, 255, 0, 0)), "TIFF"), BLUE, id="CMYK TIFF"),
        pytest.param(encoded(Image.new("I;16", (4, 4), 0x8000), "PNG"), grey(128), id="16-bit grey PNG"),
        pytest.param(encoded(Image.new("I;16", (4, 4), 0x8000), "TIFF"), grey(128), id="16-bit grey TIFF"),
        pytest.param(encoded(Image.new("I;16", (4, 4), 0xFFFF), "TIFF"), WHITE, id="16-bit white"),
        pytest.param(encoded(Image.new("I", (4, 4), 0x8000), "TIFF"), grey(128), id="16 bits in 32"),
        pytest.param(encoded(Image.new("I", (4, 4), 0x40000000), "TIFF"), grey(128), id="32-bit grey"),
        pytest.param(encoded(Image.new("F", (4, 4), 0.5), "TIFF"), grey(128), id="floats, 0..1"),
        pytest.param(encoded(Image.new("F", (4, 4), 100.0), "TIFF"), grey(100), id="floats, 0..255"),
        pytest.param(encoded(Image.new("F", (4, 4), 0x8080), "TIFF"), grey(128), id="floats, 0..65535"),
        pytest.param(encoded(Image.new("F", (4, 4), float("nan")), "TIFF"), grey(0), id="floats that are no numbers"),
        pytest.param(png(1, 1, 16, 2, b"\0" + struct.pack(">3H", 0, 0x8000, 0xFFFF)), (0, 128, 255), id="16-bit RGB"),
        pytest.param(png(1, 1, 16, 6, b"\0" + struct.pack(">4H", 0, 0, 0, 0)), WHITE, id="16-bit RGBA, transparent"),
        pytest.param(png(1, 1, 16, 4, b"\0" + struct.pack(">2H", 0, 0xFFFF)), grey(0), id="16-bit grey with alpha"),
    ],
)
def test_every_colour_mode_becomes_rgb(data: bytes, expected: tuple[int, int, int]) -> None:
    image = open_photo(data)
    assert image.mode == "RGB"
    assert far_apart(image, (0, 0), expected) <= 1


AS_STORED = {  # what a camera held that way stores; EXIF 2.3, 4.6.4, tag 274
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "HEIF"])
@pytest.mark.parametrize("orientation", AS_STORED)
def test_photos_are_turned_upright(kind: str, orientation: int) -> None:
    turn = AS_STORED[orientation]
    stored = corners() if turn is None else corners().transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(stored, kind, exif=exif.tobytes() if kind == "HEIF" else exif)
    assert_same_picture(open_photo(data), corners(), tolerance=40)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_a_nonsense_orientation_leaves_the_photo_as_it_is(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert_same_picture(open_photo(encoded(corners(), "JPEG", exif=exif)), corners(), tolerance=12)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_exif_does_not_lose_the_photo() -> None:
    data = encoded(corners(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01\x03\0")
    assert_same_picture(open_photo(data), corners(), tolerance=12)


XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>"""


def only_in_xmp(kind: str) -> bytes:
    """A photo whose orientation stands nowhere but in XMP."""
    if kind == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", XMP.decode())
        return encoded(corners(), kind, pnginfo=text)
    if kind == "TIFF":
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[700] = XMP
        tags.tagtype[700] = 1
        return encoded(corners(), kind, tiffinfo=tags)
    return encoded(corners(), kind, xmp=XMP)


@pytest.mark.parametrize(
    "kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"]
)  # who writes HEIF makes it a rotation of its own
def test_an_orientation_that_no_browser_sees_is_none(kind: str) -> None:
    data = only_in_xmp(kind)
    assert b"tiff:Orientation" in data
    assert_same_picture(open_photo(data), corners(), tolerance=40)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_the_first_frame_is_taken(kind: str) -> None:
    others = [Image.new("RGB", (64, 32), colour) for colour in ((9, 9, 9), (99, 99, 99))]
    data = encoded(corners(), kind, save_all=True, append_images=others)
    assert_same_picture(open_photo(data), corners(), tolerance=40)


def test_a_jpeg_with_several_pictures_gives_the_first() -> None:
    data = encoded(corners(), "MPO", save_all=True, append_images=[Image.new("RGB", (64, 32))])
    assert_same_picture(open_photo(data), corners(), tolerance=12)


@pytest.mark.parametrize(
    ("at_least", "expected"),
    [
        (None, (640, 320)),
        ((80, 40), (80, 40)),
        ((81, 40), (160, 80)),
        ((40, 41), (160, 80)),
        ((224, 224), (640, 320)),
        ((320, 160), (320, 160)),
        ((9999, 1), (640, 320)),
    ],
)
@pytest.mark.parametrize("sideways", [False, True])
def test_a_jpeg_is_decoded_no_smaller_than_asked(
    at_least: tuple[int, int] | None, expected: tuple[int, int], sideways: bool
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6 if sideways else 1
    stored = corners(640, 320).transpose(Image.Transpose.ROTATE_90) if sideways else corners(640, 320)
    image = open_photo(encoded(stored, "JPEG", exif=exif), at_least=at_least)
    assert_same_picture(image, corners(*expected), tolerance=12)


@pytest.mark.parametrize("kind", sorted(set(PHOTO_FORMATS) - {"JPEG"}))
def test_other_formats_are_decoded_whole(kind: str) -> None:
    assert open_photo(photo(kind=kind, size=(64, 48)), at_least=(8, 8)).size == (64, 48)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", "empty"),
        (b"Hello, these are my notes.\n", "text"),
        ("Catatan tentang sampah: kaca, kardus …".encode(), "text"),
        ("é".encode() * 5000, "text"),
        ("Notes".encode("utf-16"), "text"),
        (b"BMW is no bitmap", "text"),
        (b'{"error": "not found"}', "text"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "html"),
        (b"\xef\xbb\xbf\n <HTML lang=id>", "html"),
        (b'<?xml version="1.0"?>\n<html xmlns="http://www.w3.org/1999/xhtml">', "html"),
        (b"<!-- saved page --><html>", "html"),
        (b"<html>caf\xe9, not UTF-8", "html"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "text"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "mislabelled"),
        (b"PK\x03\x04\x14\0\0\0", "mislabelled"),
        (b"PK\x05\x06" + bytes(18), "empty"),
        (b"PK\x05\x06" + bytes(16) + b"\x05\0 note", "empty"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2", "mislabelled"),
        (b"\0\0\0\x14ftypqt  \0\0\2\0qt  ", "mislabelled"),
        (b"RIFF\x10\0\0\0AVI LIST", "mislabelled"),
        (b"\x1a\x45\xdf\xa3\x93\x42\x82", "mislabelled"),
        (b"\x7fELF\2\1\1\0", "mislabelled"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "unsupported"),
        (b"8BPS\0\1\0\0", "unsupported"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "unsupported"),
        (b"\0" * 100, "unsupported"),
        (bytes(range(256)), "unsupported"),
        (b"\xff\xfe" + b"\0\xd8" * 9, "unsupported"),
        (b"II*\0" + b"\xff" * 50, "truncated"),
        (b"\xff\xd8\xff", "truncated"),
    ],
)
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_what_is_no_photo_says_what_it_is(data: bytes, status: str, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    with pytest.raises(PhotoError) as caught:
        open_photo(path)
    assert caught.value.status == status
    assert str(path) in str(caught.value)


def test_formats_that_pillow_knows_but_nobody_needs_are_not_decoded() -> None:
    for kind in ("PPM", "TGA", "SGI", "ICO", "EPS", "PCX"):
        with pytest.raises(PhotoError) as caught:
            open_photo(encoded(Image.new("RGB", (16, 16)), kind))
        assert caught.value.status in ("unsupported", "text", "mislabelled")


@pytest.mark.parametrize("kind", PHOTO_FORMATS)
@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.95])
def test_a_photo_that_ends_too_early_is_truncated(kind: str, share: float) -> None:
    data = encoded(noise(), kind)
    with pytest.raises(PhotoTruncated):
        open_photo(data[: int(len(data) * share)])


def bmp(compression: int, bits: int = 24) -> bytes:
    data = bytearray(photo(kind="BMP"))
    data[28:30], data[30:34] = struct.pack("<H", bits), struct.pack("<I", compression)
    return bytes(data)


@pytest.mark.parametrize("data", [bmp(4), bmp(5), bmp(11), bmp(12), bmp(3, 64), bmp(0, 2), bmp(0, 64)])
def test_rare_bitmaps_are_unsupported_and_not_damaged(data: bytes) -> None:
    with pytest.raises(PhotoUnsupported, match="save it as JPEG"):
        open_photo(data)


@pytest.mark.parametrize(("kind", "end"), [("GIF", b"\0;"), ("PNG", b"\0\0\0\0IEND\xaeB`\x82")])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_an_end_put_behind_half_a_picture_does_not_make_it_whole(kind: str, end: bytes, share: float) -> None:
    data = encoded(noise(), kind)
    with pytest.raises((PhotoTruncated, PhotoCorrupt)):
        open_photo(data[: int(len(data) * share)] + end)


def test_a_whole_file_with_broken_content_is_corrupt() -> None:
    data = bytearray(encoded(noise(), "PNG"))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(PhotoCorrupt):
        open_photo(bytes(data))


@pytest.mark.parametrize("kind", PHOTO_FORMATS)
def test_the_cap_on_pixels_holds_for_every_format(kind: str) -> None:
    data = photo(kind=kind, size=(64, 48))
    assert open_photo(data, limits=Limits(max_pixels=64 * 48)).size == (64, 48)
    with pytest.raises(PhotoTooManyPixels, match=r"0\.0 megapixels \(64 x 48\)"):
        open_photo(data, limits=Limits(max_pixels=64 * 48 - 1))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF"])
def test_the_cap_on_pixels_comes_before_decoding(kind: str) -> None:
    data = encoded(noise(), kind)
    cut = data[: len(data) * 4 // 5] if kind != "TIFF" else data.replace(data[200:300], bytes(100))
    with pytest.raises(PhotoTooManyPixels):  # decoding would find it truncated
        open_photo(cut, limits=Limits(max_pixels=100))


def webp_bomb() -> bytes:
    data = bytearray(encoded(noise(), "WEBP"))
    data[26:30] = struct.pack("<HH", 16383, 16383)
    return bytes(data)


@pytest.mark.parametrize(
    "bomb",
    [
        pytest.param(png(100_000, 100_000, 8, 2, b""), id="PNG"),
        pytest.param(b"GIF89a" + struct.pack("<HH", 60_000, 60_000) + photo(kind="GIF")[10:], id="GIF"),
        pytest.param(photo(kind="BMP")[:18] + struct.pack("<ii", 60_000, 60_000) + photo(kind="BMP")[26:], id="BMP"),
        pytest.param(webp_bomb(), id="WebP"),
    ],
)
def test_a_decompression_bomb_is_refused_by_its_header(bomb: bytes) -> None:
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises((PhotoTooManyPixels, PhotoCorrupt) if bomb[:4] == b"RIFF" else PhotoTooManyPixels):
        open_photo(bomb)
    assert before == Image.MAX_IMAGE_PIXELS


def test_the_cap_may_be_above_pillows_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for kind in ("JPEG", "PNG", "HEIF", "AVIF", "BMP"):
        assert open_photo(photo(kind=kind)).size == (24, 16)


def test_pillows_own_alarm_is_the_same_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(PhotoTooManyPixels):
        open_photo(photo(kind="TIFF"))


def test_the_cap_on_bytes(tmp_path: Path) -> None:
    data = photo()
    path = tmp_path / "photo.png"
    path.write_bytes(data)
    assert load_photo(path, Limits(max_bytes=len(data))) == data
    for source in (path, data):
        with pytest.raises(PhotoTooManyBytes, match="cap"):
            open_photo(source, limits=Limits(max_bytes=len(data) - 1))


def test_paths_that_are_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "nothing").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    for name, error in [
        ("gone.jpg", PhotoMissing),
        ("file/photo.jpg", PhotoMissing),
        ("nul\0byte.jpg", PhotoMissing),
        ("dangling", PhotoMissing),
        (".", PhotoIsFolder),
        ("loop", PhotoUnreadable),
        ("nothing", PhotoEmpty),
    ]:
        with pytest.raises(error):
            load_photo(tmp_path / name)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_file_without_permission_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "secret.jpg"
    path.write_bytes(photo())
    path.chmod(0)
    with pytest.raises(PhotoUnreadable, match="permission"):
        open_photo(path)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that fails when read")
def test_a_disk_that_fails_is_unreadable() -> None:
    with pytest.raises(PhotoUnreadable):
        load_photo("/proc/self/mem")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
def test_pipes_and_devices_do_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "pipe.jpg", Path("/dev/zero")):
        caught: list[BaseException] = []

        def read(path: Path = path, caught: list[BaseException] = caught) -> None:
            try:
                load_photo(path)
            except PhotoUnreadable as error:
                caught.append(error)

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        thread.join(timeout=5)
        assert not thread.is_alive()
        assert caught


def assert_photo_or_photo_error(data: bytes) -> None:
    try:
        image = open_photo(data, limits=Limits(max_pixels=1_000_000), at_least=(8, 8))
    except PhotoError as error:
        assert type(error) is not PhotoError  # noqa: PT017 - raising is one of two right outcomes
    else:
        assert image.mode == "RGB"
        image.tobytes()


@given(st.binary(max_size=300))
def test_any_bytes_give_a_photo_or_a_photo_error(data: bytes) -> None:
    assert_photo_or_photo_error(data)


SAMPLES: list[bytes] = [
    *(encoded(noise(20, 16), kind) for kind in PHOTO_FORMATS),
    encoded(noise(20, 16), "JPEG", progressive=True, exif=b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0"),
    encoded(noise(20, 16).convert("P"), "PNG", transparency=0),
    encoded(noise(20, 16).convert("I;16"), "PNG"),
    encoded(noise(20, 16).convert("RGBA"), "WEBP", lossless=True),
]


@st.composite
def broken_photos(draw: st.DrawFn) -> bytes:
    """A whole photo with some bytes changed, mostly in its header, or cut off, or both."""
    data = bytearray(draw(st.sampled_from(SAMPLES)))
    within = st.integers(0, 120) | st.integers(0, len(data) - 1)
    for place, value in draw(st.lists(st.tuples(within, st.integers(0, 255)), max_size=6)):
        data[min(place, len(data) - 1)] = value
    return bytes(data[: draw(st.none() | st.integers(0, len(data)))])


@settings(max_examples=400, deadline=None)
@given(broken_photos())
@pytest.mark.filterwarnings("ignore")
def test_any_damage_gives_a_photo_or_a_photo_error(data: bytes) -> None:
    assert_photo_or_photo_error(data)


def test_a_tiff_may_be_compressed() -> None:
    for compression in ("tiff_adobe_deflate", "tiff_lzw", "jpeg"):
        assert_same_picture(open_photo(encoded(corners(), "TIFF", compression=compression)), corners(), tolerance=12)
    assert TiffImagePlugin.READ_LIBTIFF is False  # what Pillow does by itself, nothing was switched
