"""The HTTP service under load, beside the plainest FastAPI + transformers service with the same network.

Clients and services share the machine, over the loopback. (a) 4 clients post 12-megapixel JPEGs: errors, requests a
second, growth of memory; (b) the same beside the plain service, and with other sizes of batches, all in turn; (c)
twice the load that it carries, and whether it recovers. The tables are printed and written to
test-output/bench/serving.md.
"""

import argparse
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from benchmarks.load import Load, Post, arrive, as_form, hammer, memory
from benchmarks.timing import PROGRAM, evenly, in_turn, machine, measured, parse_options, table
from ecosorter.folders import find_photos

RESULTS = Path("test-output/bench/serving.md")
CLIENTS = 4
PHOTOS = 8
SIDES = (4000, 3000)
BATCHES = (1, 4, 8)
ROUNDS = 3
WANTED = 3.0  # times the requests a second of the plain service
GROWTH = 50e6  # bytes after the warm-up that still count as none: caches of the allocator come and go
PROMPT = 1.0  # seconds within which a refusal must come, for 95 % of them


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: where to post, and its process."""

    url: str
    process: int


@contextmanager
def started(command: Sequence[str], port: int, path: str, log: Path) -> Iterator[Service]:
    """Start a service and wait until it answers; stop it in the end."""
    with log.open("wb") as errors:
        process = subprocess.Popen(command, stdout=errors, stderr=errors)
    try:
        _wait(port, process, log)
        yield Service(f"http://127.0.0.1:{port}{path}", process.pid)
    finally:
        process.terminate()
        process.wait()


def ours(bundle: Path, batch: int, scratch: Path) -> Callable[[], AbstractContextManager[Service]]:
    """Return what starts `ecosorter serve`."""
    port = _free_port()
    options = ("--rate", "0", "--no-corrections", "--batch", str(batch))
    command = (PROGRAM, "serve", "--model", str(bundle), "--port", str(port), *options)
    return partial(started, command, port, "/v1/classify", scratch / f"ours-{batch}.log")


def large_photos(folder: Path) -> list[bytes]:
    """Return 12-megapixel JPEGs: enlarged photos of a folder, with noise that makes the files as large as a phone's."""
    noise = Image.effect_noise(SIDES, 60).convert("RGB")
    found = []
    for path in evenly(list(find_photos([folder])), PHOTOS):
        with Image.open(path) as image:
            large = image.convert("RGB").resize(SIDES, Image.Resampling.BICUBIC)
        buffer = BytesIO()
        Image.blend(large, noise, 0.06).save(buffer, "JPEG", quality=92)
        found.append(buffer.getvalue())
    return found


def steady(service: Service, posts: Sequence[Post], seconds: float) -> tuple[str, bool]:
    """Load the service for long; return the table, and whether there was no error and no growth."""
    hammer(service.url, posts, clients=CLIENTS, seconds=max(3.0, seconds / 4))
    before = memory(service.process)
    load = hammer(service.url, posts, clients=CLIENTS, seconds=seconds)
    growth = memory(service.process) - before
    errors = len(load.answers) - load.statuses()[200]
    rows = [
        ("seconds", f"{load.seconds:.0f}"),
        ("requests", f"{len(load.answers):,}"),
        ("errors", str(errors)),
        ("requests a second", f"{load.rate():.1f}"),
        ("half of the answers within", f"{load.slowest(200, 0.5) * 1000:.0f} ms"),
        ("95 % of the answers within", f"{load.slowest(200, 0.95) * 1000:.0f} ms"),
        ("memory after warm-up", f"{before / 1e6:.0f} MB"),
        ("growth until the end", f"{growth / 1e6:+.0f} MB"),
    ]
    return table([f"{CLIENTS} clients", ""], rows), errors == 0 and growth < GROWTH


