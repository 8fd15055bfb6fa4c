import asyncio
import shutil
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ecosorter.bundle import MODEL
from ecosorter.classifier import Classifier
from ecosorter.errors import BundleError, ServiceError
from ecosorter.serving.engine import Engine, EngineClosed, QueueFull
from tests.tiny import COLOURS, photo, tiny_bundle

PHOTOS = [photo(colour) for colour in COLOURS.values()]


class Gated(Classifier):
    """A classifier whose model waits until somebody opens the gate, and notes the batches that it gets."""

    gate: threading.Event
    batches: list[int]

    def predict_with_features(self, photos: Sequence[NDArray[np.uint8]]) -> Any:
        self.batches.append(len(photos))
        assert self.gate.wait(20)
        return super().predict_with_features(photos)


def gated(folder: Path) -> Gated:
    classifier = Gated.load(folder)
    classifier.gate, classifier.batches = threading.Event(), []
    return classifier


def gated_engine(classifier: Gated, *, queue: int = 8, batch: int = 4) -> Engine:
    return Engine(classifier, lambda: classifier, queue=queue, batch=batch, threads=2)


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return tiny_bundle(tmp_path / "bundle").folder


def test_answers_are_the_classifiers_in_order(bundle: Path) -> None:
    async def scene() -> None:
        engine = Engine.open(bundle)
        info, seen = await engine.classify([*PHOTOS, b"", PHOTOS[0]])
        assert info.name == "tiny"
        assert [each.prediction for each in seen] == Classifier.load(bundle).classify([*PHOTOS, b"", PHOTOS[0]])
        assert [each.prediction.label for each in seen] == [*COLOURS, None, next(iter(COLOURS))]
        assert seen[4].prediction.status == "empty"
        assert all(each.cam is None for each in seen)
        await engine.close()

    asyncio.run(scene())


def test_the_map_of_the_best_class_comes_when_asked_for(bundle: Path) -> None:
    async def scene() -> None:
        engine = Engine.open(bundle)
        _, (seen, bad) = await engine.classify([PHOTOS[0], b"no photo"], with_cam=True)
        assert seen.cam is not None
        assert seen.cam.ndim == 2
        assert 0 <= seen.cam.min() <= seen.cam.max() <= 1
        assert seen.cam_box == (0, 0, 1, 1)
        assert bad.cam is None
        await engine.close()

    asyncio.run(scene())


def test_what_waits_is_taken_together_and_the_loop_goes_on(bundle: Path) -> None:
    async def scene() -> None:
        classifier = gated(bundle)
        engine = gated_engine(classifier)
        first = asyncio.create_task(engine.classify(PHOTOS[:1]))
        await until(lambda: classifier.batches)
        others = [asyncio.create_task(engine.classify([each])) for each in (*PHOTOS, *PHOTOS[:2])]
        await until(lambda: len(engine._queue.jobs) == len(others))  # the loop runs while the model does
        classifier.gate.set()
        answers = await asyncio.gather(first, *others)
        assert [seen[0].prediction.label for _, seen in answers[1:5]] == list(COLOURS)
        assert classifier.batches == [1, 4, 2]
        await engine.close()

    asyncio.run(scene())


def test_a_full_queue_refuses_at_once_and_recovers(bundle: Path) -> None:
    async def scene() -> None:
        classifier = gated(bundle)
        engine = gated_engine(classifier, queue=3)
        waiting = [asyncio.create_task(engine.classify(PHOTOS[:1])) for _ in range(3)]
        await until(lambda: classifier.batches)
        with pytest.raises(QueueFull) as full:
            engine.check_room()
        assert full.value.seconds >= 1
        with pytest.raises(QueueFull):
            await engine.classify(PHOTOS[:1])
        classifier.gate.set()
        await asyncio.gather(*waiting)
        engine.check_room(3)
        _, seen = await engine.classify(PHOTOS)  # more than the queue holds, but nobody else is there
        assert len(seen) == len(PHOTOS)
        await engine.close()

    asyncio.run(scene())


def test_who_gives_up_is_taken_out(bundle: Path) -> None:
    async def scene() -> None:
        classifier = gated(bundle)
        engine = gated_engine(classifier, batch=1)
        first = asyncio.create_task(engine.classify(PHOTOS[:1]))
        await until(lambda: classifier.batches)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await engine.classify(PHOTOS[1:])
        engine.check_room(7)
        classifier.gate.set()
        await first
        await engine.classify(PHOTOS[:1])
        assert classifier.batches == [1, 1]
        await engine.close()

    asyncio.run(scene())


