import os
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.timing import evenly, in_turn, machine, measured, table

REPOSITORY = Path(__file__).parents[2]
MIB = 1 << 20


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@given(st.lists(st.integers(), unique=True), st.integers(0, 50))
def test_evenly_takes_some_in_their_order(items: list[int], number: int) -> None:
    taken = evenly(items, number)
    assert len(taken) == min(number, len(items))
    places = [items.index(item) for item in taken]
    assert places == sorted(set(places))


def test_evenly_spreads_over_all() -> None:
    assert evenly("abcdefghij", 5) == ["a", "c", "e", "g", "i"]
    assert evenly("ab", 5) == ["a", "b"]


def test_in_turn_alternates_and_takes_the_median() -> None:
    order: list[str] = []

    def contestant(name: str, figures: list[float]) -> float:
        order.append(name)
        return figures.pop(0)

    a, b = [1.0, 9.0, 2.0], [5.0, 4.0, 6.0]
    medians = in_turn({"a": lambda: contestant("a", a), "b": lambda: contestant("b", b)}, 3)
    assert order == list("ababab")
    assert medians == {"a": 2.0, "b": 5.0}


def test_measures_the_peak_memory_of_the_process() -> None:
    # In a process of its own: a test run has torch in memory, and Linux would count that (see `measured`).
    code = """
import sys
from benchmarks.timing import measured
for size in (0, 200):
    print(measured([sys.executable, "-c", f"one = b'x' * ({size} << 20)"]).peak_bytes)
"""
    small, large = map(int, measured(python(code), {"PYTHONPATH": str(REPOSITORY)}).output.split())
    assert 190 * MIB < large - small < 210 * MIB
    assert small < 100 * MIB


def test_figures_are_the_last_line() -> None:
    done = measured(python("print('hello'); print('{\"a\": 1}')"))
    assert done.output.startswith("hello")
    assert done.figures() == {"a": 1}


def test_time_is_that_of_the_process() -> None:
    start = time.perf_counter()
    seconds = measured(python("import time; time.sleep(0.3)")).seconds
    assert 0.3 < seconds <= time.perf_counter() - start


def test_recipe_settings_of_the_person_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ECOSORTER")]:  # such as those of .ci/run
        monkeypatch.delenv(name)
    monkeypatch.setenv("ECOSORTER_FIT__EPOCHS", "1")
    monkeypatch.setenv("ECOSORTER_CACHE", "/nowhere")
    code = "import json, os; print(json.dumps({n: v for n, v in os.environ.items() if n.startswith('ECOSORTER')}))"
    assert measured(python(code), {"ECOSORTER_CACHE": "/here"}).figures() == {"ECOSORTER_CACHE": "/here"}


def test_a_failure_says_what_was_printed() -> None:
    with pytest.raises(RuntimeError, match=r"failed \(3\)(?s:.*)out of photos"):
        measured(python("import sys; print('out of photos', file=sys.stderr); sys.exit(3)"))


def test_table_is_markdown() -> None:
    assert table(["way", "s"], [["ours", "1"], ["theirs", "9"]]) == (
        "| way | s |\n| --- | ---: |\n| ours | 1 |\n| theirs | 9 |"
    )


def test_machine_names_cores_and_versions() -> None:
    sentence = machine()
    for word in ("cores", "Python", "onnxruntime", "torch"):
        assert word in sentence
