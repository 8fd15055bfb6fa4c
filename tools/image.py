"""Do what deploy/Containerfile does, without a container engine: build, then run as a user without rights.

The commands of the build run in a fresh folder; the service starts as the image's user, who may write to a folder of
its own alone, and is asked what the image's health check asks. It needs root, to become that user::

    python tools/image.py [PYTHON]

Left out: what makes the user, and the base image. PYTHON must be one that everybody may run; /usr/bin/python3 where not
given.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
FILE = (ROOT / "deploy/Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
BUILD, RUN = re.split(r"^FROM .*$", FILE, flags=re.MULTILINE)[1:]


def main() -> None:
    """Build, run, and say so; the exit code is 1 where something does not do what it should."""
    if os.name == "nt" or os.geteuid() != 0:
        sys.exit("This needs root, to become the image's user.")
    with TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o711)
        _build(place, sys.argv[1] if len(sys.argv) > 1 else "/usr/bin/python3")
        user = int(_one(r"^USER (\d+)$"))
        home = place / "tmp"
        home.mkdir(mode=0o700)
        os.chown(home, user, user)
        _serve(place, home, user)
    print("The container file's commands build and serve as a user without rights")


def _build(place: Path, python: str) -> None:
    """Copy what is copied, and run what is run, with /app and /source in the fresh folder."""
    source = place / "source"
    source.mkdir()
    for line in re.findall(r"^COPY (?!--from)(.+)$", BUILD, re.MULTILINE):
        *names, target = line.split()
        for name in names:
            into = source / target if (ROOT / name).is_dir() else source / name
            _copy(ROOT / name, into)
    extras = re.findall(r"^ARG (\w+)=(\S+)$", BUILD, re.MULTILINE)
    environment = {**os.environ, **dict(extras), "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_QUIET": "2"}
    for command in re.findall(r"^RUN (.+)$", BUILD, re.MULTILINE):
        here = command.replace("/app", str(place / "app")).replace("python -m venv", f"{python} -m venv")
        subprocess.run(here, shell=True, cwd=source, env=environment, check=True)  # noqa: S602 - ours


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def _serve(place: Path, home: Path, user: int) -> None:
    environment = {"PATH": f"{place / 'app/bin'}:/usr/bin:/bin", "HOME": str(home), "TMPDIR": str(home)}
    options = {"cwd": home, "env": environment, "user": user, "group": user, "extra_groups": []}
    command = [*json.loads(_one(r"^ENTRYPOINT (.+)$")), *json.loads(_one(r"^CMD (.+)$")), "--port", "0"]
    service = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload]
    try:
        (port,) = re.findall(r":(\d+)", service.stdout.readline())
        healthy = [each.replace(":8000", f":{port}") for each in json.loads(_one(r"^HEALTHCHECK .*?CMD (.+)$"))]
        until = time.monotonic() + 60
        while (done := subprocess.run(healthy, capture_output=True, text=True, check=False, **options)).returncode:  # type: ignore[call-overload]
            if time.monotonic() > until:
                sys.exit(f"The health check fails: {done.stderr}")
            time.sleep(1)
    finally:
        service.terminate()
        service.wait(60)


def _one(pattern: str) -> str:
    (found,) = re.findall(pattern, RUN, re.MULTILINE)
    return str(found)


if __name__ == "__main__":
    main()
