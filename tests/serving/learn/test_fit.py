"""What a fit on the phone is made of: the kernel in WebAssembly, and the way downhill."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tools.assemble_kernel import SCRIPT, assembled

SIZES = [(1, 1, 1), (3, 2, 7), (4, 4, 2), (9, 5, 3), (11, 1287, 8)]  # rows, features, classes


def in_node(script: str, given: object = None) -> Any:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    command = [node, Path(__file__).with_name(script)]
    return json.loads(subprocess.run(command, input=json.dumps(given).encode(), capture_output=True, check=True).stdout)


def test_the_kernel_is_what_its_source_makes() -> None:
    """Where this fails after a change that was meant: `python tools/assemble_kernel.py`."""
    assert assembled() == SCRIPT.read_text(encoding="utf-8")


def test_the_kernel_multiplies_as_numpy_does() -> None:
    random = np.random.default_rng(0)
    given = [
        {
            "values": random.normal(size=(n, d)).astype(np.float32),
            "head": random.normal(size=(classes, d)),
            "errors": random.normal(size=(n, classes)),
        }
        for n, d, classes in SIZES
    ]
    said = in_node("kernel.mjs", [{name: array.tolist() for name, array in case.items()} for case in given])
    for case, found in zip(given, said, strict=True):
        values, head, errors = case["values"].astype(np.float64), case["head"], case["errors"]
        assert np.allclose(found["scores"], values @ head.T, rtol=0, atol=1e-12)
        assert np.allclose(found["sums"], errors.T @ values, rtol=0, atol=1e-5)
        assert found["product"] == pytest.approx(values[0] @ head[0], abs=1e-12)
        assert np.allclose(found["added"], values[0] - head[0] / 2, rtol=0, atol=1e-15)


def test_the_lowest_place_is_found_and_sooner_where_the_slopes_are_known() -> None:
    found = in_node("lbfgs.mjs")
    assert np.allclose(found["rosenbrock"]["values"], 1, atol=1e-8)
    assert found["passing"][0] == found["passing"][1]  # the first of them was forgotten
    assert found["passing"][0]["steps"] < found["alone"]["steps"] / 2
    for way in (found["first"], found["alone"], *found["passing"]):
        assert np.allclose(way["values"], 1, atol=1e-8)
