"""Fetch a published data set: download, check, and only then put it in its place."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ecosorter.datasets.boxes import LIMITS, BoxedPhoto
from ecosorter.datasets.coco import load_batches, load_coco
from ecosorter.datasets.credits import forbids_changes, forbids_commerce
from ecosorter.datasets.crops import Collected, collect
from ecosorter.datasets.download import download
from ecosorter.datasets.open_images import load_open_images
from ecosorter.datasets.published import (
    PublishedArchive,
    PublishedBatches,
    PublishedCoco,
    PublishedOpenImages,
    published,
)
from ecosorter.datasets.unpack import unpack
from ecosorter.errors import DatasetError, DownloadBrokenOff, DownloadError
from ecosorter.folders import find_photos
from ecosorter.photos import load_photo
from ecosorter.progress import Progress, Silent

EACH = 500
"""Crops of each class that are fetched of a set that has no end, unless somebody says otherwise."""


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks for, beside the name of the set.

    Attributes:
        url: another address, such as a file server in the office: of the archive or the table; of Open Images, that
            under which tables and photos lie.
        sha256: what the archive or the table must have instead of the known hash.
        batches: the folder of batches that the user has downloaded.
        each: crops of each class, each by another photographer or, where none is named, from another photo.
        non_commercial: take photos that must not be used commercially, too.
        pause: seconds to wait after the first failure of a download.
    """

    url: str | None = None
    sha256: str | None = None
    batches: Path | None = None
    each: int | None = None
    non_commercial: bool = False
    pause: float = 0.5


def fetch(name: str, folder: Path, request: Request | None = None, *, progress: Progress | None = None) -> Collected:
    """Fetch a data set into a folder of its name, which `load_dataset` reads.

    A download that broke off goes on; a data set that is there already is checked and left as it is. An archive's
    folder appears in one step, complete; crops appear one by one.

    Args:
        name: one of `published`.
        folder: where the data set's own folder is made.
        request: what else is asked for.
        progress: is told of each download in bytes, and of the crops.

    Returns:
        What the data set's folder holds.

    Raises:
        DatasetError: an unknown name, a table that cannot be used, or photos that must not be used commercially
            without leave.
        DownloadError: something cannot be had, is not the right one or unsafe, or `folder / name` is something else.
    """
    if name not in published():
        raise DatasetError(f"No data set {name!r} is known; there is {', '.join(published())}.")
    wanted, request = published()[name], request or Request()
    if forbids_commerce(wanted.licence) and not request.non_commercial:
        raise DatasetError(
            f"{wanted.title} is under {wanted.licence}: not for commercial use. With --non-commercial it is fetched, "
            "and the card of every model that learns from it says so."
        )
    progress, target = progress or Silent(), folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DownloadError(f"{folder} cannot be written ({error.strerror}); choose another folder.") from error
    if isinstance(wanted, PublishedArchive):
        return _fetch_archive(wanted, target, request, progress)
    incoming = target / ".incoming"
    photos, get, each = _photos(wanted, incoming, request, progress)
    with progress.stage("crops", each * len(wanted.classes) if each else 0) as advance:
        return collect(photos, target, source=name, classes=tuple(wanted.classes), get=get, each=each, advance=advance)


def _photos(
    wanted: PublishedCoco | PublishedBatches | PublishedOpenImages, incoming: Path, request: Request, progress: Progress
) -> tuple[Iterator[BoxedPhoto], Callable[[BoxedPhoto], bytes], int | None]:
    """Return the photos of a set, what gives their bytes, and how many crops of each class are wanted."""

    def table(url: str, max_bytes: int, sha256: str | None = None) -> Path:
        path = incoming / url.rpartition("/")[2]
        if not path.exists():
            incoming.mkdir(parents=True, exist_ok=True)
            download(url, path, max_bytes=max_bytes, sha256=sha256, progress=progress, pause=request.pause)
        return path

    get: Callable[[BoxedPhoto], bytes] = partial(_download_photo, incoming, request.pause)
    if isinstance(wanted, PublishedBatches):
        if request.batches is None:
            raise DatasetError(
                f"{wanted.title} has {wanted.size}, which you download yourself: see {wanted.page}. Then give the "
                "folder with --from; batches that are not there yet can follow another time."
            )
        return _allowed(load_batches(request.batches, wanted), request), _read_own, request.each
    if isinstance(wanted, PublishedCoco):
        path = table(request.url or wanted.url, wanted.max_bytes, request.sha256 or wanted.sha256)
        return _allowed(load_coco(path, wanted), request), get, request.each
    tables, photos = ((request.url or url).rstrip("/") for url in (wanted.url, wanted.photo_url))
    found = load_open_images(wanted, lambda path, max_bytes: table(f"{tables}/{path}", max_bytes), photos)
    return _allowed(found, request), get, request.each or EACH


def _allowed(photos: Iterable[BoxedPhoto], request: Request) -> Iterator[BoxedPhoto]:
    """Leave out photos whose own licence forbids what is done with them: a crop is a change."""
    for photo in photos:
        if not forbids_changes(photo.licence) and (request.non_commercial or not forbids_commerce(photo.licence)):
            yield photo


def _download_photo(incoming: Path, pause: float, photo: BoxedPhoto) -> bytes:
    path = incoming / f"{photo.name}.photo"
    incoming.mkdir(parents=True, exist_ok=True)
    try:
        download(photo.place, path, max_bytes=LIMITS.max_bytes, pause=pause)
        content = path.read_bytes()
    except DownloadBrokenOff:
        raise  # what has arrived stays for the next time
    except DownloadError:
        _remove(path)
        raise
    _remove(path)
    return content


def _remove(photo: Path) -> None:
    for path in photo.parent.glob(f"{photo.name}*"):
        path.unlink(missing_ok=True)


def _read_own(photo: BoxedPhoto) -> bytes:
    return load_photo(photo.place, LIMITS)


def _fetch_archive(wanted: PublishedArchive, target: Path, request: Request, progress: Progress) -> Collected:
    found = Collected(Counter(wanted.photos))
    if target.exists():
        if _photos_by_class(target, wanted) == wanted.photos:
            return found
        raise DownloadError(f"{target} is there already, but is not {wanted.title} as published; move it away first.")
    archive, unpacked = target.with_name(f".{target.name}.archive"), target.with_name(f".{target.name}.unpacked")
    shutil.rmtree(unpacked, ignore_errors=True)  # of a run that was killed
    download(
        request.url or wanted.url,
        archive,
        max_bytes=wanted.max_bytes,
        sha256=request.sha256 or wanted.sha256,
        progress=progress,
        pause=request.pause,
    )
    try:
        unpack(archive, unpacked, max_bytes=wanted.max_unpacked_bytes)
        _find_class_folders(unpacked, wanted).rename(target)
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
        archive.unlink()
    return found


def _find_class_folders(unpacked: Path, wanted: PublishedArchive) -> Path:
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


def _photos_by_class(root: Path, wanted: PublishedArchive) -> dict[str, int]:
    """Return the number of photos in each folder of `root`, of the published names and of any other."""
    counts = Counter(photo.relative_to(root).parts[0] for photo in find_photos([root]))
    return {name: counts.pop(name, 0) for name in wanted.photos} | counts


def _counts(photos: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in photos.items())
