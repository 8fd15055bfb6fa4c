"""What the phone says beside Python: the golden file of tests/serving/phone, in a real browser."""

import base64
import json
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from ecosorter.bundle import load_bundle, shipped_bundles
from ecosorter.serving.app import create_app
from ecosorter.serving.settings import Access
from tests.serving.page.conftest import Service
from tests.serving.page.site import running
from tests.serving.phone.golden import FILE, model, some_photos
from tests.serving.phone.pictures import made_pictures

GOLDEN: dict[str, Any] = json.loads(FILE.read_text())
SAME = 0.02  # largest difference of a probability

# Each photo takes a browser a second or more. ECOSORTER_GOLDEN=all asks it for every one, as .ci/run does.
EVERY = 1 if os.environ.get("ECOSORTER_GOLDEN") == "all" else 8

# Of these a pixel here and there is one brighter or darker than Pillow's: what libjpeg decodes at a smaller scale is
# averaged here afterwards, and a WebP is blended with white in another order. They are made of edges and grain, where
# that tells most; of photos that are decoded whole, every byte is the same.
NEARLY = {
    *(f"quality-{quality}.jpg" for quality in (40, 75, 95)),
    *(f"scaled-{side}.jpg" for side in (1120, 2240, 4000)),
    *("fine-colour.jpg", "progressive.jpg", "grey.jpg", "seen-through.webp"),
}
NEAR = 0.1

_ASK = """async (packed) => {
    const {ask} = await import('/static/now/phone/engine.js');
    const {installed, download, offered} = await import('/static/now/phone/parts.js');
    if (!(await installed())) await download((await offered()).first);
    const photo = new Blob([Uint8Array.fromBase64(packed)]);
    const {label, reason, candidates, probabilities} = await ask('classify', {photo});
    return {label, reason, candidates: candidates.map(({id}) => id), probabilities};
}"""
_PIXELS = """async (packed) => {
    const {openPhoto} = await import('/static/now/phone/photo.js');
    const {sideNeeded, toPixels} = await import('/static/now/phone/views.js');
    const {installed} = await import('/static/now/phone/parts.js');
    const {info: {preprocess}} = await installed();
    const blob = new Blob([Uint8Array.fromBase64(packed)]);
    const image = await openPhoto(blob, sideNeeded(preprocess));
    const pixels = [];
    for (const zoom of preprocess.zooms) {
        const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', toPixels(image, preprocess, zoom)));
        pixels.push(Array.from(hash.slice(0, 8), (each) => each.toString(16).padStart(2, '0')).join(''));
    }
    return pixels;
}"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with the model that ships; nobody's corrections."""
    app = create_app(None, access=Access(rate=0), threads=1)
    with running(app) as port:
        yield Service(port, None, tmp_path_factory.mktemp("none"), "")  # type: ignore[arg-type]


def coded(photos: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, str]]:
    for name, content in photos:
        yield name, base64.b64encode(content).decode()


def differences(golden: dict[str, Any], found: dict[str, Any]) -> tuple[float, list[str]]:
    """Return the largest difference of a probability, and whose answer is another."""
    largest, others = 0.0, []
    for name, said in found.items():
        expected = golden[name]
        for label, value in expected["probabilities"].items():
            largest = max(largest, abs(value - said["probabilities"][label]))
        if any(said[key] != expected[key] for key in ("label", "reason")):
            others.append(name)
    return largest, others


def test_the_golden_file_is_of_the_model_that_ships() -> None:
    ships = load_bundle(shipped_bundles()[0]).info
    assert GOLDEN["model"] == model(ships), "write it anew: python -m tests.serving.phone.golden"
    assert len(GOLDEN["pictures"]) >= 40
    assert len(GOLDEN["photos"]) >= 200


def test_a_browser_says_what_python_says_of_made_pictures(visit: Callable[..., Page]) -> None:
    page = visit()
    golden, found = GOLDEN["pictures"], {}
    for name, picture in coded(made_pictures()):
        found[name] = page.evaluate(_ASK, picture)
        assert name in NEARLY or page.evaluate(_PIXELS, picture) == golden[name]["pixels"], name
    assert found.keys() == golden.keys()
    for most, names in ((SAME, found.keys() - NEARLY), (NEAR, NEARLY)):
        largest, others = differences(golden, {name: found[name] for name in names})
        assert others == []
        assert largest <= most


def test_a_browser_says_what_python_says_of_photos(visit: Callable[..., Page], shared: Path) -> None:
    page = visit()
    photos = islice(some_photos(shared / "photos"), 0, None, EVERY)
    found = {name: page.evaluate(_ASK, photo) for name, photo in coded(photos)}
    largest, others = differences(GOLDEN["photos"], found)
    assert len(others) <= len(found) // 100
    assert largest <= SAME
