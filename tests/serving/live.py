"""A real server for tests: uvicorn on a free loopback port, in a thread of this process."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from fastapi import FastAPI

from ecosorter.serving.connections import Server, protocol
from ecosorter.serving.settings import Caps


@contextmanager
def running(app: FastAPI) -> Iterator[str]:
    """Serve an app while the `with` lasts; gives its address, without a slash at the end."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        # As `ecosorter serve` does, but for the log: uvicorn's own trust in proxies must not hide the app's.
        config = uvicorn.Config(
            app,
            http=protocol(getattr(app.state, "caps", None) or Caps()),  # type: ignore[arg-type]
            lifespan="on",
            log_config=None,
            access_log=False,
            ws="none",
            proxy_headers=False,
            server_header=False,
        )
        server = Server(config)
        thread = threading.Thread(target=server.run, args=([taken],))
        thread.start()
        try:
            address = f"http://127.0.0.1:{taken.getsockname()[1]}"
            httpx.get(f"{address}/healthz")  # the socket takes connections already, so this waits for the start
            yield address
        finally:
            server.should_exit = True
            thread.join()
