import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecosorter.training.journal import FILE_NAME, Journal
from ecosorter.training.results import Epoch
from tests.training.example_result import example_result


def epoch(number: int, loss: float = 0.5) -> Epoch:
    return Epoch(epoch=number, train_loss=loss, train_accuracy=0.75, test_accuracy=0.7, learning_rate=1e-4)


def test_epochs_are_read_back_as_they_were_written_by_fit(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "runs" / "a")
    for number in range(3):
        journal.epoch("after-split", epoch(number))
        journal.epoch("before-split", epoch(number, loss=0.1))
    assert journal.epochs("after-split") == [epoch(0), epoch(1), epoch(2)]
    assert journal.epochs("before-split")[2] == epoch(2, loss=0.1)
    assert journal.epochs("fold-1") == []


def test_each_line_is_on_disk_before_the_next_step(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.epoch("after-split", epoch(0))
    (line,) = (tmp_path / FILE_NAME).read_text().splitlines()  # nothing was closed or flushed by the test
    assert json.loads(line) == {
        "event": "epoch",
        "fit": "after-split",
        "epoch": 0,
        "train_loss": 0.5,
        "train_accuracy": 0.75,
        "validation_loss": None,
        "validation_accuracy": None,
        "test_loss": None,
        "test_accuracy": 0.7,
        "learning_rate": 1e-4,
    }


@given(st.data())
def test_a_kill_at_any_byte_loses_at_most_the_line_that_was_being_written(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("run")
    journal = Journal(folder)
    for number in range(3):
        journal.append("epoch", {"fit": "é", **epoch(number).model_dump()})
    content = (folder / FILE_NAME).read_bytes()
    cut = data.draw(st.integers(0, len(content)))
    (folder / FILE_NAME).write_bytes(content[:cut])
    whole = content[:cut].count(b"\n")

    assert len(list(journal.read())) == whole  # a reader beside it
    again = Journal(folder)  # a run that goes on
    again.epoch("é", epoch(whole))
    assert again.epochs("é") == [epoch(number) for number in range(whole + 1)]


def test_a_diverged_run_stays_valid_json_and_reads_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.epoch("after-split", epoch(0, loss=math.nan))
    journal.epoch("after-split", epoch(1, loss=math.inf))

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    for line in (tmp_path / FILE_NAME).read_text().splitlines():
        json.loads(line, parse_constant=refuse)
    first, second = journal.epochs("after-split")
    assert math.isnan(first.train_loss)
    assert math.isnan(second.train_loss)
    assert first.train_accuracy == 0.75


def test_the_result_holds_every_figure_but_neither_epochs_nor_answers(tmp_path: Path) -> None:
    result = example_result([(Path(f"{i}.jpg"), "ab"[i % 2]) for i in range(20)], ["a", "b"], epochs=2)
    journal = Journal(tmp_path)
    journal.result(result)
    (line,) = journal.read()
    assert line["event"] == "result"
    assert line["fit"]["scores"]["accuracy"] == result.fit.scores.accuracy
    assert line["compared"]["leaky"] is True
    assert "epochs" not in line["fit"]
    assert "epochs" not in line["compared"]
    assert "answers" not in line
