"""The page and the service turn photos the same way: the browser is asked, not believed."""

import base64
from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from ecosorter.photos import open_photo
from tests.test_photos import corners, only_in_xmp
from tests.test_png import chunk, with_chunk
from tests.tiny import encoded


def with_exif(kind: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(corners(), kind, exif=exif)


TAGS = with_exif("PNG").partition(b"eXIf")[2][:26]
PHOTOS = {
    **{f"{kind}, EXIF": with_exif(kind) for kind in ("JPEG", "PNG", "AVIF")},
    **{f"{kind}, XMP": only_in_xmp(kind) for kind in ("JPEG", "PNG", "AVIF", "WEBP")},
    "PNG, EXIF of a wrong sum": with_chunk(chunk(b"eXIf", TAGS, wrong=True)),
}


@pytest.fixture(scope="module")
def blank(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


@pytest.mark.parametrize("kind", PHOTOS)
def test_both_sides_see_the_same_size(blank: Page, kind: str) -> None:
    size = blank.evaluate(
        """async (coded) => {
            const bytes = Uint8Array.from(atob(coded), (letter) => letter.charCodeAt(0));
            const { width, height } = await createImageBitmap(new Blob([bytes]), { imageOrientation: "from-image" });
            return [width, height];
        }""",
        base64.b64encode(PHOTOS[kind]).decode(),
    )
    assert tuple(size) == open_photo(PHOTOS[kind]).size
