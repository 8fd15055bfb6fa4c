"""Make a candidate of what people said, measure it beside the model in use, and put both into the registry.

Every candidate is taught anew from the model at the root of the line, the last one that learnt from no correction: so
what was withdrawn, relabelled or doubted since is not in it, neither in its head nor in its bank.
"""

import hashlib
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from ecosorter.bundle import load_bundle, shipped_bundles
from ecosorter.classifier import Classifier
from ecosorter.datasets.dataset import Dataset, load_dataset
from ecosorter.datasets.manifest import table_text
from ecosorter.errors import BundleError, EcoSorterError
from ecosorter.evaluation.evaluate import Evaluation, evaluate_bundle
from ecosorter.evaluation.metrics import score
from ecosorter.evaluation.scores import LabelledPrediction
from ecosorter.files import write_bytes
from ecosorter.progress import Progress, Silent
from ecosorter.serving.improving.figures import Difference, Doubtful, Figures, Pair
from ecosorter.serving.improving.people import Needs, Parts, difference, divide, doubtful
from ecosorter.serving.store import Store
from ecosorter.serving.store.corrections import Listed
from ecosorter.serving.store.improvements import Outcome
from ecosorter.serving.store.models import Registered
from ecosorter.serving.store.tables import Part
from ecosorter.teaching.teach import OutOfFold, teach

_SOURCE = "corrections"


@dataclass(frozen=True, slots=True)
class Improved:
    """What came of it.

    Attributes:
        outcome: ``candidate`` with `model` and `figures`; ``missing`` with what there is too little of (how many there
            are, how many are needed); ``nothing_new`` since the last one; ``running`` elsewhere, or not due yet.
        model: the candidate.
        figures: of it.
        missing: what there is too little of.
        doubtful: contributors whose labels fit nobody's, and who were left out.
    """

    outcome: Outcome
    model: Registered | None = None
    figures: Figures | None = None
    missing: dict[str, tuple[int, int]] | None = None
    doubtful: tuple[Doubtful, ...] = ()


def improve(
    store: Store,
    model: Path | None = None,
    *,
    who: str,
    needs: Needs = Needs(),  # noqa: B008
    every: timedelta | None = None,
    progress: Progress | None = None,
) -> Improved:
    """Make and register a candidate, where there is enough to learn from.

    Args:
        store: of the corrections and the registry.
        model: the bundle that answers so far, None for the one that comes along; a registry without any model begins
            with it.
        who: asks for it.
        needs: what there must be.
        every: do nothing when the last run began less than this ago.
        progress: is told how far the work is.

    Raises:
        EcoSorterError: the model in use cannot be taught, or the store does not answer; the run is noted as failed.
    """
    with store.improvements.one(who, every) as number:
        if number is None:
            return Improved("running")
        try:
            improved = _improve(store, model, who, needs, progress or Silent())
        except EcoSorterError as error:
            store.improvements.end(number, "failed", {"problem": str(error)})
            raise
        detail: dict[str, Any] = {"missing": improved.missing} if improved.missing else {}
        if improved.doubtful:
            detail["doubtful"] = [each.model_dump() for each in improved.doubtful]
        store.improvements.end(number, improved.outcome, detail, None if improved.model is None else improved.model.id)
        return improved


def yield_to_others() -> None:
    """Work only when nobody else needs the processor, as far as the system knows of such a thing."""
    if sys.platform != "win32":
        os.nice(10)


def _improve(store: Store, folder: Path | None, who: str, needs: Needs, progress: Progress) -> Improved:
    store.models.sweep()
    in_use = store.models.in_state("in_use")
    if in_use is None:
        first = load_bundle(folder or shipped_bundles()[0])
        in_use = store.models.add(first, who=who, why="the first", state="in_use")
    root = _root(store, in_use)
    usable = store.corrections.usable()
    with TemporaryDirectory(prefix="ecosorter-improve-") as name:
        at = Path(name)
        base = store.models.fetch(root, at / "root")
        parts = divide(usable, base.info.classes)
        if missing := parts.missing(needs):
            return Improved("missing", missing=missing)
        fingerprint = _fingerprint(root, parts)
        if _was_made(store, fingerprint):
            return Improved("nothing_new")
        _write_photos(store, [*parts.taught, *parts.held_out], at)
        told = _teach(base.folder, parts.taught, at, "first", progress)
        names = [row.group for row in told.rows]
        doubted = doubtful(names, told.labels, told.after.argmax(axis=1) == told.labels)
        if doubted:
            parts = divide(usable, base.info.classes, without=[each.contributor for each in doubted])
            if missing := parts.missing(needs):
                return Improved("missing", missing=missing, doubtful=doubted)
            if _was_made(store, _fingerprint(root, parts)):  # all that is new is theirs
                return Improved("nothing_new", doubtful=doubted)
            told = _teach(base.folder, parts.taught, at, "second", progress)
        new = load_bundle(at / ("second" if doubted else "first"))
        old = base if in_use.id == root.id else store.models.fetch(in_use, at / "in-use")
        held_out = load_dataset([_manifest(parts.held_out, at, "held-out")], own_classes=True)
        with progress.stage("evaluate", 2 * len(held_out.rows)) as advance:
            before = evaluate_bundle(Classifier.load(old.folder), held_out, advance)
            after = evaluate_bundle(Classifier.load(new.folder), held_out, advance)
        figures = Figures(
            before=str(in_use.id),
            root=str(root.id),
            contributors=(len({row.group for row in told.rows}), len({row.contributor for row in parts.held_out})),
            photos=(len(told.rows), len(held_out.rows)),
            classes=dict(sorted(Counter(row.label for row in told.rows).items())),
            left_out=dict(parts.left_out),
            held_out=Pair(before=before.scores, after=after.scores),
            difference=_difference(before, after, held_out),
            bank=_bank(told, in_use, base.info.temperature),
            doubtful=doubted,
            fingerprint=fingerprint,
        )
        lessons = _lessons(parts, told, after, at)
        if gone := lessons.keys() - {row.id for row in store.corrections.usable()}:
            raise BundleError(f"{len(gone)} photos were withdrawn or judged anew meanwhile; start it again.")
        made = store.models.add(new, who=who, parent=root.id, figures=figures.model_dump(mode="json"), lessons=lessons)
    return Improved("candidate", made, figures, doubtful=doubted)


