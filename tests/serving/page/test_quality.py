"""What holds on every screen: accessible, no sideways scrolling, small, usable by keyboard alone."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.base import AxeResults  # type: ignore[import-untyped]
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, FileChooser, Page, Route, expect

from ecosorter.guidance import schemes
from ecosorter.texts import LANGUAGES
from tests.serving.page.conftest import GLASS, SIZES, Service
from tests.serving.page.site import Wire
from tests.serving.page.steps import Pictures, give, walk, with_items
from tests.serving.page.test_review import add, sign_in
from tests.tiny import photo

Visit = Callable[..., Page]

_STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def barriers(page: Page, only: list[str]) -> str:
    """Return what axe-core finds; empty where there is nothing."""
    axe = Axe()
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe.axe_script)
    options = {"resultTypes": ["violations"], "runOnly": only}
    found = AxeResults(page.evaluate("options => axe.run(options)", options))
    return found.generate_report() if found.violations_count else ""


def check(page: Page, name: str) -> None:
    """Look for barriers in light and dark, and for what sticks out, from a small phone to a desktop."""
    size = page.viewport_size
    assert size is not None
    page.emulate_media(color_scheme="dark")
    assert barriers(page, ["color-contrast"]) == "", f"{name}, dark"
    page.emulate_media(color_scheme="light")
    assert barriers(page, _STANDARDS) == "", name
    for width, height in SIZES.values():
        page.set_viewport_size({"width": width, "height": height})
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{name} is {wide} wide at {width}"
        assert page.evaluate(_SMALL_TARGETS) == [], f"{name} at {width}"
    page.set_viewport_size(size)


# Targets that can be seen and are smaller than 44 px, but for links inside a text and inputs inside a label.
_SMALL_TARGETS = """() => [...document.querySelectorAll('button, a[href], select, label:has(input), summary')]
    .filter((each) => each.checkVisibility() && !each.closest('.skip, details ul'))
    .filter((each) => {
        const {width, height} = each.getBoundingClientRect();
        return width && (width < 43.5 || height < 43.5);
    })
    .map((each) => each.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize(("size", "language"), [("phone", "id"), ("desktop", "en")])
def test_no_screen_has_barriers(
    visit: Visit, pictures: Pictures, shots: Path, tmp_path: Path, size: str, language: str
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(photo(kind="JPEG", size=(400, 400))[:300])
    page = visit(size=size, language=language, errors_expected=True)  # there is no camera
    for name in walk(page, pictures, broken, correct=True):
        check(page, name)
        page.screenshot(path=shots / f"{size}-{language}-{name}.png")


@pytest.mark.parametrize("language", ["id", "en"])
def test_the_review_page_has_no_barriers(visit: Visit, service: Service, shots: Path, language: str) -> None:
    add(service, "logam", with_photo=True)
    page = visit(path="/review", language=language)
    check(page, "door")
    sign_in(page, service.token)
    page.wait_for_selector(".case")
    check(page, "case")
    page.screenshot(path=shots / f"review-{language}.png")


def test_the_first_load_is_small_and_the_items_come_after_it(browser: Browser, wire: Wire) -> None:
    context = browser.new_context()
    page = context.new_page()
    held: list[Route] = []
    page.route("**/v1/dictionary?*", lambda route: held.append(route))  # noqa: PLW0108 - playwright marks its handlers
    page.goto(wire.address)
    page.wait_for_selector("html[data-ready]")
    page.evaluate("async () => { await navigator.serviceWorker.ready; }")  # with all that is kept for later
    while not held:
        page.wait_for_timeout(50)
    assert 20_000 < wire.sent < 110_000
    assert wire.answers <= 60
    context.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_items_of_a_language_are_small(wire: Wire, language: str) -> None:
    for scheme in schemes():
        answer = httpx.get(f"{wire.address}/v1/dictionary", params={"lang": language, "scheme": scheme.id})
        assert answer.headers["content-encoding"] == "gzip"
        assert int(answer.headers["content-length"]) <= 60_000


def test_the_next_visit_asks_what_the_service_knows_and_nothing_of_the_page(visit: Visit, wire: Wire) -> None:
    page = visit()
    page.evaluate("async () => { await navigator.serviceWorker.ready; }")
    with_items(page)
    first = wire.sent
    page.reload()
    page.wait_for_selector("html[data-ready]")
    page.wait_for_timeout(500)
    assert wire.sent - first < 20_000


OUTLINE = """() => {
    const {activeElement} = document;
    return getComputedStyle(activeElement.closest('.choice') ?? activeElement).outlineStyle;
}"""


def test_everything_can_be_done_by_keyboard(visit: Visit, pictures: Pictures) -> None:
    page = visit(size="desktop", language="en")
    choosers: list[FileChooser] = []
    page.on("filechooser", lambda chooser: choosers.append(chooser))  # noqa: PLW0108 - playwright marks its handlers

    def tab_to(selector: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                outline = page.evaluate(OUTLINE)
                assert outline == "solid", f"the focus on {selector} cannot be seen"
                return
        raise AssertionError(f"{selector} cannot be reached")

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    tab_to("#gallery")
    page.keyboard.press("Enter")
    while not choosers:
        page.wait_for_timeout(50)
    choosers[0].set_files([pictures(GLASS)])
    page.wait_for_selector("article[data-state=done]")
    assert page.evaluate("document.activeElement.tagName") == "H1"  # a screen reader begins at the answer
    tab_to("input[name=answer]")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#answer-pakai_lagi")).to_be_checked()
    tab_to("#feedback-wrong")
    page.keyboard.press("Enter")
    tab_to("input[name=truth]")
    page.keyboard.press("Space")
    tab_to("#sheet-send")
    page.keyboard.press("Enter")
    expect(page.locator(".feedback")).to_contain_text("Thank you!")
    tab_to("#again-gallery")


def test_the_focus_stays_where_a_person_has_gone_on_to(visit: Visit, pictures: Pictures) -> None:
    """A slow network brings the advice for an answer when the person is already at the next control."""
    page = visit(size="desktop", language="en")
    held: list[Route] = []
    give(page, pictures(GLASS))
    page.route("**/v1/guidance?*", lambda route: held.append(route))  # noqa: PLW0108 - playwright marks its handlers
    page.check("#answer-pakai_lagi")
    while not held:
        page.wait_for_timeout(50)
    page.focus("#feedback-wrong")
    before = page.query_selector("#feedback-wrong")
    for route in held:
        route.continue_()
    page.wait_for_function("before => !before.isConnected", arg=before)  # the answer was drawn anew
    assert page.evaluate("document.activeElement.id") == "feedback-wrong"


def test_the_page_works_on_a_plain_address_of_the_home_network(visit: Visit, pictures: Pictures) -> None:
    """On http in a home network a browser offers no camera, no worker, no locks and no randomUUID."""
    page = visit(errors_expected=True)
    page.add_init_script(
        """for (const name of ['serviceWorker', 'mediaDevices', 'locks']) {
            Object.defineProperty(navigator, name, {value: undefined});
        }
        crypto.randomUUID = undefined;"""
    )
    page.reload()
    page.wait_for_selector("html[data-ready]")
    with page.expect_file_chooser() as chooser:
        page.click("#take")  # the phone's own camera app
    chooser.value.set_files([pictures(GLASS)])
    page.wait_for_selector("article[data-state=done]")
    page.click("#feedback-right")
    expect(page.locator(".feedback")).to_contain_text("Terima kasih!")
