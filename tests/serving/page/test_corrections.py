"""History on the device, and corrections as they reach the real store."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple
from uuid import UUID

from playwright.sync_api import Page, expect

from tests.serving.page.conftest import GLASS, PLASTIC, PLASTIC_OR_METAL, Service
from tests.serving.page.steps import Pictures, give

Visit = Callable[..., Page]


class Row(NamedTuple):
    id: UUID
    best: str
    label: str | None
    truth: str
    consent: str
    photo: str


def rows(service: Service) -> list[Row]:
    """Return what stands in the database, the newest first."""
    with closing(sqlite3.connect(service.database)) as database:
        found = database.execute("SELECT id, best, label, truth, consent, photo FROM corrections ORDER BY created DESC")
        return [Row(UUID(str(row[0])), *row[1:]) for row in found]


def wait_until_sent(page: Page) -> None:
    expect(page.locator(".feedback")).to_contain_text("Terima kasih!")
    expect(page.locator(".feedback")).not_to_contain_text("Dikirim begitu")


def test_right_without_consent_sends_the_labels_only(visit: Visit, service: Service, pictures: Pictures) -> None:
    before = len(rows(service))
    page = visit()
    give(page, pictures(GLASS))
    expect(page.locator("#consent")).not_to_be_checked()
    page.click("#feedback-right")
    expect(page.locator(".feedback")).to_contain_text("Koreksi Anda: Kaca. Fotonya tidak dikirim.")
    wait_until_sent(page)
    new = rows(service)
    assert len(new) == before + 1
    assert new[0][1:] == ("kaca", "kaca", "kaca", "none", "none")


def test_with_consent_the_photo_is_kept_until_it_is_taken_back(
    visit: Visit, service: Service, pictures: Pictures
) -> None:
    page = visit()
    give(page, pictures(PLASTIC))
    page.click("#feedback-wrong")
    page.click("#sheet-send")
    expect(page.locator(".sheet .error")).to_have_text("Pilih salah satu dahulu.")
    page.get_by_label("Logam").check()
    page.check("#sheet-consent")
    page.click("#sheet-send")
    page.wait_for_selector("#withdraw")
    item = rows(service)[0]
    assert item[1:] == ("plastik", "plastik", "logam", "given", "kept")
    assert service.store.reviews.photo(item.id)
    expect(page.locator("article h1")).to_have_text("Logam")  # and the advice is on what it is
    page.click("#history-button")
    expect(page.locator(".shared")).to_have_text("Foto ikut disimpan")
    page.click(".rows button")
    page.click("#withdraw")
    expect(page.locator(".feedback")).to_contain_text("Foto Anda sudah dihapus dari server.")
    assert service.store.reviews.photo(item.id) is None


def test_a_choice_in_doubt_can_be_sent(visit: Visit, service: Service, pictures: Pictures) -> None:
    page = visit()
    give(page, pictures(PLASTIC_OR_METAL), settled=".either")
    page.click("#pick-logam")
    page.get_by_role("button", name="Kirim: Logam").click()
    expect(page.locator(".feedback")).to_contain_text("Koreksi Anda: Logam.")
    wait_until_sent(page)
    new = rows(service)[0]
    assert (new.label, new.truth) == (None, "logam")


def test_history_stays_on_the_device_and_is_cleared(visit: Visit, service: Service, pictures: Pictures) -> None:
    page = visit(language="en")
    give(page, pictures(GLASS))
    page.check("#consent")
    page.click("#feedback-right")
    page.wait_for_selector("#withdraw")
    given = rows(service)[0].id
    give(page, pictures(PLASTIC))
    page.reload()
    page.click("#history-button")
    expect(page.locator(".rows strong")).to_have_text(["Plastic", "Glass"])
    page.click("#clear")
    expect(page.locator(".sheet")).to_contain_text("take back the 1 photo")
    page.click("#clear-yes")
    expect(page.locator("[data-screen=history]")).to_contain_text("No photos yet.")
    assert service.store.reviews.photo(given) is None
    page.reload()
    page.click("#history-button")
    expect(page.locator("[data-screen=history]")).to_contain_text("No photos yet.")
