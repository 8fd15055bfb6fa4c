"""What a phone learns of a place beside what `ecosorter teach` learns of the same photos, and how long the phone takes.

(a) 35 photos, five of each class as far as there are so many, of a source that the model never saw: a head is fitted to
the bank without it first. The phone is taught in headless Chromium, Python by `teach`; both answer other photos of the
source. (b) The fit to 200 photos on the phone, from the features to the head that is used. Needs Chromium. The table is
printed and written to test-output/bench/phone_lesson.md.
"""

import argparse
import base64
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from playwright.sync_api import Page, sync_playwright

from benchmarks.left_out import head_without
from benchmarks.timing import PROGRAM, evenly, machine, table
from ecosorter.bundle import Bundle, load_bundle, shipped_bundles, write_bundle
from ecosorter.classifier import Classifier
from ecosorter.datasets.dataset import PhotoRow, load_dataset
from ecosorter.teaching.bank import load_bank, make_bank
from ecosorter.teaching.features import augmented_features
from ecosorter.teaching.linear_head import with_head
from ecosorter.teaching.notebook import Notebook, NotedModel, NotedPhoto, packed, write_notebook
from ecosorter.teaching.teach import teach
from ecosorter.training.recipe import load_recipe

RESULTS = Path("test-output/bench/phone_lesson.md")
EACH, ASKED, MANY = 5, 60, 200
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")

