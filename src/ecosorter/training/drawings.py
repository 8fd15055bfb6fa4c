"""Draws pictures that show no waste: screenshots, charts, sketches, empty floors and rooms, noise, blank ones.

Every function takes a random generator and returns an RGB image, about 400 pixels large.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SIDE = 400
_SYLLABLES = (
    "ba",
    "da",
    "ga",
    "ka",
    "la",
    "ma",
    "pa",
    "sa",
    "ji",
    "ki",
    "li",
    "ni",
    "ti",
    "bu",
    "du",
    "ku",
    "mu",
    "ru",
    "tu",
)
_Random = np.random.Generator
_Colour = tuple[int, int, int]


def dark(random: _Random) -> Image.Image:
    """A photo taken in the dark or in a pocket: black with the sensor's noise."""
    level, spread = random.uniform(0, 18), random.uniform(0, 6)
    return _image(level + _glow(random) * random.uniform(0, 12) + spread * _grain(random, 3))


def white(random: _Random) -> Image.Image:
    """A photo taken into the light: white all over, or nearly."""
    return _image(255 - random.uniform(0, 25) * _glow(random) - 2 * abs(_grain(random, 3)))


def plain(random: _Random) -> Image.Image:
    """A wall or a table top: one colour, unevenly lit, with a little grain."""
    light = 1 - random.uniform(0, 0.5) * _glow(random)
    return _image(np.array(_colour(random, 40, 240)) * light + random.uniform(0, 6) * _grain(random, 1))


def gradient(random: _Random) -> Image.Image:
    """One colour running into another, as on a lock screen or in the sky."""
    mix = _glow(random)
    return _image(np.array(_colour(random)) * mix + np.array(_colour(random)) * (1 - mix))


def noise(random: _Random) -> Image.Image:
    """Noise of a random grain, from a television's snow to clouds."""
    cells = int(random.choice([4, 8, 16, 50, 100, 400]))
    values = random.uniform(0, 255, (cells, cells, int(random.choice([1, 3]))))
    coarse = _image(np.broadcast_to(values, (cells, cells, 3)))
    smooth = Image.Resampling.BICUBIC if random.random() < 0.7 else Image.Resampling.NEAREST
    return coarse.resize((SIDE, SIDE), smooth)


