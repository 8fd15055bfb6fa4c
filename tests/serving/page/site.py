"""The real service on a free port, and a wire to it that counts its bytes and can be cut."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection

import uvicorn
from fastapi import FastAPI


@contextmanager
def running(app: FastAPI) -> Iterator[int]:
    """Serve an app on the loopback address; yield its port."""
    taken = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]}, daemon=True)
    thread.start()
    port: int = taken.getsockname()[1]
    try:
        deadline = time.monotonic() + 30
        while not _ready(port):
            if time.monotonic() > deadline or not thread.is_alive():
                raise AssertionError("the service does not start")
            time.sleep(0.05)
        yield port
    finally:
        server.should_exit = True
        thread.join(10)
        taken.close()


def _ready(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


class Wire:
    """A TCP relay in front of a port.

    `sent` counts the bytes that came from the service, headers and all; `answers` how many answers they were.
    """

    def __init__(self, port: int) -> None:
        self.sent = 0
        self.answers = 0
        self._target = port
        self._links: list[socket.socket] = []
        self.port = 0
        self._listener: socket.socket
        self.mend()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def mend(self) -> None:
        """Take connections, on the same port as before."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """Break every connection and take no more."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for link in self._links:
            with suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()
        self._links.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            self._links += [near, far]
            for one, other, counted in ((near, far, False), (far, near, True)):
                threading.Thread(target=self._relay, args=(one, other, counted), daemon=True).start()

    def _relay(self, one: socket.socket, other: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while piece := one.recv(65536):
                if counted:
                    self.sent += len(piece)
                    self.answers += piece.count(b"HTTP/1.1 ")
                other.sendall(piece)
        with suppress(OSError):
            other.shutdown(socket.SHUT_WR)
