"""Charts as inline SVG: pure functions from numbers to markup.

Colours, line styles and fonts come from the page's style sheet by class name, so that one chart suits
light and dark. Every function returns `Markup` in which all given words are escaped. Points that are not
finite (a diverged loss) leave a gap.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

Format = Callable[[float], str]
"""Turns a number into the words of the reader's language."""

_WIDTH, _HEIGHT = 360.0, 230.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 12.0, 24.0, 38.0
_ROW, _ROW_LEFT = 30.0, 112.0  # of an interval chart: a row's height, and the room for the words before it
_MAX_HANDLES = 60
"""More points than a finger or pointer can tell apart get no tooltips of their own."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line: its name, points (x, y) in drawing order, and `kind`, its class in the style sheet."""

    name: str
    points: Sequence[tuple[float, float]]
    kind: str


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: its name, the format of its numbers, and its range (from the data where None)."""

    name: str
    format: Format
    span: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """A place worth pointing at: a vertical line at `x`, and a dot at `y` when there is one."""

    label: str
    x: float
    y: float | None = None


@dataclass(frozen=True, slots=True)
class Interval:
    """A measured value with its interval, drawn as a dot on a bar; `kind` is its class in the style sheet.

    `label` stands before the bar and has room for about 18 letters.
    """

    label: str
    value: float
    low: float
    high: float
    kind: str


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Return round numbers (1, 2 or 5 times a power of ten apart) inside a range, ascending.

    Args:
        low: start of the range.
        high: end of the range, larger than `low`.
        about: how many are wanted; there are at most twice as many.
    """
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    digits = max(0, 1 - math.floor(math.log10(step)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, digits) for index in range(first, last + 1)]


class _Plane:
    """The plot area: data coordinates to SVG ones, and the axes."""

    def __init__(
        self, x: Axis, y: Axis, points: Sequence[tuple[float, float]], height: float, left: float = _LEFT
    ) -> None:
        self.x, self.y, self.height, self.left = x, y, height, left
        self.x_span = x.span or _span([point[0] for point in points])
        self.y_span = y.span or _span([point[1] for point in points])

    def across(self, value: float) -> float:
        low, high = self.x_span
        return round(self.left + (value - low) / (high - low) * (_WIDTH - self.left - _RIGHT), 1)

    def up(self, value: float) -> float:
        low, high = self.y_span
        return round(self.height - _BOTTOM - (value - low) / (high - low) * (self.height - _TOP - _BOTTOM), 1)

    def axes(self) -> Markup:
        bottom, right = self.height - _BOTTOM, _WIDTH - _RIGHT
        parts = []
        for value in ticks(*self.y_span):
            height = self.up(value)
            line = Markup('<line class="grid" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/>')
            text = Markup('<text class="tick end" x="{}" y="{}">{}</text>')
            parts.append(line.format(_LEFT, right, height))
            parts.append(text.format(_LEFT - 6, height + 4, self.y.format(value)))
        for value in ticks(*self.x_span):
            text = Markup('<text class="tick middle" x="{}" y="{}">{}</text>')
            parts.append(text.format(self.across(value), bottom + 16, self.x.format(value)))
        frame = Markup('<line class="axis" x1="{}" x2="{}" y1="{}" y2="{}"/>')
        parts.append(frame.format(_LEFT, right, bottom, bottom))
        name = Markup('<text class="name middle" x="{}" y="{}">{}</text>')
        parts.append(name.format((_LEFT + right) / 2, self.height - 6, self.x.name))
        return Markup("").join(parts)


def line_chart(
    series: Sequence[Series],
    *,
    label: str,
    x: Axis,
    y: Axis,
    marks: Sequence[Mark] = (),
    height: float = _HEIGHT,
) -> Markup:
    """Return lines over a common x axis.

    Args:
        series: the lines. Names and styles belong in a legend beside the chart.
        label: what the chart shows, in words, for people who do not see it.
        x: the horizontal axis.
        y: the vertical axis; its name belongs in the heading of the chart.
        marks: places to point at.
        height: in the chart's own units, of which it is 360 wide.
    """
    points = [point for one in series for point in one.points if all(map(math.isfinite, point))]
    plane = _Plane(x, y, points or [(0.0, 0.0)], height)
    body = [plane.axes()]
    body += [_mark(mark, plane) for mark in marks]
    body += [_line(one, plane) for one in series]
    return _svg(label, body, height)


