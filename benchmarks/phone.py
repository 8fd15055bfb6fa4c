"""The phone's engine beside ONNX Runtime itself and beside `ecosorter classify`, in one run.

(a) one view of a photo: WebAssembly in headless Chromium, on one thread, beside native ONNX Runtime on one thread, and
how far their logits and probabilities are apart on the same pixels; (b) a 12-megapixel JPEG: from the file to the
answer on the page, beside the whole of `ecosorter classify`; (c) memory of the page's process while it answers; (d) the
longest task on the page's main thread; (e) the bytes of everything. Needs Chromium. The table is printed and written to
test-output/bench/phone.md.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from benchmarks.timing import PROGRAM, evenly, machine, measured, table
from ecosorter.bundle import load_bundle, shipped_bundles
from ecosorter.decision import softmax
from ecosorter.folders import find_photos
from ecosorter.preprocess import decode_views

RESULTS = Path("test-output/bench/phone.md")
PHOTOS, ROUNDS = 12, 5
SIDES = (4000, 3000)
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")

_VIEW = """async ([packed, size, rounds, threads]) => {
    const {installed, part} = await import('/static/now/phone/parts.js');
    const {openNetwork} = await import('/static/now/phone/network.js');
    const list = await installed();
    if (!globalThis.network) {
        const began = performance.now();
        const [wasm, model] = await Promise.all(['ort.wasm', 'model.onnx'].map(part));
        const runtime = '/' + list.parts['ort.js'].pieces[0].path;
        globalThis.network = await openNetwork({runtime, wasm, model, size, threads, hasSignals: true});
        globalThis.opened = performance.now() - began;
    }
    const pixels = Uint8Array.from(atob(packed), (each) => each.charCodeAt(0));
    const times = [];
    let view;
    for (let round = 0; round < rounds; round++) {
        const start = performance.now();
        view = await network.run(pixels);
        times.push(performance.now() - start);
    }
    return {times, logits: [...view.logits], opened};
}"""
_LONGEST = """() => {
    globalThis.longest = 0;
    const note = ({duration}) => (longest = Math.max(longest, duration));
    new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({type: 'longtask'});
}"""


def main() -> None:
    """Measure and print."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("needs Chromium, and there is no `chromium` on the PATH")
    photos = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/photos/trashnet")
    found = list(find_photos([photos]))
    head = machine()
    with TemporaryDirectory() as folder, _service() as address, sync_playwright() as playwright:
        large = _large_photo(found[0], Path(folder))
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector("html[data-ready]")
        page.click("#phone-fetch", timeout=60_000)
        page.wait_for_selector("#phone-remove", timeout=120_000)
        rows = _whole_photo(page, large)
        rows += _views(page, evenly(found, PHOTOS))
        browser.close()
    parts = _list_of_parts()
    rows += _bytes(parts)
    text = f"{head}\n\n{table(('what', 'phone', 'beside', 'ratio'), rows)}\n\nIn the browser: {parts['runtime']}.\n"
    print(text)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(text, encoding="utf-8")


def _views(page: Page, photos: Sequence[Path]) -> list[list[str]]:
    """Run the network on the same pixels here and there."""
    bundle = load_bundle(shipped_bundles()[0])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(bundle.model_path, options, providers=["CPUExecutionProvider"])
    names = ["logits", "features", "cam", "signals"]
    native, wasm, apart, unlike = [], [], [], []
    opened = 0.0
    for photo in photos:
        pixels = decode_views(photo, bundle.info.preprocess)[:1]
        for _ in range(ROUNDS):
            start = time.perf_counter()
            logits = session.run(names, {"pixels": pixels})[0]
            native.append(1000 * (time.perf_counter() - start))
        packed = base64.b64encode(pixels.tobytes()).decode()
        found: dict[str, Any] = page.evaluate(_VIEW, [packed, bundle.info.preprocess.size, ROUNDS, 1])
        wasm += found["times"]
        opened = found["opened"]
        there = np.array([found["logits"]], np.float32)
        apart.append(float(abs(there - logits).max()))
        unlike.append(_apart(there, logits, bundle.info.temperature))
    phone, beside = median(wasm), median(native)
    return [
        ["a view, one thread, ms", f"{phone:.0f}", f"{beside:.1f} (ONNX Runtime)", f"{phone / beside:.1f}"],
        ["loading the network, s", f"{opened / 1000:.1f}", "", ""],
        ["largest difference of a logit", f"{max(apart):.2g}", f"of {len(photos)} photos", ""],
        ["largest difference of a probability", f"{max(unlike):.2g}", f"of {len(photos)} photos", ""],
    ]


