"""What a few corrections bring in a place that the model never saw, and what they cost it elsewhere.

``python -m benchmarks.place`` takes each shared source that shows three classes or more for a place. A head is fitted
to the bank without it and without whatever shares its objects or photographers; thresholds are those that the other
sources ask for. Then the place is taught by `teaching.learn`, as `ecosorter teach` and the phone do it:

- the first 5, 10, 20 and 40 photos in the order in which a person would correct: of photos that come by chance, those
  first that were answered wrongly or not at all;
- 5 and 10 photos of each class.

It is measured on photos of the place that were not taught and are no near-copies of these: the bank's own. Many places
show few objects, so others of the same object may be among them; "told", which leaves whole things out, is the more
careful figure. The table
goes to test-output/bench/place.md. Heads and features are kept in ``--kept``, so that a second run takes minutes.
"""

import argparse
import sys
import time
import warnings
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.left_out import head_without
from benchmarks.timing import machine, table
from ecosorter.bundle import Bundle
from ecosorter.classifier import Classifier
from ecosorter.datasets.dataset import PhotoRow, load_dataset
from ecosorter.datasets.scan import photo_facts
from ecosorter.decision import Thresholds, softmax
from ecosorter.evaluation.metrics import macro_recall
from ecosorter.evaluation.out_of_fold import calibrate
from ecosorter.evaluation.protocols import counting_classes, groups_left_out, promise_places
from ecosorter.files import write_whole
from ecosorter.teaching.bank import Bank, load_bank
from ecosorter.teaching.features import augmented_features
from ecosorter.teaching.learn import Learnt, Lesson, learn
from ecosorter.teaching.linear_head import LinearHead
from ecosorter.teaching.refit import scale_of
from ecosorter.teaching.result import score_answers
from ecosorter.teaching.things import find_things, usual_distance
from ecosorter.training.recipe import Recipe, load_recipe

RESULTS = Path("test-output/bench")
CORRECTED = (5, 10, 20, 40)
EACH = (5, 10)
_POOL = 14  # photos of a class that may be taught; at most half of them, so that others are left to ask about
_LEAST = 10  # photos that must be left to ask about

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A source, the head that never saw it, and photos of it to teach and to ask about.

    Attributes:
        name: of the source.
        head, temperature, thresholds: of the model without it.
        bank: of the model without it and what belongs to it.
        features: float32 ``[n, looks, d]`` of the photos that may be taught.
        labels: ``[n]``.
        asked, asked_labels: ``[m, d]`` and ``[m]``, of the others.
    """

    name: str
    head: LinearHead
    temperature: float
    thresholds: Thresholds
    bank: Bank
    features: NDArray[np.float32]
    labels: Rows
    asked: NDArray[np.float32]
    asked_labels: Rows

    def corrected(self, number: int, random: np.random.Generator) -> Rows:
        """Return the first photos that a person would correct: wrong or unsure ones before those that were right."""
        sure = softmax(self.head(self.features[:, 0]), self.temperature)
        fine = (sure.argmax(axis=1) == self.labels) & (sure.max(axis=1) >= self.thresholds.confidence)
        come = random.permutation(len(fine))
        return np.concatenate([come[~fine[come]], come[fine[come]]])[:number]

    def of_each(self, number: int, random: np.random.Generator) -> Rows:
        """Return so many photos of each class."""
        come = random.permutation(len(self.labels))
        return np.concatenate([come[self.labels[come] == label][:number] for label in np.unique(self.labels)])

    def lesson(self, rows: Rows) -> Lesson:
        """Return photos as a lesson."""
        scale = scale_of(self.bank.features)
        usual = usual_distance(self.bank.features, self.bank.labels, scale)
        things = find_things(self.features[rows, 0], self.labels[rows], scale, usual)
        return Lesson(self.features[rows], self.labels[rows], things, [self.name] * len(rows))


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one place and one lesson: macro recall, coverage, right among answers, what was promised, lost on the bank."""

    macro: float
    answered: float
    right: float
    accuracy: float
    promised: float
    lost: float
    step: float


