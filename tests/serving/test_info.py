from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ecosorter import guidance
from ecosorter.guidance import load_scheme
from ecosorter.serving.app import create_app
from ecosorter.serving.settings import Access
from tests.guidance.filled import filled
from tests.serving.live import running
from tests.tiny import CLASSES, tiny_bundle


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("info")
    bundle = tiny_bundle(folder / "bundle", (*CLASSES, "sepatu")).folder
    with running(create_app(bundle, access=Access(rate=0))) as at:
        yield f"{at}/v1"


def get(address: str, path: str, **query: Any) -> Any:
    answer = httpx.get(address + path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_classes_in_the_models_order(address: str) -> None:
    names = {"kaca": "Glass", "logam": "Metal", "organik": "Organic", "plastik": "Plastic", "sepatu": "sepatu"}
    assert get(address, "/classes", lang="en") == {
        "classes": [{"id": label, "name": name} for label, name in names.items()]
    }
    assert get(address, "/classes")["classes"][0] == {"id": "kaca", "name": "Kaca"}


def test_schemes_with_their_bins(address: str) -> None:
    found = get(address, "/schemes", lang="en")
    assert found["default"] == "permen-pu-2013"
    assert [scheme["id"] for scheme in found["schemes"]] == [scheme.id for scheme in guidance.schemes()]
    for scheme, known in zip(found["schemes"], guidance.schemes(), strict=True):
        assert scheme["name"] == known.name.en
        assert scheme["checked"] == known.checked.isoformat()
        assert [bin_["id"] for bin_ in scheme["bins"]] == list(known.bins)
        assert all(bin_["hex"].startswith("#") and bin_["name"] and bin_["symbol"] for bin_ in scheme["bins"])
    assert get(address, "/schemes")["schemes"][0]["name"] == guidance.schemes()[0].name.id


def test_a_waste_banks_own_scheme_is_the_default(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(filled(), encoding="utf-8")
    own = load_scheme(tmp_path / "own.toml")
    bundle = tiny_bundle(tmp_path / "bundle").folder
    with running(create_app(bundle, schemes=[own], access=Access(rate=0))) as at:
        found = get(at, "/v1/schemes")
        assert found["default"] == own.id
        assert len(found["schemes"]) == 1 + len(guidance.schemes())
        assert get(at, "/v1/guidance", candidates="kertas")["scheme"] == own.id


def test_guidance_is_the_librarys(address: str) -> None:
    assert get(address, "/guidance", candidates="kaca", answer="pecah", lang="en") == guidance.guide(
        "kaca", "permen-pu-2013", "pecah", "en"
    ).model_dump(mode="json")
    several = get(address, "/guidance", candidates=["kaca", "khusus"], scheme="lima-warna")
    assert several["cautious"]
    assert several["scheme"] == "lima-warna"
    assert get(address, "/guidance", candidates="sepatu")["reason"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"candidates": "kaca", "scheme": "nowhere"}, "unknown_scheme"),
        ({"candidates": "kaca", "answer": "mungkin"}, "unknown_answer"),
        ({"candidates": "sepatu", "answer": "pecah"}, "unknown_answer"),
        ({}, "validation"),
        ({"candidates": ""}, "validation"),
        ({"candidates": "x" * 101}, "validation"),
        ({"candidates": ["kaca"] * 51}, "validation"),
        ({"candidates": "kaca", "lang": "jv"}, "validation"),
    ],
)
def test_wrong_questions_are_told(address: str, query: dict[str, Any], code: str) -> None:
    answer = httpx.get(f"{address}/guidance", params=query)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_the_model_says_what_it_is_without_paths(address: str) -> None:
    found = get(address, "/model")
    assert found == {
        "name": "tiny",
        "version": "1",
        "created": "2026-01-31T12:00:00+00:00",
        "classes": [*CLASSES, "sepatu"],
        "metrics": {"accuracy": 1.0},
        "data": [{"name": "colours", "photos": 4, "fingerprint": "0123", "licence": "CC0-1.0"}],
    }


def test_answers_are_not_kept_by_caches(address: str) -> None:
    assert httpx.get(f"{address}/model").headers["cache-control"] == "no-store"
