"""Counts what a process answers: how often each class, and how far the photos lie from what the model knows.

Nothing of a photo is kept but that. While an answer is on its way, features are put aside and no more; whoever takes
the counts does the arithmetic.
"""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ecosorter.classifier import Classifier, Prediction
from ecosorter.errors import BundleError
from ecosorter.serving.logs import log
from ecosorter.serving.store.answers import Answered
from ecosorter.serving.store.tables import NO_WASTE, now
from ecosorter.teaching.novelty import FAR, Novelty

_MOST = 256  # photos measured between two takings: 1.3 MB of features, and a tenth of a second

_Row = tuple[tuple[date, str], NDArray[np.float32]]


class Tally:
    """What has been answered since somebody last asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._photos: Counter[tuple[date, str]] = Counter()
        self._features: list[tuple[Classifier, _Row]] = []
        self._novelty: WeakKeyDictionary[Classifier, Novelty | None] = WeakKeyDictionary()

    def add(
        self, classifier: Classifier, predictions: Sequence[Prediction], features: Sequence[NDArray[np.float32]]
    ) -> None:
        """Count answers.

        Args:
            classifier: has given them.
            predictions: with status ``ok``.
            features: of each, ``[d]``.
        """
        day = now().date()
        with self._lock:
            for prediction, row in zip(predictions, features, strict=True):
                key = (day, NO_WASTE if prediction.reason == "no_waste" else prediction.best or "")
                self._photos[key] += 1
                if len(self._features) < _MOST:
                    self._features.append((classifier, (key, row)))

    def take(self) -> Mapping[tuple[date, str], Answered]:
        """Return what was counted since this was last asked, by day and class."""
        with self._lock:
            photos, self._photos = self._photos, Counter()
            features, self._features = self._features, []
        found = {key: Answered(photos=number) for key, number in photos.items()}
        by_model: dict[Classifier, list[_Row]] = {}
        for classifier, row in features:
            by_model.setdefault(classifier, []).append(row)
        for classifier, rows in by_model.items():
            novelty = self.novelty(classifier)
            if novelty is None:
                continue
            distances = novelty.distances(np.stack([values for _, values in rows]))
            far = novelty.score(distances) >= FAR
            for (key, _), distance, is_far in zip(rows, distances, far, strict=True):
                found[key] += Answered(measured=1, distance=float(distance), far=int(is_far))
        return found

    def novelty(self, classifier: Classifier) -> Novelty | None:
        """Return what measures the photos of a model, made when first asked for; None for one without a usable bank."""
        if classifier not in self._novelty:
            try:
                self._novelty[classifier] = Novelty.of(classifier.bundle)
            except BundleError as error:
                log.error("bank_refused", extra={"model": classifier.bundle.info.version, "problem": str(error)})
                self._novelty[classifier] = None
        return self._novelty[classifier]
