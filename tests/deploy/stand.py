"""Replicas as real processes and a real nginx with the repository's own configuration."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.documents import ROOT

CONFIGURATION = ROOT / "deploy/nginx.conf"
PATIENCE = 60  # seconds


def nginx_at() -> str | None:
    """Return the path of nginx, None without one. Debian has it where only root looks."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@dataclass
class Replica:
    """One `ecosorter serve`. It comes back on the port that it had."""

    options: tuple[str, ...]
    log: Path
    port: int = 0
    process: "subprocess.Popen[str]" = field(init=False)

    def start(self) -> None:
        with self.log.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ecosorter.cli", "serve", "--port", str(self.port), *self.options],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def wait(self) -> None:
        """Wait until it takes connections."""
        assert self.process.stdout
        found = re.search(r":(\d+)/", self.process.stdout.readline())
        assert found, self.log.read_text()
        self.port = int(found[1])

    def requests(self) -> list[dict[str, Any]]:
        return [line for line in lines(self.log) if line.get("event") == "request"]

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)
        if self.process.stdout:
            self.process.stdout.close()


@dataclass
class Nginx:
    """A running nginx: its port and its log."""

    port: int
    log: Path

    def send(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None, source: str = ""
    ) -> tuple[int, bytes]:
        """Send a request on a connection of its own, from one of the addresses 127.x.y.z; return status and body."""
        source_address = (source, 0) if source else None
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE, source_address=source_address)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@contextmanager
def nginx(folder: Path, replicas: list[Replica]) -> Iterator[Nginx]:
    """Run nginx before two replicas; only addresses and folders of the configuration are others."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = folder / "access"
    text = CONFIGURATION.read_text(encoding="utf-8")
    others = {"/tmp/": f"{folder}/", "listen 8080": f"listen 127.0.0.1:{port}", "/dev/stdout": str(log)}
    others |= {f"172.30.5.1{number}:8000": f"127.0.0.1:{each.port}" for number, each in enumerate(replicas, start=1)}
    for old, new in others.items():
        assert old in text
        text = text.replace(old, new)
    configuration = folder / "nginx.conf"
    configuration.write_text(text, encoding="utf-8")
    command = [str(nginx_at()), "-c", str(configuration), "-e", str(folder / "errors"), "-g"]
    # As root its workers would be another user, who may not look into pytest's folders.
    command.append("daemon off;" + (" user root;" if os.getuid() == 0 else ""))
    process = subprocess.Popen(command)
    try:
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.02)
        assert process.poll() is None, (folder / "errors").read_text()
        yield Nginx(port, log)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def lines(log: Path) -> list[dict[str, Any]]:
    """Return the lines of a log that are whole."""
    whole, _, _ = log.read_text().rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]


def until(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
