"""Everything that needs Ray is tested here, in one local Ray, since it takes seconds to start.

The rows must be those of the local engine, whatever is killed, stopped or started again.
"""

import logging
import os
import signal
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
import yaml
from PIL import Image
from typer.testing import CliRunner

from ecosorter import Classifier, Limits
from ecosorter import pool as pool_module
from ecosorter.bulk import Row, RowFormat, by_position, find_inputs, open_table, stream, up_to_date
from ecosorter.bulk.on_ray import stream_on_ray
from ecosorter.cli.classify import classify
from ecosorter.datasets.cache import Cache
from ecosorter.datasets.dataset import load_dataset
from ecosorter.datasets.photoset import usable_photos
from ecosorter.errors import BulkError, BundleError
from ecosorter.pool import joined, mapped
from ecosorter.progress import Silent
from ecosorter.training.backbones.find import find_backbone
from ecosorter.training.front import Front
from ecosorter.training.recipe import Recipe
from tests.bulk.work import inverse, noted, slowly
from tests.documents import ROOT
from tests.tiny import CLASSES, COLOURS, encoded, photo
from tests.training import networks

LIMITS = Limits()
NUMBER = 2_000
BAD = {name: data for n, data in enumerate([b"", b"<html>", photo()[:60], b"%PDF-1.7"] * 5) for name in [97 * n + 5]}


