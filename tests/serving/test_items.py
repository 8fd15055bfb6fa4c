"""Items over HTTP, corrections with an item, and phrases that found nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from ecosorter.guidance import dictionary, load_scheme
from ecosorter.serving.app import create_app
from ecosorter.serving.settings import Access
from ecosorter.serving.store import Store
from ecosorter.serving.store.phrases import KEPT
from tests.guidance.filled import filled
from tests.serving.live import running
from tests.tiny import tiny_bundle


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("items")
    own = '\n[items.barang-kami]\nlabel = "plastik"\nname = { id = "barang kami", en = "our thing" }\n'
    (folder / "bank.toml").write_text(filled() + own, encoding="utf-8")
    with Store.open(str(folder / "corrections.sqlite")) as store:
        bank = load_scheme(folder / "bank.toml")
        bundle = tiny_bundle(folder / "bundle").folder
        app = create_app(bundle, store=store, schemes=[bank], access=Access(rate=0), threads=1, collect_phrases=True)
        headers = {"Accept-Language": "en"}
        with running(app) as at, httpx.Client(base_url=f"{at}/v1", headers=headers, timeout=60) as client:
            client.token = store.tokens.create("ani", "reviewer")  # type: ignore[attr-defined]
            yield client


def test_items_by_phrase(client: httpx.Client) -> None:
    found = client.get("/items", params={"q": "pempers", "scheme": "jakarta-2020"}).json()["items"]
    assert found == [each.model_dump(mode="json") for each in dictionary("jakarta-2020").find("pempers", "en")]
    assert client.get("/items", params={"q": "qwrtplk zxcv"}).json() == {"items": []}
    assert client.get("/items", params={"q": "barang kami", "lang": "id"}).json()["items"][0]["id"] == "barang-kami"
    assert len(client.get("/items").json()["items"]) == len(dictionary().items) + 1
    assert client.get("/items", params={"q": "a", "scheme": "none"}).json()["code"] == "unknown_scheme"


def test_guidance_for_an_item(client: httpx.Client) -> None:
    found = client.get("/items/kotak-pizza", params={"scheme": "jakarta-2020", "answer": "berminyak"}).json()
    assert found == dictionary("jakarta-2020").guide("kotak-pizza", "berminyak", "en").model_dump(mode="json")
    assert client.get("/items/none").status_code == 404
    assert client.get("/items/kotak-pizza", params={"answer": "x"}).json()["code"] == "unknown_answer"


def test_the_dictionary_is_cached_by_its_content(client: httpx.Client) -> None:
    first = client.get("/dictionary", params={"lang": "id"})
    assert first.json()["collects"] is True
    again = client.get("/dictionary", params={"lang": "id"}, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/dictionary", params={"lang": "en"}).headers["etag"] != first.headers["etag"]
    for accepted, encoding in (("gzip", "gzip"), ("gzip;q=0", None)):
        sent = client.get("/dictionary", params={"lang": "id"}, headers={"Accept-Encoding": accepted})
        assert (sent.headers.get("content-encoding"), sent.json()) == (encoding, first.json())


def test_a_correction_carries_an_item(client: httpx.Client) -> None:
    said = {
        "model": {"name": "tiny", "version": "1"},
        "best": "plastik",
        "label": None,
        "confidence": 0.4,
        "truth": "logam",
        "item": "kaleng-minuman",
        "consent": False,
        "contributor": str(uuid4()),
        "secret": "5e" * 32,
        "lang": "id",
    }

    def send(**changes: object) -> int:
        data = {"data": json.dumps(said | changes)}
        return client.post("/corrections", headers={"Idempotency-Key": str(uuid4())}, data=data).status_code

    assert send() == 201
    assert send(item=None) == 201
    for wrong in ("Kaleng Minuman", "../x", "", "x" * 65, 3):
        assert send(item=wrong) == 422


def test_phrases_are_counted_by_day_and_shown_to_reviewers(client: httpx.Client) -> None:
    def send(phrase: str) -> int:
        return client.post("/phrases", json={"phrase": phrase, "lang": "id"}).status_code

    for phrase in ("gagang pintu", "Gagang  Pintu", "ani@example.org", "0812 3456 7890", "https://x.example"):
        assert send(phrase) == 204
    assert send("x" * 61) == 422
    headers = {"Authorization": f"Bearer {client.token}"}  # type: ignore[attr-defined]
    listed = client.get("/review/phrases", headers=headers).json()["phrases"]
    assert [(each["phrase"], each["count"]) for each in listed] == [("gagang pintu", 2)]
    assert client.get("/review/phrases").status_code == 401


def test_no_more_than_two_hundred_are_kept(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "a.sqlite")) as store:
        store.phrases.add("sering", "id")
        for number in range(KEPT + 5):
            store.phrases.add("sering", "id")
            store.phrases.add(f"kata {'abcdefghijklmnopqrstuvwxyz'[number % 26]} {number}", "id")
        listed = store.phrases.listed()
        assert len(listed) == KEPT
        assert (listed[0].phrase, listed[0].count) == ("sering", KEPT + 6)


def test_without_being_asked_for_no_phrase_is_taken(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "bundle").folder
    with Store.open(str(tmp_path / "a.sqlite")) as store:
        with running(create_app(bundle, store=store, access=Access(rate=0), threads=1)) as at:
            assert httpx.post(f"{at}/v1/phrases", json={"phrase": "gagang pintu", "lang": "id"}).status_code == 404
            assert httpx.get(f"{at}/v1/dictionary").json()["collects"] is False
        assert store.phrases.listed() == []
