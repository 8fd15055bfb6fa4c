"""Whatever happens, the rows are those of a run that nothing happened to."""

import os
import random
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ecosorter import Classifier, Limits
from ecosorter.bulk import (
    Input,
    Row,
    RowFormat,
    Sorter,
    by_name,
    by_position,
    find_inputs,
    open_table,
    stream,
    up_to_date,
)
from ecosorter.errors import BulkError
from tests.tiny import CLASSES, COLOURS, photo, tiny_bundle

ENDINGS = pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
LIMITS = Limits()


def timeless(rows: list[Row]) -> list[Row]:
    return [{name: value for name, value in row.items() if name != "time"} for row in rows]


class Runner:
    """Runs over ``in/`` into one output, and counts the photos that were read."""

    def __init__(self, classifier: Classifier, form: RowFormat, ending: str) -> None:
        if ending == ".parquet":
            pytest.importorskip("pyarrow")
        self.classifier, self.form, self.out = classifier, form, Path(f"out{ending}")
        self.read: list[str] = []

    def _counted(self, found: Input) -> Input:
        def read() -> bytes:
            self.read.append(found.name)
            return found.read()

        return Input(found.name, read, path=found.path)

    def __call__(self, *named: str, stop_after: int | None = None, **options: Any) -> list[Row]:
        self.read.clear()
        photos = map(self._counted, find_inputs(named or ["in"], LIMITS))
        with open_table(self.out, self.form.columns, **options) as table:
            run = partial(stream, self.classifier, form=self.form, batch_size=4)
            chunks = up_to_date(table, photos, by_position(table, photos, self.form.model), run)
            written = 0
            for chunk in chunks:
                written += len(chunk)
                if stop_after and written >= stop_after:
                    break
            chunks.close()  # type: ignore[attr-defined]
        with open_table(self.out, self.form.columns) as table:
            return timeless(list(table.rows()))


@ENDINGS
def test_a_second_run_does_what_is_missing_and_tries_again_what_failed(
    classifier: Classifier, form: RowFormat, folder: Path, ending: str
) -> None:
    run = Runner(classifier, form, ending)
    whole = run()
    assert len(run.read) == len(whole) == 40
    assert run() == whole
    assert run.read == ["in/05.png", "in/06.png"]
    Path("in/05.png").write_bytes(photo(COLOURS["kaca"]))
    again = run()
    assert sorted(run.read) == ["in/05.png", "in/06.png"]
    assert (again[5]["status"], again[5]["label"], again[6]["status"]) == ("ok", "kaca", "html")
    assert again[:5] + again[6:] == whole[:5] + whole[6:]


@ENDINGS
def test_an_interrupted_run_goes_on(classifier: Classifier, form: RowFormat, folder: Path, ending: str) -> None:
    whole = Runner(classifier, form, ending)()
    run = Runner(classifier, form, ending)
    some = run(restart=True, stop_after=12)
    if ending != ".parquet":  # which gathers half a minute of rows first; only a part that is whole is there
        assert 12 <= len(some) < 40
    assert some == whole[: len(some)]
    assert run() == whole
    assert len(run.read) == 40 - len(some) + sum(row["status"] != "ok" for row in some)


