"""Prepare the photos of a run: leave out the unusable ones, and find the groups."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ecosorter.datasets.cache import Cache
from ecosorter.datasets.credits import licence_of
from ecosorter.datasets.dataset import Dataset, PhotoRow, fingerprint
from ecosorter.datasets.duplicates import find_groups
from ecosorter.datasets.scan import photo_facts, say_unusable
from ecosorter.errors import DatasetError
from ecosorter.progress import Progress
from ecosorter.texts.note import Note

Index = NDArray[np.int64]


class SourceCount(BaseModel):
    """One source of photos.

    Attributes:
        photos: by class.
        fingerprint: of the photos' bytes and labels.
        licence: what the photos say themselves, else what is known of the source; None where nobody says.
        people: photographers whom the manifest names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    photos: dict[str, int]
    fingerprint: str
    licence: str | None = None
    people: int = 0


@dataclass(frozen=True)
class PhotoSet:
    """Usable photos.

    Attributes:
        rows: photo by photo.
        hashes: sha256 of each photo's bytes.
        groups: int64 ``[n]``; photos of one group stay on one side of a split.
        classes: names, sorted.
        sources: counts and fingerprint of each source.
        notes: what was left out, for the reader.
    """

    rows: list[PhotoRow]
    hashes: list[str]
    groups: NDArray[np.int64]
    classes: tuple[str, ...]
    sources: list[SourceCount]
    notes: list[Note]

    def file(self, row: int) -> tuple[Path, str]:
        """Return path and sha256 of one photo."""
        return self.rows[row].path, self.hashes[row]

    @property
    def labels(self) -> NDArray[np.int64]:
        """The number of each photo's class ``[n]``."""
        return np.array([self.classes.index(row.label) for row in self.rows], np.int64)

    @property
    def files(self) -> list[tuple[Path, str]]:
        """Path and sha256 of every photo."""
        return [self.file(row) for row in range(len(self.rows))]

    def count(self, rows: Index) -> dict[str, int]:
        """Return how many of some photos each class has."""
        return dict(
            zip(self.classes, np.bincount(self.labels[rows], minlength=len(self.classes)).tolist(), strict=True)
        )

    def check_sources(self, names: Sequence[str]) -> None:
        """Refuse sources that are not there.

        Raises:
            DatasetError: an unknown source, or nothing left to train on.
        """
        known = {row.source for row in self.rows}
        for name in names:
            if name not in known:
                raise DatasetError(f"No source {name!r} to hold out; the sources are {', '.join(sorted(known))}.")
        if known and not known - set(names):
            raise DatasetError("Every source is held out; leave at least one to train on.")

    def lost_classes(self, held_out: Sequence[str]) -> list[Note]:
        """Return a note for each class that only held-out sources show."""
        left = {row.label for row in self.rows if row.source not in held_out}
        return [Note(key="lost_class", values={"name": name}) for name in self.classes if name not in left]

    def hold_out(self, names: Sequence[str]) -> tuple[Index, dict[str, Index]]:
        """Return the rows to train on, and the rows of each held-out source.

        A photo that shares its group with a held-out one, as a copy in another source does, is not trained on.
        """
        sources = np.array([row.source for row in self.rows])
        held = {name: np.flatnonzero(sources == name) for name in names}
        kept_away = np.isin(self.groups, self.groups[np.isin(sources, list(names))])
        return np.flatnonzero(~kept_away), held


def usable_photos(dataset: Dataset, cache: Cache, progress: Progress) -> PhotoSet:
    """Read every photo once: leave out the unusable ones, find copies and near-copies.

    Args:
        dataset: photos and labels.
        cache: where the facts are kept.
        progress: is told how far the work is.

    Raises:
        DatasetError: when fewer than two classes have usable photos.
    """
    with progress.stage("photos", len(dataset.rows)) as advance:
        facts = photo_facts(dataset.rows, cache, advance)
    good = [index for index, fact in enumerate(facts) if fact.status == "ok"]
    rows = [dataset.rows[index] for index in good]
    classes = tuple(sorted({row.label for row in rows}))
    if len(classes) < 2:
        raise DatasetError(
            f"Training needs usable photos of at least two classes; found {', '.join(classes) or 'none'}."
            f"{say_unusable(dataset.rows, facts)}"
        )
    bad = Counter(fact.status for fact in facts if fact.status != "ok")
    notes = []
    if bad:
        kinds = ", ".join(f"{number} {status}" for status, number in bad.most_common())
        notes.append(Note(key="left_out", values={"number": bad.total(), "kinds": kinds}))
    usable = [facts[index] for index in good]
    hashes = [fact.sha256 for fact in usable]
    return PhotoSet(rows, hashes, find_groups(rows, usable), classes, _sources(rows, hashes), notes)


def _sources(rows: Sequence[PhotoRow], hashes: Sequence[str]) -> list[SourceCount]:
    found = []
    for name in sorted({row.source for row in rows}):
        mine = [index for index, row in enumerate(rows) if row.source == name]
        counts = Counter(rows[index].label for index in mine)
        digest = fingerprint([(hashes[index], rows[index].label) for index in mine])
        found.append(
            SourceCount(
                name=name,
                photos=dict(sorted(counts.items())),
                fingerprint=digest,
                licence=licence_of(name, [rows[index] for index in mine]),
                people=len({rows[index].author for index in mine} - {""}),
            )
        )
    return found
