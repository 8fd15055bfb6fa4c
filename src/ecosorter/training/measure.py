"""Makes the fits of a run, and measures each on photos that it never saw."""

from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from threading import Event

import numpy as np
from numpy.typing import NDArray

from ecosorter.datasets.photoset import Index, PhotoSet
from ecosorter.decision import softmax
from ecosorter.evaluation.metrics import score
from ecosorter.evaluation.out_of_fold import Calibration, OutOfFold, calibrate
from ecosorter.evaluation.protocols import promise_places
from ecosorter.evaluation.scores import FirstView, LabelledPrediction, Scores
from ecosorter.progress import Advance, Progress
from ecosorter.texts.note import Note
from ecosorter.training.export.bundle import made_with
from ecosorter.training.fit.answers_file import load_answers, write_answers
from ecosorter.training.fit.learner import Answers, Job, Learner, Learnt, Model
from ecosorter.training.journal import Journal
from ecosorter.training.plan import Plan
from ecosorter.training.recipe import Recipe
from ecosorter.training.results import Epoch, FitRecord, LinearProbe, OnEpoch, RunResult, labelled_predictions
from ecosorter.training.runfolder import RunFolder
from ecosorter.training.tracking.tracker import Tracker

_PROVED = 128  # photos on which graph and trained model must agree, where no validation part is


