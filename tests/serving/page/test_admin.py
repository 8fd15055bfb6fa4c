"""The page of admins: what they see, and one click back."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Page, expect

from ecosorter.decision import Thresholds
from ecosorter.evaluation.metrics import score
from ecosorter.serving.improving.figures import Difference, Doubtful, Figures, Pair
from ecosorter.serving.store.answers import Answered
from ecosorter.serving.store.corrections import pseudonym
from ecosorter.serving.store.models import Registered
from ecosorter.serving.store.shadows import Beside
from ecosorter.serving.store.tables import now
from tests.serving.page.conftest import Service
from tests.serving.page.test_quality import check
from tests.serving.page.test_review import sign_in
from tests.serving.store.said import keep, said
from tests.serving.store.test_models import add, seen
from tests.tiny import CLASSES

Visit = Callable[..., Page]

PERSON = UUID("7b1d2c1e-2f50-4c7e-9f8b-0f6f3f9f3a11")
LESSONS: dict[UUID, tuple[Any, str]] = {}
"""Glass that the candidate saw, twice as glass and once as plastic; filled in by the fixture `admin`."""

LOADING = 60_000  # ms for a model to be loaded, on a machine that is busy with other tests


def measured(right: int) -> Any:
    """Return the scores of somebody who is right about the first of eight photos."""
    import numpy as np  # noqa: PLC0415

    labels = np.arange(8) % 4
    answers = np.where(np.arange(8) < right, labels, (labels + 1) % 4)
    logits = np.eye(4)[answers] * 3
    groups = [f"person {n % 4}" for n in range(8)]
    limits = Thresholds(confidence=0.5, conformal=0.9)
    return score(logits, labels, CLASSES, temperature=1.0, thresholds=limits, groups=groups)


def figures(before: Registered) -> dict[str, Any]:
    return Figures(
        before=str(before.id),
        root=str(before.id),
        contributors=(21, 6),
        photos=(164, 48),
        classes={"kaca": 41, "logam": 123},
        left_out={},
        held_out=Pair(before=measured(4), after=measured(7)),
        difference=Difference(mean=0.375, low=0.12, high=0.55),
        bank=Pair(before=measured(7), after=measured(6)),
        doubtful=(Doubtful(contributor=pseudonym(PERSON), photos=3, contradicted=0.92, usual=0.2),),
        fingerprint="0" * 64,
    ).model_dump(mode="json")


@pytest.fixture(scope="module")
def admin(service: Service, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A token of an admin; a registry with a model in use, and a candidate that was measured."""
    folder = tmp_path_factory.mktemp("models")
    for number, best in enumerate(("kaca", "kaca", "plastik")):
        photo = keep(service.store, 60 + number * 60, truth="kaca", contributor=PERSON)
        service.store.reviews.decide(photo, "Sari", "accept")
        LESSONS[photo] = ("held_out", best)
    first = add(service.store, folder, "2026-11-27-0a1b2c3d", state="in_use")
    second = add(service.store, folder, "2026-12-04-4e5f6071", parent=first.id, figures=figures(first), lessons=LESSONS)
    for back in range(20):
        day = now().date() - timedelta(weeks=back)
        share = 40 if back > 3 else 40 + 35 * (4 - back)  # of late, more and more glass comes
        counts = {"kaca": Answered(share, 30, 6.9, 1 + (4 - back) * 2 * (back < 4)), "no_waste": Answered(8, 5, 3.1, 4)}
        counts |= {label: Answered(60, 30, 6.6, 2) for label in ("logam", "organik", "plastik")}
        service.store.answers.add({(day, label): one for label, one in counts.items()})
    add(service.store, folder, "2026-12-11-8293a4b5", parent=first.id)
    service.store.shadows.add(second.id, {(now().date(), "plastik"): Beside(120, 96, 84.0, 70.0, 2.4)})
    service.store.campaigns.begin("kaca", 30, who="Wayan")
    keep(service.store, truth="kaca")
    for number in range(40):
        truth = "kaca" if number % 4 else "logam"
        service.store.corrections.add(uuid4(), said(best="kaca", truth=truth, asked=True, consent=False), None)
    return service.store.tokens.create("Wayan", "admin")


def test_a_reviewer_is_not_let_in(visit: Visit, service: Service, admin: str) -> None:
    page = visit(path="/admin", errors_expected=True)
    sign_in(page, service.token)
    expect(page.locator(".error")).to_contain_text("tidak berperan admin")
    assert page.evaluate("sessionStorage.length") == 0


