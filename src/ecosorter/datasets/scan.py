"""Find out of every photo before training whether it can be read, its hash, and a thumbnail to compare by."""

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ecosorter.datasets.cache import Cache
from ecosorter.datasets.dataset import PhotoRow
from ecosorter.errors import PhotoError, PhotoUnsupported
from ecosorter.photos import load_photo, open_photo
from ecosorter.progress import Advance

SIDE = 64
"""Width and height of a thumbnail in pixels; duplicates.py says what it is compared by."""

_AT_ONCE = 64  # photos whose bytes are in memory together: 64 x 5 MB of a phone's photos
_NAMED = 3  # photos of each status that an error message names
_STORED_AT_ONCE = 1024  # facts a transaction of the cache, which costs more than a photo


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFacts:
    """What is known of one photo.

    Attributes:
        sha256: of the file's bytes, in hexadecimal; ``""`` when they cannot be read.
        status: ``"ok"``, or the status of the error that opening it raises (errors.py).
        thumbnail: uint8 ``[64, 64]``, grey 0..255, the upright photo squeezed to a square; None unless it is ok.
    """

    sha256: str
    status: str
    thumbnail: NDArray[np.uint8] | None


def photo_facts(
    rows: Sequence[PhotoRow], cache: Cache | None = None, advance: Advance | None = None
) -> list[PhotoFacts]:
    """Read every photo once: hash it, and open it unless the cache knows what comes of it.

    Facts are cached by content (``facts-v1:<sha256>``), so a photo that moved or was copied is not decoded again, and
    one that was changed is. Reading, hashing and decoding run in threads; all three release the interpreter lock.

    Args:
        rows: the photos; labels do not matter.
        cache: where facts are kept; None keeps none.
        advance: is told the number of photos just finished.

    Returns:
        Facts of each row, in order. 4 kB of memory a photo.
    """
    facts: list[PhotoFacts] = []
    fresh: dict[str, bytes] = {}

    def store(when: int) -> None:
        if cache is not None and len(fresh) >= when:
            cache.put_many(fresh)
            fresh.clear()

    try:
        with ThreadPoolExecutor() as pool:
            for start in range(0, len(rows), _AT_ONCE):
                files = list(pool.map(_read, (row.path for row in rows[start : start + _AT_ONCE])))
                found = _cached(cache, (file.sha256 for file in files))
                unknown = {file.sha256: file.data for file in files if file.data and file.sha256 not in found}
                for digest, value in zip(unknown, pool.map(_open, unknown.values()), strict=True):
                    found[digest] = value
                    if value[0] != PhotoUnsupported.status:  # quick to find out, and another installation may read it
                        fresh[_key(digest)] = _pack(*value)
                facts += [PhotoFacts(file.sha256, *(found.get(file.sha256) or (file.status, None))) for file in files]
                store(_STORED_AT_ONCE)
                if advance:
                    advance(len(files))
    finally:  # whoever breaks off half-way goes on from there
        store(1)
    return facts


def say_unusable(rows: Sequence[PhotoRow], facts: Sequence[PhotoFacts]) -> str:
    """Return which photos cannot be used, for an error message; ``""`` where all can.

    Args:
        rows: the photos.
        facts: of each row.
    """
    paths: dict[str, list[Path]] = {}
    for row, fact in zip(rows, facts, strict=True):
        if fact.status != "ok":
            paths.setdefault(fact.status, []).append(row.path)
    kinds = []
    for status, found in paths.items():
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        kinds.append(f"{status}: {', '.join(map(str, found[:_NAMED]))}{more}")
    return f" These cannot be used: {'; '.join(kinds)}." if kinds else ""


_Opened = tuple[str, NDArray[np.uint8] | None]  # status and thumbnail


@dataclass(frozen=True, slots=True)
class _File:
    sha256: str
    status: str
    data: bytes


def _read(path: Path) -> _File:
    try:
        data = load_photo(path)
    except PhotoError as error:
        return _File("", error.status, b"")
    return _File(hashlib.sha256(data).hexdigest(), "ok", data)


def _open(data: bytes) -> _Opened:
    try:
        image = open_photo(data, at_least=(SIDE, SIDE))
    except PhotoError as error:
        return error.status, None
    # Box: every pixel counts once, so a small copy of a photo gives nearly the same thumbnail.
    return "ok", np.asarray(image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX))


def _key(digest: str) -> str:
    return f"facts-v1:{digest}"


def _pack(status: str, thumbnail: NDArray[np.uint8] | None) -> bytes:
    return status.encode() + b"\n" + (b"" if thumbnail is None else thumbnail.tobytes())


def _unpack(value: bytes) -> _Opened:
    status, _, pixels = value.partition(b"\n")
    return status.decode(), np.frombuffer(pixels, np.uint8).reshape(SIDE, SIDE) if pixels else None


def _cached(cache: Cache | None, digests: Iterable[str]) -> dict[str, _Opened]:
    keys = [_key(digest) for digest in dict.fromkeys(digests) if digest]
    if cache is None or not keys:
        return {}
    return {key.partition(":")[2]: _unpack(value) for key, value in cache.get_many(keys)}
