"""A model in shadow: it answers some photos beside the model in use, nobody sees it, and what it says is counted."""

import threading
import time
from collections.abc import Mapping
from datetime import date
from typing import Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from ecosorter.classifier import Classifier, Prediction
from ecosorter.errors import EcoSorterError
from ecosorter.serving.logs import log
from ecosorter.serving.store.shadows import Beside
from ecosorter.serving.store.tables import now


class Watch(Protocol):
    """Who wants to know what a model in shadow says; called from the engine's thread."""

    def shadow(self, best: str, agreed: bool, confidence: float, seconds: float) -> None:
        """It has answered a photo for which the model in use says `best`."""

    def shadow_skipped(self) -> None:
        """There was no time for a photo."""


class Shadow:
    """A model in shadow, and what it has said since somebody last asked.

    Args:
        model: in the registry.
        classifier: of it.
        share: of the photos that it answers, 0..1.
        watch: is told of each.
    """

    def __init__(self, model: UUID, classifier: Classifier, share: float, watch: Watch) -> None:
        self.model, self.classifier, self.share = model, classifier, share
        self._watch = watch
        self._lock = threading.Lock()
        self._counts: dict[tuple[date, str], Beside] = {}

    def answer(self, pixels: NDArray[np.uint8], in_use: Prediction) -> None:
        """Answer a photo, and compare with what the model in use said of it.

        Args:
            pixels: as `Classifier.decode` gives them.
            in_use: its prediction.
        """
        start = time.perf_counter()
        try:
            (mine,) = self.classifier.predict([pixels])
        except EcoSorterError as error:
            log.error("shadow_failed", extra={"model": str(self.model), "problem": str(error)})
            return
        seconds = time.perf_counter() - start
        best, confidence, theirs = in_use.best or "", mine.confidence or 0.0, in_use.confidence or 0.0
        agreed = mine.best == best
        self._watch.shadow(best, agreed, confidence, seconds)
        one = Beside(1, int(agreed), confidence, theirs, seconds)
        with self._lock:
            key = (now().date(), best)
            self._counts[key] = self._counts.get(key, Beside()) + one

    def skip(self) -> None:
        """Let a photo pass for which there is no time."""
        self._watch.shadow_skipped()

    def take(self) -> Mapping[tuple[date, str], Beside]:
        """Return what was counted since this was last asked, by day and class of the model in use."""
        with self._lock:
            taken, self._counts = self._counts, {}
        return taken