def _root(store: Store, model: Registered) -> Registered:
    """Return the last model of a line that learnt from no correction."""
    while model.parent is not None and (parent := store.models.get(model.parent)) is not None:
        model = parent
    return model


def _was_made(store: Store, fingerprint: str) -> bool:
    return any(each.figures and each.figures["fingerprint"] == fingerprint for each in store.models.all())


def _fingerprint(root: Registered, parts: Parts) -> str:
    rows = [(row.photo, row.settled, row.contributor) for row in (*parts.taught, *parts.held_out)]
    return hashlib.sha256(repr((root.id.hex, sorted(map(str, rows)))).encode()).hexdigest()


def _photo(at: Path, row: Listed) -> Path:
    return at / "photos" / f"{row.photo}.jpg"


def _write_photos(store: Store, rows: Sequence[Listed], at: Path) -> None:
    for row in rows:
        jpeg = store.reviews.photo(row.id)
        if jpeg is None:
            raise BundleError("A photo was withdrawn meanwhile; start it again.")
        write_bytes(_photo(at, row), jpeg)


def _manifest(rows: Sequence[Listed], at: Path, name: str) -> Path:
    lines = [(_photo(at, row).as_posix(), row.settled, _SOURCE, row.contributor, "") for row in rows]
    path = at / f"{name}.csv"
    write_bytes(path, table_text(lines).encode())
    return path


def _teach(base: Path, rows: Sequence[Listed], at: Path, name: str, progress: Progress) -> OutOfFold:
    told: list[OutOfFold] = []
    manifest = _manifest(rows, at, name)
    teach([manifest], at / name, model=base, own_classes=True, progress=progress, tell=told.append)
    return told[0]


def _lessons(parts: Parts, told: OutOfFold, measured: Evaluation, at: Path) -> dict[UUID, tuple[Part, str]]:
    """Return what each photo was for, and what a head that did not learn from its contributor sees there."""
    seen = {str(row.path): told.info.classes[n] for row, n in zip(told.rows, told.after.argmax(axis=1), strict=True)}
    seen |= {one.path: _best(one) for one in measured.answers}
    rows: list[tuple[Part, Sequence[Listed]]] = [("taught", parts.taught), ("held_out", parts.held_out)]
    return {row.id: (part, seen[str(_photo(at, row))]) for part, group in rows for row in group}


def _difference(before: Evaluation, after: Evaluation, photos: Dataset) -> Difference:
    people = {str(row.path): row.group for row in photos.rows}
    contributors = [people[one.path] for one in before.answers]
    return difference(_right(before), _right(after), contributors)


def _right(evaluation: Evaluation) -> NDArray[np.bool_]:
    return np.array([_best(one) == one.label for one in evaluation.answers])


def _best(answer: LabelledPrediction) -> str:
    return max(answer.probabilities, key=answer.probabilities.__getitem__)


def _bank(told: OutOfFold, in_use: Registered, temperature: float) -> Pair:
    """Return how both do on the bank: the candidate out-of-fold; so the model in use, when people taught it, too."""
    info = told.info
    after = score(
        told.bank_after, told.bank_labels, info.classes, temperature=info.temperature, thresholds=info.thresholds
    )
    if in_use.figures is not None:
        return Pair(before=Figures.model_validate(in_use.figures).bank.after, after=after)
    old = info.classes[: told.bank_before.shape[1]]
    before = score(told.bank_before, told.bank_labels, old, temperature=temperature, thresholds=info.thresholds)
    return Pair(before=before, after=after)
