"""The phone answers by itself: downloaded once, through bad lines, whole or not at all; and without a service."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from ecosorter.guidance import guide
from ecosorter.serving.site import write_site
from tests.serving.page.conftest import GLASS, PLASTIC, PLASTIC_OR_METAL
from tests.serving.page.site import Wire
from tests.serving.page.steps import Pictures, give, heading, with_items
from tests.serving.page.test_offline import cut, with_worker
from tests.serving.page.test_quality import check
from tests.tiny import tiny_bundle

Visit = Callable[..., Page]
PIECES = "**/phone/*.bin"


def fetch(page: Page) -> None:
    page.click("#phone-fetch")
    page.wait_for_selector("#phone-remove", timeout=60_000)


@pytest.mark.parametrize(("language", "glass"), [("id", "Kaca"), ("en", "Glass")])
def test_it_answers_without_a_network(
    visit: Visit, wire: Wire, pictures: Pictures, shots: Path, language: str, glass: str
) -> None:
    page = visit(language=language, errors_expected=True)
    with_worker(page)
    with_items(page)
    page.wait_for_selector("#phone-fetch")
    check(page, "offered")
    page.locator("#phone-place").scroll_into_view_if_needed()
    page.screenshot(path=shots / f"phone-{language}-offered.png")
    fetch(page)
    check(page, "ready")
    page.screenshot(path=shots / f"phone-{language}-ready.png")
    cut(page, wire)
    page.reload()
    page.wait_for_selector("html[data-ready]")
    give(page, pictures(GLASS))
    assert heading(page) == glass
    expect(page.locator("article .on-phone")).to_be_visible()
    page.wait_for_selector(".bincard")
    check(page, "answered")
    page.screenshot(path=shots / f"phone-{language}-answer.png")
    give(page, pictures(PLASTIC_OR_METAL), settled=".either")
    expect(page.locator(".bincard")).to_be_visible()
    page.click("#history-button")
    expect(page.locator(".rows button")).to_have_count(2)


def test_no_photo_is_sent_once_the_phone_answers(visit: Visit, pictures: Pictures) -> None:
    page = visit()
    page.wait_for_selector("#phone-fetch")
    fetch(page)
    sent: list[str] = []
    page.context.on("request", lambda asked: sent.append(asked.url) if asked.method == "POST" else None)
    give(page, pictures(GLASS))
    page.wait_for_timeout(300)
    assert sent == []


def test_a_line_that_drops_costs_what_was_under_way_and_no_more(visit: Visit, shots: Path) -> None:
    page = visit(errors_expected=True)
    page.wait_for_selector("#phone-fetch")
    asked: list[str] = []
    stopped = threading.Event()

    def decide(route: Route) -> None:
        asked.append(route.request.url)
        route.abort("connectionreset") if len(asked) > 2 and not stopped.is_set() else route.continue_()

    page.context.route(PIECES, decide)
    page.click("#phone-fetch")
    page.wait_for_selector("progress")
    while len(asked) < 3:
        page.wait_for_timeout(50)
    check(page, "coming")
    page.screenshot(path=shots / "phone-coming.png")
    stopped.set()
    page.evaluate("window.dispatchEvent(new Event('online'))")
    page.wait_for_selector("#phone-remove", timeout=60_000)
    assert len(asked) == len(set(asked)) + asked.count(asked[2]) - 1  # only the third was asked for more than once


def test_a_pause_keeps_what_has_come(visit: Visit) -> None:
    page = visit(language="en", errors_expected=True)
    page.wait_for_selector("#phone-fetch")
    held: list[Route] = []
    page.context.route(PIECES, lambda route: held.append(route))  # noqa: PLW0108 - playwright marks its handlers
    page.click("#phone-fetch")
    while not held:
        page.wait_for_timeout(50)
    page.click("#phone-pause")
    expect(page.locator("#phone-place h2")).to_have_text("Download paused")
    check(page, "paused")
    page.context.unroute(PIECES)
    fetch(page)


def test_what_comes_damaged_is_not_used(visit: Visit, pictures: Pictures) -> None:
    page = visit(errors_expected=True)
    page.wait_for_selector("#phone-fetch")
    page.context.route(PIECES, lambda route: route.fulfill(body=b"something else"))
    page.click("#phone-fetch")
    page.wait_for_timeout(500)
    assert page.evaluate("async () => (await import('/static/now/phone/parts.js')).installed()") is None
    give(page, pictures(PLASTIC))  # the service goes on answering meanwhile
    assert heading(page) == "Plastik"
    assert page.locator("article .on-phone").count() == 0


def test_an_update_comes_whole_or_not_at_all(visit: Visit, pictures: Pictures) -> None:
    page = visit(errors_expected=True)
    page.wait_for_selector("#phone-fetch")
    fetch(page)
    version = "async () => (await (await import('/static/now/phone/parts.js')).installed()).version"
    new = page.evaluate(version)
    # As on a phone that has an older list and lacks a piece of the newer one.
    page.evaluate(
        """async () => {
            const cache = await caches.open('phone');
            const kept = await (await cache.match('/phone/kept.json')).json();
            await cache.put('/phone/kept.json', new Response(JSON.stringify({...kept, version: 'old'})));
        }"""
    )
    page.context.route("**/phone/list.json", lambda route: route.abort())
    page.reload()
    page.wait_for_selector("#phone-remove")
    give(page, pictures(GLASS))
    assert page.evaluate(version) == "old"
    page.context.unroute("**/phone/list.json")
    page.click("#home")
    page.reload()
    page.wait_for_function(f"async (wanted) => (await ({version})()) === wanted", arg=new)


def test_nothing_is_fetched_unasked_where_bytes_are_dear(visit: Visit) -> None:
    page = visit(language="en")
    page.add_init_script(
        """Object.defineProperty(navigator, 'connection', {value: {saveData: true}});
        localStorage.setItem('ecosorter.phone.wanted', '1');"""
    )
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(request.url) if request.url.endswith(".bin") else None)
    page.reload()
    expect(page.locator("#phone-place h2")).to_have_text("Download paused")
    assert asked == []


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("WebAssembly.validate = () => false;", "this browser is too old"),
        ("Object.defineProperty(navigator, 'deviceMemory', {value: 1});", "too little memory"),
    ],
)
def test_a_phone_that_cannot_goes_on_with_the_service(
    visit: Visit, pictures: Pictures, script: str, words: str
) -> None:
    page = visit(language="en")
    page.add_init_script(script)
    page.reload()
    expect(page.locator("#phone-place")).to_contain_text(words)
    check(page, "cannot")
    give(page, pictures(GLASS))
    assert heading(page) == "Glass"


def test_the_download_can_be_taken_off_again(visit: Visit) -> None:
    page = visit()
    page.wait_for_selector("#phone-fetch")
    fetch(page)
    page.click("#phone-remove")
    page.wait_for_selector("#phone-fetch")
    assert page.evaluate("async () => (await (await caches.open('phone')).keys()).length") == 0


@pytest.mark.parametrize("language", ["id", "en"])
def test_the_page_says_of_classes_what_the_service_says(visit: Visit, language: str) -> None:
    page = visit(language=language)
    with_items(page)
    asked = [["kaca"], ["khusus", "plastik"], ["plastik", "khusus"], ["kertas", "kardus", "organik"], ["popok"]]
    script = """async ([labels, answer]) => {
        const app = document.querySelector('script[type=module]').src;
        const {useDictionary} = await import(app.replace('app.js', 'dictionary.js'));
        return (await useDictionary()).guide(labels, answer);
    }"""
    for labels in asked:
        said: dict[str, Any] = page.evaluate(script, [labels, ""])
        expected = guide(labels, "permen-pu-2013", None, language).model_dump(mode="json", exclude={"item"})  # type: ignore[arg-type]
        assert said == expected, labels
    said = page.evaluate(script, [["kaca"], "pecah"])
    assert said == guide("kaca", "permen-pu-2013", "pecah", language).model_dump(mode="json", exclude={"item"})  # type: ignore[arg-type]


# A site without a service


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("host")
    write_site(root / "some/where", tiny_bundle(tmp_path_factory.mktemp("site") / "bundle"))
    return root


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the library
        pass


@pytest.fixture
def host(folder: Path) -> Iterator[ThreadingHTTPServer]:
    """What `python -m http.server` starts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("language", "glass"), [("id", "Kaca"), ("en", "Glass")])
