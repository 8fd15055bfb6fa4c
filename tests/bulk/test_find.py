"""Whatever people name becomes photos; what is hostile becomes photos that fail."""

import gzip
import io
import os
import stat
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecosorter import Limits, PhotoError
from ecosorter.bulk import Input, find_inputs
from ecosorter.bulk import archives as archives_module
from ecosorter.bulk.find import names_in
from ecosorter.bulk.remote import is_address, open_address
from ecosorter.errors import BulkError
from tests.tiny import photo

LIMITS = Limits(max_bytes=100_000)


def read(inputs: Iterator[Input]) -> list[tuple[str, bytes | str]]:
    def one(found: Input) -> bytes | str:
        try:
            return found.read()
        except PhotoError as error:
            return error.status

    return [(found.name, one(found)) for found in inputs]


def statuses(name: Path | str, limits: Limits = LIMITS) -> dict[str, str]:
    found = read(find_inputs([os.fspath(name)], limits))
    prefix = f"{name}!/"
    return {key.removeprefix(prefix): "ok" if isinstance(what, bytes) else what for key, what in found}


def test_files_folders_patterns_and_lists_in_the_order_in_which_they_are_named(folder: Path) -> None:
    Path("list.txt").write_bytes(b"in/03.png\r\n\n./in/01.png\n")
    found = find_inputs(["in/02.png", "@list.txt", "-", "in/1[01].*", "gone.jpg"], LIMITS, [b"in/04.png\n"])
    names = ["in/02.png", "in/03.png", "./in/01.png", "in/04.png", "in/10.png", "in/11.png", "gone.jpg"]
    assert [photo.name for photo in found] == names
    assert len(list(find_inputs(["in"], LIMITS))) == 40


NAMES = ["in/01.png", "in/gelas hijau.png", "in/caf\u00e9 \u0939.png", "in/\u0a00.png"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "utf-16", "utf-32"])
def test_a_list_in_any_encoding_that_programs_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, closed: bool, end: str
) -> None:
    monkeypatch.chdir(tmp_path)
    data = (end.join(["", *NAMES[:2], "", *NAMES[2:]]) + end * closed).lstrip("\r\n").encode(encoding)
    Path("list.txt").write_bytes(data)
    for inputs in (find_inputs(["@list.txt"], LIMITS), find_inputs(["-"], LIMITS, io.BytesIO(data))):
        assert [found.name for found in inputs] == NAMES


def test_lists_put_together_have_marks_between_them() -> None:
    mark = b"\xef\xbb\xbf"
    assert list(names_in([mark + b"a.jpg\n", mark + b"b.jpg\n", b"\n", b"c.jpg"])) == ["a.jpg", "b.jpg", "c.jpg"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_list_without_a_mark_holds_any_bytes() -> None:
    assert [os.fsencode(name) for name in names_in([b"caf\xe9.png\n", b"\xff\xff\r\n"])] == [
        b"caf\xe9.png",
        b"\xff\xff",
    ]


@given(st.binary(max_size=300))
def test_whatever_a_list_holds_gives_names_that_are_not_blank(data: bytes) -> None:
    assert all(names_in(io.BytesIO(data)))


@given(
    st.lists(st.text(st.characters(codec="utf-16", exclude_characters="\r\n\0\ufeff"), min_size=1), max_size=9),
    st.sampled_from(["utf-16-le", "utf-16-be", "utf-32-le", "utf-8"]),
)
def test_names_come_back_from_every_encoding(names: list[str], encoding: str) -> None:
    data = "\ufeff".encode(encoding) + "\n".join(names).encode(encoding)
    assert list(names_in(io.BytesIO(data))) == names


def test_a_list_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BulkError, match="gone"):
        list(find_inputs([f"@{tmp_path}/gone"], LIMITS))


def test_a_file_knows_its_place_and_is_read_late(folder: Path) -> None:
    (found,) = find_inputs(["in/01.png"], LIMITS)
    assert found.path == folder / "in/01.png"
    assert found.held == 0
    Path("in/01.png").unlink()
    assert read(iter([found])) == [("in/01.png", "missing")]


