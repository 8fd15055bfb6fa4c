"""Write reviewed corrections as a data set: photos, a manifest that `ecosorter train` takes, and a README.

::

    DIR/
      manifest.csv                             path,label,source,group,item
      photos/<contributor>/<sha256>.jpg
      README.md                                what it is, and what may be done with it

The manifest's `group` is the contributor's pseudonym. Class folders with a folder for each contributor could not say
that: there, the photos of one contributor in two classes would be two groups.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ecosorter.datasets.manifest import table_text
from ecosorter.errors import StoreError
from ecosorter.files import is_part, reason, write_bytes, write_text
from ecosorter.folders import is_clutter
from ecosorter.serving.store import Store
from ecosorter.serving.store.corrections import Listed
from ecosorter.texts import Language, class_name, texts

SOURCE = "corrections"
"""The one source of all photos: contributors are groups in it."""

_MADE = {"manifest.csv", "photos", "README.md"}
_PHOTO = re.compile(r"[0-9a-f]{64}\.jpg")


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export holds: photos by class, contributors, and how many photos of an earlier export were removed."""

    classes: Mapping[str, int]
    contributors: int
    removed: int


def export(store: Store, folder: Path, *, language: Language) -> Exported:
    """Bring a folder to what the store holds now: what was reviewed since is added, what was withdrawn is removed.

    A photo that one contributor sent several times is there once, under the label that was settled last. Killed at
    any moment, the manifest names only photos that are there; running it again does the rest.

    Args:
        store: where the corrections are.
        folder: a new one, or one of an earlier export.
        language: of the README.

    Raises:
        StoreError: the folder holds something else or cannot be written, or the store does not answer.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if other := sorted(
            path.name for path in folder.iterdir() if path.name not in _MADE and not is_clutter(path.name)
        ):
            raise StoreError(f"{folder} holds something else ({other[0]}); give a new folder, or an earlier export's.")
        chosen = {(row.contributor, row.photo): row for row in store.corrections.usable()}
        rows = sorted(
            (row for row in chosen.values() if _copied(store, row, folder)), key=lambda row: _place(row).as_posix()
        )
        write_bytes(folder / "manifest.csv", _manifest(rows))
        removed = _remove_others(folder, {folder / _place(row) for row in rows})
        exported = Exported(
            classes=dict(sorted(Counter(str(row.settled) for row in rows).items())),
            contributors=len({row.contributor for row in rows}),
            removed=removed,
        )
        write_text(folder / "README.md", _readme(exported, language))
    except OSError as error:
        raise StoreError(f"{folder} cannot be written ({reason(error)}); give another folder.") from error
    return exported


def _place(row: Listed) -> Path:
    return Path("photos", row.contributor, f"{row.photo}.jpg")


def _copied(store: Store, row: Listed, folder: Path) -> bool:
    """Copy a photo unless it is there; False when it was withdrawn a moment ago."""
    target = folder / _place(row)
    if target.exists():
        return True
    jpeg = store.reviews.photo(row.id)
    if jpeg is None:
        return False
    write_bytes(target, jpeg)
    return True


def _manifest(rows: Iterable[Listed]) -> bytes:
    lines = []
    for row in rows:
        item = row.item if row.settled == row.truth else None  # of another class it is another item
        lines.append((_place(row).as_posix(), row.settled, SOURCE, row.contributor, item or ""))
    return table_text(lines).encode()


def _remove_others(folder: Path, wanted: set[Path]) -> int:
    """Remove photos that are wanted no more, and what a kill has left; nothing that an export would not have made."""
    removed = 0
    for part in [path for path in folder.rglob(".*") if path.is_file() and is_part(path.name)]:
        part.unlink()
    for contributor in [
        path
        for path in folder.glob("photos/*")
        if path.is_dir() and not path.is_symlink() and not is_clutter(path.name)
    ]:
        for photo in contributor.iterdir():
            if photo not in wanted and _PHOTO.fullmatch(photo.name):
                photo.unlink()
                removed += 1
        if not any(contributor.iterdir()):
            contributor.rmdir()
    return removed


def _readme(exported: Exported, language: Language) -> str:
    words = texts("corrections", language)
    classes = "\n".join(f"- {class_name(label, language)} (`{label}`): {n}" for label, n in exported.classes.items())
    return words["readme"].format(
        photos=sum(exported.classes.values()), contributors=exported.contributors, classes=classes
    )
