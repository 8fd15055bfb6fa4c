"""A file is whole or not there."""

from pathlib import Path

import pytest

from ecosorter.files import write_text, write_whole


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "run" / "a.html"
    write_text(path, "before")
    write_text(path, "jeruk \N{TANGERINE}")
    assert [file.name for file in path.parent.iterdir()] == ["a.html"]
    assert path.read_text(encoding="utf-8") == "jeruk \N{TANGERINE}"


def test_what_was_there_stays_when_writing_fails(tmp_path: Path) -> None:
    def fail(part: Path) -> None:
        assert part.suffix == ".html"
        part.write_text("half")
        raise LookupError

    path = tmp_path / "a.html"
    write_text(path, "whole")
    with pytest.raises(LookupError):
        write_whole(path, fail)
    assert path.read_text() == "whole"
