"""Photos into folders, and back."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ecosorter import Limits
from ecosorter.bulk import Input, Row, Sorter, undo
from ecosorter.bulk import sorting as sorting_module
from ecosorter.bulk.inputs import local_input
from ecosorter.bulk.notes import Notes
from ecosorter.bulk.sorting import FOLDERS, folder_names
from ecosorter.errors import BulkError

HOWS = pytest.mark.parametrize("how", ["copy", "link", "move"])


def row(path: str, label: str | None = "kaca", status: str = "ok", reason: str = "confident") -> Row:
    return {"path": path, "status": status, "label": label, "reason": reason, "sha256": None}


def local(path: str) -> Input:
    return local_input(path, Limits())


@pytest.fixture
def a_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a/1.jpg", "a/2.jpg", "b/1.jpg", "c/1.jpg", "a/bad.jpg", "a/unsure.jpg", "a/cat.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"same" if name in ("b/1.jpg", "c/1.jpg") else name.encode())
    return tmp_path


ROWS = [
    row("a/1.jpg"),
    row("a/2.jpg", "plastik"),
    row("b/1.jpg"),
    row("c/1.jpg"),
    row("a/bad.jpg", None, "html", "a web page"),
    row("a/unsure.jpg", None, reason="low_confidence"),
    row("a/cat.jpg", None, reason="no_waste"),
]


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def sort(how: Any, rows: list[Row] = ROWS) -> Sorter:
    with Sorter(Path("sorted"), how, "run", {one["label"] for one in rows if one["label"]}) as sorter:
        for one in rows:
            sorter.place(one, local(one["path"]))
    return sorter


@HOWS
def test_everything_has_its_folder_and_nothing_is_overwritten(a_tree: Path, how: Any) -> None:
    before = tree(a_tree)
    sorter = sort(how)
    placed = tree(a_tree / "sorted")
    del placed["run.undo"]
    short = "0967115f"  # sha256 of b"same"
    assert placed == {
        "kaca/1.jpg": b"a/1.jpg",
        f"kaca/1-{short}.jpg": b"same",
        f"kaca/1-{short}-2.jpg": b"same",
        "plastik/2.jpg": b"a/2.jpg",
        "failed/bad.jpg": b"a/bad.jpg",
        "not-sure/unsure.jpg": b"a/unsure.jpg",
        "no-waste/cat.jpg": b"a/cat.jpg",
    }
    assert sorter.left == 0
    left = {name: data for name, data in tree(a_tree).items() if not name.startswith("sorted")}
    assert left == ({} if how == "move" else before)

    undone = undo(sorter.undo_file)
    assert (undone.restored, undone.left) == (7, [])
    shutil.rmtree("sorted", ignore_errors=False)
    assert tree(a_tree) == before


@HOWS
def test_sorting_again_changes_nothing(a_tree: Path, how: Any) -> None:
    sort(how)
    before = tree(a_tree)
    del before["sorted/run.undo"]
    sort(how)
    after = tree(a_tree)
    del after["sorted/run.undo"]
    assert after == before


@pytest.mark.parametrize("how", ["copy", "link"])
def test_a_photo_with_another_answer_than_before_changes_its_folder(a_tree: Path, how: Any) -> None:
    sort(how)
    sort(how, [row("a/bad.jpg", "logam")])
    assert not os.path.lexists("sorted/failed/bad.jpg")
    assert Path("sorted/logam/bad.jpg").read_bytes() == b"a/bad.jpg"


def test_undoing_leaves_what_has_changed(a_tree: Path) -> None:
    file = sort("copy").undo_file
    Path("sorted/kaca/1.jpg").write_bytes(b"edited")
    Path("sorted/plastik/2.jpg").unlink()
    undone = undo(file)
    assert (undone.restored, undone.left) == (6, [a_tree / "sorted/kaca/1.jpg"])
    assert file.exists()
    Path("sorted/kaca/1.jpg").write_bytes(b"a/1.jpg")
    assert undo(file).restored == 1
    assert not file.exists()


def test_undoing_a_move_never_overwrites(a_tree: Path) -> None:
    file = sort("move").undo_file
    Path("a/1.jpg").write_bytes(b"new")
    undone = undo(file)
    assert undone.left == [a_tree / "sorted/kaca/1.jpg"]
    assert Path("a/1.jpg").read_bytes() == b"new"
    assert Path("b/1.jpg").read_bytes() == b"same"
    Path("a/1.jpg").unlink()
    assert undo(file).left == []
    assert Path("a/1.jpg").read_bytes() == b"a/1.jpg"


def test_undo_recreates_folders_that_are_gone(a_tree: Path) -> None:
    file = sort("move").undo_file
    shutil.rmtree("a")
    undo(file)
    assert Path("a/1.jpg").read_bytes() == b"a/1.jpg"


def test_the_same_name_may_come_again_in_a_drop_folder(a_tree: Path) -> None:
    sort("move")
    Path("a/1.jpg").write_bytes(b"another")
    file = sort("move", [row("a/1.jpg")]).undo_file
    assert sorted(path.read_bytes() for path in Path("sorted/kaca").iterdir())[:2] == [b"a/1.jpg", b"another"]
    assert len(undo(file).left) == 1  # only one of the two has room
    assert Path("a/1.jpg").read_bytes() == b"another"


def test_a_photo_that_changes_in_a_drop_folder_is_copied_again(a_tree: Path) -> None:
    sort("copy", [row("a/1.jpg"), row("a/bad.jpg", None, "html")])
    Path("a/1.jpg").write_bytes(b"another")
    Path("a/bad.jpg").write_bytes(b"mended")
    digests = [hashlib.sha256(data).hexdigest() for data in (b"another", b"mended")]
    sort("copy", [row("a/1.jpg") | {"sha256": digests[0]}, row("a/bad.jpg") | {"sha256": digests[1]}])
    found = tree(a_tree / "sorted")
    assert sorted(found[name] for name in found if name != "run.undo") == [b"a/1.jpg", b"another", b"mended"]
    assert not Path("sorted/failed/bad.jpg").exists()


def test_what_has_no_file_is_left(a_tree: Path) -> None:
    with Sorter(Path("sorted"), "copy", "run", ["kaca"]) as sorter:
        assert sorter.place(row("x.zip!/1.jpg"), Input("x.zip!/1.jpg", bytes)) is None
        sorter.place(row("gone.jpg"), local("gone.jpg"))
    assert sorter.left == 2
    assert undo(sorter.undo_file).restored == 0


@pytest.mark.parametrize("label", ["..", "a/b", "/etc", "con:x", "kaca hijau"])
def test_a_class_may_have_any_name(a_tree: Path, label: str) -> None:
    sort("copy", [row("a/1.jpg", label)])
    (found,) = Path("sorted").rglob("1.jpg")
    assert found.parent.parent == Path("sorted")


def test_every_class_has_a_folder_of_its_own(a_tree: Path) -> None:
    classes = [
        "a/b",
        "a_b",
        "a.b",
        "Kaca",
        "kaca",
        "failed",
        "not-sure",
        "NO-WASTE",
        "con",
        "..",
        "",
        "x" * 300,
        "organik",
    ]
    folders = folder_names(classes)
    assert len({folder.casefold() for folder in (*folders.values(), *FOLDERS.values())}) == len(classes) + len(FOLDERS)
    assert folders["organik"] == "organik"
    assert folder_names(reversed(classes)) == folders
    sort(
        "copy", [row("a/1.jpg", "failed"), row("a/2.jpg", "a/b"), row("b/1.jpg", "a_b"), row("a/bad.jpg", None, "html")]
    )
    assert Path("sorted/failed/bad.jpg").exists()
    assert sorted(len(list(folder.iterdir())) for folder in Path("sorted").iterdir() if folder.is_dir()) == [1] * 4


def test_links_lead_to_the_photo(a_tree: Path) -> None:
    sort("link")
    assert Path("sorted/kaca/1.jpg").readlink() == a_tree / "a/1.jpg"


class _Killed(BaseException):
    pass


@HOWS
@pytest.mark.parametrize("moment", ["open", "replace", "unlink", "symlink_to", "put"])
@pytest.mark.parametrize("after", [False, True])
def test_a_kill_between_any_two_steps_is_mended_by_the_next_run(
    a_tree: Path, how: Any, moment: str, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The steps that a kill can fall between are those that change the disk."""
    before = tree(a_tree)
    owner: Any = Notes if moment == "put" else Path
    step: Callable[..., Any] = getattr(owner, moment)
    deadly = True

    def killing(self: Any, *arguments: Any, **options: Any) -> Any:
        nonlocal deadly
        if not deadly or (moment == "open" and "xb" not in arguments):
            return step(self, *arguments, **options)
        if after:
            step(self, *arguments, **options)
        raise _Killed

    with monkeypatch.context() as patch:
        patch.setattr(owner, moment, killing)
        try:
            sort(how, ROWS[:1])
        except _Killed:
            deadly = False
    file = sort(how).undo_file
    placed = tree(a_tree / "sorted")
    assert sorted(placed.values())[:1] != [b""]
    assert sum(data == b"a/1.jpg" for data in placed.values()) == 1
    assert undo(file).left == []
    assert {name: data for name, data in tree(a_tree).items() if not name.startswith("sorted")} == before


def test_another_disk_is_copied_to(a_tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno  # noqa: PLC0415

    replace = Path.replace

    def far(self: Path, target: Path) -> Path:
        if self.parent != target.parent:
            raise OSError(errno.EXDEV, "another disk")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", far)
    before = tree(a_tree)
    file = sort("move").undo_file
    assert not Path("a/1.jpg").exists()
    assert Path("sorted/kaca/1.jpg").read_bytes() == b"a/1.jpg"
    undo(file)
    assert {name: data for name, data in tree(a_tree).items() if not name.startswith("sorted")} == before


def test_a_full_disk_stops_the_run(a_tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(sorting_module._PUT, "copy", full)
    with pytest.raises(BulkError, match="No space left"):
        sort("copy")


@pytest.mark.parametrize("content", [None, b"no database at all, but long enough to be looked at" * 50])
def test_what_is_no_undo_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content:
        (tmp_path / "x.undo").write_bytes(content)
    with pytest.raises(BulkError, match="undo file"):
        undo(tmp_path / "x.undo")
