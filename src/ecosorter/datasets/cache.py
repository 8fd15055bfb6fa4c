"""A bounded store of bytes by content key, in one SQLite file.

What is stored is derived (features, photo facts), so losing an entry costs time, never data. SQLite's
write-ahead log keeps the file whole through a kill at any moment and lets several processes share it.
"""

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ecosorter.errors import RecipeError

DEFAULT_MAX_BYTES = 5_000_000_000
"""Room for the flattened ResNet50 features of 20,000 photos, or the pooled ones of a million."""

_KEYS_A_QUERY = 500  # SQLite's own limit on parameters is at least 999

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    key TEXT PRIMARY KEY, bytes INTEGER NOT NULL, used REAL NOT NULL
);
-- Apart from the entries, so that marking one as used does not write its value again.
CREATE TABLE IF NOT EXISTS contents (key TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS oldest_first ON entries (used, bytes);
"""


def default_folder() -> Path:
    """Return the cache folder: `ECOSORTER_CACHE`, else ``ecosorter`` in the user's cache folder."""
    named = os.environ.get("ECOSORTER_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ecosorter"


def default_max_bytes() -> int:
    """Return the cap in bytes: `ECOSORTER_CACHE_GB` times a billion, else `DEFAULT_MAX_BYTES`.

    Raises:
        RecipeError: when the variable is no number above 0.
    """
    named = os.environ.get("ECOSORTER_CACHE_GB")
    if not named:
        return DEFAULT_MAX_BYTES
    try:
        cap = int(float(named) * 1e9)
    except (ValueError, OverflowError):
        cap = 0
    if cap <= 0:
        raise RecipeError(f"ECOSORTER_CACHE_GB must be a number above 0, such as 5, not {named!r}.")
    return cap


@dataclass(frozen=True, slots=True)
class Usage:
    """What the cache holds: number of entries, their bytes, and the cap in bytes."""

    entries: int
    bytes: int
    max_bytes: int


class Cache:
    """Bytes by key, least recently used out first.

    Args:
        folder: where the file lies; made when missing.
        max_bytes: cap on the sum of the values' lengths, in bytes; `default_max_bytes()` where not given.
    """

    def __init__(self, folder: Path | None = None, max_bytes: int | None = None) -> None:
        self.folder = folder or default_folder()
        self.max_bytes = default_max_bytes() if max_bytes is None else max_bytes
        self.folder.mkdir(parents=True, exist_ok=True)
        self.path = self.folder / "features.sqlite"
        with self._connection() as db:
            db.executescript(_SCHEMA)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=60)) as db:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            with db:
                yield db

    def get_many(self, keys: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yield (key, value) for each key that is stored, and mark those as used now."""
        with self._connection() as db:
            for start in range(0, len(keys), _KEYS_A_QUERY):
                some = keys[start : start + _KEYS_A_QUERY]
                marks = ",".join("?" * len(some))
                yield from db.execute(f"SELECT key, value FROM contents WHERE key IN ({marks})", some)  # noqa: S608
                db.execute(f"UPDATE entries SET used = ? WHERE key IN ({marks})", [time.time(), *some])  # noqa: S608

    def put_many(self, items: Mapping[str, bytes]) -> None:
        """Store every item in one transaction, then drop the least recently used above the cap."""
        now = time.time()
        with self._connection() as db:
            db.executemany("INSERT OR REPLACE INTO contents VALUES (?, ?)", items.items())
            db.executemany(
                "INSERT OR REPLACE INTO entries VALUES (?, ?, ?)",
                [(key, len(value), now) for key, value in items.items()],
            )
            self._evict(db)

    def usage(self) -> Usage:
        """Return how much is stored."""
        with self._connection() as db:
            entries, size = db.execute("SELECT count(*), coalesce(sum(bytes), 0) FROM entries").fetchone()
        return Usage(entries, size, self.max_bytes)

    def clear(self) -> None:
        """Remove every entry and give the room back to the disk."""
        with self._connection() as db:
            db.execute("DELETE FROM entries")
            db.execute("DELETE FROM contents")
        with closing(sqlite3.connect(self.path, timeout=60)) as db:
            db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _evict(self, db: sqlite3.Connection) -> None:
        (size,) = db.execute("SELECT coalesce(sum(bytes), 0) FROM entries").fetchone()
        if size <= self.max_bytes:
            return
        for key, length in db.execute("SELECT key, bytes FROM entries ORDER BY used").fetchall():
            db.execute("DELETE FROM entries WHERE key = ?", (key,))
            db.execute("DELETE FROM contents WHERE key = ?", (key,))
            size -= length
            if size <= self.max_bytes:
                return
