"""What MLflow knows of a registry: against a real MLflow server.

Its server is large, and wants other versions than ours, so it lives in an environment of its own: make one, run
``pip install mlflow`` there, and name its program: ``ECOSORTER_MLFLOW=/somewhere/bin/mlflow pytest
tests/serving/test_mirror.py``.
"""

import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ecosorter.bundle import BANK, INFO, MODEL
from ecosorter.errors import StoreError
from ecosorter.serving import following
from ecosorter.serving.app import create_app
from ecosorter.serving.settings import Growth
from ecosorter.serving.store import Store
from ecosorter.serving.store.models import Registered
from tests.serving.improving.city import base, city
from tests.serving.live import running
from tests.serving.store.test_models import add, seen
from tests.serving.test_admin import until
from tests.tiny import tiny_bundle

pytest.importorskip("mlflow", reason="needs MLflow's client: the extra [mlflow]")

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts

from ecosorter.serving.mirror import ADDRESS, ID, NAME, STATE, mirror

PATIENCE = 120  # seconds for the server to start


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server with nothing in it."""
    program = os.environ.get("ECOSORTER_MLFLOW")
    if program is None:
        pytest.skip("needs MLflow's server: ECOSORTER_MLFLOW is not its program")
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    options = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.sqlite", "--artifacts-destination", str(folder)]
    command = [program, "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1", *options]
    address = f"http://127.0.0.1:{port}"
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    environment.pop("PYTHONPATH", None)
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment)
        try:
            deadline = time.monotonic() + PATIENCE
            while not _answers(address):
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.5)
            yield address
        finally:
            process.terminate()
            process.wait(30)


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def client(server: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> MlflowClient:
    """A client of it; each test has an experiment of its own."""
    monkeypatch.setenv(ADDRESS, server)
    monkeypatch.setenv(NAME, request.node.name)
    return MlflowClient(server)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(str(tmp_path / "city.sqlite"), str(tmp_path / "photos")) as opened:
        yield opened


def versions(client: MlflowClient) -> dict[str, Any]:
    """Return the versions by id of the model."""
    found = client.search_model_versions(f"name = '{os.environ[NAME]}'")
    return {each.tags[ID]: each for each in found}


def test_a_candidate_is_logged_with_its_figures_and_files(store: Store, client: MlflowClient, tmp_path: Path) -> None:
    model = base(tmp_path / "base").folder
    city(store)
    options = ["--database", str(tmp_path / "city.sqlite"), "--photos-at", str(tmp_path / "photos")]
    command = [sys.executable, "-m", "ecosorter.cli", "improve", "--model", str(model), "--registry", "mlflow"]
    subprocess.run([*command, *options], check=True, capture_output=True)
    made, first = store.models.all()
    assert made.figures is not None
    found = versions(client)
    assert {id_: (each.version, each.tags[STATE]) for id_, each in found.items()} == {
        str(first.id): ("1", "in_use"),
        str(made.id): ("2", "candidate"),
    }
    run = client.get_run(found[str(made.id)].run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["parent"] == str(first.id)
    after = made.figures["held_out"]["after"]
    assert run.data.metrics["held_out/after/accuracy"] == pytest.approx(after["accuracy"])
    assert run.data.metrics["held_out/after/recall/kaca"] == pytest.approx(after["per_class"]["kaca"]["recall"])
    assert run.data.metrics["difference/low"] == pytest.approx(made.figures["difference"]["low"])
    copy = Path(download_artifacts(run_id=run.info.run_id, artifact_path="bundle", dst_path=str(tmp_path / "copy")))
    assert {MODEL, INFO, BANK} <= {path.name for path in copy.iterdir()}
    for name, sha256 in made.files.items():
        assert hashlib.sha256((copy / name).read_bytes()).hexdigest() == sha256
        assert found[str(made.id)].tags[f"ecosorter.sha256.{name}"] == sha256
    assert client.get_model_version_by_alias(os.environ[NAME], "in_use").tags[ID] == str(first.id)


def test_states_follow_and_doing_it_again_changes_nothing(store: Store, client: MlflowClient, tmp_path: Path) -> None:
    first, second = add(store, tmp_path, "1", state="in_use"), add(store, tmp_path, "2")
    mirror(store)
    mirror(store)
    assert len(versions(client)) == 2
    experiment = client.get_experiment_by_name(os.environ[NAME])
    assert len(client.search_runs([experiment.experiment_id])) == 2

    def aliases() -> dict[str, str]:
        found: dict[str, str] = client.get_registered_model(os.environ[NAME]).aliases
        return found

    assert isinstance(store.models.change(second.id, "shadow", seen=seen(store), who="ani"), Registered)
    mirror(store)
    assert aliases() == {"in_use": "1", "shadow": "2"}
    assert isinstance(store.models.change(second.id, "in_use", seen=seen(store), who="ani"), Registered)
    mirror(store)
    assert aliases() == {"in_use": "2"}
    assert versions(client)[str(first.id)].tags[STATE] == "retired"
    assert store.models.erase(first.id)
    mirror(store)
    erased = versions(client)[str(first.id)]
    assert erased.tags[STATE] == "erased"
    assert client.get_run(erased.run_id).info.lifecycle_stage == "deleted"


def test_a_run_that_was_begun_before_a_kill_is_finished(
    store: Store, client: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(store, tmp_path, "1", state="in_use")
    with monkeypatch.context() as killed:
        killed.setattr(MlflowClient, "create_model_version", _die)
        with pytest.raises(KeyboardInterrupt):
            mirror(store)
    assert versions(client) == {}
    mirror(store)
    assert len(versions(client)) == 1
    experiment = client.get_experiment_by_name(os.environ[NAME])
    assert len(client.search_runs([experiment.experiment_id])) == 1


def _die(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_service_tells_what_its_admins_do(
    store: Store, client: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_EVERY", 0.1)
    monkeypatch.setattr(following, "_CHORES", 0.1)
    add(store, tmp_path, "1", state="in_use")
    second = add(store, tmp_path, "2")
    app = create_app(tiny_bundle(tmp_path / "own").folder, store=store, growth=Growth(registry="mlflow"), threads=1)
    headers = {"Authorization": f"Bearer {store.tokens.create('Ani', 'admin')}"}
    with running(app) as address:
        until(lambda: len(versions(client)) == 2)
        wanted = {"state": "in_use", "seen": seen(store)}
        answer = httpx.post(f"{address}/v1/admin/models/{second.id}/state", json=wanted, headers=headers, timeout=60)
        assert answer.status_code == 200
        until(lambda: versions(client)[str(second.id)].tags.get(STATE) == "in_use")


def test_without_an_address_or_an_answer_it_says_so_and_the_registry_stays(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(store, tmp_path, "1", state="in_use")
    monkeypatch.delenv(ADDRESS, raising=False)
    with pytest.raises(StoreError, match=f"Set {ADDRESS}"):
        mirror(store)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv(ADDRESS, f"http://127.0.0.1:{port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(StoreError, match="does not do it"):
        mirror(store)
    assert len(store.models.all()) == 1
