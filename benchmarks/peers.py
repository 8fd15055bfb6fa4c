"""The program beside its peers: the same photos, the same network, one machine, all in turn. A part of `make bench`.

From files to answers, on 12-megapixel photos and on small ones: the model that ships, which is another and larger
network, looks at several views and stops where it is sure; and ours (8-bit integers, floats) beside transformers'
`pipeline("image-classification")`, torch with a DataLoader, and plain ONNX Runtime with Pillow. What one photo takes,
how many go through in a second, what a whole run over more and more photos takes, its memory, the size on disk; and
the network alone beside torch, and both beside what the machine can multiply. Every figure comes from a process of its
own. The tables and the plot are written to test-output/bench/peers.{md,png}.
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.peers_report import (
    ENGINES,
    GROWING,
    NETWORKS,
    ROUNDS,
    WAYS,
    Alone,
    Steady,
    alone_table,
    draw,
    growth_table,
    photos_table,
    verdicts,
)
from benchmarks.timing import PROGRAM, Measured, evenly, machine, measured, parse_options
from ecosorter.folders import find_photos

RESULTS = Path("test-output/bench/peers.md")
PHOTOS = {"12 megapixels": 16, "384 pixels": 128}
NUMBERS = [1, 10, 100, 1_000, 10_000]


def alternating(contestants: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[Any]]:
    """Let contestants run one after the other, several rounds; return what each gave."""
    found: dict[str, list[Any]] = {name: [] for name in contestants}
    for number in range(rounds):
        for name, contestant in contestants.items():
            print(f"- round {number + 1}: {name}", flush=True)
            found[name].append(contestant())
    return found


def python(*arguments: object) -> dict[str, Any]:
    """Run a module of this package, and return the JSON object that it prints."""
    return measured([sys.executable, "-m", *map(str, arguments)]).figures()


def listed(photos: Sequence[Path], number: int, file: Path) -> Path:
    """Write a list of so many photos, again from the first where there are too few; spread over all of them."""
    some = evenly(photos, number)
    file.write_text("".join(f"{some[index % len(some)].absolute()}\n" for index in range(number)), encoding="utf-8")
    return file


def steady(networks: Path, lists: Mapping[str, Path]) -> dict[str, dict[str, Steady]]:
    """Measure every way on each kind of photos: kind, way, figures."""
    contestants = {
        f"{kind}, {way}": partial(python, "benchmarks.peer", way, networks, file, "steady")
        for kind, file in lists.items()
        for way in WAYS
    }
    runs = alternating(contestants, ROUNDS)

    def figures(name: str) -> Steady:
        rate, single = (median(run[key] for run in runs[name]) for key in ("rate", "single"))
        return Steady(rate, single, runs[name][0]["best"])

    return {kind: {way: figures(f"{kind}, {way}") for way in WAYS} for kind in lists}


def growing(networks: Path, lists: Mapping[int, Path], scratch: Path) -> dict[int, dict[str, Measured]]:
    """Measure whole runs, from starting a process to its end: number of photos, way, the median run.

    Ours is the program as a person starts it, which writes a table.
    """

    def run(way: str, file: Path) -> Measured:
        if way != "int8":
            return measured([sys.executable, "-m", "benchmarks.peer", way, str(networks), str(file), "once"])
        out = scratch / "answers.csv"
        out.unlink(missing_ok=True)
        done = measured([PROGRAM, "classify", f"@{file}", "--model", str(networks / "int8"), "--out", str(out)])
        assert sum(1 for _ in out.open("rb")) == 1 + sum(1 for _ in file.open("rb")), "every photo has one row"
        return done

    found = {}
    for number, file in lists.items():
        contestants = {way: partial(run, way, file) for way in GROWING}
        print(f"- {number:,} photos", flush=True)
        runs = alternating(contestants, ROUNDS if number == 1 else 1)
        found[number] = {way: sorted(each, key=lambda run: run.seconds)[len(each) // 2] for way, each in runs.items()}
    return found


def alone(networks: Path) -> dict[str, dict[str, Alone]]:
    """Measure the networks without photos: network, engine, figures."""
    pairs = [(network, engine) for network in NETWORKS for engine in ENGINES]
    contestants = {" ".join(pair): partial(python, "benchmarks.network", *pair, networks) for pair in pairs}
    runs = alternating(contestants, ROUNDS)

    def figures(network: str, engine: str) -> Alone:
        each = runs[f"{network} {engine}"]
        rates = {batch: median(run["rates"][batch] for run in each) for batch in each[0]["rates"]}
        return Alone(rates, each[0]["multiplications"])

    return {network: {engine: figures(network, engine) for engine in ENGINES} for network in NETWORKS}


def products(networks: Path) -> dict[str, float]:
    """Measure the most that the machine multiplies in a second, in 8-bit integers and in floats, whoever does it."""
    engines = ("int8", "float", "torch")
    contestants = {engine: partial(python, "benchmarks.network", "product", engine, networks) for engine in engines}
    found = {engine: max(run["product"] for run in runs) for engine, runs in alternating(contestants, ROUNDS).items()}
    return {"int8": found["int8"], "float": max(found["float"], found["torch"])}


def main() -> int:
    """Measure everything; return 1 when an aim is missed."""
    options = _options()
    about = machine()
    with TemporaryDirectory(prefix="ecosorter-bench-") as name:
        scratch = Path(name)
        print("- the networks and the large photos", flush=True)
        measured([sys.executable, "-m", "benchmarks.peer_networks", str(options.backbone), str(options.photos), name])
        small = list(find_photos([options.photos]))
        sources = dict(zip(PHOTOS, [sorted((scratch / "large").iterdir()), small], strict=True))
        lists = {kind: listed(sources[kind], PHOTOS[kind], scratch / f"{kind}.txt") for kind in PHOTOS}
        limits = products(scratch)
        networks = alone(scratch)
        steadily = steady(scratch, lists)
        growth = {number: listed(small, number, scratch / f"{number}.txt") for number in sorted(options.numbers)}
        grown = growing(scratch, growth, scratch)
    multiplications = networks["mobilenet_v2"]["torch"].multiplications or 0
    aims = verdicts(steadily, networks)
    parts = [
        "# Beside its peers, measured by `python -m benchmarks.peers`\n",
        f"{about} Load at the end: {os.getloadavg()[0]:.1f}.",
        f"\n{options.backbone.name} with a fitted head but for the model that ships; medians of {ROUNDS} runs in turn.",
        *(photos_table(kind, ways, multiplications, limits) for kind, ways in steadily.items()),
        growth_table(grown),
        alone_table(networks, limits),
        "\n## The aims\n",
        *(f"- {words}: {'yes' if met else 'NO'}" for words, met in aims.items()),
    ]
    report = "\n".join(parts)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(report + "\n", encoding="utf-8")
    draw(steadily, grown, RESULTS.with_suffix(".png"))
    print(f"\n{report}\n\nWritten to {RESULTS} and {RESULTS.with_suffix('.png')}.")
    return int(not all(aims.values()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--numbers", type=int, nargs="+", default=NUMBERS, metavar="N", help="of photos of whole runs")
    return parse_options(parser)


if __name__ == "__main__":
    sys.exit(main())
