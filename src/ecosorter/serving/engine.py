"""The one place of the service that runs the model: photos are decoded by a few threads, and one takes them in batches.

Nothing here blocks the event loop, and nothing waits without a limit: what does not fit into the queue is refused at
once. Every photo keeps the classifier that its request began with, so a new model comes in between two requests.
"""

import asyncio
import math
import os
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Protocol, Self

import numpy as np
from fastapi import Depends, Request
from numpy.typing import NDArray

from ecosorter.bundle import BundleInfo
from ecosorter.classifier import Classifier, Prediction
from ecosorter.errors import PhotoError, ServiceError
from ecosorter.photos import Limits
from ecosorter.preprocess import Box, decode_views, open_for_views, seen_part, to_views
from ecosorter.serving.shadow import Shadow
from ecosorter.serving.tally import Tally
from ecosorter.session import Device

Cam = NDArray[np.float32]

_BREATH = 0.02  # seconds without a photo after which there is time for a model in shadow


class QueueFull(ServiceError):
    """So many photos are waiting that these would wait too long. `seconds`: when to try again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"The queue is full; try again in {seconds} s.")
        self.seconds = seconds


class EngineClosed(ServiceError):
    """The service is stopping."""

    def __init__(self) -> None:
        super().__init__("The service is stopping; ask again when it has started anew.")


class Watch(Protocol):
    """Who wants to know what the engine does; it is called from the engine's threads."""

    def batch(self, photos: int, seconds: float) -> None:
        """The model has run on some photos."""

    def waiting(self, photos: int) -> None:
        """So many photos are in the engine now."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of one photo.

    Attributes:
        prediction: as from `Classifier.predict`; its status says so when the photo cannot be used.
        cam: where in the photo its best class is seen, [h, w], 0..1; None when it was not asked for.
        cam_box: the part of the photo that `cam` covers, as `seen_part` gives it.
    """

    prediction: Prediction
    cam: Cam | None = None
    cam_box: Box | None = None


@dataclass(frozen=True, slots=True)
class _Job:
    classifier: Classifier
    pixels: NDArray[np.uint8]
    cam_box: Box | None
    future: "Future[Seen]"
    beside: "_Beside | None" = None


@dataclass(frozen=True, slots=True)
class _Beside:
    """A photo that a model in shadow answers, too."""

    shadow: Shadow
    pixels: NDArray[np.uint8]


@dataclass(slots=True)
class _Queue:
    """Decoded photos on their way to the model."""

    jobs: deque[_Job] = field(default_factory=deque)
    changed: threading.Condition = field(default_factory=threading.Condition)
    closed: bool = False

    def put(self, job: _Job) -> None:
        with self.changed:
            self.jobs.append(job)
            self.changed.notify()

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.changed.notify()

    def batch(self, most: int, patience: float | None) -> list[_Job]:
        """Return what is waiting for one and the same classifier, after waiting for a first.

        Empty when closed, and when nothing has come for `patience` seconds.
        """
        with self.changed:
            self.changed.wait_for(lambda: self.jobs or self.closed, patience)
            found: list[_Job] = []
            while self.jobs and len(found) < most and (not found or self.jobs[0].classifier is found[0].classifier):
                found.append(self.jobs.popleft())
            return found


