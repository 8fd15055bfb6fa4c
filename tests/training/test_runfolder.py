import json
from pathlib import Path

import pytest

from ecosorter.errors import RunError
from ecosorter.training.runfolder import RunFolder
from tests.training.example_result import example_result

REQUEST = {"recipe": {"fit": {"epochs": 5}}, "sources": {"a": "123"}}


def test_the_same_request_goes_on_under_the_first_date(tmp_path: Path) -> None:
    first = RunFolder(tmp_path / "run").claim(REQUEST)
    assert RunFolder(tmp_path / "run").claim(json.loads(json.dumps(REQUEST))) == first


def test_another_request_is_refused_with_the_difference(tmp_path: Path) -> None:
    RunFolder(tmp_path / "run").claim(REQUEST)
    with pytest.raises(RunError, match=r"recipe\.fit\.epochs is 5 there and 6 now"):
        RunFolder(tmp_path / "run").claim({**REQUEST, "recipe": {"fit": {"epochs": 6}}})


def test_another_process_takes_no_folder_but_wants_the_same(tmp_path: Path) -> None:
    first = RunFolder(tmp_path / "run").claim(REQUEST)
    assert RunFolder(tmp_path / "run").claim(REQUEST, rank=1) == first
    with pytest.raises(RunError, match=r"sources\.a is"):
        RunFolder(tmp_path / "run").claim({**REQUEST, "sources": {"a": "456"}}, rank=1)


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(RunError, match="not empty"):
        RunFolder(tmp_path).claim(REQUEST)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_finished_run_gives_its_result_back(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.claim(REQUEST)
    folder.checkpoints.mkdir()
    assert folder.finished() is None
    result = example_result([(tmp_path / f"{number}.jpg", "abc"[number % 3]) for number in range(30)], ("a", "b", "c"))
    folder.finish(result)
    assert folder.finished() == result
    assert not folder.checkpoints.exists()


def test_a_second_run_in_one_folder_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    first, second = RunFolder(tmp_path), RunFolder(tmp_path)
    with first.locked():
        with pytest.raises(RunError, match=r"Another run is at work in .*choose another --out"), second.locked():
            pass
        with second.locked(rank=1):  # it helps the first
            pass
    with second.locked():
        pass


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff\xfe"])
def test_files_of_a_run_that_cannot_be_read_are_named(tmp_path: Path, content: bytes) -> None:
    folder = RunFolder(tmp_path)
    folder.claim(REQUEST)
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(RunError, match=r"run\.json is damaged.*or remove"):
        folder.claim(REQUEST)
    (tmp_path / "result.json").write_bytes(content)
    with pytest.raises(RunError, match=r"result\.json is damaged.*or remove"):
        folder.finished()


def test_a_folder_that_cannot_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        RunFolder(tmp_path / "file" / "run").check()
    RunFolder(tmp_path / "new" / "run").check()
    assert list((tmp_path / "new" / "run").iterdir()) == []
