"""Manifests are what Kubernetes and compose take, by their own schemas: there is no container engine to try them in."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.deploy.files import COMPOSE, MANIFESTS, ROOT

KUBERNETES = ("1.32", "1.37")  # the oldest and the newest that somebody may be expected to have


@pytest.mark.parametrize("name", [name for name in MANIFESTS if name != "kustomization.yaml"])
@pytest.mark.parametrize("version", KUBERNETES)
def test_manifests_fit_the_schema_of_kubernetes(name: str, version: str) -> None:
    kubernetes_validate.validate(MANIFESTS[name], version, strict=True)


@pytest.mark.parametrize(
    ("name", "path", "wrong"),
    [
        ("deployment.yaml", ("spec", "template", "spec", "containers", 0, "livenessProbe", "periodSeconds"), "10s"),
        ("autoscaler.yaml", ("spec", "metrics", 0, "pods", "metrics"), {}),
        ("service.yaml", ("kind",), "Services"),
    ],
)
def test_a_wrong_manifest_would_be_noticed(name: str, path: tuple[Any, ...], wrong: Any) -> None:
    manifest = yaml.safe_load(yaml.safe_dump(MANIFESTS[name]))  # a copy
    inner = manifest
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = wrong
    with pytest.raises((kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError)):
        kubernetes_validate.validate(manifest, KUBERNETES[-1], strict=True)


def test_the_kustomization_has_every_manifest() -> None:
    assert sorted([*MANIFESTS["kustomization.yaml"]["resources"], "kustomization.yaml"]) == sorted(MANIFESTS)


def test_the_compose_file_fits_the_compose_specification(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(COMPOSE.read_text(encoding="utf-8").replace("restart:", "restarts:"), encoding="utf-8")
    assert check(COMPOSE).returncode == 0, check(COMPOSE).stdout
    assert "restarts" in check(wrong).stdout


def check(file: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
