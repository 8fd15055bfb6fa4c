"""A name is typed and the bin is shown: by hand and by keyboard, with a photo and without, online and not."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ecosorter.guidance import Dictionary, dictionary, load_scheme, schemes
from ecosorter.guidance.poster import poster
from ecosorter.serving.app import create_app
from ecosorter.serving.settings import Access
from ecosorter.serving.store import Store
from ecosorter.texts import LANGUAGES
from tests.guidance.filled import filled
from tests.serving.page.conftest import PLASTIC, PLASTIC_OR_METAL, Service
from tests.serving.page.site import Wire, running
from tests.serving.page.steps import Pictures, give, heading, with_items
from tests.serving.page.test_offline import cut, with_worker
from tests.tiny import tiny_bundle

Visit = Callable[..., Page]


def ask(page: Page, phrase: str, field: str = "#ask") -> None:
    page.fill(field, phrase)
    page.wait_for_selector(f"{field}-list [role=option]")


@pytest.mark.parametrize(
    ("language", "asked"),
    [
        ("id", [("pempers", "Popok", "Residu"), ("kotak pizza berminyak", "Kotak pizza", "Residu")]),
        ("en", [("old batteries", "Battery", "Hazardous (B3)")]),
    ],
)
def test_a_name_leads_to_its_bin(visit: Visit, language: str, asked: list[tuple[str, str, str]]) -> None:
    page = visit(language=language)
    for phrase, name, bin_name in asked:
        ask(page, phrase)
        page.click("#ask-list [role=option] >> nth=0")
        assert heading(page) == name
        expect(page.locator(".thing .bin-name")).to_have_text(bin_name)
        expect(page.locator(".thing .steps.do")).to_be_visible()
        page.reload()
        expect(page.locator(".thing .bin-name")).to_have_text(bin_name)
        page.click("#home")


def test_the_list_is_a_combobox(visit: Visit) -> None:
    page = visit(language="en")
    field = page.get_by_role("combobox", name="Or type what it is")
    expect(field).to_have_attribute("aria-expanded", "false")
    ask(page, "plastic bottle")
    expect(field).to_have_attribute("aria-expanded", "true")
    expect(page.locator("#said")).to_contain_text("items fit")  # a screen reader reads it out
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    marked = page.locator("[role=option][aria-selected=true]")
    expect(marked).to_have_count(1)
    assert field.get_attribute("aria-activedescendant") == marked.get_attribute("id")
    page.keyboard.press("Escape")
    expect(field).to_have_attribute("aria-expanded", "false")
    expect(field).to_have_value("plastic bottle")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert heading(page) == "Plastic bottle"
    assert page.evaluate("document.activeElement.tagName") == "H1"
    expect(page.get_by_role("heading", name="Take apart first")).to_be_visible()


def test_what_is_not_found_is_said_kept_here_and_sent_nowhere(visit: Visit) -> None:
    page = visit()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.fill("#ask", "qwrtplk zxcv")
    expect(page.locator(".found-nothing")).to_contain_text("di ponsel Anda saja")
    expect(page.locator("#said")).to_have_text("Tidak ada yang cocok.")
    page.click("#history-button")
    expect(page.locator("[data-screen=history]")).to_contain_text("qwrtplk zxcv")
    assert not [url for url in asked if "phrases" in url]
    page.click("#clear")
    page.click("#clear-yes")
    expect(page.locator("[data-screen=history]")).not_to_contain_text("qwrtplk zxcv")


@pytest.fixture
def collecting(tmp_path: Path) -> Iterator[tuple[Wire, Store]]:
    """A service of a waste bank that wants to know what was not found, with a scheme and items of its own."""
    own = "".join(
        f'\n[items.barang-{number}]\nlabel = "plastik"\nname = {{ id = "barang uji {word}", en = "test {word}" }}\n'
        for number, word in enumerate(["ajaib", "ceria", "damai", "elok", "fajar", "gagah", "hebat", "indah", "jujur"])
    )
    own += '\n[items.minyak-jelantah]\nbin = "kertas"\nalso = { id = ["lenga bekas"] }\n'
    (tmp_path / "bank.toml").write_text(filled() + own, encoding="utf-8")
    bundle = tiny_bundle(tmp_path / "bundle").folder
    with Store.open(str(tmp_path / "corrections.sqlite")) as store:
        bank = load_scheme(tmp_path / "bank.toml")
        app = create_app(bundle, store=store, schemes=[bank], access=Access(rate=0), threads=1, collect_phrases=True)
        with running(app) as port:
            wire = Wire(port)
            yield wire, store
            wire.cut()


def test_where_the_operator_asks_the_bare_phrase_is_sent_and_the_page_says_so(
    collecting: tuple[Wire, Store], visit: Visit
) -> None:
    wire, store = collecting
    page = visit(over=wire)
    with page.expect_response("**/v1/phrases") as sent:
        page.fill("#ask", "qwrtplk zxcv")
    assert json.loads(sent.value.request.post_data or "") == {"phrase": "qwrtplk zxcv", "lang": "id"}
    expect(page.locator(".found-nothing")).to_contain_text("dikirim ke pengelola")
    assert [(each.phrase, each.count) for each in store.phrases.listed()] == [("qwrtplk zxcv", 1)]
    token = store.tokens.create("Sari", "reviewer")
    page.goto(wire.address + "/review")
    page.fill("#token", token)
    page.keyboard.press("Enter")
    expect(page.locator(".phrases")).to_contain_text("qwrtplk zxcv")


def test_a_waste_banks_own_items_are_found(collecting: tuple[Wire, Store], visit: Visit) -> None:
    page = visit(over=collecting[0])
    ask(page, "barang uji fajar")
    page.keyboard.press("Enter")
    expect(page.locator(".thing .bin-name")).to_have_text("Plastik")
    page.click("#home")
    ask(page, "lenga bekas")
    page.keyboard.press("Enter")
    assert heading(page) == "Minyak jelantah"
    expect(page.locator(".thing .bin-name")).to_have_text("Kertas dan kardus")


def test_in_doubt_the_likely_items_are_offered_and_one_is_sent_with_its_class(
    visit: Visit, pictures: Pictures, service: Service
) -> None:
    page = visit()
    give(page, pictures(PLASTIC_OR_METAL), settled=".either")
    chips = page.locator(".chip")
    expect(chips).to_have_count(8)
    expect(chips.first).to_have_text("Botol plastik")
    chips.filter(has_text="Kaleng minuman").click()
    expect(page.locator("article h1")).to_have_text("Kaleng minuman")
    page.click("#feedback-right")
    expect(page.locator(".thanks")).to_contain_text("Kaleng minuman")
    expect(page.locator(".thanks")).not_to_contain_text("Dikirim begitu tersambung lagi.")
    latest = service.store.corrections.listed(limit=1)[0]
    assert (latest.truth, latest.item, latest.photo) == ("logam", "kaleng-minuman", None)


def test_something_else_is_typed_in_the_sheet_and_goes_with_the_photo(
    visit: Visit, pictures: Pictures, service: Service
) -> None:
    page = visit()
    give(page, pictures(PLASTIC))
    page.check("#consent")
    page.click("#feedback-wrong")
    ask(page, "kaleng sarden", "#sheet-ask")
    page.keyboard.press("Enter")
    expect(page.locator("#named")).to_be_checked()
    page.click("#sheet-send")
    expect(page.locator("#withdraw")).to_be_visible()
    expect(page.locator("article h1")).to_have_text("Kaleng makanan")
    latest = service.store.corrections.listed(limit=1)[0]
    assert (latest.truth, latest.item) == ("logam", "kaleng-makanan")
    assert latest.photo is not None


@pytest.mark.parametrize("language", ["id", "en"])
def test_it_works_without_a_network_in_both_languages(visit: Visit, wire: Wire, language: str) -> None:
    page = visit(language=language, errors_expected=True)
    with_worker(page)
    with_items(page)
    cut(page, wire)
    page.reload()
    page.wait_for_selector("html[data-ready]")
    ask(page, "pampers")
    page.keyboard.press("Enter")
    assert heading(page) == {"id": "Popok", "en": "Nappy"}[language]
    other = {"id": "en", "en": "id"}[language]
    page.click(f"[data-language={other}]")
    expect(page.locator(".thing h1")).to_have_text({"id": "Popok", "en": "Nappy"}[other])
    page.click("#home")
    ask(page, "lightbulb")
    page.keyboard.press("Enter")
    expect(page.locator(".thing .bin-colour")).to_be_visible()


def test_all_items_of_a_scheme_are_listed(visit: Visit) -> None:
    page = visit()
    page.click("#letters")
    expect(page.locator(".letter .row")).to_have_count(len(dictionary().items))
    page.select_option("#letters-scheme", "lima-warna")
    battery = page.locator(".letter .row", has=page.get_by_text("Baterai", exact=True))
    expect(battery).to_contain_text("Bahan berbahaya dan beracun (B3)")
    battery.click()
    assert heading(page) == "Baterai"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_poster_is_one_page_and_nothing_is_cut_off(
    browser: Browser, shots: Path, tmp_path: Path, language: str
) -> None:
    (tmp_path / "bank.toml").write_text(filled(), encoding="utf-8")
    page = browser.new_page(viewport={"width": 794, "height": 1123})
    for scheme in (*schemes(), load_scheme(tmp_path / "bank.toml")):
        known = Dictionary(scheme)
        page.set_content(poster(known, "en" if language == "en" else "id", "https://ecosorter.example.org/"))
        page.screenshot(path=shots / f"poster-{scheme.id}-{language}.png")
        assert page.locator("li").count() == 60
        assert page.evaluate(
            "[...document.querySelectorAll('main, .bins')].every((each) => each.scrollHeight <= each.clientHeight + 1"
            " && each.scrollWidth <= each.clientWidth + 1)"
        ), scheme.id
        assert page.pdf(prefer_css_page_size=True).count(b"/Type /Page\n") == 1
    page.close()


def test_the_service_sends_the_poster(visit: Visit) -> None:
    page = visit()
    with page.context.expect_page() as opened:
        page.click("#poster")
    expect(opened.value.locator("h1")).to_have_text("Buang ke mana, ya?")
    expect(opened.value.locator(".code svg")).to_be_visible()
