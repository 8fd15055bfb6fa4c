import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, text

from ecosorter.errors import StoreError
from ecosorter.serving.store import Store
from ecosorter.serving.store.database import Database, database_url
from ecosorter.serving.store.tables import Base
from tests.serving.store.said import keep, rows, run


def test_urls_are_read_as_people_write_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for given, drawn in {
        None: f"sqlite:///{tmp_path}/ecosorter/corrections.sqlite",
        "here.db": f"sqlite:///{tmp_path}/here.db",
        "/there/it.sqlite": "sqlite:////there/it.sqlite",
        "sqlite:////there/it.sqlite": "sqlite:////there/it.sqlite",
        "postgres://a:b@host/name": "postgresql+psycopg://a:b@host/name",
        "postgresql://a:b@host/name": "postgresql+psycopg://a:b@host/name",
        "postgresql+psycopg://host/name": "postgresql+psycopg://host/name",
    }.items():
        assert database_url(given).render_as_string(hide_password=False) == drawn


@pytest.mark.parametrize("given", ["mysql://host/name", "sqlite://", "sqlite:///:memory:", "postgresql://host:x/name"])
def test_other_urls_are_refused_without_showing_a_password(given: str) -> None:
    with pytest.raises(StoreError, match="write postgresql://"):
        database_url(given)


def test_the_migrations_lead_to_the_tables(database: str) -> None:
    for _ in range(2):  # a second time there is nothing to do
        Database(database_url(database)).close()
    engine = create_engine(database_url(database))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_a_store_from_before_there_were_items_is_brought_up_to_date(tmp_path: Path) -> None:
    file = str(tmp_path / "old.sqlite")
    with Store.open(file) as store:
        kept = keep(store, 1)
    for statement in (
        "ALTER TABLE corrections DROP COLUMN asked",
        *(
            f"DROP TABLE {name}"
            for name in (
                "answer_counts",
                "campaigns",
                "shadow_counts",
                "improvements",
                "lessons",
                "model_changes",
                "models",
            )
        ),
        "DROP TABLE phrases",
        "ALTER TABLE corrections DROP COLUMN novelty",
        "ALTER TABLE corrections DROP COLUMN novelty_bank",
        "ALTER TABLE corrections DROP COLUMN item",
        "UPDATE alembic_version SET version_num = '0001'",
    ):
        run(file, statement)
    with Store.open(file) as store:
        (row,) = store.corrections.listed()
        assert (row.id, row.item) == (kept, None)
        keep(store, 2, item="botol-kaca")
        assert {row.item for row in store.corrections.listed()} == {None, "botol-kaca"}
        assert store.phrases.add("gagang pintu", "id")


def test_several_processes_may_start_at_once(database: str, tmp_path: Path) -> None:
    code = f"""
from ecosorter.serving.store import Store
from tests.serving.store.said import keep
with Store.open({database!r}, {str(tmp_path / "photos")!r}) as store:
    for shade in range(5):
        keep(store, shade)
"""
    started = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(4)]
    for process in started:
        _, error = process.communicate(timeout=60)
        assert process.returncode == 0, error.decode()
    assert len(rows(database)) == 20
    assert len(list((tmp_path / "photos").rglob("*.jpg"))) == 5


def test_sqlite_keeps_what_it_has_acknowledged(tmp_path: Path) -> None:
    opened = Database(database_url(str(tmp_path / "a.sqlite")))
    with opened.writing() as session:
        settings = {
            name: session.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    opened.close()


def test_readers_and_a_writer_do_not_wait_for_each_other(store: Store, database: str) -> None:
    keep(store)
    other = Database(database_url(database))
    with other.writing() as session:
        session.execute(text("UPDATE corrections SET truth = 'logam'"))
        assert [row.truth for row in store.corrections.listed()] == ["kaca"]
    other.close()
    assert [row.truth for row in store.corrections.listed()] == ["logam"]


def test_what_only_one_may_do_is_free_again_at_once(database: str) -> None:
    one, other = (Database(database_url(database)) for _ in range(2))
    with other.reading() as session:  # a connection that is open already is quick enough to see a lock that lingers
        locks = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
        if not database.startswith("postgresql"):
            locks = text("SELECT 0")
        for _ in range(25):
            with one.alone("sweep") as begun, other.alone("sweep") as refused, other.alone("dust") as another:
                assert (begun, refused, another) == (True, False, True)
            assert session.scalar(locks) == 0
        with other.alone("sweep") as begun:
            assert begun
    for opened in (one, other):
        opened.close()


def test_a_database_of_a_later_version_is_refused(database: str, tmp_path: Path) -> None:
    Store.open(database, str(tmp_path / "photos")).close()
    run(database, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="later EcoSorter"):
        Store.open(database, str(tmp_path / "photos"))


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite").write_text("Not a database, although its name says so. " * 99)
    with pytest.raises(StoreError, match="no SQLite database"):
        Store.open(str(tmp_path / "a.sqlite"))
    with pytest.raises(StoreError, match=r"does not answer|cannot be made"):
        Store.open(str(tmp_path / "a.sqlite" / "b.sqlite"))
    with pytest.raises(StoreError, match="does not answer") as refused:
        Store.open(f"postgresql://ani:geheim@/name?host={tmp_path}", str(tmp_path / "photos"))
    assert "geheim" not in str(refused.value)


def test_a_store_says_whether_it_is_ready(database: str, tmp_path: Path) -> None:
    with Store.open(database, str(tmp_path / "photos")) as store:
        assert store.ready()
        (tmp_path / "photos").rmdir()
        assert not store.ready()


def test_the_photos_lie_beside_an_sqlite_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    with Store.open() as store:
        assert store.photos.files.url == str(tmp_path / "data/ecosorter/corrections-photos")
    with Store.open(str(tmp_path / "mine.db")) as store:
        assert store.photos.files.url == str(tmp_path / "mine-photos")
    for folder in ("data/ecosorter", "mine-photos"):
        assert (tmp_path / folder).stat().st_mode & 0o077 == 0
