"""Rows survive: round trips, half lines, other people's files, two runs at once."""

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ecosorter.bulk import Row, RowFormat, open_table
from ecosorter.bulk.tables import Table
from ecosorter.classifier import Prediction
from ecosorter.errors import BulkError

ENDINGS = pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
NAMES = ["a.jpg", 'b,"c".jpg', "d\ne.jpg", "f\rg.jpg", "caf\udce9.jpg", "Ω.jpg", "=1+1.jpg", " x ", '"', "s3://b/x?y"]


@pytest.fixture(autouse=True)
def _needs_pyarrow(request: pytest.FixtureRequest) -> None:
    if ".parquet" in request.node.name:
        pytest.importorskip("pyarrow")


@pytest.fixture
def row(form: RowFormat) -> Callable[..., Row]:
    def make(path: str, status: str = "ok") -> Row:
        classes = form.info.classes
        if status != "ok":
            bad = Prediction(path, status, None, None, None, "", (), {}, f"{path} is bad")
            return form.row(bad, "", "2026-01-31T12:00:00+00:00")
        shares = dict(zip(classes, (0.7, 0.1, 0.1, 0.1), strict=True))
        good = Prediction(path, "ok", "kaca", "kaca", 0.7, "confident", ("kaca",), shares, "")
        return form.row(good, "ab" * 32, "2026-01-31T12:00:00+00:00")

    return make


def opened(path: Path, form: RowFormat, **options: Any) -> Table:
    return open_table(path, form.columns, **options)


@ENDINGS
def test_rows_come_back_as_they_were(tmp_path: Path, form: RowFormat, row: Callable[..., Row], ending: str) -> None:
    path = tmp_path / f"out{ending}"
    rows = [row(name) for name in NAMES] + [row("bad.jpg", "empty")]
    with opened(path, form) as table:
        assert (table.done, list(table.rows())) == (0, [])
        table.append(rows[:3])
        table.append(rows[3:])
    with opened(path, form) as table:
        assert (table.done, table.failed) == (len(rows), 1)
        back = list(table.rows())
        spelled = [r | {"path": table.spelled(r["path"]), "reason": table.spelled(r["reason"])} for r in rows]
        assert back == spelled
        assert all(isinstance(r["confidence"], float | None) for r in back)


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_a_half_written_line_is_cut_off_wherever_it_ends(
    tmp_path: Path, form: RowFormat, row: Callable[..., Row], ending: str
) -> None:
    path = tmp_path / f"out{ending}"
    rows = [row(name) for name in NAMES]
    with opened(path, form) as table:
        table.append(rows)
    whole = path.read_bytes()
    for cut in range(0, len(whole), 7):
        path.write_bytes(whole[:cut])
        with opened(path, form) as table:
            kept = table.done
            assert list(table.rows()) == rows[:kept]
            table.append(rows[kept:])
        assert path.read_bytes() == whole


def test_half_a_part_is_none(tmp_path: Path, form: RowFormat, row: Callable[..., Row]) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "out.parquet"
    with opened(path, form) as table:
        table.append([row("a")])
    (path / ".part-000001.0a1b2c3d.part.parquet").write_bytes(b"PAR1")
    with opened(path, form) as table:
        assert table.done == 1
        table.append([row("b")])
    assert sorted(part.name for part in path.glob("part*")) == ["part-000000.parquet", "part-000001.parquet"]


def test_a_nas_may_put_its_folder_into_a_table(tmp_path: Path, form: RowFormat, row: Callable[..., Row]) -> None:
    pytest.importorskip("pyarrow")
    for number in range(2):
        with opened(tmp_path / "out.parquet", form) as table:
            assert table.done == number
            table.append([row("a")])
        (tmp_path / "out.parquet/@eaDir").mkdir(exist_ok=True)


