import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ecosorter.datasets.unpack import unpack
from ecosorter.errors import DownloadError

FILES = {"set/glass/a.jpg": b"first", "set/metal/b.jpg": b"second" * 1000, "set/notes.txt": b""}


def make_zip(path: Path, files: dict[str, bytes], change: Callable[[zipfile.ZipInfo], None] | None = None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            if change:
                change(entry)
            packed.writestr(entry, content)
    return path


def make_tar(path: Path, files: dict[str, bytes], mode: str = "w", **change: object) -> Path:
    with tarfile.open(path, mode) as packed:  # type: ignore[call-overload]
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            for key, value in change.items():
                setattr(entry, key, value)
            packed.addfile(entry, io.BytesIO(content))
    return path


def unpacked(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


ARCHIVES: dict[str, Callable[[Path, dict[str, bytes]], Path]] = {
    "zip": make_zip,
    "tar": make_tar,
    "tar.gz": lambda path, files: make_tar(path, files, "w:gz"),
    "tar.bz2": lambda path, files: make_tar(path, files, "w:bz2"),
    "tar.xz": lambda path, files: make_tar(path, files, "w:xz"),
    "pax tar": lambda path, files: make_tar(path, files, "w:gz", pax_headers={"comment": "ü" * 300}),
}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_good_archives(tmp_path: Path, kind: str) -> None:
    extra = {"__MACOSX/set/glass/._a.jpg": b"x", "set/.DS_Store": b"x", "./set/glass/c.jpg": b"third"}
    archive = ARCHIVES[kind](tmp_path / "archive", FILES | extra)
    unpack(archive, tmp_path / "out", max_bytes=10_000)
    assert unpacked(tmp_path / "out") == FILES | {"set/glass/c.jpg": b"third"}


EVIL = ["../evil.jpg", "set/../../evil.jpg", "/tmp/evil.jpg", "..\\evil.jpg", "C:\\evil.jpg", "C:evil.jpg", "\\evil"]


@pytest.mark.parametrize("name", EVIL)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_paths_that_lead_elsewhere(tmp_path: Path, kind: str, name: str) -> None:
    archive = ARCHIVES[kind](tmp_path / "archive", FILES | {name: b"evil"})
    with pytest.raises(DownloadError, match=r"unsafe .*(leads out|absolute path)"):
        unpack(archive, tmp_path / "deep" / "out", max_bytes=10_000)
    assert not [path for path in tmp_path.rglob("*") if "evil" in path.name]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar(tmp_path: Path, kind: bytes) -> None:
    archive = make_tar(tmp_path / "archive", {"set/link": b""}, type=kind, linkname="/etc/passwd")
    with pytest.raises(DownloadError, match="is a link or a device"):
        unpack(archive, tmp_path / "out", max_bytes=10_000)
    assert unpacked(tmp_path / "out") == {}


def test_a_link_in_a_zip(tmp_path: Path) -> None:
    def link(entry: zipfile.ZipInfo) -> None:
        entry.create_system = 3
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16

    archive = make_zip(tmp_path / "archive", {"set/link": b"/etc/passwd"}, link)
    with pytest.raises(DownloadError, match="is a link or a device"):
        unpack(archive, tmp_path / "out", max_bytes=10_000)


@pytest.mark.parametrize("kind", ARCHIVES)
def test_bombs(tmp_path: Path, kind: str) -> None:
    bomb = ARCHIVES[kind](tmp_path / "archive", {f"set/{n}.jpg": bytes(3_000_000) for n in range(3)})
    with pytest.raises(DownloadError, match="larger unpacked than allowed"):
        unpack(bomb, tmp_path / "out", max_bytes=7_000_000)
    assert sum(map(len, unpacked(tmp_path / "out").values())) <= 7_000_000


def test_too_many_files(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "archive", {f"{n}": b"" for n in range(11)})
    unpack(archive, tmp_path / "out", max_bytes=0, max_files=11)
    with pytest.raises(DownloadError, match="one entry more than allowed"):
        unpack(archive, tmp_path / "again", max_bytes=0, max_files=10)


def test_a_zip_that_lies_about_a_size(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "archive", {"a": bytes(5_000_000)})
    lie, truth = (100).to_bytes(4, "little"), (5_000_000).to_bytes(4, "little")
    archive.write_bytes(archive.read_bytes().replace(truth, lie))
    with pytest.raises(DownloadError, match="damaged"):
        unpack(archive, tmp_path / "out", max_bytes=10_000)
    assert sum(path.stat().st_size for path in (tmp_path / "out").rglob("*")) <= 10_000


def test_a_tar_whose_header_is_the_bomb(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "archive", "wb") as packed:
        header = tarfile.TarInfo("x")
        header.type, header.size = tarfile.XHDTYPE, 300_000_000
        packed.write(header.tobuf(tarfile.USTAR_FORMAT))
        for _ in range(30):
            packed.write(bytes(10_000_000))
    assert (tmp_path / "archive").stat().st_size < 1_000_000
    with pytest.raises(DownloadError, match="larger unpacked than allowed"):
        unpack(tmp_path / "archive", tmp_path / "out", max_bytes=10_000)


def test_the_same_name_twice(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "archive", {"a.jpg": b"one", "b.jpg": b"two"})
    archive.write_bytes(archive.read_bytes().replace(b"b.jpg", b"a.jpg"))
    with pytest.raises(DownloadError, match="cannot be unpacked"):
        unpack(archive, tmp_path / "out", max_bytes=10_000)


def cut(path: Path, share: float) -> bytes:
    data = path.read_bytes()
    return data[: int(len(data) * share)]


def changed(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :]


BROKEN: dict[str, Callable[[Path], bytes]] = {
    "empty": lambda _: b"",
    "web page": lambda _: b"<!doctype html><html><body>Please log in</body></html>" * 20,
    "noise": lambda _: bytes(range(256)) * 40,
    "cut zip": lambda path: cut(make_zip(path, FILES), 0.6),
    "cut tar": lambda path: cut(make_tar(path, {"a": bytes(range(256)) * 99}), 0.6),
    "cut tar.gz": lambda path: cut(make_tar(path, FILES, "w:gz"), 0.6),
    "cut tar.xz": lambda path: cut(make_tar(path, FILES, "w:xz"), 0.6),
    "cut tar.bz2": lambda path: cut(make_tar(path, FILES, "w:bz2"), 0.6),
    "gzip of noise": lambda _: gzip.compress(bytes(range(256)) * 40),
    "changed zip": lambda path: changed(make_zip(path, FILES).read_bytes(), 47),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_whole_archive(tmp_path: Path, kind: str) -> None:
    content = BROKEN[kind](tmp_path / "archive")
    (tmp_path / "archive").write_bytes(content)
    with pytest.raises(DownloadError):
        unpack(tmp_path / "archive", tmp_path / "out", max_bytes=10_000_000)


def test_a_zip_with_a_password(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "archive", {"a.jpg": b"content"})
    data = bytearray(archive.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + offset] |= 1  # the flag for an encrypted entry
    archive.write_bytes(data)
    with pytest.raises(DownloadError, match=r"password|encrypted"):
        unpack(archive, tmp_path / "out", max_bytes=10_000)
