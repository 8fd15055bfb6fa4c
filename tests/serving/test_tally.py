from pathlib import Path

import numpy as np
import pytest

from ecosorter.bundle import BANK
from ecosorter.classifier import Classifier
from ecosorter.decision import Thresholds
from ecosorter.serving import tally as module
from ecosorter.serving.store.tables import now
from ecosorter.serving.tally import Tally
from ecosorter.teaching.novelty import FAR, Novelty
from tests.teaching.teachable import teachable, tinted
from tests.tiny import encoded, photo, tiny_bundle


def answer(tally: Tally, classifier: Classifier, photos: list[bytes]) -> np.ndarray:
    predictions, features = classifier.predict_with_features([classifier.decode(each) for each in photos])
    tally.add(classifier, predictions, features)
    return np.stack(features)


def pictures(*tints: str) -> list[bytes]:
    return [encoded(tinted(tint, n), "PNG") for n, tint in enumerate(tints)]


def test_answers_are_counted_by_class_and_measured_against_the_bank(tmp_path: Path) -> None:
    classifier, tally = Classifier.load(teachable(tmp_path / "model").folder), Tally()
    features = answer(tally, classifier, pictures(*["kaca"] * 5, *["organik"] * 3, "popok"))
    novelty = Novelty.of(classifier.bundle)
    assert novelty is not None
    distances = novelty.distances(features)
    found = tally.take()
    assert {day for day, _ in found} == {now().date()}
    assert sum(one.photos for one in found.values()) == sum(one.measured for one in found.values()) == 9
    assert found[now().date(), "kaca"].photos >= 5
    assert sum(one.distance for one in found.values()) == pytest.approx(float(distances.sum()), rel=1e-4)
    assert sum(one.far for one in found.values()) == int((novelty.score(distances) >= FAR).sum())
    assert tally.take() == {}


def test_what_shows_no_waste_is_counted_apart(tmp_path: Path) -> None:
    limits = Thresholds(confidence=0.6, conformal=0.6, signals={"brightness": 0.1})
    classifier, tally = Classifier.load(tiny_bundle(tmp_path / "tiny", thresholds=limits).folder), Tally()
    answer(tally, classifier, [photo((0, 0, 255)), photo((13, 13, 13))])
    assert {seen: one.photos for (_, seen), one in tally.take().items()} == {"plastik": 1, "no_waste": 1}


def test_under_load_all_are_counted_and_some_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 2)
    classifier, tally = Classifier.load(teachable(tmp_path / "model").folder), Tally()
    answer(tally, classifier, pictures(*["kaca"] * 5))
    (one,) = tally.take().values()
    assert (one.photos, one.measured) == (5, 2)
    answer(tally, classifier, pictures("kaca"))
    (one,) = tally.take().values()
    assert (one.photos, one.measured) == (1, 1)


@pytest.mark.parametrize("kind", ["without a bank", "with a damaged one"])
def test_without_a_usable_bank_answers_are_counted_all_the_same(tmp_path: Path, kind: str) -> None:
    bundle = teachable(tmp_path / "model", bank=kind == "with a damaged one")
    classifier, tally = Classifier.load(bundle.folder), Tally()
    if bundle.info.bank_sha256:
        (bundle.folder / BANK).write_bytes(b"no")
    answer(tally, classifier, pictures("kaca"))
    (one,) = tally.take().values()
    assert (one.photos, one.measured, one.far) == (1, 0, 0)
