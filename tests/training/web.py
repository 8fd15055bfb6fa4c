"""A real HTTP server on this machine that can also misbehave."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class Server(ThreadingHTTPServer):
    """Serves `content` at every address.

    Attributes:
        content: the file.
        break_after: bytes to send before the connection breaks, one entry for each of the next answers.
        ranges: whether parts can be asked for.
        etag: the mark of the version; by default one that changes with the content. ``""`` sends none.
        failures: statuses to answer with before anything else works.
        wrong_part: answer a request for a part with another part.
        kind: the Content-Type.
        tell_length: send a Content-Length; without it the end of the connection is the end of the file.
        asked: the Range header of each request so far, None where there was none.
    """

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = content
        self.break_after: list[int] = []
        self.ranges = True
        self.etag: str | None = None
        self.failures: list[int] = []
        self.wrong_part = False
        self.kind = "application/zip"
        self.tell_length = True
        self.asked: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/file.zip"

    @property
    def version(self) -> str:
        return f'"{hashlib.md5(self.content).hexdigest()}"' if self.etag is None else self.etag  # noqa: S324


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append(wanted)
        if server.failures:
            self._status(server.failures.pop(0))
        elif self.path == "/moved":
            self._status(302, {"Location": "/file.zip"})
        else:
            self._file(server, wanted)

    def _file(self, server: Server, wanted: str | None) -> None:
        start = 0
        if wanted and server.ranges and self.headers.get("If-Range") == server.version:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(server.content):
                self._status(416, {"Content-Range": f"bytes */{len(server.content)}"})
                return
            start += server.wrong_part
        body = server.content[start:]
        self.send_response(206 if wanted and server.ranges and start else 200)
        self.send_header("Content-Type", server.kind)
        if server.tell_length:
            self.send_header("Content-Length", str(len(body)))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}")
        if server.version:
            self.send_header("ETag", server.version)
        self.send_header("Connection", "close")
        self.end_headers()
        cut = server.break_after.pop(0) if server.break_after else len(body)
        self.wfile.write(body[:cut])
        self.close_connection = True

    def _status(self, code: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(code)
        for name, value in {"Content-Length": "0", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(content: bytes) -> Iterator[Server]:
    """Serve while the block lasts."""
    with Server(content) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
