import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from ecosorter.datasets.download import download
from ecosorter.errors import DownloadError
from tests.training.web import Server, serving

CONTENT = np.random.default_rng(1).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(CONTENT) as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "file.zip"


def get(
    server: Server, target: Path, *, sha256: str | None = SHA256, max_bytes: int = 1_000_000, **more: object
) -> None:
    download(server.url, target, max_bytes=max_bytes, sha256=sha256, pause=0.001, **more)  # type: ignore[arg-type]


def beside(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def test_a_whole_file(server: Server, target: Path) -> None:
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert beside(target) == ["file.zip"]


def test_a_redirect_is_followed(server: Server, target: Path) -> None:
    moved = server.url.replace("file.zip", "moved")
    download(moved, target, max_bytes=1_000_000, sha256=SHA256)
    assert target.read_bytes() == CONTENT


def test_it_goes_on_where_the_connection_broke(server: Server, target: Path) -> None:
    server.break_after = [100_000, 150_000]
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-", "bytes=250000-"]


def test_it_goes_on_in_another_run(server: Server, target: Path) -> None:
    server.break_after = [70_000] + [0] * 5
    with pytest.raises(DownloadError, match="goes on after the 70,000 bytes"):
        get(server, target)
    assert not target.exists()
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=70000-"
    assert beside(target) == ["file.zip"]


def test_a_file_that_broke_off_after_its_last_byte(server: Server, target: Path) -> None:
    get(server, target)
    target.rename(target.with_name("file.zip.part"))
    target.with_name("file.zip.etag").write_text(server.version)
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert server.asked[-1] == f"bytes={len(CONTENT)}-"


@pytest.mark.parametrize("how", ["no ranges", "no mark", "weak mark", "wrong part"])
def test_servers_that_cannot_go_on_send_everything_again(server: Server, target: Path, how: str) -> None:
    server.break_after = [100_000]
    server.ranges = how != "no ranges"
    server.etag = {"no mark": "", "weak mark": 'W/"1"'}.get(how)
    server.wrong_part = how == "wrong part"
    get(server, target)
    assert target.read_bytes() == CONTENT


def test_another_version_starts_anew(server: Server, target: Path) -> None:
    server.break_after = [100_000] + [0] * 5
    with pytest.raises(DownloadError):
        get(server, target)
    server.content = CONTENT[::-1]
    get(server, target, sha256=hashlib.sha256(server.content).hexdigest())
    assert target.read_bytes() == CONTENT[::-1]


def test_a_shorter_version_starts_anew(server: Server, target: Path) -> None:
    server.etag = '"always the same"'
    server.break_after = [200_000] + [0] * 5
    with pytest.raises(DownloadError):
        get(server, target)
    server.content = CONTENT[:1000]
    get(server, target, sha256=hashlib.sha256(server.content).hexdigest())
    assert target.read_bytes() == CONTENT[:1000]


def test_a_busy_server_is_asked_again(server: Server, target: Path) -> None:
    server.failures = [503, 429, 500]
    get(server, target)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("code", [404, 403, 401, 410])
def test_what_is_not_there_is_not_asked_for_again(server: Server, target: Path, code: int) -> None:
    server.failures = [code] * 9
    with pytest.raises(DownloadError, match=f"the server answers {code}"):
        get(server, target)
    assert len(server.asked) == 1


def test_a_server_that_stays_busy(server: Server, target: Path) -> None:
    server.failures = [503] * 99
    with pytest.raises(DownloadError, match=r"cannot be downloaded now .*503"):
        get(server, target)
    assert len(server.asked) < 10


def test_a_wrong_checksum_keeps_nothing(server: Server, target: Path) -> None:
    server.content = CONTENT[:-1] + b"?"
    with pytest.raises(DownloadError, match=f"instead of {SHA256}"):
        get(server, target)
    assert beside(target) == []


def test_a_web_page_is_refused_at_once(server: Server, target: Path) -> None:
    server.kind = "text/html; charset=utf-8"
    with pytest.raises(DownloadError, match="web page instead of a file"):
        get(server, target, sha256=None)
    assert len(server.asked) == 1
    assert not target.exists()


@pytest.mark.parametrize("tell_length", [True, False])
def test_too_long_a_file_is_cut_off(server: Server, target: Path, tell_length: bool) -> None:
    server.tell_length = tell_length
    with pytest.raises(DownloadError, match="longer than 100,000 bytes"):
        get(server, target, sha256=None, max_bytes=100_000)
    assert not target.exists()
    assert sum(path.stat().st_size for path in target.parent.iterdir()) < 200_000


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/file", "no address", "http://", "http://127.0.0.1:1/nobody-listens", "http://[::bad/"]
)
def test_addresses_where_nothing_is(url: str, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(DownloadError):
        download(url, target, max_bytes=10, pause=0.001)


def test_a_folder_that_cannot_be_written(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="cannot be written"):
        get(server, tmp_path / "missing" / "file.zip")


def test_progress_tells_bytes_from_where_it_goes_on(server: Server, target: Path) -> None:
    class Told:
        def __init__(self) -> None:
            self.stages: list[tuple[int, list[int]]] = []

        @contextmanager
        def stage(self, _name: str, total: int) -> Iterator[object]:
            self.stages.append((total, []))
            yield self.stages[-1][1].append

        def note(self, text: str) -> None:
            raise AssertionError(text)

    server.break_after = [100_000]
    told = Told()
    get(server, target, progress=told)
    (first, broken), (second, rest) = told.stages
    assert first == second == len(CONTENT)
    assert sum(broken) == rest[0] == 100_000
    assert sum(rest) == len(CONTENT)
