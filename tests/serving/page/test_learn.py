"""The phone learns its place: from corrections and from a round through the kinds; kept, forgotten, handed on."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ecosorter.decision import Thresholds
from ecosorter.serving.app import create_app
from ecosorter.serving.settings import Access
from ecosorter.serving.store import Store
from tests.serving.page.conftest import SIZES, Service
from tests.serving.page.site import Wire, running
from tests.serving.page.steps import give, heading, with_items
from tests.serving.page.test_offline import cut, with_worker
from tests.serving.page.test_phone import fetch
from tests.serving.page.test_quality import OUTLINE, check
from tests.teaching.teachable import teachable, tinted

Visit = Callable[..., Page]
Tinted = Callable[[str, int], Path]

SIZES["tall"] = (390, 844)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with a model that can be taught, and that knows neither batteries nor nappies."""
    folder = tmp_path_factory.mktemp("learn")
    teachable(folder / "bundle", thresholds=Thresholds(confidence=0.3, conformal=0.6))
    with Store.open(str(folder / "corrections.sqlite")) as store:
        app = create_app(folder / "bundle", store=store, access=Access(rate=0), threads=1)
        with running(app) as port:
            yield Service(port, store, folder / "corrections.sqlite", "")


@pytest.fixture(scope="session")
def photo_of(tmp_path_factory: pytest.TempPathFactory) -> Tinted:
    folder = tmp_path_factory.mktemp("tinted")

    def make(label: str, seed: int) -> Path:
        path = folder / f"{label}-{seed}.jpg"
        tinted(label, seed, (640, 480)).save(path, quality=90)
        return path

    return make


def opened(visit: Visit, **more: str) -> Page:
    """Open the page with the download on the phone."""
    page = visit(size="tall", errors_expected=True, **more)
    page.wait_for_selector("#phone-fetch")
    fetch(page)
    return page


def correct(page: Page, photo: Path, label: str) -> None:
    give(page, photo)
    page.click("#feedback-wrong")
    page.check(f"input[name=truth][value={label}]")
    page.click("#sheet-send")
    page.wait_for_selector(".feedback.thanks")


def settled(page: Page) -> None:
    """Wait until nothing is left to be learnt."""
    page.wait_for_selector(".brought", timeout=60_000)


@pytest.mark.parametrize("language", ["id", "en"])
def test_what_is_corrected_is_learnt_kept_and_forgotten(
    visit: Visit, photo_of: Tinted, shots: Path, language: str
) -> None:
    glass, special = {"id": ("Kaca", "Khusus"), "en": ("Glass", "Special")}[language]
    page = opened(visit, language=language)
    give(page, photo_of("popok", 0))
    before = heading(page)
    assert before.startswith(special)
    for seed in range(1, 5):
        correct(page, photo_of("popok", seed), "kaca")
    expect(page.locator("#learn-switch")).to_be_checked()
    settled(page)
    check(page, "corrected")
    page.locator(".learn-note").scroll_into_view_if_needed()
    page.screenshot(path=shots / f"learn-{language}-corrected.png")
    give(page, photo_of("popok", 0))
    assert heading(page) == glass
    marked = page.locator("article .on-phone")
    expect(marked).to_contain_text({"id": "yang Anda ajarkan", "en": "what you taught it"}[language])
    page.screenshot(path=shots / f"learn-{language}-answer.png")

    page.click("#home")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    give(page, photo_of("popok", 0))
    assert heading(page) == glass  # it is kept

    page.click("#home")
    page.click("#place-open")
    expect(page.locator(".taught li")).to_have_count(4)
    settled(page)
    check(page, "place")
    page.screenshot(path=shots / f"learn-{language}-place.png", full_page=True)
    page.uncheck("#learn-switch")
    give(page, photo_of("popok", 0))
    assert heading(page) == before
    page.go_back()
    page.check("#learn-switch")
    page.locator(".taught button").first.click()
    expect(page.locator(".taught li")).to_have_count(3)
    page.click("#forget-all")
    check(page, "forget all")
    page.screenshot(path=shots / f"learn-{language}-forget.png")
    page.click("#forget-all-yes")
    expect(page.locator(".taught li")).to_have_count(0)
    check(page, "nothing taught")
    page.screenshot(path=shots / f"learn-{language}-empty.png", full_page=True)
    give(page, photo_of("popok", 0))
    assert heading(page) == before  # the old answer is back


