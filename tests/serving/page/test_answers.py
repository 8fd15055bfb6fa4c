"""Photos become answers: alone, several, by the camera, from the gallery."""

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from ecosorter.preprocess import PreprocessSpec
from ecosorter.serving.app import create_app
from tests.serving.page.conftest import GLASS, NO_WASTE, ORGANIC, PLASTIC, PLASTIC_OR_METAL
from tests.serving.page.site import Wire, running
from tests.serving.page.steps import Pictures, give, heading
from tests.tiny import encoded, photo, tiny_bundle

Visit = Callable[..., Page]


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("id", ["Kaca", "Saya yakin", "Masukkan ke wadah", "Wadah biru", "Apakah kacanya pecah?", "Kosongkan, bilas"]),
        ("en", ["Glass", "I am sure", "Put it into", "The blue bin", "Is the glass broken?", "Empty, rinse"]),
    ],
)
def test_an_answer_says_class_certainty_bin_and_what_to_do(
    visit: Visit, pictures: Pictures, language: str, said: list[str]
) -> None:
    page = visit(language=language)
    give(page, pictures(GLASS))
    for words in said:
        expect(page.locator("article")).to_contain_text(words)
    expect(page.locator(".bincard svg text")).to_have_text("●")


def test_the_answer_to_the_question_changes_the_advice(visit: Visit, pictures: Pictures) -> None:
    page = visit()
    give(page, pictures(GLASS))
    page.get_by_label("Pecah atau retak").check()
    expect(page.locator(".bin-name")).to_have_text("Residu")
    expect(page.locator(".steps.do")).to_contain_text("AWAS PECAHAN KACA")
    expect(page.get_by_label("Pecah atau retak")).to_be_focused()
    expect(page.locator("#said")).to_contain_text("abu-abu")


def test_another_scheme_answers_and_is_remembered(visit: Visit, pictures: Pictures) -> None:
    page = visit()
    give(page, pictures(GLASS))
    page.select_option("#answer-scheme", "lima-warna")
    expect(page.locator(".bin-name")).to_have_text("Anorganik")
    page.goto(page.url)
    page.click("#home")
    expect(page.locator("#scheme")).to_have_value("lima-warna")
    expect(page.locator("#legend")).to_contain_text("Anorganik")


def test_the_language_is_switched_everywhere_and_remembered(visit: Visit, pictures: Pictures) -> None:
    page = visit(errors_expected=True)  # the browser warns that it loaded Indonesian words in vain
    give(page, pictures(GLASS))
    page.get_by_role("button", name="EN: English").click()
    expect(page.locator("article h1")).to_have_text("Glass")
    expect(page.locator(".bin-name")).to_have_text("Recyclable")
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("article h1")).to_have_text("Glass")


def test_where_the_model_looked_is_shown_on_a_tap(visit: Visit, pictures: Pictures) -> None:
    page = visit()
    give(page, pictures(GLASS))
    canvas = page.locator("canvas.heat")
    expect(canvas).to_have_css("opacity", "0")
    page.click("#heat")
    expect(canvas).to_have_css("opacity", "1")
    expect(page.locator("#heat")).to_have_attribute("aria-pressed", "true")
    brightness = canvas.evaluate("c => c.getContext('2d').getImageData(c.width / 2, c.height / 2, 1, 1).data[3]")
    assert brightness > 0
    picture, light = (page.locator(at).bounding_box() for at in ("figure img", "canvas.heat"))
    assert picture == pytest.approx(light, abs=0.5)


def test_the_light_lies_on_the_part_that_the_model_saw(visit: Visit, tmp_path: Path) -> None:
    crop = PreprocessSpec(size=8, resize="crop", shorter_side=8, mean=(0, 0, 0), std=(1, 1, 1))
    seen = Image.new("RGB", (1600, 800), PLASTIC)
    seen.paste(GLASS, (400, 0, 900, 800))  # the model sees the columns from 400 to 1200
    (tmp_path / "wide.png").write_bytes(encoded(seen, "PNG"))
    with running(create_app(tiny_bundle(tmp_path / "bundle", preprocess=crop).folder, threads=1)) as port:
        page = visit(over=Wire(port))
        give(page, tmp_path / "wide.png")
        page.click("#heat")
        reds = page.locator("canvas.heat").evaluate(
            """(canvas) => {
                const {data} = canvas.getContext('2d').getImageData(0, canvas.height / 2, canvas.width, 1);
                return [100, 500, 1100, 1500].map((x) => data[4 * Math.floor((canvas.width * x) / 1600)]);
            }"""
        )
        page.close()  # before its service: what it asks for meanwhile would fail
    assert [red > 128 for red in reds] == [False, True, False, False]


def test_in_doubt_the_person_chooses_between_two(visit: Visit, pictures: Pictures) -> None:
    page = visit()
    give(page, pictures(PLASTIC_OR_METAL), settled=".either")
    assert heading(page) in ("Plastik atau logam?", "Logam atau plastik?")
    page.click("#pick-logam")
    expect(page.locator("article h1")).to_have_text("Logam")
    expect(page.locator(".question legend")).to_contain_text("kaleng semprot")
    page.click("#pick-plastik")
    expect(page.locator("article h1")).to_have_text("Plastik")


def test_a_photo_without_waste_gets_no_bin(visit: Visit, pictures: Pictures) -> None:
    page = visit(language="en")
    give(page, pictures(NO_WASTE), settled="#is-waste")
    assert heading(page) == "I see no waste here"
    assert page.locator(".bincard").count() == 0


