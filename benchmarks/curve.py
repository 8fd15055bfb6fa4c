"""What more photos would bring: the yardstick against what there is to learn from.

The measure of the recipe `ecosorter` (evaluation/unseen.py), on the features that ship, when the head is fitted (a) to
photos of so many of the other sources, drawn at random, (b) to those of so many groups of sources that share no
photographer, and (c) to photos of all other sources, but at most so many of each class from each. To be quick, the
groups that count are left out in a few lots, not one by one, so there is a little less to learn from than for the card.
Tables and plot are written to test-output/bench/curve.{md,png}.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.timing import machine, table
from ecosorter.cli.bars import Bars
from ecosorter.datasets.cache import Cache
from ecosorter.datasets.dataset import load_dataset
from ecosorter.datasets.photoset import PhotoSet, usable_photos
from ecosorter.evaluation.protocols import counting_classes, counting_sources, groups_left_out
from ecosorter.progress import Progress
from ecosorter.training.backbones.find import find_backbone
from ecosorter.training.fit.linear_probe import fit_linear
from ecosorter.training.front import Front
from ecosorter.training.recipe import Recipe, load_recipe
from ecosorter.training.run import range_photos

RESULTS = Path("test-output/bench")
SOURCES = (8, 16, 32)
PHOTOGRAPHERS = (8, 16, 32)
PHOTOS = (5, 20, 60)
DRAWS = 3
LOTS = 4
_STEADY = 3  # points of the line: few sources lack whole classes, and what the next one brings is then a class

Rows = NDArray[np.int64]
Choose = Callable[[PhotoSet, Rows, np.random.Generator], Rows]


@dataclass(frozen=True, slots=True)
class Point:
    """What came of one choice of photos to learn from.

    Attributes:
        name: of the choice.
        mean: of the macro recalls of the sources that count and that choices may look at, a number for each draw.
        aside: of those that no choice looks at, likewise.
        sources, photos, classes: to learn from, mean over groups and draws.
    """

    name: str
    mean: list[float]
    aside: list[float]
    sources: float
    photos: float
    classes: float


def some_sources(photos: PhotoSet, rows: Rows, random: np.random.Generator, *, number: int) -> Rows:
    """Choose all photos of so many sources."""
    names = np.array([photos.rows[row].source for row in rows])
    return rows[np.isin(names, random.permutation(np.unique(names))[:number])]


def some_photographers(
    photos: PhotoSet, rows: Rows, random: np.random.Generator, *, number: int, groups: Sequence[Sequence[str]]
) -> Rows:
    """Choose all photos of so many groups of sources that share no photographer."""
    names = np.array([photos.rows[row].source for row in rows])
    there = [group for group in groups if np.isin(group, names).any()]
    chosen = [name for place in random.permutation(len(there))[:number] for name in there[place]]
    return rows[np.isin(names, chosen)]


def some_photos(photos: PhotoSet, rows: Rows, random: np.random.Generator, *, number: int) -> Rows:
    """Choose at most so many photos of each class of each source."""
    taken: dict[tuple[str, str], int] = {}
    chosen = []
    for row in random.permutation(rows).tolist():
        kind = photos.rows[row].source, photos.rows[row].label
        taken[kind] = taken.get(kind, 0) + 1
        if taken[kind] <= number:
            chosen.append(row)
    return np.sort(np.array(chosen))


def measured(
    name: str, choose: Choose, draws: int, photos: PhotoSet, views: NDArray[np.float32], recipe: Recipe
) -> Point:
    """Leave out each group, fit the head to what is chosen of the other sources, and look at the group's photos.

    Args:
        name: of the choice.
        choose: among the photos of the sources that are left.
        draws: how often it is chosen anew.
        photos: all of them.
        views: features ``[n, views, d]``. As in the recipe, the head is fitted to the first view, the whole photo, and
            the answers are those to the mean of all views.
        recipe: the groups, and how the head is held.
    """
    labels, sources = photos.labels, np.array([row.source for row in photos.rows])
    counting = counting_sources([row.label for row in photos.rows], sources.tolist())
    groups = [g for g in groups_left_out(recipe.evaluation.left_out, sources.tolist()) if counting.intersection(g)]
    mean, aside, learned = [], [], []
    for draw in range(draws):
        recall: dict[str, float] = {}
        for lot in range(min(LOTS, len(groups))):
            others, away = photos.hold_out([name for group in groups[lot::LOTS] for name in group])
            rows = choose(photos, others, np.random.default_rng([draw, lot]))
            learned.append([len(np.unique(values)) for values in (sources[rows], rows, labels[rows])])
            answer = _head(views[rows, 0], labels[rows], sources[rows], len(photos.classes), recipe)
            for source in counting.intersection(away):
                recall[source] = _recall(answer(views[away[source]].mean(axis=1)), labels[away[source]])
        kept = set(recipe.evaluation.aside)
        mean.append(float(np.mean([value for source, value in recall.items() if source not in kept])))
        aside.append(float(np.mean([value for source, value in recall.items() if source in kept] or [np.nan])))
    print(f"- {name}: {np.mean(mean):.3f}, aside {np.mean(aside):.3f}", flush=True)
    return Point(name, mean, aside, *np.mean(learned, axis=0).tolist())


def _recall(answers: Rows, labels: Rows) -> float:
    """Return the mean recall of the classes over which a source counts."""
    counted = counting_classes({str(label): int((labels == label).sum()) for label in np.unique(labels)})
    return float(np.mean([(answers[labels == int(label)] == int(label)).mean() for label in counted]))


def _head(
    features: NDArray[np.float32], labels: Rows, sources: NDArray[np.str_], classes: int, recipe: Recipe
) -> Callable[[NDArray[np.float32]], Rows]:
    """Return a function from features ``[n, d]`` to the number of each photo's class."""
    if len(np.unique(labels)) == 1:  # two sources may show one class only: then there is but one answer
        return lambda seen: np.full(len(seen), labels[0])
    weight, bias = fit_linear(
        features,
        labels,
        sources,
        classes,
        c=recipe.head.c,
        source_power=recipe.balance.source_power,
        scores_weight=recipe.scores_weight,
    )
    return lambda seen: (seen @ weight.T + bias).argmax(axis=1)


