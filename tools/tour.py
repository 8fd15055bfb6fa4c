"""Show that the README's tour runs from the built wheel, in an empty environment, and under pipx and uvx.

Builds the wheel, unless one is named, installs it, and runs the commands and the Python of "A tour in 60 seconds"::

    python tools/tour.py [WHEEL]

Nothing is asked of the net but packages: the data set comes from this machine's own server. `ecosorter train` is left
out: it needs torch, with which the tests run it.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import Request, urlopen

from fresh import ROOT, Environment, Served

LEFT_OUT = "ecosorter train"
README = (ROOT / "README.md").read_text(encoding="utf-8")
(TOUR,) = re.findall(r"^## A tour in 60 seconds\n(.*?)^## ", README, re.DOTALL | re.MULTILINE)


def main() -> None:
    """Build, install, run, and say so; the exit code is 1 where a command does not do what it should."""
    with TemporaryDirectory() as name:
        place = Path(name)
        wheel = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else _built(place)
        fresh = Environment(place)
        fresh.install(str(wheel))
        ran = [_tour_of(fresh, base=True)]
        fresh.install(f"{wheel}[teach,serve]")
        ran.append(_tour_of(fresh, base=False))
        for snippet in re.findall(r"^```python\n(.*?)^```", TOUR, re.DOTALL | re.MULTILINE):
            fresh.run(["python", "-c", snippet], says="no-such-file.jpg")
        fresh.run("ecosorter doctor")
        _elsewhere(fresh, wheel)
    print(f"The wheel runs {sum(ran)} commands of the README's tour; left out: {LEFT_OUT}")


def _built(place: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--wheel-dir", place / "wheel", ROOT], check=True)
    return next((place / "wheel").glob("*.whl"))


def _tour_of(fresh: Environment, *, base: bool) -> int:
    """Run the commands that a base installation has, or the others; return how many there were."""
    if base:
        fresh.make_photos("my-photos")
        fresh.make_photos("Pictures/waste")
        photo = (fresh.place / "my-photos/kaca/0.jpg").read_bytes()
        (fresh.place / "bottle.jpg").write_bytes(photo)
        heic = fresh.place / "box.heic"
        heic.write_bytes(photo)  # the content counts, not the name
        model = fresh.place / "src/ecosorter/models"  # as in a clone
        model.mkdir(parents=True)
        installed = fresh.run(["python", "-c", "import ecosorter.models as m; print(*m.__path__)"]).strip()
        (model / "ecosorter").symlink_to(Path(installed) / "ecosorter")
    commands = [
        line
        for block in re.findall(r"^```sh\n(.*?)^```", TOUR, re.DOTALL | re.MULTILINE)
        for line in block.splitlines()
        if line.startswith("ecosorter ") and not line.startswith(LEFT_OUT)
    ]
    simple = ("classify", "explain", "guide")
    chosen = [line for line in commands if (line.split()[1] in simple) == base]
    for line in chosen:
        if line.startswith("ecosorter photos fetch"):
            with Served(fresh.place, (fresh.place / "bottle.jpg").read_bytes()) as options:
                fresh.run(" ".join([line, *options]))
        elif line.startswith("ecosorter serve"):
            _served(fresh, re.sub(r"--port \d+", "--port 0", line))
        else:
            # Photos that are all alike need attention, and say so by 1. What is not sure is well.
            fresh.run(line, exit_codes=(0, 1) if "photos check" in line else (0,))
    return len(chosen)


def _served(fresh: Environment, command: str) -> None:
    """Start the service, ask it about a photo, and end it."""
    database = str(fresh.place / "corrections.sqlite")
    service = subprocess.Popen(
        [*command.split(), "--database", database],
        cwd=fresh.place,
        env=fresh.variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert service.stdout is not None
        (address,) = re.findall(r"http://\S+", service.stdout.readline())
        photo = (fresh.place / "bottle.jpg").read_bytes()
        asked = Request(f"{address.rstrip('/')}/v1/classify", photo, {"Content-Type": "image/jpeg"})  # noqa: S310
        with urlopen(asked, timeout=60) as answer:  # noqa: S310 - ours
            json.load(answer)
    finally:
        service.terminate()
        service.wait(30)


def _elsewhere(fresh: Environment, wheel: Path) -> None:
    """Run the command by pipx and by uvx, which make an environment of their own."""
    fresh.install("pipx", "uv")
    pins = ROOT / "constraints.txt"
    fresh.run(f"pipx run --pip-args='--constraint={pins}' --spec '{wheel}' ecosorter classify bottle.jpg")
    fresh.run(f"uvx --constraints '{pins}' --from '{wheel}' ecosorter classify bottle.jpg")


if __name__ == "__main__":
    main()
