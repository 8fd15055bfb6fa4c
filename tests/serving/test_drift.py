import math
from datetime import date, timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecosorter.serving import following
from ecosorter.serving.app import create_app
from ecosorter.serving.drift import stability_index
from ecosorter.serving.settings import Access
from ecosorter.serving.store import Store
from ecosorter.serving.store.answers import Answered, monday
from ecosorter.serving.store.tables import now
from tests.serving.live import running
from tests.serving.test_admin import until
from tests.teaching.teachable import teachable, tinted
from tests.tiny import encoded

COUNTS = st.dictionaries(st.sampled_from(["kaca", "kertas", "logam", "plastik"]), st.integers(0, 5000), min_size=1)


def test_the_index_of_large_counts_is_that_of_the_formula() -> None:
    expected = (0.8 - 0.5) * math.log(0.8 / 0.5) + (0.2 - 0.5) * math.log(0.2 / 0.5)
    found = stability_index({"kaca": 500_000, "logam": 500_000}, {"kaca": 800_000, "logam": 200_000})
    assert found == pytest.approx(expected, rel=1e-4)


@given(COUNTS, COUNTS)
def test_the_index_is_never_negative_always_finite_and_the_same_both_ways(
    before: dict[str, int], after: dict[str, int]
) -> None:
    index = stability_index(before, after)
    assert 0 <= index < math.inf
    assert index == pytest.approx(stability_index(after, before))


@given(COUNTS, st.integers(1, 9))
def test_the_same_shares_have_no_index_to_speak_of(counts: dict[str, int], times: int) -> None:
    counts = {name: number + 100 for name, number in counts.items()}
    assert stability_index(counts, {name: number * times for name, number in counts.items()}) < 0.01


def _this_monday() -> date:
    return monday(now().date())


def test_weeks_are_compared_with_the_twelve_before(client: httpx.Client, store: Store) -> None:
    def week(back: int, **photos: int) -> None:
        day = _this_monday() - timedelta(weeks=back)
        store.answers.add({(day, seen): Answered(number, 10, 3.0, 1) for seen, number in photos.items()})

    week(40, kaca=1000)  # too long ago to be shown
    week(27, logam=200)  # not shown, and what the first one is compared with
    week(15, kaca=100, logam=100)
    week(2, kaca=50, logam=50)
    week(1, kaca=95, logam=5)
    week(0, kaca=9)
    headers = {"Authorization": f"Bearer {store.tokens.create('Ani', 'admin')}"}
    weeks = client.get("/v1/admin/drift", headers=headers).json()["weeks"]
    assert [each["week"] for each in weeks] == [str(_this_monday() - timedelta(weeks=n)) for n in (15, 2, 1, 0)]
    assert [each["photos"] for each in weeks] == [200, 100, 100, 9]
    assert weeks[2]["shares"] == {"kaca": 0.95, "logam": 0.05}
    assert (weeks[0]["distance"], weeks[0]["far"]) == (pytest.approx(0.3), pytest.approx(0.1))
    assert [each["change"] for each in weeks] == ["significant", None, "significant", None]
    assert weeks[2]["stability_index"] == pytest.approx(
        stability_index({"kaca": 50, "logam": 50}, {"kaca": 95, "logam": 5})
    )


def test_only_admins_see_it(client: httpx.Client, store: Store) -> None:
    assert client.get("/v1/admin/drift").status_code == 401
    reviewer = {"Authorization": f"Bearer {store.tokens.create('Budi', 'reviewer')}"}
    assert client.get("/v1/admin/drift", headers=reviewer).status_code == 403


def test_what_the_service_answers_is_counted_and_measured(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_EVERY", 0.05)
    bundle = teachable(tmp_path / "model").folder
    app = create_app(bundle, store=store, access=Access(rate=0), threads=1)
    headers = {"Authorization": f"Bearer {store.tokens.create('Ani', 'admin')}"}
    with running(app) as address, httpx.Client(base_url=address, timeout=60) as client:
        assert client.get("/v1/admin/drift", headers=headers).json() == {"weeks": []}
        for number, tint in enumerate(("kaca", "kaca", "popok", "organik")):
            files = {"photos": encoded(tinted(tint, number), "PNG")}
            assert client.post("/v1/classify", files=files).status_code == 200
        client.post("/v1/classify", files={"photos": b"no photo"})

        def photos() -> int:
            return sum(each["photos"] for each in client.get("/v1/admin/drift", headers=headers).json()["weeks"])

        until(lambda: photos() == 4)
        (week,) = client.get("/v1/admin/drift", headers=headers).json()["weeks"]
    assert week["week"] == str(_this_monday())
    assert sum(week["shares"].values()) == pytest.approx(1)
    assert 0 < week["distance"] < 1
    assert week["stability_index"] is None
