"""Teach a finished model somebody's own photos, and new classes if there are any, without forgetting what it knew.

The body of the model stays. Its head is refitted on features of the own photos and of the bank together (learn.py,
bank.py). Nothing is measured on what it was fitted to: each own photo is asked of a head that knew neither it nor its
thing, and of the bank those rows are asked that were not fitted again.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from ecosorter.bundle import Bundle, BundleInfo, write_bundle
from ecosorter.classifier import Classifier
from ecosorter.datasets.class_names import Understood, understand
from ecosorter.datasets.credits import attribution
from ecosorter.datasets.dataset import PhotoRow, load_dataset
from ecosorter.datasets.duplicates import find_groups
from ecosorter.datasets.scan import photo_facts, say_unusable
from ecosorter.decision import Thresholds, softmax
from ecosorter.errors import BundleError, DatasetError, ExportError
from ecosorter.preprocess import decode_views
from ecosorter.progress import Progress, Silent
from ecosorter.teaching.bank import Bank, load_bank, make_bank
from ecosorter.teaching.card import describe, taught_card
from ecosorter.teaching.features import augmented_features, quiet_options
from ecosorter.teaching.learn import FOLDS, Lesson, learn
from ecosorter.teaching.linear_head import LinearHead, find_head, with_head
from ecosorter.teaching.notebook import Notebook, load_notebook, of_model
from ecosorter.teaching.refit import scale_of
from ecosorter.teaching.result import FolderName, TeachResult, compare_classes, score_answers
from ecosorter.teaching.things import find_things, join, usual_distance

# Mean squared difference, in standard deviations, below which a row of the bank is one of the photos that are taught.
# Rounding to 8 bits makes 0.0002; of 3,000 photos of 21 sources no two are nearer than 0.1.
_SAME = 0.002
_CHECKED = 64  # photos on which the new graph is compared with the new head
_TOLERANCE = 1e-3  # largest difference in a logit, relative to the largest logit
_PASS = 0.05  # share of own photos that may fall below a signal's least value

Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _Own:
    """Somebody's photos: labels ``[n]`` in the new classes, features ``[n, augmentations, d]``, what each shows.

    `pairs` holds hash, class and source of each; `rows` those whose photo is here, which come first.
    """

    rows: list[PhotoRow]
    pairs: list[tuple[str, str, str]]
    labels: Labels
    things: Labels
    features: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """What a head says of each photo that was not fitted on it, nor on its group.

    Attributes:
        info: of the new model; its classes number the labels and the columns, the old model's first.
        rows: the photos that were taught.
        labels: int64 ``[n]`` of them.
        before: float32 ``[n, old classes]`` logits of the old head, which was fitted on none of them.
        after: float32 ``[n, classes]``.
        bank_labels: int64 ``[m]`` of the bank's rows.
        bank_before: float32 ``[m, old classes]``; the old model did learn from these photos.
        bank_after: float32 ``[m, classes]``.
    """

    info: BundleInfo
    rows: Sequence[PhotoRow]
    labels: Labels
    before: NDArray[np.float32]
    after: NDArray[np.float32]
    bank_labels: Labels
    bank_before: NDArray[np.float32]
    bank_after: NDArray[np.float32]


def teach(
    photos: Sequence[Path],
    out: Path,
    *,
    notebooks: Sequence[Path] = (),
    model: Path | None = None,
    own_classes: bool = False,
    progress: Progress | None = None,
    tell: Callable[[OutOfFold], object] = lambda _: None,
) -> TeachResult:
    """Teach a model and write the new bundle.

    Args:
        photos: folders and manifests, as for `load_dataset`.
        out: folder of the new bundle.
        notebooks: files of what phones learnt (notebook.py). Those of another model are told and left aside.
        model: folder of the bundle to teach; None for the one that comes with EcoSorter.
        own_classes: take only the model's own names for known (`class_names.understand`).
        progress: is told how far the work is.
        tell: is called, once the bundle is written, with what the figures were made of.

    Raises:
        BundleError: the model cannot be taught, or something else stands where the new one should go.
        DatasetError: there are no photos, or a class has too few.
        ExportError: the new graph does not say what the new head says; nothing is written then.
    """
    progress = progress or Silent()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BundleError(f"{out} exists already; give another folder for the new model.")
    base = Classifier.load(model).bundle
    bank = load_bank(base)
    graph = onnx.load(base.model_path)
    old = find_head(graph)
    if bank.features.shape[1] != old.weight.shape[0]:
        raise BundleError(f"The bank of {base.folder} is not of its model; copy the whole folder again.")

    books, others = _notebooks(base, notebooks, old.weight.shape[0])
    rows = load_dataset(photos, own_classes=True).rows if photos or not books else []
    understood = understand((row.label for row in rows), base.info.classes, own=own_classes)
    noted = Counter(photo.label for book in books.values() for photo in book.photos)
    of_phones = understand(noted, base.info.classes, own=True)
    labels = {name.label for name in (*understood.values(), *of_phones.values())}
    new = tuple(sorted(labels - set(base.info.classes)))
    classes = (*base.info.classes, *new)
    own, left_out = _own_photos(base, bank, rows, understood, classes, progress)
    own = _with_notebooks(own, books, of_phones, classes, bank)
    bank = _in_order_of(base.info.classes, _without(bank, own.features[:, 0]))
    lesson = Lesson(own.features, own.labels, own.things, [source for _, _, source in own.pairs])
    with progress.stage("head", FOLDS + 1) as advance:
        learnt = learn(old, bank, lesson, classes, base.info.temperature, base.info.thresholds, advance)
    if not learnt.step:
        raise DatasetError(
            "What these photos teach would make the model forget more than 2 points of what it knows, even by a "
            "twentieth of the way, so nothing was written. Look whether photos lie in the wrong folders; then add more."
        )
    temperature, thresholds = learnt.temperature, learnt.thresholds
    taught = with_head(graph, learnt.head).SerializeToString()
    signals = _check(base, taught, learnt.head, [row.path for row in own.rows])
    thresholds = _let_pass(thresholds, signals)
    counts = Counter(row.label for row in rows) + noted
    was = score_answers(softmax(learnt.own_before, base.info.temperature), own.labels, base.info.thresholds.confidence)
    now = score_answers(softmax(learnt.own_after, temperature), own.labels, thresholds.confidence)
    result = TeachResult(
        base=f"{base.info.name} {base.info.version}",
        names=[
            FolderName(name=name, label=entry.label, how=entry.how, photos=counts[name])
            for name, entry in (of_phones | understood).items()
        ],
        new=new,
        part_of={classes[child]: classes[parent] for child, parent in learnt.parents.items()},
        own=compare_classes(learnt.own_before, learnt.own_after, own.labels, classes),
        known=compare_classes(learnt.before, learnt.after, bank.labels[learnt.asked], classes),
        answered=(was[0], now[0]),
        right=(was[1], now[1]),
        things=len(np.unique(own.things)),
        step=learnt.step,
        left_out=left_out,
        of_other_models=sum(len(book.photos) for book in others),
        no_waste=int((signals < list(base.info.thresholds.signals.values())).any(axis=1).sum()),
        checked=len(signals),
        temperature=(base.info.temperature, temperature),
        confidence=(base.info.thresholds.confidence, thresholds.confidence),
    )
    info = describe(base.info, classes, own.pairs, own.rows, result, temperature, thresholds)
    grown = make_bank(
        np.concatenate([bank.features, own.features[:, 0]]),
        np.concatenate([bank.labels, own.labels]),
        [*bank.row_sources, *(source for _, _, source in own.pairs)],
        classes,
    )
    people = attribution(own.rows, base.load_attribution())
    written = write_bundle(out, taught, info, taught_card(info, result, base), bank=grown, attribution=people).info
    known = bank.labels[learnt.asked]
    tell(
        OutOfFold(
            written, own.rows, own.labels, learnt.own_before, learnt.own_after, known, learnt.before, learnt.after
        )
    )
    return result


def _own_photos(
    base: Bundle,
    bank: Bank,
    photos: Sequence[PhotoRow],
    understood: dict[str, Understood],
    classes: Sequence[str],
    progress: Progress,
) -> tuple[_Own, dict[str, int]]:
    """Return the usable photos with their features, and how many others there are of each status."""
    with progress.stage("photos", len(photos)) as advance:
        facts = photo_facts(photos, None, advance)
    left_out = Counter(fact.status for fact in facts if fact.status != "ok")
    good = [index for index, fact in enumerate(facts) if fact.status == "ok"]
    rows = [replace(photos[index], label=understood[photos[index].label].label) for index in good]
    usable = [facts[index] for index in good]
    if not rows:
        return _Own([], [], np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 0, 0), np.float32)), dict(
            left_out
        )
    labels = np.array([classes.index(row.label) for row in rows], np.int64)
    with progress.stage("features", len(rows)) as advance:
        features = augmented_features(base, [row.path for row in rows], advance)
    groups = find_groups(rows, usable)
    scale = scale_of(bank.features)
    usual = usual_distance(bank.features, bank.labels, scale)
    alike = find_things(features[:, 0], labels, scale, usual)
    things = join(groups, [(int(np.argmax(alike == thing)), row) for row, thing in enumerate(alike)])
    for label in sorted({name.label for name in understood.values()}):
        if len(np.unique(groups[labels == classes.index(label)])) < 2:
            raise DatasetError(
                f"Class '{label}' has fewer than 2 different photos that can be read: one to learn from and one to "
                f"measure on is the least, and 20 are a good start.{say_unusable(photos, facts)}"
            )
    pairs = [(fact.sha256, row.label, row.source) for fact, row in zip(usable, rows, strict=True)]
    return _Own(rows, pairs, labels, things, features), dict(left_out)


def _notebooks(base: Bundle, paths: Sequence[Path], width: int) -> tuple[dict[str, Notebook], list[Notebook]]:
    """Read files of phones; return those of this model by their names, and the others."""
    read = {path.stem if len(paths) == len({each.stem for each in paths}) else str(path): path for path in paths}
    found = {name: load_notebook(path) for name, path in read.items()}
    fit, others = of_model(list(found.values()), (base.info.sha256, base.info.features_of), width)
    if paths and not any(book.photos for book in fit):
        raise DatasetError(
            f"None of the {len(paths)} files holds photos whose features are of {base.info.name} {base.info.version}. "
            "Teach the model that is on those phones: --model."
        )
    return {name: book for name, book in found.items() if book in fit}, others


def _with_notebooks(
    own: _Own, books: dict[str, Notebook], understood: dict[str, Understood], classes: Sequence[str], bank: Bank
) -> _Own:
    """Add the photos of notebooks to a person's own."""
    if not books:
        return own
    scale = scale_of(bank.features)
    usual = usual_distance(bank.features, bank.labels, scale)
    for name, book in books.items():
        names = [understood[photo.label].label for photo in book.photos]
        labels = np.array([classes.index(label) for label in names], np.int64)
        things = find_things(book.features[:, 0], labels, scale, usual)
        hashes = [hashlib.sha256(photo.features.encode()).hexdigest() for photo in book.photos]
        own = _Own(
            own.rows,
            [*own.pairs, *((sha256, label, name) for sha256, label in zip(hashes, names, strict=True))],
            np.concatenate([own.labels, labels]),
            np.concatenate([own.things, things + (own.things.max() + 1 if len(own.things) else 0)]),
            np.concatenate([own.features, book.features]) if len(own.labels) else book.features,
        )
    return own