def _apart(one: NDArray[np.float32], other: NDArray[np.float32], temperature: float) -> float:
    return float(abs(softmax(one, temperature) - softmax(other, temperature)).max())


def _whole_photo(page: Page, photo: Path) -> list[list[str]]:
    """Time a photo of 12 megapixels from the file to the answer that is seen."""
    page.evaluate(_LONGEST)
    seconds, memory = [], 0.0
    for round_ in range(4):  # the first opens the network
        page.evaluate("document.querySelectorAll('article[data-state]').forEach((old) => delete old.dataset.state)")
        start = time.perf_counter()
        page.set_input_files("#gallery-file", photo)
        page.wait_for_selector("article[data-state=done]", timeout=120_000)
        if round_:
            seconds.append(time.perf_counter() - start)
        memory = max(memory, _renderer_memory())
    longest = page.evaluate("longest")
    beside = median(measured([PROGRAM, "classify", str(photo)]).seconds for _ in range(3))
    phone = median(seconds)
    return [
        [
            "12-megapixel JPEG to answer, s",
            f"{phone:.2f}",
            f"{beside:.2f} (ecosorter classify)",
            f"{phone / beside:.1f}",
        ],
        ["memory of the page's process, MB", f"{memory / 1e6:.0f}", "", ""],
        ["longest task of the main thread, ms", f"{longest:.0f}", "", ""],
    ]


def _renderer_memory() -> float:
    """Return the private and shared memory (PSS) of the largest renderer of this browser, in bytes."""
    found = [0]
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"--type=renderer" in (folder / "cmdline").read_bytes() and _is_ours(int(folder.name)):
                line = next(
                    each for each in (folder / "smaps_rollup").read_text().splitlines() if each.startswith("Pss:")
                )
                found.append(int(line.split()[1]) * 1024)
        except (OSError, StopIteration):
            continue
    return max(found)


def _is_ours(process: int) -> bool:
    """Tell whether this process has started another one, or one that has started it."""
    while process > 1 and process != os.getpid():
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    return process == os.getpid()


def _large_photo(photo: Path, folder: Path) -> Path:
    with Image.open(photo) as image:
        large = image.convert("RGB").resize(SIDES, Image.Resampling.BICUBIC)
    path, buffer = folder / "large.jpg", BytesIO()
    large.save(buffer, "JPEG", quality=90)
    path.write_bytes(buffer.getvalue())
    return path


def _list_of_parts() -> dict[str, Any]:
    from ecosorter.serving.parts import make_parts  # noqa: PLC0415 - only now: it takes seconds

    found: dict[str, Any] = json.loads(make_parts(load_bundle(shipped_bundles()[0])).list)
    return found


def _bytes(parts: dict[str, Any]) -> list[list[str]]:
    rows = []
    for name, part in parts["parts"].items():
        wire, plain = (sum(piece[key] for piece in part["pieces"]) / 1e6 for key in ("wire", "bytes"))
        rows.append([f"{name} on the line, MB", f"{wire:.2f}", f"{plain:.2f} (as it is)", f"{wire / plain:.2f}"])
    return rows


@contextmanager
def _service() -> Iterator[str]:
    command = [PROGRAM, "serve", "--port", "0", "--no-corrections", "--threads", "1", "--lang", "en"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
