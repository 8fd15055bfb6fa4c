"""Which sources count, and which are left out together."""

import pytest

from ecosorter.errors import DatasetError
from ecosorter.evaluation.protocols import counting_classes, groups_left_out, promise_places


@pytest.mark.parametrize(
    ("photos", "counting"),
    [
        ({"a": 5, "b": 5, "c": 5}, ("a", "b", "c")),
        ({"a": 5, "b": 5, "c": 4}, ()),
        ({"a": 500, "b": 500}, ()),
        ({"c": 9, "a": 7, "d": 1, "b": 5}, ("c", "a", "b")),
        ({}, ()),
    ],
)
def test_a_source_counts_over_its_classes_of_five_photos_when_there_are_three(
    photos: dict[str, int], counting: tuple[str, ...]
) -> None:
    assert counting_classes(photos) == counting


def test_sources_in_no_group_are_left_out_by_themselves() -> None:
    found = groups_left_out([["c", "gone"], ["gone too"]], ["d", "a", "c", "c"])
    assert found == (("c",), ("a",), ("d",))


def test_a_source_in_two_groups_is_refused() -> None:
    with pytest.raises(DatasetError, match="b stands twice"):
        groups_left_out([["a", "b"], ["b"]], ["a", "b", "c"])


@pytest.mark.parametrize("sources", [["a"], ["a", "b"]])
def test_something_must_be_left_to_learn_from(sources: list[str]) -> None:
    with pytest.raises(DatasetError, match="--folds"):
        groups_left_out([["a", "b"]], sources)


def test_a_promise_is_to_places_that_count_and_that_choices_may_look_at() -> None:
    photos = [(label, source) for source in ("home", "aside", "shop") for label in "abc" for _ in range(5)]
    photos += [("a", "fruit")] * 40
    labels, sources = [label for label, _ in photos], [source for _, source in photos]
    assert promise_places(labels, sources, ["aside"]).tolist() == [0] * 15 + [-1] * 15 + [1] * 15 + [-1] * 40
    assert promise_places(labels[-40:], sources[-40:]).tolist() == [0] * 40
