"""Teach a finished model somebody's own photos, and new classes if there are any, without forgetting what it knew.

The body of the model stays. Its head is refitted on features of the own photos and of the bank together (refit.py,
bank.py). All figures are out-of-fold: own photos and bank are divided into folds, and each fold is predicted by a head
that was fitted on the others.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from ecosorter.bundle import Bundle, BundleInfo, write_bundle
from ecosorter.classifier import Classifier
from ecosorter.datasets.class_names import Understood, understand
from ecosorter.datasets.dataset import PhotoRow, read_dataset
from ecosorter.datasets.duplicates import find_groups
from ecosorter.datasets.scan import PhotoFacts, photo_facts, say_unusable
from ecosorter.datasets.splits import folds
from ecosorter.decision import Thresholds, softmax
from ecosorter.errors import BundleError, DatasetError, ExportError
from ecosorter.preprocess import decode_views
from ecosorter.progress import Advance, Progress, Silent
from ecosorter.teaching.bank import Bank, make_bank, read_bank
from ecosorter.teaching.card import describe, taught_card
from ecosorter.teaching.features import AUGMENTATIONS, augmented_features, quiet_options
from ecosorter.teaching.linear_head import LinearHead, find_head, with_head
from ecosorter.teaching.recalibrate import recalibrate
from ecosorter.teaching.refit import balanced_weights, refit
from ecosorter.teaching.relabel import parent_classes, rows_to_relabel
from ecosorter.teaching.result import FolderName, TeachResult, compare_classes, score_answers

_FOLDS = 5
_SEED = 0
# Mean squared difference, in standard deviations, below which a row of the bank is one of the photos that are taught.
# Rounding to 8 bits makes 0.0002; of 3,000 photos of 21 sources no two are nearer than 0.1.
_SAME = 0.002
_CHECKED = 64  # photos on which the new graph is compared with the new head
_TOLERANCE = 1e-3  # largest difference in a logit, relative to the largest logit
_PASS = 0.05  # share of own photos that may fall below a signal's least value

Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _Own:
    """Somebody's photos: labels ``[n]`` in the new classes, features ``[n, augmentations, d]``, groups."""

    rows: list[PhotoRow]
    facts: list[PhotoFacts]
    labels: Labels
    groups: Labels
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
    model: Path | None = None,
    own_classes: bool = False,
    progress: Progress | None = None,
    tell: Callable[[OutOfFold], object] = lambda _: None,
) -> TeachResult:
    """Teach a model and write the new bundle.

    Args:
        photos: folders and manifests, as for `read_dataset`.
        out: folder of the new bundle.
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
    bank = read_bank(base)
    graph = onnx.load(base.model_path)
    old = find_head(graph)
    if bank.features.shape[1] != old.weight.shape[0]:
        raise BundleError(f"The bank of {base.folder} is not of its model; copy the whole folder again.")

    rows = read_dataset(photos, own_classes=True).rows
    understood = understand((row.label for row in rows), base.info.classes, own=own_classes)
    new = tuple(sorted({name.label for name in understood.values()} - set(base.info.classes)))
    classes = (*base.info.classes, *new)
    own, left_out = _own_photos(base, rows, understood, classes, progress)
    bank = _in_order_of(base.info.classes, _without(bank, own.features[:, 0]))
    found = parent_classes(old, own.features[:, 0], own.labels, classes)
    allowed = _possible_classes(bank, own, found, classes)

    with progress.stage("head", _FOLDS + 1) as advance:
        fit = partial(_fit_head, old, bank, own, allowed, found)
        after, own_after = _predict_out_of_fold(fit, bank, own, len(classes), advance)
        head = fit(np.arange(len(bank.labels)), np.arange(len(own.labels)))
    before, own_before = old(bank.features), old(own.features[:, 0])
    temperature, thresholds = recalibrate(base.info, before, after, bank.labels, own_after, own.labels)
    taught = with_head(graph, head).SerializeToString()
    signals = _check(base, taught, head, own.rows)
    thresholds = _let_pass(thresholds, signals)
    counts = Counter(row.label for row in rows)
    was = score_answers(softmax(own_before, base.info.temperature), own.labels, base.info.thresholds.confidence)
    now = score_answers(softmax(own_after, temperature), own.labels, thresholds.confidence)
    result = TeachResult(
        base=f"{base.info.name} {base.info.version}",
        names=[
            FolderName(name=name, label=entry.label, how=entry.how, photos=counts[name])
            for name, entry in understood.items()
        ],
        new=new,
        part_of={classes[child]: classes[parent] for child, parent in found.items()},
        own=compare_classes(own_before, own_after, own.labels, classes),
        known=compare_classes(before, after, bank.labels, classes),
        answered=(was[0], now[0]),
        right=(was[1], now[1]),
        left_out=left_out,
        no_waste=int((signals < list(base.info.thresholds.signals.values())).any(axis=1).sum()),
        checked=len(signals),
        temperature=(base.info.temperature, temperature),
        confidence=(base.info.thresholds.confidence, thresholds.confidence),
    )
    info = describe(base.info, classes, own.rows, own.facts, result, temperature, thresholds)
    grown = make_bank(
        np.concatenate([bank.features, own.features[:, 0]]),
        np.concatenate([bank.labels, own.labels]),
        [*bank.row_sources, *(row.source for row in own.rows)],
        classes,
    )
    written = write_bundle(out, taught, info, taught_card(info, result, base), bank=grown).info
    tell(OutOfFold(written, own.rows, own.labels, own_before, own_after, bank.labels, before, after))
    return result


def _own_photos(
    base: Bundle,
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
    labels = np.array([classes.index(row.label) for row in rows], np.int64)
    groups = find_groups(rows, usable)
    for label in sorted({name.label for name in understood.values()}):
        if len(np.unique(groups[labels == classes.index(label)])) < 2:
            raise DatasetError(
                f"Class '{label}' has fewer than 2 different photos that can be read: one to learn from and one to "
                f"measure on is the least, and 20 are a good start.{say_unusable(photos, facts)}"
            )
    with progress.stage("features", len(rows)) as advance:
        features = augmented_features(base, [row.path for row in rows], advance)
    return _Own(rows, usable, labels, groups, features), dict(left_out)


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


def _possible_classes(bank: Bank, own: _Own, found: dict[int, int], classes: Sequence[str]) -> NDArray[np.bool_]:
    """Return ``[rows of the bank, classes]``: its class, and the new one that it looks like and that was part of it."""
    allowed = np.eye(len(classes), dtype=np.bool_)[bank.labels]
    deviation = np.maximum(bank.features.std(axis=0), np.finfo(np.float32).eps)
    for child, parent in found.items():
        rows = np.flatnonzero(bank.labels == parent)
        allowed[rows, child] = rows_to_relabel(
            bank.features[rows] / deviation, own.features[own.labels == child, 0] / deviation
        )
    return allowed


def _fit_head(
    old: LinearHead,
    bank: Bank,
    own: _Own,
    bank_allowed: NDArray[np.bool_],
    found: dict[int, int],
    bank_rows: Labels,
    own_rows: Labels,
) -> LinearHead:
    """Fit a head on some rows of the bank and some own photos, each photo in every augmented view."""
    labels = np.concatenate([bank.labels[bank_rows], np.repeat(own.labels[own_rows], len(AUGMENTATIONS))])
    features = np.concatenate([bank.features[bank_rows], own.features[own_rows].reshape(-1, own.features.shape[2])])
    sources = [bank.source_names[i] for i in bank.sources[bank_rows]]
    sources += [own.rows[i].source for i in own_rows for _ in AUGMENTATIONS]
    is_own = np.arange(len(labels)) >= len(bank_rows)
    own_allowed = np.eye(bank_allowed.shape[1], dtype=np.bool_)[labels[is_own]]
    allowed = np.concatenate([bank_allowed[bank_rows], own_allowed])
    weights = balanced_weights(labels, sources, is_own)
    return refit(old, features, allowed, weights, bank.features, found)


def _predict_out_of_fold(
    fit: Callable[[Labels, Labels], LinearHead], bank: Bank, own: _Own, classes: int, advance: Advance
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return logits of every row of the bank and of every own photo, from heads that were not fitted on it."""
    least = min(len(np.unique(own.groups[own.labels == label])) for label in np.unique(own.labels))
    number = min(_FOLDS, least)
    part = np.empty(len(bank.labels), np.int64)
    random = np.random.default_rng(_SEED)
    for label in np.unique(bank.labels):
        for source in np.unique(bank.sources):
            mine = random.permutation(np.flatnonzero((bank.labels == label) & (bank.sources == source)))
            part[mine] = np.arange(len(mine)) % number
    after = np.empty((len(bank.labels), classes), np.float32)
    own_after = np.empty((len(own.labels), classes), np.float32)
    for fold, (train, test) in enumerate(folds(own.labels, own.groups, number, _SEED)):
        head = fit(np.flatnonzero(part != fold), train)
        after[part == fold] = head(bank.features[part == fold])
        own_after[test] = head(own.features[test, 0])
        advance(1)
    return after, own_after


