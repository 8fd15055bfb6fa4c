import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ecosorter.datasets.dataset import load_dataset
from ecosorter.datasets.fetch import Request, fetch
from ecosorter.datasets.published import PublishedArchive, published
from ecosorter.errors import DatasetError, DownloadError
from tests.training.web import Server, serving

COUNTS = {"glass": 501, "paper": 594, "cardboard": 403, "plastic": 482, "metal": 410, "trash": 137}


def names(counts: dict[str, int]) -> list[str]:
    return [f"{label}/{label}{n}.jpg" for label, count in counts.items() for n in range(count)]


def zip_of(files: list[str], root: str = "dataset-resized/") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name in files:
            packed.writestr(root + name, b"photo")
            packed.writestr("__MACOSX/" + root + name, b"what macOS adds")
    return buffer.getvalue()


def tar_of(files: list[str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for name in files:
            entry = tarfile.TarInfo(f"a/b/{name}")
            entry.size = 5
            packed.addfile(entry, io.BytesIO(b"photo"))
    return buffer.getvalue()


GOOD = zip_of(names(COUNTS))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(GOOD) as running:
        yield running


def get(server: Server, folder: Path, sha256: str | None = None) -> Path:
    asked = Request(url=server.url, sha256=sha256 or hashlib.sha256(server.content).hexdigest(), pause=0.001)
    assert fetch("trashnet", folder, asked).crops == COUNTS
    return folder / "trashnet"


def test_what_is_published() -> None:
    trashnet = published()["trashnet"]
    assert isinstance(trashnet, PublishedArchive)
    assert trashnet.photos == COUNTS
    assert sum(trashnet.photos.values()) == 2527
    assert trashnet.url.startswith("https://")
    assert len(bytes.fromhex(trashnet.sha256 or "")) == 32


@pytest.mark.parametrize("content", [GOOD, zip_of(names(COUNTS), root=""), tar_of(names(COUNTS))])
def test_a_data_set_ready_to_be_read(server: Server, tmp_path: Path, content: bytes) -> None:
    server.content = content
    target = get(server, tmp_path / "photos")
    assert target == tmp_path / "photos" / "trashnet"
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["trashnet"]
    dataset = load_dataset([target])
    assert dataset.sources == ("trashnet",)
    assert len(dataset.rows) == 2527
    assert dataset.classes == ("kaca", "kardus", "kertas", "khusus", "logam", "plastik")


def test_what_is_there_is_not_downloaded_again(server: Server, tmp_path: Path) -> None:
    get(server, tmp_path)
    assert get(server, tmp_path) == tmp_path / "trashnet"
    assert len(server.asked) == 1


def test_what_else_is_there_is_left_alone(server: Server, tmp_path: Path) -> None:
    mine = tmp_path / "trashnet" / "glass" / "mine.jpg"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(DownloadError, match="move it away first"):
        get(server, tmp_path)
    assert mine.read_bytes() == b"mine"
    assert server.asked == []


def test_a_download_that_breaks_off_goes_on(server: Server, tmp_path: Path) -> None:
    server.break_after = [len(GOOD) // 3, len(GOOD) // 3]
    assert len(load_dataset([get(server, tmp_path)]).rows) == 2527
    assert len(server.asked) == 3


def test_what_a_killed_run_left_is_cleared_away(server: Server, tmp_path: Path) -> None:
    (tmp_path / ".trashnet.unpacked" / "glass").mkdir(parents=True)
    (tmp_path / ".trashnet.unpacked" / "glass" / "half.jpg").write_bytes(b"ha")
    get(server, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["trashnet"]


def test_the_pinned_checksum_holds_for_mirrors_too(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="instead of c060e8ab"):
        fetch("trashnet", tmp_path, Request(url=server.url))
    assert list(tmp_path.iterdir()) == []


FEWER, MORE = COUNTS | {"paper": 593}, COUNTS | {"paper": 595}
WRONG: dict[str, tuple[Callable[[], bytes], str]] = {
    "a photo too few": (lambda: zip_of(names(FEWER)), "594 paper.*and has .*593 paper"),
    "a photo too many": (lambda: zip_of(names(MORE)), "and has .*595 paper"),
    "another class": (lambda: zip_of([*names(COUNTS), "wood/a.jpg"]), "and has .*1 wood"),
    "no class folders": (lambda: zip_of(["a.jpg"]), "no such class folders"),
    "an evil path": (lambda: zip_of([*names(COUNTS), "../../evil.jpg"]), "leads out of the folder"),
    "no archive": (lambda: b"<html>please log in</html>" * 100, "no ZIP or TAR archive"),
    "half an archive": (lambda: GOOD[: len(GOOD) // 2], "no ZIP or TAR archive"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_archives_leave_nothing_behind(server: Server, tmp_path: Path, kind: str) -> None:
    make, why = WRONG[kind]
    server.content = make()
    with pytest.raises(DownloadError, match=why):
        get(server, tmp_path / "photos")
    assert list((tmp_path / "photos").iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="there is trashnet"):
        fetch("trashent", tmp_path)


def test_what_must_not_be_used_commercially_is_fetched_on_request_only(server: Server, tmp_path: Path) -> None:
    realwaste = published()["realwaste"]
    assert isinstance(realwaste, PublishedArchive)
    server.content = zip_of(names(realwaste.photos), root="realwaste-main/RealWaste/")
    with pytest.raises(DatasetError, match=r"CC-BY-NC-SA-4\.0: not for commercial use"):
        fetch("realwaste", tmp_path, Request(url=server.url))
    assert server.asked == []
    found = fetch("realwaste", tmp_path, Request(url=server.url, non_commercial=True))
    assert found.crops.total() == 4752
    assert load_dataset([tmp_path / "realwaste"]).classes == (
        *("kaca", "kardus", "kertas", "khusus", "logam", "organik", "plastik"),
    )


def test_a_folder_that_cannot_be_made(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match="cannot be written"):
        get(server, tmp_path / "file" / "photos")
