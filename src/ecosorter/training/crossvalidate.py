"""Cross-validation of a `NetworkRecipe`: for each fold, a network is trained end to end on the other folds.

::

    folders -> facts and groups -> decoded photos -> folds by group -> a network for each -> figures -> report

It says how well the recipe does on photos *like those that it learned from*. On photos from elsewhere it does worse:
`shipping.py` measures that.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ecosorter.datasets.cache import Cache
from ecosorter.datasets.dataset import read_dataset
from ecosorter.datasets.photoset import PhotoSet, usable_photos
from ecosorter.datasets.splits import folds
from ecosorter.evaluation.out_of_fold import score_parts
from ecosorter.progress import Progress, Silent
from ecosorter.texts import Language
from ecosorter.texts.note import Note
from ecosorter.training.experiment import labelled_predictions
from ecosorter.training.export.export import made_with
from ecosorter.training.fit.processes import is_first
from ecosorter.training.network_recipe import NetworkRecipe
from ecosorter.training.report.report import write_report
from ecosorter.training.results import FitRecord, RunResult
from ecosorter.training.runfolder import RunFolder
from ecosorter.training.ship import HeldOut, help_to_train, hold_out, prepare, together


def cross_validate(
    paths: Sequence[Path],
    out: Path,
    recipe: NetworkRecipe,
    number: int,
    cache: Cache,
    progress: Progress,
    language: Language = "en",
) -> RunResult:
    """Measure a recipe by folds; go on where an earlier run into the same folder was cut off.

    Each fold's network starts from the pretrained one and sees nothing of its fold: photos of one object and
    near-duplicates are in one fold, and temperature and threshold of a fold come from the answers to the other folds.

    Of several processes that train together, each calls this and gets the same; the first does all but the training.

    Args:
        paths: folders and manifests (dataset.py).
        out: folder of the run: `result.json` has every figure, `report.html` is for people.
        recipe: every choice; `hold_out` is not looked at.
        number: of folds.
        cache: of photo facts.
        progress: is told how far the work is.
        language: of the report.

    Returns:
        `fit` has the scores on all photos, `folds` those of each fold.

    Raises:
        EcoSorterError: a data set, backbone, recipe or folder that cannot be used.
    """
    first = is_first(recipe.trainer)
    progress = progress if first else Silent()
    photos = usable_photos(read_dataset(paths), cache, progress)
    pairs = folds(photos.labels, photos.groups, number, recipe.seed, classes=photos.classes)
    folder = RunFolder(out)
    created = folder.claim(
        {
            "recipe": recipe.model_dump(mode="json"),
            "sources": {entry.name: entry.fingerprint for entry in photos.sources},
            "folds": number,
        },
        first=first,
    )
    if done := folder.finished():
        progress.note(Note(key="finished", values={"run": str(out)}).say(language))
        return done

    labelled = prepare(photos, recipe, folder.checkpoints / "photos", progress)
    parts = {folder.checkpoints / f"fold-{fold}": pair for fold, pair in enumerate(pairs, start=1)}
    if not first:
        help_to_train(labelled, {part: others for part, (others, _) in parts.items()}, recipe)
        return folder.wait()
    held = [hold_out(labelled, others, rows, recipe, part, progress) for part, (others, rows) in parts.items()]
    result = _result(folder.id, created, photos, recipe, held)
    write_report(folder.report, result, language=language)
    folder.finish(result)
    return result


def _result(name: str, created: str, photos: PhotoSet, recipe: NetworkRecipe, parts: Sequence[HeldOut]) -> RunResult:
    held = together(parts)
    logits, labels = held.logits.mean(axis=1), photos.labels[held.rows]
    fold_of = np.repeat(np.arange(len(parts)), [len(part.rows) for part in parts])
    scores = score_parts(logits, labels, fold_of, photos.classes, recipe.decide, photos.groups[held.rows])
    counts = dict(zip(photos.classes, np.bincount(labels).tolist(), strict=True))
    frozen = float((held.frozen.mean(axis=1).argmax(axis=1) == labels).mean())
    return RunResult(
        id=name,
        created=created,
        classes=photos.classes,
        recipe=recipe.model_dump(mode="json"),
        sources=photos.sources,
        split={"test": len(labels)},
        fit=FitRecord(
            name="cross-validation",
            leaky=False,
            counts_before=counts,
            counts_after=counts,
            epochs=[],
            best_epoch=0,
            scores=scores.together,
        ),
        folds=scores.each,
        answers=labelled_predictions(photos, held.rows, scores.probabilities),
        notes=[*photos.notes, Note(key="frozen_folds", values={"accuracy": f"{frozen:.3f}"})],
        made_with=made_with(),
    )
