"""The review page, by keyboard and by touch."""

from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as TooLong

from ecosorter.serving.store.corrections import NewCorrection
from tests.serving.page.conftest import PLASTIC, Service
from tests.tiny import photo

Visit = Callable[..., Page]


def add(service: Service, truth: str, *, with_photo: bool) -> None:
    new = NewCorrection(
        model_name="tiny",
        model_version="1",
        best="plastik",
        label=None,
        confidence=0.5,
        truth=truth,
        consent=with_photo,
        contributor=uuid4(),
        secret="0" * 64,
        lang="id",
    )
    service.store.corrections.add(uuid4(), new, photo(PLASTIC, "JPEG", (300, 200)) if with_photo else None)


def sign_in(page: Page, token: str) -> None:
    page.fill("#token", token)
    page.keyboard.press("Enter")


def left(page: Page) -> int:
    return int(page.locator(".case header p").inner_text().split()[-1])


def test_it_is_said_why_a_photo_comes_first(visit: Visit, service: Service) -> None:
    add(service, "logam", with_photo=True)
    (correction,) = service.store.reviews.unmeasured("a", 1)
    service.store.reviews.note_novelty(correction, "a", 0.97)
    page = visit(path="/review", language="en")
    sign_in(page, service.token)
    facts = page.locator(".facts")
    expect(facts).to_contain_text("Why it comes first")
    expect(facts).to_contain_text("the model was unsure, it knows nothing like it")
    service.store.reviews.decide(correction, "Sari", "reject")


def test_a_wrong_token_is_said_to_be_wrong(visit: Visit) -> None:
    page = visit(path="/review", errors_expected=True)
    sign_in(page, "eco_00000000_wrong")
    expect(page.locator(".error")).to_contain_text("tidak dikenal")
    assert page.evaluate("sessionStorage.length") == 0


def test_cases_are_decided_by_keyboard_and_by_touch(visit: Visit, service: Service) -> None:
    for _ in range(3):
        add(service, "logam", with_photo=True)
    page = visit(path="/review")
    sign_in(page, service.token)
    page.wait_for_selector(".case")
    start = left(page)
    expect(page.locator(".facts")).to_contain_text("Plastik (50%)")
    page.keyboard.press("1")
    expect(page.locator("#said")).to_have_text("Diganti menjadi Kaca.")
    expect(page.locator(".case header p")).to_have_text(f"Sari, sisa {start - 1}")
    page.keyboard.press("a")
    expect(page.locator("#said")).to_have_text("Diterima.")
    expect(page.locator(".case header p")).to_have_text(f"Sari, sisa {start - 2}")
    page.keyboard.press("ArrowRight")
    page.uncheck("#keys")
    page.keyboard.press("r")  # switched off: nothing happens
    expect(page.locator(".case header p")).to_have_text(f"Sari, sisa {start - 2}")
    done = page.locator("h1", has_text="Semua sudah ditinjau")
    for _ in range(10 * start):
        if done.count():
            break
        with suppress(TooLong):  # the button goes away with its case
            page.click("#reject", timeout=2_000)
    expect(done).to_be_visible()
    page.click("#leave")
    assert page.evaluate("sessionStorage.length") == 0
