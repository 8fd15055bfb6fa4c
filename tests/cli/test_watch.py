"""`ecosorter watch`, a process that is told to stop."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ecosorter.cli.watch import watch
from tests.cli.conftest import Invoke, rows_of
from tests.tiny import CLASSES, COLOURS, photo


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize(
    "words",
    [
        ["watch", "inbox", "--out", "out.csv", "--into", "sorted", "--how", "move"],
        ["classify", "--watch", "inbox", "--out", "out.csv", "--sort-into", "sorted", "--sort", "move"],
    ],
    ids=["watch", "as it was"],
)
def test_a_drop_folder_is_served_until_it_is_told_to_stop(model: Path, tmp_path: Path, words: list[str]) -> None:
    code = "from ecosorter.cli.app import main; main()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "ECOSORTER_LANG": "en"}
    (tmp_path / "inbox").mkdir()
    command = [*words, "--model", str(model)]
    for round_, name in enumerate(CLASSES[:2], 1):
        with subprocess.Popen(
            [sys.executable, "-c", code, *command], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            (tmp_path / "inbox/a.png").write_bytes(photo(COLOURS[name]))
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and not (tmp_path / f"sorted/{name}/a.png").exists():
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            printed, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "out.csv" in printed
        assert [row["label"] for row in rows_of(str(tmp_path / "out.csv"))] == list(CLASSES[:round_])
    assert list((tmp_path / "inbox").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"), [(["gone"], "no folder gone"), (["in", "--into", "in/sorted"], "beside")]
)
def test_slips_are_exit_code_2(invoke: Invoke, tmp_path: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "in").mkdir()
    done = invoke(watch, *arguments)
    assert done.exit_code == 2
    assert words in " ".join(done.output.replace("│", " ").split())
    assert list((tmp_path / "in").iterdir()) == []