_TEACH = """async (photos) => {
    const app = document.querySelector('script[type=module]').src;
    const lessons = await import(app.replace('app.js', 'learn/lessons.js'));
    for (const [at, [label, packed]] of photos.entries()) {
        const photo = new Blob([Uint8Array.from(atob(packed), (each) => each.charCodeAt(0))]);
        const when = new Date(Date.UTC(2026, 0, 1, 0, 0, at)).toISOString();
        await lessons.teach({id: `${at}`, when, photo}, label, {wait: true});
    }
    await lessons.learnNow();
    const {known, step, photos: learnt} = (await lessons.situation()).lesson;
    return {known, step, learnt};
}"""
_ANSWER = """async (packed) => {
    const {ask} = await import(document.querySelector('script[type=module]').src.replace('app.js', 'phone/engine.js'));
    const photo = new Blob([Uint8Array.from(atob(packed), (each) => each.charCodeAt(0))]);
    const {label, best, probabilities} = await ask('classify', {photo});
    return {label, best, probabilities};
}"""
_FIT = """async ([text, wanted]) => {
    const app = document.querySelector('script[type=module]').src;
    const lessons = await import(app.replace('app.js', 'learn/lessons.js'));
    await lessons.forgetAll();
    const done = new Promise((told) => lessons.onChange(async () => {
        const {lesson, doing} = await lessons.situation();
        if (lesson?.upToDate && lesson.photos === wanted && !doing) told(lesson);
    }));
    const {take} = await import(app.replace('app.js', 'learn/file.js'));
    await take(new File([text], 'many.ecosorter'));
    await done;
    await lessons.forget('none'); // another revision of the same photos
    const start = performance.now();
    await lessons.learnNow();
    return {seconds: (performance.now() - start) / 1000, photos: (await lessons.situation()).lesson.photos};
}"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.phone_lesson")
    parser.add_argument("photos", nargs="?", type=Path, default=Path("../shared/photos/trashnet"))
    folder = parser.parse_args().photos
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("needs Chromium, and there is no `chromium` on the PATH")
    head, rows = machine(), load_dataset([folder]).rows
    taught, asked = _chosen(rows)
    with TemporaryDirectory() as made, sync_playwright() as playwright:
        place = Path(made)
        model = _without(folder.name, place / "model")
        for row in taught:
            (place / "photos" / row.label).mkdir(parents=True, exist_ok=True)
            shutil.copy(row.path, place / "photos" / row.label)
        teach([place / "photos"], place / "taught", model=model.folder, own_classes=True)
        ours = list(Classifier.load(place / "taught").classify([row.path for row in asked]))
        before = list(Classifier.load(model.folder).classify([row.path for row in asked]))
        with _service(model.folder) as address:
            browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
            page = browser.new_page()
            page.set_default_timeout(600_000)
            page.goto(address)
            page.click("#phone-fetch")
            page.wait_for_selector("#place-open")
            lesson = page.evaluate(_TEACH, [[row.label, _packed(row.path)] for row in taught])
            theirs = [page.evaluate(_ANSWER, _packed(row.path)) for row in asked]
            many = _time(page, model, rows)
            browser.close()
    same = sum(our.label == their["label"] for our, their in zip(ours, theirs, strict=True))
    likeliest = sum(our.best == their["best"] for our, their in zip(ours, theirs, strict=True))
    apart = max(
        abs(our.probabilities[label] - their["probabilities"][label])
        for our, their in zip(ours, theirs, strict=True)
        for label in our.probabilities
    )
    right = [
        sum(row.label == best for row, best in zip(asked, said, strict=True))
        for said in (
            [each.best for each in before],
            [each.best for each in ours],
            [each["best"] for each in theirs],
        )
    ]
    text = f"{head}\n\n" + table(
        ("what", "figure"),
        [
            ["photos taught, of a source left out", f"{lesson['learnt']}"],
            ["told beforehand on the phone: known, before and now", " and ".join(map(str, lesson["known"]))],
            ["the same answer, or both not sure", f"{same} of {len(asked)}"],
            ["the same likeliest class", f"{likeliest} of {len(asked)}"],
            ["largest difference of a probability", f"{apart:.2g}"],
            ["right of these: untaught, taught in Python, on the phone", ", ".join(map(str, right))],
            [f"fit to {many['photos']} photos on the phone, s", f"{many['seconds']:.1f}"],
        ],
    )
    print(text)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(text, encoding="utf-8")


def _chosen(rows: Sequence[PhotoRow]) -> tuple[list[PhotoRow], list[PhotoRow]]:
    """Return the photos to teach and others to ask about, spread over the source."""
    labels = sorted({row.label for row in rows})
    by_class = [[row for row in rows if row.label == label] for label in labels]
    fewest = -(-7 * EACH // len(labels))
    taught = [row for mine in by_class for row in evenly(mine, fewest)][: 7 * EACH]
    paths = {row.path for row in taught}
    return taught, evenly([row for row in rows if row.path not in paths], ASKED)


def _without(source: str, folder: Path) -> Bundle:
    """Write the model that ships with a head and a bank that never saw a source."""
    base, recipe = load_bundle(shipped_bundles()[0]), load_recipe("ecosorter")
    bank = load_bank(base)
    sources = np.array(bank.row_sources)
    others = sources != source
    head = head_without(bank, [source], recipe)
    bank = replace(bank, features=bank.features[others], labels=bank.labels[others])
    content = make_bank(bank.features, bank.labels, sources[others].tolist(), bank.classes)
    graph = with_head(onnx.load(base.model_path), head)
    return write_bundle(folder, graph.SerializeToString(), base.info, "# Without a source\n", bank=content)


def _time(page: Page, model: Bundle, rows: Sequence[PhotoRow]) -> dict[str, Any]:
    some = evenly(rows, MANY)
    features = augmented_features(model, [row.path for row in some], lambda _: None)
    info = model.info
    book = Notebook(
        model=NotedModel(name=info.name, version=info.version, sha256=info.features_of),
        width=features.shape[2],
        looks=features.shape[1],
        photos=tuple(
            NotedPhoto(label=row.label, features=packed(look)) for row, look in zip(some, features, strict=True)
        ),
    )
    found: dict[str, Any] = page.evaluate(_FIT, [write_notebook(book), len(some)])
    return found


def _packed(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


@contextmanager
def _service(model: Path) -> Iterator[str]:
    command = [PROGRAM, "serve", "--model", str(model), "--port", "0", "--no-corrections", "--threads", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()
            time.sleep(0.1)


if __name__ == "__main__":
    main()
