"""The published data sets that can be fetched: downloads.toml."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class Published(BaseModel):
    """What every published data set has.

    Attributes:
        title: its name as people know it.
        page: where its authors describe it.
        licence: of the photos. A photo may have another one, which then stands in the manifest.
        people: who is to be named.
        trust: how far the licence can be trusted, as in sources.toml.
        shows: what the photos show.
        size: what it takes to download, for the reader.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    page: str
    licence: str
    people: str
    trust: Literal["A", "B", "C"]
    shows: str
    size: str


class PublishedArchive(Published):
    """Class folders in an archive.

    Attributes:
        url: of a ZIP or TAR archive.
        sha256: of the archive, in hexadecimal; None when nobody has published one.
        max_bytes: the archive must not be longer.
        max_unpacked_bytes: nor its files together.
        photos: photos by class folder; the archive must have exactly these.
    """

    form: Literal["archive"]
    url: str
    sha256: str | None = None
    max_bytes: int
    max_unpacked_bytes: int
    photos: dict[str, int]


class PublishedBoxes(Published):
    """Photos with boxes around things.

    Attributes:
        classes: of the seven, the set's own classes whose things are all of it. The others are left out on purpose.
    """

    classes: dict[str, tuple[str, ...]]

    def label_of(self, kind: str) -> str | None:
        """Return which of the seven a class of the set is, or None when its things differ."""
        return next((label for label, kinds in self.classes.items() if kind in kinds), None)


class PublishedCoco(PublishedBoxes):
    """A table in COCO's form, with the address of each photo.

    Attributes:
        url: of the table.
        sha256: of the table; None when nobody has published one.
        max_bytes: the table must not be longer.
    """

    form: Literal["coco"]
    url: str
    sha256: str | None = None
    max_bytes: int


class PublishedBatches(PublishedBoxes):
    """Folders of photos with a table in COCO's form in each, too large to be downloaded by a program.

    Attributes:
        table: the file name of the table in each folder.
        photos: how many there are in all.
    """

    form: Literal["coco-batches"]
    table: str
    photos: int


class OpenImagesPart(BaseModel):
    """One part of Open Images: the paths of its tables below the set's address, and how long they may be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    boxes: str
    images: str
    max_bytes: int


class PublishedOpenImages(PublishedBoxes):
    """Tables of Open Images, and photos one by one.

    Attributes:
        url: under which the tables lie.
        photo_url: under which the photos lie, by part and id.
        names: path of the table of class names.
        parts: by name, the smallest first.
        persons: classes of people; a thing with a person in its crop is left out.
    """

    form: Literal["open-images"]
    url: str
    photo_url: str
    names: str
    parts: dict[str, OpenImagesPart]
    persons: tuple[str, ...]


AnyPublished = Annotated[
    PublishedArchive | PublishedCoco | PublishedBatches | PublishedOpenImages, Field(discriminator="form")
]


@cache
def published() -> dict[str, AnyPublished]:
    """Return the data sets that can be fetched, by name."""
    text = files("ecosorter.datasets").joinpath("downloads.toml").read_text(encoding="utf-8")
    return TypeAdapter(dict[str, AnyPublished]).validate_python(tomllib.loads(text))
