"""Tables of boxes in COCO's form (Lin et al. 2014, https://cocodataset.org/#format-data), one file at a time."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, Field, FiniteFloat, ValidationError

from ecosorter.datasets.boxes import Box, BoxedPhoto
from ecosorter.datasets.published import PublishedBatches, PublishedBoxes
from ecosorter.errors import DatasetError

_MAX_BYTES = 200_000_000  # of a table: it is read into memory


class _Image(BaseModel):
    id: int
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    file_name: str
    flickr_url: str | None = None
    license: int | None = None


class _Annotation(BaseModel):
    image_id: int
    category_id: int
    bbox: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]
    iscrowd: int = 0


class _Category(BaseModel):
    id: int
    name: str


class _Licence(BaseModel):
    id: int
    name: str = ""
    url: str = ""


class _Table(BaseModel):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]
    licenses: list[_Licence] = []


def load_coco(table: Path, wanted: PublishedBoxes, *, folder: Path | None = None) -> Iterator[BoxedPhoto]:
    """Read one table, in the order of its photos.

    Args:
        table: the JSON file.
        wanted: says which class each of the set's classes is.
        folder: where the photos lie; None for those that have an address in the table.

    Raises:
        DatasetError: no table of this form, or one that has a photo twice or leads out of the folder.
    """
    found = _read(table)
    labels = {category.id: wanted.label_of(category.name) for category in found.categories}
    licences: dict[int | None, str] = {licence.id: licence.url or licence.name for licence in found.licenses}
    boxes: dict[int, list[Box]] = defaultdict(list)
    sizes = {image.id: (image.width, image.height) for image in found.images}
    for thing in found.annotations:
        if thing.image_id in sizes:
            width, height = sizes[thing.image_id]
            left, top, wide, high = thing.bbox
            boxes[thing.image_id].append(
                Box(
                    labels.get(thing.category_id),
                    _share(left, width),
                    _share(top, height),
                    _share(left + wide, width),
                    _share(top + high, height),
                    whole=not thing.iscrowd,
                )
            )
    if len(sizes) < len(found.images):
        raise DatasetError(f"{table} has two photos of one id; download it again.")
    for image in found.images:
        name = f"{folder.name}-{image.id}" if folder else str(image.id)
        yield BoxedPhoto(
            name,
            _place(image, folder, table),
            tuple(boxes[image.id]),
            group=name,
            size=sizes[image.id],
            licence=licences.get(image.license) or wanted.licence,
            url=image.flickr_url or wanted.page,
        )


def load_batches(folder: Path, wanted: PublishedBatches) -> Iterator[BoxedPhoto]:
    """Read a folder of batches one after the other; only the table of one is in memory at a time.

    Args:
        folder: with the batches in it or below it, however many of them are there.
        wanted: the data set.

    Raises:
        DatasetError: no batch is there, or one has a table that cannot be read.
    """
    tables = sorted(folder.rglob(wanted.table)) if folder.is_dir() else []
    if not tables:
        raise DatasetError(
            f"{folder} holds no batch of {wanted.title}: no folder in it has a {wanted.table}. Give the folder that "
            "has the batches in it."
        )
    for table in tables:
        yield from load_coco(table, wanted, folder=table.parent)


def _share(pixels: float, side: int) -> float:
    return min(max(pixels / side, 0.0), 1.0)


def _read(table: Path) -> _Table:
    try:
        if table.stat().st_size > _MAX_BYTES:
            raise DatasetError(f"{table} has more than {_MAX_BYTES / 1e6:g} MB: not the table that was meant.")
        return _Table.model_validate_json(table.read_bytes())
    except OSError as error:
        raise DatasetError(f"{table} cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DatasetError(
            f"{table} is no table of boxes in COCO's form ({where}: {first['msg']}); download it again."
        ) from error


def _place(image: _Image, folder: Path | None, table: Path) -> str:
    if folder is None:
        return image.flickr_url or ""
    path = folder / image.file_name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise DatasetError(f"{table} names a photo outside of its folder, {image.file_name!r}; download it again.")
    return str(path)
