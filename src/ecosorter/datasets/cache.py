"""A bounded store of bytes by content key, in one SQLite file.

What is stored is derived (features, photo facts), so losing an entry costs time, never data. SQLite's
write-ahead log keeps the file whole through a kill at any moment and lets several processes share it.

A cache that fails never stops the work: the first failure is logged, and from then on nothing is kept.
"""

import logging
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ecosorter.errors import CacheError, RecipeError

_log = logging.getLogger(__name__)

DEFAULT_MAX_BYTES = 5_000_000_000
"""Room for the flattened ResNet50 features of 20,000 photos, or the pooled ones of a million."""

_FILE = "features.sqlite"
_WAIT = 20  # seconds for another process that writes
_FAILURES = (OSError, sqlite3.Error)

_KEYS_A_QUERY = 200  # whose values are in memory together; SQLite's own limit on parameters is at least 999

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
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared) / "ecosorter"
    try:
        return Path.home() / ".cache" / "ecosorter"
    except RuntimeError:  # a user without a home, as in some containers
        return Path(os.devnull) / "ecosorter"  # which cannot be made, as `Cache` will say


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
        self.path = self.folder / _FILE
        self._failed = False

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path, timeout=_WAIT)) as db:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            db.executescript(_SCHEMA)
            with db:
                yield db

    def get_many(self, keys: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yield (key, value) for each key that is stored, and mark those as used now; nothing once it has failed."""
        for start in range(0, len(keys), _KEYS_A_QUERY):
            if self._failed:
                return
            try:
                found = self._get(keys[start : start + _KEYS_A_QUERY])
            except _FAILURES as error:
                self._give_up(error)
                return
            yield from found

    def _get(self, keys: Sequence[str]) -> list[tuple[str, bytes]]:
        marks = ",".join("?" * len(keys))
        with self._connection() as db:
            found = db.execute(f"SELECT key, value FROM contents WHERE key IN ({marks})", keys).fetchall()  # noqa: S608
            if found:
                db.execute(f"UPDATE entries SET used = ? WHERE key IN ({marks})", [time.time(), *keys])  # noqa: S608
        return found

    def put_many(self, items: Mapping[str, bytes]) -> None:
        """Store every item in one transaction, then drop the least recently used above the cap."""
        if self._failed:
            return
        now = time.time()
        try:
            with self._connection() as db:
                db.executemany("INSERT OR REPLACE INTO contents VALUES (?, ?)", items.items())
                db.executemany(
                    "INSERT OR REPLACE INTO entries VALUES (?, ?, ?)",
                    [(key, len(value), now) for key, value in items.items()],
                )
                self._evict(db)
        except _FAILURES as error:
            self._give_up(error)

    def usage(self) -> Usage:
        """Return how much is stored.

        Raises:
            CacheError: it cannot be read.
        """
        try:
            with self._connection() as db:
                db.execute("SELECT key, value FROM contents LIMIT 0")  # another program's table would be found out
                entries, size = db.execute("SELECT count(*), coalesce(sum(bytes), 0) FROM entries").fetchone()
        except _FAILURES as error:
            raise CacheError(self._fault(error)) from error
        return Usage(entries, size, self.max_bytes)

    def clear(self) -> None:
        """Remove every entry and give the room back to the disk; a file that cannot be read is removed whole.

        Raises:
            CacheError: not even that can be done.
        """
        try:
            with self._connection() as db:
                db.execute("DROP TABLE entries")
                db.execute("DROP TABLE contents")
            with closing(sqlite3.connect(self.path, timeout=_WAIT)) as db:
                db.execute("VACUUM")
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except _FAILURES as error:
            self._remove(error)
        self._failed = False

    def _remove(self, because: Exception) -> None:
        """Remove the file, unless another program is at work in it."""
        try:
            if getattr(because, "sqlite_errorcode", None) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise because
            for ending in ("", "-wal", "-shm", "-journal"):
                self.path.with_name(_FILE + ending).unlink(missing_ok=True)
        except _FAILURES as error:
            raise CacheError(
                f"The cache {self.path} cannot be cleared ({_why(error)}); end what uses it or remove it by hand, or "
                "name another folder in ECOSORTER_CACHE."
            ) from error

    def _give_up(self, error: Exception) -> None:
        self._failed = True
        _log.warning("%s The work goes on without it.", self._fault(error))

    def _fault(self, error: Exception) -> str:
        return (
            f"The cache {self.path} cannot be used ({_why(error)}). `ecosorter cache clear` mends a damaged one; "
            "ECOSORTER_CACHE names another folder."
        )

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


def _why(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
