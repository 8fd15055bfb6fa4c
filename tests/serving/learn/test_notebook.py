"""A notebook is the same file on the phone and in Python, and both refuse the same."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecosorter.teaching.notebook import Notebook, NotedClass, NotedModel, NotedPhoto, packed, parse_notebook


def on_phone(texts: list[str]) -> list[dict[str, Any]]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    script = Path(__file__).with_name("notebook.mjs")
    done = subprocess.run([node, script], input=json.dumps(texts).encode(), capture_output=True, check=True)
    said: list[dict[str, Any]] = json.loads(done.stdout)
    return said


def book(photos: int = 3) -> Notebook:
    random = np.random.default_rng(0)
    return Notebook(
        model=NotedModel(name="tiny", version="1", sha256="0" * 64),
        width=5,
        looks=4,
        classes={"popok": NotedClass(name="Popok", bin="residu")},
        photos=tuple(
            NotedPhoto(label="popok", when="2026-11-27T10:00:00Z", features=packed(random.normal(size=(4, 5))))
            for _ in range(photos)
        ),
    )


def test_the_phone_reads_and_writes_what_python_does() -> None:
    ours = book()
    (said,) = on_phone([ours.model_dump_json()])
    assert parse_notebook(json.loads(said["text"]), "phone") == ours


def test_both_refuse_the_same() -> None:
    good = book().model_dump(mode="json")
    photo = good["photos"][0]
    cases = {
        "not_ours": ["", "{", "[]", "null", '"a"', json.dumps({**good, "format": "other"})],
        "other_version": [json.dumps({**good, "version": 2})],
        "damaged": [
            json.dumps({**good, **wrong})
            for wrong in (
                {"width": 6},
                {"width": "5"},
                {"looks": 0},
                {"model": None},
                {"model": {**good["model"], "sha256": "../../etc"}},
                {"classes": []},
                {"classes": {"popok": {"name": 3}}},
                {"photos": {}},
                {"photos": [None]},
                {"photos": [{**photo, "label": ""}]},
                {"photos": [{**photo, "features": "%"}]},
                {"photos": [{**photo, "features": photo["features"][:-4]}]},
                {"photos": [{**photo, "features": packed(np.full((4, 5), np.inf))}]},
                {"photos": [{**photo, "when": 5}]},
            )
        ],
    }
    for code, texts in cases.items():
        assert [said.get("code") for said in on_phone(texts)] == [code] * len(texts)