class Measurement:
    """Makes the fits of a run, and measures each on what it never saw.

    Args:
        folder: of the run.
        recipe: every choice.
        photos: all of the run.
        learner: what learns.
        tracker: is told of every epoch.
        progress: is told how far the work is.
    """

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
        self, plan: Plan, held_out: dict[str, Index], created: str, notes: list[Note]
    ) -> tuple[RunResult, Model, Calibration, Index]:
        """Fit and measure; return the figures, what is exported with its calibration, and photos to prove it on."""
        if self._recipe.evaluation.protocol == "holdout":
            measured, learnt = self._measure_holdout(plan)
        else:
            measured, learnt = self._measure_out_of_fold(plan)
        compared = self._holdout(plan.compared, self._fit(plan.compared))[0] if plan.compared else None
        if compared and not (compared.leaky or measured.record.leaky):
            compared = None  # SMOTE had nothing to add: two honest figures of the same would only puzzle
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
            first_view=measured.first_view,
            answers=measured.answers,
            notes=_distinct([*notes, *self._notes]),
            made_with=made_with(),
        )
        return result, learnt.model, measured.calibration, measured.prove_on

    def _measure_holdout(self, plan: Plan) -> tuple["_Measured", Learnt]:
        """Measure the very fit that is exported, on the test part."""
        with self._ahead(plan.compared):
            learnt = self._fit(plan.main)
        record, calibration, test = self._holdout(plan.main, learnt)
        probabilities = softmax(calibration.combine(test.logits), calibration.temperature)
        parts = plan.main.parts
        measured = _Measured(
            split={part: len(rows) for part, rows in parts.items()},
            record=record,
            calibration=calibration,
            folds=[self._holdout(job, self._fit(job))[0].scores for job in plan.folds],
            answers=labelled_predictions(self._photos, test.photos, probabilities),
            prove_on=parts.get("validation", parts["train"][:64]),
        )
        return measured, learnt

    def _measure_out_of_fold(self, plan: Plan) -> tuple["_Measured", Learnt]:
        """Measure fits that each leave something out; then fit what is exported to everything."""
        photos, rule = self._photos, self._recipe.decide
        rows = np.concatenate([job.parts["test"] for job in plan.folds])
        fold_of = np.repeat(np.arange(len(plan.folds)), [len(job.parts["test"]) for job in plan.folds])
        answered = [self._answer_fold(job) for job in plan.folds]
        sources = np.array([photos.rows[row].source for row in rows])
        places = np.zeros(len(rows), np.int64)
        if plan.together:
            labels = [photos.rows[row].label for row in rows]
            places = promise_places(labels, sources.tolist(), self._recipe.evaluation.aside)
        kinds = [np.concatenate(logits) for logits in zip(*answered, strict=True)]
        found = [
            OutOfFold(logits, photos.labels[rows], fold_of, photos.groups[rows].tolist(), photos.classes, places)
            for logits in kinds
        ]
        scored = []
        for one in found:
            calibrations = one.calibrations(rule)
            together, probabilities = one.score_together(calibrations)
            by_source = one.score_sources(sources, calibrations) if plan.together else {}
            first_view = one.first_view(calibrations)
            scored.append((together, by_source, one.score_folds(calibrations), probabilities, first_view))
        scores, by_source, fold_scores, probabilities, first_view = scored[0]
        learnt = self._fit(plan.main)
        train = plan.main.parts["train"]
        measured = _Measured(
            split={"train": len(train), "test": len(rows)},
            record=_record("out-of-fold", learnt, scores, leaky=False),
            calibration=found[0].calibration(rule),
            folds=[] if plan.together else fold_scores,
            unseen=by_source,
            probe=LinearProbe(scores=scored[1][0], held_out=scored[1][1]) if len(scored) > 1 else None,
            first_view=first_view,
            answers=labelled_predictions(photos, rows, probabilities),
            prove_on=np.random.default_rng(self._recipe.seed).permutation(train)[:_PROVED],
        )
        return measured, learnt

    def _answer_fold(self, job: Job) -> list[NDArray[np.float32]]:
        """Return the logits of a fold's test photos, of the linear probe too where there is one; kept when done."""
        place = self._folder.checkpoints / job.name
        kept = load_answers(place)
        if kept is None:
            learnt = self._fit(job)
            rows = job.parts["test"]
            fits = [learnt, *([learnt.linear_probe] if learnt.linear_probe else [])]
            kept = [one.predict(rows) for one in fits]
            write_answers(place, kept)
        return kept

    def _fit(self, job: Job) -> Learnt:
        stage: AbstractContextManager[Advance] = nullcontext(lambda _: None)  # networks tell of each photo themselves
        if self._recipe.by_steps:
            stage = self._progress.stage(f"fit {job.name}", self._recipe.fit.epochs)
        with stage as advance:
            tell = self._teller(job.name, advance)
            learnt = self._learner.fit(job, tell)
            for epoch in learnt.epochs:  # those that were fitted ahead are not told yet
                tell(epoch)
        self._notes += learnt.notes
        return learnt

    @contextmanager
    def _ahead(self, job: Job | None) -> Iterator[None]:
        """Fit this too while a block runs, in a thread of its own; it then waits as a checkpoint.

        The steps of a head use one core, and torch takes them without Python's lock. An error comes again, and is
        heard, when the fit is asked for.
        """
        over = Event()

        def stop_when_over(_: Epoch) -> None:
            if over.is_set():
                raise CancelledError

        with ThreadPoolExecutor(max_workers=1) as pool:
            fits = [pool.submit(self._learner.fit, job, stop_when_over)] if job else []
            try:
                yield
                wait(fits)
            finally:
                over.set()

    def _holdout(self, job: Job, learnt: Learnt) -> tuple[FitRecord, Calibration, Answers]:
        """Calibrate a fit on its validation part, and measure it once on its test part."""
        validation, test = learnt.answers("validation"), learnt.answers("test")
        calibration = calibrate(validation.logits, validation.labels, self._recipe.decide)
        leaky = bool((test.photos < 0).any())
        scores = score(
            calibration.combine(test.logits),
            test.labels,
            self._photos.classes,
            temperature=calibration.temperature,
            thresholds=calibration.thresholds,
            groups=None if leaky else self._photos.groups[test.photos].tolist(),
            seed=self._recipe.seed,
        )
        return _record(job.name, learnt, scores, leaky=leaky), calibration, test

    def _score(self, learnt: Learnt, rows: Index, calibration: Calibration) -> Scores:
        """Measure a fit on photos that it never saw."""
        return score(
            calibration.combine(learnt.predict(rows)),
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
    first_view: FirstView | None = None


def _record(name: str, learnt: Learnt, scores: Scores, *, leaky: bool) -> FitRecord:
    return FitRecord(
        name=name,
        leaky=leaky,
        counts_before=learnt.counts_before,
        counts_after=learnt.counts_after,
        epochs=learnt.epochs,
        best_epoch=learnt.best_epoch,
        scores=scores,
    )


def _distinct(notes: Iterable[Note]) -> list[Note]:
    return list({note.model_dump_json(): note for note in notes}.values())
