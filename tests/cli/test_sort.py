"""`ecosorter sort`, there and back; and the options that it had before it was a command."""

from functools import partial
from pathlib import Path

import pytest

from ecosorter.cli.classify import classify
from ecosorter.cli.sort import sort
from tests.cli.conftest import Invoke, Run, rows_of
from tests.tiny import COLOURS, photo

SORTED = ["failed/2.jpg", "failed/5.jpg", "kaca/1.png", "not-sure/4.png", "plastik/3.webp"]


@pytest.fixture
def run(invoke: Invoke) -> Run:
    return partial(invoke, sort)


def below(folder: str) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).glob("*/*"))


def test_sorting_and_undoing(run: Run, photos: Path) -> None:
    done = run("photos", "--into", "sorted", "--how", "move")
    assert done.exit_code == 1
    assert below("sorted") == SORTED
    assert list(photos.iterdir()) == []
    assert [line.split()[-1] for line in done.stdout.splitlines()[:6]] == ["1", "1", "1", "0", "2", "5"]
    (file,) = Path("sorted").glob("*.undo")
    assert f"ecosorter sort --undo sorted/{file.name}" in done.stdout.replace(f"{Path.cwd()}/", "")
    done = run("--undo", str(file))
    assert done.exit_code == 0
    assert "5 photos" in done.stdout
    assert len(list(photos.iterdir())) == 5
    assert list(Path("sorted").iterdir()) == []


def test_moved_photos_are_no_reason_to_refuse_the_same_command(run: Run, photos: Path) -> None:
    command = ("photos", "--out", "out.csv", "--into", "sorted", "--how", "move", "--report", "page.html")
    run(*command)
    before = Path("out.csv").read_bytes()
    (photos / "6.png").write_bytes(photo(COLOURS["organik"]))
    assert run(*command).exit_code == 1
    assert Path("out.csv").read_bytes().startswith(before)
    assert [row["label"] for row in rows_of("out.csv")] == ["kaca", "", "plastik", "", "", "organik"]
    assert Path("page.html").read_text(encoding="utf-8").count("<img") == 4
    assert run(*command).exit_code == 1
    assert len(rows_of("out.csv")) == 6


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["in"], "--into"),
        (["--into", "sorted"], "give photos"),
        (["in", "--undo", "x.undo"], "--undo alone"),
        (["in", "--into", "in/sorted"], "beside"),
        (["in", "--into", "sorted", "--report", "gone/page.html"], "cannot be written"),
    ],
)
def test_slips_are_exit_code_2(run: Run, tmp_path: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").write_bytes(photo())
    done = run(*arguments)
    assert done.exit_code == 2
    assert words in " ".join(done.output.replace("│", " ").split())
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_the_old_options_of_classify_go_on_and_name_the_new_command(invoke: Invoke, photos: Path) -> None:
    done = invoke(classify, "photos", "--sort-into", "sorted", "--sort", "link")
    assert "ecosorter sort PATH... --into DIR --how copy" in done.stderr
    assert below("sorted") == SORTED
    (file,) = Path("sorted").glob("*.undo")
    done = invoke(classify, "--undo", str(file))
    assert "ecosorter sort --undo FILE" in done.stderr
    assert done.exit_code == 0
    assert list(Path("sorted").iterdir()) == []
    helped = invoke(classify, "--help").output
    assert not [old for old in ("--undo", "--sort", "--watch") if old in helped]
