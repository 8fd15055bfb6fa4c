"""The same as `stream`, done by the processes of a pool: on every core of this machine, or of a cluster (pool.py).

The rows are those of `stream`, in the same order, so whatever takes its records takes these, and a table that the one
began is finished by the other. The pool's processes read the photos themselves: only names travel, but for photos in
compressed TAR archives, which can only be read in order.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from ecosorter.bulk.inputs import Input
from ecosorter.bulk.rows import RowFormat
from ecosorter.bulk.stream import Record, stream
from ecosorter.bundle import INFO, MODEL
from ecosorter.classifier import Classifier
from ecosorter.photos import Limits, ignore_pillow_warnings
from ecosorter.pool import mapped

_CHUNK = 128  # photos: some seconds of work, which are done again when a process is lost
_MOST_HELD = 32_000_000  # bytes of photos that travel in one chunk

_Item = Input | Record


def stream_on_ray(
    classifier: Classifier,
    items: Iterable[_Item | None],
    form: RowFormat,
    *,
    threads: int | None = None,
    watcher: Callable[[Sequence[Record]], object] = lambda _: None,
) -> Iterator[list[Record]]:
    """Read, decode and classify any number of photos in a pool that was `joined`.

    Args:
        classifier: the model. Its bundle travels to the pool, whose processes need not have it.
        items: inputs; records, which pass through in their place; and None, which is passed over.
        form: of the rows.
        threads: of each process that read and decode; None for one.
        watcher: is told of each chunk as soon as it is there.

    Yields:
        A chunk at a time, a record of each photo, in order.

    Raises:
        BundleError: the model gives something that is not a number.
        BulkError: Ray failed.
    """
    bundle = {name: (classifier.bundle.folder / name).read_bytes() for name in (MODEL, INFO)}
    worker = _Worker(bundle, classifier.limits, form, threads or 1, Path.cwd())
    for records in mapped(worker, _chunks(items), is_work=_is_work):
        watcher(records)
        yield records


@dataclass(frozen=True)
class _Worker:
    """What a process of the pool does with a chunk. It has a model of its own, which it loads when the first comes."""

    bundle: Mapping[str, bytes]
    limits: Limits
    form: RowFormat
    threads: int
    folder: Path

    @cached_property
    def _classifier(self) -> Classifier:
        with suppress(OSError):  # another machine need not have the folder, where all photos are at addresses
            os.chdir(self.folder)
        ignore_pillow_warnings()
        with TemporaryDirectory() as scratch:
            for name, data in self.bundle.items():
                Path(scratch, name).write_bytes(data)
            return Classifier.load(scratch, limits=self.limits, threads=1, device="cpu")

    def __call__(self, chunk: list[_Item]) -> list[Record]:
        batches = stream(self._classifier, chunk, self.form, threads=self.threads)
        return [answer for batch in batches for answer in batch]


def _chunks(items: Iterable[_Item | None]) -> Iterator[list[_Item]]:
    chunk: list[_Item] = []
    held = 0
    for item in items:
        if item is None:
            continue
        chunk.append(item)
        held += item.held if isinstance(item, Input) else 0
        if len(chunk) == _CHUNK or held > _MOST_HELD:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


def _is_work(chunk: Sequence[_Item]) -> bool:
    return any(isinstance(item, Input) for item in chunk)
