"""A file is whole or not there."""

import errno
import os
import stat
import sys
from pathlib import Path
from threading import Thread

import pytest

from ecosorter.files import (
    address_in,
    check_place,
    is_part,
    part_of,
    reason,
    reserve,
    write_bytes,
    write_text,
    write_whole,
)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "run" / "a.html"
    write_text(path, "before")
    write_text(path, "jeruk \N{TANGERINE}")
    assert names(path.parent) == ["a.html"]
    assert path.read_text(encoding="utf-8") == "jeruk \N{TANGERINE}"


def test_what_was_there_stays_when_writing_fails_and_nothing_is_left(tmp_path: Path) -> None:
    def fail(part: Path) -> None:
        assert part.suffix == ".html"
        part.write_text("half")
        raise LookupError

    path = tmp_path / "a.html"
    write_text(path, "whole")
    with pytest.raises(LookupError):
        write_whole(path, fail)
    assert path.read_text() == "whole"
    assert names(tmp_path) == ["a.html"]


def test_a_disk_that_fills_up_keeps_the_old_file(tmp_path: Path, small_disk: None) -> None:
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")
    with pytest.raises(OSError, match="large") as told:
        write_bytes(path, bytes(10_000_000))
    assert reason(told.value) == os.strerror(errno.EFBIG)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "a.txt").symlink_to("elsewhere/b.txt")
    for text in ("new", "again"):
        write_text(tmp_path / "a.txt", text)
        assert (tmp_path / "a.txt").is_symlink()
        assert (tmp_path / "elsewhere/b.txt").read_text() == text
    assert names(tmp_path / "elsewhere") == ["b.txt"]


def test_what_is_there_can_be_kept(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"1", exclusive=True)
    with pytest.raises(FileExistsError):
        write_bytes(tmp_path / "a", b"2", exclusive=True)
    assert (tmp_path / "a").read_bytes() == b"1"
    assert names(tmp_path) == ["a"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_a_pipe_is_written_and_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = Thread(target=write_text, args=(tmp_path / "pipe", "through"))
    writer.start()
    assert (tmp_path / "pipe").read_text() == "through"
    writer.join()
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.parametrize("at", ["folder", "file/a", "gone/a"])
def test_a_bad_place_is_known_before_the_work(tmp_path: Path, at: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(OSError) as told:  # noqa: PT011 - which one depends on the place
        check_place(tmp_path / at)
    assert reason(told.value)
    assert names(tmp_path) == ["file", "folder"]
    assert names(tmp_path / "folder") == []
    check_place(tmp_path / "folder/a")
    assert names(tmp_path / "folder") == []


def test_a_folder_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        write_text(tmp_path / "folder", "")
    assert names(tmp_path) == ["folder"]


@pytest.mark.parametrize("name", ["a", "a.csv", "a.tar.gz", "é" * 120 + ".jpg", f"{'ab' * 32}.jpg"])
def test_what_a_killed_writer_leaves_is_known_by_its_name(tmp_path: Path, name: str) -> None:
    part = part_of(tmp_path / name)
    part.touch()
    assert is_part(part.name)
    assert is_part(part.name, of=tmp_path / name)
    assert part_of(tmp_path / name) != part
    assert part.name.endswith(Path(name).suffix)
    for other in (name, f".{name}", "part-000000.parquet", ".bashrc"):
        assert not is_part(other)
    assert not is_part(part.name, of=tmp_path / "other.jpg")


def test_room_is_taken_before_memory_is_mapped_to_it(tmp_path: Path) -> None:
    sparse = tmp_path / "sparse"
    with sparse.open("wb") as file:
        file.truncate(100_000)
    reserve(sparse)
    assert sparse.stat().st_size == 100_000
    if sys.platform == "linux":
        assert sparse.stat().st_blocks * 512 >= 100_000


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("https://example.org/a b.jpg", "https://example.org/a b.jpg"),
        (Path("https://example.org/a.jpg"), "https://example.org/a.jpg"),
        ("S3:/bucket/folder", "S3://bucket/folder"),
        (Path("file:///home/ani/a.jpg"), "file:///home/ani/a.jpg"),
        ("C:/photos/a.jpg", ""),
        ("C:\\photos\\a.jpg", ""),
        ("photos/https://a", ""),
        ("https:", ""),
        ("https://", ""),
        ("ratio 16:/9.jpg", ""),
        ("", ""),
    ],
)
def test_an_address_is_known_by_its_scheme_also_where_a_slash_is_lost(given: str | Path, address: str) -> None:
    assert address_in(given) == address
