"""A whole training run, from folders of photos to a bundle and a report. Every recipe goes this one way.

::

    photos -> groups -> folds -> fit -> answers to what was left out -> calibrate -> score -> export -> bundle + report
"""

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from ecosorter.datasets.cache import Cache
from ecosorter.datasets.dataset import load_dataset
from ecosorter.datasets.photoset import PhotoSet, usable_photos
from ecosorter.evaluation.protocols import counting_sources
from ecosorter.preprocess import PreprocessSpec
from ecosorter.progress import Progress, Silent
from ecosorter.texts import Language
from ecosorter.texts.note import Note
from ecosorter.training.backbones.backbone import Backbone
from ecosorter.training.backbones.find import find_backbone
from ecosorter.training.export.bundle import export_bundle
from ecosorter.training.export.views import RANGE_PHOTOS
from ecosorter.training.fit.device import head_device
from ecosorter.training.fit.learner import Learner
from ecosorter.training.fit.logistic_head import LogisticHeadLearner
from ecosorter.training.fit.stepped_head import SteppedHeadLearner
from ecosorter.training.front import Files, Front
from ecosorter.training.journal import Journal
from ecosorter.training.measure import Measurement
from ecosorter.training.plan import Plan, make_plan
from ecosorter.training.recipe import Recipe
from ecosorter.training.report.report import write_report
from ecosorter.training.results import RunResult
from ecosorter.training.runfolder import RunFolder
from ecosorter.training.tracking.tracker import Tracker


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
    if not recipe.finetune:
        head_device(recipe.trainer)  # refuses before the work, not after it
    backbone = find_backbone(recipe.features.backbone)
    spec, assumed = (recipe.features.preprocess, []) if recipe.features.preprocess else backbone.preprocess()
    rank = rank_of(recipe)
    progress = progress if progress and not rank else Silent()
    dataset = load_dataset(photos, own_classes=own_classes)
    folder = RunFolder(out)
    folder.check()  # only now: a mistake in the command makes no folder
    with folder.locked(rank=rank):
        usable = usable_photos(dataset, cache, progress)
        usable.check_sources(hold_out)

        created = folder.claim(
            {
                "recipe": recipe.model_dump(mode="json"),
                "backbone": backbone.fingerprint,
                "preprocess": spec.model_dump(mode="json"),
                "sources": {entry.name: entry.fingerprint for entry in usable.sources},
                "hold_out": list(hold_out),
                "folds": fold_number,
            },
            rank=rank,
        )
        if done := folder.finished():
            progress.note(Note(key="finished", values={"run": str(out)}).say(language))
            return done

        seen, held_out = usable.hold_out(hold_out)
        plan = make_plan(usable, seen, recipe, fold_number)
        learner = _learner(usable, recipe, backbone, spec, cache, folder, progress, pool)
        if rank:
            _help(learner, plan)
            return folder.wait()
        # Two runs may be called alike; the date tells them apart and stays when a run goes on.
        tracker.start(f"{folder.id}-{re.sub(r'[^0-9]', '', created)[:14]}", recipe.model_dump(mode="json"), recipe.name)
        try:
            measurement = Measurement(folder, recipe, usable, learner, tracker, progress)
            notes = [*usable.notes, *usable.lost_classes(hold_out), *assumed]
            result, model, calibration, prove_on = measurement.measure(plan, held_out, created, notes)
            del measurement, learner  # with features, a gigabyte perhaps, that nothing needs any more
            export_bundle(folder, result, model, calibration, usable, prove_on, spec, recipe, progress)
            write_report(folder.report, result, language=language)
        except BaseException as error:
            tracker.fail(f"{type(error).__name__}: {error}")
            raise
        Journal(folder.path).result(result)
        folder.finish(result)  # before the tracker, which may upload for long and be interrupted
        tracker.finish(result, folder.bundle, folder.report)
        return result


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
    front = Front(backbone, spec, recipe, photos.files, range_photos(photos, recipe), photos.classes, cache)
    if recipe.by_steps:
        return SteppedHeadLearner(photos, front, recipe, folder.checkpoints, progress, pool)
    return LogisticHeadLearner(photos, front, recipe, progress)


def range_photos(photos: PhotoSet, recipe: Recipe) -> Files:
    """Return the photos that decide the ranges of 8-bit integers: of sources that count in nothing, where there are.

    So a source that is left out and measured has had no say in what ships.
    """
    if recipe.evaluation.protocol != "leave-sources-out":
        return photos.files
    counting = counting_sources([row.label for row in photos.rows], [row.source for row in photos.rows])
    spare = [photos.file(number) for number, row in enumerate(photos.rows) if row.source not in counting]
    return spare if len(spare) >= RANGE_PHOTOS else photos.files


def rank_of(recipe: Recipe) -> int:
    """Return the rank of this process in a run: 0 for the first and for heads, which one process fits."""
    if not recipe.finetune:
        return 0
    from ecosorter.training.fit.processes import global_rank  # noqa: PLC0415  # it brings Lightning

    return global_rank(recipe.trainer)


def _help(learner: Learner, plan: Plan) -> None:
    """Take part in the training of every network, as another process than the first."""
    from ecosorter.training.fit.network_learner import NetworkLearner  # noqa: PLC0415

    if isinstance(learner, NetworkLearner):
        for job in plan.jobs:
            learner.help(job)