def tiles(random: _Random) -> Image.Image:
    """An empty tiled floor, seen at an angle."""
    step, joint = int(random.integers(40, 160)), int(random.integers(2, 7))
    colour = np.array(_colour(random, 90, 240))
    on_joint = np.arange(800) % step < joint
    shade = random.normal(0, 5, (800 // step + 1, 800 // step + 1)).repeat(step, 0).repeat(step, 1)[:800, :800]
    floor = colour + shade[..., None]
    floor[on_joint], floor[:, on_joint] = (colour * random.uniform(0.5, 0.9),) * 2
    return _tilted(_image(floor), random)


def planks(random: _Random) -> Image.Image:
    """An empty wooden floor: boards with a grain along them, seen at an angle."""
    width = int(random.integers(50, 140))
    fibres = Image.fromarray(random.normal(0, 1, (800, 8)).astype(np.float32))
    grain = np.asarray(fibres.resize((800, 800), Image.Resampling.BICUBIC))
    boards = random.normal(0, 14, 800 // width + 1).repeat(width)[:800, None]
    edge = (np.arange(800) % width < 2)[:, None] * -40.0
    wood = np.array([150, 105, 65]) * random.uniform(0.6, 1.4)
    return _tilted(_image(wood + (grain * 18 + boards + edge)[..., None]), random)


def room(random: _Random) -> Image.Image:
    """An empty room: walls, floor, ceiling, a window, a door, some furniture."""
    image, draw = _canvas(_colour(random, 120, 240))
    left, right = (int(random.integers(*span)) for span in ((60, 140), (260, 340)))
    top, bottom = (int(random.integers(*span)) for span in ((50, 120), (220, 320)))
    draw.polygon([(0, SIDE), (left, bottom), (right, bottom), (SIDE, SIDE)], _colour(random, 60, 200))
    draw.polygon([(0, 0), (left, top), (right, top), (SIDE, 0)], _colour(random, 200, 255))
    draw.rectangle((left, top, right, bottom), _colour(random, 120, 250))
    middle = int(random.integers(left + 10, right - 60))
    draw.rectangle((middle, top + 20, middle + 50, top + 80), _colour(random, 180, 255), _colour(random, 60, 200), 4)
    for _ in range(int(random.integers(2, 6))):  # shelves, a sofa, a table
        x, width, height = (int(random.integers(*span)) for span in ((0, 330), (50, 140), (30, 120)))
        y = int(random.integers(bottom - 10, SIDE - 30))
        draw.rectangle((x, y - height, x + width, y), _colour(random), _colour(random, 20, 120), 2)
    return _grainy(image, random)


def window(random: _Random) -> Image.Image:
    """A program's window or a web page on a desktop: title bar, text, buttons."""
    image, draw = _canvas(_colour(random))
    paper, ink = _paper(random)
    left, top = (int(value) for value in random.integers(0, 60, 2))
    draw.rectangle((left, top, SIDE - left, SIDE - top), paper)
    draw.rectangle((left, top, SIDE - left, top + 24), _colour(random))
    for number in range(3):
        draw.ellipse((left + 8 + 18 * number, top + 7, left + 18 + 18 * number, top + 17), _colour(random))
    size = int(random.integers(9, 18))
    for y in range(top + 36, SIDE - top - 60, int(size * 1.5)):
        draw.text((left + 12, y), _words(random, 3, 12)[: int((SIDE - 2 * left) / size * 1.7)], ink, _font(size))
    for x in range(left + 12, SIDE - left - 80, 100):
        _button(draw, (x, SIDE - top - 40, x + 80, SIDE - top - 16), random)
    return image


def chat(random: _Random) -> Image.Image:
    """A chat on a phone: bubbles from the left and the right."""
    paper, _ = _paper(random)
    image, draw = _canvas(paper, (240, 480))
    mine, theirs = _colour(random, 120, 255), _colour(random, 190, 255)
    draw.rectangle((0, 0, 240, 40), _colour(random))
    draw.text((50, 12), _words(random, 1, 2), "white", _font(14))
    y = 52
    while y < 440:
        lines, width = int(random.integers(1, 4)), int(random.integers(80, 180))
        x = 8 if random.random() < 0.5 else 232 - width
        draw.rounded_rectangle((x, y, x + width, y + 16 * lines + 10), 9, theirs if x == 8 else mine)
        for line in range(lines):
            draw.text((x + 8, y + 5 + 16 * line), _words(random, 1, 6)[: width // 8], "black", _font(12))
        y += 16 * lines + 20
    return image


def home_screen(random: _Random) -> Image.Image:
    """A phone's home screen: rows of icons with names on a wallpaper."""
    image = gradient(random).resize((240, 480))
    draw = ImageDraw.Draw(image)
    draw.text((8, 6), f"{random.integers(24):02}:{random.integers(60):02}", "white", _font(12))
    for y in range(50, 440, 78):
        for x in range(14, 220, 58):
            draw.rounded_rectangle((x, y, x + 40, y + 40), int(random.integers(4, 20)), _colour(random))
            draw.text((x + 10, y + 8), _words(random, 1, 1)[0].upper(), "white", _font(20))
            draw.text((x, y + 44), _words(random, 1, 1)[:7], "white", _font(9))
    return image


def table(random: _Random) -> Image.Image:
    """A spreadsheet: ruled cells with words and numbers."""
    paper, ink = _paper(random)
    image, draw = _canvas(paper)
    wide, high = int(random.integers(50, 110)), int(random.integers(16, 30))
    draw.rectangle((0, 0, SIDE, high), _colour(random, 150, 255))
    for y in range(0, SIDE, high):
        draw.line((0, y, SIDE, y), (170, 170, 170))
        for x in range(0, SIDE, wide):
            text = _words(random, 1, 1) if x == 0 or y == 0 else f"{random.uniform(0, 9999):.2f}"
            draw.text((x + 3, y + 3), text[: wide // 6], ink, _font(10))
    for x in range(0, SIDE, wide):
        draw.line((x, 0, x, SIDE), (170, 170, 170))
    return image


def bars(random: _Random) -> Image.Image:
    """A bar or line chart with axes and a title."""
    paper, ink = _paper(random)
    image, draw = _canvas(paper)
    values, colour = random.uniform(20, 280, int(random.integers(4, 14))), _colour(random)
    step = 320 // len(values)
    tops = [(50 + step * i, int(350 - value)) for i, value in enumerate(values)]
    if random.random() < 0.5:
        draw.line(tops, colour, 3)
    else:
        for x, y in tops:
            draw.rectangle((x, y, x + int(step * 0.7), 350), colour)
    draw.line((45, 30, 45, 350, 380, 350), ink, 2)
    draw.text((100, 8), _words(random, 2, 4), ink, _font(14))
    for x, _ in tops:
        draw.text((x, 355), _words(random, 1, 1)[:4], ink, _font(9))
    return image


def pie(random: _Random) -> Image.Image:
    """A pie chart with a legend."""
    paper, ink = _paper(random)
    image, draw = _canvas(paper)
    ends = np.cumsum(random.dirichlet(np.ones(int(random.integers(3, 8))))) * 360
    for number, (start, end) in enumerate(zip([0.0, *ends], ends, strict=False)):
        colour = _colour(random)
        draw.pieslice((30, 60, 270, 300), start, end, colour, paper)
        draw.rectangle((295, 80 + 24 * number, 307, 92 + 24 * number), colour)
        draw.text((312, 79 + 24 * number), _words(random, 1, 1), ink, _font(12))
    draw.text((60, 20), _words(random, 2, 4), ink, _font(16))
    return image


def street_map(random: _Random) -> Image.Image:
    """A street map: roads across blocks, a park, water, names."""
    image, draw = _canvas(_colour(random, 225, 250))
    for colour in ((200, 230, 190), (170, 210, 240)):
        draw.polygon([(int(x), int(y)) for x, y in random.integers(-80, SIDE + 80, (4, 2))], colour)
    for _ in range(int(random.integers(10, 24))):
        start, end = random.integers(-50, SIDE + 50, (2, 2)).tolist()
        width = int(random.choice([3, 5, 9]))
        draw.line((*start, *end), (190, 190, 190), width + 2)
        draw.line((*start, *end), (250, 215, 120) if width == 9 else (255, 255, 255), width)
    for x, y in random.integers(10, SIDE - 60, (8, 2)).tolist():
        draw.text((x, y), _words(random, 1, 2), (90, 90, 90), _font(11))
    return image


def sketch(random: _Random) -> Image.Image:
    """A line drawing on a screen: circles, boxes and strokes."""
    paper, ink = _paper(random)
    image, draw = _canvas(paper)
    for _ in range(int(random.integers(5, 25))):
        (x, y), (width, height) = random.integers(0, 320, 2).tolist(), random.integers(20, 160, 2).tolist()
        colour = ink if random.random() < 0.7 else _colour(random)
        match int(random.integers(3)):
            case 0:
                draw.ellipse((x, y, x + width, y + height), outline=colour, width=2)
            case 1:
                draw.rectangle((x, y, x + width, y + height), outline=colour, width=2)
            case _:
                steps = np.add((x, y), np.cumsum(random.normal(0, 12, (20, 2)), axis=0))
                draw.line([(float(a), float(b)) for a, b in steps], colour, 2)
    return image


def _canvas(colour: _Colour, size: tuple[int, int] = (SIDE, SIDE)) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", size, colour)
    return image, ImageDraw.Draw(image)


def _colour(random: _Random, low: int = 0, high: int = 255) -> _Colour:
    red, green, blue = random.integers(low, high + 1, 3).tolist()
    return red, green, blue


def _paper(random: _Random) -> tuple[_Colour, _Colour]:
    """Return the colours of paper and ink, light mode or dark mode."""
    light, black = _colour(random, 235, 255), _colour(random, 0, 60)
    return (light, black) if random.random() < 0.7 else (black, light)


def _words(random: _Random, least: int, most: int) -> str:
    """Return made-up words of one to three syllables."""
    words = random.integers(0, len(_SYLLABLES), (int(random.integers(least, most + 1)), 3)).tolist()
    return " ".join("".join(_SYLLABLES[place] for place in word[: 1 + word[0] % 3]) for word in words)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)  # Pillow's own


def _button(draw: ImageDraw.ImageDraw, box: Sequence[float], random: _Random) -> None:
    draw.rounded_rectangle(tuple(box), 6, _colour(random, 30, 200))
    draw.text((box[0] + 10, box[1] + 5), _words(random, 1, 1)[:9], "white", _font(12))


def _grain(random: _Random, channels: int) -> NDArray[np.float32]:
    """Return the noise of a sensor, ``[SIDE, SIDE, channels]``, mean 0 and deviation 1."""
    return random.standard_normal((SIDE, SIDE, channels), dtype=np.float32)


def _glow(random: _Random) -> NDArray[np.float64]:
    """Return values 0..1 ``[SIDE, SIDE, 1]`` that grow in a random direction."""
    angle = random.uniform(0, 2 * np.pi)
    across = np.linspace(-1, 1, SIDE)
    values = np.add.outer(across * np.sin(angle), across * np.cos(angle))
    scaled: NDArray[np.float64] = ((values - values.min()) / np.ptp(values))[..., None]
    return scaled


def _tilted(floor: Image.Image, random: _Random) -> Image.Image:
    """Look at a floor of 800 x 800 pixels at an angle: farther away, more of it goes into a row."""
    inset = float(random.uniform(0, 140))
    # Of the turned square of 800, the upright one of 566 in the middle is full.
    corners = (260 - inset, 117, 117, 683, 683, 683, 540 + inset, 117)
    return _grainy(floor.rotate(random.uniform(-45, 45)).transform((SIDE, SIDE), Image.Transform.QUAD, corners), random)


def _grainy(image: Image.Image, random: _Random) -> Image.Image:
    """Add light from one side and the grain of a camera to what is drawn like a photo."""
    light = 1 - random.uniform(0, 0.5) * _glow(random)
    return _image(np.asarray(image) * light + random.uniform(1, 5) * _grain(random, 3))


def _image(values: NDArray[Any]) -> Image.Image:
    return Image.fromarray(np.broadcast_to(values, (*values.shape[:2], 3)).clip(0, 255).astype(np.uint8))
