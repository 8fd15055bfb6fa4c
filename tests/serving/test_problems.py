import ast
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.exceptions import HTTPException

import ecosorter.serving
from ecosorter.errors import PhotoError, StoreError
from ecosorter.serving.problems import (
    MEDIA_TYPE,
    Problem,
    ProblemDocument,
    Speak,
    add_problem_handlers,
    problem_words,
    request_language,
)
from ecosorter.texts import LANGUAGES, Language, texts
from tests.serving.live import running


def scope(query: str = "", accept: str | None = None) -> dict[str, Any]:
    headers = [] if accept is None else [(b"accept-language", accept.encode("latin-1"))]
    return {"type": "http", "query_string": query.encode("latin-1"), "headers": headers, "path": "/"}


@pytest.mark.parametrize(
    ("query", "accept", "language"),
    [
        ("", None, "id"),
        ("lang=en", None, "en"),
        ("lang=id", "en", "id"),
        ("lang=fr", "en", "en"),
        ("a=b&lang=en", "id", "en"),
        ("", "en-GB,en;q=0.9,id;q=0.8", "en"),
        ("", "fr, id;q=0.4, en;q=0.5", "en"),
        ("", "id-ID,id;q=0.9,en-US;q=0.8", "id"),
        ("", "ms-MY, en;q=0.1", "id"),
        ("", "fr", "id"),
        ("", "en;q=0", "id"),
        ("", "en;q=9999, ;;;, \xff, id", "id"),
        ("lang=%ff%00", "*", "id"),
    ],
)
def test_the_callers_language(query: str, accept: str | None, language: Language) -> None:
    assert request_language(scope(query, accept)) == language


@pytest.fixture(scope="module")
def address() -> Any:
    app = FastAPI(openapi_url=None)
    add_problem_handlers(app)

    @app.get("/healthz")
    def healthz() -> None: ...

    @app.get("/full")
    def full() -> None:
        raise Problem("queue_full", 503, headers={"Retry-After": "7"}, seconds=7)

    @app.get("/teapot")
    def teapot() -> None:
        raise HTTPException(418)

    @app.get("/store")
    def store() -> None:
        raise StoreError("postgresql://user:password@host is gone")

    @app.get("/number")
    def number(speak: Speak, n: int) -> str:
        return speak * n

    with running(app) as at:
        yield at


def document(answer: httpx.Response) -> ProblemDocument:
    assert answer.headers["content-type"] == MEDIA_TYPE
    found = ProblemDocument.model_validate_json(answer.content)
    assert found.status == answer.status_code
    assert found.type == f"urn:ecosorter:problem:{found.code}"
    return found


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/full", 503, "queue_full"),
        ("/nothing", 404, "not_found"),
        ("/teapot", 418, "bad_request"),
        ("/store", 503, "store_unavailable"),
        ("/number?n=x", 422, "validation"),
    ],
)
def test_every_error_is_a_problem_document(address: str, path: str, status: int, code: str, language: Language) -> None:
    answer = httpx.get(address + path, headers={"Accept-Language": language})
    found = document(answer)
    assert (found.status, found.code, found.instance) == (status, code, path.partition("?")[0])
    assert found.title == texts("problems", language)[code]
    assert answer.headers["content-language"] == language
    assert "password" not in answer.text


def test_headers_and_fields_of_a_problem(address: str) -> None:
    answer = httpx.get(f"{address}/full?lang=en")
    assert answer.headers["retry-after"] == "7"
    assert "7 seconds" in document(answer).detail


def test_a_wrong_method_is_told_the_right_ones(address: str) -> None:
    answer = httpx.post(f"{address}/number")
    assert document(answer).code == "method_not_allowed"
    assert answer.headers["allow"] == "GET"


def test_what_is_wrong_is_named_but_not_repeated(address: str) -> None:
    answer = httpx.get(f"{address}/number?n=secret&lang=xx")
    errors = document(answer).errors or []
    assert [error["where"] for error in errors] == ["query.lang", "query.n"]
    assert "secret" not in answer.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_status_of_a_photo_has_a_problem(language: Language) -> None:
    for error in PhotoError.__subclasses__():
        title, detail = problem_words(f"photo_{error.status}", language, {})
        assert title
        assert detail[0].isupper()
        assert detail.endswith(".")


def test_codes_and_words_go_together() -> None:
    source = Path(ecosorter.serving.__file__).parent
    used = {"bad_request", "not_found", "method_not_allowed", "too_many_bytes", "internal"}  # those of plain statuses
    for path in source.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Problem":
                code = node.args[0]
                if isinstance(code, ast.Constant):
                    used.add(code.value)
    words = texts("problems", "en")
    assert {key for key in words if not key.endswith("_detail")} == used | {"photo_unusable"}
    assert all(f"{code}_detail" in words for code in used)
    assert all(re.fullmatch(r"[a-z_]+", code) for code in used)