def features(photos: PhotoSet, recipe: Recipe, cache: Cache, progress: Progress) -> NDArray[np.float32]:
    """Return what the pretrained body sees in each photo ``[n, views, d]``, from the cache where it is there."""
    backbone = find_backbone(recipe.features.backbone)
    spec = recipe.features.preprocess or backbone.preprocess()[0]
    front = Front(backbone, spec, recipe, photos.files, range_photos(photos, recipe), photos.classes, cache)
    with progress.stage("features", len(photos.rows)) as advance:
        found = front.features(advance, spec.zooms)
    return found.reshape(len(found), len(spec.zooms), -1).astype(np.float32, copy=False)


def report(curves: Mapping[str, Sequence[Point]], photos: PhotoSet) -> str:
    """Return the tables, and what they say of more sources."""

    def rows(points: Sequence[Point]) -> list[list[str]]:
        return [
            [
                point.name,
                f"{point.sources:.1f}",
                f"{point.photos:,.0f}",
                f"{point.classes:.1f}",
                *(
                    f"{np.mean(draws):.3f}" + (f" ± {np.std(draws):.3f}" if len(draws) > 1 else "")
                    for draws in (point.mean, point.aside)
                ),
            ]
            for point in points
        ]

    head = ["sources", "photos", "classes", "yardstick", "sources set aside"]
    first = next(iter(curves.values()))
    mean, aside = (_gain(first, key) for key in ("mean", "aside"))
    tables = "\n\n".join(f"{table([f'{words}, at most', *head], rows(points))}" for words, points in curves.items())
    return f"""# What more photos would bring, measured by `python -m benchmarks.curve`

{machine()}

Mean macro recall of sources that were left out, over those that choices look at and over those set aside; mean and
standard deviation over {len(first[0].mean)} draws, of {len(photos.rows):,} photos of {len(photos.sources)} sources.
"sources", "photos" and "classes" are what there was to learn from, mean over the lots that were left out.

{tables}

A straight line through the last {_STEADY} points of the first table, over the logarithm of the number of sources: each
doubling brings {mean:+.3f} to the yardstick and {aside:+.3f} to the sources set aside. Nobody knows whether that goes
on.
"""


def _gain(points: Sequence[Point], key: str) -> float:
    """Return what each doubling of the sources brings to one of the figures."""
    last = points[-_STEADY:]
    values = [np.mean(getattr(point, key)) for point in last]
    return float(np.polyfit(np.log2([point.sources for point in last]), values, 1)[0])


def plot(curves: Mapping[str, Sequence[Point]], path: Path) -> None:
    """Draw the curves side by side."""
    figure = Figure(figsize=(9, 3.2), dpi=100, layout="constrained")
    panels = figure.subplots(1, len(curves), sharey=True)
    for axes, (words, points) in zip(panels, curves.items(), strict=True):
        for key, label in (("mean", "yardstick"), ("aside", "set aside")):
            values = [getattr(point, key) for point in points]
            centres, spreads = [np.mean(each) for each in values], [np.std(each) for each in values]
            axes.errorbar(range(len(points)), centres, spreads, marker="o", capsize=3, label=label)
        axes.set_xticks(range(len(points)), [point.name for point in points])
        axes.set_xlabel(words)
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("macro recall, sources never seen")
    panels[0].legend()
    figure.savefig(path)


def measure(photos: PhotoSet, views: NDArray[np.float32], recipe: Recipe, draws: int) -> dict[str, list[Point]]:
    """Measure every point of the three curves; all of them end with everything there is."""
    whole = measured("all", lambda _, rows, __: rows, 1, photos, views, recipe)
    groups = groups_left_out(recipe.evaluation.left_out, [row.source for row in photos.rows])
    ways: dict[str, tuple[Callable[..., Rows], Sequence[int]]] = {
        "sources": (some_sources, SOURCES),
        "photographers or groups of them": (partial(some_photographers, groups=groups), PHOTOGRAPHERS),
        "photos of a class of a source": (some_photos, PHOTOS),
    }
    return {
        words: [
            *(measured(str(n), partial(choose, number=n), draws, photos, views, recipe) for n in numbers),
            whole,
        ]
        for words, (choose, numbers) in ways.items()
    }


def main() -> int:
    """Measure everything and write it down."""
    options = _options()
    recipe = load_recipe("ecosorter")
    cache = Cache()
    with Bars() as bars:
        photos = usable_photos(load_dataset([options.folder]), cache, bars)
        views = features(photos, recipe, cache, bars)
    curves = measure(photos, views, recipe, options.draws)
    text = report(curves, photos)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "curve.md").write_text(text, encoding="utf-8")
    plot(curves, RESULTS / "curve.png")
    print(f"\n{text}\nWritten to {RESULTS / 'curve.md'} and curve.png.")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.curve", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("../shared/photos"), help="sources, those of the recipe")
    parser.add_argument("--draws", type=int, default=DRAWS, help="how often sources and photos are drawn anew")
    options = parser.parse_args()
    if not options.folder.is_dir():
        parser.error(f"there is no {options.folder}; see --folder")
    return options


if __name__ == "__main__":
    sys.exit(main())
