"""Decode a JPEG, and tell a whole one from one that is half there.

libjpeg fills what is missing with grey, and takes whatever bytes there are for a picture; it only warns of it, and
Pillow hides the warnings. simplejpeg is the same library with the same pixels, and stops at the first one. The markers
are those of ITU-T T.81, table B.1; libjpeg's warnings stand in its jerror.h.
"""

import re
from collections.abc import Iterator

import simplejpeg
from PIL import Image

_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)  # neither a stuffed byte nor a restart
_START, _END, _SCAN, _TABLES = 0xD8, 0xD9, 0xDA, 0xC4
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}  # the last is JPEG-LS
_READ_FRAMES = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)  # sequential and progressive, Huffman or arithmetic
_PROGRESSIVE = (0xC2, 0xCA)
_FEW = 64  # bytes that some cameras leave between a whole picture and its end
_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
_ZEROS = bytes(256)
_TEXT = bytes(range(32, 127))


def plain_jpeg(data: bytes) -> bytes:
    """Return a JPEG with nothing before its picture's data but what they need.

    That is, beside tables and frame, the marks of Adobe and JFIF for its colours, and EXIF for its orientation. What
    else there is may be cut, wrong or of an unknown kind: browsers pass over it.

    Args:
        data: a file that starts with the signature of JPEG. Where its marks break off, so does what is returned.
    """
    kept = [data[:2]]
    for marker, start, end in _segments(data):
        if _is_needed(marker, data[start + 2 : end]):
            kept += [bytes((0xFF, marker)), data[start:end]]
        if marker == _SCAN:
            kept.append(data[end:])
            break
    return b"".join(kept)


def unread_jpeg(data: bytes) -> str | None:
    """Return, in words, which kind of JPEG that no common program opens this is, or None."""
    for marker, start, end in _segments(data):
        if marker in _FRAMES and end - start >= 8:
            bits, components = data[start + 2], data[start + 7]
            if marker not in _READ_FRAMES:
                return "a lossless or hierarchical JPEG"
            if bits != 8:
                return f"a JPEG of {bits} bits a channel"
            return None if components in (1, 3, 4) else f"a JPEG of {components} channels"
        if marker == _SCAN:
            break
    return None


def decode_jpeg(data: bytes, mode: str, size: tuple[int, int]) -> Image.Image | None:
    """Decode a JPEG, if all of its picture is there.

    Args:
        data: from `plain_jpeg`.
        mode: Pillow's, as its header says: ``L``, ``RGB`` or ``CMYK``.
        size: width and height to decode at, in pixels: those of the header by 1, 2, 4 or 8, rounded up.

    Returns:
        The picture, in Pillow's conventions. None for the few that simplejpeg does not read, such as those of a rare
        subsampling, and for those that are odd but whole: Pillow reads them.

    Raises:
        EOFError: the data end before the picture does.
        ValueError: something else stands where the picture should go on.
    """
    width, height = size
    leftover, pixels = 0, None
    try:
        known = simplejpeg.decode_jpeg_header(data, height, width)
        if known[:2] != (height, width):
            raise ValueError("its header gives two sizes")
        pixels = simplejpeg.decode_jpeg(data, _SPACES[mode], min_height=height, min_width=width)
    except ValueError as error:
        said = str(error)
        if "remature end of" in said:
            raise EOFError(said) from error
        found = re.search(r"(\d+) extraneous bytes before marker 0x(..)", said)
        if "two sizes" in said or (said.startswith("Corrupt JPEG data") and found is None):
            raise
        leftover = int(found[1]) if found else 0
        if found and leftover > _FEW and int(found[2], 16) != _END:
            raise
    _check_scans(data, leftover)
    if pixels is None:
        return None
    if mode == "CMYK":
        return Image.fromarray(255 - pixels, "CMYK")  # all that write them turn them round, as Adobe does
    return Image.fromarray(pixels[:, :, 0] if mode == "L" else pixels)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield each segment: its marker, where its length stands, and where it ends; the data of scans are passed over."""
    place = 2
    while found := _MARKER.search(data, place):
        marker, start = found[1][0], found.end()
        if marker in (_START, _END):
            return
        place = start + int.from_bytes(data[start : start + 2], "big")
        yield marker, start, min(place, len(data))


def _is_needed(marker: int, content: bytes) -> bool:
    if marker == 0xE0:
        return content.startswith(b"JFIF\0") and len(content) >= 14
    if marker == 0xE1:
        return content.startswith(b"Exif\0\0")
    if marker == 0xEE:
        return content.startswith(b"Adobe") and len(content) >= 12
    return 0xC0 <= marker <= 0xCF or 0xDA <= marker <= 0xDF  # frames, tables, scans


def _check_scans(data: bytes, leftover: int) -> None:
    """Look for what libjpeg does not warn of: scans that never came, and clusters of zeros that it took for a picture.

    Args:
        data: a file that libjpeg read to its end.
        leftover: bytes that it had left before the end.
    """
    missing: dict[int, set[int]] = {}  # by component: coefficients (ITU-T T.81, figure A.6) that are not whole yet
    progressive, shortest = False, set[int]()
    for marker, start, end in _segments(data):
        if marker in _FRAMES:
            progressive = marker in _PROGRESSIVE
            missing = {component: set(range(64)) for component in data[start + 8 : end : 3]}
        elif marker == _TABLES:
            shortest |= _shortest_codes(data[start + 2 : end])
        elif marker == _SCAN:
            count = data[start + 2]
            first, last, bits = data[end - 3 : end]
            for component in data[start + 3 : start + 3 + 2 * count : 2]:
                if component in missing and not (progressive and bits & 15):
                    missing[component] -= set(range(first, last + 1)) if progressive else missing[component]
            if not progressive or first:  # flat parts of a progressive scan of DC coefficients are nothing but zeros
                _check_data(data, end, leftover, zeros_are_flat=not progressive and shortest == {0})
            if not any(missing.values()):
                return
    if any(missing.values()):
        raise EOFError("some of its scans are missing")


def _shortest_codes(tables: bytes) -> set[int]:
    """Return what the shortest code, which is all zeros, stands for in each table for AC coefficients; 0: no more."""
    found, place = set(), 0
    while place + 17 < len(tables):
        if tables[place] >> 4 == 1:
            found.add(tables[place + 17])
        place += 17 + sum(tables[place + 1 : place + 17])
    return found


def _check_data(data: bytes, start: int, leftover: int, *, zeros_are_flat: bool) -> None:
    """Raise ValueError where a scan's data cannot be what an encoder has written."""
    zeros = -1 if zeros_are_flat else data.find(_ZEROS, start)
    if zeros < 0 and leftover <= _FEW:
        return
    found = _MARKER.search(data, start)
    if found and found[1][0] != _END:
        leftover = 0  # it is another scan's
    end = (found.start() if found else len(data)) - leftover
    # Zeros that follow upon zeros in the picture filled it up; other padding, and cameras' own notes, stand behind it.
    if leftover > _FEW and (_looks_coded(data[end : end + leftover]) or data[start:end].endswith(bytes(_FEW))):
        raise ValueError(f"{leftover} bytes are left when the picture is full")
    if 0 <= zeros <= end - len(_ZEROS):
        raise ValueError("a part of it was overwritten with zeros")


def _looks_coded(content: bytes) -> bool:
    """Whether bytes may be what is left of a picture's data: those have few zeros, and are no text."""
    return content.count(0) < len(content) / 8 and len(content.translate(None, _TEXT)) > len(content) / 4
