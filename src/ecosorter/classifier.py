"""Photos in, predictions out, with ONNX Runtime."""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from ecosorter.bundle import Bundle, load_bundle, shipped_bundles
from ecosorter.decision import decide, softmax
from ecosorter.errors import BundleError, PhotoError
from ecosorter.photos import Limits, Source
from ecosorter.preprocess import decode_views
from ecosorter.session import Device, open_session, run_session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_Decoded = NDArray[np.uint8] | PhotoError


@dataclass(frozen=True, slots=True)
class Prediction:
    """What came of one photo.

    Attributes:
        path: as given; empty for a photo that was given as bytes.
        status: ``"ok"``, or the `status` of the `PhotoError` that says why it could not be used. Everything
            below but `error` is then empty.
        label: the answer, or None for "not sure".
        best: the most probable class.
        confidence: its calibrated probability, 0..1.
        reason: ``"confident"``, ``"low_confidence"`` or ``"no_waste"`` (the photo seems to show no waste at all).
        candidates: classes that it may be, most probable first.
        probabilities: calibrated, by class, in the bundle's order; they sum to 1.
        error: what is wrong with the photo, in English; empty when nothing is.
    """

    path: str
    status: str
    label: str | None
    best: str | None
    confidence: float | None
    reason: str
    candidates: tuple[str, ...]
    probabilities: dict[str, float]
    error: str

    @classmethod
    def failed(cls, path: str, error: PhotoError) -> Self:
        """Return what came of a photo that could not be used."""
        return cls(path, error.status, None, None, None, "", (), {}, str(error))