def test_others_can_read_it(tmp_path: Path, form: RowFormat, row: Callable[..., Row]) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    for ending in (".csv", ".jsonl", ".parquet"):
        with opened(tmp_path / f"out{ending}", form) as table:
            table.append([row("a.jpg"), row("b.jpg", "empty")])
    with (tmp_path / "out.csv").open(newline="") as file:
        assert [r["path"] for r in csv.DictReader(file)] == ["a.jpg", "b.jpg"]
    assert [json.loads(line)["p_kaca"] for line in (tmp_path / "out.jsonl").open()] == [0.7, None]
    read = parquet.read_table(tmp_path / "out.parquet")
    assert read.column_names == list(form.columns)
    assert str(read.schema.field("time").type) == "timestamp[ms, tz=UTC]"
    assert read.column("confidence").to_pylist() == [0.7, None]


@ENDINGS
def test_a_replacement_stands_when_it_is_whole(
    tmp_path: Path, form: RowFormat, row: Callable[..., Row], ending: str
) -> None:
    path = tmp_path / f"out{ending}"
    with opened(path, form) as table:
        table.append([row("a"), row("b", "empty")])
        table.append([row("c")])
    with opened(path, form) as table:
        half = table.replacement()
        half.__enter__().append([row("x")])
        half.__exit__(KeyboardInterrupt, None, None)
        assert [r["path"] for r in table.rows()] == ["a", "b", "c"]
        with table.replacement() as new:
            new.append([row("a"), row("b")])
            new.append([row("c")])
        table.append([row("d")])
    with opened(path, form) as table:
        assert (table.done, table.failed) == (4, 0)
        assert [r["path"] for r in table.rows()] == ["a", "b", "c", "d"]
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@ENDINGS
def test_what_is_not_ours_is_left_alone(tmp_path: Path, form: RowFormat, row: Callable[..., Row], ending: str) -> None:
    path = tmp_path / f"out{ending}"
    with opened(path, RowFormat(form.info)) as table:
        table.append([{column: row("a")[column] for column in table.columns}])
    with pytest.raises(BulkError, match="other columns"):
        opened(path, form)
    with opened(path, form, restart=True) as table:
        assert table.done == 0


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
@pytest.mark.parametrize("content", [b"old", b"old\n", b'{"a": 1}\n', b"path,other\n1,2\n", b'{"path": 1'])
def test_a_file_of_other_content_is_refused(tmp_path: Path, form: RowFormat, ending: str, content: bytes) -> None:
    path = tmp_path / f"out{ending}"
    path.write_bytes(content)
    if ending == ".jsonl" and content.startswith(b'{"path": '):
        opened(path, form).close()  # the first row, half written
        return
    with pytest.raises(BulkError, match="--restart"):
        opened(path, form)
    assert path.read_bytes() == content


def test_a_folder_of_other_content_is_refused(tmp_path: Path, form: RowFormat) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "out.parquet").mkdir()
    (tmp_path / "out.parquet/part-000000.parquet").write_bytes(b"nonsense")
    with pytest.raises(BulkError, match="--restart"):
        opened(tmp_path / "out.parquet", form)
    (tmp_path / "out.parquet/holiday.jpg").touch()
    with pytest.raises(BulkError, match="another file"):
        opened(tmp_path / "out.parquet", form, restart=True)


@ENDINGS
def test_one_run_at_a_time(tmp_path: Path, form: RowFormat, ending: str) -> None:
    path = tmp_path / f"out{ending}"
    with opened(path, form):
        with pytest.raises(BulkError, match="another run"):
            opened(path, form)
        with pytest.raises(BulkError, match="another run"):
            opened(path, form, restart=True)
    opened(path, form).close()


@pytest.mark.parametrize(("name", "words"), [("out.txt", "must end"), ("out", "must end"), ("no/x.csv", "written")])
def test_places_that_do_not_do(tmp_path: Path, form: RowFormat, name: str, words: str) -> None:
    with pytest.raises(BulkError, match=words):
        opened(tmp_path / name, form)


def test_pyarrow_may_be_missing(tmp_path: Path, form: RowFormat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "ecosorter.bulk.parquet", raising=False)
    with pytest.raises(BulkError, match=r"ecosorter\[bulk\]"):
        opened(tmp_path / "out.parquet", form)
