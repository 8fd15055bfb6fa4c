"""Look over a data set before training: what is in it, and what would spoil a model or its measured accuracy."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, computed_field

from ecosorter.datasets.cache import Cache
from ecosorter.datasets.dataset import Dataset, PhotoRow
from ecosorter.datasets.duplicates import exact_duplicates, find_groups, near_duplicates
from ecosorter.datasets.scan import photo_facts
from ecosorter.progress import Progress, Silent
from ecosorter.texts import Language, class_name, texts

ENOUGH = 50
"""Different photos that a class should have. A test part of 20 % then holds ten of them, and a recall of 0.8 measured
on ten is anything from 0.44 to 0.97 (95 % Clopper-Pearson interval): with fewer, not even that is known."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AuditedPhoto(_Part):
    """A photo as a report names it."""

    path: str
    label: str
    source: str


class UnreadablePhoto(AuditedPhoto):
    """A photo that cannot be used; `status` is the word for the reason (errors.py)."""

    status: str


class Copies(_Part):
    """Photos that show the same picture.

    Attributes:
        photos: two or more; exactly two where they are only nearly the same.
        similarity: 1 for the same bytes, else of the near-duplicate (duplicates.py).
        mirrored: the second is the first seen in a mirror.
    """

    photos: tuple[AuditedPhoto, ...]
    similarity: float = 1.0
    mirrored: bool = False

    @computed_field  # type: ignore[prop-decorator]
    @property
    def labels_disagree(self) -> bool:
        """Whether at least one of the labels is wrong."""
        return len({photo.label for photo in self.photos}) > 1


class Audit(_Part):
    """What was found in a data set.

    Attributes:
        photos: how many are listed, readable or not.
        classes: names, sorted.
        counts: readable photos by source and class; a class that a source lacks is 0.
        unreadable: photos that training leaves out.
        exact: photos with the same bytes.
        near: near-duplicate pairs, the most alike first. Of photos with the same bytes only the first takes part.
        different: photos of each class, copies, near-duplicates and given groups counted once.
        groups: how many groups the photos form, and `largest_group`: photos of the largest.
        small_classes: classes with fewer than `ENOUGH` different photos.
        one_class_sources: the class of each source that has only one, where there are several classes.
        one_source_classes: the source of each class that has only one, where there are several sources.
    """

    photos: int
    classes: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    unreadable: list[UnreadablePhoto]
    exact: list[Copies]
    near: list[Copies]
    different: dict[str, int]
    groups: int
    largest_group: int
    small_classes: list[str]
    one_class_sources: dict[str, str]
    one_source_classes: dict[str, str]

    @property
    def label_errors(self) -> list[Copies]:
        """Copies and near-duplicates under different labels."""
        return [copies for copies in (*self.exact, *self.near) if copies.labels_disagree]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def needs_person(self) -> bool:
        """Whether there is anything that somebody should correct or decide.

        Copies under one label are not: the split keeps them together.
        """
        return bool(
            self.unreadable
            or self.label_errors
            or self.small_classes
            or self.one_class_sources
            or self.one_source_classes
        )


def audit(dataset: Dataset, cache: Cache | None = None, *, progress: Progress | None = None) -> Audit:
    """Look over every photo of a data set.

    Args:
        dataset: the photos.
        cache: of photo facts; None keeps none.
        progress: is told how far the work is.
    """
    progress = progress or Silent()
    rows = dataset.rows
    with progress.stage("photos", len(rows)) as advance:
        facts = photo_facts(rows, cache, advance)
    with progress.stage("compare", len(rows)) as advance:
        near = near_duplicates(rows, facts, advance)
    groups = find_groups(rows, facts, near).tolist()
    good = [index for index, fact in enumerate(facts) if fact.status == "ok"]
    counts = Counter((rows[index].source, rows[index].label) for index in good)
    different = Counter(label for label, _ in {(rows[index].label, groups[index]) for index in good})
    return Audit(
        photos=len(rows),
        classes=dataset.classes,
        counts={source: {label: counts[source, label] for label in dataset.classes} for source in dataset.sources},
        unreadable=[
            UnreadablePhoto(**_photo(row).model_dump(), status=fact.status)
            for row, fact in zip(rows, facts, strict=True)
            if fact.status != "ok"
        ],
        exact=[Copies(photos=tuple(_photo(rows[i]) for i in same)) for same in exact_duplicates(facts)],
        near=[
            Copies(
                photos=(_photo(rows[pair.first]), _photo(rows[pair.second])),
                similarity=round(pair.similarity, 3),
                mirrored=pair.mirrored,
            )
            for pair in sorted(near, key=lambda pair: -pair.similarity)
        ],
        different={label: different[label] for label in dataset.classes},
        groups=len(set(groups)),
        largest_group=max(Counter(groups).values(), default=0),
        small_classes=[label for label in dataset.classes if different[label] < ENOUGH],
        one_class_sources=_only(counts) if len(dataset.classes) > 1 else {},
        one_source_classes=_only((label, source) for source, label in counts) if len(dataset.sources) > 1 else {},
    )


def _photo(row: PhotoRow) -> AuditedPhoto:
    # A name that is no UTF-8 must not stop the report.
    path = str(row.path).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return AuditedPhoto(path=path, label=row.label, source=row.source)


def _only(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the second by the first, of those firsts that are paired with one second only."""
    found: dict[str, set[str]] = {}
    for first, second in pairs:
        found.setdefault(first, set()).add(second)
    return {first: seconds.pop() for first, seconds in sorted(found.items()) if len(seconds) == 1}


class Finding(NamedTuple):
    """One thing worth knowing: a sentence, and whether somebody should do something about it."""

    needs_person: bool
    text: str


def findings(audit: Audit, language: Language) -> list[Finding]:
    """Say in sentences what an audit found, what needs a person first; never an empty list."""
    words = texts("audit", language)

    def listed(pairs: Iterable[tuple[str, object]]) -> str:
        return ", ".join(f"{class_name(first, language)} ({second})" for first, second in pairs)

    said = []
    if audit.label_errors:
        said.append(Finding(True, words["label_errors"].format(n=len(audit.label_errors))))
    if audit.unreadable:
        said.append(Finding(True, words["unreadable"].format(n=len(audit.unreadable))))
    if audit.small_classes:
        small = listed((label, audit.different[label]) for label in audit.small_classes)
        said.append(Finding(True, words["small_classes"].format(list=small, enough=ENOUGH)))
    if audit.one_class_sources:
        sources = ", ".join(f"{s} ({class_name(label, language)})" for s, label in audit.one_class_sources.items())
        said.append(Finding(True, words["one_class_sources"].format(list=sources)))
    if audit.one_source_classes:
        said.append(Finding(True, words["one_source_classes"].format(list=listed(audit.one_source_classes.items()))))
    agreeing = [copies for copies in audit.exact if not copies.labels_disagree]
    if agreeing:
        extra = sum(len(copies.photos) - 1 for copies in agreeing)
        said.append(Finding(False, words["exact_found"].format(n=extra)))
    if alike := sum(not copies.labels_disagree for copies in audit.near):
        said.append(Finding(False, words["near_found"].format(n=alike)))
    if len(audit.counts) == 1:
        said.append(Finding(False, words["single_source"].format(source=next(iter(audit.counts)))))
    return said or [Finding(False, words["nothing"])]
