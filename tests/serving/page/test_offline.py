"""The network cut for real: the wire breaks and the browser knows."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.serving.page.conftest import GLASS, PLASTIC
from tests.serving.page.site import Wire
from tests.serving.page.steps import Pictures, give, heading

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
