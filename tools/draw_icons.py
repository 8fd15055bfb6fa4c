"""Draw the page's PNG icons from its mark, after that changed: `python tools/draw_icons.py`. Needs Chromium."""

import shutil
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ICONS = Path(__file__).resolve().parents[1] / "src/ecosorter/serving/web/icons"
GREEN = "#1c5f3f"  # the mark's own ground
SAFE = 0.72  # of a maskable icon: what lies outside may be cut off in any shape


def main() -> None:
    """Write 192.png and 512.png as the mark is, and maskable-512.png with ground to the edge."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        mark = (ICONS / "mark.svg").read_text(encoding="utf-8")

        def drawn(size: int) -> Image.Image:
            page.set_viewport_size({"width": size, "height": size})
            page.set_content(f"<style>*{{margin:0}}svg{{display:block;width:{size}px}}</style>{mark}")
            return Image.open(BytesIO(page.screenshot(omit_background=True))).convert("RGBA")

        for size in (192, 512):
            _save(drawn(size), f"{size}.png")
        inner = drawn(int(512 * SAFE))
        ground = Image.new("RGBA", (512, 512), GREEN)
        ground.alpha_composite(inner, ((512 - inner.width) // 2, (512 - inner.height) // 2))
        _save(ground, "maskable-512.png")
        browser.close()


def _save(image: Image.Image, name: str) -> None:
    """Save with 64 colours: four flat ones and their edges need no more."""
    image.quantize(64, method=Image.Quantize.FASTOCTREE).save(ICONS / name, optimize=True)


if __name__ == "__main__":
    main()
