"""A whole training run, from folders of photos to a bundle and a report.

::

folders -> manifest -> facts and groups -> features -> split by group -> balance (training rows only) -> fit
        -> evaluate once -> export -> bundle + report
"""

import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from ecosorter.datasets.cache import Cache
from ecosorter.datasets.dataset import read_dataset
from ecosorter.datasets.photoset import Index, PhotoSet, usable_photos
from ecosorter.datasets.splits import folds
from ecosorter.evaluation.scores import Scores
from ecosorter.progress import Advance, Progress, Silent
from ecosorter.texts import Language
from ecosorter.texts.note import Note
from ecosorter.training.backbones.find import find_backbone
from ecosorter.training.experiment import (
    Outcome,
    Prepared,
    Table,
    balance_after_split,
    balance_before_split,
    feature_table,
    labelled_predictions,
    run_fit,
    score_rows,
    split_fold,
    split_table,
)
from ecosorter.training.export.export import export_bundle, made_with
from ecosorter.training.features import FeatureSource
from ecosorter.training.fit.device import head_device
from ecosorter.training.fit.loop import OnEpoch
from ecosorter.training.journal import Journal
from ecosorter.training.recipe import Recipe
from ecosorter.training.report.report import write_report
from ecosorter.training.results import Epoch, RunResult
from ecosorter.training.runfolder import RunFolder
from ecosorter.training.tracking.tracker import Tracker


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks for beside the recipe.

    Attributes:
        photos: folders and manifests (dataset.py).
        out: folder of the run.
        own_classes: keep the photos' own class names instead of mapping them to the seven.
        hold_out: sources that are kept from training and measured on at the end.
        folds: cross-validation folds, 0 for none.
        language: of the report.
        pool: `joined` (pool.py), to compute the features in its processes.
    """

    photos: tuple[Path, ...]
    out: Path
    own_classes: bool = False
    hold_out: tuple[str, ...] = ()
    folds: int = 0
    language: Language = "en"
    pool: AbstractContextManager[None] | None = None


def train(
    request: Request, recipe: Recipe, cache: Cache, tracker: Tracker, progress: Progress | None = None
) -> RunResult:
    """Train, measure and export a model; go on where an earlier run into the same folder was cut off.

    Args:
        request: photos, output folder, options.
        recipe: every choice of the run.
        cache: of features and photo facts.
        tracker: is told of every epoch and of the end; cannot stop the run.
        progress: is told how far the work is.

    Returns:
        What was found out; the same is in `request.out`.

    Raises:
        EcoSorterError: a data set, backbone, recipe or folder that cannot be used, or an export that is refused.
    """
    progress = progress or Silent()
    head_device(recipe.trainer)  # refuses before the work, not after it
    backbone = find_backbone(recipe.features.backbone)
    spec, assumed = (recipe.features.preprocess, []) if recipe.features.preprocess else backbone.preprocess()
    source = FeatureSource(backbone, spec, recipe.features.output)
    photos = usable_photos(read_dataset(request.photos, own_classes=request.own_classes), cache, progress)
    photos.check_sources(request.hold_out)

    folder = RunFolder(request.out)
    created = folder.claim(
        {
            "recipe": recipe.model_dump(mode="json"),
            "backbone": backbone.fingerprint,
            "preprocess": spec.model_dump(mode="json"),
            "sources": {entry.name: entry.fingerprint for entry in photos.sources},
            "hold_out": list(request.hold_out),
            "folds": request.folds,
        }
    )
    if done := folder.finished():
        progress.note(Note(key="finished", values={"run": str(request.out)}).say(request.language))
        return done

    run = _Run(folder, recipe, photos, source, cache, tracker, progress)
    # Two runs may be called alike; the date tells them apart and stays when a run goes on.
    tracker.start(f"{folder.id}-{re.sub(r'[^0-9]', '', created)[:14]}", recipe.model_dump(mode="json"), recipe.name)
    try:
        result = run.result(request, created, [*photos.notes, *photos.lost_classes(request.hold_out), *assumed])
        write_report(folder.report, result, language=request.language)
    except BaseException as error:
        tracker.fail(f"{type(error).__name__}: {error}")
        raise
    Journal(folder.path).result(result)
    folder.finish(result)  # before the tracker, which may upload for long and be interrupted
    tracker.finish(result, folder.bundle, folder.report)
    return result


class _Run:
    """What the steps of one run share."""

    def __init__(
        self,
        folder: RunFolder,
        recipe: Recipe,
        photos: PhotoSet,
        source: FeatureSource,
        cache: Cache,
        tracker: Tracker,
        progress: Progress,
    ) -> None:
        self._folder, self._recipe, self._photos = folder, recipe, photos
        self._source, self._cache = source, cache
        self._tracker, self._progress = tracker, progress
        self._journal = Journal(folder.path)

    def result(self, request: Request, created: str, notes: list[Note]) -> RunResult:
        """Fit, measure and export; return everything that was found out."""
        photos = self._photos
        # The features, a gigabyte perhaps, are gone when the export begins.
        table = feature_table(
            photos, self._source, self._cache, self._recipe.features.batch_size, self._progress, request.pool
        )
        result, main, compare_on = self._measure(table, request, created, notes)
        del table
        with self._progress.stage("export", len(compare_on)) as advance:
            files = [photos.file(row) for row in compare_on]
            export_bundle(self._folder.bundle, result, main, self._source, files, self._cache, advance)
        return result

    def _measure(
        self, table: Table, request: Request, created: str, notes: list[Note]
    ) -> tuple[RunResult, Outcome, Index]:
        """Fit and measure; return the figures, the fit to export, and the photos to prove the export on."""
        photos, recipe = self._photos, self._recipe
        seen, held_out = photos.hold_out(request.hold_out)
        parts = split_table(table, seen, recipe)
        orders: list[Callable[[], Prepared]] = [lambda: balance_after_split(table, parts, recipe)]
        if recipe.balance.method == "smote":
            orders.append(lambda: balance_before_split(table, seen, recipe))
        if recipe.balance.when == "before-split":
            orders.reverse()
        prepared = [order() for order in (orders if recipe.balance.compare else orders[:1])]
        others = prepared[1:]
        with self._ahead(table, others):
            main = self._fit(table, prepared[0], prepared[0].name)
        compared = [self._fit(table, rows, rows.name) for rows in others]
        result = RunResult(
            id=self._folder.id,
            created=created,
            classes=photos.classes,
            recipe=recipe.model_dump(mode="json"),
            sources=photos.sources,
            split={part: len(index) for part, index in parts.items()},
            fit=main.record,
            compared=compared[0].record if compared else None,
            held_out={name: score_rows(main, table, rows, recipe.seed) for name, rows in held_out.items()},
            folds=self._folds(table, seen, request.folds),
            answers=labelled_predictions(photos, prepared[0].test_photos, main.test_probabilities),
            notes=[*notes, *_distinct(note for rows in prepared for note in rows.notes)],
            made_with=made_with(),
        )
        return result, main, parts.get("validation", parts["train"][:64])

    def _fit(self, table: Table, prepared: Prepared, name: str) -> Outcome:
        with self._progress.stage(f"fit {name}", self._recipe.fit.epochs) as advance:
            tell = self._teller(name, advance)
            outcome = run_fit(prepared, table, self._recipe, self._folder.checkpoints / name, tell)
            for epoch in outcome.record.epochs:  # those that were fitted ahead are not told yet
                tell(epoch)
            return outcome

    @contextmanager
    def _ahead(self, table: Table, others: list[Prepared]) -> Iterator[None]:
        """Fit these too while a block runs, in a thread of their own; they then wait as checkpoints.

        The steps of a head use one core, and torch takes them without Python's lock. An error comes again, and is
        heard, when the fit is asked for.
        """
        over = Event()

        def stop_when_over(_: Epoch) -> None:
            if over.is_set():
                raise CancelledError

        with ThreadPoolExecutor(max_workers=1) as pool:
            fits = [
                pool.submit(run_fit, rows, table, self._recipe, self._folder.checkpoints / rows.name, stop_when_over)
                for rows in others
            ]
            try:
                yield
                wait(fits)
            finally:
                over.set()

    def _teller(self, name: str, advance: Advance) -> OnEpoch:
        """Return a function that tells journal, tracker and progress of an epoch."""
        known = len(self._journal.epochs(name))
        advance(known)

        def tell(epoch: Epoch) -> None:
            nonlocal known
            if epoch.epoch >= known:  # after a resume some epochs are told again
                advance(1)
                self._journal.epoch(name, epoch)
                self._tracker.epoch(name, epoch)
                known = epoch.epoch + 1

        return tell

    def _folds(self, table: Table, seen: Index, number: int) -> list[Scores]:
        if not number:
            return []
        recipe = self._recipe
        pairs = folds(table.labels[seen], table.groups[seen], number, recipe.seed, classes=table.classes)
        scores = []
        for index, (train_rows, test_rows) in enumerate(pairs, start=1):
            parts = split_fold(table, seen[train_rows], seen[test_rows], recipe)
            prepared = balance_after_split(table, parts, recipe)
            scores.append(self._fit(table, prepared, f"fold-{index}-of-{number}").record.scores)
        return scores


def _distinct(notes: Iterable[Note]) -> list[Note]:
    return list({note.model_dump_json(): note for note in notes}.values())
