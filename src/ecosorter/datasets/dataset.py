"""Read a data set: labelled photos from folders or from a CSV manifest.

A folder of photos has one of two shapes::

    trashnet/glass/a.jpg                 (a) class folders: one source, named like the folder
    trashnet/glass/bottle-17/b.jpg           photos in a sub-folder of a class show one object: a group
    photos/trashnet/glass/a.jpg          (b) folders of class folders: one source each

Photos that lie directly in one of its sub-folders make it (a). Without any, it is (a) if all sub-folders have names
of known classes (aliases.toml) and not all of theirs have, else (b). Where that does not fit, write a manifest::

    path,label,source,group,item,author,licence,url
    photos/a.jpg,kaca,kitchen,bottle-17,botol-kaca,,,

Relative paths start at the manifest's folder. All columns but the first two may be missing or empty: the source is then
the manifest's file name without its ending. Other columns are ignored (manifest.py).

A folder that holds a ``manifest.csv`` is read by it: one that is given, or one among folders of class folders.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecosorter.datasets.class_names import nearest_known, one_of_the_seven
from ecosorter.datasets.manifest import MANIFEST, load_table, path_fault, table_text
from ecosorter.errors import DatasetError
from ecosorter.files import address_in, write_bytes
from ecosorter.folders import find_photos, is_clutter

_NAMED_AT_MOST = 5  # of many like faults, so that a message stays readable


@dataclass(frozen=True, slots=True)
class PhotoRow:
    """One labelled photo.

    Attributes:
        path: where it lies; it need not be readable.
        label: its class.
        source: whose photos these are: one camera, place or data set.
        group: photos of one source with the same group show the same object; ``""`` means that nothing is known.
        item: id of the item that it shows, as in `ecosorter items`; ``""`` where it is not known.
        author, licence, url: of the photo, and the page that shows it; ``""`` where the manifest names none.
    """

    path: Path
    label: str
    source: str
    group: str = ""
    item: str = ""
    author: str = ""
    licence: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled photos, and the classes that occur among them, sorted."""

    rows: tuple[PhotoRow, ...]
    classes: tuple[str, ...]

    @property
    def labels(self) -> NDArray[np.int64]:
        """``[rows]``: the index in `classes` of each row's label."""
        index = {name: i for i, name in enumerate(self.classes)}
        return np.array([index[row.label] for row in self.rows], dtype=np.int64)

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the sources, each once, sorted."""
        return tuple(sorted({row.source for row in self.rows}))


def load_dataset(paths: Sequence[Path], *, own_classes: bool = False) -> Dataset:
    """Read folders and manifests into one data set.

    Args:
        paths: each a folder or a CSV manifest, as the module's docstring says.
        own_classes: keep the class names as they are instead of mapping them to the seven.

    Returns:
        Rows in the order of `paths`, within a folder sorted by path. No photo is opened.

    Raises:
        DatasetError: nothing there, no photos, an unknown class name, a broken manifest, a photo listed twice, or
            two folders that would be sources of the same name.
    """
    rows: list[PhotoRow] = []
    folder_of_source: dict[str, Path] = {}
    for path in paths:
        if path.is_dir():
            found = _read_given(path, own_classes)
            folder = Path(os.path.abspath(path))  # noqa: PTH100 - Path.resolve would follow links
            for source in dict.fromkeys(row.source for row in found):
                if (other := folder_of_source.setdefault(source, folder)) != folder:
                    raise DatasetError(f"{other} and {folder} both have a source '{source}'; rename one folder.")
        elif path.exists():
            found = _read_manifest(path, own_classes)
        elif address := address_in(path):
            raise DatasetError(
                f"{address} is an address; download the photos and give their folder, or a CSV manifest. "
                "`ecosorter photos fetch` downloads published sets."
            )
        else:
            raise DatasetError(f"There is no {path}; give a folder of class folders or a CSV manifest.")
        if not found:
            raise DatasetError(f"{path} lists no photos.")
        rows += found
    _refuse_repeated(rows)
    return dataset_of(rows)


def dataset_of(rows: Iterable[PhotoRow]) -> Dataset:
    """Return a data set of these rows, with the classes that occur in them."""
    kept = tuple(rows)
    return Dataset(kept, tuple(sorted({row.label for row in kept})))


def write_manifest(dataset: Dataset, path: Path) -> None:
    """Write a data set as a CSV manifest that `load_dataset` reads back to the same rows.

    Paths below the manifest's folder are written relative to it, others absolute. Class names of one's own
    are only kept when it is read with `own_classes`.

    Raises:
        DatasetError: a name that is not text (bytes that are no UTF-8).
    """
    folder = os.path.abspath(path.parent)  # noqa: PTH100 - Path.resolve would follow links

    def shown(photo: Path) -> Path:
        whole = Path(os.path.abspath(photo))  # noqa: PTH100
        return whole.relative_to(folder) if whole.is_relative_to(folder) else whole

    credit = attrgetter("label", "source", "group", "item", "author", "licence", "url")
    text = table_text((shown(row.path), *credit(row)) for row in dataset.rows)
    try:
        content = text.encode()
    except UnicodeEncodeError as error:
        raise DatasetError(f"A file name is no UTF-8 text and has no place in a manifest: {error}") from error
    write_bytes(path, content)


def fingerprint(photos: Iterable[tuple[str, str]]) -> str:
    """Return what tells a set of labelled photos from any other: it changes with every photo's bytes or label.

    Args:
        photos: (SHA-256 of the bytes, label) of each photo, in any order; the hash is ``""`` where the bytes cannot
            be read. Paths do not matter.

    Returns:
        A SHA-256 in hexadecimal, over the sorted pairs.
    """
    pairs = sorted(f"{digest} {label}\n" for digest, label in photos)
    return hashlib.sha256("".join(pairs).encode("utf-8", "surrogateescape")).hexdigest()


def _read_given(folder: Path, own_classes: bool) -> list[PhotoRow]:
    """Read a folder: what has a manifest by it, the rest by the names of its folders."""
    if (folder / MANIFEST).is_file():
        return _read_manifest(folder / MANIFEST, own_classes)
    manifests = sorted(path for path in folder.glob(f"*/{MANIFEST}") if not is_clutter(path.parent.name))
    listed = {manifest.parent.name for manifest in manifests}
    rows = [row for manifest in manifests for row in _read_manifest(manifest, own_classes)]
    return rows + _read_folder(folder, own_classes, listed)


def _read_folder(folder: Path, own_classes: bool, listed: Set[str]) -> list[PhotoRow]:
    found = [(photo, photo.relative_to(folder).parts) for photo in find_photos([folder])]
    photos = [(photo, parts) for photo, parts in found if parts[0] not in listed]
    if not photos:
        return []
    for photo, parts in photos:
        if len(parts) < 2:
            if photo.is_dir():
                raise DatasetError(f"{photo} cannot be listed; check its permissions.")
            raise DatasetError(
                f"{photo} lies directly in {folder}, where class folders should be: give the folder above, "
                "or move the photo into the folder of its class."
            )
    if _holds_classes(folder, [parts[:-1] for _, parts in photos]):
        named = [(photo, _name_of(folder), parts) for photo, parts in photos]
    else:
        named = [(photo, parts[0], parts[1:]) for photo, parts in photos]
    labels = _labels((parts[0] for _, _, parts in named), folder, own_classes)
    return [
        PhotoRow(photo, labels[parts[0]], source, "/".join(parts[:-1]) if len(parts) > 2 else "")
        for photo, source, parts in named
    ]


def _holds_classes(folder: Path, places: Sequence[tuple[str, ...]]) -> bool:
    """Tell whether a folder holds class folders (a) or folders of class folders (b).

    Args:
        folder: for error messages.
        places: the names of the folders between `folder` and each photo, at least one.

    Raises:
        DatasetError: some sub-folders can only be classes and some only sources.
    """
    classes = dict.fromkeys(place[0] for place in places)
    direct = {place[0] for place in places if len(place) == 1}
    if not direct:
        below = {place[1] for place in places}
        return all(map(one_of_the_seven, classes)) and not all(map(one_of_the_seven, below))
    if other := next((name for name in classes if name not in direct and not one_of_the_seven(name)), None):
        raise DatasetError(
            f"{folder} mixes class folders ('{min(direct)}' has photos directly in it) with other folders "
            f"('{other}' has none, and is no class name): give either class folders, or one folder a source with "
            "class folders in it."
        )
    return True


def _name_of(path: Path) -> str:
    return Path(os.path.abspath(path)).name or "photos"  # noqa: PTH100 - `.` and `..` have a name too


def _labels(names: Iterable[str], where: Path, own_classes: bool) -> dict[str, str]:
    """Return the label of each class name, or refuse the unknown ones together."""
    labels = {name: name.strip() if own_classes else one_of_the_seven(name) for name in dict.fromkeys(names)}
    unknown = [_unknown(name) for name, label in labels.items() if label is None]
    if unknown:
        raise DatasetError(f"{where} has {_few(unknown)}. {_ADVICE}")
    return {name: label for name, label in labels.items() if label is not None}


_ADVICE = "Rename what is meant as one of the seven, or keep your own class names with `--classes own`."


def _unknown(name: str) -> str:
    near = nearest_known(name)
    return f"an unknown class '{name}'" + (f" (did you mean {' or '.join(near)}?)" if near else "")


def _few(faults: Sequence[str]) -> str:
    more = len(faults) - _NAMED_AT_MOST
    return "; ".join(faults[:_NAMED_AT_MOST]) + (f"; and {more} more" if more > 0 else "")


def _read_manifest(manifest: Path, own_classes: bool) -> list[PhotoRow]:
    rows: list[PhotoRow] = []
    faults: list[str] = []
    for line in load_table(manifest):
        row = line.fault or _row(line.cells, manifest, own_classes)
        if isinstance(row, str):
            faults.append(f"line {line.number}: {row}")
        else:
            rows.append(row)
    if faults:
        advice = f" {_ADVICE}" if any("unknown class" in fault for fault in faults) else ""
        raise DatasetError(f"{manifest}, {_few(faults)}.{advice}")
    return rows


def _row(cells: Mapping[str, str], manifest: Path, own_classes: bool) -> PhotoRow | str:
    """Return a line of a manifest as a row, or what is wrong with it."""
    path, name = cells["path"], cells["label"].strip()
    if not path.strip():
        return "the path is empty"
    if fault := path_fault(path, manifest.parent):
        return fault
    if not name:
        return "the label is empty"
    label = name if own_classes else one_of_the_seven(name)
    if label is None:
        return _unknown(name)
    source = cells["source"].strip() or manifest.stem
    rest = (cells[name].strip() for name in ("group", "item", "author", "licence", "url"))
    return PhotoRow(manifest.parent / path, label, source, *rest)


def _refuse_repeated(rows: Sequence[PhotoRow]) -> None:
    seen: dict[str, PhotoRow] = {}
    for row in rows:
        first = seen.setdefault(os.path.abspath(row.path), row)  # noqa: PTH100 - resolving 50,000 links is slow
        if first is not row:
            labels = "" if first.label == row.label else f", as '{first.label}' and as '{row.label}'"
            raise DatasetError(f"{row.path} is listed twice{labels}; list every photo once.")
