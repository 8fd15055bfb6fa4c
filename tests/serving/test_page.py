"""The page's files: their words, how they are sent and kept, and what they weigh."""

import gzip
import json
import re
import shutil
import subprocess
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from ecosorter.serving import frontend, page
from ecosorter.serving.frontend import AT_ROOT, Frontend
from ecosorter.texts import texts

WEB = Path(str(files("ecosorter.serving"))) / "web"
SCRIPTS = sorted(path.relative_to(WEB).as_posix() for path in WEB.rglob("*.js"))
OF_STAFF = {"review.js", "admin.js", "door.js", "figures.js", "confusion.js", "drift.js"}
KEYS = set(texts("page", "id"))
ASKED_BY_PREFIX = {"certainty_sure", "certainty_likely", "certainty_unsure"}  # word(`certainty_${level}`)
ASKED_BY_PREFIX |= {f"phone_cannot_{why}" for why in ("place", "memory", "browser", "failed")}
ASKED_BY_PREFIX |= {f"phone_paused_{problem}" for problem in ("kept", "line", "full")}
ASKED_BY_PREFIX |= {f"learn_{how}" for how in ("fetching", "fitting", "full", "unread", "line", "failed")}
ASKED_BY_PREFIX |= {f"file_{code}" for code in ("too_large", "not_ours", "other_version", "damaged")}


@pytest.fixture(scope="module")
def client() -> TestClient:
    app = FastAPI()
    app.include_router(page.router)
    return TestClient(app)


def said_in_documents() -> set[str]:
    return {key for path in WEB.glob("*.html") for key in re.findall(r'data-(?:text|label)="(\w+)"', path.read_text())}


def said_in_scripts() -> set[str]:
    text = "\n".join((WEB / name).read_text() for name in SCRIPTS)
    return {each for each in re.findall(r'"([a-z_]+)"', text) if each in KEYS}


def test_every_word_that_is_asked_for_exists_and_every_word_is_asked_for() -> None:
    asked = {key for name in SCRIPTS for key in re.findall(r'\bword\("(\w+)"', (WEB / name).read_text())}
    assert said_in_documents() | asked <= KEYS
    used = said_in_documents() | said_in_scripts() | ASKED_BY_PREFIX | {"app_description"}
    used |= {f"review_{each}" for each in ("accept", "reject", "next", "relabel")}  # word(`review_${name}`)
    used |= {f"{key}_one" for key in used}
    assert used >= KEYS


def test_no_words_stand_in_the_documents() -> None:
    for path in WEB.glob("*.html"):
        bare = re.sub(r"<noscript>.*?</noscript>|<!doctype html>", "", path.read_text(), flags=re.DOTALL)
        said = {text.strip() for text in re.findall(r">([^<>{}]+)<", bare)} - {""}
        assert said <= {"EcoSorter"}, path.name


@pytest.mark.parametrize(("language", "heading"), [("id", "Buang ke mana, ya?"), ("en", "Which bin is it?")])
def test_the_document_comes_in_the_browsers_language(client: TestClient, language: str, heading: str) -> None:
    answer = client.get("/", headers={"Accept-Language": f"fr, {language};q=0.8"})
    assert f'<html lang="{language}">' in answer.text
    assert f'data-text="start_heading">{heading}</h1>' in answer.text
    assert "{{" not in answer.text
    assert not re.search(r'data-text="\w+"[^>]*></', answer.text)


def test_words_come_as_json(client: TestClient) -> None:
    for language in ("id", "en"):
        assert client.get(f"/texts/{language}.json").json() == texts("page", language)
    assert client.get("/texts/fr.json").status_code == 404


def test_what_is_named_by_its_version_is_kept_and_the_rest_asked_for_again(client: TestClient) -> None:
    document = client.get("/")
    (script,) = re.findall(r'script type="module" src="([^"]+)"', document.text)
    assert "immutable" in client.get(script.removeprefix(".")).headers["cache-control"]
    assert client.get("/static/old/app.js").headers["cache-control"] == "no-cache"
    for path in ("/", "/review", "/admin", "/texts/id.json", "/sw.js", "/offline.js", "/manifest.webmanifest"):
        answer = client.get(path)
        assert answer.headers["cache-control"] == "no-cache", path
        again = client.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b""), path