@pytest.mark.parametrize("language", ["id", "en"])
def test_a_round_with_a_kind_of_ones_own_is_learnt_without_a_network(
    visit: Visit, wire: Wire, photo_of: Tinted, shots: Path, language: str
) -> None:
    page = opened(visit, language=language)
    with_worker(page)
    with_items(page)
    page.click("#place-open")
    page.click("#round-open")
    check(page, "round")
    page.screenshot(path=shots / f"round-{language}.png", full_page=True)
    page.click("#round-other")
    page.click("#kind-add")
    expect(page.locator(".sheet .error")).not_to_be_empty()
    page.fill("#kind-name", "popok")
    page.check("input[name=bin][value=residue]")
    check(page, "kind")
    page.screenshot(path=shots / f"round-{language}-kind.png")
    page.click("#kind-add")
    for label in ("popok", "organik"):
        with page.expect_file_chooser() as chooser:
            page.click(f"#round-gallery-{label}")
        chooser.value.set_files([photo_of(label, seed) for seed in range(100, 105)])
        expect(page.locator(f"#round-{label} .dots .on")).to_have_count(5)
    page.click("#round-learn", timeout=60_000)
    page.wait_for_selector(".gain .brought", timeout=60_000)
    expect(page.locator(".gain .brought")).to_contain_text("10")
    check(page, "learnt")
    page.screenshot(path=shots / f"round-{language}-learnt.png", full_page=True)
    cut(page, wire)
    page.reload()
    page.wait_for_selector("html[data-ready]")
    give(page, photo_of("popok", 200))
    assert heading(page) == "Popok"
    residue = {"id": "Residu", "en": "Residue"}[language]
    expect(page.locator(".bincard")).to_contain_text(residue)
    page.click("#feedback-right")  # teaches without a network, too
    settled(page)
    page.screenshot(path=shots / f"round-{language}-answer.png")
    page.click("#history-button")
    expect(page.locator(".rows strong").first).to_have_text("Popok")


