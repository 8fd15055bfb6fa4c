"""A fresh environment to try the package in, and a local server in place of the net."""

import hashlib
import io
import os
import subprocess
import sys
import tomllib
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PHOTOS = """
import random, sys
from pathlib import Path
from PIL import Image
random.seed(1)
for label, colour in {"kaca": (190, 220, 210), "baterai": (220, 150, 40)}.items():
    place = Path(sys.argv[1], label)
    place.mkdir(parents=True)
    for number in range(4):
        noise = Image.frombytes("RGB", (12, 9), random.randbytes(324)).resize((320, 240), Image.Resampling.BICUBIC)
        Image.blend(noise, Image.new("RGB", noise.size, colour), 0.5).save(place / f"{number}.jpg")
"""


class Environment:
    """A virtual environment of its own, in which commands run as a person's would.

    Args:
        place: an empty folder: home of the person, and where commands run.
        python: makes it; this one where not given.
    """

    def __init__(self, place: Path, python: str = sys.executable) -> None:
        self.place, self.bin = place, place / "environment" / ("Scripts" if os.name == "nt" else "bin")
        subprocess.run([python, "-m", "venv", place / "environment"], check=True)
        self.variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("ECOSORTER_", "XDG_"))},
            "PATH": os.pathsep.join([str(self.bin), os.environ.get("PATH", "")]),
            "HOME": str(place),
            "ECOSORTER_LANG": "en",
            "ECOSORTER_CACHE": str(place / "cache"),
        }

    def install(self, *what: str) -> None:
        """Install packages at the versions of constraints.txt."""
        pip = [self.bin / "python", "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-compile"]
        subprocess.run([*pip, "--constraint", ROOT / "constraints.txt", *what], check=True)

    def make_photos(self, folder: str) -> None:
        """Draw photos of two classes, one of which the model does not know."""
        subprocess.run([self.bin / "python", "-c", PHOTOS, self.place / folder], check=True)

    def run(self, command: list[Any] | str, *, exit_codes: tuple[int, ...] = (0,), says: str = "") -> str:
        """Run a command, a text in a shell; end with what it said where it does not do what it should."""
        done = subprocess.run(
            command,
            cwd=self.place,
            env=self.variables,
            shell=isinstance(command, str),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in exit_codes or says not in done.stdout + done.stderr:
            shown = command if isinstance(command, str) else " ".join(map(str, command))
            sys.exit(f"{shown}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout


class Served:
    """An archive like TrashNet's on this machine's own web server: as many photos in the same folders, all alike.

    Args:
        place: a folder for it.
        photo: bytes of each photo.
    """

    def __init__(self, place: Path, photo: bytes = b"photo") -> None:
        counts = tomllib.loads((ROOT / "src/ecosorter/datasets/downloads.toml").read_text(encoding="utf-8"))
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for label, number in counts["trashnet"]["photos"].items():
                for each in range(number):
                    archive.writestr(f"{label}/{each}.jpg", photo)
        (place / "served").mkdir()
        (place / "served" / "trashnet.zip").write_bytes(buffer.getvalue())
        self._sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(place / "served")))

    def __enter__(self) -> list[str]:
        """Start it; return the options of `photos fetch` that lead there."""
        Thread(target=self._server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{self._server.server_address[1]}/trashnet.zip"
        return ["--url", url, "--sha256", self._sha256]

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self._server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""
