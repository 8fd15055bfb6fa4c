import re
import shutil
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.resources import files
from itertools import product
from pathlib import Path
from string import Formatter

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, sync_playwright

from ecosorter.evaluation.scores import LabelledPrediction
from ecosorter.texts import LANGUAGES, Language, texts
from ecosorter.texts.note import Note
from ecosorter.training.report.answers import best_class, by_cell, worst_mistakes
from ecosorter.training.report.report import HITS_A_CELL, MISTAKES_A_CELL, write_report
from ecosorter.training.results import RunResult
from tests.training.example_result import example_result, fit_record, scores_of

CLASSES = ["kaca", "kardus", "kertas", "khusus", "logam", "organik", "plastik"]
HOSTILE = [
    "</script><script>document.title='broken'</script>",
    '"><img src=http://203.0.113.9/x onerror="document.title=1">',
    "{{ 7 * 7 }}{% raw %}",
    "a-name-without-any-place-to-break-" + "x" * 120,
]
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


def make_photos(folder: Path, classes: list[str], each: int) -> list[tuple[Path, str]]:
    """Draw photos of a colour a class, on paths that have nothing of the class's name."""
    photos = []
    for index, label in enumerate(classes):
        (folder / str(index)).mkdir(parents=True, exist_ok=True)
        for number in range(each):
            image = Image.new("RGB", (64, 48), (30 * index, 200 - 20 * index, 90))
            ImageDraw.Draw(image).ellipse((number % 40, 5, number % 40 + 20, 30), fill="white")
            path = folder / str(index) / f"{number}.jpg"
            image.save(path)
            photos.append((path, label))
    return photos


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return example_result(make_photos(tmp_path_factory.mktemp("photos"), CLASSES, 30), CLASSES, epochs=6)


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory, result: RunResult) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path, result, language="en")
    return path


