"""What `make run` does until there is an app: train on photos that are found, then classify some of them.

It only starts the installed `ecosorter` command, and prints each command, so that a person can go on from there.
"""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.timing import PROGRAM, evenly
from ecosorter.photos import find_photos

PLACES = (Path("photos"), Path("../shared/photos"))
BACKBONE = Path("../shared/backbones/mobilenet_v2_1.0_224")
RUN = Path("runs/first")
A_DOZEN = 12

HELP = """\
{looked}. `make run` trains on photos in class folders, such as photos/trashnet/glass/1.jpg. Either
- set ECOSORTER_PHOTOS to a folder of class folders (ECOSORTER_PHOTOS=~/waste make run), or
- put class folders, or a folder of them for each source, into ./photos, or
- fetch TrashNet, 2,527 photos: .venv/bin/ecosorter photos fetch trashnet photos"""


def photo_folder(environ: Mapping[str, str]) -> Path | None:
    """Return the folder to train on: the first place with a photo in it, and `trashnet` in there where it has that.

    Args:
        environ: where ECOSORTER_PHOTOS is set, no other place is looked at.
    """
    chosen = environ.get("ECOSORTER_PHOTOS")
    for place in [Path(chosen).expanduser()] if chosen else PLACES:
        for folder in (place / "trashnet", place):
            if folder.is_dir() and next(find_photos([folder]), None):
                return folder
    return None


def backbone_name(environ: Mapping[str, str]) -> str:
    """Return the backbone: ECOSORTER_BACKBONE, else the shared folder where it is, else one from the hub."""
    return environ.get("ECOSORTER_BACKBONE") or (str(BACKBONE) if BACKBONE.is_dir() else "mobilenet-v2")


def run(*arguments: str) -> int:
    """Print an `ecosorter` command and run it; return its exit code."""
    print(f"\n$ ecosorter {shlex.join(arguments)}", flush=True)
    return subprocess.run([PROGRAM, *arguments], check=False).returncode


def main() -> int:
    """Train, classify a dozen test photos, tell where the report is; return the exit code."""
    photos, backbone = photo_folder(os.environ), backbone_name(os.environ)
    if photos is None:
        chosen = os.environ.get("ECOSORTER_PHOTOS")
        looked = f"ECOSORTER_PHOTOS is {chosen}" if chosen else f"Looked in {' and '.join(map(str, PLACES))}"
        print(HELP.format(looked=f"No photos found. {looked}"), file=sys.stderr)
        return 1
    print(f"Photos: {photos}. Backbone: {backbone}; ECOSORTER_BACKBONE names another.")
    code = run("train", str(photos), "--recipe", "resnet18-smote", "--backbone", backbone, "--out", str(RUN))
    if code:
        return code
    result = json.loads((RUN / "result.json").read_text(encoding="utf-8"))
    seen_never = [answer["path"] for answer in result["answers"]]
    print("\nA dozen of the test photos, which the model was not trained on:")
    code = run("classify", *evenly(seen_never, A_DOZEN), "--model", str(RUN / "bundle"))
    print(f"\nThe report, to open in a browser: {(RUN / 'report.html').resolve().as_uri()}")
    return code


if __name__ == "__main__":
    sys.exit(main())
