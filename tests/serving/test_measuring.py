from pathlib import Path
from uuid import UUID, uuid4

from ecosorter.classifier import Classifier
from ecosorter.photos import Limits
from ecosorter.serving.measuring import measure_novelty
from ecosorter.serving.store import Store
from ecosorter.teaching.novelty import Novelty
from tests.serving.store.said import said
from tests.teaching.teachable import teachable, tinted
from tests.tiny import encoded


def send(store: Store, tint: str, seed: int) -> UUID:
    receipt = store.corrections.add(uuid4(), said(truth="kaca"), encoded(tinted(tint, seed), "PNG"))
    assert receipt is not None
    return receipt.id


def measured(store: Store) -> dict[UUID, float | None]:
    return {item.id: item.novelty for item in store.reviews.queue("ani", 100)[0]}


def of(classifier: Classifier) -> Novelty:
    found = Novelty.of(classifier.bundle)
    assert found is not None
    return found


def test_the_newest_photos_come_first_once_they_are_measured(store: Store, tmp_path: Path) -> None:
    known = [send(store, "kaca", 10_000 + n) for n in range(3)]  # these are in the bank itself
    new = [send(store, "popok", n) for n in range(3)]
    classifier = Classifier.load(teachable(tmp_path / "model").folder)
    measure_novelty(store, classifier, of(classifier), lambda: True)
    found = measured(store)
    assert list(found)[:3] == sorted(new, key=lambda id_: -(found[id_] or 0))
    assert max(found[id_] or 0 for id_ in known) < min(found[id_] or 0 for id_ in new)
    assert store.reviews.unmeasured(classifier.bundle.info.bank_sha256 or "", 10) == []

    other = Classifier.load(teachable(tmp_path / "other", also={"popok": "khusus"}).folder)
    measure_novelty(store, other, of(other), lambda: True)  # the next model has learnt what pink things look like
    again = measured(store)
    assert sum(again[id_] or 0 for id_ in new) < sum(found[id_] or 0 for id_ in new) - 1


def test_nothing_is_measured_while_somebody_waits_or_another_process_does(store: Store, tmp_path: Path) -> None:
    correction = send(store, "popok", 1)
    classifier = Classifier.load(teachable(tmp_path / "model").folder)
    measure_novelty(store, classifier, of(classifier), lambda: False)
    assert measured(store) == {correction: None}
    with store.reviews.measuring() as mine:
        assert mine
        measure_novelty(store, classifier, of(classifier), lambda: True)
    assert measured(store) == {correction: None}


def test_a_photo_that_cannot_be_opened_any_more_is_not_tried_again_and_again(store: Store, tmp_path: Path) -> None:
    correction = send(store, "popok", 1)
    classifier = Classifier.load(teachable(tmp_path / "model").folder, limits=Limits(max_pixels=1000))
    measure_novelty(store, classifier, of(classifier), lambda: True)
    assert measured(store) == {correction: None}
    assert store.reviews.unmeasured(classifier.bundle.info.bank_sha256 or "", 10) == []
