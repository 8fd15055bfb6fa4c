"""Photos at addresses: whatever fsspec has a driver for, such as ``s3://``, ``gs://``, ``https://``."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from ecosorter.bulk.archives import is_archive, photos_in
from ecosorter.bulk.inputs import Input, failing_input
from ecosorter.errors import BulkError, PhotoMissing, PhotoTooManyBytes, PhotoUnreadable
from ecosorter.folders import is_photo_name, is_system_folder
from ecosorter.photos import Limits

_PACKAGES = {"http": "http", "https": "http", "s3": "s3", "gs": "gs", "gcs": "gs"}  # our extras by scheme


def is_address(name: str) -> bool:
    """Tell an address from a path."""
    scheme, separator, _ = name.partition("://")
    return bool(separator) and scheme.replace("+", "").isalnum()


def open_address(address: str) -> tuple[Any, str]:
    """Return fsspec's file system for an address, and the path in it.

    Raises:
        BulkError: there is no such kind of address, or its driver is not installed.
    """
    try:
        import fsspec  # noqa: PLC0415 - belongs to an extra
        from fsspec.registry import known_implementations  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise BulkError(f"{address} needs fsspec: pip install 'ecosorter[bulk]'.") from error
    scheme = address.partition("://")[0]
    try:
        opened: tuple[Any, str] = fsspec.core.url_to_fs(address)
    except ImportError as error:
        package = known_implementations.get(scheme, {}).get("class", scheme).partition(".")[0]
        extra = f"'ecosorter[{_PACKAGES[scheme]}]'" if scheme in _PACKAGES else package
        raise BulkError(f"{address} needs the package {package}: pip install {extra} ({error}).") from error
    except Exception as error:  # drivers raise what they like, for example without credentials
        raise BulkError(f"{address} cannot be opened: {error}.") from error
    return opened


def remote_photos(address: str, limits: Limits, left_out: Callable[[str], object] = lambda _: None) -> Iterator[Input]:
    """List the photos at an address.

    Args:
        address: of a photo, an archive, a folder, or with a pattern in it. On the web there are no folders to list:
            an ``https://`` address is one photo or archive.
        limits: `max_bytes` is for each photo.
        left_out: is told of each photo in a system's folder.

    Yields:
        Photos in a fixed order, those of a folder sorted by path; one that fails in the place of what cannot be listed.
    """
    try:
        files, path = open_address(address)
        on_the_web = address.startswith(("http://", "https://"))
        if not on_the_web and set("*?[").intersection(path):
            found: Iterator[str] = iter(sorted(files.glob(path)))
        elif not on_the_web and files.isdir(path):
            found = _walk(files, path)
        else:
            yield from _open(address, files, path, limits, left_out)
            return
        empty = True
        named = set(PurePosixPath(path).parts)
        for inner in found:
            empty = False
            where = files.unstrip_protocol(inner)
            if any(is_system_folder(part) and part not in named for part in PurePosixPath(inner).parts):
                left_out(where)
            else:
                yield from _open(where, files, inner, limits, left_out)
        if empty:
            yield failing_input(address, PhotoMissing(f"There are no photos at {address}; check it."))
    except Exception as error:  # see open_address
        yield failing_input(address, PhotoUnreadable(f"{address} cannot be listed ({error})."))


def _open(name: str, files: Any, path: str, limits: Limits, left_out: Callable[[str], object]) -> Iterator[Input]:
    if is_archive(path):
        yield from photos_in(name, _open_archive, files.info(path).get("size") or 0, limits, left_out)
    else:
        yield Input(name, partial(_read, name, files, path, limits))


def _open_archive(address: str) -> Any:
    files, path = open_address(address)
    return files.open(path, "rb")


def _walk(files: Any, folder: str) -> Iterator[str]:
    """Yield the photos in a folder and below it; a folder at a time is in memory."""
    for entry in sorted(files.ls(folder, detail=True), key=lambda entry: str(entry["name"])):
        path = PurePosixPath(entry["name"])
        hidden = path.name.startswith(".") and not is_system_folder(path.name)
        if hidden or path == PurePosixPath(folder):  # some stores list a folder in itself
            continue
        if entry["type"] == "directory":
            yield from _walk(files, entry["name"])
        elif is_photo_name(path.name):
            yield entry["name"]


def _read(name: str, files: Any, path: str, limits: Limits) -> bytes:
    try:
        with files.open(path, "rb") as file:
            data: bytes = file.read(limits.max_bytes + 1)
    except FileNotFoundError as error:
        raise PhotoMissing(f"There is no photo at {name}; check the address.") from error
    except Exception as error:  # see open_address
        raise PhotoUnreadable(f"{name} cannot be fetched ({error}); check the network and your rights.") from error
    if len(data) > limits.max_bytes:
        raise PhotoTooManyBytes(f"{name} has more than {limits.max_bytes / 1e6:g} MB, which is the cap; raise the cap.")
    return data