def test_several_photos_become_a_list_with_totals(visit: Visit, pictures: Pictures, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(photo(kind="JPEG", size=(400, 400))[:300])
    page = visit(language="en")
    wanted = [pictures(colour) for colour in (GLASS, PLASTIC, ORGANIC, NO_WASTE, PLASTIC_OR_METAL)]
    give(page, *wanted, broken, settled=".rows li:nth-child(6)")
    page.wait_for_selector(".looking", state="detached")
    assert heading(page) == "6 photos"
    expect(page.locator(".totals li")).to_have_text(
        ["●Recyclable2 items", "▲Degradable1 item", "?No waste1 item", "?Not sure1 item", "?Not readable1 item"]
    )
    page.click(".rows li:nth-child(3) button")
    expect(page.locator("article h1")).to_have_text("Organic")
    page.go_back()
    expect(page.locator(".rows li")).to_have_count(6)


def test_of_a_photo_that_cannot_be_drawn_an_empty_frame_is_shown(visit: Visit, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(photo(kind="JPEG", size=(400, 400))[:300])
    page = visit()
    give(page, broken, broken, settled=".rows li:nth-child(2)")
    page.wait_for_selector(".looking", state="detached")
    page.wait_for_selector(".rows li:first-child img.undrawn")
    shown = page.locator(".rows li:first-child img").screenshot(animations="disabled")
    frame = Image.open(BytesIO(shown)).convert("RGB")
    width, height = frame.size
    inside = frame.crop((8, 8, width - 8, height - 8))  # its corners are round
    assert len(inside.getcolors()) == 1


def test_photos_can_be_dropped_and_pasted(visit: Visit) -> None:
    page = visit(size="desktop")
    for kind, carrier in (("drop", "DataTransfer"), ("paste", "clipboardData")):
        page.evaluate(
            """async ([kind, carrier]) => {
                const canvas = Object.assign(document.createElement('canvas'), {width: 40, height: 30});
                const context = canvas.getContext('2d');
                context.fillStyle = 'lime';
                context.fillRect(0, 0, 40, 30);
                const blob = await new Promise((resolve) => canvas.toBlob(resolve));
                const data = new DataTransfer();
                data.items.add(new File([blob], 'leaf.png', {type: 'image/png'}));
                const Kind = kind === 'drop' ? DragEvent : ClipboardEvent;
                const options = {dataTransfer: data, clipboardData: data, bubbles: true, cancelable: true};
                document.body.dispatchEvent(new Kind(kind, options));
            }""",
            [kind, carrier],
        )
        expect(page.locator("[data-screen]:not([hidden]) h1")).to_have_text("Organik")
        page.click("#home")


def test_what_is_no_photo_is_refused_kindly(visit: Visit, tmp_path: Path) -> None:
    page = visit()
    (tmp_path / "list.txt").write_text("kaca")
    page.set_input_files("#gallery-file", [tmp_path / "list.txt"])
    expect(page.locator("#toast")).to_contain_text("bukan foto")
    expect(page.locator("[data-screen=start]")).to_be_visible()


def test_photos_are_made_small_upright_and_bare(visit: Visit) -> None:
    wide = Image.new("RGB", (3000, 2000), "red")
    wide.paste("blue", (0, 0, 1500, 2000))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right: the blue half is then the upper one
    exif.get_ifd(0x8825)[1] = "S"
    page = visit()
    sent = page.evaluate(
        """async (bytes) => {
            const {shrink} = await import(document.querySelector('script[src]').src.replace('app.js', 'shrink.js'));
            const blob = await shrink(new Blob([new Uint8Array(bytes)], {type: 'image/jpeg'}));
            return Array.from(new Uint8Array(await blob.arrayBuffer()));
        }""",
        list(encoded(wide, "JPEG", exif=exif, quality=60)),
    )
    with Image.open(BytesIO(bytes(sent))) as small:
        assert small.format == "JPEG"
        assert small.size == (683, 1024)
        assert not small.getexif()
        blue, red = small.getpixel((340, 200)), small.getpixel((340, 800))
    assert isinstance(blue, tuple)
    assert isinstance(red, tuple)
    assert blue[2] > 200
    assert blue[0] < 60
    assert red[0] > 200
    assert red[2] < 60


def test_the_camera_in_the_page_takes_the_photo(film: Callable[[Image.Image], Page]) -> None:
    page = film(Image.new("RGB", (640, 480), PLASTIC))
    page.click("#take")
    page.wait_for_selector("#camera-shoot:enabled")
    page.click("#camera-shoot")
    page.wait_for_selector("article[data-state=done]")
    assert heading(page) == "Plastik"
    assert not page.evaluate("document.getElementById('camera-view').srcObject")  # the camera is off again


def test_the_camera_sees_a_real_photo(film: Callable[[Image.Image], Page], shared: Path, shots: Path) -> None:
    with Image.open(sorted(shared.glob("photos/trashnet/kaca/*.jpg"))[3]) as real:
        page = film(real.convert("RGB").resize((640, 480)))
    page.click("#take")
    page.wait_for_selector("#camera-shoot:enabled")
    page.screenshot(path=shots / "camera-real.png")
    page.click("#camera-shoot")
    page.wait_for_selector("article[data-state=done]")
    page.screenshot(path=shots / "camera-answer.png")
    expect(page.locator("article h1")).not_to_be_empty()


@pytest.fixture
def film(visit: Visit, launch: Callable[..., Browser], tmp_path: Path) -> Iterator[Callable[[Image.Image], Page]]:
    """Open the page in a browser whose camera sees one picture: a film for Chromium is JPEGs one after the other."""
    browsers = []

    def open_page(seen: Image.Image) -> Page:
        path = tmp_path / "film.mjpeg"
        path.write_bytes(encoded(seen, "JPEG", quality=90) * 30)
        fake = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
        browsers.append(launch(*fake, f"--use-file-for-fake-video-capture={path}"))
        return visit(in_browser=browsers[0])

    yield open_page
    for each in browsers:
        each.close()
