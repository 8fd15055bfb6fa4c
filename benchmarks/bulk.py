"""`ecosorter classify --out` over many photos: does its memory stay flat, and its rate the same?

Links to real photos are classified into a CSV file: 1,000 of them and 100,000, each run a process of its own. The
table is printed and written to test-output/bench/bulk.md. Rates leave out the start-up, which a run over one photo
measures.
"""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.timing import PROGRAM, Measured, evenly, machine, measured, table
from ecosorter.folders import find_photos

RESULTS = Path("test-output/bench/bulk.md")
DIFFERENT = 500  # photos that the links lead to
IN_A_FOLDER = 1_000
GROWTH = 100e6  # bytes that the larger run may need more
SLOWER = 0.10  # by which its rate may differ


def link(photos: list[Path], number: int, folder: Path) -> Path:
    """Make a folder of folders with so many links, and return it."""
    for index in range(number):
        at = folder / f"{index // IN_A_FOLDER:05}"
        at.mkdir(parents=True, exist_ok=True)
        source = photos[index % len(photos)]
        (at / f"{index:08}{source.suffix}").symlink_to(source)
    return folder


def classified(folder: Path, model: Path, out: Path) -> Measured:
    """Classify a folder in a process of its own."""
    run = measured([PROGRAM, "classify", str(folder), "--model", str(model), "--out", str(out)])
    rows = sum(1 for _ in out.open("rb")) - 1
    assert rows == sum(1 for _ in folder.rglob("*.*")), "every photo has one row"
    return run


def main() -> int:
    """Run the benchmark; exit code 1 when memory grows or the rate falls."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, default=Path("../shared/photos/trashnet"))
    parser.add_argument("--model", type=Path, default=Path("src/ecosorter/models/ecosorter"), help="folder of a bundle")
    parser.add_argument("--numbers", type=int, nargs=2, default=(1_000, 100_000), metavar="N")
    options = parser.parse_args()
    photos = [path.absolute() for path in evenly(list(find_photos([options.photos])), DIFFERENT)]
    where = machine()
    rows, rates, peaks = [], [], []
    with TemporaryDirectory() as scratch:
        start = classified(link(photos, 1, Path(scratch, "1")), options.model, Path(scratch, "1.csv")).seconds
        for number in options.numbers:
            folder = link(photos, number, Path(scratch, f"{number} photos"))
            run = classified(folder, options.model, Path(scratch, f"{number} photos.csv"))
            rates.append(number / (run.seconds - start))
            peaks.append(run.peak_bytes)
            rows.append([f"{number:,}", f"{run.seconds:.0f} s", f"{rates[-1]:.0f}/s", f"{run.peak_bytes / 1e6:.0f} MB"])
            print(rows[-1], flush=True)
    head = ["photos", "time", "rate", "peak memory"]
    growth, change = peaks[1] - peaks[0], rates[1] / rates[0] - 1
    verdict = (
        f"Memory: {growth / 1e6:+.0f} MB (at most {GROWTH / 1e6:.0f}). Rate: {change:+.0%} (at most -{SLOWER:.0%})."
    )
    text = f"# Many photos\n\n{where}\n\n{table(head, rows)}\n\n{verdict}\n"
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(text, encoding="utf-8")
    print(text)
    return int(growth > GROWTH or change < -SLOWER)


if __name__ == "__main__":
    sys.exit(main())
