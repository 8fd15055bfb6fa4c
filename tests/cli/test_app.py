import subprocess
import sys

import pytest

import ecosorter

HEAVY = ("torch", "lightning", "transformers", "sklearn", "scipy", "wandb", "onnx", "matplotlib", "fastapi")

PROBE = f"""
import sys
sys.argv = ["ecosorter", *sys.argv[1:]]
from ecosorter.cli.app import main
try:
    main()
except SystemExit as stop:
    code = stop.code
print("loaded:", [name for name in {HEAVY!r} if name in sys.modules])
"""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], [], ["classify", "--help"], ["train", "--help"], ["photos", "--help"]]
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("loaded: []\n")
    assert ("Usage" in done.stdout) != (arguments == ["--version"])


def test_the_version_is_the_packages() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ecosorter.cli", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ecosorter.__version__


def test_every_module_of_the_command_line_is_reachable() -> None:
    done = subprocess.run([sys.executable, "-m", "ecosorter.cli", "--help"], capture_output=True, text=True, check=True)
    for name in ("classify", "train", "evaluate", "photos", "models", "cache"):
        assert name in done.stdout
