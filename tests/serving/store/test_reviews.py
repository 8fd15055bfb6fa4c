from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from ecosorter.serving.store import Store
from ecosorter.serving.store.reviews import Item
from tests.serving.store.said import SECRET, keep, rows, said


@pytest.fixture
def two_person(database: str, tmp_path: Path) -> Iterator[Store]:
    with Store.open(database, str(tmp_path / "photos"), two_person=True) as store:
        yield store


def waiting(store: Store, reviewer: str = "ani") -> list[UUID]:
    items, left = store.reviews.queue(reviewer, 100)
    assert left == len(items)
    return [item.id for item in items]


def decided(item: object) -> tuple[str, str | None]:
    assert isinstance(item, Item)
    return item.state, item.settled


def test_the_most_doubtful_come_first(two_person: Store) -> None:
    right_sure = keep(two_person, 1, truth="plastik", confidence=0.9)
    right_unsure = keep(two_person, 2, truth="plastik", confidence=0.3)
    wrong_sure = keep(two_person, 3, confidence=0.95)
    wrong_unsure = keep(two_person, 4, confidence=0.5)
    wrong_unsure_later = keep(two_person, 5, confidence=0.5)
    disputed = keep(two_person, 6, truth="plastik", confidence=0.99)
    two_person.reviews.decide(disputed, "budi", "accept")
    two_person.reviews.decide(disputed, "citra", "reject")
    order = [disputed, wrong_unsure, wrong_unsure_later, wrong_sure, right_unsure, right_sure]
    assert waiting(two_person) == order
    items, left = two_person.reviews.queue("ani", 2)
    assert ([item.id for item in items], left) == (order[:2], 6)
    assert [(vote.reviewer, vote.decision, vote.label) for vote in items[0].votes] == [
        ("budi", "accept", "plastik"),
        ("citra", "reject", None),
    ]


def test_what_teaches_most_comes_first(store: Store) -> None:
    weakness = {"kaca": 0.1, "logam": 0.6}
    cases = {  # truth, confidence, novelty: in the order that follows from 1 - confidence + novelty + weakness
        "weak, unsure and new": ("logam", 0.5, 0.99),
        "new": ("kaca", 0.5, 0.99),
        "weak": ("logam", 0.5, 0.2),
        "other is no class that can be weak": ("other", 0.5, 0.75),
        "unsure alone": ("kaca", 0.4, None),
        "known": ("kaca", 0.5, 0.0),
    }
    ids = {}
    for shade, (name, (truth, confidence, novelty)) in enumerate(reversed(cases.items())):
        ids[name] = keep(store, shade, truth=truth, confidence=confidence)
        if novelty is not None:
            store.reviews.note_novelty(ids[name], "0" * 64, novelty)
    names = {id_: name for name, id_ in ids.items()}
    items, _ = store.reviews.queue("ani", 100, weakness)
    assert [names[item.id] for item in items] == list(cases)
    assert [item.novelty for item in items] == [novelty for _, _, novelty in cases.values()]
    assert [names[id_] for id_ in waiting(store)][:2] == ["weak, unsure and new", "new"][::-1]


def test_what_is_known_already_waits_for_what_was_wrong(store: Store) -> None:
    right = keep(store, 1, truth="plastik", confidence=0.1)
    store.reviews.note_novelty(right, "0" * 64, 1.0)
    wrong = keep(store, 2, confidence=0.9)
    assert waiting(store) == [wrong, right]


def test_photos_are_measured_once_for_each_bank_and_forgotten_with_the_photo(store: Store) -> None:
    first, second = keep(store, 1), keep(store, 2)
    store.corrections.add(uuid4(), said(), None)
    assert store.reviews.unmeasured("a", 10) == [first, second]
    assert store.reviews.unmeasured("a", 1) == [first]
    store.reviews.note_novelty(first, "a", 0.5)
    store.reviews.note_novelty(second, "a", None)
    assert store.reviews.unmeasured("a", 10) == []
    assert store.reviews.unmeasured("b", 10) == [first, second]
    store.reviews.decide(second, "ani", "accept")
    assert store.reviews.unmeasured("b", 10) == [first]
    store.corrections.withdraw(first, SECRET)
    store.reviews.note_novelty(first, "b", 0.5)
    assert {row["novelty"] for row in rows(store.addresses[0])} == {None}
    assert store.reviews.unmeasured("b", 10) == []


def test_only_what_can_be_looked_at_is_in_the_queue(store: Store) -> None:
    seen, withdrawn = keep(store, 1), keep(store, 2)
    without = store.corrections.add(uuid4(), said(), None)
    assert without is not None
    store.corrections.withdraw(withdrawn, SECRET)
    assert waiting(store) == [seen]
    assert store.reviews.photo(seen)
    for correction in (withdrawn, without.id, uuid4()):
        assert store.reviews.photo(correction) is None
        assert store.reviews.decide(correction, "ani", "accept") == "unknown"


@pytest.mark.parametrize(
    ("decision", "label", "outcome"),
    [
        ("accept", None, ("accepted", "kaca")),
        ("relabel", "logam", ("relabelled", "logam")),
        ("relabel", "kaca", ("accepted", "kaca")),
        ("reject", None, ("rejected", None)),
    ],
)
def test_one_person_is_enough(store: Store, decision, label, outcome) -> None:  # type: ignore[no-untyped-def]
    correction = keep(store)
    assert decided(store.reviews.decide(correction, "ani", decision, label)) == outcome
    assert waiting(store) == waiting(store, "budi") == []
    assert store.reviews.decide(correction, "budi", "accept") == "settled"


def test_a_slip_can_be_put_right_by_whoever_slipped(store: Store) -> None:
    correction = keep(store)
    store.reviews.decide(correction, "ani", "reject")
    assert decided(store.reviews.decide(correction, "ani", "accept")) == ("accepted", "kaca")
    assert len(store.corrections.usable()) == 1


def test_two_persons_must_decide_the_same(two_person: Store) -> None:
    reviews, correction = two_person.reviews, keep(two_person)
    for _ in range(2):  # one person, however often
        assert decided(reviews.decide(correction, "ani", "accept")) == ("open", None)
    assert waiting(two_person, "ani") == []
    assert waiting(two_person, "budi") == [correction]
    assert decided(reviews.decide(correction, "budi", "relabel", "logam")) == ("open", None)
    assert decided(reviews.decide(correction, "citra", "relabel", "logam")) == ("relabelled", "logam")
    assert reviews.decide(correction, "dewi", "accept") == "settled"
    assert waiting(two_person, "dewi") == []
    assert decided(reviews.decide(correction, "citra", "reject")) == ("open", None)


def test_of_reviewers_at_the_same_time_one_settles(store: Store) -> None:
    correction = keep(store)
    with ThreadPoolExecutor(6) as threads:
        outcomes = list(threads.map(lambda name: store.reviews.decide(correction, name, "accept"), "abcdef"))
    assert outcomes.count("settled") == 5
