"""Tell the figures of card and README from a bundle, and whether it is the one that ships.

``python tools/figures.py runs/ecosorter/bundle`` prints the yardstick's rows, and returns 1 where anything but the date
differs from src/ecosorter/models/ecosorter. A part of `make measure`.
"""

import sys
from pathlib import Path

from ecosorter.bundle import BundleInfo, load_bundle, shipped_bundles

_DATED = {"created", "version", "made_with"}


def rows(info: BundleInfo) -> list[str]:
    """Return the yardstick's figures as lines of a Markdown table."""
    held = info.metrics["held_out"]
    lines = [
        "| | macro recall (95 %) | first two | worst | answered | right answers |",
        "|---|---|---|---|---|---|",
    ]
    for name, words in (("aside", "sources that no choice looked at"), ("yardstick", "the other sources that count")):
        found = held[name]
        low, high = found["interval"]
        lines.append(
            f"| {found['sources']} {words} | {found['macro_recall']:.3f} ({low:.3f} to {high:.3f}) "
            f"| {found['top2_accuracy']:.3f} | {found['worst']:.3f} ({found['worst_source']}) "
            f"| {found['coverage']:.2f} | {found['answered_accuracy']:.2f} |"
        )
    return lines


def main(folder: Path) -> int:
    """Print the figures and what differs."""
    found, shipped = (load_bundle(path).info for path in (folder, shipped_bundles()[0]))
    one, other = (info.model_dump(mode="json", exclude=_DATED) for info in (found, shipped))
    different = [key for key in one if one[key] != other[key]]
    verdict = f"Not what ships: {', '.join(different)}." if different else "Exactly what ships, but for its date."
    sys.stdout.write("\n".join([*rows(found), "", verdict, ""]))
    return int(bool(different))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
