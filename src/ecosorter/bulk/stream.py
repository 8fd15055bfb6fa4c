"""Inputs in, records out: in order, in batches, in flat memory."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from ecosorter.bulk.inputs import Input
from ecosorter.bulk.rows import Row, RowFormat
from ecosorter.classifier import Classifier, Prediction
from ecosorter.errors import PhotoError

_MOST_HELD = 64_000_000  # bytes of photos that wait, already in memory, for a thread to decode them

_Decoded = tuple[str, NDArray[np.uint8] | PhotoError]  # the bytes' sha256, and the pixels


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one photo.

    Attributes:
        photo: which; None where only its row is left.
        row: what is written of it.
        prediction: in full; None when the row comes from an earlier run.
    """

    photo: Input | None
    row: Row
    prediction: Prediction | None = None


@dataclass(frozen=True, slots=True)
class _Job:
    photo: Input
    held: int
    decoded: Future[_Decoded]


def stream(
    classifier: Classifier,
    items: Iterable[Input | Record | None],
    form: RowFormat,
    *,
    batch_size: int = 32,
    threads: int | None = None,
    watcher: Callable[[Sequence[Record]], object] = lambda _: None,
) -> Iterator[list[Record]]:
    """Read, decode and classify any number of photos.

    Items are taken as they are needed, at most two batches ahead. A pool of threads reads and decodes while the model
    runs. Whatever the number of photos, memory holds the bytes of one photo a thread and the pixels of two batches.

    Args:
        classifier: the model.
        items: inputs; records, which pass through in their place; and None for "nothing more for now": what has
            begun is then finished at once.
        form: of the rows.
        batch_size: how many photos the model gets at a time.
        threads: that read and decode; None for one a core. More are of use only where reading means waiting.
        watcher: is told of each batch as soon as it is there.

    Yields:
        A batch at a time, a record of each photo, in order; an empty batch for None.

    Raises:
        BundleError: the model gives something that is not a number.
    """
    waiting: deque[_Job | Record] = deque()

    def batch() -> list[Record]:
        records = _records(classifier, form, [waiting.popleft() for _ in range(min(batch_size, len(waiting)))])
        watcher(records)
        return records

    pool = ThreadPoolExecutor(threads or os.cpu_count() or 1, thread_name_prefix="ecosorter-decode")
    try:
        for item in items:
            if isinstance(item, Input):
                job = _Job(item.without_bytes(), item.held, pool.submit(_decoded, classifier, item.read))
                _make_room(waiting, job.held)
                waiting.append(job)
            elif item is not None:
                waiting.append(item)
            if len(waiting) == 2 * batch_size:
                yield batch()
            if item is None:
                while waiting:
                    yield batch()
                yield []
        while waiting:
            yield batch()
    finally:  # also when the caller stops half-way
        pool.shutdown(cancel_futures=True)


def _decoded(classifier: Classifier, read: Callable[[], bytes]) -> _Decoded:
    digest = ""
    try:
        data = read()
        digest = sha256(data).hexdigest()
        return digest, classifier.decode(data)
    except PhotoError as error:
        return digest, error


def _make_room(waiting: Iterable[_Job | Record], coming: int) -> None:
    """Wait until what is in memory undecoded, with what is coming, is little enough."""
    undecoded = [item for item in waiting if isinstance(item, _Job) and item.held and not item.decoded.done()]
    held = coming + sum(job.held for job in undecoded)
    for job in undecoded:
        if held <= _MOST_HELD:
            return
        job.decoded.result()
        held -= job.held


def _records(classifier: Classifier, form: RowFormat, batch: Sequence[_Job | Record]) -> list[Record]:
    decoded = [item.decoded.result() for item in batch if isinstance(item, _Job)]
    predictions = iter(classifier.predict([loaded for _, loaded in decoded if not isinstance(loaded, PhotoError)]))
    time = datetime.now(UTC).isoformat(timespec="seconds")
    records = []
    for item in batch:
        if isinstance(item, Record):
            records.append(item)
            continue
        name, (digest, loaded) = item.photo.name, item.decoded.result()
        if isinstance(loaded, PhotoError):
            prediction = Prediction.failed(name, loaded)
        else:
            prediction = replace(next(predictions), path=name)
        records.append(Record(item.photo, form.row(prediction, digest, time), prediction))
    return records