# Archives


def tar(path: Path, members: dict[str, bytes], mode: Any = "w") -> Path:
    with tarfile.open(path, mode) as packed:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            packed.addfile(info, io.BytesIO(data))
    return path


def zipped(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as packed:
        for name, data in members.items():
            packed.writestr(name, data)
    return path


def packed_as(ending: str, path: Path, members: dict[str, bytes]) -> Path:
    file = path.with_name(path.name + ending)
    if ending == ".zip":
        return zipped(file, members)
    return tar(file, members, "w" if ending == ".tar" else "w:gz")


ENDINGS = pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.gz", ".tgz"])


@ENDINGS
def test_an_archive_stands_for_its_photos(tmp_path: Path, ending: str) -> None:
    data = os.urandom(3000)
    members = {
        "b/2.JPG": data,
        "a/1.png": b"short",
        "../../etc/x.jpg": b"named badly",
        "notes.txt": b"no photo",
        "__MACOSX/a/._1.png": b"hidden",
        ".cache/1.png": b"hidden",
        "a/3.png": bytes(os.urandom(100_001)),
    }
    file = packed_as(ending, tmp_path / "Photos", members)
    found = read(find_inputs([os.fspath(file)], LIMITS))
    assert found == [
        (f"{file}!/b/2.JPG", data),
        (f"{file}!/a/1.png", b"short"),
        (f"{file}!/../../etc/x.jpg", b"named badly"),
        (f"{file}!/a/3.png", "too_many_bytes"),
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == [file.name]


@ENDINGS
def test_an_archive_without_photos_shows_up(tmp_path: Path, ending: str) -> None:
    file = packed_as(ending, tmp_path / "a", {"notes.txt": b"none"})
    assert statuses(file) == {str(file): "empty"}


@ENDINGS
@pytest.mark.parametrize("damage", ["cut", "start", "middle", "noise", "nothing"])
def test_a_damaged_archive_shows_up_and_ends(tmp_path: Path, ending: str, damage: str) -> None:
    file = packed_as(ending, tmp_path / "a", {f"{n}.jpg": os.urandom(3000) for n in range(20)})
    whole = file.read_bytes()
    file.write_bytes(
        {
            "cut": whole[: len(whole) // 2],
            "start": b"\xff" * 600 + whole[600:],
            "middle": whole[:31_000] + b"\xff" * 6_000 + whole[37_000:],
            "noise": os.urandom(5000),
            "nothing": b"",
        }[damage]
    )
    found = statuses(file)
    assert {"truncated", "corrupt", "empty"} & set(found.values())
    assert len(found) <= 21


def test_links_and_devices_in_archives_are_left_out(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as packed:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE):
            info = tarfile.TarInfo(f"{ord(kind)}.jpg")
            info.type, info.linkname = kind, "/etc/passwd"
            packed.addfile(info)
    assert statuses(tmp_path / "a.tar") == {f"{tmp_path}/a.tar": "empty"}
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zip_file:
        info_ = zipfile.ZipInfo("link.jpg")
        info_.external_attr = (stat.S_IFLNK | 0o777) << 16
        zip_file.writestr(info_, "/etc/passwd")
    assert statuses(tmp_path / "a.zip") == {f"{tmp_path}/a.zip": "empty"}


def test_bombs_are_not_unpacked(tmp_path: Path) -> None:
    limits = Limits(max_bytes=50_000_000)
    file = zipped(tmp_path / "bomb.zip", {"white.bmp": bytes(30_000_000), "ok.jpg": os.urandom(100)})
    assert statuses(file, limits) == {"white.bmp": "too_many_bytes", "ok.jpg": "ok"}
    file = tar(tmp_path / "bomb.tgz", {"ok.jpg": os.urandom(100), "white.bmp": bytes(30_000_000)}, "w:gz")
    assert statuses(file, limits) == {"ok.jpg": "ok", str(file): "too_many_bytes"}


def test_a_header_that_is_a_bomb_is_not_read(tmp_path: Path) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 2_000_000_000
    with gzip.open(tmp_path / "a.tgz", "wb") as file:
        file.write(header.tobuf() + bytes(10_000))
    assert statuses(tmp_path / "a.tgz") == {f"{tmp_path}/a.tgz": "too_many_bytes"}


@pytest.mark.parametrize("ending", [".zip", ".tar"])
def test_the_number_of_members_is_capped(tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives_module, "MAX_MEMBERS", 3)
    file = packed_as(ending, tmp_path / "a", {f"{n}.jpg": b"x" for n in range(5)})
    assert statuses(file)[str(file)] == "too_many_bytes"


def test_a_password_is_a_status(tmp_path: Path) -> None:
    file = zipped(tmp_path / "a.zip", {"1.jpg": b"secret"})
    data = bytearray(file.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1  # flag: encrypted
    file.write_bytes(data)
    assert statuses(file) == {"1.jpg": "unreadable"}


def test_photos_of_a_compressed_tar_come_with_their_bytes(tmp_path: Path) -> None:
    file = packed_as(".tar.gz", tmp_path / "a", {"1.jpg": b"12345"})
    (found,) = find_inputs([os.fspath(file)], LIMITS)
    assert found.held == 5
    assert read(iter([found, found, found.without_bytes()])) == [
        (f"{file}!/1.jpg", b"12345"),
        (f"{file}!/1.jpg", b"12345"),
        (f"{file}!/1.jpg", "missing"),
    ]


# Addresses


@pytest.fixture
def bucket() -> str:
    fsspec = pytest.importorskip("fsspec")
    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pipe("/waste/b/2.jpg", b"two")
    files.pipe("/waste/a/1.png", b"one")
    files.pipe("/waste/a/notes.txt", b"no photo")
    files.pipe("/waste/.hidden/3.png", b"hidden")
    files.pipe("/waste/large.png", bytes(100_001))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("inner.jpg", photo())
    files.pipe("/waste.zip", buffer.getvalue())
    return "memory://waste"


def test_an_address_of_a_folder(bucket: str) -> None:
    assert read(find_inputs([bucket], LIMITS)) == [
        ("memory:///waste/a/1.png", b"one"),
        ("memory:///waste/b/2.jpg", b"two"),
        ("memory:///waste/large.png", "too_many_bytes"),
    ]


def test_addresses_of_photos_patterns_and_archives(bucket: str) -> None:
    assert read(find_inputs([f"{bucket}/a/1.png", f"{bucket}/*/*.jpg", f"{bucket}/gone.jpg"], LIMITS)) == [
        ("memory://waste/a/1.png", b"one"),
        ("memory:///waste/b/2.jpg", b"two"),
        ("memory://waste/gone.jpg", "missing"),
    ]
    assert read(find_inputs([f"{bucket}.zip", f"{bucket}/*.gif"], LIMITS)) == [
        ("memory://waste.zip!/inner.jpg", photo()),
        (f"{bucket}/*.gif", "missing"),
    ]


@pytest.mark.parametrize(
    ("address", "words"), [("s3://b/x.jpg", r"ecosorter\[s3\]"), ("adl://b/x", "adlfs"), ("what://x", "what")]
)
def test_a_missing_driver_is_named(address: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fsspec")
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.setitem(sys.modules, "adlfs", None)
    with pytest.raises(BulkError, match=words):
        open_address(address)
    assert [what for _, what in read(find_inputs([address], LIMITS))] == ["unreadable"]


def test_fsspec_itself_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(BulkError, match=r"ecosorter\[bulk\]"):
        open_address("s3://b/x")


@pytest.mark.parametrize(("name", "is_one"), [("s3://b", True), ("a/b", False), ("://x", False), ("C:\\x", False)])
def test_addresses_are_told_from_paths(name: str, is_one: bool) -> None:
    assert is_address(name) == is_one