@pytest.mark.parametrize(("size", "language"), [("phone", "id"), ("desktop", "en")])
def test_the_page_has_no_barriers(
    visit: Visit, service: Service, admin: str, shots: Path, size: str, language: str
) -> None:
    page = visit(path="/admin", size=size, language=language)
    check(page, "door")
    sign_in(page, admin)
    page.wait_for_selector(".model")
    for number in range(page.locator("summary").count()):
        page.click(f"summary >> nth={number}")
    page.click("[data-cell=kaca-plastik]")
    expect(page.locator(".proofs >> nth=0 >> img")).to_have_count(3)  # of the contributor who is doubted
    expect(page.locator(".confusion ~ .proofs img, .sideways ~ div .proofs img")).to_have_count(1)
    check(page, "models")
    page.screenshot(path=shots / f"admin-{size}-{language}.png", full_page=True)


def test_a_number_opens_the_photos_behind_it(visit: Visit, service: Service, admin: str) -> None:
    page = visit(path="/admin", language="en")
    sign_in(page, admin)
    page.click("summary:text('What is taken for what')")
    cell = page.locator("[data-cell=kaca-kaca]")
    expect(cell).to_have_accessible_name("Glass, seen as Glass: 2 photos")
    cell.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text("2 photos are shown.")
    shown = page.locator(".proofs img")
    expect(shown).to_have_count(2)
    assert shown.evaluate_all("all => Promise.all(all.map((each) => each.decode().then(() => each.naturalWidth)))") == [
        24,
        24,
    ]
    page.click("[data-cell=kaca-plastik]")
    expect(shown).to_have_count(1)
    expect(page.locator(".proofs figcaption")).to_contain_text("Glass, seen as Plastic")


def test_drift_is_drawn_and_told(visit: Visit, service: Service, admin: str) -> None:
    page = visit(path="/admin", language="en")
    sign_in(page, admin)
    page.click("summary:text-is('By week')")
    week = page.locator("table:has(caption:text-is('By week')) tbody tr")
    expect(week).to_have_count(20)
    expect(week.last.locator("td").last).to_contain_text("(significant)")
    expect(week.nth(8).locator("td").last).to_contain_text("(little)")
    assert page.locator(".drift").count() == 2
    assert page.locator(".drift >> nth=0 >> circle").count() > 10
    assert page.locator(".drift >> nth=1 >> circle").count() == 20
    assert page.locator(".drift >> nth=0 >> .switch").count() == 1  # the day on which the first model came into use
    shares = page.locator("table:has(caption:text-is('Share of each class'))")
    expect(shares.locator("thead")).to_contain_text("No waste")


def test_photos_are_asked_for_on_the_start_page_until_somebody_ends_it(
    visit: Visit, service: Service, admin: str
) -> None:
    start = visit(language="en")
    expect(start.locator("#campaigns")).to_have_text("We need 30 photos: Glass. There are 1 so far.", timeout=60_000)
    page = visit(path="/admin", language="en")
    sign_in(page, admin)
    page.select_option("#asked-label", "logam")
    page.fill("#asked-number", "12")
    page.click("#ask-for")
    expect(page.locator(".campaigns li")).to_have_count(2)
    page.locator(".campaigns li").nth(1).locator("button").click()
    expect(page.locator(".campaigns li")).to_have_count(1)
    assert [one.label for one in service.store.campaigns.running()] == ["kaca"]


def test_one_click_puts_a_model_into_use_and_one_goes_back(visit: Visit, service: Service, admin: str) -> None:
    page = visit(path="/admin", language="en", errors_expected=True)
    sign_in(page, admin)
    page.wait_for_selector(".model.in_use")
    expect(page.locator(".gain")).to_have_text("+37.5 points on other contributors (95 %: +12.0 to +55.0)")
    expect(page.locator("#go-back")).to_have_count(0)
    page.click("article:has(h3:text('4e5f6071')) [data-to=in_use]")
    expect(page.locator(".model.in_use h3")).to_have_text("2026-12-04-4e5f6071", timeout=LOADING)
    page.click("#go-back")
    expect(page.locator(".model.in_use h3")).to_have_text("2026-11-27-0a1b2c3d", timeout=LOADING)
    expect(page.locator(".history li").first).to_contain_text("Retired → In use, by Wayan")

    other = next(model for model in service.store.models.all() if model.version.endswith("8293a4b5"))
    service.store.models.change(other.id, "shadow", seen=seen(service.store), who="Made")
    page.click("article:has(h3:text('4e5f6071')) [data-to=in_use]")
    problem = page.locator("#problem")
    expect(problem).to_contain_text("Somebody else has changed the models first", timeout=LOADING)
    expect(page.locator("article.shadow h3")).to_have_text("2026-12-11-8293a4b5")
