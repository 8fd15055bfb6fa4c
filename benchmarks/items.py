"""Asking by name: Python's search beside rapidfuzz's own, and a keystroke on a slow phone.

``python -m benchmarks.items`` prints both. The first compares one search with `rapidfuzz.process.extract` (its default
scorer, its ten best) over the same names, phrase by phrase, in turn. The second opens the page in Chromium with the
processor slowed six times, types phrases letter by letter, and measures from the key's event to the frame after the
list was drawn. Imports are compared in fresh processes.
"""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ecosorter.guidance import dictionary
from ecosorter.texts import LANGUAGES

_GOLDEN = Path(__file__).parents[1] / "tests/golden/items.json"
_FRAME = 1000 / 60  # ms
_SLOWER = 6
_TYPED = ("kotak susu", "batere bekas", "botol plastik", "kantong kresek", "sterofom")

# Runs in the page: from the key's event (its own time stamp) to the first frame after the list was drawn.
_WATCH = """() => {
    window.took = [];
    document.getElementById('ask').addEventListener('input', (event) => {
        requestAnimationFrame(() => {
            const channel = new MessageChannel();
            channel.port1.onmessage = () => window.took.push(performance.now() - event.timeStamp);
            channel.port2.postMessage(null);
        });
    });
}"""


def python() -> tuple[float, float, list[float]]:
    """Return seconds a search here, seconds with rapidfuzz alone, and the ratio of each phrase."""
    from rapidfuzz import process  # noqa: PLC0415

    known = dictionary()
    names = [name for item in known.items.values() for language in LANGUAGES for name in item.names(language)]
    phrases = [(phrase, language) for language, phrase, *_ in json.loads(_GOLDEN.read_text(encoding="utf-8"))][::5]
    known.find(*phrases[0])
    ours, theirs = [], []
    for phrase, language in phrases:
        start = time.perf_counter()
        known.hits(phrase, language)
        middle = time.perf_counter()
        process.extract(phrase, names, limit=10)
        ours.append(middle - start)
        theirs.append(time.perf_counter() - middle)
    return statistics.median(ours), statistics.median(theirs), [a / b for a, b in zip(ours, theirs, strict=True)]


def keystrokes() -> list[float]:
    """Return milliseconds from each key to its drawn results, on a processor slowed six times."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    from ecosorter.serving.app import create_app  # noqa: PLC0415
    from ecosorter.serving.settings import Access  # noqa: PLC0415
    from tests.serving.page.conftest import FLAGS  # noqa: PLC0415
    from tests.serving.page.site import running  # noqa: PLC0415
    from tests.serving.page.steps import with_items  # noqa: PLC0415
    from tests.tiny import tiny_bundle  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        bundle = tiny_bundle(Path(folder) / "bundle").folder
        with running(create_app(bundle, access=Access(rate=0), threads=1)) as port:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
            page = browser.new_page(viewport={"width": 360, "height": 740}, locale="id")
            page.goto(f"http://127.0.0.1:{port}/")
            with_items(page)
            page.fill("#ask", "botol")
            page.wait_for_selector("#ask-list [role=option]")
            page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": _SLOWER})
            page.evaluate(_WATCH)
            for phrase in _TYPED:
                page.fill("#ask", "")
                for letter in phrase:
                    page.keyboard.press("Space" if letter == " " else letter)
                    page.wait_for_timeout(150)
            took: list[float] = page.evaluate("window.took")
            browser.close()
    return took


def imports() -> dict[str, float]:
    """Return the least milliseconds of seven fresh processes that import, here and without rapidfuzz to be found."""
    codes = {"import ecosorter": "import ecosorter", "import ecosorter.guidance": "import ecosorter.guidance"}
    least = {}
    for name, code in codes.items():
        times = []
        for _ in range(7):
            timed = f"import time; t = time.perf_counter(); {code}; print(time.perf_counter() - t)"
            done = subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True, check=True)
            times.append(1000 * float(done.stdout))
        least[name] = min(times)
    return least


def main() -> None:
    """Print all of it."""
    ours, theirs, ratios = python()
    print(f"Python: {1000 * ours:.1f} ms a search, rapidfuzz alone {1000 * theirs:.1f} ms; ratio {ours / theirs:.2f},")
    print(
        f"  by phrase: median {statistics.median(ratios):.2f}, 90 % below {statistics.quantiles(ratios, n=10)[8]:.2f}"
    )
    took = sorted(keystrokes())
    print(
        f"Page, {_SLOWER} x slower: {len(took)} keys, median {statistics.median(took):.0f} ms, "
        f"90 % below {statistics.quantiles(took, n=10)[8]:.0f} ms, worst {took[-1]:.0f} ms; "
        f"three frames are {3 * _FRAME:.0f} ms"
    )
    for name, milliseconds in imports().items():
        print(f"{name}: {milliseconds:.0f} ms")


if __name__ == "__main__":
    main()
