"""Things in photos, by boxes: which of them stand alone, and what is cut out of the photo for each."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from ecosorter.errors import PhotoCorrupt
from ecosorter.photos import Limits, open_photo

LIMITS = Limits(max_bytes=60_000_000, max_pixels=100_000_000)
"""Of a photo that things are cut out of: cameras of the published sets have up to 50 megapixels."""

_ROOM = 0.15  # of the box's sides, on each side: people do not fill the frame with the item
_SHARED = 0.05  # of a crop may show a thing of another class
_LEAST_SIDES = (32, 96)  # pixels of a box, the shorter side and the longer one
_LARGEST = 512  # pixels of a crop's longer side
_ASPECT = 0.03  # by which a photo's shape may differ from what its table says


@dataclass(frozen=True, slots=True)
class Box:
    """One thing in a photo.

    Attributes:
        label: one of the seven classes; None where it is not known, or where it may be one of several.
        left, top, right, bottom: in shares of the photo's sides, 0..1.
        whole: one real thing, not a heap, a drawing or a view from inside.
    """

    label: str | None
    left: float
    top: float
    right: float
    bottom: float
    whole: bool = True

    @property
    def area(self) -> float:
        """The share of the photo."""
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)

    def with_room(self) -> "Box":
        """Return the box with some of its surroundings, as far as the photo goes."""
        wide, high = _ROOM * (self.right - self.left), _ROOM * (self.bottom - self.top)
        return Box(
            self.label,
            max(0.0, self.left - wide),
            max(0.0, self.top - high),
            min(1.0, self.right + wide),
            min(1.0, self.bottom + high),
        )

    def overlap(self, other: "Box") -> float:
        """Return the share of this box that another one covers."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        return wide * high / self.area if wide > 0 and high > 0 and self.area else 0.0


@dataclass(frozen=True, slots=True)
class BoxedPhoto:
    """A photo with boxes, wherever it lies.

    Attributes:
        name: tells it from all others of the set, and is fit for a file's name.
        place: its address, or the path of the file.
        boxes: always in the same order.
        group: crops of one group stay on one side of a split: those of one photo, or of one photographer.
        size: width and height in pixels, as the table says.
        turn: degrees, counterclockwise, by which it must be turned to stand upright.
        author, licence, url: of the photo; ``""`` where nobody says. The address is that of a page to read.
    """

    name: str
    place: str
    boxes: tuple[Box, ...]
    group: str
    size: tuple[int, int] | None = None
    turn: int = 0
    author: str = ""
    licence: str = ""
    url: str = ""


def single_things(boxes: Sequence[Box]) -> list[int]:
    """Return which boxes have a class and share their crop with nothing of another class, the largest first."""
    found = []
    for index, box in enumerate(boxes):
        crop = box.with_room()
        others = (other for other in boxes if other.label != box.label)
        if box.label and box.whole and box.area and all(crop.overlap(other) <= _SHARED for other in others):
            found.append(index)
    return sorted(found, key=lambda index: -boxes[index].area)


def open_boxed(data: bytes, size: tuple[int, int] | None) -> Image.Image:
    """Return a photo in the orientation that its boxes are meant for.

    Args:
        data: the file's bytes.
        size: width and height that its table says; a copy in another size has the same shape.

    Raises:
        PhotoError: it cannot be read, or has another shape: it is another photo.
    """
    upright = open_photo(data, limits=LIMITS)
    if size is None or _alike(upright.size, size):
        return upright
    # Some tables were made by programs that pass over the orientation which the camera noted.
    with Image.open(io.BytesIO(data)) as image:
        if not _alike(image.size, size):
            shapes = f"{upright.width} x {upright.height} pixels, not the shape of {size[0]} x {size[1]}"
            raise PhotoCorrupt(f"The photo has {shapes}: it is another one than was meant.")
        return image.convert("RGB")


def cut_out(image: Image.Image, box: Box, turn: int = 0) -> bytes | None:
    """Return a thing with some room around as JPEG, without anything that the file told; None where it is too small.

    Args:
        image: the photo.
        box: of the thing.
        turn: degrees, counterclockwise, to stand upright.
    """
    width, height = image.size
    sides = sorted(((box.right - box.left) * width, (box.bottom - box.top) * height))
    if sides[0] < _LEAST_SIDES[0] or sides[1] < _LEAST_SIDES[1]:
        return None
    room = box.with_room()
    left, top = round(room.left * width), round(room.top * height)
    crop = image.crop((left, top, round(room.right * width), round(room.bottom * height))).rotate(turn, expand=True)
    crop.thumbnail((_LARGEST, _LARGEST), Image.Resampling.LANCZOS)
    content = io.BytesIO()
    crop.save(content, "JPEG", quality=90)
    return content.getvalue()


def _alike(found: tuple[int, int], meant: tuple[int, int]) -> bool:
    return abs(found[0] / found[1] / (meant[0] / meant[1]) - 1) <= _ASPECT
