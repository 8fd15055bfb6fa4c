"""Show that photos are looked over, and a model is taught and measured, where no torch is installed.

Makes an environment of its own and runs the four commands in it, on photos made on the spot and the model that ships::

    python tools/without_torch.py [PYTHON]

`photos check` and `photos fetch` run with the extra [data] alone, `teach` and `evaluate` with [teach].
"""

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
from tempfile import TemporaryDirectory
from threading import Thread

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "src" / "ecosorter" / "models" / "ecosorter"
NEVER = ("torch", "transformers", "lightning", "imblearn", "wandb")
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


def main() -> None:
    """Install, run, and say so; the exit code is 1 where a command does not do what it should."""
    with TemporaryDirectory() as name:
        place = Path(name)
        bin_ = place / "environment" / ("Scripts" if os.name == "nt" else "bin")
        python = sys.argv[1] if len(sys.argv) > 1 else sys.executable
        subprocess.run([python, "-m", "venv", place / "environment"], check=True)
        run = partial(_run, bin_, place)
        _install(bin_, f"{ROOT}[data]")
        subprocess.run([bin_ / "python", "-c", PHOTOS, place / "own"], check=True)
        run("photos", "check", "own", "--classes", "own", "--html", "page.html", exit_codes=(1,))  # few photos
        with _served(place) as (url, sha256):
            run("photos", "fetch", "trashnet", "fetched", "--url", url, "--sha256", sha256)
        run("evaluate", str(MODEL), "own", exit_codes=(2,), says="ecosorter[teach]")
        _install(bin_, "ecosorter[teach]")
        run("teach", "own", "--out", "taught")
        run("evaluate", "taught", "own", "--classes", "own")
        run("train", "own", exit_codes=(2,), says="ecosorter[train]")
        probe = f"import importlib.util as u; print([n for n in {NEVER!r} if u.find_spec(n)])"
        found = subprocess.run([bin_ / "python", "-c", probe], capture_output=True, text=True, check=True).stdout
        if found.strip() != "[]":
            sys.exit(f"The environment without torch has {found}")
    print("photos check, photos fetch, teach and evaluate need no torch")  # noqa: T201


def _install(bin_: Path, what: str) -> None:
    pip = [bin_ / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    subprocess.run([*pip, "--constraint", ROOT / "constraints.txt", what], check=True)


class _served:  # noqa: N801  # used as a context manager
    """An archive like TrashNet's, with empty photos, on this machine's own web server."""

    def __init__(self, place: Path) -> None:
        counts = tomllib.loads((ROOT / "src/ecosorter/datasets/downloads.toml").read_text(encoding="utf-8"))
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for label, number in counts["trashnet"]["photos"].items():
                for photo in range(number):
                    archive.writestr(f"{label}/{photo}.jpg", b"photo")
        (place / "served").mkdir()
        (place / "served" / "trashnet.zip").write_bytes(buffer.getvalue())
        self._sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
        handler = partial(_Quiet, directory=str(place / "served"))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)

    def __enter__(self) -> tuple[str, str]:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_address[1]}/trashnet.zip", self._sha256

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _run(bin_: Path, place: Path, *command: str, exit_codes: tuple[int, ...] = (0,), says: str = "") -> None:
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(place), "ECOSORTER_CACHE": str(place / "cache")}
    whole = [bin_ / "ecosorter", *command]
    done = subprocess.run(whole, cwd=place, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in exit_codes or says not in done.stderr:
        sys.exit(f"ecosorter {' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