def figures(
    place: Place, head: LinearHead, temperature: float, thresholds: Thresholds, learnt: Learnt | None
) -> Figures:
    """Ask a head about the photos of the place that were not taught."""
    logits = head(place.asked)
    answers = logits.argmax(axis=1)
    answered, right = score_answers(softmax(logits, temperature), place.asked_labels, thresholds.confidence)
    return Figures(
        macro_recall(answers, place.asked_labels),
        answered,
        np.nan if right is None else right,
        float((answers == place.asked_labels).mean()),
        np.nan if learnt is None else learnt.known_after / len(learnt.own_after),
        0.0 if learnt is None else learnt.lost,
        1.0 if learnt is None else learnt.step,
    )


def places(base: Bundle, recipe: Recipe, folder: Path, kept: Path) -> list[Place]:
    """Return every place with the model that never saw it."""
    bank = load_bank(base)
    sources = np.array(bank.row_sources)
    place_of = promise_places([bank.classes[label] for label in bank.labels], sources.tolist())
    rows: defaultdict[str, list[PhotoRow]] = defaultdict(list)
    for row in load_dataset([folder]).rows:
        rows[row.source].append(row)
    counting = {name for name, mine in rows.items() if counting_classes(Counter(row.label for row in mine))}
    groups = [group for group in groups_left_out(recipe.evaluation.left_out, sources.tolist()) if counting & set(group)]
    model = base.info.sha256[:12]
    heads = [_without(bank, group, recipe, kept / f"head-{group[0]}-{model}.npz") for group in groups]
    logits = np.zeros((len(sources), len(bank.classes)), np.float32)
    for group, head in zip(groups, heads, strict=True):
        logits[np.isin(sources, group)] = head(bank.features[np.isin(sources, group)])
    found = []
    for group, head in zip(groups, heads, strict=True):
        others = ~np.isin(sources, group)
        known = others & (place_of >= 0) & np.isin(sources, np.concatenate(groups))
        fitted = calibrate(logits[known, None], bank.labels[known], recipe.decide, place_of[known])
        left = Bank.of(bank.features[others], bank.labels[others], sources[others].tolist(), bank.classes)
        for name in sorted(counting & set(group)):
            features, labels = _pool(base, rows[name], kept / f"looks-{name}-{model}.npz")
            mine = np.flatnonzero((sources == name) & np.isin(bank.labels, labels))  # classes that count
            scale = scale_of(bank.features)
            away = mine[_apart(bank.features[mine], features[:, 0], scale)]
            if len(away) >= _LEAST:
                found.append(
                    Place(
                        name,
                        head,
                        fitted.temperature,
                        fitted.thresholds,
                        left,
                        features,
                        labels,
                        bank.features[away],
                        bank.labels[away],
                    )
                )
    return found


def _without(bank: Bank, group: tuple[str, ...], recipe: Recipe, kept: Path) -> LinearHead:
    """Fit the head of the recipe to the bank without a group of sources, or take it from where it was kept."""
    if not kept.is_file():
        head = head_without(bank, group, recipe)
        write_whole(kept, lambda part: np.savez(part, weight=head.weight, bias=head.bias))
    with np.load(kept) as stored:
        return LinearHead(stored["weight"], stored["bias"])


