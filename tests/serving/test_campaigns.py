"""What the operator asks for, and answers that are asked about at random."""

from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from ecosorter.serving.app import create_app
from ecosorter.serving.settings import Access, Growth
from ecosorter.serving.store import Store
from ecosorter.serving.store.statistics import wilson
from tests.serving.live import running
from tests.serving.store.said import SECRET, grey, keep, said
from tests.tiny import photo, tiny_bundle


def test_a_campaign_counts_what_came_for_it(client: httpx.Client, store: Store) -> None:
    keep(store, 1, truth="kaca")  # before it began
    admin = {"Authorization": f"Bearer {store.tokens.create('Ani', 'admin')}"}
    reviewer = {"Authorization": f"Bearer {store.tokens.create('Budi', 'reviewer')}"}
    assert client.get("/v1/campaigns").json() == {"campaigns": []}
    wanted = {"label": "kaca", "wanted": 30}
    assert client.post("/v1/admin/campaigns", json=wanted, headers=reviewer).status_code == 403
    assert client.post("/v1/admin/campaigns", json=wanted | {"label": "batu"}, headers=admin).status_code == 422
    assert client.post("/v1/admin/campaigns", json=wanted, headers=admin).status_code == 204
    carton = {"label": "kaca", "item": "botol-kaca", "wanted": 5}
    assert client.post("/v1/admin/campaigns", json=carton, headers=admin).status_code == 204
    came = keep(store, 2, truth="kaca", item="botol-kaca")
    rejected, relabelled, gone = (
        keep(store, 3, truth="kaca"),
        keep(store, 4, truth="logam"),
        keep(store, 5, truth="kaca"),
    )
    keep(store, 6, truth="logam")
    store.reviews.decide(rejected, "Budi", "reject")
    store.reviews.decide(relabelled, "Budi", "relabel", "kaca")
    store.corrections.withdraw(gone, SECRET)
    shown = client.get("/v1/campaigns?lang=en").json()["campaigns"]
    assert [(one["label"], one["item"], one["wanted"], one["has"]) for one in shown] == [
        ("kaca", None, 30, 2),
        ("kaca", "botol-kaca", 5, 1),
    ]
    assert shown[0]["name"] == "Glass"
    assert shown[1]["name"] not in ("Glass", "botol-kaca")
    assert came != relabelled
    path = f"/v1/admin/campaigns/{shown[0]['id']}"
    assert client.delete(path, headers=reviewer).status_code == 403
    assert client.delete(path, headers=admin).status_code == 204
    assert client.delete(path, headers=admin).status_code == 404
    assert len(client.get("/v1/campaigns").json()["campaigns"]) == 1


@pytest.mark.parametrize(("share", "asked"), [(0.0, False), (1.0, True)])
def test_a_share_of_the_answers_is_drawn_to_be_asked_about(tmp_path: Path, share: float, *, asked: bool) -> None:
    model = tiny_bundle(tmp_path / "bundle").folder
    with Store.open(str(tmp_path / "a.sqlite")) as store:
        app = create_app(model, store=store, access=Access(rate=0), growth=Growth(ask_share=share), threads=1)
        with running(app) as address:
            found = httpx.post(f"{address}/v1/classify", files=[("photos", photo()), ("photos", photo())]).json()
    assert [each["asked"] for each in found["results"]] == [asked, asked]


def test_without_a_store_nobody_is_asked(tmp_path: Path) -> None:
    app = create_app(tiny_bundle(tmp_path / "bundle").folder, access=Access(rate=0), growth=Growth(ask_share=1.0))
    with running(app) as address:
        found = httpx.post(f"{address}/v1/classify", files={"photos": photo()}).json()
        assert found["results"][0]["asked"] is False
        assert httpx.get(f"{address}/v1/campaigns").json() == {"campaigns": []}


def test_accuracy_in_use_is_that_of_the_answers_asked_about(store: Store) -> None:
    for number, (truth, asked) in enumerate([("plastik", True), ("plastik", True), ("kaca", True), ("kaca", False)]):
        store.corrections.add(uuid4(), said(truth=truth, asked=asked, consent=False), None)
        store.corrections.add(uuid4(), said(truth="logam", asked=False), grey(number))
    (month,) = store.in_use()
    assert (month.answers, month.right) == (3, 2)
    assert month.low < 2 / 3 < month.high


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"), [(0, 10, 0.0, 0.278), (10, 10, 0.722, 1.0), (81, 263, 0.255, 0.366)]
)
def test_the_interval_of_a_share(hits: int, trials: int, low: float, high: float) -> None:
    assert wilson(hits, trials) == pytest.approx((low, high), abs=0.001)