def reliability_chart(
    bins: Sequence[tuple[float, float, int]], *, label: str, x: Axis, y: Axis, tip: Callable[[float, float, int], str]
) -> Markup:
    """Return a reliability diagram: what the model said against how often it was right.

    After Guo et al., "On Calibration of Modern Neural Networks" (2017), figure 1. A dot a bin, as large as its
    share of the photos, and a stem to the diagonal on which a perfectly calibrated model would lie.

    Args:
        bins: (mean confidence, accuracy, photos) of each bin; the rates in 0..1.
        label: what the chart shows, in words.
        x: the horizontal axis, confidence.
        y: the vertical axis, accuracy.
        tip: the words that a bin shows when pointed at.
    """
    plane = _Plane(x, y, [], 300.0)
    diagonal = Markup('<line class="ideal" x1="{}" y1="{}" x2="{}" y2="{}"/>')
    body = [plane.axes(), diagonal.format(plane.across(0), plane.up(0), plane.across(1), plane.up(1))]
    most = max((photos for _, _, photos in bins), default=1)
    for said, right, photos in bins:
        if not photos or not (math.isfinite(said) and math.isfinite(right)):
            continue
        stem = Markup('<line class="stem" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>')
        dot = Markup('<circle class="dot test" cx="{}" cy="{}" r="{}"><title>{}</title></circle>')
        radius = round(3 + 7 * math.sqrt(photos / most), 1)  # the area shows the number
        body.append(stem.format(plane.across(said), plane.up(said), plane.up(right)))
        body.append(dot.format(plane.across(said), plane.up(right), radius, tip(said, right, photos)))
    return _svg(label, body, 300.0)


def interval_chart(rows: Sequence[Interval], *, label: str, x: Axis) -> Markup:
    """Return values with their intervals under each other on one scale, so that a gap is seen.

    Args:
        rows: the values, from top to bottom.
        label: what the chart shows, in words.
        x: the axis.
    """
    height = _ROW * len(rows) + _BOTTOM
    x = Axis(x.name, x.format, x.span or _span([end for row in rows for end in (row.low, row.value, row.high)]))
    plane = _Plane(x, Axis("", str, (0, 1)), [], height, _ROW_LEFT)
    bottom, middle = height - _BOTTOM, (_ROW_LEFT + _WIDTH - _RIGHT) / 2
    body: list[Markup] = []
    for value in ticks(*plane.x_span):
        line = Markup('<line class="grid" x1="{0}" x2="{0}" y1="0" y2="{1}"/>')
        text = Markup('<text class="tick middle" x="{}" y="{}">{}</text>')
        body.append(line.format(plane.across(value), bottom))
        body.append(text.format(plane.across(value), bottom + 16, x.format(value)))
    body.append(Markup('<text class="name middle" x="{}" y="{}">{}</text>').format(middle, height - 6, x.name))
    for index, row in enumerate(rows):
        at = _ROW * (index + 0.5)
        body.append(Markup('<text class="row" x="0" y="{}">{}</text>').format(at + 4.5, row.label))
        if math.isfinite(row.low) and math.isfinite(row.high):
            bar = Markup('<line class="range {0}" x1="{1}" x2="{2}" y1="{3}" y2="{3}"/>')
            body.append(bar.format(row.kind, plane.across(row.low), plane.across(row.high), at))
        if math.isfinite(row.value):
            dot = Markup('<circle class="dot {}" cx="{}" cy="{}" r="6"/>')
            body.append(dot.format(row.kind, plane.across(row.value), at))
    return _svg(label, body, height)


def _svg(label: str, body: Sequence[Markup], height: float) -> Markup:
    start = Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">')
    return start.format(_WIDTH, height, label) + Markup("").join(body) + Markup("</svg>")


def _line(series: Series, plane: _Plane) -> Markup:
    parts = []
    for finite, run in groupby(series.points, key=lambda point: all(map(math.isfinite, point))):
        if not finite:
            continue
        places = [(plane.across(x), plane.up(y)) for x, y in run]
        if len(places) == 1:
            dot = Markup('<circle class="dot {}" cx="{}" cy="{}" r="3"/>')
            parts.append(dot.format(series.kind, *places[0]))
        else:
            way = " ".join(f"{x},{y}" for x, y in places)
            parts.append(Markup('<polyline class="line {}" points="{}"/>').format(series.kind, way))
    if len(series.points) <= _MAX_HANDLES:
        for x, y in series.points:
            if math.isfinite(x) and math.isfinite(y):
                handle = Markup('<circle class="handle {}" cx="{}" cy="{}" r="6"><title>{}</title></circle>')
                words = f"{series.name} · {plane.x.name} {plane.x.format(x)} · {plane.y.format(y)}"
                parts.append(handle.format(series.kind, plane.across(x), plane.up(y), words))
    return Markup("").join(parts)


def _mark(mark: Mark, plane: _Plane) -> Markup:
    across, bottom = plane.across(mark.x), plane.height - _BOTTOM
    line = Markup('<line class="mark" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(across, _TOP, bottom)
    # Above the plot no line crosses the words; anchored on the side that keeps them inside the chart.
    place = (mark.x - plane.x_span[0]) / (plane.x_span[1] - plane.x_span[0])
    anchor = "start" if place < 0.25 else "end" if place > 0.75 else "middle"
    word = Markup('<text class="note {}" x="{}" y="{}">{}</text>').format(anchor, across, _TOP - 11, mark.label)
    if mark.y is None:
        return line + word
    dot = Markup('<circle class="dot mark" cx="{}" cy="{}" r="6"/>').format(across, plane.up(mark.y))
    return line + word + dot


def _span(values: Sequence[float]) -> tuple[float, float]:
    finite = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    if high - low < 1e-9 * max(1.0, abs(high)):
        return low - 0.5, high + 0.5
    margin = (high - low) * 0.04
    return low - margin, high + margin
