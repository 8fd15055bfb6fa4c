"""What `deploy/` says of the service is true, and its files agree with each other."""

import json
import os
import re
import subprocess
import tomllib
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer
from packaging.specifiers import SpecifierSet

from ecosorter import __version__
from ecosorter.cli.app import app
from ecosorter.serving import admin, campaigns, classify, corrections, health, info, items, page, phone, phrases, review
from ecosorter.serving.metrics import Metrics
from tests.deploy.files import CONTAINERFILE, MANIFESTS, NGINX, ROOT, compose
from tests.test_docs import parsed

POD = MANIFESTS["deployment.yaml"]["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
(TABLES,) = POD["initContainers"]
SETTINGS = MANIFESTS["settings.yaml"]["data"]
REPLICAS = [compose["services"][f"replica-{number}"] for number in (1, 2)]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def expanded(arguments: list[str]) -> list[str]:
    """Put the settings in, as Kubernetes does."""
    return [re.sub(r"\$\((\w+)\)", lambda at: SETTINGS[at[1]], each) for each in arguments]


IMAGE = json.loads(re.findall(r"^CMD (.+)", CONTAINERFILE, re.MULTILINE)[0])
SERVED = {
    "image": IMAGE,
    "compose": REPLICAS[0]["command"][1:],
    "kubernetes": expanded(CONTAINER["args"]),
}


@pytest.fixture(params=SERVED)
def served(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The parameters of `ecosorter serve` in one of the places."""
    name, parameters = parsed(SERVED[request.param])
    assert name == "serve"
    return parameters


def seconds(text: str) -> float:
    return float(re.fullmatch(r"(\d+)s", text)[1])  # type: ignore[index]


def megabytes(text: str) -> float:
    return int(text.removesuffix("m")) * 2**20 / 1e6


def test_the_service_listens_where_others_look(served: dict[str, Any]) -> None:
    assert served["host"] == "0.0.0.0"  # noqa: S104
    assert f"EXPOSE {served['port']}\n" in CONTAINERFILE
    assert f"http://127.0.0.1:{served['port']}/healthz" in CONTAINERFILE
    assert CONTAINER["ports"] == [{"name": "http", "containerPort": served["port"]}]
    annotations = MANIFESTS["deployment.yaml"]["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(served["port"])
    upstream = re.findall(r"server (\S+):(\d+) ", NGINX)
    assert upstream == [(each["networks"]["inside"]["ipv4_address"], str(served["port"])) for each in REPLICAS]


def test_photos_come_through_and_answers_are_waited_for(served: dict[str, Any]) -> None:
    (cap,) = re.findall(r"client_max_body_size (\w+);", NGINX)
    others = MANIFESTS["ingress.yaml"]["metadata"]["annotations"].values()
    assert all(megabytes(each) >= served["max_megabytes"] for each in (cap, *others))
    assert seconds(re.findall(r"proxy_read_timeout (\w+);", NGINX)[0]) > served["answer_seconds"]


def test_a_stop_is_given_the_time_that_it_takes(served: dict[str, Any]) -> None:
    longest = served["upload_seconds"] + served["answer_seconds"]
    pause = int(CONTAINER["lifecycle"]["preStop"]["exec"]["command"][1])
    assert POD["terminationGracePeriodSeconds"] > pause + longest
    assert all(seconds(each["stop_grace_period"]) > longest for each in REPLICAS)


def test_threads_are_those_that_it_gets() -> None:
    assert parsed(SERVED["compose"])[1]["threads"] == REPLICAS[0]["cpus"]
    assert parsed(SERVED["kubernetes"])[1]["threads"] == int(CONTAINER["resources"]["limits"]["cpu"])


def test_the_proxy_is_trusted_and_nobody_else() -> None:
    at = compose["services"]["proxy"]["networks"]["inside"]["ipv4_address"]
    (net,) = compose["networks"]["inside"]["ipam"]["config"]
    assert parsed(SERVED["compose"])[1]["trusted_proxy"] == [at]
    assert all(
        ip_address(each["networks"]["inside"]["ipv4_address"]) in ip_network(net["subnet"])
        for each in (*REPLICAS, compose["services"]["proxy"])
    )
    (trusted,) = parsed(SERVED["kubernetes"])[1]["trusted_proxy"]
    assert ip_network(trusted)
    assert re.findall(r"proxy_set_header X-Forwarded-For (\S+);", NGINX) == ["$remote_addr"]


def test_probes_and_published_paths_are_routes() -> None:
    parts = (classify, info, items, corrections, phrases, review, campaigns, admin, health, page, phone)
    routers = (*(part.router for part in parts), items.pages)
    routes = {getattr(route, "path", "") for router in routers for route in router.routes} | {"/openapi.json"}
    probed = {CONTAINER[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")}
    annotations = MANIFESTS["deployment.yaml"]["spec"]["template"]["metadata"]["annotations"]
    kept_in = {*probed, annotations["prometheus.io/path"]}
    assert kept_in == {"/healthz", "/readyz", "/metrics"} <= routes
    assert CONTAINER["livenessProbe"]["httpGet"]["path"] == "/healthz"  # a database that is away is no cause to restart
    (rule,) = MANIFESTS["ingress.yaml"]["spec"]["rules"]

    def published(route: str) -> bool:
        return any(
            route == each["path"] or (each["pathType"] == "Prefix" and route.startswith(each["path"] + "/"))
            for each in rule["http"]["paths"]
        )

    assert {route for route in routes if not published(route)} == kept_in
    assert all(any(route.startswith(each["path"]) for route in routes) for each in rule["http"]["paths"])


def test_the_autoscaler_looks_at_a_figure_that_each_pod_tells() -> None:
    (metric,) = (
        each["pods"]["metric"]["name"]
        for each in MANIFESTS["autoscaler.yaml"]["spec"]["metrics"]
        if each["type"] == "Pods"
    )
    assert f"\n{metric} 0.0\n" in Metrics().text().decode()  # without labels: one figure a pod
    assert metric in (ROOT / "docs/deploy.md").read_text(encoding="utf-8")


def test_manifests_name_each_other() -> None:
    labels = MANIFESTS["deployment.yaml"]["spec"]["template"]["metadata"]["labels"]
    chosen = [
        MANIFESTS["deployment.yaml"]["spec"]["selector"]["matchLabels"],
        MANIFESTS["service.yaml"]["spec"]["selector"],
        MANIFESTS["disruption.yaml"]["spec"]["selector"]["matchLabels"],
        MANIFESTS["network.yaml"]["spec"]["podSelector"]["matchLabels"],
        POD["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
    ]
    assert chosen == [labels] * len(chosen)
    target = MANIFESTS["autoscaler.yaml"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", MANIFESTS["deployment.yaml"]["metadata"]["name"])
    assert "replicas" not in MANIFESTS["deployment.yaml"]["spec"]
    service = MANIFESTS["service.yaml"]
    (port,) = service["spec"]["ports"]
    assert port["targetPort"] in {each["name"] for each in CONTAINER["ports"]}
    backends = [each["backend"] for each in MANIFESTS["ingress.yaml"]["spec"]["rules"][0]["http"]["paths"]]
    wanted = {"service": {"name": service["metadata"]["name"], "port": {"name": port["name"]}}}
    assert backends == [wanted] * len(backends)
    assert {source["configMapRef"]["name"] for source in CONTAINER["envFrom"] if "configMapRef" in source} == {
        MANIFESTS["settings.yaml"]["metadata"]["name"]
    }


def test_variables_are_read_by_somebody() -> None:
    library = {option.envvar.decode() for option in psycopg.pq.Conninfo.get_defaults() if option.envvar}
    command: Any = typer.main.get_command(app)
    own = {name for each in command.commands["serve"].params for name in _variables(each)}
    expanded_here = set(re.findall(r"\$\((\w+)\)", " ".join(CONTAINER["args"])))
    given = {*SETTINGS, *REPLICAS[0]["environment"]}
    assert given <= own | library | expanded_here
    assert {"ECOSORTER_DATABASE", "ECOSORTER_PHOTOS_AT"} <= given & own
    assert parsed(TABLES["args"])[0] == "corrections stats"


def test_the_password_reaches_the_database_library_and_nobody_else(tmp_path: Path) -> None:
    (tmp_path / "database-password").write_text("0123abcd\n")
    passwords = tmp_path / "pgpass"
    entry = [part.replace("$$", "$").replace("/run/secrets", str(tmp_path)) for part in REPLICAS[0]["entrypoint"]]
    environment = {"PATH": os.environ["PATH"], "PGPASSFILE": str(passwords)}
    done = subprocess.run([*entry, "echo", "a b", "c"], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "a b c\n"
    assert passwords.read_text() == "*:*:*:*:0123abcd\n"  # PostgreSQL 34.16: The Password File
    assert passwords.stat().st_mode & 0o777 == 0o600
    assert REPLICAS[0]["environment"]["PGPASSFILE"].startswith(tuple(f"{at}/" for at in REPLICAS[0]["tmpfs"]))
    secret = compose["secrets"]["database-password"]["file"]
    assert f"/deploy/{Path(secret).parent}/" in (ROOT / ".gitignore").read_text().split()


def _variables(parameter: Any) -> list[str]:
    return [parameter.envvar] if isinstance(parameter.envvar, str) else list(parameter.envvar or ())


def test_the_image_is_of_this_version_and_runs_as_nobody() -> None:
    names = {each["image"] for each in (CONTAINER, TABLES, *REPLICAS)}
    assert names == {f"ecosorter:{__version__}"}
    assert f"-t ecosorter:{__version__} ." in CONTAINERFILE
    (user,) = re.findall(r"^USER (\d+)$", CONTAINERFILE, re.MULTILINE)
    assert f"--uid {user} " in CONTAINERFILE
    assert POD["securityContext"]["runAsUser"] == int(user)
    for each in (CONTAINER, TABLES):
        assert each["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    others = [each["image"] for each in compose["services"].values()]
    bases = re.findall(r"^FROM (\S+)", CONTAINERFILE, re.MULTILINE)
    assert all(re.fullmatch(r"[a-z]+:[\w.-]*\d[\w.-]*", image) for image in (*others, *bases))  # a tag, no registry


def test_the_image_gets_what_it_is_built_of() -> None:
    *ignored, last = [
        line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if not line.startswith("#")
    ]
    assert (ignored[0], last) == ("*", "**/__pycache__")
    copied = [
        name for found in re.findall(r"^COPY ([^-].+) \S+$", CONTAINERFILE, re.MULTILINE) for name in found.split()
    ]
    assert sorted(f"!{name}" for name in copied) == sorted(ignored[1:])
    assert all((ROOT / name).exists() for name in copied)
    assert set(PROJECT["license-files"]) | {PROJECT["readme"], "pyproject.toml", "constraints.txt"} <= set(copied)


def test_the_image_has_what_serving_needs_and_nothing_for_training() -> None:
    (extras,) = re.findall(r"^ARG EXTRAS=(\S+)$", CONTAINERFILE, re.MULTILINE)
    assert {"serve", "teach", "s3"} == set(extras.split(",")) <= set(PROJECT["optional-dependencies"])
    assert "ecosorter[heic]" in PROJECT["optional-dependencies"]["serve"]
    needed = [
        need for extra in ("heic", "data", *extras.split(",")) for need in PROJECT["optional-dependencies"][extra]
    ]
    pinned = [line.partition("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()]
    for need in {*PROJECT["dependencies"], *needed} - {"ecosorter[heic]", "ecosorter[data]"}:
        name = re.match(r"[\w.-]+", need)
        assert name
        assert re.sub("[-_.]", "-", name[0].lower()) in {re.sub("[-_.]", "-", each) for each in pinned}
    versions = re.findall(r"^FROM python:([\d.]+)-slim", CONTAINERFILE, re.MULTILINE)
    assert len(versions) == 2
    assert all(SpecifierSet(PROJECT["requires-python"]).contains(version) for version in versions)
