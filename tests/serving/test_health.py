from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ecosorter.bundle import MODEL, write_bundle
from ecosorter.serving.app import create_app
from ecosorter.serving.settings import Access
from ecosorter.serving.store import Store
from tests.serving.live import running
from tests.tiny import photo, tiny_bundle, tiny_info, tiny_model


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return tiny_bundle(tmp_path / "bundle").folder


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Store]:
    with Store.open(str(tmp_path / "corrections.sqlite")) as store:
        yield store


def figures(address: str) -> dict[tuple[str, ...], float]:
    """Return every figure by its name and the values of its labels, which are sorted by their names."""
    answer = httpx.get(f"{address}/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_alive_and_ready(bundle: Path, sqlite: Store) -> None:
    app = create_app(bundle, store=sqlite, access=Access(rate=0))
    with running(app) as address:
        assert httpx.get(f"{address}/healthz").json() == {"status": "ok"}
        assert httpx.get(f"{address}/readyz").json() == {"status": "ok"}
        app.state.engine._closed = True  # as while it stops
        answer = httpx.get(f"{address}/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
        assert httpx.post(f"{address}/v1/classify", files={"photos": photo()}).json()["code"] == "not_ready"
        assert httpx.get(f"{address}/healthz").status_code == 200


def test_not_ready_without_the_place_of_its_photos(bundle: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    with (
        Store.open(str(tmp_path / "corrections.sqlite"), str(photos)) as store,
        running(create_app(bundle, store=store, access=Access(rate=0))) as address,
    ):
        assert httpx.get(f"{address}/readyz").status_code == 200
        photos.rename(tmp_path / "elsewhere")
        answer = httpx.get(f"{address}/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")


def test_not_ready_while_the_disk_is_full(bundle: Path, sqlite: Store) -> None:
    resource = pytest.importorskip("resource", reason="only Unix can make a disk look full")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with running(create_app(bundle, store=sqlite, access=Access(rate=0))) as address:
        assert httpx.get(f"{address}/readyz").status_code == 200
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, before[1]))  # as full as a disk for one more photo
            full = httpx.get(f"{address}/readyz")
            alive = httpx.get(f"{address}/healthz")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert (full.status_code, full.json()["code"]) == (503, "not_ready")
        assert alive.status_code == 200
        assert httpx.get(f"{address}/readyz").status_code == 200


def test_figures_count_requests_photos_and_batches(bundle: Path) -> None:
    with running(create_app(bundle, access=Access(rate=0))) as address:
        httpx.post(f"{address}/v1/classify", files=[("photos", photo()), ("photos", photo()), ("photos", b"")])
        httpx.get(f"{address}/nothing-of-the-kind")
        httpx.request("BREW", f"{address}/v1/model")
        found = figures(address)
    assert found["ecosorter_requests_total", "POST", "/v1/classify", "200"] == 1
    assert found["ecosorter_requests_total", "GET", "other", "404"] == 1
    assert found["ecosorter_requests_total", "other", "/v1/model", "405"] == 1
    assert found["ecosorter_photos_total", "plastik", "ok"] == 2
    assert found["ecosorter_photos_total", "", "empty"] == 1
    assert found["ecosorter_batch_photos_sum",] == 2
    assert found["ecosorter_inference_seconds_sum",] > 0
    assert found["ecosorter_queue_photos",] == 0
    assert found["ecosorter_request_seconds_count", "/v1/classify"] == 1
    assert not any("nothing-of-the-kind" in label for name in found for label in name)


def reload(address: str, token: str | None) -> Any:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx.post(f"{address}/v1/admin/reload", headers=headers)


def test_an_admin_brings_in_a_new_model(bundle: Path, sqlite: Store) -> None:
    admin, reviewer = sqlite.tokens.create("Ani", "admin"), sqlite.tokens.create("Budi", "reviewer")
    with running(create_app(bundle, store=sqlite, access=Access(rate=0))) as address:
        info = httpx.get(f"{address}/v1/model").json()
        assert info["version"] == "1"
        write_bundle(bundle, tiny_model(), tiny_info(version="2"), "# new\n", replace=True)
        for token, status, code in [
            (None, 401, "token_missing"),
            ("nonsense", 401, "token_wrong"),
            (admin[:-1], 401, "token_wrong"),
            (reviewer, 403, "role_missing"),
        ]:
            answer = reload(address, token)
            assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert httpx.get(f"{address}/v1/model").json()["version"] == "1"
        assert reload(address, admin).json() == {"name": "tiny", "version": "2"}
        assert httpx.get(f"{address}/v1/model").json()["version"] == "2"
        (bundle / MODEL).write_bytes(b"broken")
        answer = reload(address, admin)
        assert (answer.status_code, answer.json()["code"]) == (409, "bundle_refused")
        assert str(bundle) not in answer.text
        assert httpx.post(f"{address}/v1/classify", files={"photos": photo()}).json()["model"]["version"] == "2"
        found = figures(address)
    assert (found["ecosorter_reloads_total", "loaded"], found["ecosorter_reloads_total", "refused"]) == (1, 1)


def test_without_a_store_nobody_can_reload(bundle: Path) -> None:
    with running(create_app(bundle, access=Access(rate=0))) as address:
        answer = reload(address, "anything")
        assert (answer.status_code, answer.json()["code"]) == (404, "no_store")
        assert httpx.get(f"{address}/readyz").status_code == 200
