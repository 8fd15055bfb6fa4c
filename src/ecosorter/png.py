"""A PNG without the chunks that its picture does not need, so that nothing in them can keep it from being opened.

Text, profiles, times and sizes may be too large, cut or of a wrong checksum: browsers pass over them. The chunks are
those of the PNG Specification, Third Edition, sections 5.3 and 11.
"""

import struct
import zlib
from collections.abc import Iterator

_SIGNATURE = 8  # bytes
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_GREY, _COLOUR, _PALETTE = 0, 2, 3  # colour types
_TRANSPARENT: dict[int | None, int] = {
    _GREY: 2,
    _COLOUR: 6,
    _PALETTE: 1,
}  # bytes that `tRNS` has at least, by colour type


def plain_png(data: bytes) -> bytes:
    """Return a PNG with what makes its first picture, and its orientation (`eXIf`), alone.

    Args:
        data: a file that starts with the signature of PNG.

    Returns:
        The same picture. Where the chunks break off or cannot be told apart, so does what is returned: a decoder will
        say so. A wrong checksum of a chunk that is needed is left wrong.
    """
    kept = [data[:_SIGNATURE]]
    colour_type = None
    for name, chunk in _chunks(data):
        content = chunk[8:-4]
        if name == b"IHDR" and len(content) == 13:
            colour_type = content[9]
        if _is_needed(name, content, colour_type) and (name in _CRITICAL or _is_whole(chunk)):
            kept.append(chunk)
        if name == b"IEND":
            break
    return b"".join(kept)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield each chunk: its name, and all of it with length and checksum; the last one may be cut."""
    place = _SIGNATURE
    while place < len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        yield data[place + 4 : place + 8], data[place : place + length + 12]
        place += length + 12


def _is_needed(name: bytes, content: bytes, colour_type: int | None) -> bool:
    if name == b"PLTE":
        return colour_type == _PALETTE  # elsewhere it is advice for screens of few colours
    if name == b"tRNS":
        return colour_type in _TRANSPARENT and len(content) >= _TRANSPARENT[colour_type]
    # A name that is none may be what is left of a cut or overwritten chunk: the decoder is to stumble over it.
    return name in (*_CRITICAL, b"eXIf") or not (name.isalpha() and name[:1].islower())


def _is_whole(chunk: bytes) -> bool:
    return chunk[-4:] == struct.pack(">I", zlib.crc32(chunk[4:-4]))
