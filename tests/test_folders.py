"""Photos as they lie in people's folders."""

import os
import sys
from pathlib import Path

import pytest

from ecosorter.folders import find_photos
from ecosorter.photos import open_photo
from tests.tiny import photo


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b.JPG", "a/2.png", "a/10.heic", "a/notes.txt", "a.jpg", ".hidden.jpg", ".git/x.jpg", "z[1].webp"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    return tmp_path


def names(tree: Path, *paths: str) -> list[str]:
    found = find_photos([tree / path if path else tree for path in paths])
    return [path.relative_to(tree).as_posix() for path in found]


EVERYTHING = ["a/10.heic", "a/2.png", "a.jpg", "b.JPG", "z[1].webp"]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([""], EVERYTHING),
        (["a"], ["a/10.heic", "a/2.png"]),
        (["empty"], []),
        (["b.JPG", "a"], ["b.JPG", "a/10.heic", "a/2.png"]),
        (["a/notes.txt"], ["a/notes.txt"]),
        (["a/*"], ["a/10.heic", "a/2.png", "a/notes.txt"]),
        (["?.jpg"], ["a.jpg"]),
        (["**/*.png"], ["a/2.png"]),
        (["[ab]"], ["a/10.heic", "a/2.png"]),
        (["z[1].webp"], ["z[1].webp"]),
        (["*.nef"], ["*.nef"]),
        (["gone.jpg"], ["gone.jpg"]),
        ([".hidden.jpg", ".git"], [".hidden.jpg", ".git/x.jpg"]),
        (["b.JPG", "b.JPG"], ["b.JPG", "b.JPG"]),
    ],
)
def test_folders_patterns_and_files_are_found(tree: Path, paths: list[str], expected: list[str]) -> None:
    assert names(tree, *paths) == expected


def test_folders_are_read_in_the_order_of_paths(tree: Path) -> None:
    found = list(find_photos([tree]))
    assert found == sorted(found)
    assert found == list(find_photos([str(tree)]))


def test_an_empty_path_is_never_the_current_folder(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    assert len(list(find_photos([""]))) == 1
    assert [path.name for path in find_photos(["."])] == [Path(name).name for name in EVERYTHING]


def test_links_to_folders_are_followed_once(tree: Path) -> None:
    (tree / "a" / "up").symlink_to(tree)
    (tree / "c").symlink_to(tree / "a")
    assert names(tree, "") == EVERYTHING
    assert names(tree, "c") == ["c/10.heic", "c/2.png", "c/up/a.jpg", "c/up/b.JPG", "c/up/z[1].webp"]


def test_what_looks_like_a_photo_but_is_none_is_not_passed_over(tree: Path) -> None:
    (tree / "a" / "folder.jpg").mkdir()
    (tree / "a" / "folder.jpg" / "in.png").write_bytes(b"x")
    (tree / "a" / "gone.jpg").symlink_to("nowhere")
    (tree / "a" / "loop.jpg").symlink_to("loop.jpg")
    found = names(tree, "a")
    assert found == ["a/10.heic", "a/2.png", "a/folder.jpg", "a/folder.jpg/in.png", "a/gone.jpg", "a/loop.jpg"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")
    Path(path).write_bytes(photo())
    assert [os.fspath(found) for found in find_photos([tmp_path])] == [path]
    assert open_photo(path).size == (24, 16)
