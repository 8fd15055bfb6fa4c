"""A model on disk: a folder with `model.onnx`, `bundle.json`, `README.md`, perhaps more, never a pickle.

Perhaps there are `bank.npz`, by which it can be taught, and `ATTRIBUTION.csv`, which names photographers: that is for
people, and nothing reads it.

`bundle.json` says everything that is needed to use the model and to judge it. Whatever does not fit is refused
with the reason, since a model that is used with another rule or other classes answers nonsense without a sign.
"""

import hashlib
import json
import os
import shutil
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from ecosorter.decision import Thresholds
from ecosorter.errors import BundleError
from ecosorter.files import address_in, part_of, reason, write_bytes
from ecosorter.folders import is_clutter
from ecosorter.preprocess import PreprocessSpec

MODEL, INFO, CARD, BANK, ATTRIBUTION = "model.onnx", "bundle.json", "README.md", "bank.npz", "ATTRIBUTION.csv"
FORMAT = 2
"""What is written. Format 1, whose `metrics` had another form for each kind of recipe, is read too."""
LARGEST_BANK = 50_000_000
"""Bytes that a bank may have: it is read into memory."""


def _check_utc(value: str) -> str:
    if datetime.fromisoformat(value).utcoffset() != timedelta(0):
        raise ValueError("must be a date and time in UTC, as in 2026-01-31T12:00:00+00:00")
    return value


def _check_classes(classes: tuple[str, ...]) -> tuple[str, ...]:
    if twice := [name for name, times in Counter(classes).items() if times > 1]:
        raise ValueError(f"the class(es) {', '.join(twice)} stand there more than once")
    if not all(classes):
        raise ValueError("a class has no name")
    return classes


class DataSource(BaseModel, frozen=True, extra="forbid"):
    """Photos that the model learnt from: how many, a fingerprint of bytes and labels, and their licence."""

    name: str
    photos: int = Field(ge=0)
    fingerprint: str
    licence: str | None = None


class BundleInfo(BaseModel, frozen=True, extra="forbid"):
    """What `bundle.json` holds.

    Attributes:
        format: version of this format.
        created: ISO date and time, UTC.
        classes: ids in the order of the model's outputs, at least two.
        preprocess: from a photo to the model's input.
        temperature: by which the logits are divided before the softmax.
        thresholds: when to answer.
        metrics: how the model was measured, as plain data.
        data: what it learnt from.
        non_commercial: those of its sources whose licence forbids commercial use.
        recipe: how it was trained, resolved.
        made_with: versions of the programs that made it, by name.
        sha256: of `model.onnx`, in small hexadecimal digits; `write_bundle` fills it in.
        bank_sha256: the same of `bank.npz`, by which the model can be taught (teaching/bank.py); None without one.
    """

    format: Literal[1, 2]
    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    created: Annotated[str, AfterValidator(_check_utc)]
    classes: Annotated[tuple[str, ...], Field(min_length=2), AfterValidator(_check_classes)]
    preprocess: PreprocessSpec
    temperature: float = Field(gt=0, allow_inf_nan=False)
    thresholds: Thresholds
    metrics: dict[str, Any] = {}
    data: list[DataSource] = []
    non_commercial: tuple[str, ...] = ()
    recipe: dict[str, Any] = {}
    made_with: dict[str, str] = {}
    sha256: str = ""
    bank_sha256: str | None = None

    @property
    def features_of(self) -> str:
        """Hash of the model whose features these still are: teaching changes the last layer alone."""
        found = self.recipe.get("features_of") if self.recipe.get("name") == "teach" else None
        return found if isinstance(found, str) else self.sha256


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle on disk whose files fit each other."""

    folder: Path
    info: BundleInfo

    @property
    def model_path(self) -> Path:
        """The ONNX file."""
        return self.folder / MODEL

    def load_bank(self) -> bytes | None:
        """Return the content of `bank.npz`, or None when the bundle has none.

        It is not looked at before, since classifying needs it not.

        Raises:
            BundleError: it is missing, too large, or not the one that `bundle.json` was written for.
        """
        expected = self.info.bank_sha256
        if expected is None:
            return None
        path = self.folder / BANK
        if not path.is_file():
            raise BundleError(f"{path} is missing; copy the whole folder again.")
        try:
            with path.open("rb") as file:
                content = file.read(LARGEST_BANK + 1)
        except OSError as error:
            raise BundleError(f"{path} cannot be read: {error.strerror}.") from error
        if len(content) > LARGEST_BANK:
            raise BundleError(f"{path} has more than {LARGEST_BANK / 1e6:g} MB; copy the whole folder again.")
        if (found := _sha256(content)) != expected:
            raise BundleError(
                f"{path} is not the bank that {INFO} was written for: its SHA-256 is {found[:12]}…, "
                f"not {expected[:12]}…; copy the whole folder again."
            )
        return content

    def load_attribution(self) -> str | None:
        """Return who made which photo, as CSV; None where the file is not there or cannot be read: it is for people."""
        try:
            return (self.folder / ATTRIBUTION).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None


def load_bundle(folder: str | os.PathLike[str]) -> Bundle:
    """Read a bundle and check that it is whole.

    Whether the model itself fits the classes and the input size is seen when it is opened: `Classifier.load`.

    Args:
        folder: as `write_bundle` made it.

    Raises:
        BundleError: a file is missing, the JSON is broken, of another format version, lacks a key or has an
            unknown one, or the model is not the one that the JSON was written for.
    """
    folder = Path(folder)
    if not folder.is_dir():
        if address := address_in(folder):
            raise BundleError(f"{address} is an address; download the model and give the path of its folder.")
        raise BundleError(f"There is no model folder {folder}; train one, or give the path of one.")
    for name in (INFO, MODEL):
        if not (folder / name).is_file():
            raise BundleError(f"{folder} is no model folder: {name} is missing.{_hint(folder)}")
    info = _read_info(folder / INFO)
    bundle = Bundle(folder, info)
    try:
        with bundle.model_path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BundleError(f"{bundle.model_path} cannot be read: {error.strerror}.") from error
    if sha256 != info.sha256:
        raise BundleError(
            f"{bundle.model_path} is not the model that {INFO} was written for: its SHA-256 is {sha256[:12]}…, "
            f"not {info.sha256[:12]}…; copy the whole folder again."
        )
    return bundle


def write_bundle(
    folder: str | os.PathLike[str],
    model: bytes,
    info: BundleInfo,
    card: str,
    *,
    bank: bytes | None = None,
    attribution: str | None = None,
    replace: bool = False,
) -> Bundle:
    """Write a bundle so that at no moment a half-written one stands under its name.

    Args:
        folder: where; folders above it are made. An existing one is refused unless it is empty or already
            holds just this bundle.
        model: the serialised ONNX model, with its weights inside.
        info: both hashes are filled in here, whatever it holds.
        card: the model card, Markdown.
        bank: content of `bank.npz`, as teaching/bank.py makes it; None for a model that cannot be taught.
        attribution: who made which photo, as CSV (datasets/credits.py); None where nobody is named.
        replace: put it in the place of an existing bundle (never of a folder that is none).

    Returns:
        The bundle as it now stands.

    Raises:
        BundleError: something else stands in that place, or it cannot be written.
    """
    folder = Path(folder)
    hashes = {"sha256": _sha256(model), "bank_sha256": None if bank is None else _sha256(bank)}
    info = info.model_copy(update=hashes)
    content = {MODEL: model, INFO: f"{info.model_dump_json(indent=2)}\n".encode(), CARD: card.encode()}
    if bank is not None:
        content[BANK] = bank
    if attribution is not None:
        content[ATTRIBUTION] = attribution.encode()
    if _holds_other(folder, content):
        if not replace:
            raise BundleError(f"{folder} exists already; give another folder, or ask to replace it.")
        if not (folder / INFO).is_file():
            raise BundleError(f"{folder} is not a model folder, so it is not replaced; give another folder.")
    place = folder.resolve()
    fresh = part_of(place)
    try:
        for name, data in content.items():
            write_bytes(fresh / name, data)
        _swap_in(fresh, place)
    except OSError as error:
        raise BundleError(f"{folder} cannot be written: {reason(error)}.") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return Bundle(folder, info)


def find_bundles(folder: Path) -> list[Path]:
    """Return the folders in and below `folder` that hold a `bundle.json`, sorted, without hidden and system's ones."""

    def is_hidden(path: Path) -> bool:
        return any(map(is_clutter, path.relative_to(folder).parts))

    return sorted(path.parent for path in folder.rglob(INFO) if not is_hidden(path))