class Classifier:
    """A loaded model. Any number of threads may use one at the same time.

    Make it with `Classifier.load`.

    Attributes:
        bundle: what was loaded.
        limits: caps on each photo.
    """

    def __init__(self, bundle: Bundle, session: "InferenceSession", limits: Limits, workers: int) -> None:
        self.bundle = bundle
        self.limits = limits
        self._session = session
        self._workers = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="ecosorter-run")  # has no thread until it is used

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied, as for another process: a model that is loaded cannot travel.

        Raises:
            TypeError: always; it says what to do.
        """
        raise TypeError("A Classifier cannot be pickled or copied; send its folder, and load it there anew.")

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        limits: Limits = Limits(),  # noqa: B008
        threads: int | None = None,
        device: Device = "auto",
    ) -> Self:
        """Load a bundle, check it, and run it once on blank input.

        Args:
            path: the bundle's folder; None for the one that ships with the package.
            limits: caps on each photo, checked before decoding.
            threads: that the model may use, and as many that decode photos; None for one a core.
            device: what the model computes on. ``auto`` takes the best that is installed and gives the CPU's answers.

        Raises:
            BundleError: there is no such bundle, it is damaged, its model does not fit its description, or the device
                cannot be used.
        """
        if threads is not None and threads < 1:
            raise ValueError("threads must be at least 1")
        bundle = load_bundle(_shipped() if path is None else path)
        return cls(bundle, open_session(bundle, threads, device), limits, threads or os.cpu_count() or 1)

    def classify(self, photos: Iterable[Source]) -> list[Prediction]:
        """Return one prediction for each photo, in order. See `stream`."""
        return list(self.stream(photos))

    def stream(self, photos: Iterable[Source], batch_size: int = 32) -> Iterator[Prediction]:
        """Classify any number of photos in bounded memory.

        Photos are taken from `photos` as they are needed, at most two batches ahead, and decoded by a pool of
        threads while the model runs. One that cannot be used gives a prediction that says so.

        Args:
            photos: paths, or files' bytes.
            batch_size: how many photos the model gets at a time, at least 1.

        Yields:
            One prediction for each photo, in order.

        Raises:
            BundleError: the model gives something that is not a number.
        """
        if isinstance(photos, str | bytes | os.PathLike):
            raise TypeError("give a list of photos, not a single one")
        if batch_size < 1:
            raise ValueError("batch_size must be at least 1")
        waiting: deque[tuple[str, Future[_Decoded]]] = deque()
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="ecosorter-decode")
        try:
            for photo in photos:
                name = "" if isinstance(photo, bytes) else os.fspath(photo)
                waiting.append((name, pool.submit(self._try_decode, photo)))
                if len(waiting) == 2 * batch_size:
                    yield from self._predict([waiting.popleft() for _ in range(batch_size)])
            while waiting:
                yield from self._predict([waiting.popleft() for _ in range(min(batch_size, len(waiting)))])
        finally:  # also when the caller stops half-way
            pool.shutdown(cancel_futures=True)

    def decode(self, photo: Source) -> NDArray[np.uint8]:
        """Decode one photo to what the model takes, for `predict` and `explain`.

        Returns:
            ``[views, size, size, 3]``: the views of the photo that the bundle asks for.

        Raises:
            PhotoError: the photo cannot be used; the subclass says why.
        """
        return decode_views(photo, self.bundle.info.preprocess, self.limits)

    def predict(self, photos: Sequence[NDArray[np.uint8]]) -> list[Prediction]:
        """Run the model on photos that `decode` gave; `path` of what it returns is empty.

        Where the bundle lets a sure first view answer alone, the other views of such photos are not looked at.

        Args:
            photos: each ``[views, size, size, 3]``.

        Raises:
            BundleError: the model gives something that is not a number.
        """
        return self.predict_with_features(photos)[0]

    def predict_with_features(
        self, photos: Sequence[NDArray[np.uint8]]
    ) -> tuple[list[Prediction], list[NDArray[np.float32]]]:
        """Do what `predict` does, and return beside each prediction the features from which it was made.

        Args:
            photos: each ``[views, size, size, 3]``.

        Returns:
            The predictions; and for each photo ``[d]``, the mean over the views that were looked at.

        Raises:
            BundleError: the model gives something that is not a number.
        """
        if not photos:
            return [], []
        enough = self.bundle.info.thresholds.first_view
        if enough is None or len(photos[0]) == 1:
            return self._answers(self._run(photos))
        first = self._run([views[:1] for views in photos])
        answers, features = self._answers(first)
        unsure = [i for i, answer in enumerate(answers) if not _is_sure(answer, enough)]
        if unsure:
            others = self._run([photos[i][1:] for i in unsure])
            whole = [np.concatenate([one[unsure], more], axis=1) for one, more in zip(first, others, strict=True)]
            for i, answer, seen in zip(unsure, *self._answers(whole), strict=True):
                answers[i], features[i] = answer, seen
        return answers, features

    def explain(self, pixels: NDArray[np.uint8], label: str) -> NDArray[np.float32]:
        """Show where in a photo the model sees a class: its class-activation map.

        The method is that of Zhou et al. 2016, https://arxiv.org/abs/1512.04150.

        Args:
            pixels: ``[views, size, size, 3]`` from `decode`; the first view, the whole photo, is shown.
            label: one of the bundle's classes.

        Returns:
            ``[h, w]``, 0..1, from the photo's top left; all 0 where nothing speaks for the class.

        Raises:
            ValueError: the bundle has no such class.
        """
        (maps,) = self._session.run(["cam"], {"pixels": pixels[:1]})
        evidence: NDArray[np.float32] = np.maximum(maps[0, self.bundle.info.classes.index(label)], 0)
        evidence /= max(evidence.max(), np.finfo(np.float32).tiny)
        return evidence

    def _try_decode(self, photo: Source) -> _Decoded:
        try:
            return self.decode(photo)
        except PhotoError as error:
            return error

    def _predict(self, batch: Sequence[tuple[str, "Future[_Decoded]"]]) -> Iterator[Prediction]:
        decoded = [future.result() for _, future in batch]
        predictions = iter(self.predict([item for item in decoded if not isinstance(item, PhotoError)]))
        for (name, _), item in zip(batch, decoded, strict=True):
            if isinstance(item, PhotoError):
                yield Prediction.failed(name, item)
            else:
                yield replace(next(predictions), path=name)

    def _run(self, photos: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """Return features, logits and, where the bundle has thresholds of signals, these: each ``[n, views, ...]``."""
        names = ["features", "logits"] + ["signals"] * bool(self.bundle.info.thresholds.signals)
        outputs = run_session(self._session, names, np.concatenate(photos), self._pool)
        if not all(np.isfinite(values).all() for values in outputs):
            raise BundleError(f"The model in {self.bundle.folder} gives what is not a number; train it anew.")
        return [values.reshape(len(photos), len(photos[0]), -1) for values in outputs]

    def _answers(self, outputs: Sequence[NDArray[np.float32]]) -> tuple[list[Prediction], list[NDArray[np.float32]]]:
        features, logits, *signals = (values.mean(axis=1) for values in outputs)
        probabilities = softmax(logits, self.bundle.info.temperature)
        answers = [self._answer(row, signals[0][i] if signals else ()) for i, row in enumerate(probabilities)]
        return answers, list(features)

    def _answer(self, probabilities: NDArray[np.float64], signals: Iterable[float]) -> Prediction:
        info = self.bundle.info
        named = dict(zip(info.thresholds.signals, map(float, signals), strict=True))
        decision = decide(probabilities, info.classes, info.thresholds, named)
        return Prediction(
            path="",
            status="ok",
            label=decision.label,
            best=decision.best,
            confidence=decision.confidence,
            reason=decision.reason,
            candidates=decision.candidates,
            probabilities=dict(zip(info.classes, probabilities.tolist(), strict=True)),
            error="",
        )


def _is_sure(answer: Prediction, enough: float) -> bool:
    """Tell whether a photo need not be looked at in its other views too, after an answer by the first one alone."""
    return answer.reason != "no_waste" and answer.confidence is not None and answer.confidence >= enough


def _shipped() -> os.PathLike[str]:
    found = shipped_bundles()
    if not found:
        raise BundleError(
            "No model comes with this version of EcoSorter; train one with `ecosorter train`, or give the folder "
            "of one."
        )
    return found[0]
