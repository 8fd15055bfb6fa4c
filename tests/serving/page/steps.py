"""What people do on the page, and a walk over all of its screens."""

from collections.abc import Callable, Iterator
from pathlib import Path

from playwright.sync_api import Page

from tests.serving.page.conftest import GLASS, NO_WASTE, ORGANIC, PLASTIC, PLASTIC_OR_METAL

Pictures = Callable[..., Path]


def give(page: Page, *photos: Path, settled: str = "article[data-state=done]") -> None:
    """Choose photos from the gallery, and wait for what comes of them, not for what is there already."""
    page.evaluate("document.querySelectorAll('article[data-state]').forEach((old) => delete old.dataset.state)")
    page.set_input_files("#gallery-file", list(photos))
    page.wait_for_selector(settled)


def heading(page: Page) -> str:
    return page.locator("[data-screen]:not([hidden]) h1").inner_text()


def with_items(page: Page) -> None:
    """Wait until the items of both languages are kept on the device."""
    while page.evaluate("async () => (await (await caches.open('dictionary')).keys()).length") < 2:
        page.wait_for_timeout(50)


def walk(page: Page, pictures: Pictures, broken: Path, *, correct: bool) -> Iterator[str]:
    """Visit every screen of the start page; yield the name of each while it is there."""
    yield "start"
    page.fill("#ask", "botol")
    page.wait_for_selector("#ask-list [role=option]")
    yield "typing"
    page.fill("#ask", "qwrtplk zxcv")
    page.wait_for_selector(".found-nothing:not([hidden])")
    yield "nothing-found"
    page.fill("#ask", "pampers")
    page.wait_for_selector("#ask-list [role=option]")
    page.keyboard.press("Enter")
    page.wait_for_selector(".thing .bincard")
    yield "thing"
    give(page, pictures(GLASS))
    page.wait_for_selector(".bincard")
    yield "answer"
    page.click("#heat")
    page.click(".according summary")
    yield "answer-opened"
    page.click("#feedback-wrong")
    yield "correction"
    page.keyboard.press("Escape")
    if correct:
        page.check("#consent")
        page.click("#feedback-right")
        page.wait_for_selector("#withdraw")
        yield "answer-corrected"
    give(page, pictures(PLASTIC_OR_METAL), settled=".either")
    page.wait_for_selector(".chips")
    yield "unsure"
    page.click(".chip >> nth=1")
    page.wait_for_selector(".feedback")
    yield "chip-chosen"
    give(page, pictures(NO_WASTE), settled="#is-waste")
    yield "no-waste"
    give(page, broken, settled="article[data-state=failed]")
    yield "failed"
    photos = [pictures(colour) for colour in (GLASS, PLASTIC, ORGANIC, PLASTIC_OR_METAL, NO_WASTE)]
    give(page, *photos, broken, settled=".rows li:nth-child(6)")
    page.wait_for_selector(".looking", state="detached")
    yield "list"
    page.click("#history-button")
    page.wait_for_selector("#clear")
    yield "history"
    page.click("#clear")
    yield "clear"
    page.keyboard.press("Escape")
    page.click("#again")
    page.wait_for_selector("#camera-refused:not([hidden])")  # this browser has no camera
    yield "camera-refused"
    page.click("#camera-close")
    page.click("#home")
    page.click("#letters")
    page.wait_for_selector(".letter")
    yield "letters"  # the last: its thousands of elements stay in the page, and axe-core goes through hidden ones, too
