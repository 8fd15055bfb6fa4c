"""Folders that a NAS or a system makes for itself are left out wherever photos are looked for, and counted."""

import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from ecosorter import Limits, find_photos
from ecosorter.bulk import find_inputs, watch
from ecosorter.folders import SYSTEM_FOLDERS

FOLDERS = """@eaDir
@EADIR
#recycle
$RECYCLE.BIN
System Volume Information
lost+found
__MACOSX
.AppleDouble""".splitlines()
INSIDE = ["1.jpg", "deep/2.PNG", "._3.jpg", "notes.txt"]


@pytest.fixture(params=FOLDERS)
def tree(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One photo to take, three to leave out, one hidden, one text."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "in/sub" / request.param
    for name in (*(folder / name for name in INSIDE), tmp_path / "in/a.jpg", tmp_path / "in/.hidden/b.jpg"):
        name.parent.mkdir(parents=True, exist_ok=True)
        name.write_bytes(b"x")
    return folder


def found(*named: str) -> tuple[list[str], int]:
    """Return the names of inputs, and how many were left out."""
    left: list[object] = []
    names = [one.name for one in find_inputs(named, Limits(), left_out=left.append)]
    return names, len(left)


def zipped() -> str:
    with zipfile.ZipFile("all.zip", "w") as packed:
        for path in sorted(Path("in").rglob("*")):
            packed.write(path)
    return "all.zip"


def tarred() -> str:
    with tarfile.open("all.tar.gz", "w:gz") as packed:
        packed.add("in")
    return "all.tar.gz"


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_in_archives(tree: Path, pack: Callable[[], str]) -> None:
    name = pack()
    assert found(name) == ([f"{name}!/in/a.jpg"], 3)


@pytest.mark.parametrize("named", ["in", "./in/", "in/**/*", "in/*"])
def test_in_folders_and_patterns(tree: Path, named: str) -> None:
    names, left = found(named)
    assert {Path(name) for name in names} == {Path("in/a.jpg")}
    assert left >= 3  # ** matches a folder and again what is in it


def test_a_system_folder_among_the_names_as_a_shell_puts_it_there_gives_no_row(tree: Path) -> None:
    assert found(str(tree), "in/a.jpg") == (["in/a.jpg"], 3)
    (tree / "empty/@eaDir").mkdir(parents=True)
    assert found(str(tree / "empty/@eaDir"), "in/a.jpg") == (["in/a.jpg"], 0)


def test_a_file_that_is_named_itself_is_taken(tree: Path) -> None:
    assert found(str(tree / "1.jpg")) == ([str(tree / "1.jpg")], 0)
    assert list(find_photos([tree / "deep"])) == [tree / "deep/2.PNG"]


def test_at_addresses(tree: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    files = fsspec.filesystem("memory")
    files.put("in", f"/{tree.parent.parent.parent.name}", recursive=True)
    root = f"memory://{tree.parent.parent.parent.name}"
    for named in (root, f"{root}/**/*.[jP][pN][gG]"):
        names, left = found(named)
        assert [Path(name).name for name in names if ".hidden" not in name] == ["a.jpg"]
        assert left in (2, 3)  # a pattern does not match what is hidden


def test_in_a_drop_folder_they_are_counted_once(tree: Path) -> None:
    stop, left, came = Event(), [], []
    for looks, item in enumerate(watch(Path("in"), Limits(), stop, {}, seconds=0, left_out=left.append)):
        if item:
            came.append(item.name)
        if looks == 10:
            stop.set()
    assert came == ["in/a.jpg"]
    assert len(left) == len(set(left)) == 3


def test_names_are_kept_in_small_letters() -> None:
    assert {name.lower() for name in SYSTEM_FOLDERS} == SYSTEM_FOLDERS


def test_a_list_is_told_from_a_folder_of_a_nas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("list").write_text("a.jpg\n")
    Path("@odd.jpg").touch()
    assert found("@list", "@odd.jpg") == (["a.jpg", "@odd.jpg"], 0)
    Path("@list").mkdir()
    Path("@list/b.jpg").touch()
    assert found("@list") == (["@list/b.jpg"], 0)