@pytest.fixture(scope="module")
def pool() -> Iterator[None]:
    pytest.importorskip("ray")
    with joined(None):
        yield


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 2,000 photos, of which 20 are bad."""
    folder = tmp_path_factory.mktemp("many")
    shades = [photo((*COLOURS[CLASSES[n % 4]][:2], 40 * (n % 7))) for n in range(28)]
    for number in range(NUMBER):
        (folder / f"{number:04}.png").write_bytes(BAD.get(number, shades[number % 28]))
    return folder


@pytest.fixture(scope="module")
def expected(many: Path, classifier: Classifier, form: RowFormat) -> list[Row]:
    return rows(stream(classifier, find_inputs([str(many)], LIMITS), form))


def rows(batches: Any) -> list[Row]:
    return timeless(answer.row for batch in batches for answer in batch)


def timeless(found: Any) -> list[Row]:
    return [{name: value for name, value in row.items() if name != "time"} for row in found]


# Classifying


def test_the_rows_are_those_of_the_local_engine(
    pool: None,
    many: Path,
    expected: list[Row],
    classifier: Classifier,
    form: RowFormat,
    capfd: pytest.CaptureFixture[str],
) -> None:
    told: list[Any] = []
    found = rows(stream_on_ray(classifier, find_inputs([str(many)], LIMITS), form, watcher=told.extend))
    assert found == expected
    assert len(found) == len(told) == NUMBER
    assert sum(row["status"] != "ok" for row in found) == len(BAD) == 20
    assert capfd.readouterr() == ("", "")


def test_a_process_that_is_killed_loses_nothing(
    pool: None, many: Path, expected: list[Row], classifier: Classifier, form: RowFormat, tmp_path: Path
) -> None:
    photos = (slowly(found, tmp_path) for found in find_inputs([str(many)], LIMITS))
    batches = stream_on_ray(classifier, photos, form)
    first = next(batches)
    before, _ = noted(tmp_path)
    killed = before.pop()
    os.kill(killed, signal.SIGKILL)
    assert rows([first, *batches]) == expected
    after, names = noted(tmp_path)
    assert after - before - {killed}, "another process took its place"
    assert len(names) == NUMBER


@pytest.mark.parametrize(("begins", "ends"), [(stream_on_ray, stream), (stream, stream_on_ray)])
def test_what_one_engine_began_the_other_finishes(
    begins: Any,
    ends: Any,
    pool: None,
    many: Path,
    expected: list[Row],
    classifier: Classifier,
    form: RowFormat,
    tmp_path: Path,
) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()

    def run(engine: Any, stop_after: int) -> int:
        photos = (slowly(found, notes) for found in find_inputs([str(many)], LIMITS))
        with open_table(tmp_path / "out.parquet", form.columns) as table:
            table.rows_at_a_time = 300
            join = by_position(table, photos, form.model)
            chunks = up_to_date(table, photos, join, partial(engine, classifier, form=form))
            done = 0
            for chunk in chunks:
                done += len(chunk)
                if done >= stop_after:
                    break
            chunks.close()  # type: ignore[attr-defined]
        return done

    written = run(begins, stop_after=500)
    assert 500 <= written < NUMBER
    for note in notes.iterdir():
        note.unlink()
    assert run(ends, stop_after=2 * NUMBER) == NUMBER
    again = {Path(row["path"]).name for row in expected[:written] if row["status"] != "ok"}
    missing = {Path(row["path"]).name for row in expected[written:]}
    assert noted(notes)[1] == again | missing
    with open_table(tmp_path / "out.parquet", form.columns) as table:
        assert timeless(table.rows()) == expected


def test_all_kinds_of_inputs_reach_the_processes(
    pool: None, folder: Path, classifier: Classifier, form: RowFormat
) -> None:
    pytest.importorskip("fsspec")
    files = sorted(folder.glob("in/0*"))
    with zipfile.ZipFile("a.zip", "w") as packed:
        for file in files:
            packed.write(file, f"z/{file.name}")
    for name, mode in (("a.tar", "w"), ("a.tar.gz", "w:gz")):
        with tarfile.open(name, mode) as tar:  # type: ignore[call-overload]
            for file in files:
                tar.add(file, f"t/{file.name}")
    Path("list.txt").write_text("in/11.png\ngone.png\n")
    Path("broken.zip").write_bytes(b"PK")
    addresses = [f"file://{folder}/in/1*.png", f"file://{folder}/a.zip", f"file://{folder}/gone.png"]
    named = ["in", "a.zip", "a.tar", "a.tar.gz", "@list.txt", "broken.zip", *addresses]
    local = rows(stream(classifier, find_inputs(named, LIMITS), form))
    assert len(local) == 40 + 3 * 10 + 2 + 1 + 10 + 10 + 1
    assert {row["status"] for row in local} == {"ok", "empty", "html", "missing", "corrupt"}
    assert rows(stream_on_ray(classifier, find_inputs(named, LIMITS), form)) == local


# The command


def test_the_command_on_a_cluster_by_its_address(pool: None, folder: Path, classifier: Classifier) -> None:
    import ray  # noqa: PLC0415 - an extra

    model = classifier.bundle.folder
    command = [sys.executable, "-m", "ecosorter.cli", "classify", "in", "--model", str(model), "--lang", "en"]
    one, other = (folder / f"{engine}.csv" for engine in ("local", "ray"))
    address = ray.get_runtime_context().gcs_address
    for more in (["--out", str(one)], ["--out", str(other), "--engine", "ray", "--ray-address", address]):
        done = subprocess.run([*command, *more], capture_output=True, text=True, timeout=120, check=False)
        assert (done.returncode, done.stderr) == (1, "")
    assert "Not sure" in done.stdout
    nobody = ["--out", "x.csv", "--engine", "ray", "--ray-address", "127.0.0.1:1"]
    done = subprocess.run([*command, *nobody], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "Ray cannot be reached at 127.0.0.1:1" in done.stderr
    form = RowFormat(classifier.bundle.info)
    with open_table(one, form.columns) as first, open_table(other, form.columns) as second:
        assert timeless(first.rows()) == timeless(second.rows())


@pytest.mark.parametrize("more", [["--watch", "."], ["in", "--device", "cuda"]])
def test_what_its_processes_do_not_do_is_refused(more: list[str], folder: Path) -> None:
    app = typer.Typer()
    app.command()(classify)
    done = CliRunner().invoke(app, [*more, "--engine", "ray"])
    assert done.exit_code == 2
    assert "--engine ray" in done.output


def test_ray_is_hushed_and_what_the_program_around_logs_is_not(pool: None) -> None:
    logger, own = logging.getLogger("ray.data"), logging.StreamHandler()
    logger.addHandler(own)
    try:
        with joined(None):
            levels = {type(handler).__name__: handler.level for handler in logger.handlers}
    finally:
        logger.removeHandler(own)
    assert levels["PlainRayHandler"] == logging.CRITICAL
    assert own.level == logging.NOTSET


def test_ray_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BulkError, match=r"pip install 'ecosorter\[ray\]'"), joined(None):
        pass


def test_the_cluster_file_is_what_ray_takes() -> None:
    util = pytest.importorskip("ray.autoscaler._private.util")  # what `ray up` checks a file with
    file = yaml.safe_load((ROOT / "deploy/cluster.yaml").read_text(encoding="utf-8"))
    util.validate_config(util.prepare_config(file))
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    version = file["docker"]["image"].partition(":")[2].partition("-")[0]
    assert f"\nray=={version}\n" in pinned


# Training


def test_features_are_those_of_the_local_engine(pool: None, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), np.uint8)
    for number, pixels in enumerate(noise):
        file = tmp_path / f"photos/{('kaca', 'logam')[number % 2]}/{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded(Image.fromarray(pixels), "PNG"))
    backbone = find_backbone(str(networks.onnx_file(tmp_path / "net/model.onnx").parent))
    recipe = Recipe(name="")
    photos = usable_photos(load_dataset([tmp_path / "photos"]), Cache(tmp_path / "facts"), Silent())
    here, there = Cache(tmp_path / "here"), Cache(tmp_path / "there")

    def front(cache: Cache) -> Front:
        return Front(backbone, backbone.preprocess()[0], recipe, photos.files, [], photos.classes, cache)

    expected = front(here).features(lambda _: None, (1.0,))
    found = front(there).features(lambda _: None, (1.0,), joined(None))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert there.usage().entries == here.usage().entries


# The pool


def test_chunks_are_handed_over_in_portions_and_results_come_in_order(
    pool: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "_BYTES_AT_ONCE", 25)  # five packed numbers
    taken: list[int] = []
    numbers = (taken.append(n) or n for n in (0, 1, 2, 3, 4, 5, 6, 7))  # type: ignore[func-returns-value]
    results = mapped(str, numbers, is_work=lambda chunk: chunk not in (3, 6))
    assert next(results) == "0"
    assert len(taken) == 5
    assert [*results] == ["1", "2", 3, "4", "5", 6, "7"]


@pytest.mark.parametrize(("number", "error"), [(13, BundleError), (0, BulkError)])
def test_errors_of_the_work_come_back(number: int, error: type[Exception], pool: None) -> None:
    with pytest.raises(error, match=r"no luck|ZeroDivisionError"):
        list(mapped(inverse, [number]))
