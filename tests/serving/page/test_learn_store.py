"""What a phone was taught outlives closing, a full disk, two tabs and a new model; in Chromium's own database."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Error, Page

Visit = Callable[..., Page]

MODEL, OTHER = "a" * 64, "b" * 64

SETUP = """
async () => {
  const version = document.querySelector("script[src*='/static/']").src.split("/static/")[1].split("/")[0];
  self.store = await import(`/static/${version}/learn/store.js`);
  self.photo = (id, model, thumbnail = null) => ({
    id, when: `2026-11-27T10:00:0${id.length}Z`, label: "popok", source: "phone", model, thumbnail,
    looks: [Float32Array.of(1, 2, id.length), Float32Array.of(4, 5, 6)],
  });
  self.fits = 0;
  self.fit = async (photos) => {
    self.fits++;
    await new Promise((done) => setTimeout(done, 300));
    return { head: { photos: photos.length }, known: [0, 1] };
  };
}
"""


@pytest.fixture
def open_tab(visit: Visit) -> Callable[[], Page]:
    def opened() -> Page:
        page = visit()
        page.evaluate(SETUP)
        return page

    return opened


def beside(page: Page) -> Page:
    """Open another tab of the same browser."""
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_selector("html[data-ready]")
    other.evaluate(SETUP)
    return other


def told(page: Page, script: str) -> Any:
    return page.evaluate(f"async () => {{ {script} }}")


def test_photos_are_kept_corrected_and_forgotten(open_tab: Callable[[], Page]) -> None:
    page = open_tab()
    told(page, f"for (const id of ['a', 'bb']) await store.keep(photo(id, '{MODEL}'))")
    told(page, f"await store.keep({{...photo('a', '{MODEL}'), label: 'kaca'}})")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    page.evaluate(SETUP)
    labels = f"return (await store.taught('{MODEL}')).mine.map(({{label}}) => label)"
    assert told(page, labels) == ["kaca", "popok"]
    told(page, "await store.forget('a')")
    assert told(page, labels) == ["popok"]
    assert told(page, f"return (await store.learnAgain('{MODEL}', fit)).head") == {"photos": 1}
    told(page, "await store.addClass({id: 'popok', name: 'Popok', bin: 'residu'}); await store.forgetAll()")
    assert told(page, labels) == []
    assert told(page, f"return store.learnt('{MODEL}')") is None
    assert told(page, "return store.newClasses()") == []


def test_two_tabs_fit_once(open_tab: Callable[[], Page]) -> None:
    first = open_tab()
    second = beside(first)
    told(first, f"await store.keep(photo('a', '{MODEL}'))")
    for page in (first, second):
        told(page, f"self.going = store.learnAgain('{MODEL}', fit)")
    heads = [told(page, "return (await self.going).head") for page in (first, second)]
    assert heads == [{"photos": 1}] * 2
    assert sum(told(page, "return self.fits") for page in (first, second)) == 1


def test_a_photo_that_comes_in_the_middle_of_a_fit_is_learnt_too(open_tab: Callable[[], Page]) -> None:
    page = open_tab()
    told(
        page,
        f"""await store.keep(photo('a', '{MODEL}'));
        const begun = new Promise((tell) => (self.begin = tell));
        const held = (photos) => (begin(), kept.then(() => fit(photos)));
        self.kept = new Promise((tell) => (self.goOn = tell));
        self.going = store.learnAgain('{MODEL}', held);
        await begun;""",
    )
    told(page, f"await store.keep(photo('bb', '{MODEL}')); goOn()")
    assert told(page, "return (await self.going).head") == {"photos": 2}
    assert told(page, "return self.fits") == 2


def test_closing_in_the_middle_of_a_fit_loses_nothing(open_tab: Callable[[], Page]) -> None:
    page = open_tab()
    other = beside(page)
    told(page, f"await store.keep(photo('a', '{MODEL}')); await store.learnAgain('{MODEL}', fit)")
    told(other, f"await store.keep(photo('bb', '{MODEL}')); store.learnAgain('{MODEL}', () => new Promise(() => null))")
    other.close()
    before = told(page, f"return store.learnt('{MODEL}')")
    assert (before["head"], before["upToDate"]) == ({"photos": 1}, False)  # the head before it stays in use
    assert told(page, f"return (await store.learnAgain('{MODEL}', fit)).head") == {"photos": 2}
    assert told(page, f"return (await store.learnt('{MODEL}')).upToDate") is True


def test_features_of_another_model_are_put_aside(open_tab: Callable[[], Page]) -> None:
    page = open_tab()
    told(page, f"await store.keep(photo('a', '{MODEL}')); await store.keep(photo('bb', '{OTHER}'))")
    found = told(page, f"const {{mine, aside}} = await store.taught('{OTHER}'); return [mine.length, aside.length]")
    assert found == [1, 1]
    assert told(page, f"return (await store.learnAgain('{OTHER}', fit)).head") == {"photos": 1}


FULL = """
(most) => {
  const put = IDBObjectStore.prototype.put;
  IDBObjectStore.prototype.put = function (value) {
    const bytes = (value.thumbnail?.size ?? 0) + (value.halves?.byteLength ?? 0);
    if (bytes > most) throw new DOMException("no room", "QuotaExceededError");
    return put.call(this, value);
  };
}
"""


def test_a_full_disk_takes_the_thumbnail_or_nothing(open_tab: Callable[[], Page]) -> None:
    """The browser's own answer to a full disk is made up here: Chromium gives a test more room than it can fill."""
    page = open_tab()
    page.evaluate(FULL, 1000)
    thumbnail = "new Blob([new Uint8Array(2000)])"
    assert told(page, f"return store.keep(photo('a', '{MODEL}', {thumbnail}))") is False
    kept = f"return (await store.taught('{MODEL}')).mine.map(({{thumbnail}}) => thumbnail)"
    assert told(page, kept) == [None]
    with pytest.raises(Error, match="no room"):
        told(page, f"await store.keep({{...photo('bb', '{MODEL}'), looks: [new Float32Array(3000).fill(1)]}})")
    assert told(page, kept) == [None]


def test_a_file_goes_from_phone_to_phone(open_tab: Callable[[], Page]) -> None:
    first, second = open_tab(), open_tab()
    told(first, f"for (const id of ['a', 'bb']) await store.keep(photo(id, '{MODEL}'))")
    told(first, "await store.addClass({id: 'popok', name: 'Popok', bin: 'residu'})")
    text = told(first, f"return store.exported({{name: 'tiny', version: '1', sha256: '{MODEL}'}}, 2)")
    take = "(text) => store.imported(new File([text], 'rumah.ecosorter'), '%s')"
    assert first.evaluate(take % MODEL, text) == {"added": 0, "known": 2, "aside": 0}
    assert second.evaluate(take % MODEL, text) == {"added": 2, "known": 0, "aside": 0}
    assert second.evaluate(take % MODEL, text) == {"added": 0, "known": 2, "aside": 0}
    assert told(second, "return store.newClasses()") == [{"id": "popok", "name": "Popok", "bin": "residu"}]
    assert told(second, f"return (await store.learnAgain('{MODEL}', fit)).head") == {"photos": 2}
    third = open_tab()
    assert third.evaluate(take % OTHER, text) == {"added": 0, "known": 0, "aside": 2}
    refused = "(text) => store.imported(new File([text], 'a'), '').catch((problem) => problem.code)"
    assert [third.evaluate(refused, wrong) for wrong in ("[", text[:-20], "{}")] == ["not_ours"] * 3
    assert third.evaluate(refused, text.replace('"width":3', '"width":4')) == "damaged"
