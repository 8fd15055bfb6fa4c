"""Real photos and the model that ships, at phone size and in both languages."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from ecosorter.serving.app import create_app
from ecosorter.serving.settings import Access
from ecosorter.serving.store import Store
from tests.serving.page.conftest import Service
from tests.serving.page.site import running
from tests.serving.page.steps import give, heading

Visit = Callable[..., Page]
NAMES = {"id": {"kaca": "Kaca", "kardus": "Kardus"}, "en": {"kaca": "Glass", "kardus": "Cardboard"}}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service as `make run` starts it."""
    database = tmp_path_factory.mktemp("real") / "corrections.sqlite"
    with Store.open(str(database)) as store:
        app = create_app(None, store=store, access=Access(rate=0), threads=2)
        with running(app) as port:
            yield Service(port, store, database, "")


@pytest.mark.parametrize("language", ["id", "en"])
def test_real_photos_are_classified(visit: Visit, shared: Path, shots: Path, language: str) -> None:
    page = visit(language=language)
    page.screenshot(path=shots / f"real-start-{language}.png")
    expect(page.locator("html")).to_have_attribute("lang", language)
    for photo in ("trashnet/kaca/glass491.jpg", "siscer/kardus/kardus_1.jpg"):
        label = photo.split("/")[1]
        give(page, shared / "photos" / photo)
        page.wait_for_selector(".bincard")
        assert heading(page) == NAMES[language][label]
        expect(page.locator("figure.photo img")).to_be_visible()
        page.screenshot(path=shots / f"real-{label}-{language}.png")
        page.click("#heat")
        page.screenshot(path=shots / f"real-{label}-map-{language}.png", full_page=True)