def test_what_was_half_written_is_done_again(classifier: Classifier, form: RowFormat, folder: Path) -> None:
    run = Runner(classifier, form, ".csv")
    whole = run()
    data = run.out.read_bytes()
    for size in (0, 3, 200, len(data) // 2, len(data) - 1):
        run.out.write_bytes(data[:size])
        assert run() == whole


def test_photos_in_archives_are_resumed_too(classifier: Classifier, form: RowFormat, folder: Path) -> None:
    import tarfile  # noqa: PLC0415

    with tarfile.open("in.tgz", "w:gz") as packed:
        packed.add("in")
    run = Runner(classifier, form, ".jsonl")
    whole = run("in.tgz", "in")
    assert len(whole) == 80
    run("in.tgz", "in", restart=True, stop_after=20)
    assert run("in.tgz", "in") == whole


@pytest.mark.parametrize(
    ("named", "words"),
    [
        (["in/00.png"], "number 2 was in/01.png, the list ends there"),
        (["in/01.png"], "number 1 was in/00.png, is now in/01.png"),
        (["in/0*.png", "in/2*.png", "in/1*.png"], "number 11 was"),
    ],
)
def test_other_inputs_are_refused(
    classifier: Classifier, form: RowFormat, folder: Path, named: list[str], words: str
) -> None:
    run = Runner(classifier, form, ".csv")
    run()
    before = run.out.read_bytes()
    with pytest.raises(BulkError, match=words):
        run(*named)
    assert run.out.read_bytes() == before
    assert run(*named, restart=True)


def test_more_inputs_at_the_end_are_simply_missing(classifier: Classifier, form: RowFormat, folder: Path) -> None:
    run = Runner(classifier, form, ".csv")
    whole = run()
    assert run("in", "in/00.png") == [*whole, whole[0]]


def test_another_model_is_refused(classifier: Classifier, form: RowFormat, folder: Path) -> None:
    run = Runner(classifier, form, ".csv")
    run()
    other = Classifier.load(tiny_bundle(folder / "other", version="2").folder)
    with pytest.raises(BulkError, match=r"another model, tiny 1 .*; this one is tiny 2 .*--restart"):
        Runner(other, RowFormat(other.bundle.info, 1, probabilities=True), ".csv")()


def test_photos_that_were_moved_away_are_done(classifier: Classifier, form: RowFormat, folder: Path) -> None:
    with Sorter(folder / "sorted", "move", "x", CLASSES) as sorter, open_table(Path("out.csv"), form.columns) as table:
        run = partial(stream, classifier, form=form, batch_size=4)
        photos = find_inputs(["in"], LIMITS)
        for number, chunk in enumerate(up_to_date(table, photos, by_position(table, photos, form.model), run)):
            for answer in chunk:
                sorter.place(answer.row, answer.photo)
            if number == 4:
                break
    with Sorter(folder / "sorted", "move", "x", CLASSES) as sorter, open_table(Path("out.csv"), form.columns) as table:
        assert 20 <= table.done < 40
        photos = find_inputs(["in"], LIMITS)
        join = by_position(table, photos, form.model, sorter.is_moved)
        rows = [answer.row for chunk in up_to_date(table, photos, join, run) for answer in chunk]
    assert [row["path"] for row in rows] == [f"in/{number:02}.png" for number in range(40)]


def test_rows_can_be_joined_by_name(classifier: Classifier, form: RowFormat, folder: Path) -> None:
    Runner(classifier, form, ".csv")()
    Path("in/00.png").unlink()
    Path("in/05.png").write_bytes(photo(COLOURS["kaca"]))
    Path("in/08.png").write_bytes(photo(COLOURS["plastik"]))  # another photo of the same name: not its row's
    done: dict[str, str] = {}
    with open_table(Path("out.csv"), form.columns) as table:
        run = partial(stream, classifier, form=form)
        join = by_name(table, LIMITS, form.model, done)
        rows = [answer.row for chunk in up_to_date(table, [], join, run) for answer in chunk]
    assert len(rows) == 40
    assert rows[0]["label"] == rows[5]["label"] == "kaca"
    assert rows[8]["label"] == "kaca"
    assert set(done) == {f"in/{number:02}.png" for number in range(1, 40) if number != 8}


# A real process, really killed

CODE = "import sys, typer; from ecosorter.cli.classify import classify; typer.run(classify)"
PHOTOS = 200


def command(out: str, *more: str) -> list[str]:
    return [sys.executable, "-c", CODE, "many", "--model", "tiny", "--out", out, "--probabilities", *more]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def test_killed_at_random_moments_the_output_is_that_of_an_uninterrupted_run(folder: Path, form: RowFormat) -> None:
    tiny_bundle(folder / "tiny")
    (folder / "many").mkdir()
    for number, name in enumerate(CLASSES):
        (folder / f"{number}.jpg").write_bytes(photo(COLOURS[name], "JPEG", (900, 600)))
    (folder / "bad").write_bytes(b"<html>")
    for number in range(PHOTOS):
        source = folder / ("bad" if number % 20 == 3 else f"{number % 4}.jpg")
        (folder / f"many/{number:04}.jpg").symlink_to(source)
    done = subprocess.run(command("whole.csv"), check=False, capture_output=True, text=True, env=environment())
    assert done.returncode == 1, done.stderr  # some could not be read

    dice, out, kills = random.Random(5), Path("killed.csv"), 0  # noqa: S311
    sort = ["--sort-into", "sorted", "--sort", "link"]
    for _ in range(5):
        size = (out.stat().st_size if out.exists() else 0) + dice.randrange(9_000)
        process = subprocess.Popen(command(out.name, *sort), stdout=subprocess.DEVNULL, env=environment())
        while process.poll() is None and not (out.exists() and out.stat().st_size >= size):
            time.sleep(0.001)
        time.sleep(dice.random() / 50)
        process.kill()
        kills += process.wait() < 0
    assert kills
    done = subprocess.run(command(out.name, *sort), check=False, capture_output=True, text=True, env=environment())
    assert done.returncode == 1, done.stderr

    columns = RowFormat(form.info, probabilities=True).columns
    with open_table(Path("whole.csv"), columns) as whole, open_table(out, columns) as killed:
        assert killed.done == PHOTOS
        assert timeless(list(killed.rows())) == timeless(list(whole.rows()))
    placed = list(Path("sorted").rglob("*.jpg"))
    assert sorted(path.name for path in placed) == [f"{number:04}.jpg" for number in range(PHOTOS)]
    assert all(path.is_symlink() for path in placed)
