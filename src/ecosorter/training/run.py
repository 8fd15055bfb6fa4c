"""A whole training run, from folders of photos to a bundle and a report. Every recipe goes this one way.

::

    photos -> groups -> folds -> fit -> answers to what was left out -> calibrate -> score -> export -> bundle + report
"""

import gc
import re
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecosorter.datasets.cache import Cache
from ecosorter.datasets.dataset import read_dataset
from ecosorter.datasets.photoset import Index, PhotoSet, usable_photos
from ecosorter.datasets.splits import folds
from ecosorter.decision import softmax
from ecosorter.evaluation.metrics import score
from ecosorter.evaluation.out_of_fold import Calibration, OutOfFold, calibrate
from ecosorter.evaluation.protocols import groups_left_out
from ecosorter.evaluation.scores import LabelledPrediction, Scores
from ecosorter.files import write_whole
from ecosorter.preprocess import PreprocessSpec
from ecosorter.progress import Advance, Progress, Silent
from ecosorter.texts import Language
from ecosorter.texts.note import Note
from ecosorter.training.backbones.backbone import Backbone
from ecosorter.training.backbones.find import find_backbone
from ecosorter.training.export.bundle import export_bundle, made_with
from ecosorter.training.fit.learner import Answers, Job, Learner, Learnt, Model, OnEpoch, Part
from ecosorter.training.fit.logistic_head import LogisticHeadLearner
from ecosorter.training.fit.parts import split_off_validation, split_parts
from ecosorter.training.fit.stepped_head import SteppedHeadLearner
from ecosorter.training.front import Front
from ecosorter.training.journal import Journal
from ecosorter.training.recipe import Recipe
from ecosorter.training.report.report import write_report
from ecosorter.training.results import Epoch, FitRecord, LinearProbe, RunResult, labelled_predictions
from ecosorter.training.runfolder import RunFolder
from ecosorter.training.tracking.tracker import Tracker

_PROVED = 128  # photos on which graph and trained model must agree, where no validation part is
_LAST = "all"  # name of the fit to all photos


