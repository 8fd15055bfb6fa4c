"""A real browser, a real service with a tiny model, and a wire between them."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from ecosorter.decision import Thresholds
from ecosorter.serving.app import create_app
from ecosorter.serving.settings import Access
from ecosorter.serving.store import Store
from tests.serving.page.site import Wire, running
from tests.tiny import photo, tiny_bundle

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SIZES = {"phone": (360, 740), "small": (320, 640), "desktop": (1280, 800)}

# What the tiny model says of a photo of one colour (tests/tiny.py); below a brightness of 0.1 it sees no waste.
GLASS, PLASTIC, ORGANIC = (255, 255, 255), (0, 0, 255), (0, 255, 0)
PLASTIC_OR_METAL, NO_WASTE = (0, 0, 128), (13, 13, 13)


@dataclass(frozen=True)
class Service:
    """The service: its port, its store with the database's file, and a reviewer's token."""

    port: int
    store: Store
    database: Path
    token: str


@pytest.fixture(scope="session")
def chromium_at() -> str:
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("needs Chromium, and there is no `chromium` on the PATH")
    return found


# Playwright runs an event loop in this thread, in which other tests could not start theirs: it ends with each module.
@pytest.fixture(scope="module")
def launch(chromium_at: str) -> Iterator[Callable[..., Browser]]:
    """Start a browser with more flags."""
    with sync_playwright() as playwright:
        yield lambda *more: playwright.chromium.launch(executable_path=chromium_at, args=[*FLAGS, *more])


@pytest.fixture(scope="module")
def browser(launch: Callable[..., Browser]) -> Iterator[Browser]:
    started = launch()
    yield started
    started.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("page")
    tiny_bundle(folder / "bundle", thresholds=Thresholds(confidence=0.6, conformal=0.6, signals={"brightness": 0.1}))
    with Store.open(str(folder / "corrections.sqlite")) as store:
        token = store.tokens.create("Sari", "reviewer")
        app = create_app(folder / "bundle", store=store, access=Access(rate=0), threads=1)
        with running(app) as port:
            yield Service(port, store, folder / "corrections.sqlite", token)


@pytest.fixture
def wire(service: Service) -> Iterator[Wire]:
    made = Wire(service.port)
    yield made
    made.cut()


@pytest.fixture
def visit(browser: Browser, wire: Wire) -> Iterator[Callable[..., Page]]:
    """Open the page; in the end, nothing may have gone wrong in its console or have come from elsewhere."""
    wrong: list[str] = []
    contexts = []

    def open_page(
        size: str = "phone",
        theme: str = "light",
        language: str = "id",
        path: str = "/",
        errors_expected: bool = False,
        in_browser: Browser = browser,
        over: Wire = wire,
    ) -> Page:
        width, height = SIZES[size]
        context = in_browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if theme == "dark" else "light",
            locale=language,
            has_touch=size != "desktop",
            reduced_motion="reduce",
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        if not errors_expected:
            page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
        context.on("request", lambda asked: None if _own(asked.url, over) else wrong.append(f"asked for {asked.url}"))
        page.goto(over.address + path)
        page.wait_for_selector("html[data-ready]" if path == "/" else "main h1")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def _own(url: str, wire: Wire) -> bool:
    return url.startswith((wire.address + "/", "blob:" + wire.address + "/", "data:"))


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Make a JPEG of one colour."""
    folder = tmp_path_factory.mktemp("pictures")

    def make(colour: tuple[int, int, int], size: tuple[int, int] = (1600, 1200)) -> Path:
        path = folder / f"{'-'.join(map(str, (*colour, *size)))}.jpg"
        path.write_bytes(photo(colour, "JPEG", size))
        return path

    return make


@pytest.fixture(scope="session")
def shots() -> Path:
    """Where screenshots go."""
    folder = Path(__file__).resolve().parents[3] / "test-output/page"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
