"""The registry over HTTP: who may change what, and that every process follows while requests go on."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from ecosorter.bundle import MODEL
from ecosorter.serving import following
from ecosorter.serving.app import create_app
from ecosorter.serving.settings import Access, Growth
from ecosorter.serving.store import Store
from ecosorter.serving.store.models import Registered
from tests.serving.live import running
from tests.serving.store.test_models import add
from tests.serving.test_health import figures
from tests.tiny import photo, tiny_bundle

PATIENCE = 60


def until(met: Callable[[], object]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def service(store: Store, bundle: Path, **growth: Any) -> Iterator[httpx.Client]:
    app = create_app(bundle, store=store, access=Access(rate=0), growth=Growth(**growth), threads=1)
    with running(app) as address, httpx.Client(base_url=address, timeout=PATIENCE) as client:
        yield client


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return tiny_bundle(tmp_path / "bundle", version="0").folder


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_EVERY", 0.05)


@pytest.fixture
def models(store: Store, tmp_path: Path) -> list[Registered]:
    """One in use, two candidates."""
    return [add(store, tmp_path, "1", state="in_use"), add(store, tmp_path, "2"), add(store, tmp_path, "3")]


def answers(client: httpx.Client) -> str:
    answer = client.post("/v1/classify", files={"photos": photo()})
    assert answer.status_code == 200
    version: str = answer.json()["model"]["version"]
    return version


def as_admin(client: httpx.Client, store: Store, name: str = "Ani", role: Any = "admin") -> dict[str, str]:
    return {"Authorization": f"Bearer {store.tokens.create(name, role)}", "Accept-Language": "en"}


def change(client: httpx.Client, headers: dict[str, str], model: Registered, state: str, seen: int) -> httpx.Response:
    return client.post(f"/v1/admin/models/{model.id}/state", json={"state": state, "seen": seen}, headers=headers)


def test_only_admins_see_and_change_models(store: Store, bundle: Path, models: list[Registered]) -> None:
    with service(store, bundle) as client:
        reviewer = as_admin(client, store, "Budi", "reviewer")
        for headers, status in (({}, 401), (reviewer, 403)):
            assert client.get("/v1/admin/models", headers=headers).status_code == status
            assert client.post("/v1/admin/improve", headers=headers).status_code == status
            assert change(client, headers, models[1], "in_use", 3).status_code == status
    assert store.models.roles() == (models[0].id, None)


def test_an_admin_promotes_and_goes_back_and_the_second_of_two_is_told(
    store: Store, bundle: Path, models: list[Registered]
) -> None:
    with service(store, bundle) as client, service(store, bundle) as replica:
        assert (answers(client), answers(replica)) == ("1", "1")
        ani, budi = as_admin(client, store), as_admin(client, store, "Budi")
        listed = client.get("/v1/admin/models", headers=ani).json()
        assert (listed["seen"], listed["back"], listed["run"]) == (3, None, None)
        promoted = change(client, ani, models[1], "in_use", listed["seen"])
        assert promoted.status_code == 200
        assert answers(client) == "2"
        late = change(client, budi, models[2], "in_use", listed["seen"])
        assert (late.status_code, late.json()["code"]) == (409, "changed_meanwhile")
        until(lambda: answers(replica) == "2")
        now = promoted.json()
        assert now["back"] == str(models[0].id)
        assert {each["version"]: each["state"] for each in now["models"]} == {
            "1": "retired",
            "2": "in_use",
            "3": "candidate",
        }
        assert (now["changes"][0]["who"], now["changes"][0]["after"]) == ("Ani", "in_use")
        again = change(client, ani, models[1], "in_use", now["seen"])
        assert (again.status_code, again.json()["code"]) == (409, "state_impossible")
        assert change(client, ani, models[0], "in_use", now["seen"]).status_code == 200
        until(lambda: (answers(client), answers(replica)) == ("1", "1"))


def test_no_request_is_lost_while_models_change(store: Store, bundle: Path, models: list[Registered]) -> None:
    with service(store, bundle) as client:
        admin, stop, seen = as_admin(client, store), threading.Event(), list[tuple[int, str]]()

        def post() -> None:
            with httpx.Client(base_url=client.base_url, timeout=PATIENCE) as mine:
                while not stop.is_set():
                    answer = mine.post("/v1/classify", files={"photos": photo()})
                    seen.append((answer.status_code, answer.json().get("model", {}).get("version", "")))

        threads = [threading.Thread(target=post) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            number = 3
            for model in (models[1], models[2], models[0]):
                answer = change(client, admin, model, "in_use", number)
                assert answer.status_code == 200
                number = answer.json()["seen"]
                until(lambda version=model.version: (200, version) in seen)  # type: ignore[misc]
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert {status for status, _ in seen} == {200}
    assert {version for _, version in seen} == {"1", "2", "3"}


def test_damaged_files_are_refused_and_a_start_takes_the_model_before(
    store: Store, bundle: Path, models: list[Registered], tmp_path: Path
) -> None:
    with service(store, bundle) as client:
        admin = as_admin(client, store)
        (tmp_path / "photos/models" / models[2].id.hex / MODEL).write_bytes(b"broken")
        refused = change(client, admin, models[2], "in_use", 3)
        assert (refused.status_code, refused.json()["code"]) == (409, "bundle_refused")
        assert change(client, admin, models[1], "in_use", 3).status_code == 200
        (tmp_path / "photos/models" / models[1].id.hex / MODEL).write_bytes(b"broken")  # the disk, afterwards
        assert answers(client) == "2"
    for _ in range(2):  # every start comes to the same
        with service(store, bundle) as client:
            assert answers(client) == "1"
            assert client.get("/readyz").status_code == 200
            assert figures(str(client.base_url).rstrip("/"))["ecosorter_reloads_total", "refused"] >= 1
    assert store.models.roles() == (models[1].id, None)


def test_a_registry_without_models_leaves_the_folder_in_use(store: Store, bundle: Path) -> None:
    with service(store, bundle) as client:
        assert answers(client) == "0"
        first = add(store, bundle.parent, "9", state="in_use")
        until(lambda: answers(client) == first.version)
        client.headers.update(as_admin(client, store))
        assert client.post("/v1/admin/reload").json() == {"name": "tiny", "version": "9"}


def test_a_model_in_shadow_is_compared_and_answers_nobody(store: Store, bundle: Path, models: list[Registered]) -> None:
    with service(store, bundle, shadow_share=1.0) as client:
        admin = as_admin(client, store)
        assert change(client, admin, models[1], "shadow", 3).status_code == 200
        for colour in ((0, 0, 255), (0, 0, 255), (255, 255, 255)):
            found = client.post("/v1/classify", files={"photos": photo(colour)}).json()
            assert found["model"]["version"] == "1"
        until(lambda: sum(one.photos for one in store.shadows.of(models[1].id).values()) == 3)
        counted = store.shadows.of(models[1].id)
        assert {best: (one.photos, one.agreed) for best, one in counted.items()} == {"kaca": (1, 1), "plastik": (2, 2)}
        found = figures(str(client.base_url).rstrip("/"))
        assert found["ecosorter_shadow_photos_total", "yes", "plastik"] == 2
        assert found["ecosorter_shadow_seconds_count", "kaca"] == 1
        assert found["ecosorter_shadow_confidence_count", "kaca"] == 1
        listed = client.get("/v1/admin/models", headers=admin).json()
        assert {each["version"]: each["state"] for each in listed["models"]}["2"] == "shadow"
        assert change(client, admin, models[1], "candidate", listed["seen"]).status_code == 200
        until(lambda: client.post("/v1/classify", files={"photos": photo()}).status_code == 200)
        assert sum(one.photos for one in store.shadows.of(models[1].id).values()) == 3


def test_the_next_model_is_made_in_a_process_of_its_own(bundle: Path, tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "a.sqlite"), str(tmp_path / "photos")) as store, service(store, bundle) as client:
        admin = as_admin(client, store)
        assert client.post("/v1/admin/improve", headers=admin).status_code == 202

        def run() -> Any:
            return client.get("/v1/admin/models", headers=admin).json()["run"]

        until(lambda: (run() or {}).get("outcome") == "missing")
        found = run()
        assert (found["who"], found["missing"]["contributors"]) == ("Ani", [0, 8])
        assert answers(client) == "0"
        with store.improvements.one("budi"):
            busy = client.post("/v1/admin/improve", headers=admin)
        assert (busy.status_code, busy.json()["code"]) == (409, "improving_already")