def beside(
    ours_by_batch: dict[int, Service],
    plain: Service,
    posts: Sequence[Post],
    plain_posts: Sequence[Post],
    seconds: float,
) -> tuple[str, float]:
    """Load all services in turn; return the table, and how many times the plain one's rate the default has."""
    contestants: dict[str, Callable[[], float]] = {
        f"`ecosorter serve --batch {batch}`": partial(_rate, service, posts, seconds)
        for batch, service in ours_by_batch.items()
    }
    name = "FastAPI + transformers `pipeline`"
    contestants[name] = partial(_rate, plain, plain_posts, seconds)
    rates = in_turn(contestants, ROUNDS)
    rows = [(each, f"{rate:.1f}", f"{rate / rates[name]:.1f}") for each, rate in rates.items()]
    default = f"`ecosorter serve --batch {BATCHES[1]}`"
    return table(["service", "requests a second", "times the plain one"], rows), rates[default] / rates[name]


def overload(service: Service, posts: Sequence[Post], seconds: float) -> tuple[str, bool]:
    """Send twice what it carries, then little; return the table, and whether all were answered and it recovered."""
    before = hammer(service.url, posts, clients=CLIENTS, seconds=seconds)
    flood = arrive(service.url, posts, rate=2 * before.rate(), seconds=seconds)
    after = hammer(service.url, posts, clients=CLIENTS, seconds=seconds)

    def row(name: str, load: Load) -> tuple[str, ...]:
        statuses = load.statuses()
        others = len(load.answers) - statuses[200] - statuses[503]
        within = (f"{load.slowest(status, 0.95) * 1000:.0f} ms" if statuses[status] else "" for status in (200, 503))
        return (name, f"{len(load.answers):,}", str(statuses[200]), str(statuses[503]), str(others), *within)

    head = ("", "requests", "200", "503", "neither", "95 % of 200 within", "95 % of 503 within")
    rows = [row("before", before), row("twice the load", flood), row("after", after)]
    answered = set(flood.statuses()) <= {200, 503} and set(after.statuses()) == {200}
    return table(head, rows), answered and flood.slowest(503, 0.95) < PROMPT


def main() -> int:
    """Measure everything; return 1 when something is not as it must be."""
    options = _options()
    about = machine()
    photos = large_photos(options.photos)
    size = sum(map(len, photos)) / len(photos) / 1e6
    posts = [as_form(photo, "photos") for photo in photos]
    plain_posts = [as_form(photo, "photo") for photo in photos]
    with TemporaryDirectory(prefix="ecosorter-bench-") as name, ExitStack() as running:
        scratch = Path(name)
        measured([sys.executable, "-m", "benchmarks.serving_bundle", str(options.backbone), name])
        bundle = options.model or scratch / "bundle"
        port = _free_port()
        command = (sys.executable, "-m", "benchmarks.plain_service", str(scratch / "transformers"), str(port))
        plain = running.enter_context(started(command, port, "/classify", scratch / "plain.log"))
        by_batch = {batch: running.enter_context(ours(bundle, batch, scratch)()) for batch in BATCHES}
        service = by_batch[BATCHES[1]]
        first, is_steady = steady(service, posts, options.seconds)
        second, ratio = beside(by_batch, plain, posts, plain_posts, options.seconds / 4)
        third, holds = overload(service, posts, options.seconds / 3)
    networks = f"The services run the same network, {options.backbone.name} with a random head."
    if options.model:
        networks = f"NOT the same network: {options.model} here, {options.backbone.name} in the plain service."
    parts = [
        "# The service, measured by `python -m benchmarks.serving`\n",
        about,
        f"\n{networks} Photos: {SIDES[0]} x {SIDES[1]} pixels, {size:.1f} MB each; clients on the same machine.\n",
        f"{first}\n",
        f"{second}\n",
        third,
    ]
    report = "\n".join(parts)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(report + "\n", encoding="utf-8")
    print(f"{report}\n\nWritten to {RESULTS}.")
    return int(not (is_steady and holds and ratio >= WANTED))


def _rate(service: Service, posts: Sequence[Post], seconds: float) -> float:
    load = hammer(service.url, posts, clients=CLIENTS, seconds=seconds)
    if set(load.statuses()) != {200}:
        raise RuntimeError(f"{service.url} answered {load.statuses()}")
    return load.rate()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def _wait(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/openapi.json").close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"The service does not start:\n{log.read_text()[-3000:]}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=60, help="of the first load; the others are parts of it")
    parser.add_argument("--model", type=Path, help="a bundle of the same network, instead of one with a random head")
    return parse_options(parser)


if __name__ == "__main__":
    sys.exit(main())
