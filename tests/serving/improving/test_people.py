"""Who teaches and who measures."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

import numpy as np
import pytest

from ecosorter.serving.improving.people import Needs, difference, divide, doubtful, is_held_out
from ecosorter.serving.store.corrections import Listed


def row(contributor: str, photo: str, settled: str = "kaca") -> Listed:
    now = datetime.now(UTC)
    return Listed(
        uuid4(), now, "m 1", "x", None, settled, 0.5, "given", photo, contributor, "accepted", settled, now, None
    )


def names(number: int, *, held_out: bool) -> list[str]:
    return [name for name in map(str, range(1000)) if is_held_out(name) == held_out][:number]


def test_about_a_fifth_is_held_out_and_always_the_same() -> None:
    assert 150 < sum(is_held_out(str(number)) for number in range(1000)) < 250
    assert [is_held_out(str(number)) for number in range(50)] == [is_held_out(str(number)) for number in range(50)]


def test_nobody_teaches_what_somebody_measures() -> None:
    (measures,), teach = names(1, held_out=True), names(3, held_out=False)
    rows = [row(measures, "a"), row(teach[0], "a"), row(teach[0], "b"), row(teach[1], "c", "logam")]
    rows += [row(teach[1], "d"), row(teach[2], "e", "nonsense"), row(teach[1], "d", "logam")]
    parts = divide(rows, ("kaca", "logam"))
    assert [each.photo for each in parts.held_out] == ["a"]
    assert [(each.photo, each.settled) for each in parts.taught] == []  # one contributor a class is too few
    assert parts.left_out == {"kaca": 1, "logam": 2}
    parts = divide([*rows, row(teach[0], "f", "logam")], ("kaca", "logam"), without=())
    assert {each.photo for each in parts.taught} == {"c", "d", "f"}
    assert divide([*rows, row(teach[0], "f", "logam")], ("kaca", "logam"), without=teach[:1]).taught == []


def test_a_photo_that_several_sent_counts_once_and_not_where_they_differ() -> None:
    """As a photo that goes round in a chat: a data set that lists it twice would be refused."""
    measure, teach = names(2, held_out=True), names(3, held_out=False)
    rows = [row(measure[0], "a"), row(measure[1], "a"), row(measure[0], "b"), row(measure[1], "b", "logam")]
    rows += [
        row(teach[0], "c"),
        row(teach[1], "c"),
        row(teach[1], "d"),
        row(teach[2], "d", "logam"),
        row(teach[1], "e"),
    ]
    parts = divide(rows, ("kaca", "logam"))
    assert [(each.photo, each.contributor) for each in parts.held_out] == [("a", measure[0])]
    assert [(each.photo, each.contributor) for each in parts.taught] == [("c", teach[0]), ("e", teach[1])]
    without = divide(rows, ("kaca", "logam"), without=teach[2:])
    assert [each.photo for each in without.taught] == ["c", "d", "e"]


def test_what_is_missing_is_counted() -> None:
    teach = names(2, held_out=False)
    parts = divide([row(name, f"{name}{n}") for name in teach for n in range(3)], ("kaca",))
    assert parts.missing(Needs(contributors=3, held_out=1, photos=6, held_out_photos=1)) == {
        "contributors": (2, 3),
        "held_out": (0, 1),
        "held_out_photos": (0, 1),
    }


@pytest.mark.parametrize(
    ("wrong", "photos", "found"),
    [(10, 10, True), (9, 12, True), (6, 12, False), (4, 4, False), (0, 10, False)],
)
def test_a_contributor_whose_labels_fit_nobodys_is_found(wrong: int, photos: int, *, found: bool) -> None:
    honest = [name for name in "abcdefgh" for _ in range(10)]
    right = [n % 10 < 8 for n in range(len(honest))]
    everybody = honest + ["x"] * photos
    labels = np.arange(len(everybody)) % 4
    right = np.array(right + [n >= wrong for n in range(photos)])
    seen = doubtful(everybody, labels, right)
    assert [each.contributor for each in seen] == (["x"] if found else [])
    assert doubtful(everybody, np.zeros(len(everybody), np.int64), right) == ()  # many photos of one strange thing
    if found:
        assert seen[0].contradicted == wrong / photos
        assert seen[0].usual < seen[0].contradicted


def test_a_city_that_is_hard_for_all_has_nobody_to_doubt() -> None:
    everybody = [name for name in "abcdefgh" for _ in range(10)]
    assert doubtful(everybody, np.arange(80) % 4, np.array([n % 10 < 3 for n in range(80)])) == ()


def interval(before: Sequence[int], after: Sequence[int], people: Sequence[str]) -> tuple[float, bool, bool]:
    found = difference(np.array(before, bool), np.array(after, bool), people)
    return found.mean, found.low > 0, found.high < 0


def test_the_interval_is_that_of_contributors_and_not_of_photos() -> None:
    many = [name for name in "abcdefghij" for _ in range(10)]
    nothing, everything = [0] * 100, [1] * 100
    assert interval(nothing, everything, many) == (1.0, True, False)
    assert interval(everything, nothing, many) == (-1.0, False, True)
    assert interval(nothing, nothing, many) == (0.0, False, False)
    one_of_ten = [int(name == "a") for name in many]  # all that was gained is one contributor's
    assert interval(nothing, one_of_ten, many) == (0.1, False, False)