def test_a_site_under_some_path_answers_when_its_host_is_gone(
    browser: Browser, host: ThreadingHTTPServer, pictures: Pictures, shots: Path, language: str, glass: str
) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale=language, has_touch=True)
    page = context.new_page()
    wrong: list[str] = []
    address = f"http://127.0.0.1:{host.server_port}/some/where/"
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
    context.on(
        "request",
        lambda asked: None if asked.url.startswith((address, f"blob:{address[:-12]}")) else wrong.append(asked.url),
    )
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    page.wait_for_selector("#phone-fetch")
    give(page, pictures(GLASS), settled="article[data-state=waiting] #phone-fetch")
    check(page, "site, to be downloaded")
    page.screenshot(path=shots / f"site-{language}-needed.png")
    page.click("article #phone-fetch")
    page.wait_for_selector("article[data-state=done]", timeout=60_000)
    assert heading(page) == glass
    with_worker(page)
    with_items(page)
    assert wrong == []
    host.shutdown()
    host.server_close()
    context.set_offline(True)
    page.click("#home")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    give(page, pictures(PLASTIC))
    page.wait_for_selector(".bincard")
    page.click("#feedback-wrong")
    assert page.locator("#sheet-consent").count() == 0
    page.check("input[name=truth][value=logam]")
    page.click("#sheet-send")
    expect(page.locator(".feedback.thanks")).to_contain_text("on this phone" if language == "en" else "di ponsel ini")
    check(page, "site, corrected")
    page.screenshot(path=shots / f"site-{language}-corrected.png")
    context.close()