def train(
    photos: Sequence[Path],
    out: Path,
    recipe: Recipe,
    cache: Cache,
    tracker: Tracker,
    *,
    own_classes: bool = False,
    hold_out: Sequence[str] = (),
    fold_number: int = 0,
    language: Language = "en",
    pool: AbstractContextManager[None] | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Train, measure and export a model; go on where an earlier run into the same folder was cut off.

    Of several processes that train a network together, each calls this and gets the same; the first does all but the
    training.

    Args:
        photos: folders and manifests (datasets/dataset.py).
        out: folder of the run; the bundle is `out`/bundle.
        recipe: every choice of the run.
        cache: of features and photo facts.
        tracker: is told of every epoch and of the end; cannot stop the run.
        own_classes: keep the photos' own class names instead of mapping them to the seven.
        hold_out: sources that are kept from training and measured on at the end.
        fold_number: cross-validation folds: beside the protocol ``holdout``, in place of the others; 0 for none.
        language: of the report.
        pool: `joined` (pool.py), to compute the features of heads in its processes.
        progress: is told how far the work is.

    Returns:
        What was found out; the same is in `out`.

    Raises:
        EcoSorterError: a data set, backbone, recipe or folder that cannot be used, or an export that is refused.
    """
    if fold_number and recipe.evaluation.protocol != "holdout":
        kfold = recipe.evaluation.model_copy(update={"protocol": "kfold", "folds": fold_number})
        recipe, fold_number = recipe.model_copy(update={"evaluation": kfold}), 0
    backbone = find_backbone(recipe.features.backbone)
    spec, assumed = (recipe.features.preprocess, []) if recipe.features.preprocess else backbone.preprocess()
    first = not recipe.finetune or _is_first(recipe)
    progress = progress if progress and first else Silent()
    usable = usable_photos(read_dataset(photos, own_classes=own_classes), cache, progress)
    usable.check_sources(hold_out)

    folder = RunFolder(out)
    created = folder.claim(
        {
            "recipe": recipe.model_dump(mode="json"),
            "backbone": backbone.fingerprint,
            "preprocess": spec.model_dump(mode="json"),
            "sources": {entry.name: entry.fingerprint for entry in usable.sources},
            "hold_out": list(hold_out),
            "folds": fold_number,
        },
        first=first,
    )
    if done := folder.finished():
        progress.note(Note(key="finished", values={"run": str(out)}).say(language))
        return done

    seen, held_out = usable.hold_out(hold_out)
    plan = _plan(usable, seen, recipe, fold_number)
    learner = _learner(usable, recipe, backbone, spec, cache, folder, progress, pool)
    if not first:
        _help(learner, plan)
        return folder.wait()
    # Two runs may be called alike; the date tells them apart and stays when a run goes on.
    tracker.start(f"{folder.id}-{re.sub(r'[^0-9]', '', created)[:14]}", recipe.model_dump(mode="json"), recipe.name)
    try:
        run = _Run(folder, recipe, usable, learner, tracker, progress)
        notes = [*usable.notes, *usable.lost_classes(hold_out), *assumed]
        result, model, calibration, prove_on = run.measure(plan, held_out, created, notes)
        del run, learner
        gc.collect()  # features, a gigabyte perhaps, that nothing needs any more
        export_bundle(folder, result, model, calibration, usable, prove_on, spec, recipe, progress)
        write_report(folder.report, result, language=language)
    except BaseException as error:
        tracker.fail(f"{type(error).__name__}: {error}")
        raise
    Journal(folder.path).result(result)
    folder.finish(result)  # before the tracker, which may upload for long and be interrupted
    tracker.finish(result, folder.bundle, folder.report)
    return result


@dataclass(frozen=True, slots=True)
class _Plan:
    """The fits of a run.

    Attributes:
        main: the fit that is exported.
        compared: the same with the other order of balancing and splitting.
        folds: fits that answer what `main` has learnt from; with the protocol ``holdout`` they stand beside it.
        together: the sources that each of `folds` leaves out, with ``leave-sources-out``.
    """

    main: Job
    compared: Job | None
    folds: list[Job]
    together: tuple[tuple[str, ...], ...] = ()

    @property
    def jobs(self) -> list[Job]:
        """Every fit, in the order in which they are made."""
        return [*self.folds, self.main, *([self.compared] if self.compared else [])]


def _plan(photos: PhotoSet, seen: Index, recipe: Recipe, fold_number: int) -> _Plan:
    """Decide which photos each fit learns from and is measured on."""
    rule, seed = recipe.evaluation, recipe.seed

    def fold_jobs(number: int, *, watch: bool) -> list[Job]:
        pairs = folds(photos.labels[seen], photos.groups[seen], number, seed, classes=photos.classes)
        return [
            _fold(photos, f"fold-{place}-of-{number}", seen[others], seen[test], recipe, watch=watch)
            for place, (others, test) in enumerate(pairs, start=1)
        ]

    if rule.protocol == "holdout":
        found = split_parts(photos.labels[seen], photos.groups[seen], photos.classes, recipe.split, seed)
        parts: dict[Part, Index] = {part: seen[rows] for part, rows in found.items()}
        orders = [Job("no-balance" if recipe.balance.method == "none" else "after-split", parts)]
        if recipe.balance.method == "smote":
            orders.append(Job("before-split", parts, before_split=True))
        if recipe.balance.when == "before-split":
            orders.reverse()
        compared = orders[1] if recipe.balance.compare and len(orders) > 1 else None
        return _Plan(orders[0], compared, fold_jobs(fold_number, watch=True) if fold_number else [])
    everything = _fold(photos, _LAST, seen, np.empty(0, np.int64), recipe, watch=_watches(recipe))
    if rule.protocol == "kfold":
        return _Plan(everything, None, fold_jobs(rule.folds, watch=_watches(recipe)))
    names = np.array([row.source for row in photos.rows])
    together = groups_left_out(rule.left_out, names[seen].tolist())
    jobs = []
    for group in together:
        others, away = photos.hold_out(group)
        test = np.sort(np.concatenate(list(away.values())))
        others = np.intersect1d(others, seen)
        name = re.sub(r"[^\w-]+", "-", group[0])
        jobs.append(_fold(photos, f"without-{name}", others, test, recipe, watch=_watches(recipe)))
    return _Plan(everything, None, jobs, together)


def _watches(recipe: Recipe) -> bool:
    return recipe.by_steps and bool(recipe.fit.early_stopping or recipe.fit.plateau)


def _fold(photos: PhotoSet, name: str, others: Index, test: Index, recipe: Recipe, *, watch: bool) -> Job:
    """Return a fit to `others` that answers `test`; some of `others` become validation photos where any are watched."""
    if not watch:
        return Job(name, {"train": others, "test": test})
    found = split_off_validation(
        photos.labels[others], photos.groups[others], photos.classes, recipe.split, recipe.seed
    )
    return Job(name, {**{part: others[rows] for part, rows in found.items()}, "test": test})


def _learner(
    photos: PhotoSet,
    recipe: Recipe,
    backbone: Backbone,
    spec: PreprocessSpec,
    cache: Cache,
    folder: RunFolder,
    progress: Progress,
    pool: AbstractContextManager[None] | None,
) -> Learner:
    if recipe.finetune:
        from ecosorter.training.fit.network_learner import NetworkLearner  # noqa: PLC0415  # it brings Lightning

        return NetworkLearner(photos, recipe, recipe.finetune, backbone, spec, folder.checkpoints, progress)
    front = Front(backbone, spec, recipe, photos.files, photos.classes, cache)
    if recipe.by_steps:
        return SteppedHeadLearner(photos, front, recipe, folder.checkpoints, progress, pool)
    return LogisticHeadLearner(photos, front, recipe, progress)


def _is_first(recipe: Recipe) -> bool:
    from ecosorter.training.fit.processes import is_first  # noqa: PLC0415  # it brings Lightning

    return is_first(recipe.trainer)


def _help(learner: Learner, plan: _Plan) -> None:
    """Take part in the training of every network, as another process than the first."""
    from ecosorter.training.fit.network_learner import NetworkLearner  # noqa: PLC0415

    if isinstance(learner, NetworkLearner):
        for job in plan.jobs:
            learner.help(job)


class _Run:
    """What the steps of one run share."""

    def __init__(
        self,
        folder: RunFolder,
        recipe: Recipe,
        photos: PhotoSet,
        learner: Learner,
        tracker: Tracker,
        progress: Progress,
    ) -> None:
        self._folder, self._recipe, self._photos, self._learner = folder, recipe, photos, learner
        self._tracker, self._progress = tracker, progress
        self._journal = Journal(folder.path)
        self._notes: list[Note] = []

    def measure(
        self, plan: _Plan, held_out: dict[str, Index], created: str, notes: list[Note]
    ) -> tuple[RunResult, Model, Calibration, Index]:
        """Fit and measure; return the figures, what is exported with its calibration, and photos to prove it on."""
        if self._recipe.evaluation.protocol == "holdout":
            measured, learnt = self._measure_holdout(plan)
        else:
            measured, learnt = self._measure_out_of_fold(plan)
        compared = self._holdout(plan.compared, self._fit(plan.compared))[0] if plan.compared else None
        apart = {name: self._score(learnt, rows, measured.calibration) for name, rows in held_out.items()}
        result = RunResult(
            id=self._folder.id,
            created=created,
            classes=self._photos.classes,
            recipe=self._recipe.model_dump(mode="json"),
            sources=self._photos.sources,
            protocol=self._recipe.evaluation.protocol,
            split=measured.split,
            fit=measured.record,
            compared=compared,
            held_out={**measured.unseen, **apart},
            left_out_together=plan.together,
            kept_away=tuple(held_out),
            folds=measured.folds,
            linear_probe=measured.probe,
            answers=measured.answers,
            notes=_distinct([*notes, *self._notes]),
            made_with=made_with(),
        )
        return result, learnt.model, measured.calibration, measured.prove_on

    def _measure_holdout(self, plan: _Plan) -> tuple["_Measured", Learnt]:
        """Measure the very fit that is exported, on the test part."""
        learnt = self._fit(plan.main)
        record, calibration, test = self._holdout(plan.main, learnt)
        parts = plan.main.parts
        measured = _Measured(
            split={part: len(rows) for part, rows in parts.items()},
            record=record,
            calibration=calibration,
            folds=[self._holdout(job, self._fit(job))[0].scores for job in plan.folds],
            answers=labelled_predictions(self._photos, test.photos, softmax(test.logits, calibration.temperature)),
            prove_on=parts.get("validation", parts["train"][:64]),
        )
        return measured, learnt

    def _measure_out_of_fold(self, plan: _Plan) -> tuple["_Measured", Learnt]:
        """Measure fits that each leave something out; then fit what is exported to everything."""
        photos, rule = self._photos, self._recipe.decide
        rows = np.concatenate([job.parts["test"] for job in plan.folds])
        fold_of = np.repeat(np.arange(len(plan.folds)), [len(job.parts["test"]) for job in plan.folds])
        answered = [self._answer_fold(job) for job in plan.folds]
        kinds = [np.concatenate(logits) for logits in zip(*answered, strict=True)]
        found = [
            OutOfFold(logits, photos.labels[rows], fold_of, photos.groups[rows].tolist(), photos.classes)
            for logits in kinds
        ]
        sources = np.array([photos.rows[row].source for row in rows])
        scored = []
        for one in found:
            calibrations = one.calibrations(rule)
            together, probabilities = one.score_together(calibrations)
            by_source = one.score_sources(sources, calibrations) if plan.together else {}
            scored.append((together, by_source, one.score_folds(calibrations), probabilities))
        scores, by_source, fold_scores, probabilities = scored[0]
        learnt = self._fit(plan.main)
        train = plan.main.parts["train"]
        measured = _Measured(
            split={"train": len(train), "test": len(rows)},
            record=FitRecord(
                name="out-of-fold",
                leaky=False,
                counts_before=learnt.counts_before,
                counts_after=learnt.counts_after,
                epochs=learnt.epochs,
                best_epoch=learnt.best_epoch,
                scores=scores,
            ),
            calibration=calibrate(found[0].logits, found[0].labels, rule),
            folds=[] if plan.together else fold_scores,
            unseen=by_source,
            probe=LinearProbe(scores=scored[1][0], held_out=scored[1][1]) if len(scored) > 1 else None,
            answers=labelled_predictions(photos, rows, probabilities),
            prove_on=np.random.default_rng(self._recipe.seed).permutation(train)[:_PROVED],
        )
        return measured, learnt

    def _answer_fold(self, job: Job) -> list[NDArray[np.float32]]:
        """Return the logits of a fold's test photos, of the linear probe too where there is one; kept when done."""
        kept = self._folder.checkpoints / job.name / "answers.npz"
        if not kept.is_file():
            learnt = self._fit(job)
            rows = job.parts["test"]
            fits = [learnt, *([learnt.linear_probe] if learnt.linear_probe else [])]
            logits = [one.predict(rows) for one in fits]
            write_whole(kept, lambda part: np.savez(part, *logits))
        with np.load(kept) as stored:
            return [stored[name] for name in stored.files]

    def _fit(self, job: Job) -> Learnt:
        stage: AbstractContextManager[Advance] = nullcontext(lambda _: None)  # networks tell of each photo themselves
        if self._recipe.by_steps:
            stage = self._progress.stage(f"fit {job.name}", self._recipe.fit.epochs)
        with stage as advance:
            learnt = self._learner.fit(job, self._teller(job.name, advance))
        self._notes += learnt.notes
        return learnt

    def _holdout(self, job: Job, learnt: Learnt) -> tuple[FitRecord, Calibration, Answers]:
        """Calibrate a fit on its validation part, and measure it once on its test part."""
        validation, test = learnt.answers("validation"), learnt.answers("test")
        calibration = calibrate(validation.logits, validation.labels, self._recipe.decide)
        leaky = bool((test.photos < 0).any())
        scores = score(
            test.logits,
            test.labels,
            self._photos.classes,
            temperature=calibration.temperature,
            thresholds=calibration.thresholds,
            groups=None if leaky else self._photos.groups[test.photos].tolist(),
            seed=self._recipe.seed,
        )
        record = FitRecord(
            name=job.name,
            leaky=leaky,
            counts_before=learnt.counts_before,
            counts_after=learnt.counts_after,
            epochs=learnt.epochs,
            best_epoch=learnt.best_epoch,
            scores=scores,
        )
        return record, calibration, test

    def _score(self, learnt: Learnt, rows: Index, calibration: Calibration) -> Scores:
        """Measure a fit on photos that it never saw."""
        return score(
            learnt.predict(rows),
            self._photos.labels[rows],
            self._photos.classes,
            temperature=calibration.temperature,
            thresholds=calibration.thresholds,
            groups=self._photos.groups[rows].tolist(),
            seed=self._recipe.seed,
        )

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


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """What `RunResult` says, before it is one, with what the export needs beside."""

    split: dict[str, int]
    record: FitRecord
    calibration: Calibration
    folds: list[Scores]
    answers: list[LabelledPrediction]
    prove_on: Index
    unseen: dict[str, Scores] = field(default_factory=dict)
    probe: LinearProbe | None = None


def _distinct(notes: Iterable[Note]) -> list[Note]:
    return list({note.model_dump_json(): note for note in notes}.values())
