"""Download one file over HTTP, whole or not at all, going on where an earlier try broke off."""

import hashlib
import time
from pathlib import Path

import httpx

from ecosorter.errors import DownloadBrokenOff, DownloadError
from ecosorter.progress import Progress, Silent

_TRIES = 5  # in a row without a new byte
_PAUSE = 0.5  # seconds after the first failure, doubled with each
_TIMEOUT = httpx.Timeout(30.0)  # seconds without any byte, not for the whole file
_AT_ONCE = 1 << 16


def download(
    url: str,
    target: Path,
    *,
    max_bytes: int,
    sha256: str | None = None,
    progress: Progress | None = None,
    pause: float = _PAUSE,
) -> None:
    """Download a file to `target`, which appears only when it is whole and right.

    What has arrived is kept beside it (``.part``) with the server's mark of that version (``.etag``). A later try, in
    this call or another, asks for the rest of that version only (RFC 9110, Range and If-Range); a server that
    has another version, or cannot give a part, sends everything again.

    Args:
        url: http or https; redirects are followed.
        target: the file to make; its folder must exist.
        max_bytes: a longer file is refused.
        sha256: what the file must have, in hexadecimal; None checks nothing but the length that the server tells.
        progress: is told of a stage "download" in bytes.
        pause: seconds to wait after the first failure; doubled each time without a new byte.

    Raises:
        DownloadBrokenOff: it breaks off again and again, or nobody answers; another time may be better.
        DownloadError: it cannot be had, is too long, is a web page, or has another hash.
    """
    part = _Part(target)
    progress = progress or Silent()
    fruitless, most = 0, part.size
    with httpx.Client(follow_redirects=True, timeout=_TIMEOUT, headers={"Accept-Encoding": "identity"}) as client:
        while True:
            try:
                _get(client, url, part, max_bytes, progress)
                break
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise DownloadError(f"{url} is no web address ({error}).") from error
            except (httpx.TransportError, _TryAgain) as error:
                fruitless = fruitless + 1 if part.size <= most else 0
                most = max(most, part.size)
                if fruitless >= _TRIES:
                    raise DownloadBrokenOff(
                        f"{url} cannot be downloaded now ({error}). The same command goes on after the "
                        f"{part.size:,} bytes that are here."
                    ) from error
                time.sleep(pause * 2 ** max(0, fruitless - 1))
            except httpx.HTTPError as error:
                raise DownloadError(f"{url} cannot be downloaded ({error}).") from error
            except OSError as error:
                raise DownloadError(f"{part.path} cannot be written ({error.strerror}); is the disk full?") from error
    _check_hash(part, url, sha256)
    part.path.replace(target)
    part.etag_path.unlink(missing_ok=True)


class _TryAgain(Exception):
    """The server may do better another time."""


class _Part:
    """What has arrived of a file, and of which version of it."""

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(target.name + ".part")
        self.etag_path = target.with_name(target.name + ".etag")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def etag(self) -> str:
        return self.etag_path.read_text(encoding="utf-8") if self.etag_path.exists() else ""

    def begin(self, etag: str) -> None:
        """Forget what is here and expect a version from its start. A weak mark (W/) does not tell bytes apart."""
        self.forget()
        self.etag_path.write_text("" if etag.startswith("W/") else etag, encoding="utf-8")

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)
        self.etag_path.unlink(missing_ok=True)


def _get(client: httpx.Client, url: str, part: _Part, max_bytes: int, progress: Progress) -> None:
    """Ask once; append what comes. Returns when the file is whole by all that the server says."""
    if not part.etag:  # nobody knows which version the bytes are of
        part.forget()
    start = part.size
    headers = {"Range": f"bytes={start}-", "If-Range": part.etag} if start else {}
    with client.stream("GET", url, headers=headers) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            if response.headers.get("Content-Range") == f"bytes */{start}":
                return  # it broke off after the last byte
            part.forget()
            raise _TryAgain("the server has a shorter file now")
        _check_answer(response, url)
        whole = response.status_code == httpx.codes.OK
        if not whole and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            part.forget()
            raise _TryAgain("the server sent another part of the file than asked for")
        length = int(response.headers.get("Content-Length") or 0)
        if whole:
            part.begin(response.headers.get("ETag", ""))
            start = 0
        too_long = DownloadError(f"{url} is longer than {max_bytes:,} bytes: not the file that was meant.")
        if start + length > max_bytes:
            raise too_long
        with progress.stage("download", start + length) as advance, part.path.open("ab") as file:
            advance(start)
            for block in response.iter_raw():
                if file.tell() + len(block) > max_bytes:
                    raise too_long
                file.write(block)
                advance(len(block))


def _check_answer(response: httpx.Response, url: str) -> None:
    code = response.status_code
    if code in (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS) or code >= 500:
        raise _TryAgain(f"the server answers {code} {response.reason_phrase}")
    if code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
        raise DownloadError(f"{url} is not to be had: the server answers {code} {response.reason_phrase}.")
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise DownloadError(
            f"{url} gives a web page instead of a file, as log-in pages of public networks do; open it in a browser to "
            "see what it says."
        )


def _check_hash(part: _Part, url: str, sha256: str | None) -> None:
    if sha256 is None:
        return
    digest = hashlib.sha256()
    with part.path.open("rb") as file:
        for block in iter(lambda: file.read(_AT_ONCE), b""):
            digest.update(block)
    if digest.hexdigest() != sha256.lower():
        part.forget()
        raise DownloadError(
            f"{url} has the SHA-256 {digest.hexdigest()} instead of {sha256}: it was damaged on the way, or is "
            "another file. If you know that it was replaced on purpose, give the new sum with --sha256."
        )
