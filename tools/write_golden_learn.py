"""Write tests/golden/learn.json: lessons, and what Python learns from them; the phone's code must say the same.

``python tools/write_golden_learn.py`` after a change to the mathematics of `ecosorter.teaching`.
"""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np

from ecosorter.bundle import Bundle, BundleInfo
from ecosorter.decision import Thresholds
from ecosorter.preprocess import PreprocessSpec
from ecosorter.teaching.bank import Bank, load_bank, make_bank
from ecosorter.teaching.learn import Lesson, learn
from ecosorter.teaching.linear_head import LinearHead
from ecosorter.teaching.refit import scale_of
from ecosorter.teaching.things import find_things, usual_distance

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "learn.json"
WIDTH, LOOKS = 10, 4
CLASSES = ("kaca", "khusus", "logam")
KINDS = (*CLASSES, "popok")
TEMPERATURE, THRESHOLDS = 1.2, Thresholds(confidence=0.5, conformal=0.8, signals={"waste": 0.1})


def main() -> None:
    """Write the file."""
    GOLDEN.write_text(json.dumps(golden(), separators=(",", ":")) + "\n", encoding="utf-8")


def golden() -> dict[str, Any]:
    """Return the model, its bank, the lessons and what comes of them."""
    random = np.random.default_rng(0)
    centres = 1.5 * random.normal(size=(len(KINDS), WIDTH))
    centres[3] = centres[1] + random.normal(size=WIDTH)  # nappies are a kind of `khusus`
    labels = np.repeat([0, 1, 2, 1], [60, 40, 30, 10])
    kinds = np.repeat([0, 1, 2, 3], [60, 40, 30, 10])
    features = (centres[kinds] + random.normal(size=(len(kinds), WIDTH))).astype(np.float32)
    sources = random.choice(["a", "b", "c"], size=len(labels), p=[0.6, 0.3, 0.1]).tolist()
    content = make_bank(features, labels, sources, CLASSES)
    head = LinearHead(
        centres[:3].T.astype(np.float32),
        (-(centres[:3] ** 2).sum(axis=1) / 2 + random.normal(size=3)).astype(np.float32),
    )
    bank = _read(content)
    cases = {}
    for name, shown, shift in (
        ("a place that looks different", [0] * 6 + [1] * 5 + [2] * 4, 2.0),
        ("one photo", [1], 0.0),
        ("a new class", [3] * 6 + [0] * 3, 0.5),
        ("a burst and others", [0, 0, 0, 0, 2, 2], 1.0),
        ("what would forget", [2] * 25, 0.0),
    ):
        look_like = [0] * 25 if name == "what would forget" else shown
        photos = centres[look_like] + random.normal(size=(len(shown), WIDTH)) + shift * np.eye(WIDTH)[0]
        if name == "a burst and others":
            photos[1:4] = photos[0] + 0.2 * random.normal(size=(3, WIDTH))
        looks = np.round(photos[:, None] + 0.1 * random.normal(size=(len(shown), LOOKS, WIDTH)), 4).astype(np.float32)
        cases[name] = _case(head, bank, np.array(shown), looks)
    return {
        "classes": CLASSES,
        "weights": head.weight.T.ravel().tolist(),
        "bias": head.bias.tolist(),
        "temperature": TEMPERATURE,
        "thresholds": THRESHOLDS.model_dump(),
        "bank": base64.b64encode(content).decode(),
        "cases": cases,
    }


def _case(head: LinearHead, bank: Bank, labels: np.ndarray, looks: np.ndarray) -> dict[str, Any]:
    classes = KINDS[: max(3, int(labels.max()) + 1)]
    scale = scale_of(bank.features)
    things = find_things(looks[:, 0], labels, scale, usual_distance(bank.features, bank.labels, scale))
    sources = ["mine" if row % 3 else "friend" for row in range(len(labels))]
    found = learn(head, bank, Lesson(looks, labels, things, sources), classes, TEMPERATURE, THRESHOLDS)
    return {
        "photos": [
            {"label": classes[label], "source": source, "looks": [[round(float(v), 4) for v in look] for look in each]}
            for label, source, each in zip(labels, sources, looks, strict=True)
        ],
        "named": {"popok": "khusus"} if len(classes) > 3 else {},
        "learnt": {
            "classes": classes if found.step else CLASSES,
            "weights": found.head.weight.T.ravel().tolist(),
            "bias": found.head.bias.tolist(),
            "temperature": found.temperature,
            "thresholds": found.thresholds.model_dump(),
            "step": found.step,
            "lost": found.lost,
            "things": things.tolist(),
            "known": [found.known_before, found.known_after],
            "after": [classes[row] for row in found.own_after.argmax(axis=1)],
        },
    }


def _read(content: bytes) -> Bank:
    """Read a bank as a bundle does."""
    info = BundleInfo(
        format=2,
        name="golden",
        version="0",
        created="2026-01-01T00:00:00+00:00",
        classes=CLASSES,
        preprocess=PreprocessSpec(size=8, resize="stretch", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        temperature=TEMPERATURE,
        thresholds=THRESHOLDS,
    )

    class Held(Bundle):
        def load_bank(self) -> bytes:
            return content

    return load_bank(Held(Path(), info))


if __name__ == "__main__":
    main()
