import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from ecosorter.training.report.charts import (
    Axis,
    Interval,
    Mark,
    Series,
    interval_chart,
    line_chart,
    reliability_chart,
    ticks,
)

X, Y = Axis("Epoch", "{:g}".format), Axis("Loss", "{:.2f}".format)
HOSTILE = "\"><script>alert(1)</script>&'"


def parse(svg: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # noqa: S314  our own


def texts(svg: ElementTree.Element) -> list[str]:
    return ["".join(text.itertext()) for text in svg.iter("text")]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.8, 1, [0.8, 0.85, 0.9, 0.95, 1.0]),
        (1, 50, [10, 20, 30, 40, 50]),
        (0.13, 1.74, [0.5, 1.0, 1.5]),
        (1e-7, 9e-7, [2e-7, 4e-7, 6e-7, 8e-7]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


@given(st.floats(-1e6, 1e6), st.floats(1e-4, 1e6))
def test_ticks_lie_inside_ascend_evenly_and_are_few(low: float, width: float) -> None:
    found = ticks(low, low + width)
    slack = 1e-6 * max(1.0, abs(low), width)
    assert 1 <= len(found) <= 10
    assert all(low - slack <= value <= low + width + slack for value in found)
    steps = [b - a for a, b in pairwise(found)]
    assert all(step > 0 and step == pytest.approx(steps[0], rel=1e-3) for step in steps)


def test_a_line_goes_through_its_points_in_the_plot() -> None:
    svg = parse(line_chart([Series("Test", [(1, 0.9), (2, 0.5), (3, 0.1)], "test")], label="Loss", x=X, y=Y))
    assert (svg.get("role"), svg.get("aria-label")) == ("img", "Loss")
    (line,) = svg.iter("polyline")
    assert line.get("class") == "line test"
    places = [tuple(map(float, pair.split(","))) for pair in str(line.get("points")).split()]
    assert [x for x, _ in places] == sorted(x for x, _ in places)
    assert [y for _, y in places] == sorted(y for _, y in places)  # falling loss goes down the page
    assert places[1][1] == pytest.approx((places[0][1] + places[2][1]) / 2)
    assert next(svg.iter("title")).text == "Test · Epoch 1 · 0.90"


def test_a_diverged_loss_leaves_a_gap() -> None:
    points = [(1, 0.9), (2, 0.8), (3, math.nan), (4, math.inf), (5, 0.7), (6, 0.6)]
    chart = line_chart([Series("Training", points, "train")], label="", x=X, y=Y)
    assert len(list(parse(chart).iter("polyline"))) == 2
    assert "nan" not in chart
    assert "inf" not in chart


@pytest.mark.parametrize("points", [[], [(1.0, math.nan)], [(3.0, 0.25)]])
def test_too_few_points_still_make_a_chart(points: list[tuple[float, float]]) -> None:
    svg = parse(line_chart([Series("Test", points, "test")], label="", x=X, y=Y, marks=[Mark("kept", 3)]))
    finite = [point for point in points if math.isfinite(point[1])]
    assert len([c for c in svg.iter("circle") if c.get("class") == "dot test"]) == len(finite)


def test_the_words_of_a_mark_stay_inside_the_chart() -> None:
    series = [Series("Test", [(1, 0.0), (50, 1.0)], "test")]
    for at, anchor in ((2, "start"), (25, "middle"), (49, "end")):
        svg = parse(line_chart(series, label="", x=X, y=Y, marks=[Mark("kept", at, 0.5)]))
        (note,) = [text for text in svg.iter("text") if "note" in str(text.get("class"))]
        assert (note.text, note.get("class")) == ("kept", f"note {anchor}")


def test_many_points_get_no_tooltips() -> None:
    points = [(float(i), i / 500) for i in range(500)]
    chart = line_chart([Series("Accuracy", points, "test")], label="", x=X, y=Y)
    assert "<title>" not in chart


def test_the_reliability_diagram_shows_bins_by_size_and_distance_from_the_diagonal() -> None:
    rate = Axis("", "{:.0%}".format, (0, 1))
    bins = [(0.3, 0.3, 25), (0.9, 0.6, 100), (0.5, math.nan, 4), (0.1, 0.1, 0)]
    svg = parse(reliability_chart(bins, label="R", x=rate, y=rate, tip=lambda c, a, n: f"{c} {a} {n}"))
    dots = list(svg.iter("circle"))
    assert ["".join(dot.itertext()) for dot in dots] == ["0.3 0.3 25", "0.9 0.6 100"]
    small, large = (float(str(dot.get("r"))) for dot in dots)
    assert small < large
    first, second = [line for line in svg.iter("line") if line.get("class") == "stem"]
    assert first.get("y1") == first.get("y2")
    assert float(str(second.get("y2"))) > float(str(second.get("y1")))  # too sure: below the diagonal


def test_the_interval_chart_puts_honest_and_leaky_on_one_scale() -> None:
    rows = [Interval("Honest 85%", 0.85, 0.82, 0.88, "honest"), Interval("Leaky 93%", 0.93, 0.91, 0.95, "leaky")]
    svg = parse(interval_chart(rows, label="gap", x=Axis("Accuracy", "{:.0%}".format)))
    assert {"Honest 85%", "Leaky 93%", "Accuracy"} <= set(texts(svg))
    bars = {str(line.get("class")): line for line in svg.iter("line")}
    assert float(str(bars["range honest"].get("x2"))) < float(str(bars["range leaky"].get("x1")))


def test_every_word_is_escaped() -> None:
    axis = Axis(HOSTILE, lambda _: HOSTILE)
    charts = [
        line_chart(
            [Series(HOSTILE, [(0, 1), (1, 2)], "test")], label=HOSTILE, x=axis, y=axis, marks=[Mark(HOSTILE, 1)]
        ),
        reliability_chart(
            [(0.5, 0.5, 3)],
            label=HOSTILE,
            x=Axis(HOSTILE, str, (0, 1)),
            y=Axis(HOSTILE, str, (0, 1)),
            tip=lambda *_: HOSTILE,
        ),
        interval_chart([Interval(HOSTILE, 0.5, 0.4, 0.6, "honest")], label=HOSTILE, x=axis),
    ]
    for chart in charts:
        assert "<script" not in chart
        svg = parse(chart)
        assert svg.get("aria-label") == HOSTILE
        assert not re.search(r"<script", ElementTree.tostring(svg, encoding="unicode"))
