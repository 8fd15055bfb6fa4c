"""What 8-bit integers cost on sources never seen: the yardstick with them and with floats, all else the same.

Heads of the recipe `ecosorter` are fitted to the features of the network in integers, which ship, and to those of the
same network in floats, with the same lots of sources left out (`benchmarks.curve`). The table is written to
test-output/bench/integers.md. Features are kept in the cache, so it goes on where it was cut off; those in floats take
about an hour on two cores.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from benchmarks.curve import Point, features, measured
from benchmarks.timing import machine, table
from ecosorter.cli.bars import Bars
from ecosorter.datasets.cache import Cache
from ecosorter.datasets.dataset import load_dataset
from ecosorter.datasets.photoset import usable_photos
from ecosorter.training.recipe import load_recipe

RESULTS = Path("test-output/bench/integers.md")
ALLOWED = 0.005  # of the yardstick


def report(integers: Point, floats: Point) -> str:
    """Return the table, and what the integers cost."""
    rows = [[each.name, f"{np.mean(each.mean):.3f}", f"{np.mean(each.aside):.3f}"] for each in (floats, integers)]
    cost = np.mean(floats.mean) - np.mean(integers.mean)
    return f"""# What 8-bit integers cost, measured by `python -m benchmarks.integers`

{machine()}

{table(["", "yardstick", "sources set aside"], rows)}

They cost {100 * cost:.1f} points of the yardstick; at most {100 * ALLOWED:g} are allowed.
"""


def main() -> int:
    """Measure both and write it down; return 1 when integers cost more than is allowed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.integers", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("../shared/photos"), help="sources, those of the recipe")
    folder = parser.parse_args().folder
    points = {}
    with Bars() as bars:
        photos = usable_photos(load_dataset([folder]), Cache(), bars)
        for name, int8 in (("integers", True), ("floats", False)):
            recipe = load_recipe("ecosorter", overrides={"export.int8": int8})
            views = features(photos, recipe, Cache(), bars)
            points[name] = measured(name, lambda _, rows, __: rows, 1, photos, views, recipe)
    text = report(points["integers"], points["floats"])
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(text, encoding="utf-8")
    print(f"\n{text}\nWritten to {RESULTS}.")
    return int(np.mean(points["floats"].mean) - np.mean(points["integers"].mean) > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