class Parsed(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data + " "

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


def words(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_the_honest_figure_stands_first_and_the_leaky_one_is_labelled(page_file: Path, result: RunResult) -> None:
    text = words(Parsed(page_file).text)
    assert result.compared
    honest, leaky = (f"{100 * fit.scores.accuracy:.1f}%" for fit in (result.fit, result.compared))
    assert honest != leaky
    assert text.index("✓ Honest") < text.index(honest) < text.index("⚠ Leaky") < text.index(leaky)
    assert "Do not quote it" in text


def test_a_run_whose_model_is_leaky_shows_the_honest_figure_first_too(tmp_path: Path, result: RunResult) -> None:
    assert result.compared
    turned = result.model_copy(update={"fit": result.compared, "compared": result.fit})
    write_report(tmp_path / "report.html", turned)
    text = words(Parsed(tmp_path / "report.html").text)
    assert text.index("✓ Honest") < text.index("⚠ Leaky")
    assert "The exported model ⚠ Leaky" in text

    alone = result.model_copy(update={"fit": result.compared, "compared": None})
    write_report(tmp_path / "report.html", alone)
    text = words(Parsed(tmp_path / "report.html").text)
    assert "✓ Honest" not in text
    assert "No honest figure was measured" in text


def test_every_part_that_was_asked_for_is_there(page_file: Path, result: RunResult) -> None:
    text = words(Parsed(page_file).text)
    scores = result.fit.scores
    for expected in [
        result.id,
        result.notes[0].say("en"),
        "trashnet",
        "siscer",
        "kitchen-bangladesh",
        "Cross-validation",
        f"before ({sum(result.fit.counts_before.values()):,})",
        f"after ({sum(result.fit.counts_after.values()):,})",
        "Reliability diagram",
        "Coverage against accuracy",
        f"{100 * scores.macro_f1:.1f}%",
        f"{100 * scores.per_class['logam'].recall:.1f}%",
        "balance.neighbours",
        "2.13.0+cpu",
        f"Wrong answers: {sum(best_class(answer) != answer.label for answer in result.answers)}.",
    ]:
        assert expected in text


def test_a_missing_measurement_is_named_and_not_left_out(tmp_path: Path, result: RunResult) -> None:
    poor = result.model_copy(update={"held_out": {}, "folds": [], "compared": None, "notes": []})
    write_report(tmp_path / "report.html", poor)
    text = words(Parsed(tmp_path / "report.html").text)
    assert "add --hold-out SOURCE" in text
    assert "Cross-validation" not in text
    assert "⚠ Leaky" not in text


def test_both_languages_say_everything(tmp_path: Path, result: RunResult) -> None:
    write_report(tmp_path / "report.html", result, language="id")
    parsed = Parsed(tmp_path / "report.html")
    text = words(parsed.text)
    assert parsed.all("html")[0]["lang"] == "id"
    assert "✓ Jujur" in text
    assert "Kardus" in text
    assert f"{100 * result.fit.scores.accuracy:.1f}%".replace(".", ",") in text

    table = tomllib.loads(files("ecosorter.texts").joinpath("report.toml").read_text(encoding="utf-8"))
    for key, entry in table.items():
        assert set(entry) == set(LANGUAGES), key
        fields = [{field for _, field, _, _ in Formatter().parse(entry[language]) if field} for language in LANGUAGES]
        assert fields[0] == fields[1], key


def test_the_page_holds_everything_that_it_shows(page_file: Path) -> None:
    parsed = Parsed(page_file)
    assert not parsed.all("script")
    for _, attributes in parsed.tags:
        for name in ("src", "href", "srcset", "data", "action", "poster"):
            assert re.match(r"data:|#", attributes.get(name) or "#"), attributes
        assert not [name for name in attributes if name.startswith("on")]
    assert "url(" not in page_file.read_text(encoding="utf-8")
    (policy,) = [meta for meta in parsed.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert str(policy["content"]).startswith("default-src 'none'")


def test_ids_are_unique_and_links_lead_somewhere(page_file: Path) -> None:
    parsed = Parsed(page_file)
    ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = [str(link["href"])[1:] for link in parsed.all("a")]
    targets += [str(button["popovertarget"]) for button in parsed.all("button")]
    assert set(targets) <= set(ids)
    assert all(image.get("alt") for image in parsed.all("img"))


def test_cells_are_capped_and_say_so(tmp_path: Path) -> None:
    photos = make_photos(tmp_path, ["a"], 90)
    answers = [
        LabelledPrediction(
            path=str(path), label="a", probabilities={"a": 0.9, "b": 0.1} if number < 30 else {"a": 0.2, "b": 0.8}
        )
        for number, (path, _) in enumerate(photos)
    ]
    scores = scores_of(answers, ["a", "b"])
    fit = fit_record("after-split", scores, {"a": 90, "b": 10}, epochs=2)
    result = example_result(photos, ["a", "b"], epochs=2, rich=False).model_copy(
        update={"answers": answers, "fit": fit}
    )
    write_report(tmp_path / "report.html", result)
    text = words(Parsed(tmp_path / "report.html").text)
    assert f"{HITS_A_CELL} of 30 photos shown." in text
    assert f"{MISTAKES_A_CELL} of 60 photos shown." in text


def test_photos_that_disappeared_leave_a_placeholder(tmp_path: Path) -> None:
    photos = make_photos(tmp_path, ["a", "b"], 10)
    result = example_result(photos, ["a", "b"], epochs=2)
    photos[0][0].unlink()
    photos[1][0].write_bytes(b"not a photo")
    write_report(tmp_path / "report.html", result)
    parsed = Parsed(tmp_path / "report.html")
    gone = [tag for _, tag in parsed.tags if tag.get("class") == "gone"]
    assert len(gone) >= 2
    assert all(tag["aria-label"] == "Photo not there any more" for tag in gone)


def test_relative_paths_start_at_the_photo_root_and_shown_paths_leave_out_the_common_folder(tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "somebody" / "photos", ["a", "b"], 5)
    relative = [(path.relative_to(tmp_path), label) for path, label in photos]
    result = example_result(relative, ["a", "b"], epochs=2, rich=False)
    write_report(tmp_path / "report.html", result, photo_root=tmp_path)
    parsed = Parsed(tmp_path / "report.html")
    assert parsed.all("img")
    assert "gone" not in {tag.get("class") for _, tag in parsed.tags}
    assert "0/0.jpg" in parsed.text
    assert "somebody" not in parsed.text


def test_rows_without_a_photo_are_counted_in_the_matrix_of_a_leaky_fit(tmp_path: Path) -> None:
    photos = make_photos(tmp_path, ["a", "b"], 10)
    result = example_result(photos, ["a", "b"], epochs=2, rich=False)
    scores = result.fit.scores.model_copy(update={"confusion": [[25, 9], [9, 25]]})
    leaky = result.fit.model_copy(update={"scores": scores, "leaky": True})
    write_report(tmp_path / "report.html", result.model_copy(update={"fit": leaky}))
    right = by_cell(result.answers)["a", "a"]
    assert f"{25 - len(right)} more rows are synthetic" in words(Parsed(tmp_path / "report.html").text)


def test_a_model_that_never_answers_and_a_class_without_photos(tmp_path: Path) -> None:
    result = example_result(make_photos(tmp_path, ["a"], 10), ["a", "b"], epochs=1, rich=False)
    scores = result.fit.scores.model_copy(update={"coverage": 0.0, "answered_accuracy": None})
    result = result.model_copy(update={"fit": result.fit.model_copy(update={"scores": scores}), "created": "today"})
    write_report(tmp_path / "report.html", result)
    text = words(Parsed(tmp_path / "report.html").text)
    assert "the model answers none" in text
    assert "Weakest class a" in text
    assert "today" in text


def test_hostile_names_are_only_text(tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "<img src=x onerror=alert(1)>", HOSTILE, 8)
    result = example_result(photos, HOSTILE, epochs=2).model_copy(
        update={
            "notes": [Note(key="lost_class", values={"name": name}) for name in HOSTILE],
            "id": HOSTILE[0],
            "created": HOSTILE[1],
            "recipe": {"name": HOSTILE[2], "x": HOSTILE},
        }
    )
    write_report(tmp_path / "report.html", result)
    parsed = Parsed(tmp_path / "report.html")
    assert not parsed.all("script")
    assert all(str(image["src"]).startswith("data:image/jpeg;base64,") for image in parsed.all("img"))
    assert not [attributes for _, attributes in parsed.tags if any(name.startswith("on") for name in attributes)]
    for name in HOSTILE:
        assert name in parsed.text


def test_writing_again_replaces_the_report_in_one_step(tmp_path: Path, result: RunResult) -> None:
    write_report(tmp_path / "report.html", result)
    before = (tmp_path / "report.html").read_bytes()
    write_report(tmp_path / "report.html", result)
    assert (tmp_path / "report.html").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


# Colours


def luminance(colour: tuple[float, float, float]) -> float:
    """WCAG 2.2, relative luminance of 8-bit sRGB."""
    linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    """WCAG 2.2, contrast ratio 1..21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_words_can_be_read_on_every_ground_in_light_and_dark() -> None:
    css = files("ecosorter").joinpath("templates/page.css").read_text(encoding="utf-8")
    schemes = re.findall(r":root \{(.*?)\}", css, flags=re.DOTALL)
    assert len(schemes) == 2
    for scheme in schemes:
        colour = {
            name: (int(value[:2], 16), int(value[2:4], 16), int(value[4:], 16))
            for name, value in re.findall(r"--([a-z-]+): #([0-9a-f]{6})", scheme)
        }
        pairs = [*product(("ink", "soft", "green", "red"), ("paper", "surface"))]
        pairs += [("green", "green-wash"), ("amber", "amber-wash"), ("ink", "amber-wash")]
        for words_in, ground in pairs:
            assert contrast(colour[words_in], colour[ground]) >= 4.5, (words_in, ground)
        for line in ("train", "validation", "test"):  # WCAG 1.4.11, graphical objects
            assert contrast(colour[line], colour["surface"]) >= 3, line
        for heat in ("hit", "miss"):
            deepest = tuple(
                0.72 * a + 0.28 * b for a, b in zip(colour[heat], colour["surface"], strict=True)
            )  # as .cell mixes it
            assert contrast(colour["ink"], (deepest[0], deepest[1], deepest[2])) >= 4.5, heat


# In a real browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if not program:
        pytest.skip("needs Chromium to look at the report, and there is none on this computer")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_FLAGS.split())
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def page(browser: Browser, complaints: list[str]) -> Iterator[Page]:
    """A phone's page that notes every console message, error and request beyond the file itself."""
    page = browser.new_page(viewport={"width": 320, "height": 640}, has_touch=True)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: _note_outside(request.url, complaints))
    yield page
    page.close()


def _note_outside(url: str, complaints: list[str]) -> None:
    if not url.startswith(("file:", "data:")):
        complaints.append(url)


def wrong_cell(page: Page, result: RunResult) -> tuple[str, list[LabelledPrediction]]:
    """Return the selector of a cell of mistakes and the answers behind it."""
    cells = {key: answers for key, answers in by_cell(result.answers).items() if key[0] != key[1]}
    (true, predicted), answers = max(cells.items(), key=lambda cell: len(cell[1]))
    return f"button[popovertarget='cell-{CLASSES.index(true)}-{CLASSES.index(predicted)}'].cell", answers


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_wider_than_a_small_phone(
    tmp_path: Path, page: Page, complaints: list[str], language: Language, scheme: str
) -> None:
    classes = [*CLASSES[:3], HOSTILE[3], HOSTILE[0]]
    result = example_result(make_photos(tmp_path, classes, 6), classes, epochs=3)
    write_report(tmp_path / "report.html", result, language=language)
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto((tmp_path / "report.html").as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    beyond = page.evaluate(
        """[...document.querySelectorAll('main *, header *')]
        .filter(one => !one.closest('.scroll') && !one.closest('svg') && !one.closest('[popover]'))
        .filter(one => one.getBoundingClientRect().right > 320.5).map(one => one.outerHTML.slice(0, 80))"""
    )
    assert beyond == []
    assert complaints == []
    assert page.title() == f"{texts('report', language)['title']} · {result.id}"


def test_a_tapped_cell_shows_its_photos(page: Page, page_file: Path, result: RunResult, complaints: list[str]) -> None:
    page.goto(page_file.as_uri())
    selector, answers = wrong_cell(page, result)
    page.locator(selector).tap()
    dialog = page.locator("[popover]:popover-open")
    assert dialog.locator("img").count() == len(answers)
    drawn = dialog.locator("img").evaluate_all(
        "images => Promise.all(images.map(one => one.decode().then(() => one.naturalWidth)))"
    )
    assert all(width > 0 for width in drawn)
    box = dialog.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 320
    dialog.get_by_role("button", name="Close").tap()
    assert page.locator("[popover]:popover-open").count() == 0
    assert complaints == []


def test_the_keyboard_opens_and_closes_a_cell(page: Page, page_file: Path, result: RunResult) -> None:
    page.goto(page_file.as_uri())
    selector, answers = wrong_cell(page, result)
    page.locator(selector).focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")  # the cell is in the order of tabs
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name=re.compile(r"predicted .* \(\d+\)"))
    assert dialog.count() == 1
    assert dialog.locator("li").count() == len(answers)
    assert page.evaluate("document.activeElement.className") == "close"
    page.keyboard.press("Escape")
    assert page.locator("[popover]:popover-open").count() == 0
    assert page.evaluate("selector => document.activeElement.matches(selector)", selector)


def test_the_worst_mistakes_are_the_most_confident_ones(page: Page, page_file: Path, result: RunResult) -> None:
    page.goto(page_file.as_uri())
    shown = page.locator("#mistakes .path").all_inner_texts()
    worst = worst_mistakes(result.answers, 24)
    assert [Path(path).name for path in shown] == [Path(answer.path).name for answer in worst]


def test_a_wide_screen_shows_honest_and_leaky_side_by_side(page: Page, page_file: Path) -> None:
    page.goto(page_file.as_uri())
    for width in (1200, 320):
        page.set_viewport_size({"width": width, "height": 800})
        honest, leaky = (page.locator(".verdict").nth(i).bounding_box() for i in range(2))
        assert honest
        assert leaky
        assert honest["y"] == leaky["y"]
        assert honest["x"] + honest["width"] < leaky["x"]