def shipped_bundles() -> list[Path]:
    """Return the bundles that came with the package, sorted."""
    return find_bundles(Path(__file__).parent / "models")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read_info(path: Path) -> BundleInfo:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))  # editors on Windows put a mark before it
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, or nested without end
        raise BundleError(f"{path} is not valid JSON ({error}); copy the whole folder again.") from error
    if not isinstance(content, dict):
        raise BundleError(f"{path} must hold a JSON object; copy the whole folder again.")
    if content.get("format") not in range(1, FORMAT + 1):
        raise BundleError(
            f"{path} is of format {content.get('format')!r}, and this program reads format 1 to {FORMAT}; "
            "use the version of EcoSorter that wrote it, or a newer one."
        )
    try:
        return BundleInfo.model_validate(content)
    except ValidationError as error:
        raise BundleError(f"{path} cannot be used: {_problems(error)}.") from error


def _problems(error: ValidationError) -> str:
    words = []
    for problem in error.errors():
        key = ".".join(map(str, problem["loc"]))
        match problem["type"]:
            case "extra_forbidden":
                words.append(f"Unknown key: '{key}'")
            case "missing":
                words.append(f"Missing key: '{key}'")
            case _:
                words.append(f"'{key}': {problem['msg']}")
    return "; ".join(words)


def _hint(folder: Path) -> str:
    """Return where the bundle lies if it lies one folder further down, as in the folder of a training run."""
    below = sorted(path.parent for path in folder.glob(f"*/{INFO}"))
    return f" Did you mean {below[0]}?" if below else ""


def _holds_other(folder: Path, content: dict[str, bytes]) -> bool:
    """Whether something stands in this place that is neither an empty folder nor just this content."""
    if not os.path.lexists(folder):
        return False
    if not folder.is_dir():
        return True
    names = {path.name for path in folder.iterdir() if not is_clutter(path.name)}
    if names != set(content):
        return bool(names)
    return any((folder / name).read_bytes() != data for name, data in content.items())


def _swap_in(fresh: Path, place: Path) -> None:
    """Rename `fresh` to `place`; what stood there is removed, or put back when the renaming fails."""
    if not place.exists():
        fresh.rename(place)
        return
    old = part_of(place)
    place.rename(old)
    try:
        fresh.rename(place)
    except OSError:
        old.rename(place)
        raise
    shutil.rmtree(old)
