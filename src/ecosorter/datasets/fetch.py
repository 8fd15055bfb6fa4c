"""Fetch a published data set: download, check, unpack, check again, and only then put it in its place."""

import shutil
import tomllib
from collections import Counter
from functools import cache
from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ecosorter.datasets.download import download
from ecosorter.datasets.unpack import unpack
from ecosorter.errors import DatasetError, DownloadError
from ecosorter.photos import find_photos
from ecosorter.progress import Progress


class Published(BaseModel):
    """A data set that can be fetched, one table of downloads.toml.

    Attributes:
        title: its name as people know it.
        url: of a ZIP or TAR archive.
        sha256: of the archive, in hexadecimal; None when nobody has published one.
        max_bytes: the archive must not be longer.
        max_unpacked_bytes: nor its files together.
        licence: of the photos.
        photos: photos by class folder; the archive must have exactly these.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    url: str
    sha256: str | None = None
    max_bytes: int
    max_unpacked_bytes: int
    licence: str
    photos: dict[str, int]


@cache
def published() -> dict[str, Published]:
    """Return the data sets that can be fetched, by name."""
    text = files("ecosorter.datasets").joinpath("downloads.toml").read_text(encoding="utf-8")
    return {name: Published(**table) for name, table in tomllib.loads(text).items()}


def fetch(
    name: str, folder: Path, *, url: str | None = None, sha256: str | None = None, progress: Progress | None = None
) -> Path:
    """Fetch a data set into a folder of its name.

    A download that broke off goes on; a data set that is there already is checked and left as it is. The folder
    appears in one step, complete.

    Args:
        name: one of `published`.
        folder: where the data set's own folder is made.
        url: another address of the archive, such as a mirror or a file server in the office.
        sha256: what the archive must have instead of the known hash.
        progress: is told of the download in bytes.

    Returns:
        ``folder / name``, which holds class folders that `read_dataset` reads.

    Raises:
        DatasetError: an unknown name.
        DownloadError: the archive cannot be had, is not the right one or unsafe, or `folder / name` is something else.
    """
    if name not in published():
        raise DatasetError(f"No data set {name!r} is known; there is {', '.join(published())}.")
    wanted = published()[name]
    target = folder / name
    if target.exists():
        if _photos_by_class(target, wanted) == wanted.photos:
            return target
        raise DownloadError(f"{target} is there already, but is not {wanted.title} as published; move it away first.")
    archive, unpacked = folder / f".{name}.archive", folder / f".{name}.unpacked"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(unpacked, ignore_errors=True)  # of a run that was killed
    except OSError as error:
        raise DownloadError(f"{folder} cannot be written ({error.strerror}); choose another folder.") from error
    download(url or wanted.url, archive, max_bytes=wanted.max_bytes, sha256=sha256 or wanted.sha256, progress=progress)
    try:
        unpack(archive, unpacked, max_bytes=wanted.max_unpacked_bytes)
        _find_class_folders(unpacked, wanted).rename(target)
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
        archive.unlink()
    return target


def _find_class_folders(unpacked: Path, wanted: Published) -> Path:
    """Return the folder with the class folders: archives differ in what they wrap around it."""
    found: dict[str, int] = {}
    for root in (unpacked, *sorted(path for path in unpacked.rglob("*") if path.is_dir())):
        if all((root / name).is_dir() for name in wanted.photos):
            found = _photos_by_class(root, wanted)
            if found == wanted.photos:
                return root
    raise DownloadError(
        f"The archive is not {wanted.title} as published: it should have {_counts(wanted.photos)}, and has "
        f"{_counts(found) or 'no such class folders'}."
    )


def _photos_by_class(root: Path, wanted: Published) -> dict[str, int]:
    """Return the number of photos in each folder of `root`, of the published names and of any other."""
    counts = Counter(photo.relative_to(root).parts[0] for photo in find_photos([root]))
    return {name: counts.pop(name, 0) for name in wanted.photos} | counts


def _counts(photos: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in photos.items())
