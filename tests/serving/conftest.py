"""Databases for the tests of the service: the same tests run on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest

from ecosorter.serving.app import create_app
from ecosorter.serving.settings import Access
from ecosorter.serving.store import Store
from tests.serving.live import running
from tests.serving.postgres import server, why_not
from tests.tiny import tiny_bundle


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The folder of the socket of a real PostgreSQL; skips where it is not installed."""
    if reason := why_not():
        pytest.skip(reason)
    with server() as folder:
        yield folder


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database; on PostgreSQL a schema, which takes far less time to make than a database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/corrections.sqlite"
    folder = request.getfixturevalue("postgres")
    name = f"test_{uuid4().hex}"
    with psycopg.connect(f"postgresql://postgres@/postgres?host={folder}", autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}".encode())
    return f"postgresql://postgres@/postgres?host={folder}&options=-csearch_path%3D{name}"


@pytest.fixture
def store(database: str, tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with Store.open(database, str(tmp_path / "photos")) as store:
        yield store


@pytest.fixture
def client(store: Store, tmp_path: Path) -> Iterator[httpx.Client]:
    """Speaks English to a running service with the tiny model and an empty store."""
    model = tiny_bundle(tmp_path / "bundle").folder
    app = create_app(model, store=store, access=Access(rate=0), threads=1)
    headers = {"Accept-Language": "en"}
    with running(app) as address, httpx.Client(base_url=address, headers=headers, timeout=30) as client:
        yield client
