"""A notebook: what a phone learnt of a place, as a file `.ecosorter` that can be handed on; features, no photos.

A small JSON::

    {"format": "ecosorter-notebook", "version": 1, "model": {"name": ..., "version": ..., "sha256": ...},
     "width": 1287, "looks": 4, "classes": {"popok": {"name": "Popok", "bin": "residue"}},
     "photos": [{"label": "popok", "when": "2026-11-27T10:00:00Z", "features": "..."}]}

`features` are the looks of a photo one after another in base64, each number the upper half of a 32-bit float
(bfloat16), low byte first. Nothing in it is executed, and nothing is believed before it was checked. The phone's code
is `serving/web/learn/notebook.js`.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ecosorter.errors import DatasetError

FORMAT, VERSION = "ecosorter-notebook", 1
LARGEST = 64_000_000
"""Bytes that a notebook may have: some thousand photos."""

_Name = Annotated[str, Field(min_length=1, max_length=100)]
_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NotedModel(_Part):
    """The model whose features these are; by its hash they are told from those of another."""

    name: _Name
    version: _Name
    sha256: _Sha256


class NotedClass(_Part):
    """A class that the model does not have: its name, and the kind (or id) of the bin that it goes into."""

    name: _Name
    bin: _Name | None = None


class NotedPhoto(_Part):
    """A photo: its class, when it was taken, and its features as the module says."""

    label: _Name
    when: Annotated[str, Field(max_length=40)] = ""
    features: str


class Notebook(_Part):
    """See the module.

    Attributes:
        width: numbers of a look.
        looks: of each photo, as `features.AUGMENTATIONS`.
        classes: new ones, by the id that the photos bear.
        photos: in the order in which they were taken.
    """

    format: Literal["ecosorter-notebook"] = "ecosorter-notebook"
    version: Literal[1] = 1
    model: NotedModel
    width: Annotated[int, Field(ge=1, le=16_384)]
    looks: Annotated[int, Field(ge=1, le=16)]
    classes: dict[_Name, NotedClass] = {}
    photos: Annotated[tuple[NotedPhoto, ...], Field(max_length=100_000)]

    @model_validator(mode="after")
    def _check_features(self) -> "Notebook":
        for number, photo in enumerate(self.photos, start=1):
            try:
                found = _unpack(photo.features)
            except (binascii.Error, ValueError) as error:
                raise ValueError(f"the features of photo {number} are no base64") from error
            if len(found) != self.width * self.looks or not np.isfinite(found).all():
                raise ValueError(f"the features of photo {number} are not {self.looks} times {self.width} numbers")
        return self

    @property
    def features(self) -> NDArray[np.float32]:
        """Float32 ``[photos, looks, width]``."""
        found = [_unpack(photo.features) for photo in self.photos]
        return np.array(found, np.float32).reshape(len(found), self.looks, self.width)


def load_notebook(path: Path) -> Notebook:
    """Read a notebook.

    Raises:
        DatasetError: it is none, is damaged or too large; the message says which.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}.") from error
    if len(content) > LARGEST:
        raise DatasetError(f"{path} has more than {LARGEST / 1e6:g} MB; no phone writes such a file.")
    try:
        given = json.loads(content, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:  # no UTF-8, no JSON, or nested without end
        raise DatasetError(
            f"{path} is no file of what a phone learnt: it is not valid JSON. Export it again."
        ) from error
    return parse_notebook(given, str(path))


def parse_notebook(given: Any, name: str) -> Notebook:
    """Check what was read.

    Args:
        given: any JSON value.
        name: of the file, for the message.

    Raises:
        DatasetError: it is no notebook.
    """
    if not isinstance(given, dict) or given.get("format") != FORMAT:
        raise DatasetError(
            f"{name} is no file of what a phone learnt; export one on the phone, under 'Learn my place'."
        )
    if given.get("version") != VERSION:
        raise DatasetError(
            f"{name} is of version {given.get('version')!r}, and this program reads version {VERSION}; update "
            "whichever is older."
        )
    try:
        return Notebook.model_validate(given)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"])) or "its photos"
        raise DatasetError(f"{name} is damaged ({where}: {problem['msg']}); export it again.") from error


def write_notebook(notebook: Notebook) -> str:
    """Return the file's text."""
    return notebook.model_dump_json() + "\n"


def packed(looks: NDArray[np.floating[Any]]) -> str:
    """Return features ``[looks, width]`` as a notebook keeps them."""
    bits = np.ascontiguousarray(looks, np.float32).ravel().view(np.uint32)
    rounded = bits + np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1))  # to the nearest, of two the even one
    return base64.b64encode((rounded >> np.uint32(16)).astype("<u2").tobytes()).decode()


def _unpack(text: str) -> NDArray[np.float32]:
    halves = np.frombuffer(base64.b64decode(text, validate=True), "<u2")
    return (halves.astype(np.uint32) << np.uint32(16)).view(np.float32)


def of_model(notebooks: Sequence[Notebook], known: Sequence[str], width: int) -> tuple[list[Notebook], list[Notebook]]:
    """Divide notebooks into those with features of a model, and others, which must not be mixed with them.

    Args:
        notebooks: read ones.
        known: hashes of the model, and of the one that it was taught from: teaching changes no feature.
        width: of the model's features.
    """
    fits = [book.model.sha256 in known and book.width == width for book in notebooks]
    return (
        [book for book, fit in zip(notebooks, fits, strict=True) if fit],
        [book for book, fit in zip(notebooks, fits, strict=True) if not fit],
    )


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")
