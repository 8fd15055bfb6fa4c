import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import ecosorter
from ecosorter.cli.app import app
from ecosorter.errors import EcoSorterError
from tests.tiny import photo

HEAVY = ("torch", "lightning", "transformers", "sklearn", "scipy", "wandb", "onnx", "matplotlib", "fastapi")

LIGHT = ["--help", "--version", "", "classify --help", "train --help", "photos --help"]

PROBE = f"""
import sys
from ecosorter.cli.app import main
for arguments in {LIGHT!r}:
    sys.argv = ["ecosorter", *arguments.split()]
    try:
        main()
    except SystemExit:
        pass
    print("loaded:", *[name for name in {HEAVY!r} if name in sys.modules])
"""


def test_help_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    *said, rest = re.split(r"^loaded:(.*)\n", done.stdout, flags=re.MULTILINE)
    assert said[1::2] == [""] * len(LIGHT)
    assert ["Usage" in text for text in said[::2]] == [words != "--version" for words in LIGHT]
    assert rest == ""


def test_the_version_is_the_packages() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ecosorter.cli", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ecosorter.__version__


def test_every_module_of_the_command_line_is_reachable() -> None:
    done = CliRunner().invoke(app, ["--help"])
    for name in ("classify", "train", "evaluate", "photos", "models", "cache"):
        assert name in done.output


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell that closes streams")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_change_nothing_but_what_is_heard(closed: str, model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(photo())
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "ECOSORTER_LANG": "en"}
    heard = {}
    for arguments, code in (("a.png gone.png --json", 1), ("- --json", 2), ("a.png --out gone/out.csv", 2)):
        script = f'"$0" -m ecosorter.cli classify {arguments} --model {model} {closed}'
        done = subprocess.run(
            ["sh", "-c", script, sys.executable],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        heard[arguments] = (done.stdout, done.stderr)
    stdout = heard["a.png gone.png --json"][0]
    assert stdout == "" if ">&-" in closed.split() else len(json.loads(stdout)) == 2
    assert (heard["- --json"][1] == "") == ("2>&-" in closed)


def test_whoever_reads_may_stop(model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(photo())
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "ecosorter.cli", "classify", "a.png", "--json", "--model", str(model)],
        cwd=tmp_path,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize(
    "command",
    [
        "teach ADDRESS --out taught",
        "photos check ADDRESS",
        "evaluate MODEL ADDRESS",
        "evaluate ADDRESS .",
        "explain ADDRESS",
        "models show ADDRESS",
    ],
)
def test_an_address_where_a_path_is_wanted_is_told_as_it_was_given(
    command: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = command.replace("ADDRESS", "https://example.org/waste").replace("MODEL", str(model)).split()
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, EcoSorterError)
    assert "https://example.org/waste is an address; download " in str(done.exception)
