"""Photos that were taught show waste, also to the phone: the model's signs of it are loosened as Python does it."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

THRESHOLDS: dict[str, Any] = {"confidence": 0.7, "conformal": 0.8, "signals": {"waste": 0.5, "detail": -3.0}}
NAMES = ["waste", "detail"]


def on_phone(photos: list[dict[str, Any]]) -> dict[str, Any]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    given = json.dumps([THRESHOLDS, NAMES, photos]).encode()
    done = subprocess.run(
        [node, Path(__file__).with_name("let_pass.mjs")], input=given, capture_output=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_all_but_a_few_of_the_photos_pass() -> None:
    signals = np.random.default_rng(0).normal(size=(30, 2))
    found = on_phone([{"signals": row.tolist()} for row in signals])
    lowest = np.quantile(signals, 0.05, axis=0)
    assert found["signals"]["waste"] == pytest.approx(lowest[0])  # lower than it was
    assert found["signals"]["detail"] == -3.0  # never higher
    assert (found["confidence"], found["conformal"]) == (0.7, 0.8)


def test_photos_of_another_phone_bring_no_signals() -> None:
    assert on_phone([{"label": "kaca"}]) == THRESHOLDS