def test_camera_after_camera(launch: Callable[..., Browser], visit: Visit, shots: Path) -> None:
    browser = launch("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
    page = opened(visit, in_browser=browser, language="en")
    page.click("#place-open")
    page.click("#round-open")
    page.click("#round-kaca")
    for count in range(1, 6):
        expect(page.locator("#camera-hint")).to_have_text(f"Glass: thing {count} of 5")
        if count == 3:
            page.screenshot(path=shots / "round-en-camera.png")
        page.click("#camera-shoot")
    expect(page.locator("#camera")).to_be_hidden()
    expect(page.locator("#round-kaca .dots .on")).to_have_count(5)
    assert page.evaluate("document.activeElement.id") == "round-kaca"
    page.context.close()
    browser.close()


def test_what_one_phone_learnt_another_takes_in(visit: Visit, photo_of: Tinted, tmp_path: Path) -> None:
    first, second = opened(visit, language="en"), opened(visit, language="en")
    for seed in range(1, 5):
        correct(first, photo_of("popok", seed), "kaca")
    settled(first)
    first.click("#note-open")
    with first.expect_download() as download:
        first.click("#learn-export")
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert file.suffix == ".ecosorter"

    def take(path: Path) -> None:
        with second.expect_file_chooser() as chooser:
            second.click("#learn-import")
        chooser.value.set_files([path])

    second.click("#place-open")
    bad = tmp_path / "bad.ecosorter"
    bad.write_text("{}")
    take(bad)
    expect(second.locator("#toast")).to_contain_text("no file of what a phone learnt")
    bad.write_text(file.read_text().replace('"width":24', '"width":12').replace('"looks":4', '"looks":8'))
    take(bad)
    expect(second.locator("#toast")).to_contain_text("damaged")
    take(file)
    expect(second.locator("#toast")).to_contain_text("4 photos added.")
    settled(second)
    give(second, photo_of("popok", 0))
    assert heading(second) == "Glass"


def test_what_was_cut_off_is_done_when_the_page_is_opened_again(visit: Visit, photo_of: Tinted) -> None:
    page = opened(visit, language="en")
    stopped = """() => {
        const post = Worker.prototype.postMessage;
        Worker.prototype.postMessage = function (message, ...more) {
            if (!['look', 'learn'].includes(message?.task)) post.call(this, message, ...more);
        };
    }"""
    page.evaluate(stopped)  # as with a phone that is put away before anything was computed
    for seed in range(1, 4):
        correct(page, photo_of("popok", seed), "kaca")
    page.wait_for_selector(".learn-status")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    page.click("#history-button")
    page.locator(".rows button").first.click()
    settled(page)
    give(page, photo_of("popok", 0))
    assert heading(page) == "Glass"


def test_another_tab_answers_with_what_this_one_learnt(visit: Visit, photo_of: Tinted) -> None:
    page = opened(visit, language="en")
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_selector("html[data-ready]")
    give(other, photo_of("popok", 0))
    assert heading(other).startswith("Special")
    for seed in range(1, 4):
        correct(page, photo_of("popok", seed), "kaca")
    settled(page)
    give(other, photo_of("popok", 5))
    assert heading(other) == "Glass"


def test_photos_of_an_older_model_are_put_aside_and_taught_again_if_they_are_there(
    visit: Visit, photo_of: Tinted, shots: Path
) -> None:
    page = opened(visit, language="en")
    for seed in range(1, 4):
        correct(page, photo_of("popok", seed), "kaca")
    settled(page)
    page.evaluate(
        """() => new Promise((done) => {
            const request = indexedDB.open('ecosorter-learn');
            request.onsuccess = () => {
                const change = request.result.transaction('photos', 'readwrite');
                const photos = change.objectStore('photos');
                photos.getAll().onsuccess = ({target}) => target.result.forEach(
                    (photo) => photos.put({...photo, model: 'f'.repeat(64)}));
                change.oncomplete = done;
            };
        })"""
    )
    page.click("#home")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    page.click("#place-open")
    expect(page.locator("[data-screen=place]")).to_contain_text("3 photos were taught for an older model")
    expect(page.locator(".taught li")).to_have_count(0)
    check(page, "put aside")
    page.screenshot(path=shots / "learn-en-aside.png", full_page=True)
    page.click("#renew")
    expect(page.locator(".taught li")).to_have_count(3)
    settled(page)


def test_a_full_disk_is_said(visit: Visit, photo_of: Tinted) -> None:
    page = opened(visit, language="en")
    page.evaluate(
        """() => {
            const put = IDBObjectStore.prototype.put;
            IDBObjectStore.prototype.put = function (value) {
                if (this.name === 'waiting') throw new DOMException('no room', 'QuotaExceededError');
                return put.call(this, value);
            };
        }"""
    )
    correct(page, photo_of("popok", 1), "kaca")
    expect(page.locator(".learn-status")).to_contain_text("no room left")


def test_where_bytes_are_dear_the_bank_is_asked_for(visit: Visit, photo_of: Tinted, shots: Path) -> None:
    page = opened(visit, language="en")
    page.evaluate("Object.defineProperty(navigator, 'connection', {value: {saveData: true}})")
    correct(page, photo_of("popok", 1), "kaca")
    page.wait_for_selector("#learn-fetch")
    check(page, "lacking")
    page.locator("#learn-fetch").scroll_into_view_if_needed()
    page.screenshot(path=shots / "learn-en-lacking.png")
    page.click("#learn-fetch")
    settled(page)


def test_learning_can_be_done_by_keyboard(visit: Visit, photo_of: Tinted) -> None:
    page = opened(visit, language="en")

    def tab_to(selector: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                assert page.evaluate(OUTLINE) == "solid", f"the focus on {selector} cannot be seen"
                return
        raise AssertionError(f"{selector} cannot be reached")

    page.focus("#phone-remove")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.id") == "place-open"
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.tagName === 'H1'")  # a screen reader begins there
    tab_to("#learn-switch")
    page.keyboard.press("Space")
    expect(page.locator("#learn-switch")).to_be_checked()
    tab_to("#round-open")
    page.keyboard.press("Enter")
    page.wait_for_selector("#round-kaca")
    page.wait_for_function("() => document.activeElement.tagName === 'H1'")
    tab_to("#round-other")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "kind-name"
    page.keyboard.type("Baterai")
    tab_to("input[name=bin]")
    page.keyboard.press("Space")
    tab_to("#kind-add")
    page.keyboard.press("Enter")
    expect(page.locator("#round-baterai")).to_be_visible()
