from io import BytesIO
from uuid import uuid4

import httpx
import pytest
from PIL import Image

from ecosorter.serving.store import Store
from tests.serving.store.said import SECRET, keep
from tests.serving.test_corrections import problem


@pytest.fixture
def ani(client: httpx.Client, store: Store) -> httpx.Client:
    """A client with a reviewer's token."""
    client.headers["Authorization"] = f"Bearer {store.tokens.create('ani', 'reviewer')}"
    return client


def test_nobody_reviews_without_a_token(client: httpx.Client, store: Store) -> None:
    correction = keep(store)
    revoked = store.tokens.create("budi", "admin")
    store.tokens.revoke("budi")
    for method, path in (
        ("GET", "/v1/review/me"),
        ("GET", "/v1/review/queue"),
        ("GET", f"/v1/review/{correction}/photo"),
        ("POST", f"/v1/review/{correction}"),
    ):
        body = {"decision": "accept"} if method == "POST" else None
        answer = client.request(method, path, json=body)
        assert problem(answer) == (401, "token_missing")
        assert answer.headers["www-authenticate"] == "Bearer"
        for wrong in ("Basic YTpi", "Bearer"):
            assert problem(client.request(method, path, json=body, headers={"Authorization": wrong}))[0] == 401
        for wrong in ("x", f"{revoked}", "eco_00000000_x", "é", SECRET, "a" * 5000):
            headers = {b"Authorization": f"Bearer {wrong}".encode()}
            assert problem(client.request(method, path, json=body, headers=headers)) == (401, "token_wrong")
    assert store.corrections.listed()[0].state == "open"


@pytest.mark.parametrize("role", ["reviewer", "admin"])
def test_a_token_says_whose_it_is(client: httpx.Client, store: Store, role: str) -> None:
    token = store.tokens.create("ani", "admin" if role == "admin" else "reviewer")
    answer = client.get("/v1/review/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.json() == {"name": "ani", "role": role}


def test_the_queue_shows_what_to_judge(ani: httpx.Client, store: Store) -> None:
    sure, unsure = keep(store, 1, confidence=0.9), keep(store, 2, confidence=0.3)
    answer = ani.get("/v1/review/queue", params={"limit": 1}).json()
    assert answer["left"] == 2
    (item,) = answer["items"]
    assert item.pop("created").endswith("Z")
    assert item == {
        "id": str(unsure),
        "best": "plastik",
        "label": None,
        "truth": "kaca",
        "item": None,
        "confidence": 0.3,
        "photo": True,
        "votes": [],
        "state": "open",
        "settled": None,
        "novelty": None,
        "weakness": None,
    }
    assert [item["id"] for item in ani.get("/v1/review/queue").json()["items"]] == [str(unsure), str(sure)]
    for limit in ("0", "101", "-1", "many", "9" * 30):
        assert problem(ani.get("/v1/review/queue", params={"limit": limit})) == (422, "validation")


def test_the_photo_is_a_plain_jpeg_that_no_cache_keeps(ani: httpx.Client, store: Store) -> None:
    correction = keep(store)
    answer = ani.get(f"/v1/review/{correction}/photo")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"
    with Image.open(BytesIO(answer.content)) as image:
        assert image.format == "JPEG"
    store.corrections.withdraw(correction, SECRET)
    for gone in (correction, uuid4()):
        assert problem(ani.get(f"/v1/review/{gone}/photo")) == (404, "not_found")
    assert problem(ani.get("/v1/review/..%2f..%2fetc%2fpasswd/photo")) == (404, "not_found")


def test_a_decision_settles_the_correction(ani: httpx.Client, store: Store) -> None:
    correction = keep(store)
    path = f"/v1/review/{correction}"
    answer = ani.post(path, json={"decision": "relabel", "label": "logam"})
    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["settled"]) == ("relabelled", "logam")
    assert answer.json()["votes"] == [{"reviewer": "ani", "decision": "relabel", "label": "logam"}]
    assert ani.get("/v1/review/queue").json() == {"items": [], "left": 0}
    again = ani.post(path, json={"decision": "accept", "label": None})
    assert (again.json()["state"], again.json()["settled"]) == ("accepted", "kaca")
    other = {"Authorization": f"Bearer {store.tokens.create('budi', 'admin')}"}
    assert problem(ani.post(path, json={"decision": "reject"}, headers=other)) == (409, "already_settled")


def test_a_decision_that_makes_no_sense_is_refused(ani: httpx.Client, store: Store) -> None:
    path = f"/v1/review/{keep(store)}"
    for body, code in (
        ({"decision": "relabel"}, "label_missing"),
        ({"decision": "relabel", "label": "sepatu"}, "unknown_class"),
        ({"decision": "relabel", "label": "other"}, "unknown_class"),
        ({"decision": "relabel", "label": "ka\x00ca"}, "validation"),
        ({"decision": "shrug"}, "validation"),
        ({"decision": "accept", "more": 1}, "validation"),
        ({}, "validation"),
        ([], "validation"),
    ):
        assert problem(ani.post(path, json=body)) == (422, code)
    lone_half = b'{"decision": "relabel", "label": "\\ud800"}'
    answer = ani.post(path, content=lone_half, headers={"Content-Type": "application/json"})
    assert problem(answer) == (422, "validation")
    assert problem(ani.post(f"/v1/review/{uuid4()}", json={"decision": "accept"})) == (404, "not_found")
    assert problem(ani.post("/v1/review/me", json={"decision": "accept"}))[0] == 422
    assert store.corrections.listed()[0].state == "open"
