"""Tells an MLflow what is in the registry: a run with figures and files for each model, and a version with its state.

The registry stays the one that decides; MLflow shows it. Doing it again adds what is missing and changes nothing else,
so a kill or a server that does not answer costs no more than time. Names and calls are those of MLflow 3
(https://mlflow.org/docs/latest/python_api/mlflow.client.html, as read on 2026-11-27).
"""

import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException
from requests.exceptions import RequestException

from ecosorter.errors import StoreError
from ecosorter.serving.store import Store
from ecosorter.serving.store.models import Registered

ADDRESS, NAME = "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"
"""Variables of MLflow itself: where it is, and the name of the experiment and of the registered model."""

ID, STATE = "ecosorter.id", "ecosorter.state"
"""Tags of a version: which model of the registry it is, and the state of that; ``erased`` where it has no files."""

_ALIASES = ("in_use", "shadow")
_KEY = re.compile(r"[\w\-. /]+")  # what MLflow takes for the name of a metric


def mirror(store: Store) -> None:
    """Bring MLflow up to date; nothing where another process does so now.

    Args:
        store: whose registry it is.

    Raises:
        StoreError: MLflow is not set up or does not answer, or the store does not. The registry is as it was.
    """
    if not os.environ.get(ADDRESS):
        raise StoreError(f"Where is MLflow? Set {ADDRESS}, as to http://127.0.0.1:5000.")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    with store.models.mirroring() as mine:
        if not mine:
            return
        try:
            _mirror(store, MlflowClient(), os.environ.get(NAME) or "ecosorter")
        except (MlflowException, RequestException) as error:  # the second, where files are sent
            said = str(error).partition("\n")[0]
            raise StoreError(
                f"MLflow at {os.environ[ADDRESS]} does not do it ({said}). The registry is as it should be, and tells "
                "MLflow the next time that something is done with --registry mlflow."
            ) from error


def _mirror(store: Store, client: MlflowClient, name: str) -> None:
    found = client.get_experiment_by_name(name)
    experiment = found.experiment_id if found else client.create_experiment(name)
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    known = {each.tags.get(ID): each for each in client.search_model_versions(f"name = '{name}'")}
    for model in reversed(store.models.all()):  # the oldest first, so that numbers grow with time
        version = known.get(str(model.id))
        if version is None:
            if not model.files:
                continue  # it came and went before anybody told MLflow
            version = _register(store, client, name, experiment, model)
        state = model.state if model.files else "erased"
        if version.tags.get(STATE) != state:
            if state == "erased":
                client.delete_run(version.run_id)  # `mlflow gc` then removes its files
            client.set_model_version_tag(name, version.version, STATE, state)
        if state in _ALIASES:
            client.set_registered_model_alias(name, state, version.version)
    if store.models.in_state("shadow") is None and "shadow" in client.get_registered_model(name).aliases:
        client.delete_registered_model_alias(name, "shadow")


def _register(store: Store, client: MlflowClient, name: str, experiment: str, model: Registered) -> Any:
    run = _run(client, experiment, model)
    with TemporaryDirectory(prefix="ecosorter-mlflow-") as folder:
        store.models.fetch(model, Path(folder))
        client.log_artifacts(run.info.run_id, folder, "bundle")
    told = {"name": model.name, "version": model.version, "parent": str(model.parent or "")}
    now = int(1000 * time.time())
    metrics = [Metric(key, value, now, 0) for key, value in _figures(model.figures or {})]
    client.log_batch(run.info.run_id, metrics, [Param(key, value) for key, value in told.items()])
    if model.figures is not None:
        client.log_dict(run.info.run_id, dict(model.figures), "figures.json")
    client.set_terminated(run.info.run_id)
    hashes = {f"ecosorter.sha256.{file}": sha256 for file, sha256 in model.files.items()}
    source = f"{run.info.artifact_uri}/bundle"
    return client.create_model_version(name, source, run.info.run_id, tags={ID: str(model.id), **hashes})


def _run(client: MlflowClient, experiment: str, model: Registered) -> Any:
    """Return the run of a model: the one that was begun before a kill, else a new one."""
    begun = client.search_runs([experiment], f"tags.`{ID}` = '{model.id}'", max_results=1)
    if begun:
        return begun[0]
    start = int(1000 * model.created.timestamp())
    return client.create_run(experiment, start, {ID: str(model.id)}, f"{model.name} {model.version}")


def _figures(figures: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield the numbers of `Figures` by name, as in ``held_out/after/accuracy`` and ``held_out/after/recall/kaca``."""
    for bound, value in figures.get("difference", {}).items():
        yield f"difference/{bound}", value
    for place in ("held_out", "bank"):
        for side, scores in figures.get(place, {}).items():
            numbers = {key: scores[key] for key in ("accuracy", "top2_accuracy", "coverage", "answered_accuracy")}
            numbers |= {f"recall/{label}": one["recall"] for label, one in scores["per_class"].items() if one["photos"]}
            for key, value in numbers.items():
                if value is not None and _KEY.fullmatch(key):
                    yield f"{place}/{side}/{key}", value