def test_a_new_bundle_comes_in_between_two_requests(bundle: Path) -> None:
    async def scene() -> None:
        classifier = gated(bundle)
        engine = Engine(classifier, lambda: Classifier.load(bundle), queue=8, batch=4, threads=2)
        begun = asyncio.create_task(engine.classify(PHOTOS))
        await until(lambda: classifier.batches)
        tiny_bundle_with(bundle, version="2")
        assert (await engine.reload()).version == "2"
        late = asyncio.create_task(engine.classify(PHOTOS))
        classifier.gate.set()
        (old, first), (new, second) = await asyncio.gather(begun, late)
        assert (old.version, new.version) == ("1", "2")
        assert [each.prediction.label for each in (*first, *second)] == [*COLOURS, *COLOURS]
        await engine.close()

    asyncio.run(scene())


def test_a_bundle_that_does_not_verify_is_refused(bundle: Path) -> None:
    async def scene() -> None:
        engine = Engine.open(bundle)
        (bundle / MODEL).write_bytes(b"something else")
        with pytest.raises(BundleError, match="SHA-256"):
            await engine.reload()
        assert engine.info.version == "1"
        _, seen = await engine.classify(PHOTOS)
        assert [each.prediction.label for each in seen] == list(COLOURS)
        await engine.close()

    asyncio.run(scene())


def test_closing_finishes_what_came_in_and_refuses_more(bundle: Path) -> None:
    others = set(threading.enumerate())  # a service of another test may have its own

    async def scene() -> None:
        classifier = gated(bundle)
        engine = gated_engine(classifier)
        begun = asyncio.create_task(engine.classify(PHOTOS))
        await until(lambda: classifier.batches)
        closing = asyncio.create_task(engine.close())
        await asyncio.sleep(0.02)
        assert not engine.ready
        with pytest.raises(EngineClosed):
            await engine.classify(PHOTOS)
        assert not closing.done()
        classifier.gate.set()
        _, seen = await begun
        assert len(seen) == len(PHOTOS)
        await closing
        mine = set(threading.enumerate()) - others
        assert not any(thread.name.startswith("ecosorter-") for thread in mine)

    asyncio.run(scene())


def test_a_fault_of_the_model_reaches_only_those_who_asked(bundle: Path) -> None:
    class Broken(Classifier):
        broken = True

        def predict_with_features(self, photos: Sequence[NDArray[np.uint8]]) -> Any:
            if self.broken:
                raise BundleError("not a number")
            return super().predict_with_features(photos)

    async def scene() -> None:
        classifier = Broken.load(bundle)
        engine = Engine(classifier, lambda: classifier, queue=8, batch=4, threads=2)
        with pytest.raises(BundleError, match="not a number"):
            await engine.classify(PHOTOS)
        classifier.broken = False
        _, seen = await engine.classify(PHOTOS)
        assert len(seen) == len(PHOTOS)
        await engine.close()

    asyncio.run(scene())


def test_the_watch_is_told(bundle: Path) -> None:
    class Watch:
        def __init__(self) -> None:
            self.photos: list[int] = []
            self.depths: list[int] = []

        def batch(self, photos: int, seconds: float) -> None:
            assert 0 <= seconds < time.monotonic()
            self.photos.append(photos)

        def waiting(self, photos: int) -> None:
            self.depths.append(photos)

    async def scene() -> None:
        watch = Watch()
        engine = Engine.open(bundle, watch=watch)
        await engine.classify(PHOTOS)
        await engine.close()
        assert sum(watch.photos) == len(PHOTOS)
        assert watch.depths == [len(PHOTOS), 0]

    asyncio.run(scene())


@pytest.mark.parametrize("wrong", [{"queue": 0}, {"batch": 0}])
def test_a_queue_or_batch_of_nothing_is_refused(bundle: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(ServiceError, match="at least one"):
        Engine.open(bundle, **wrong)  # type: ignore[arg-type]


def tiny_bundle_with(folder: Path, **changes: Any) -> None:
    """Put another tiny bundle in the place of one."""
    shutil.rmtree(folder)
    tiny_bundle(folder, **changes)
