"""A database by its URL: SQLite or PostgreSQL, its tables up to date, one way to read and one to write."""

import hashlib
import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, exc, func, make_url, select, text
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session, sessionmaker

from ecosorter.errors import StoreError

_PATIENCE = 30  # seconds to wait for another writer, or for a connection
_MIGRATING = 0x4563_6F53  # "EcoS": the number by which PostgreSQL knows this lock


def data_folder() -> Path:
    """Return the user's folder for data that must last: ``ecosorter`` in `XDG_DATA_HOME` or ``~/.local/share``."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "ecosorter"


def database_url(given: str | None) -> URL:
    """Return the URL of a database.

    Args:
        given: ``postgresql://…``, ``sqlite:///…``, or the path of an SQLite file; None for a file in `data_folder`.

    Raises:
        StoreError: it is no such URL.
    """
    if given is None:
        return URL.create("sqlite", database=str(data_folder() / "corrections.sqlite"))
    if "://" not in given:
        return URL.create("sqlite", database=str(Path(given).absolute()))
    try:
        url = make_url(given)
    except (exc.ArgumentError, ValueError) as error:
        raise StoreError("The database's address cannot be read; " + _EXAMPLES) from error
    if re.fullmatch(r"postgres(ql)?(\+psycopg)?", url.drivername):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername != "sqlite":
        raise StoreError(f"No {url.drivername} here, only SQLite and PostgreSQL; {_EXAMPLES}")
    if not url.database or url.database == ":memory:":
        raise StoreError(f"An SQLite database must be a file; {_EXAMPLES}")
    return url


_EXAMPLES = "write postgresql://user:password@host/name, sqlite:////folder/name.sqlite, or the path of an SQLite file."


class Database:
    """A database whose tables are up to date.

    Several processes may use the same one. On SQLite, one writes at a time and the others wait for it; readers wait
    for nobody. An acknowledged transaction survives a kill at any moment, and the loss of power.

    Args:
        url: as `database_url` returns it.

    Raises:
        StoreError: it cannot be reached, or belongs to a later version of EcoSorter.
    """

    def __init__(self, url: URL) -> None:
        self.url = url
        self._engine = _engine(url)
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)
        self._writing = sessionmaker(self._engine.execution_options(writing=True), expire_on_commit=False)
        with self._named_faults(), self._engine.execution_options(writing=True).begin() as connection:
            _bring_up_to_date(connection)

    @property
    def folder(self) -> Path | None:
        """Where its file is; None for a server's."""
        return Path(self.url.database or "").absolute().parent if self.url.get_backend_name() == "sqlite" else None

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Yield a session to read with.

        Raises:
            StoreError: the database does not answer.
        """
        with self._named_faults(), self._sessions() as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Yield a session whose work is committed at the end, or undone when an exception leaves the block.

        Raises:
            StoreError: the database does not answer, or others keep it busy for too long.
        """
        with self._named_faults(), self._writing.begin() as session:
            yield session

    def lock(self, session: Session, name: str) -> None:
        """Keep everybody else who locks the same name waiting until the session's transaction has ended.

        Args:
            session: of `writing`. On SQLite it holds the lock of the whole database already.
            name: any text.
        """
        if session.get_bind().dialect.name == "postgresql":
            session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))

    @contextmanager
    def alone(self, name: str) -> Iterator[bool]:
        """Do something that only one process may do at a time; yields whether this one may.

        Nobody waits. The lock is let go of when the block ends, and when the process does, however that comes.

        Args:
            name: any text.

        Raises:
            StoreError: the database does not answer.
        """
        if self.folder is not None:
            with _file_locked(Path(self.url.database or ""), name) as mine:
                yield mine
            return
        with self._named_faults():
            # A lock of the session, on a connection that is not of the pool: a process that is killed lets go of it.
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            connection.detach()
            key = func.hashtextextended(name, 1)
            mine = bool(connection.scalar(select(func.pg_try_advisory_lock(key))))
        try:
            yield mine
        finally:
            if mine:  # closing alone would leave it to the server to notice, a moment later
                with suppress(exc.DBAPIError):  # a connection that is lost has let go
                    connection.execute(select(func.pg_advisory_unlock(key)))
            connection.close()

    def answers(self) -> bool:
        """Tell whether the database can be used now."""
        try:
            with self.reading() as session:
                session.execute(text("SELECT 1"))
        except StoreError:
            return False
        return True

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    @contextmanager
    def _named_faults(self) -> Iterator[None]:
        try:
            yield
        except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError) as error:
            raise StoreError(f"{self._shown} does not answer ({_first_line(error)}); is it there and free?") from error
        except CommandError as error:
            raise StoreError(f"{self._shown} is of a later EcoSorter ({error}); update this one.") from error
        except exc.DatabaseError as error:
            if isinstance(error.orig, sqlite3.DatabaseError) and "not a database" in str(error.orig):
                raise StoreError(f"{self._shown} is no SQLite database; give another path.") from error
            raise

    @property
    def _shown(self) -> str:
        return f"The database {self.url.render_as_string(hide_password=True)}"


@contextmanager
def _file_locked(database: Path, name: str) -> Iterator[bool]:
    """Lock a file beside an SQLite database, as the database itself could only be locked against all who write."""
    import fcntl  # noqa: PLC0415 - the service runs on Unix alone, the command line elsewhere, too

    place = database.with_name(f"{database.name}-{hashlib.sha256(name.encode()).hexdigest()[:8]}.lock")
    with place.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).partition("\n")[0]


@dataclass(frozen=True, slots=True)
class Revision:
    """Of a database's tables: which they are of, and which they would be brought up to."""

    tables: str | None
    newest: str | None


def look_at(url: URL) -> Revision | None:
    """Return how new a database's tables are, without changing anything; None where there is no such file.

    Raises:
        StoreError: it does not answer, or is no database.
    """
    options: dict[str, Any] = {"connect_args": {"connect_timeout": 5}}
    if url.get_backend_name() == "sqlite":
        file = Path(url.database or "")
        if not file.exists():
            return None
        address = f"{file.absolute().as_uri()}?mode=ro"
        options = {"creator": lambda: sqlite3.connect(address, uri=True, timeout=5)}
    engine = create_engine(url, **options)
    try:
        with engine.connect() as connection:
            tables = MigrationContext.configure(connection).get_current_revision()
    except exc.DBAPIError as error:
        raise StoreError(f"The database of corrections cannot be read ({_first_line(error)}).") from error
    finally:
        engine.dispose()
    return Revision(tables, ScriptDirectory.from_config(_config()).get_current_head())


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        patience = {"connect_timeout": 10, "application_name": "ecosorter"}
        return create_engine(url, pool_pre_ping=True, pool_timeout=_PATIENCE, connect_args=patience)
    file = Path(url.database or "")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)  # what people say is nobody else's business
    except OSError as error:
        raise StoreError(f"The folder {file.parent} cannot be made ({error.strerror}); give another path.") from error
    engine = create_engine(url, pool_timeout=_PATIENCE, connect_args={"timeout": _PATIENCE})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own: _begin_sqlite does
    _use_wal(connection)
    for setting in ("synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {setting}").close()


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log; where it is on, this does nothing.

    While several processes switch at once, SQLite refuses without waiting: they might wait for each other.
    """
    give_up = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.05)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    """Take the lock for writing at once: one taken later fails when somebody else has written in between."""
    writing = connection.get_execution_options().get("writing")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _bring_up_to_date(connection: Connection) -> None:
    """Run the missing migrations. Of several processes that start at once, one does and the others wait for it."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_MIGRATING)))
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "ecosorter.serving.store:migrations")
    return config
