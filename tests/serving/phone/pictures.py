"""Pictures made on the spot, of every shape and kind that changes how they are read; the same every time."""

from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageCms, ImageDraw, PngImagePlugin

from tests.tiny import encoded

EXACT = "PNG"
"""The format whose pixels a browser must give as Pillow does, byte for byte."""

_SIDES = (
    (224, 224),
    (448, 448),
    (640, 480),
    (480, 640),
    (1024, 768),
    (301, 977),
    (1600, 40),
    (17, 9),
    (1, 1),
    (225, 223),
)


def made_pictures() -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes; the name's ending is the format."""
    for number, size in enumerate(_SIDES):
        yield f"scene-{size[0]}x{size[1]}.png", encoded(_scene(number, size), EXACT)
    for number, mode in enumerate(("L", "LA", "RGBA", "P", "1", "I;16")):
        yield f"mode-{mode.replace(';', '')}.png", encoded(_in_mode(_scene(20 + number, (400, 300)), mode), EXACT)
    yield "interlaced-palette.png", encoded(_scene(26, (300, 400)).quantize(16), EXACT)
    yield "profile.png", encoded(_scene(27, (320, 320)), EXACT, icc_profile=_wide_gamut())
    gamma = PngImagePlugin.PngInfo()
    gamma.add(b"gAMA", (100_000).to_bytes(4, "big"))
    yield "gamma.png", encoded(_scene(28, (320, 320)), EXACT, pnginfo=gamma)
    yield "noise.png", encoded(_noise(29, (512, 512)), EXACT)
    yield "large.png", encoded(_scene(30, (2000, 1500)), EXACT)
    for turn in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = turn
        yield f"turned-{turn}.jpg", encoded(_scene(40, (600, 450)), "JPEG", exif=exif, quality=90)
    for number, quality in enumerate((40, 75, 95)):
        yield f"quality-{quality}.jpg", encoded(_scene(50 + number, (1024, 768)), "JPEG", quality=quality)
    yield "fine-colour.jpg", encoded(_scene(55, (800, 600)), "JPEG", quality=90, subsampling=0)
    yield "progressive.jpg", encoded(_scene(56, (800, 600)), "JPEG", progressive=True)
    yield "grey.jpg", encoded(_scene(57, (640, 640)).convert("L"), "JPEG")
    for number, side in enumerate((560, 1120, 2240, 4000)):  # Pillow decodes these at 1/2, 1/4, 1/8 of their sides
        yield f"scaled-{side}.jpg", encoded(_scene(60 + number, (side, side * 3 // 4)), "JPEG", quality=85)
    yield "lossless.webp", encoded(_scene(70, (500, 400)), "WEBP", lossless=True)
    yield "lossy.webp", encoded(_scene(71, (500, 400)), "WEBP", quality=80)
    yield "seen-through.webp", encoded(_in_mode(_scene(72, (500, 400)), "RGBA"), "WEBP", lossless=True)
    yield "colours.gif", encoded(_scene(73, (300, 300)).quantize(64), "GIF")
    yield "plain.bmp", encoded(_scene(74, (300, 200)), "BMP")
    for number, colour in enumerate(((255, 255, 255), (0, 0, 0), (30, 120, 60), (200, 180, 140))):
        yield f"one-colour-{number}.png", encoded(Image.new("RGB", (300, 300), colour), EXACT)
    yield "avif.avif", encoded(_scene(75, (400, 300)), "AVIF", quality=85)


def _scene(seed: int, size: tuple[int, int]) -> Image.Image:
    """Return a table with some things on it: soft light, shapes with edges, a grain."""
    rng = np.random.default_rng(seed)
    light = Image.fromarray(rng.integers(90, 230, (3, 4, 3), np.uint8)).resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(light)
    for _ in range(6):
        x, y = rng.integers(0, size[0]), rng.integers(0, size[1])
        width, height = rng.integers(1, max(size[0] // 2, 2)), rng.integers(1, max(size[1] // 2, 2))
        colour = tuple(map(int, rng.integers(0, 256, 3)))
        shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        shape((int(x), int(y), int(x + width), int(y + height)), fill=colour)
    grain = rng.normal(0, 6, (size[1], size[0], 3))
    return Image.fromarray((np.asarray(light) + grain).clip(0, 255).astype(np.uint8))


def _noise(seed: int, size: tuple[int, int]) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8))


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray((np.asarray(image.convert("L")).astype(np.uint16) << 8) | 77)
    if mode in ("RGBA", "LA"):
        clear = Image.radial_gradient("L").resize(image.size)
        image = image.convert(mode[:-1])
        image.putalpha(clear)
        return image
    return image.quantize(64) if mode == "P" else image.convert(mode)


def _wide_gamut() -> bytes:
    """Return a colour profile that is not sRGB; photos are read as their numbers stand, whatever it says."""
    profile: bytes = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    return profile
