"""What more photos would bring: macro recall on sources never seen, against what there is to learn from.

The measure of the recipe `ecosorter` (evaluation/out_of_fold.py), with its groups of sources that are left out, when
the head is fitted (a) to photos of so many of the other sources, drawn at random, and (b) to photos of all other
sources, but at most so many of each class from each. Tables and plot are written to test-output/bench/curve.{md,png}.

It is a proxy: the body is the pretrained network as it came, of which nothing but the head is fitted. Fine-tuning it
anew for each point would take a day, and gives about the same on sources never seen (docs/experiments.md).
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.timing import machine, table
from ecosorter.cli.bars import Bars
from ecosorter.datasets.cache import Cache
from ecosorter.datasets.dataset import read_dataset
from ecosorter.datasets.photoset import PhotoSet, usable_photos
from ecosorter.evaluation.metrics import macro_recall
from ecosorter.evaluation.protocols import groups_left_out, promise_weights
from ecosorter.progress import Progress
from ecosorter.training.backbones.find import find_backbone
from ecosorter.training.fit.linear_probe import fit_linear
from ecosorter.training.front import Front
from ecosorter.training.recipe import Recipe, load_recipe

RESULTS = Path("test-output/bench")
SOURCES = (2, 4, 8, 12)
PHOTOS = (5, 10, 20, 50)
DRAWS = 5
_KEPT_AT_ONCE = 256  # photos
_STEADY = 3  # points of the line: few sources lack whole classes, and what the next one brings is then a class
LARGEST = "trashnet"  # shown by itself as well: small sources show few objects, and measure luck

Rows = NDArray[np.int64]
Choose = Callable[[PhotoSet, Rows, np.random.Generator], Rows]


@dataclass(frozen=True, slots=True)
class Point:
    """What came of one choice of photos to learn from.

    Attributes:
        name: of the choice.
        mean: of the macro recalls of all sources that were left out, a number for each draw.
        largest: the macro recall of the largest source, likewise.
        sources, photos, classes: to learn from, mean over groups and draws.
    """

    name: str
    mean: list[float]
    largest: list[float]
    sources: float
    photos: float
    classes: float


def some_sources(photos: PhotoSet, rows: Rows, random: np.random.Generator, *, number: int) -> Rows:
    """Choose all photos of so many sources."""
    names = np.array([photos.rows[row].source for row in rows])
    return rows[np.isin(names, random.permutation(np.unique(names))[:number])]


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
    counting = sources[promise_weights([row.label for row in photos.rows], sources.tolist()) > 0]
    groups = groups_left_out(recipe.evaluation.left_out, sources.tolist())
    mean, largest, learned = [], [], []
    for draw in range(draws):
        recall: dict[str, float] = {}
        for group in groups:
            if not np.isin(group, counting).any():  # it could not show anything
                continue
            others, away = photos.hold_out(group)
            rows = choose(photos, others, np.random.default_rng([draw, len(recall)]))
            learned.append([len(np.unique(values)) for values in (sources[rows], rows, labels[rows])])
            answer = _head(views[rows, 0], labels[rows], sources[rows], len(photos.classes), recipe)
            for source, mine in away.items():
                if source not in counting:
                    continue
                recall[source] = macro_recall(answer(views[mine].mean(axis=1)), labels[mine])
        mean.append(float(np.mean(list(recall.values()))))
        largest.append(recall.get(LARGEST, np.nan))
    print(f"- {name}: {np.mean(mean):.3f}", flush=True)
    return Point(name, mean, largest, *np.mean(learned, axis=0).tolist())


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
    front = Front(backbone, spec, recipe, photos.files, photos.classes, cache)
    with progress.stage("features", len(photos.rows)) as advance:
        found = front.features(advance, spec.zooms)
    return found.reshape(len(found), len(spec.zooms), -1).astype(np.float32, copy=False)


def report(by_sources: Sequence[Point], by_photos: Sequence[Point], photos: PhotoSet) -> str:
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
                    for draws in (point.mean, point.largest)
                ),
            ]
            for point in points
        ]

    head = ["", "sources", "photos", "classes", "mean of sources", LARGEST]
    mean, largest = (_gain(by_sources, key) for key in ("mean", "largest"))
    return f"""# What more photos would bring, measured by `python -m benchmarks.curve`

{machine()}

Macro recall on sources that were left out, mean and standard deviation over {len(by_sources[0].mean)} draws, of
{len(photos.rows):,} photos of {len(photos.sources)} sources. A proxy: the pretrained network as it came with a fitted
head, not the fine-tuned one. "sources", "photos" and "classes" are what there was to learn from, mean over the groups
that were left out.

## (a) Photos of some of the other sources

{table(["sources at most", *head[1:]], rows(by_sources))}

## (b) Photos of all other sources, but only some of each class of each source

{table(["photos at most", *head[1:]], rows(by_photos))}

A straight line through the last {_STEADY} points of (a), where next to no class is missing, over the logarithm of the
number of sources: each doubling brings {mean:+.3f} to the mean and {largest:+.3f} to {LARGEST}. Nobody knows whether
that goes on.
"""


def _gain(points: Sequence[Point], key: str) -> float:
    """Return what each doubling of the sources brings to one of the figures."""
    last = points[-_STEADY:]
    values = [np.mean(getattr(point, key)) for point in last]
    return float(np.polyfit(np.log2([point.sources for point in last]), values, 1)[0])


def plot(by_sources: Sequence[Point], by_photos: Sequence[Point], path: Path) -> None:
    """Draw both curves side by side."""
    figure = Figure(figsize=(8, 3.2), dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    words = "sources to learn from", "photos at most, of a class of a source"
    for axes, points, title in ((left, by_sources, words[0]), (right, by_photos, words[1])):
        for key, label in (("mean", "mean of sources"), ("largest", LARGEST)):
            values = [getattr(point, key) for point in points]
            centres, spreads = [np.mean(each) for each in values], [np.std(each) for each in values]
            axes.errorbar(range(len(points)), centres, spreads, marker="o", capsize=3, label=label)
        axes.set_xticks(range(len(points)), [point.name for point in points])
        axes.set_xlabel(title)
        axes.grid(alpha=0.3)
    left.set_ylabel("macro recall, sources never seen")
    left.legend()
    figure.savefig(path)


def main() -> int:
    """Measure everything and write it down."""
    options = _options()
    recipe = load_recipe("ecosorter")
    cache = Cache()
    with Bars() as bars:
        photos = usable_photos(read_dataset([options.folder]), cache, bars)
        views = features(photos, recipe, cache, bars)
    whole = measured("all", lambda _, rows, __: rows, 1, photos, views, recipe)

    def curve(choose: Callable[..., Rows], numbers: Sequence[int]) -> list[Point]:
        points = [
            measured(str(number), partial(choose, number=number), options.draws, photos, views, recipe)
            for number in numbers
        ]
        return [*points, whole]

    by_sources, by_photos = curve(some_sources, SOURCES), curve(some_photos, PHOTOS)
    text = report(by_sources, by_photos, photos)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "curve.md").write_text(text, encoding="utf-8")
    plot(by_sources, by_photos, RESULTS / "curve.png")
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