def _check(base: Bundle, model: bytes, head: LinearHead, rows: Sequence[PhotoRow]) -> NDArray[np.float32]:
    """Run the new graph on some of the photos; return their signals ``[photos, signals]``.

    Raises:
        ExportError: its logits are not those of the head.
    """
    session = onnxruntime.InferenceSession(model, quiet_options(), providers=["CPUExecutionProvider"])
    names = ["logits", "features", *(["signals"] if base.info.thresholds.signals else [])]
    found = []
    for index in np.unique(np.linspace(0, len(rows) - 1, _CHECKED).round().astype(np.int64)):
        logits, features, *signals = session.run(
            names, {"pixels": decode_views(rows[index].path, base.info.preprocess)}
        )
        expected = head(features)
        if not np.abs(logits - expected).max() <= _TOLERANCE * max(1.0, float(np.abs(expected).max())):
            raise ExportError(
                f"The new graph's logits differ from those of the new head by {np.abs(logits - expected).max():.2g}; "
                "nothing was written. Please report this with your model."
            )
        found.append(signals[0].mean(axis=0) if signals else np.empty(0, np.float32))
    return np.stack(found)


def _let_pass(thresholds: Thresholds, signals: NDArray[np.float32]) -> Thresholds:
    """Lower the least values of the signals until all but a few of the own photos pass: these do show waste."""
    lowest = np.quantile(signals, _PASS, axis=0)
    least = {name: min(value, float(lowest[i])) for i, (name, value) in enumerate(thresholds.signals.items())}
    return thresholds.model_copy(update={"signals": least})
