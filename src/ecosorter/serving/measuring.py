"""Measures how new the photos that wait for review are to the model in use, so that reviewers get the newest first."""

from collections.abc import Callable

from ecosorter.classifier import Classifier
from ecosorter.errors import PhotoError
from ecosorter.serving.store import Store
from ecosorter.teaching.novelty import Novelty

_AT_A_TIME = 50


def measure_novelty(store: Store, classifier: Classifier, novelty: Novelty, idle: Callable[[], bool]) -> None:
    """Measure some photos that people consented to keep and that were not measured against this model's bank.

    Args:
        store: of the corrections.
        classifier: the model in use, with a bank.
        novelty: of that model.
        idle: tells whether nobody waits for an answer; else this stops, and goes on the next time.

    Raises:
        StoreError: the store does not answer.
    """
    bank = classifier.bundle.info.bank_sha256 or ""
    with store.reviews.measuring() as mine:
        if not mine:
            return
        for correction in store.reviews.unmeasured(bank, _AT_A_TIME):
            if not idle():
                return
            jpeg = store.reviews.photo(correction)
            if jpeg is not None:  # else it was withdrawn meanwhile
                store.reviews.note_novelty(correction, bank, _score(classifier, novelty, jpeg))


def _score(classifier: Classifier, novelty: Novelty, jpeg: bytes) -> float | None:
    try:
        pixels = classifier.decode(jpeg)
    except PhotoError:  # as under smaller caps than when it came; it would be so each time
        return None
    _, (features,) = classifier.predict_with_features([pixels])
    (score,) = novelty.score(novelty.distances(features[None])).tolist()
    return float(score)
