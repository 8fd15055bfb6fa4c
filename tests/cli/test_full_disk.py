"""A disk that is full ends a command in a sentence and with exit code 2; nothing half-written is left on it."""

import csv
import json
import os
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from tests.tiny import CLASSES, COLOURS, photo

ECOSORTER = [sys.executable, "-c", "from ecosorter.cli.app import main; main()"]
MOUNT = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs") / "in"
    folder.mkdir()
    for number in range(64):
        (folder / f"{number:02}.png").write_bytes(photo(COLOURS[CLASSES[number % 4]]))
    return folder


@pytest.fixture(scope="module")
def small_disks() -> None:
    """Skip where nobody may have a disk of their own."""
    if not shutil.which("unshare") or subprocess.run([*MOUNT, "mount -t tmpfs none /mnt"], check=False).returncode:
        pytest.skip("this system lends no small disks")


def environment(model: Path) -> dict[str, str]:
    settings = {"ECOSORTER_MODEL": str(model), "ECOSORTER_LANG": "en", "COLUMNS": "200"}
    return {**os.environ, **settings, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


COMMANDS = [
    "classify in --csv full/out.csv",
    "classify in --out full/out.csv",
    "classify in --out full/out.jsonl",
    "classify in --out full/out.parquet",
    "classify in --report full/page.html",
    "sort in --into full/sorted",
    "sort in --into full/sorted --how move",
    "sort in --into sorted --out full/out.csv",
    "explain in/01.png --out full/a.png",
]
FREE = [0, 4096]

# Imports what the commands need once, then runs each in a fork, on a disk of its own.
FORKED = """
import os, shutil, sys
from contextlib import suppress
from pathlib import Path
from ecosorter.cli.app import main
import onnxruntime
with suppress(ImportError):
    import pyarrow.parquet
for place in sorted(Path.cwd().iterdir()):
    if not (child := os.fork()):
        os.chdir(place)
        os.dup2(os.open("stdout", os.O_WRONLY | os.O_CREAT), 1)
        os.dup2(os.open("stderr", os.O_WRONLY | os.O_CREAT), 2)
        sys.argv = ["ecosorter", *Path("command").read_text().split()]
        sys.exit(main())
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    (place / "code").write_text(str(code))
    shutil.copytree(place / "full", place / "kept")
"""


@pytest.fixture(scope="module")
def places(small_disks: None, inputs: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each command on each disk, in which it has run."""
    folder = tmp_path_factory.mktemp("places")
    for command, free in product(COMMANDS, FREE):
        place = folder / f"{COMMANDS.index(command)}-{free}"
        (place / "full").mkdir(parents=True)
        shutil.copytree(inputs, place / "in")
        (place / "command").write_text(command)
        (place / "blocks").write_text(str(16 - free // 4096))
    script = (
        "for place in *; do mount -t tmpfs -o size=65536 none $place/full; "
        "dd if=/dev/zero of=$place/full/fill bs=4096 count=$(cat $place/blocks) 2> /dev/null; done; "
        'exec "$0" -c "$1"'
    )
    subprocess.run([*MOUNT, script, sys.executable, FORKED], cwd=folder, env=environment(model), check=True)
    return folder


@pytest.mark.parametrize("free", FREE)
@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_half_written_is_left(places: Path, inputs: Path, command: str, free: int) -> None:
    place = places / f"{COMMANDS.index(command)}-{free}"
    code, said = int((place / "code").read_text()), (place / "stderr").read_text()
    parquet = pytest.importorskip("pyarrow.parquet") if "parquet" in command else None
    kept = {path.relative_to(place / "kept").as_posix(): path for path in (place / "kept").rglob("*")}
    del kept["fill"]
    assert "Traceback" not in said
    assert not [name for name in kept if Path(name).name.startswith(".")]
    if code == 0:
        assert free  # enough for this one
        return
    assert code == 2
    assert "No space left on device" in said or "disk is full" in said
    if "--out full/out.csv" in command and "out.csv" in kept:
        with kept["out.csv"].open(newline="") as file:
            assert {row["status"] for row in csv.DictReader(file)} <= {"ok"}
        assert kept["out.csv"].read_bytes().endswith(b"\n")
    elif "out.jsonl" in kept:
        assert all(json.loads(line)["status"] == "ok" for line in kept["out.jsonl"].read_text().splitlines())
    elif "--into full" in command:
        placed = [path for name, path in kept.items() if path.is_file() and not name.endswith((".undo", "-journal"))]
        assert all(path.read_bytes() == (inputs / path.name).read_bytes() for path in placed)
        left = {path.name for path in (place / "in").iterdir()}
        assert left | {path.name for path in placed} == {path.name for path in inputs.iterdir()}
    elif "parquet" in command:
        assert all(parquet.read_table(path).num_rows for path in kept.values() if path.is_file())
    else:
        assert not kept


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "command", ["classify in", "classify in --json", "classify in --csv -", "models list", "guide kaca"]
)
def test_standard_output_to_a_full_disk(inputs: Path, model: Path, command: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*ECOSORTER, *command.split()],
            cwd=inputs.parent,
            env=environment(model),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("ecosorter: ")
    assert "No space left" in done.stderr
    assert len(done.stderr.splitlines()) == 1
