"""What 0.1.0 has written goes on, or says how: a model, a cache, rows of many photos. The store: see serving/store."""

import hashlib
import json
import logging
import sqlite3
from pathlib import Path

import pytest

from ecosorter import Classifier
from ecosorter.datasets.cache import Cache
from ecosorter.errors import BundleError, RunError
from ecosorter.teaching.bank import load_bank
from ecosorter.training.runfolder import RunFolder
from tests.cli.conftest import rows_of
from tests.documents import ROOT
from tests.tiny import COLOURS, photo, tiny_bundle

OLD = ROOT / "tests/golden/0.1.0"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model whose description is as the first version wrote it: without views, signals and a bank."""
    folder = tiny_bundle(tmp_path / "model").folder
    old = json.loads((OLD / "bundle.json").read_text(encoding="utf-8"))
    old["sha256"] = hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()
    (folder / "bundle.json").write_text(json.dumps(old), encoding="utf-8")
    return folder


def test_a_model_of_format_1_classifies(model: Path) -> None:
    classifier = Classifier.load(model)
    assert classifier.bundle.info.format == 1
    (prediction,) = classifier.classify([photo(COLOURS["organik"])])
    assert prediction.label == "organik"


def test_a_model_without_a_bank_says_that_it_cannot_be_taught(model: Path) -> None:
    with pytest.raises(BundleError, match="bank"):
        load_bank(Classifier.load(model).bundle)


def test_an_old_cache_stops_nothing_and_is_mended_by_clearing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with sqlite3.connect(tmp_path / "features.sqlite") as db:
        db.execute(
            "CREATE TABLE entries (key TEXT PRIMARY KEY, bytes INTEGER NOT NULL, used REAL NOT NULL, "
            "value BLOB NOT NULL) WITHOUT ROWID"
        )
        db.execute("INSERT INTO entries VALUES ('a', 1, 0, x'31')")
    db.close()
    cache = Cache(tmp_path)
    with caplog.at_level(logging.WARNING):
        cache.put_many({"b": b"2"})
    assert "ecosorter cache clear" in caplog.text
    cache.clear()
    cache.put_many({"b": b"2"})
    assert dict(cache.get_many(["a", "b"])) == {"b": b"2"}


def test_a_run_of_an_old_recipe_says_what_differs(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.claim({"recipe": {"training": {"epochs": 5}}, "sources": {}})
    with pytest.raises(RunError, match=r"recipe\.fit is null there .*recipe\.training is .*another --out"):
        folder.claim({"recipe": {"fit": {"epochs": 5}}, "sources": {}})


def test_rows_of_many_photos_go_on(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner  # noqa: PLC0415

    from ecosorter.cli.app import app  # noqa: PLC0415

    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for name in ("kaca", "logam"):
        (tmp_path / "photos" / f"{name}.png").write_bytes(photo(COLOURS[name]))
    old = (OLD / "rows.csv").read_text(encoding="utf-8")
    (tmp_path / "rows.csv").write_text(old, encoding="utf-8")
    words = ["classify", "photos", "--model", str(model), "--out", "rows.csv"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "rows.csv").read_text(encoding="utf-8").startswith(old)
    assert [row["label"] for row in rows_of("rows.csv")] == ["kaca", "logam"]
