"""How many views the model sees at a time, and how its threads are set up: what the program does beside what it might.

The model that ships classifies photos that lie in memory, in one setting after the other, several rounds. Time, and
time of the processor (of all cores together), as multiples of what the program's own setting takes. On a busy machine
only the second means anything. The table is printed and written to test-output/bench/threads.md.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from statistics import median
from unittest.mock import patch

import onnxruntime

from benchmarks.timing import evenly, machine, table
from ecosorter import Classifier
from ecosorter.folders import find_photos

RESULTS = Path("test-output/bench/threads.md")
ROUNDS = 7
PHOTOS = 96
WHOLE = 1_000_000  # a piece that is as large as any batch


def in_pieces(views: int) -> AbstractContextManager[object]:
    """Let the model see so many views at a time."""
    return patch("ecosorter.session._PIECE", views)


def with_session(classifier: Classifier, threads: int, spinning: bool) -> AbstractContextManager[object]:
    """Let the model have so many threads within an operator, which spin while they wait, or sleep."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    session = onnxruntime.InferenceSession(classifier.bundle.model_path, options, providers=["CPUExecutionProvider"])
    return patch.object(classifier, "_session", session)


def took(
    classifier: Classifier, photos: Sequence[bytes], setting: AbstractContextManager[object]
) -> tuple[float, float]:
    """Return seconds, and seconds of the processor."""
    with setting:
        start, used = time.perf_counter(), time.process_time()
        classifier.classify(photos)
        return time.perf_counter() - start, time.process_time() - used


def main() -> int:
    """Compare the settings."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.threads", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--photos", type=Path, default=Path("../shared/photos/trashnet"))
    parser.add_argument("--model", type=Path, help="folder of a bundle; the one that ships where not given")
    options = parser.parse_args()
    about, classifier = machine(), Classifier.load(options.model)
    photos = [path.read_bytes() for path in evenly(list(find_photos([options.photos])), PHOTOS)]
    settings: dict[str, Callable[[], AbstractContextManager[object]]] = {
        "the program: pieces of 4 views, threads that sleep": nullcontext,
        **{f"pieces of {views}": partial(in_pieces, views) for views in (1, 2, 8, 16)},
        "whole batches of 32 photos": partial(in_pieces, WHOLE),
        "threads that spin": partial(with_session, classifier, 0, True),
        "one thread in each piece": partial(with_session, classifier, 1, False),
    }
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in settings}
    for _ in range(ROUNDS):
        for name, setting in settings.items():
            runs[name].append(took(classifier, photos, setting()))
    medians = {name: [median(each) for each in zip(*found, strict=True)] for name, found in runs.items()}
    own = next(iter(medians.values()))
    rows = [[name, *(f"{a / b:.2f} x" for a, b in zip(found, own, strict=True))] for name, found in medians.items()]
    views = len(classifier.bundle.info.preprocess.zooms)
    report = f"""# Threads and pieces

{about}

{classifier.bundle.info.name}, {len(photos)} photos, views of each: {views}; medians of {ROUNDS} runs in turn.

{table(["", "time", "time of the processor"], rows)}
"""
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(report, encoding="utf-8")
    print(f"{report}\nWritten to {RESULTS}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