class Engine:
    """Answers for photos. Made by `Engine.open`, closed by `close`; used from one event loop.

    Attributes:
        classifier: the one that the next request gets.
        shadow: a model that answers a share of the photos beside it, in idle time; None for none.
        tally: counts what is answered; None where nobody asks for it.
    """

    def __init__(
        self,
        classifier: Classifier,
        load: Callable[[], Classifier],
        *,
        queue: int,
        batch: int,
        threads: int,
        watch: Watch | None = None,
    ) -> None:
        self.classifier = classifier
        self.shadow: Shadow | None = None
        self.tally: Tally | None = None
        self._load = load
        self._most_waiting, self._most_in_batch, self._threads = queue, batch, threads
        self._watch = watch
        self._waiting = 0
        self._usual_seconds = 1.0  # from a request's photos to their answers; measured as requests come
        self._closed = False
        self._loading = asyncio.Lock()
        self._queue = _Queue()
        self._later: deque[tuple[_Beside, Prediction]] = deque()  # the model's thread alone looks at it
        self._decoders = ThreadPoolExecutor(threads, thread_name_prefix="ecosorter-decode")
        self._model = threading.Thread(target=self._run_model, name="ecosorter-model", daemon=True)
        self._model.start()

    @classmethod
    def open(
        cls,
        model: Path | None,
        *,
        limits: Limits = Limits(),  # noqa: B008
        queue: int = 64,
        batch: int = 4,
        threads: int | None = None,
        device: Device = "auto",
        watch: Watch | None = None,
    ) -> Self:
        """Load a bundle and start the threads.

        Args:
            model: folder of the bundle, None for the one that comes along. `reload` reads the same place again.
            limits: caps on each photo.
            queue: how many photos may be in the engine at a time, at least 1.
            batch: how many the model takes at a time, at least 1.
            threads: for the model, and as many for decoding; None for one a core.
            device: what the model computes on.
            watch: is told of batches.

        Raises:
            BundleError: the bundle cannot be used.
        """
        if queue < 1 or batch < 1:
            raise ServiceError("The queue and the batch must hold at least one photo.")

        def load() -> Classifier:
            return Classifier.load(model, limits=limits, threads=threads, device=device)

        cores = threads or os.cpu_count() or 1
        return cls(load(), load, queue=queue, batch=batch, threads=cores, watch=watch)

    @property
    def info(self) -> BundleInfo:
        """What the bundle in use says of itself."""
        return self.classifier.bundle.info

    @property
    def idle(self) -> bool:
        """Whether nobody waits for an answer."""
        return not self._waiting

    @property
    def ready(self) -> bool:
        """Whether it takes photos: it is not closed, and the model's thread lives."""
        return not self._closed and self._model.is_alive()

    def check_room(self, photos: int = 1) -> None:
        """Look whether some more photos may come in; cheap, for before a body is read.

        Raises:
            QueueFull: they would have to wait too long.
            EngineClosed: the service is stopping.
        """
        if not self.ready:
            raise EngineClosed
        if self._waiting and self._waiting + photos > self._most_waiting:
            raise QueueFull(math.ceil(self._usual_seconds))

    async def classify(self, photos: Sequence[bytes], *, with_cam: bool = False) -> tuple[BundleInfo, list[Seen]]:
        """Classify the photos of one request, all with the same model.

        Cancelling it (a timeout does) takes out what has not begun.

        Returns:
            The model that answered, and one entry for each photo, in order.

        Raises:
            QueueFull, EngineClosed: see `check_room`. More photos than the queue holds come in when it is empty.
            BundleError: the model gives what is not a number.
        """
        self.check_room(len(photos))
        classifier = self.classifier
        start = time.perf_counter()
        self._count(len(photos))
        try:
            seen = await asyncio.gather(*(self._see(classifier, photo, with_cam) for photo in photos))
        finally:
            self._count(-len(photos))
            self._usual_seconds += 0.1 * (time.perf_counter() - start - self._usual_seconds)
        return classifier.bundle.info, seen

    async def reload(self) -> BundleInfo:
        """Load the bundle again, and use it for every request from now on; earlier ones end with theirs.

        Raises:
            BundleError: it does not verify; the old one stays.
        """
        async with self._loading:
            self.classifier = await asyncio.to_thread(self._load)
        return self.info

    async def close(self) -> None:
        """Refuse new photos, finish those that came in, and end the threads."""
        self._closed = True
        while self._waiting:
            await asyncio.sleep(0.01)
        self._queue.close()
        await asyncio.to_thread(self._model.join)
        self._decoders.shutdown()

    async def _see(self, classifier: Classifier, photo: bytes, with_cam: bool) -> Seen:
        future: Future[Seen] = Future()
        decoding = self._decoders.submit(self._decode, classifier, photo, with_cam, future)
        try:
            return await asyncio.wrap_future(future)
        finally:
            decoding.cancel()  # it has long run, unless the request was given up

    def _decode(self, classifier: Classifier, photo: bytes, with_cam: bool, future: "Future[Seen]") -> None:
        try:
            spec = classifier.bundle.info.preprocess
            image = open_for_views(photo, spec, classifier.limits)
            box = seen_part(image.size, spec) if with_cam else None
            pixels, beside, shadow = to_views(image, spec), None, self.shadow
            if shadow is not None and random.random() < shadow.share:  # noqa: S311 - a sample
                other = shadow.classifier.bundle.info.preprocess
                beside = _Beside(shadow, pixels if other == spec else decode_views(photo, other, classifier.limits))
            self._queue.put(_Job(classifier, pixels, box, future, beside))
        except PhotoError as error:
            _settle(future, Seen(Prediction.failed("", error)))
        except Exception as error:  # whatever it is, somebody waits for an answer
            _settle(future, error)

    def _run_model(self) -> None:
        while True:
            jobs = self._queue.batch(self._most_in_batch, _BREATH if self._later else None)
            if not jobs and self._queue.closed:
                return
            if not jobs and not self._waiting and self._later:
                beside, prediction = self._later.popleft()
                beside.shadow.answer(beside.pixels, prediction)
            wanted = [job for job in jobs if not job.future.cancelled()]
            if not wanted:
                continue
            start = time.perf_counter()
            try:
                self._answer(wanted)
            except Exception as error:
                for job in wanted:
                    _settle(job.future, error)
            if self._watch:
                self._watch.batch(len(wanted), time.perf_counter() - start)

    def _answer(self, jobs: Sequence[_Job]) -> None:
        classifier = jobs[0].classifier
        predictions, features = classifier.predict_with_features([job.pixels for job in jobs])
        for job, prediction in zip(jobs, predictions, strict=True):
            cam = job.classifier.explain(job.pixels, prediction.best) if job.cam_box and prediction.best else None
            _settle(job.future, Seen(prediction, cam, job.cam_box))
            if job.beside is None:
                continue
            if len(self._later) < self._most_waiting:
                self._later.append((job.beside, prediction))
            else:
                job.beside.shadow.skip()
        if self.tally is not None:
            self.tally.add(classifier, predictions, features)

    def _count(self, photos: int) -> None:
        self._waiting += photos
        if self._watch:
            self._watch.waiting(self._waiting)


def _engine(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine


UsedEngine = Annotated[Engine, Depends(_engine)]
"""A route's parameter of this type gets the engine of the service."""


def _settle(future: "Future[Seen]", outcome: Seen | Exception) -> None:
    """Give a future its outcome, unless the one who waited has gone or it has one."""
    if future.done() or not future.set_running_or_notify_cancel():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
