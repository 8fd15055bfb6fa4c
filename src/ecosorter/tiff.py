"""What the directories of a TIFF say: whether it is a camera's raw file, and what keeps it from being read.

The tags are those of TIFF 6.0 and of Adobe's DNG.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

_SUBFILE, _WIDTH, _HEIGHT, _COMPRESSION, _PHOTOMETRIC, _SUB_DIRECTORIES = 254, 256, 257, 259, 262, 330
_SAMPLE_FORMAT, _DNG_VERSION = 339, 50706
_WIDTHS = {1: 1, 3: 2, 4: 4, 13: 4, 16: 8, 18: 8}  # bytes of the types that hold whole numbers
_SENSOR = {32803, 34892}  # photometric interpretations: a colour filter's mosaic, linear raw
_RAW_COMPRESSIONS = {32767, 32769, 32770, 32772, 34713, 65000, 65535}  # Sony, Samsung, Nikon, Kodak, Pentax
_READ_COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946}  # by any build of Pillow
_MOST_DIRECTORIES, _MOST_ENTRIES, _MOST_VALUES = 32, 1000, 64

Directory = dict[int, tuple[int, ...]]
"""Whole numbers by tag; a tag with values of another type has none."""


@dataclass(frozen=True, slots=True)
class Directories:
    """The directories of a file: its `pages`, one after the other, and those `below` them; as many as can be read."""

    pages: Sequence[Directory]
    below: Sequence[Directory]


def read_directories(data: bytes) -> Directories:
    """Read the directories of a TIFF or BigTIFF; of a broken or very long one, the first few.

    Args:
        data: a file that starts with the signature of TIFF.
    """
    layout = _Layout.of(data)
    pages, below, seen = list[Directory](), list[Directory](), set[int]()
    waiting = [(layout.number(data, layout.first, layout.offset), pages)]
    while waiting and len(seen) < _MOST_DIRECTORIES:
        place, into = waiting.pop(0)
        if place in seen or not layout.header <= place < len(data):
            continue
        seen.add(place)
        directory, following = layout.directory(data, place)
        into.append(directory)
        waiting += [(sub, below) for sub in directory.get(_SUB_DIRECTORIES, ())]
        if into is pages:
            waiting.insert(0, (following, pages))
    return Directories(pages, below)


def first_directory_end(data: bytes) -> int:
    """Return where the first directory of a TIFF ends, beyond the file where it is cut."""
    layout = _Layout.of(data)
    start = layout.number(data, layout.first, layout.offset)
    count = layout.number(data, start, layout.count)
    return max(layout.header, start + layout.count + count * layout.entry)


def is_camera_raw(data: bytes) -> bool:
    """Whether this is a camera's raw file (DNG, NEF, CR2, ARW, PEF …), of which a reader of TIFF sees a thumbnail.

    Told by a mark of its maker, by the picture of a sensor in any of its directories, or by a first page that is but
    the smaller copy of another picture.
    """
    if data[8:10] == b"CR":
        return True
    found = read_directories(data)
    if any(map(_is_sensors, (*found.pages, *found.below))):
        return True
    if not found.pages:
        return False
    first, *others = found.pages
    if first.get(_SUBFILE, (0,))[:1] == (1,) and (others or found.below):
        return True
    return any(_pixels(each) > _pixels(first) for each in found.below)


def unread_tiff(data: bytes) -> str | None:
    """Return, in words, what is rare about a TIFF that could not be opened, or None if nothing is."""
    found = read_directories(data)
    if not found.pages:
        return None
    first = found.pages[0]
    compression = first.get(_COMPRESSION, (1,))[:1] or (1,)
    if compression[0] not in _READ_COMPRESSIONS:
        return f"a TIFF of compression {compression[0]}"
    if set(first.get(_SAMPLE_FORMAT, (1,))) - {1}:
        return "a TIFF of numbers that are not whole or have a sign"
    return None


def _is_sensors(directory: Directory) -> bool:
    return (
        _DNG_VERSION in directory
        or not _SENSOR.isdisjoint(directory.get(_PHOTOMETRIC, ()))
        or not _RAW_COMPRESSIONS.isdisjoint(directory.get(_COMPRESSION, ()))
    )


def _pixels(directory: Directory) -> int:
    return sum(directory.get(_WIDTH, ())[:1]) * sum(directory.get(_HEIGHT, ())[:1])


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a file writes its numbers: the order, and the bytes of an offset, of a directory's count and of an entry."""

    order: Literal["little", "big"]
    offset: int
    count: int
    entry: int
    first: int  # where the offset of the first directory stands

    @property
    def header(self) -> int:
        return self.first + self.offset

    @classmethod
    def of(cls, data: bytes) -> "_Layout":
        order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"
        return cls(order, 8, 8, 20, 8) if data[2:4] in (b"+\0", b"\0+") else cls(order, 4, 2, 12, 4)

    def number(self, data: bytes, place: int, width: int) -> int:
        return int.from_bytes(data[place : place + width], self.order)

    def directory(self, data: bytes, place: int) -> tuple[Directory, int]:
        """Return a directory and where the next page's is."""
        count = self.number(data, place, self.count)
        start = place + self.count
        found: Directory = {}
        for entry in range(start, start + min(count, _MOST_ENTRIES) * self.entry, self.entry):
            if entry + self.entry > len(data):
                break
            found[self.number(data, entry, 2)] = self._values(data, entry)
        return found, self.number(data, start + count * self.entry, self.offset)

    def _values(self, data: bytes, entry: int) -> tuple[int, ...]:
        width = _WIDTHS.get(self.number(data, entry + 2, 2))
        if width is None:
            return ()
        count = self.number(data, entry + 4, self.offset)
        place = entry + 4 + self.offset
        if width * count > self.offset:  # they stand elsewhere
            place = self.number(data, place, self.offset)
        return tuple(self.number(data, place + width * value, width) for value in range(min(count, _MOST_VALUES)))
