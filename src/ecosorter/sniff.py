"""What kind of file is this? Told from its bytes alone: names lie."""

import re
from itertools import pairwise
from typing import Literal, get_args

from ecosorter.jpeg import unread_jpeg
from ecosorter.tiff import first_directory_end, is_camera_raw, unread_tiff

PhotoFormat = Literal["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "GIF", "BMP", "TIFF"]
PHOTO_FORMATS: tuple[PhotoFormat, ...] = get_args(PhotoFormat)

_PHOTO_STARTS: tuple[tuple[bytes, PhotoFormat], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),  # BigTIFF
    (b"MM\0+", "TIFF"),
)

_TIFF_STARTS = tuple(start for start, name in _PHOTO_STARTS if name == "TIFF")

_RAW = "a camera's raw file"
_PICTURE_STARTS = (
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"8BPS", "a Photoshop file"),
    (b"FUJIFILMCCD-RAW", _RAW),
    (b"IIRO", _RAW),  # Olympus
    (b"IIRS", _RAW),
    (b"MMOR", _RAW),
    (b"IIU\0", _RAW),  # Panasonic, Leica
    (b"II\x1a\0\0\0HEAPCCDR", _RAW),  # Canon's before its TIFFs
    (b"\0MRM", _RAW),  # Minolta
    (b"FOVb", _RAW),  # Sigma
    (b"\0\0\1\0", "an icon"),
    (b"\x76\x2f\x31\x01", "an OpenEXR picture"),
)

