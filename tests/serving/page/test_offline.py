"""The network cut for real: the wire breaks and the browser knows."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from tests.serving.page.conftest import GLASS, ORGANIC, PLASTIC
from tests.serving.page.site import Wire
from tests.serving.page.steps import Pictures, give, heading
from tests.tiny import encoded

Visit = Callable[..., Page]


def with_worker(page: Page) -> None:
    """Wait until the service worker has stored the page."""
    page.evaluate("async () => { await navigator.serviceWorker.ready; }")


def cut(page: Page, wire: Wire) -> None:
    wire.cut()
    page.context.set_offline(True)


def mend(page: Page, wire: Wire) -> None:
    wire.mend()
    page.context.set_offline(False)


def test_the_page_opens_without_a_network_and_photos_wait_for_it(visit: Visit, wire: Wire, pictures: Pictures) -> None:
    page = visit(errors_expected=True)
    with_worker(page)
    cut(page, wire)
    page.reload()
    page.wait_for_selector("html[data-ready]")
    expect(page.locator("#legend li")).to_have_count(5)  # the schemes are known without a network
    give(page, pictures(GLASS), settled="article[data-state=waiting]")
    expect(page.locator("article h1")).to_have_text("Menunggu jaringan")
    page.click("#home")
    expect(page.locator(".waiting h2")).to_have_text("1 foto menunggu jaringan")
    page.reload()  # the photo outlives the page
    expect(page.locator(".waiting h2")).to_have_text("1 foto menunggu jaringan")
    mend(page, wire)
    expect(page.locator("#toast")).to_contain_text("1 foto sudah dijawab")
    page.click("#toast-action")
    page.click(".rows button")
    assert heading(page) == "Kaca"


def test_an_answer_that_is_waited_for_appears_by_itself(visit: Visit, wire: Wire, pictures: Pictures) -> None:
    page = visit(errors_expected=True)
    cut(page, wire)
    give(page, pictures(PLASTIC), settled="article[data-state=waiting]")
    mend(page, wire)
    expect(page.locator("article h1")).to_have_text("Plastik")
    expect(page.locator("#said")).to_contain_text("Plastik. Saya yakin.")


def test_class_names_that_did_not_come_are_fetched_with_the_first_photo(visit: Visit, pictures: Pictures) -> None:
    page = visit(errors_expected=True)
    page.route("**/v1/classes*", lambda route: route.abort())
    page.evaluate("localStorage.clear()")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    page.unroute("**/v1/classes*")
    give(page, pictures(PLASTIC))
    assert heading(page) == "Plastik"


def test_the_worker_sends_what_waits_with_the_page_closed(visit: Visit, wire: Wire, pictures: Pictures) -> None:
    page = visit(errors_expected=True)
    with_worker(page)
    cut(page, wire)
    give(page, pictures(GLASS), settled="article[data-state=waiting]")
    context = page.context
    worker = context.service_workers[0]
    page.close()
    wire.mend()
    context.set_offline(False)
    # What Background Sync does when the network is back; the browser decides when, so the event is made here.
    worker.evaluate(
        """new Promise((done) => {
            const sync = new Event('sync');
            sync.waitUntil = (all) => done(all.then(() => true));
            self.dispatchEvent(sync);
        })"""
    )
    page = context.new_page()
    page.goto(wire.address)
    page.click("#history-button")
    expect(page.locator(".rows strong")).to_have_text("Kaca")


def test_a_correction_waits_for_the_network_too(visit: Visit, wire: Wire, pictures: Pictures) -> None:
    page = visit(errors_expected=True)
    give(page, pictures(GLASS))
    cut(page, wire)
    page.click("#feedback-right")
    expect(page.locator(".feedback")).to_contain_text("Dikirim begitu tersambung lagi.")
    mend(page, wire)
    expect(page.locator(".feedback")).not_to_contain_text("Dikirim begitu tersambung lagi.")
    expect(page.locator(".feedback")).to_contain_text("Terima kasih!")


# One that does not get through


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A HEIC of a megabyte, blue all in all, which this browser cannot make small."""
    pixels = np.random.default_rng(0).integers(0, 40, (1000, 1200, 3), np.uint8)
    pixels[:, :, 2] += 215
    path = tmp_path_factory.mktemp("large") / "IMG_0001.HEIC"
    path.write_bytes(encoded(Image.fromarray(pixels), "HEIF", quality=99))
    assert path.stat().st_size > 600_000
    return path


def stop_large_ones(page: Page) -> None:
    """Break every request with a large photo half-way; the worker would send past this, so it sleeps."""

    def decide(route: Route) -> None:
        body = route.request.post_data_buffer or b""
        route.abort("connectionreset") if len(body) > 500_000 else route.continue_()

    page.route("**/v1/classify*", decide)
    page.evaluate("navigator.serviceWorker.getRegistration = async () => undefined")


