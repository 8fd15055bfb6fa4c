"""What is written of each photo, and how it is counted."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ecosorter.bundle import BundleInfo
from ecosorter.classifier import Prediction

FIELDS = ("path", "status", "label", "best", "confidence", "reason")
"""What every row, wherever it is written, starts with."""

Row = dict[str, Any]
"""By column: text, numbers 0..1, or None where there is nothing to say."""

_DECIMALS = 6
# A model's float32 arithmetic differs in the eighth decimal with the number of photos it gets at a time, and a run
# that was killed cuts its batches elsewhere.


@dataclass(frozen=True)
class RowFormat:
    """Which columns rows have.

    Attributes:
        info: of the model.
        top: how many of the most probable classes get two columns each.
        probabilities: whether every class gets a column.
    """

    info: BundleInfo
    top: int = 0
    probabilities: bool = False

    @property
    def model(self) -> str:
        """What the column says: name, version, and the start of the weights' hash, since names may be given twice."""
        return f"{self.info.name} {self.info.version} {self.info.sha256[:8]}"

    @property
    def ranked(self) -> tuple[str, ...]:
        """Columns of the most probable classes."""
        return tuple(f"top{n}{end}" for n in range(1, self.top + 1) for end in ("", "_probability"))

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, in order."""
        classes = [f"p_{name}" for name in self.info.classes] if self.probabilities else []
        return (*FIELDS, "model", "sha256", "time", *self.ranked, *classes)

    def row(self, prediction: Prediction, sha256: str, time: str) -> Row:
        """Return the row for a photo.

        Args:
            prediction: what came of it.
            sha256: of its bytes in hexadecimal digits; empty if they could not be read.
            time: when it was answered, ISO, UTC.
        """
        p = prediction
        row = dict.fromkeys(self.columns) | {
            "path": p.path,
            "status": p.status,
            "label": p.label,
            "best": p.best,
            "confidence": None if p.confidence is None else round(p.confidence, _DECIMALS),
            "reason": p.reason or p.error,
            "model": self.model,
            "sha256": sha256 or None,
            "time": time,
        }
        for n, (name, probability) in enumerate(most_probable(p, self.top), 1):
            row[f"top{n}"], row[f"top{n}_probability"] = name, round(probability, _DECIMALS)
        if self.probabilities:
            row |= {f"p_{name}": round(probability, _DECIMALS) for name, probability in p.probabilities.items()}
        return row


def is_number(column: str) -> bool:
    """Tell whether a column holds numbers 0..1; the others hold text."""
    return column == "confidence" or column.startswith("p_") or column.endswith("_probability")


def most_probable(prediction: Prediction, number: int) -> list[tuple[str, float]]:
    """Return the most probable classes and their probabilities; nothing for a photo that could not be used."""
    return sorted(prediction.probabilities.items(), key=lambda item: -item[1])[:number]


def outcome(row: Row) -> str:
    """Return ``"answered"``, ``"failed"``, or why there is no answer: ``"low_confidence"`` or ``"no_waste"``."""
    if row["status"] != "ok":
        return "failed"
    return "answered" if row["label"] else str(row["reason"])


@dataclass
class Tally:
    """How many photos there are of each outcome, class and status, and how many were left out of all of them."""

    outcomes: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    left_out: int = 0

    def add(self, rows: Iterable[Row]) -> None:
        """Count rows."""
        for row in rows:
            kind = outcome(row)
            self.outcomes[kind] += 1
            if kind == "answered":
                self.labels[row["label"]] += 1
            elif kind == "failed":
                self.statuses[row["status"]] += 1

    def leave_out(self, _: object) -> None:
        """Count a photo that gets no row, since it lies in a system's folder."""
        self.left_out += 1

    @property
    def photos(self) -> int:
        """All of them."""
        return self.outcomes.total()

    @property
    def failed(self) -> int:
        """Those that could not be used."""
        return self.outcomes["failed"]

    @property
    def not_sure(self) -> int:
        """Those that were read but got no class."""
        return self.photos - self.failed - self.outcomes["answered"]