def _pool(base: Bundle, rows: list[PhotoRow], kept: Path) -> tuple[NDArray[np.float32], Rows]:
    """Return features of every look ``[n, looks, d]`` and labels of photos that may be taught."""
    if not kept.is_file():
        random = np.random.default_rng(0)
        chosen: list[PhotoRow] = []
        for label in counting_classes(Counter(row.label for row in rows)):
            mine = [row for row in rows if row.label == label]
            drawn = np.sort(random.permutation(len(mine))[: min(_POOL, -(-len(mine) // 2))])
            chosen += [mine[i] for i in drawn]
        chosen = [row for row, facts in zip(chosen, photo_facts(chosen), strict=True) if facts.status == "ok"]
        features = augmented_features(base, [row.path for row in chosen], lambda _: None)
        labels = np.array([base.info.classes.index(row.label) for row in chosen])
        write_whole(kept, lambda part: np.savez(part, features=features, labels=labels))
    with np.load(kept) as stored:
        return stored["features"], stored["labels"]


def _apart(
    asked: NDArray[np.float32], taught: NDArray[np.float32], scale: tuple[NDArray[np.float64], ...]
) -> NDArray[np.bool_]:
    """Return which rows are neither taught photos nor near-copies of any."""
    a, b = ((rows - scale[0]) / scale[1] for rows in (asked, taught))
    a, b = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (a, b))
    clear: NDArray[np.bool_] = (a @ b.T).max(axis=1) < _COPY
    return clear


_COPY = 0.85  # cosine of standardised features; a row of the bank and its own photo have 0.99


def main() -> int:
    """Measure everything and write it down."""
    options = _options()
    warnings.filterwarnings("ignore", message="lbfgs failed to converge")
    options.kept.mkdir(parents=True, exist_ok=True)
    base = Classifier.load(None).bundle
    found = places(base, load_recipe("ecosorter"), options.folder, options.kept)
    lessons = [(str(number), Place.corrected, number) for number in CORRECTED]
    lessons += [(f"{number} of each class", Place.of_each, number) for number in EACH]
    results: dict[str, list[Figures]] = {
        "0": [figures(place, place.head, place.temperature, place.thresholds, None) for place in found]
    }
    start = time.perf_counter()
    for name, choose, number in lessons:
        results[name] = []
        for place in found:
            lesson = place.lesson(choose(place, number, np.random.default_rng(1)))
            learnt = learn(place.head, place.bank, lesson, place.bank.classes, place.temperature, place.thresholds)
            results[name].append(figures(place, learnt.head, learnt.temperature, learnt.thresholds, learnt))
        print(f"{name}: {np.mean([each.macro for each in results[name]]):.3f}", flush=True)
    text = report(found, results, time.perf_counter() - start)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "place.md").write_text(text, encoding="utf-8")
    print(f"\n{text}")
    return 0


def report(found: list[Place], results: dict[str, list[Figures]], seconds: float) -> str:
    """Return the tables."""
    columns = ("macro", "answered", "right", "accuracy", "promised", "lost")
    means = [
        [
            name,
            *(_mean([getattr(each, column) for each in every]) for column in columns),
            f"{sum(e.step < 1 for e in every)}",
        ]
        for name, every in results.items()
    ]
    each = [
        [place.name, str(len(place.asked_labels)), *(f"{every[i].macro:.2f}" for every in results.values())]
        for i, place in enumerate(found)
    ]
    head = ["photos taught", "macro recall", "answered", "right of those", "accuracy", "told", "lost on the bank"]
    head.append("shortened")
    return f"""# What a few corrections bring, measured by `python -m benchmarks.place`

{machine()}

Mean of {len(found)} places that the model never saw, in {seconds:.0f} s. "Told" is the share of the taught
photos that is found by leaving each thing out, "shortened" in how many places the step was, so as not to forget.

{table(head, means)}

Macro recall of each place:

{table(["place", "asked", *results], each)}
"""


def _mean(values: list[float]) -> str:
    known = [value for value in values if not np.isnan(value)]
    return f"{np.mean(known):.3f}" if known else "-"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.place", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("../shared/photos"), help="sources, those of the recipe")
    parser.add_argument("--kept", type=Path, default=RESULTS / "place", help="where heads and features are kept")
    options = parser.parse_args()
    if not options.folder.is_dir():
        parser.error(f"there is no {options.folder}; see --folder")
    return options


if __name__ == "__main__":
    sys.exit(main())