def test_a_photo_that_does_not_get_through_keeps_no_other_waiting(
    visit: Visit, pictures: Pictures, large: Path, shots: Path
) -> None:
    page = visit(errors_expected=True)
    stop_large_ones(page)
    give(page, large, settled="article[data-state=waiting]")
    expect(page.locator("article h1")).to_have_text("Belum terkirim")
    expect(page.locator("article .lead")).to_contain_text("belum terkirim lewat sinyal ini")
    page.screenshot(path=shots / "slow.png")
    for colour, name in ((GLASS, "Kaca"), (ORGANIC, "Organik")):
        give(page, pictures(colour))
        assert heading(page) == name
    for _ in range(4):  # as when the network comes back again and again
        page.evaluate("window.dispatchEvent(new Event('online'))")
        page.wait_for_timeout(300)
    expect(page.locator("#toast")).to_contain_text("Foto ini tidak terkirim")
    page.click("#toast-action")
    expect(page.locator("article h1")).to_have_text("Foto ini tidak terkirim")
    page.screenshot(path=shots / "not-sent.png")
    page.unroute_all()
    page.click("#send-again")
    expect(page.locator("article h1")).to_have_text("Plastik")


def test_a_photo_that_takes_for_ever_keeps_no_other_waiting(visit: Visit, pictures: Pictures, large: Path) -> None:
    page = visit(errors_expected=True)
    held: list[Route] = []

    def decide(route: Route) -> None:
        if len(route.request.post_data_buffer or b"") > 500_000:
            held.append(route)  # neither answered nor broken
        else:
            route.continue_()

    page.route("**/v1/classify*", decide)
    give(page, large, settled="article[data-state=waiting]")
    for colour, name in ((GLASS, "Kaca"), (ORGANIC, "Organik")):
        page.set_input_files("#gallery-file", pictures(colour))
        expect(page.locator("article h1")).to_have_text(name, timeout=15_000)
    held[0].continue_()
    expect(page.locator("#toast")).to_be_hidden()


def test_without_a_network_no_photo_is_given_up(visit: Visit, wire: Wire, large: Path) -> None:
    page = visit(errors_expected=True)
    cut(page, wire)
    give(page, large, settled="article[data-state=waiting]")
    for _ in range(7):
        page.evaluate("window.dispatchEvent(new Event('online'))")
        page.wait_for_timeout(200)
    expect(page.locator("article h1")).to_have_text("Menunggu jaringan")
    mend(page, wire)
    expect(page.locator("article h1")).to_have_text("Plastik")


def test_a_correction_that_does_not_get_through_keeps_no_photo_waiting(
    visit: Visit, pictures: Pictures, large: Path
) -> None:
    page = visit(errors_expected=True)
    give(page, large)
    page.check("#consent")
    page.route("**/v1/corrections*", lambda route: route.abort("connectionreset"))
    page.evaluate("navigator.serviceWorker.getRegistration = async () => undefined")
    page.click("#feedback-right")
    page.set_input_files("#gallery-file", pictures(GLASS))
    expect(page.locator("article h1")).to_have_text("Kaca", timeout=15_000)
    for _ in range(5):
        page.evaluate("window.dispatchEvent(new Event('online'))")
        page.wait_for_timeout(300)
    page.click("#history-button")
    page.click(".rows li:nth-child(2) button")
    expect(page.locator(".feedback")).to_contain_text("Foto ini tidak terkirim")


def test_a_browser_without_modules_in_workers_opens_the_page_offline_too(
    visit: Visit, wire: Wire, browser: Browser, pictures: Pictures
) -> None:
    page = visit(errors_expected=True)
    page.evaluate(
        "async () => { for (const one of await navigator.serviceWorker.getRegistrations()) await one.unregister(); }"
    )
    page.add_init_script(
        """{ // as Firefox before 147
            const register = navigator.serviceWorker.register.bind(navigator.serviceWorker);
            navigator.serviceWorker.register = async (url, options) => {
                if (options?.type === "module") throw new TypeError("no modules here");
                return register(url, options);
            };
        }"""
    )
    page.reload()
    page.wait_for_selector("html[data-ready]")
    with_worker(page)
    assert page.evaluate("async () => (await navigator.serviceWorker.ready).active.scriptURL").endswith("/offline.js")
    cut(page, wire)
    page.reload()
    page.wait_for_selector("html[data-ready]")
    give(page, pictures(GLASS), settled="article[data-state=waiting]")
    mend(page, wire)
    expect(page.locator("article h1")).to_have_text("Kaca")