def test_text_is_sent_zipped_to_those_who_take_it(client: TestClient) -> None:
    with client.stream("GET", "/static/now/app.css", headers={"Accept-Encoding": "gzip"}) as answer:
        zipped = b"".join(answer.iter_raw())
        assert answer.headers["content-encoding"] == "gzip"
    plain = client.get("/static/now/app.css", headers={"Accept-Encoding": "identity"})
    assert gzip.decompress(zipped) == plain.content == (WEB / "app.css").read_bytes()
    assert len(zipped) < len(plain.content) / 2


@pytest.mark.parametrize(
    "path", ["../page.py", "..%2Fpage.py", "%2e%2e/app.py", "index.html", "sw.js", "icons", "/etc/passwd", ""]
)
def test_nothing_else_is_sent(client: TestClient, path: str) -> None:
    assert client.get(f"/static/now/{path}").status_code == 404


def test_the_manifest_has_icons_of_the_sizes_it_says(client: TestClient) -> None:
    manifest = json.loads(client.get("/manifest.webmanifest").text)
    assert {icon["purpose"] for icon in manifest["icons"]} == {"any", "maskable"}
    for icon in manifest["icons"]:
        answer = client.get(icon["src"].removeprefix("."))
        assert answer.headers["content-type"].split(";")[0] == icon["type"]
        if icon["type"] == "image/png":
            with Image.open(BytesIO(answer.content)) as image:
                assert "{}x{}".format(*image.size) == icon["sizes"]


def test_the_worker_keeps_files_that_exist_and_all_scripts_of_the_page(client: TestClient) -> None:
    worker = client.get("/offline.js")
    assert worker.headers["content-type"].startswith("text/javascript")
    assert 'import "./offline.js";' in client.get("/sw.js").text
    kept = [each for listed in re.findall(r"= (\[.*?\])\.map", worker.text) for each in json.loads(listed)]
    assert len(kept) == len(set(kept))
    assert all(client.get(path.removeprefix(".")).status_code == 200 for path in kept)
    wanted = set(SCRIPTS) - {*AT_ROOT, *OF_STAFF}
    assert wanted == {path.split("/", 3)[3] for path in kept if path.endswith(".js")}


def test_a_word_that_changes_changes_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Frontend().version
    assert Frontend().version == before
    monkeypatch.setattr(frontend, "words", lambda _: frontend._asset("words.json", b"{}"))
    assert Frontend().version != before


def test_a_static_page_says_where_its_service_is_and_is_a_version_of_its_own() -> None:
    ours, alone = Frontend(), Frontend(static_site=True)
    elsewhere = Frontend(static_site=True, service="https://sorting.example.org/")
    assert b"SERVICE = BASE;" in ours.static["host.js"].body
    assert b"SERVICE = null;" in alone.static["host.js"].body
    assert b'SERVICE = "https://sorting.example.org/";' in elsewhere.static["host.js"].body
    assert len({ours.version, alone.version, elsewhere.version}) == 3


@pytest.mark.parametrize("path", sorted(WEB.rglob("*.*")), ids=lambda path: path.name)
def test_files_name_no_other_site_and_keep_to_the_policy(path: Path) -> None:
    if path.suffix == ".png":
        return
    text = path.read_text()
    addresses = [each for each in re.findall(r"https?://[^\s\"'`)]+", text) if each != "http://www.w3.org/2000/svg"]
    assert addresses == []
    assert "innerHTML" not in text
    assert "insertAdjacentHTML" not in text
    if path.suffix == ".html":
        assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)", text)
    assert len(text.splitlines()) <= 200 or path.suffix == ".css"


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_parse(name: str) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    script = Frontend().filled(name, "id").body if name in AT_ROOT else (WEB / name).read_bytes()
    checked = subprocess.run([node, "--input-type=module", "--check"], input=script, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr.decode()
