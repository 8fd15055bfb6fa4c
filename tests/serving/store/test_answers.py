from datetime import date

from ecosorter.serving.store import Store
from ecosorter.serving.store.answers import Answered, monday

MONDAY, SUNDAY, NEXT = date(2026, 11, 23), date(2026, 11, 29), date(2026, 11, 30)


def test_counts_of_several_processes_add_up_by_week(store: Store) -> None:
    store.answers.add({(MONDAY, "kaca"): Answered(3, 2, 0.5, 1), (SUNDAY, "kaca"): Answered(1)})
    store.answers.add({(MONDAY, "kaca"): Answered(2, 1, 0.25, 0), (NEXT, "logam"): Answered(7)})
    assert store.answers.by_week(SUNDAY) == {
        MONDAY: {"kaca": Answered(6, 3, 0.75, 1)},
        NEXT: {"logam": Answered(7)},
    }
    assert list(store.answers.by_week(NEXT)) == [NEXT]


def test_a_week_begins_on_monday() -> None:
    assert {monday(day) for day in (MONDAY, SUNDAY)} == {MONDAY}
