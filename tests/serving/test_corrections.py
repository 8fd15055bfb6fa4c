import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from ecosorter.serving.app import create_app
from ecosorter.serving.settings import Access
from ecosorter.serving.store import Store
from tests.serving.live import running
from tests.serving.store.said import SECRET, files, rows
from tests.tiny import photo, tiny_bundle


def body(**changes: Any) -> dict[str, Any]:
    return {
        "model": {"name": "tiny", "version": "1"},
        "best": "plastik",
        "label": None,
        "confidence": 0.41,
        "truth": "kaca",
        "consent": True,
        "contributor": str(uuid4()),
        "secret": SECRET,
        "lang": "id",
    } | changes


def post(
    client: httpx.Client, said: dict[str, Any] | str, photo: bytes | None = None, key: str | None = None
) -> httpx.Response:
    data = said if isinstance(said, str) else json.dumps(said)
    sent = {"photo": ("../../etc/passwd", photo, "image/jpeg")} if photo is not None else {}
    return client.post(
        "/v1/corrections",
        files={"data": (None, data), **sent},  # type: ignore[arg-type]  # httpx takes parts without a file name
        headers={"Idempotency-Key": key or str(uuid4())},
    )


def problem(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()["code"]


def test_a_correction_is_kept_once_and_answered_the_same_way(client: httpx.Client, store: Store) -> None:
    key, said = str(uuid4()), body()
    first = post(client, said, photo(kind="JPEG"), key)
    again = post(client, said, photo(kind="JPEG"), key)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json()["photo_kept"] is True
    (row,) = store.corrections.listed()
    assert str(row.id) == first.json()["id"]
    assert (row.model, row.best, row.truth, row.confidence) == ("tiny 1", "plastik", "kaca", 0.41)
    assert problem(post(client, body(truth="logam"), None, key)) == (409, "key_reused")


@pytest.mark.parametrize("truth", ["plastik", "other"])
def test_the_labels_alone_are_enough(client: httpx.Client, truth: str) -> None:
    answer = post(client, body(truth=truth, label="plastik", consent=False))
    assert answer.status_code == 201
    assert answer.json()["photo_kept"] is False


def test_a_photo_without_consent_is_refused_whole(client: httpx.Client, database: str, tmp_path: Path) -> None:
    assert problem(post(client, body(consent=False), photo())) == (422, "consent_missing")
    assert rows(database) == []
    assert files(tmp_path / "photos") == set()


def test_a_photo_that_cannot_be_used_is_refused_in_the_callers_language(client: httpx.Client, database: str) -> None:
    for content, words in ((b"", "empty"), (b"plain text", "text"), (photo(kind="JPEG", size=(99, 99))[:-99], "early")):
        answer = post(client, body(), content)
        assert problem(answer) == (422, "photo_unusable")
        assert words in answer.json()["detail"]
    client.headers["Accept-Language"] = "id"
    assert "kosong" in post(client, body(), b"").json()["detail"]
    assert rows(database) == []


NONSENSE: tuple[dict[str, Any], ...] = (
    {"truth": ""},
    {"truth": "a" * 65},
    {"truth": "ka\x00ca"},
    {"best": "\x1b[31m"},
    {"best": None},
    {"label": 7},
    {"confidence": 1.5},
    {"confidence": float("nan")},
    {"confidence": "high"},
    {"consent": "yes"},
    {"consent": 1},
    {"contributor": "me"},
    {"secret": "short"},
    {"secret": "G" * 64},
    {"lang": "fr"},
    {"model": {"name": "tiny"}},
    {"model": {"name": "tiny", "version": "1", "path": "/etc/passwd"}},
    {"more": 1},
)


def test_nonsense_is_refused(client: httpx.Client, database: str) -> None:
    for changes in NONSENSE:
        assert problem(post(client, body(**changes))) == (422, "validation"), changes
    assert rows(database) == []


def test_other_nonsense_is_refused(client: httpx.Client, database: str) -> None:
    lone_half = json.dumps(body()).replace("plastik", "\\ud800")
    for data in ("", "{", "[]", "null", "[" * 100_000, lone_half):
        assert problem(post(client, data)) == (422, "validation")
    for key in ("1", "x" * 5000, "'; DROP TABLE corrections; --"):
        assert problem(post(client, body(), key=key)) == (422, "validation")
    assert problem(client.post("/v1/corrections", json=body())) == (422, "validation")
    assert problem(post(client, body(truth="sepatu"))) == (422, "unknown_class")
    assert rows(database) == []


def test_whatever_a_class_is_called_in_another_model_is_kept(client: httpx.Client, store: Store) -> None:
    assert post(client, body(best="gelas ☕ '; --", label="gelas ☕ '; --")).status_code == 201
    assert [row.best for row in store.corrections.listed()] == ["gelas ☕ '; --"]


def withdraw(client: httpx.Client, correction: str, secret: str | None = SECRET) -> httpx.Response:
    headers = {} if secret is None else {b"Authorization": f"Bearer {secret}".encode()}
    return client.delete(f"/v1/corrections/{correction}/photo", headers=headers)


def test_whoever_has_the_secret_takes_the_photo_back(client: httpx.Client, store: Store, tmp_path: Path) -> None:
    correction = post(client, body(), photo()).json()["id"]
    assert len(files(tmp_path / "photos")) == 1
    assert problem(withdraw(client, correction, None)) == (401, "token_missing")
    assert problem(withdraw(client, correction, "é" * 64)) == (403, "secret_wrong")
    assert problem(withdraw(client, correction, "00" * 32)) == (403, "secret_wrong")
    assert problem(withdraw(client, str(uuid4()))) == (404, "not_found")
    assert problem(withdraw(client, "mine")) == (422, "validation")
    assert problem(withdraw(client, "..%2f..%2fetc")) == (404, "not_found")
    assert len(files(tmp_path / "photos")) == 1
    for _ in range(2):
        answer = withdraw(client, correction)
        assert (answer.status_code, answer.content) == (204, b"")
    assert files(tmp_path / "photos") == set()
    assert [(row.consent, row.truth) for row in store.corrections.listed()] == [("withdrawn", "kaca")]


def test_a_place_for_photos_that_is_gone_is_said_and_tried_again(client: httpx.Client, tmp_path: Path) -> None:
    key, said = str(uuid4()), body()
    (tmp_path / "photos").rmdir()
    (tmp_path / "photos").write_text("a file in its place")
    answer = post(client, said, photo(), key)
    assert problem(answer) == (503, "store_unavailable")
    assert answer.headers["retry-after"]
    (tmp_path / "photos").unlink()
    (tmp_path / "photos").mkdir()
    assert post(client, said, photo(), key).json()["photo_kept"] is True


def test_a_service_without_a_store_says_so(tmp_path: Path) -> None:
    app = create_app(tiny_bundle(tmp_path / "bundle").folder, access=Access(rate=0), threads=1)
    with running(app) as address, httpx.Client(base_url=address) as client:
        assert problem(post(client, body())) == (404, "no_store")
        assert problem(client.get("/v1/review/me", headers={"Authorization": "Bearer x"})) == (404, "no_store")
