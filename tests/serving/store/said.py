"""Corrections made up for the tests, and looking into a store from outside."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import create_engine, text

from ecosorter.serving.store import Store
from ecosorter.serving.store.corrections import NewCorrection, Receipt
from ecosorter.serving.store.database import database_url
from tests.tiny import photo

SECRET = "5e" * 32


def said(**changes: Any) -> NewCorrection:
    """Return a correction with consent; `changes` are its fields."""
    fields: dict[str, Any] = {
        "model_name": "tiny",
        "model_version": "1",
        "best": "plastik",
        "label": None,
        "confidence": 0.4,
        "truth": "kaca",
        "consent": True,
        "contributor": uuid4(),
        "secret": SECRET,
        "lang": "id",
    }
    return NewCorrection(**(fields | changes))


def keep(store: Store, shade: int = 0, **changes: Any) -> UUID:
    """Keep a correction with a photo of a shade of grey; return its id."""
    receipt = store.corrections.add(uuid4(), said(**changes), grey(shade))
    assert isinstance(receipt, Receipt)
    return receipt.id


def grey(shade: int) -> bytes:
    return photo((shade,) * 3)


def files(folder: Path) -> set[str]:
    """Return the names of all files in a folder and below."""
    return {path.name for path in folder.rglob("*") if path.is_file()}


def rows(database: str, table: str = "corrections") -> list[dict[str, Any]]:
    """Return a table as it is, whatever the store would say."""
    return run(database, f"SELECT * FROM {table}")  # noqa: S608


def run(database: str, statement: str) -> list[dict[str, Any]]:
    """Run a statement on a database, behind the store's back."""
    engine = create_engine(database_url(database))
    with engine.begin() as connection:
        result = connection.execute(text(statement))
        found = [dict(row) for row in result.mappings()] if result.returns_rows else []
    engine.dispose()
    return found


def killed(code: str, database: str) -> None:
    """Run code that kills itself with -9, and wait until the database has let go of its locks.

    PostgreSQL notices a moment later that the other end of a connection is gone.
    """
    died = subprocess.run([sys.executable, "-c", code], check=False)
    assert died.returncode == -signal.SIGKILL
    while database.startswith("postgresql") and run(database, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"):
        time.sleep(0.01)
