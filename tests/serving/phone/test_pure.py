"""The phone's pure parts in Node, beside Python's: pixels byte for byte, decisions, what was learnt."""

import base64
import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ecosorter.decision import Thresholds, decide, softmax
from ecosorter.preprocess import PreprocessSpec, to_pixels, view_box

CLASSES = ("kaca", "logam", "organik", "plastik")
SIZES = ((224, 224), (300, 400), (301, 977), (977, 301), (640, 480), (17, 9), (1, 1), (3, 700), (225, 226), (230, 235))
SPECS = (
    *({"resize": "stretch", "interpolation": name} for name in ("bilinear", "bicubic", "lanczos", "box", "nearest")),
    {"resize": "crop", "shorter_side": 256},
    {"resize": "crop", "shorter_side": 224, "interpolation": "bicubic"},
    {"resize": "stretch", "size": 96},
)


def in_node(cases: Sequence[tuple[str, dict[str, Any]]]) -> list[Any]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    script = Path(__file__).with_name("pure.mjs")
    done = subprocess.run([node, script], input=json.dumps(cases).encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found: list[Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("options", SPECS, ids=lambda options: "-".join(map(str, options.values())))
def test_pixels_are_pillows(options: dict[str, Any]) -> None:
    spec = PreprocessSpec(**({"size": 224, "mean": (0, 0, 0), "std": (1, 1, 1)} | options))
    rng = np.random.default_rng(7)
    images = [Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)) for width, height in SIZES]
    cases, expected = [], []
    for image in images:
        data = base64.b64encode(image.convert("RGBA").tobytes()).decode()
        for zoom in (1.0, 0.8, 0.85 * 0.8, 0.4):
            given = {"data": data, "width": image.width, "height": image.height, "zoom": zoom}
            cases.append(("pixels", given | {"spec": spec.model_dump()}))
            expected.append(to_pixels(image, spec, zoom))
    for (_, given), ours, theirs in zip(cases, expected, in_node(cases), strict=True):
        found = np.frombuffer(base64.b64decode(theirs), np.uint8).reshape(ours.shape)
        apart = abs(found.astype(int) - ours)
        assert apart.max() == 0, (given["width"], given["height"], given["zoom"], int((apart > 0).sum()))


def test_boxes_are_pythons() -> None:
    spec = PreprocessSpec(size=224, resize="crop", shorter_side=256, mean=(0, 0, 0), std=(1, 1, 1))
    cases = [("box", {"size": size, "spec": spec.model_dump(), "zoom": zoom}) for size in SIZES for zoom in (1, 0.8)]
    for (_, given), theirs in zip(cases, in_node(cases), strict=True):
        assert tuple(theirs) == view_box(given["size"], spec, given["zoom"])


def test_a_mirrored_look_is_read_from_right_to_left() -> None:
    pixels = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3)
    (found,) = in_node([("mirror", {"data": base64.b64encode(pixels.tobytes()).decode(), "size": 4})])
    assert base64.b64decode(found) == pixels[:, ::-1].tobytes()


def test_decisions_are_pythons() -> None:
    rng = np.random.default_rng(3)
    cases, expected = [], []
    for number in range(300):
        logits = rng.normal(0, 2, len(CLASSES)).round(2) if number % 10 else np.zeros(len(CLASSES))
        thresholds = Thresholds(
            confidence=float(rng.random()),
            conformal=float(rng.random()),
            signals={"waste": float(rng.normal()), "detail": 0.0} if number % 3 == 0 else {},
        )
        signals = {"waste": float(rng.normal()), "detail": float(rng.normal(1))}
        temperature = float(rng.uniform(0.3, 3))
        given = {"logits": logits.tolist(), "temperature": temperature, "classes": CLASSES, "signals": signals}
        cases.append(("decide", given | {"thresholds": thresholds.model_dump()}))
        expected.append(decide(softmax(logits[None], temperature)[0], CLASSES, thresholds, signals))
    assert {each.reason for each in expected} == {"confident", "low_confidence", "no_waste"}
    for ours, theirs in zip(expected, in_node(cases), strict=True):
        assert theirs["confidence"] == pytest.approx(ours.confidence, abs=1e-12)
        assert (theirs["label"], theirs["best"], theirs["reason"]) == (ours.label, ours.best, ours.reason)
        assert theirs["candidates"] == list(ours.candidates)


@pytest.mark.parametrize(
    ("first_view", "reason", "confidence", "enough"),
    [
        (None, "confident", 0.99, False),
        (0.9, "confident", 0.9, True),
        (0.9, "low_confidence", 0.89, False),
        (0.9, "no_waste", 0.99, False),
        (0.5, "low_confidence", 0.6, True),
    ],
)
def test_a_sure_first_view_is_enough_where_the_bundle_says_so(
    first_view: float | None, reason: str, confidence: float, enough: bool
) -> None:
    said = {"reason": reason, "confidence": confidence}
    assert in_node([("enough", {"thresholds": {"first_view": first_view}, "said": said})]) == [enough]


def test_a_bundle_from_before_first_views_looks_at_all() -> None:
    assert in_node([("enough", {"thresholds": {}, "said": {"reason": "confident", "confidence": 1}})]) == [False]


def test_what_the_phone_has_learnt_answers_in_place_of_the_bundles_head() -> None:
    rng = np.random.default_rng(5)
    weights, bias = rng.normal(size=(3, 8)), rng.normal(size=3)
    features = rng.normal(size=(2, 8))
    head = {"classes": ["kaca", "kertas", "popok"], "weights": weights.ravel().tolist(), "bias": bias.tolist()}
    head |= {"temperature": 1.5, "thresholds": {"confidence": 0.2, "conformal": 0.9}}
    info = {
        "classes": ["kaca", "kertas"],
        "temperature": 1,
        "signals": ["waste"],
        "thresholds": {"signals": {"waste": 0}},
    }
    views = [{"features": row.tolist(), "logits": [9, -9], "signals": [1.0]} for row in features]
    logits, said = in_node(
        [
            ("head", {"head": head, "features": features[0].tolist()}),
            ("judge", {"phone": {"info": info, "head": head}, "views": views}),
        ]
    )
    assert logits == pytest.approx(weights @ features[0] + bias)
    expected = softmax((features @ weights.T + bias).mean(axis=0, keepdims=True), 1.5)[0]
    assert list(said["probabilities"].values()) == pytest.approx(expected.tolist())
    assert said["best"] == head["classes"][int(expected.argmax())]
