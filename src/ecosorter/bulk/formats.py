"""Outputs by their endings."""

from collections.abc import Sequence
from pathlib import Path

from ecosorter.bulk.lines import CsvTable, JsonLinesTable
from ecosorter.bulk.tables import Table
from ecosorter.errors import BulkError
from ecosorter.files import reason

ENDINGS = (".csv", ".jsonl", ".parquet")
"""Of outputs; each stands for its format."""


def open_table(path: Path, columns: Sequence[str], *, restart: bool = False) -> Table:
    """Open an output, as an earlier run left it or new.

    Args:
        path: ends in ``.csv``, ``.jsonl`` or ``.parquet``. The latter is a folder of part files, which pandas, DuckDB
            and Spark read as one table.
        columns: of its rows.
        restart: drop the rows that are there.

    Raises:
        BulkError: another ending, other columns, another program that writes there, a place that cannot be written.
    """
    ending = path.suffix.lower()
    try:
        if ending == ".csv":
            return CsvTable(path, columns, restart=restart)
        if ending == ".jsonl":
            return JsonLinesTable(path, columns, restart=restart)
        if ending == ".parquet":
            from ecosorter.bulk.parquet import ParquetTable  # noqa: PLC0415 - pyarrow is large, and an extra

            return ParquetTable(path, columns, restart=restart)
    except ModuleNotFoundError as error:
        raise BulkError(f"Parquet needs the package {error.name}: pip install 'ecosorter[bulk]'.") from error
    except OSError as error:
        raise BulkError(f"{path} cannot be written: {reason(error)}.") from error
    raise BulkError(f"{path} must end in one of {', '.join(ENDINGS)}.")