def _without(bank: Bank, own: NDArray[np.float32]) -> Bank:
    """Leave out rows of the bank that are own photos: else these would not be held out when they are measured."""
    deviation = np.maximum(bank.features.std(axis=0), np.finfo(np.float32).eps)
    known, mine = bank.features / deviation, own / deviation
    squares = (known**2).sum(axis=1)[:, None] + (mine**2).sum(axis=1) - 2 * known @ mine.T
    kept = squares.min(axis=1) >= _SAME * own.shape[1]
    if not kept.any():
        raise DatasetError("The model has learnt all of these photos already, and nothing else; there is nothing new.")
    return replace(bank, features=bank.features[kept], labels=bank.labels[kept], sources=bank.sources[kept])


def _in_order_of(classes: Sequence[str], bank: Bank) -> Bank:
    """Number the labels of a bank as the model does."""
    numbers = np.array([classes.index(name) for name in bank.classes], np.int64)
    return replace(bank, labels=numbers[bank.labels], classes=tuple(classes))


def _check(base: Bundle, model: bytes, head: LinearHead, paths: Sequence[Path]) -> NDArray[np.float32]:
    """Run the new graph on some of the photos; return their signals ``[photos, signals]``.

    Where there are only features, it is run on a picture of noise, whose signals do not count.

    Raises:
        ExportError: its logits are not those of the head.
    """
    session = onnxruntime.InferenceSession(model, quiet_options(), providers=["CPUExecutionProvider"])
    names = ["logits", "features", *(["signals"] if base.info.thresholds.signals else [])]
    found = []
    for pixels in _some_pixels(base, paths):
        logits, features, *signals = session.run(names, {"pixels": pixels})
        expected = head(features)
        if not np.abs(logits - expected).max() <= _TOLERANCE * max(1.0, float(np.abs(expected).max())):
            raise ExportError(
                f"The new graph's logits differ from those of the new head by {np.abs(logits - expected).max():.2g}; "
                "nothing was written. Please report this with your model."
            )
        found.append(signals[0].mean(axis=0) if signals else np.empty(0, np.float32))
    return np.stack(found)[: len(paths)]


def _some_pixels(base: Bundle, paths: Sequence[Path]) -> Iterator[NDArray[np.uint8]]:
    spec = base.info.preprocess
    if not paths:
        yield np.random.default_rng(0).integers(0, 256, (len(spec.zooms), spec.size, spec.size, 3), np.uint8)
    else:
        for index in np.unique(np.linspace(0, len(paths) - 1, _CHECKED).round().astype(np.int64)):
            yield decode_views(paths[index], spec)


def _let_pass(thresholds: Thresholds, signals: NDArray[np.float32]) -> Thresholds:
    """Lower the least values of the signals until all but a few of the own photos pass: these do show waste."""
    if not len(signals):
        return thresholds
    lowest = np.quantile(signals, _PASS, axis=0)
    least = {name: min(value, float(lowest[i])) for i, (name, value) in enumerate(thresholds.signals.items())}
    return thresholds.model_copy(update={"signals": least})
