"""The phone's teaching beside Python's: the same heads, steps, things and answers from the same features."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tools.write_golden_learn import GOLDEN, golden

NEAR = 1e-3


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def phone(kept: dict[str, Any]) -> dict[str, Any]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    script = Path(__file__).with_name("learn.mjs")
    done = subprocess.run([node, script], input=json.dumps(kept).encode(), capture_output=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def hold(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Compare what two say of one lesson."""
    for key in ("weights", "bias", "lost"):
        assert np.allclose(ours[key], theirs[key], atol=NEAR), key
    assert ours["temperature"] == pytest.approx(theirs["temperature"], rel=NEAR)
    for key in ("confidence", "conformal"):
        assert ours["thresholds"][key] == pytest.approx(theirs["thresholds"][key], abs=NEAR)
    assert ours["thresholds"]["signals"] == theirs["thresholds"]["signals"]
    for key in ("step", "things", "known", "after"):
        assert ours[key] == theirs[key], key
    assert list(ours["classes"]) == list(theirs["classes"])


def test_python_says_what_is_kept(kept: dict[str, Any]) -> None:
    """Where this fails after a change that was meant: `python tools/write_golden_learn.py`."""
    now = golden()
    assert now["cases"].keys() == kept["cases"].keys()
    for name, case in now["cases"].items():
        hold(case["learnt"], kept["cases"][name]["learnt"])


def test_the_phone_says_what_is_kept(kept: dict[str, Any], phone: dict[str, Any]) -> None:
    assert phone.keys() == kept["cases"].keys()
    for name, found in phone.items():
        hold(found, kept["cases"][name]["learnt"])


def test_the_lessons_show_what_they_are_for(kept: dict[str, Any]) -> None:
    """A golden list of lessons in which nothing happens would hold nothing."""
    lessons = {name: case["learnt"] for name, case in kept["cases"].items()}
    assert len(set(lessons["a burst and others"]["things"])) == 3
    assert "popok" in lessons["a new class"]["classes"]
    assert lessons["what would forget"]["step"] < 1
    assert lessons["a place that looks different"]["step"] == 1