_OTHER_STARTS = (
    (b"%PDF-", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"PK\x03\x04", "a ZIP archive (or a document or app in one)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\0", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x1a\x45\xdf\xa3", "a WebM or Matroska video"),
    (b"\0\0\1\xba", "an MPEG video"),
    (b"\0\0\1\xb3", "an MPEG video"),
    (b"FLV\1", "a Flash video"),
    (b"ID3", "an MP3 sound"),
    (b"OggS", "an Ogg sound or video"),
    (b"fLaC", "a FLAC sound"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Microsoft Office document"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90\0", "a program"),
    (b"\x93NUMPY", "a NumPy array"),
)

_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_ANY_CODEC_BRANDS = {b"mif1", b"mif2", b"msf1"}  # HEIF containers that do not tell their codec
_BMP_HEADER_SIZES = {12, 40, 52, 56, 64, 108, 124}

_HTML_STARTS = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<meta", b"<title")
_CONTROL = frozenset(range(32)) - set(b"\t\n\f\r\x1b")
# How decoders say that they do not know something, and not that it is broken.
_RARE = re.compile("unsupported|not supported|cannot handle|unknown pixel mode|conversion from", re.IGNORECASE)
_ENOUGH = 4096  # bytes that tell text from anything else


def photo_format(data: bytes) -> PhotoFormat | None:
    """Return the photo format whose signature `data` starts with, or None, as for a camera's raw file."""
    if _is_raw_tiff(data) or _is_for_apple(data):
        return None
    for start, name in _PHOTO_STARTS:
        if data.startswith(start):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    # "BM" alone would make a photo of any text that starts with "BMW".
    if data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    brands = _brands(data)
    for brand in brands:
        if brand in _AVIF_BRANDS:
            return "AVIF"
        if brand in _HEIF_BRANDS:
            return "HEIF"
    return "HEIF" if _ANY_CODEC_BRANDS.intersection(brands) else None


def other_picture(data: bytes) -> str | None:
    """Return, in words, which picture format outside `PhotoFormat` this is, or None."""
    if _brands(data)[:1] == [b"crx "] or _is_raw_tiff(data):
        return _RAW
    if _is_for_apple(data):
        return "a PNG that only Apple's devices read"
    return next((words for start, words in _PICTURE_STARTS if data.startswith(start)), None)


def other_kind(data: bytes) -> str | None:
    """Return, in words, which known kind of file that is no picture at all this is, or None."""
    if data[:4] == b"RIFF" and data[8:12] in (b"AVI ", b"WAVE"):
        return "an AVI video" if data[8:12] == b"AVI " else "a WAV sound"
    if _brands(data) or data[4:12] in (b"moov", b"mdat"):
        return "a video (MP4 or QuickTime)"
    return next((words for start, words in _OTHER_STARTS if data.startswith(start)), None)


def is_empty_archive(data: bytes) -> bool:
    """Whether this is a ZIP archive with nothing in it."""
    return data.startswith(b"PK\x05\x06")


def is_html(data: bytes) -> bool:
    """Whether this is a web page, as a failed download saves it under a photo's name."""
    start = data[:_ENOUGH].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return start.startswith(_HTML_STARTS) or (start.startswith((b"<?xml", b"<!--")) and b"<html" in start)


def is_text(data: bytes) -> bool:
    """Whether this is plain text: UTF-8, or UTF-16 with its mark."""
    start = data[:_ENOUGH]
    try:
        if start.startswith((b"\xff\xfe", b"\xfe\xff")):
            start = start[: len(start) // 2 * 2].decode("utf-16").encode()
        else:
            start.decode("utf-8")
    except UnicodeError as error:
        # The cut after `_ENOUGH` bytes may fall inside a character.
        cut_here = isinstance(error, UnicodeDecodeError) and error.start > _ENOUGH - 4
        if not (cut_here and len(data) > _ENOUGH):
            return False
    return not _CONTROL.intersection(start)


def rare_kind(data: bytes, kind: PhotoFormat, said: str) -> str | None:
    """Return, in words, which valid but rare kind of its format a photo is that a decoder has refused; None for none.

    Args:
        data: the whole file.
        kind: its format, from `photo_format`.
        said: the decoder's message.
    """
    if kind == "JPEG" and (words := unread_jpeg(data)):
        return words
    if kind == "TIFF" and (words := unread_tiff(data)):
        return words
    return f"a {kind} of a rare kind ({said})" if _RARE.search(said) else None


def ends_early(data: bytes, kind: PhotoFormat) -> bool:
    """Whether the file ends before its own structure says that it does.

    Args:
        data: the whole file.
        kind: its format, from `photo_format`.
    """
    match kind:
        case "JPEG":
            end = 0 if data.rstrip(b"\0").endswith(b"\xff\xd9") else len(data) + 1
        case "PNG":
            end = 0 if b"IEND" in data else len(data) + 1
        case "GIF":
            end = 0 if data.rstrip(b"\0").endswith(b";") else len(data) + 1
        case "WEBP":
            end = 8 + int.from_bytes(data[4:8], "little")
        case "BMP":
            end = int.from_bytes(data[2:6], "little")
        case "TIFF":
            end = first_directory_end(data)
        case "HEIF" | "AVIF":
            end = _boxes_end(data)
    return end > len(data)


def _is_raw_tiff(data: bytes) -> bool:
    return data.startswith(_TIFF_STARTS) and is_camera_raw(data)


def _is_for_apple(data: bytes) -> bool:
    return data[12:16] == b"CgBI"  # the first chunk of what Xcode makes of a PNG


def _brands(data: bytes) -> list[bytes]:
    """Return the brands of an ISO base media file (ISO/IEC 14496-12, 4.3), the major one first; else none."""
    if data[4:8] != b"ftyp":
        return []
    end = min(int.from_bytes(data[:4], "big"), len(data), 256)
    compatible = [data[start:stop] for start, stop in pairwise(range(16, end + 1, 4))]
    return [data[8:12], *compatible]


def _boxes_end(data: bytes) -> int:
    """Return where the last top-level box of an ISO base media file ends."""
    position = 0
    while position + 8 <= len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        if size == 1:  # the size follows in 64 bits
            size = int.from_bytes(data[position + 8 : position + 16], "big")
        if size < 8:  # 0: the box goes on to the end of the file; else it is broken
            return len(data)
        position += size
    return position if position >= len(data) else position + 8
