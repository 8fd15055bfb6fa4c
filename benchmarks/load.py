"""Clients that post photos to a service: as many as it answers, or as many a second as somebody says."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

_PATIENCE = 120  # seconds until a client gives up
_AT_A_TIME = 400  # requests that are under way, at most


@dataclass(frozen=True, slots=True)
class Post:
    """A request's body and its Content-Type."""

    kind: str
    body: bytes


@dataclass(slots=True)
class Load:
    """What came of it.

    Attributes:
        seconds: from the first request to the last answer.
        answers: (status, seconds until the answer) of each; status 0 where there was none.
    """

    seconds: float = 0
    answers: list[tuple[int, float]] = field(default_factory=list)

    def statuses(self) -> Counter[int]:
        """Return how many answers there were of each status."""
        return Counter(status for status, _ in self.answers)

    def rate(self) -> float:
        """Return the requests a second that were answered with 200."""
        return self.statuses()[200] / self.seconds

    def slowest(self, status: int, share: float) -> float:
        """Return the seconds within which this share (0..1) of the answers of one status came; 0 without any."""
        times = sorted(seconds for found, seconds in self.answers if found == status)
        return times[min(len(times) - 1, int(share * len(times)))] if times else 0.0


def as_form(photo: bytes, field_name: str) -> Post:
    """Return a form with one photo."""
    boundary = "a-boundary-that-no-photo-has"
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field_name}"; filename="photo.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    return Post(f"multipart/form-data; boundary={boundary}", head.encode() + photo + f"\r\n--{boundary}--\r\n".encode())


def hammer(url: str, posts: Sequence[Post], *, clients: int, seconds: float) -> Load:
    """Let some clients post one after the other, each as soon as it has its answer, for so long."""
    load, start = Load(), time.perf_counter()

    def run(first: int) -> None:
        connection = _connection(url)
        turn = first
        while time.perf_counter() - start < seconds:
            load.answers.append(_post(connection, url, posts[turn % len(posts)]))
            turn += clients

    threads = [threading.Thread(target=run, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    load.seconds = time.perf_counter() - start
    return load


def arrive(url: str, posts: Sequence[Post], *, rate: float, seconds: float) -> Load:
    """Post so many requests a second, whether earlier ones are answered or not, each on a connection of its own."""
    load, start = Load(), time.perf_counter()
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        for number in range(int(rate * seconds)):
            time.sleep(max(0.0, start + number / rate - time.perf_counter()))
            done = pool.submit(lambda post: _post(_connection(url), url, post), posts[number % len(posts)])
            done.add_done_callback(lambda future: load.answers.append(future.result()))
    load.seconds = time.perf_counter() - start
    return load


def memory(process: int) -> int:
    """Return the bytes that a process has in RAM now (Linux)."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


def _connection(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_PATIENCE)


def _post(connection: http.client.HTTPConnection, url: str, post: Post) -> tuple[int, float]:
    start = time.perf_counter()
    try:
        connection.request("POST", urlsplit(url).path, post.body, {"Content-Type": post.kind})
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return 0, time.perf_counter() - start
    return answer.status, time.perf_counter() - start
