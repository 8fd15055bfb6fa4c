"""Draws pictures that show no waste: screenshots, charts, maps, sketches.

Every function takes a random generator and returns an RGB image.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from ecosorter.training.ood.brushes import SIDE, Random, any_colour, canvas, font, made_up_words, paper_and_ink
from ecosorter.training.ood.scenes import gradient


def window(random: Random) -> Image.Image:
    """A program's window or a web page on a desktop: title bar, text, buttons."""
    image, draw = canvas(any_colour(random))
    paper, ink = paper_and_ink(random)
    left, top = (int(value) for value in random.integers(0, 60, 2))
    draw.rectangle((left, top, SIDE - left, SIDE - top), paper)
    draw.rectangle((left, top, SIDE - left, top + 24), any_colour(random))
    for number in range(3):
        draw.ellipse((left + 8 + 18 * number, top + 7, left + 18 + 18 * number, top + 17), any_colour(random))
    size = int(random.integers(9, 18))
    for y in range(top + 36, SIDE - top - 60, int(size * 1.5)):
        draw.text((left + 12, y), made_up_words(random, 3, 12)[: int((SIDE - 2 * left) / size * 1.7)], ink, font(size))
    for x in range(left + 12, SIDE - left - 80, 100):
        _button(draw, (x, SIDE - top - 40, x + 80, SIDE - top - 16), random)
    return image


def chat(random: Random) -> Image.Image:
    """A chat on a phone: bubbles from the left and the right."""
    paper, _ = paper_and_ink(random)
    image, draw = canvas(paper, (240, 480))
    mine, theirs = any_colour(random, 120, 255), any_colour(random, 190, 255)
    draw.rectangle((0, 0, 240, 40), any_colour(random))
    draw.text((50, 12), made_up_words(random, 1, 2), "white", font(14))
    y = 52
    while y < 440:
        lines, width = int(random.integers(1, 4)), int(random.integers(80, 180))
        x = 8 if random.random() < 0.5 else 232 - width
        draw.rounded_rectangle((x, y, x + width, y + 16 * lines + 10), 9, theirs if x == 8 else mine)
        for line in range(lines):
            draw.text((x + 8, y + 5 + 16 * line), made_up_words(random, 1, 6)[: width // 8], "black", font(12))
        y += 16 * lines + 20
    return image


def home_screen(random: Random) -> Image.Image:
    """A phone's home screen: rows of icons with names on a wallpaper."""
    image = gradient(random).resize((240, 480))
    draw = ImageDraw.Draw(image)
    draw.text((8, 6), f"{random.integers(24):02}:{random.integers(60):02}", "white", font(12))
    for y in range(50, 440, 78):
        for x in range(14, 220, 58):
            draw.rounded_rectangle((x, y, x + 40, y + 40), int(random.integers(4, 20)), any_colour(random))
            draw.text((x + 10, y + 8), made_up_words(random, 1, 1)[0].upper(), "white", font(20))
            draw.text((x, y + 44), made_up_words(random, 1, 1)[:7], "white", font(9))
    return image


def table(random: Random) -> Image.Image:
    """A spreadsheet: ruled cells with words and numbers."""
    paper, ink = paper_and_ink(random)
    image, draw = canvas(paper)
    wide, high = int(random.integers(50, 110)), int(random.integers(16, 30))
    draw.rectangle((0, 0, SIDE, high), any_colour(random, 150, 255))
    for y in range(0, SIDE, high):
        draw.line((0, y, SIDE, y), (170, 170, 170))
        for x in range(0, SIDE, wide):
            text = made_up_words(random, 1, 1) if x == 0 or y == 0 else f"{random.uniform(0, 9999):.2f}"
            draw.text((x + 3, y + 3), text[: wide // 6], ink, font(10))
    for x in range(0, SIDE, wide):
        draw.line((x, 0, x, SIDE), (170, 170, 170))
    return image


def bars(random: Random) -> Image.Image:
    """A bar or line chart with axes and a title."""
    paper, ink = paper_and_ink(random)
    image, draw = canvas(paper)
    values, colour = random.uniform(20, 280, int(random.integers(4, 14))), any_colour(random)
    step = 320 // len(values)
    tops = [(50 + step * i, int(350 - value)) for i, value in enumerate(values)]
    if random.random() < 0.5:
        draw.line(tops, colour, 3)
    else:
        for x, y in tops:
            draw.rectangle((x, y, x + int(step * 0.7), 350), colour)
    draw.line((45, 30, 45, 350, 380, 350), ink, 2)
    draw.text((100, 8), made_up_words(random, 2, 4), ink, font(14))
    for x, _ in tops:
        draw.text((x, 355), made_up_words(random, 1, 1)[:4], ink, font(9))
    return image


def pie(random: Random) -> Image.Image:
    """A pie chart with a legend."""
    paper, ink = paper_and_ink(random)
    image, draw = canvas(paper)
    ends = np.cumsum(random.dirichlet(np.ones(int(random.integers(3, 8))))) * 360
    for number, (start, end) in enumerate(zip([0.0, *ends], ends, strict=False)):
        colour = any_colour(random)
        draw.pieslice((30, 60, 270, 300), start, end, colour, paper)
        draw.rectangle((295, 80 + 24 * number, 307, 92 + 24 * number), colour)
        draw.text((312, 79 + 24 * number), made_up_words(random, 1, 1), ink, font(12))
    draw.text((60, 20), made_up_words(random, 2, 4), ink, font(16))
    return image


def street_map(random: Random) -> Image.Image:
    """A street map: roads across blocks, a park, water, names."""
    image, draw = canvas(any_colour(random, 225, 250))
    for colour in ((200, 230, 190), (170, 210, 240)):
        draw.polygon([(int(x), int(y)) for x, y in random.integers(-80, SIDE + 80, (4, 2))], colour)
    for _ in range(int(random.integers(10, 24))):
        start, end = random.integers(-50, SIDE + 50, (2, 2)).tolist()
        width = int(random.choice([3, 5, 9]))
        draw.line((*start, *end), (190, 190, 190), width + 2)
        draw.line((*start, *end), (250, 215, 120) if width == 9 else (255, 255, 255), width)
    for x, y in random.integers(10, SIDE - 60, (8, 2)).tolist():
        draw.text((x, y), made_up_words(random, 1, 2), (90, 90, 90), font(11))
    return image


def sketch(random: Random) -> Image.Image:
    """A line drawing on a screen: circles, boxes and strokes."""
    paper, ink = paper_and_ink(random)
    image, draw = canvas(paper)
    for _ in range(int(random.integers(5, 25))):
        (x, y), (width, height) = random.integers(0, 320, 2).tolist(), random.integers(20, 160, 2).tolist()
        colour = ink if random.random() < 0.7 else any_colour(random)
        match int(random.integers(3)):
            case 0:
                draw.ellipse((x, y, x + width, y + height), outline=colour, width=2)
            case 1:
                draw.rectangle((x, y, x + width, y + height), outline=colour, width=2)
            case _:
                steps = np.add((x, y), np.cumsum(random.normal(0, 12, (20, 2)), axis=0))
                draw.line([(float(a), float(b)) for a, b in steps], colour, 2)
    return image


def calendar(random: Random) -> Image.Image:
    """A month in a calendar, with appointments."""
    paper, ink = paper_and_ink(random)
    image, draw = canvas(paper)
    draw.text((20, 14), f"{made_up_words(random, 1, 1)} {random.integers(1990, 2040)}", ink, font(24))
    for day in range(35):
        x, y = 10 + 54 * (day % 7), 60 + 66 * (day // 7)
        draw.rectangle((x, y, x + 54, y + 66), outline=(160, 160, 160))
        draw.text((x + 4, y + 3), str(day + 1), ink, font(12))
        for row in range(int(random.integers(0, 3))):
            draw.rectangle((x + 3, y + 22 + 15 * row, x + 50, y + 34 + 15 * row), any_colour(random, 60, 230))
    return image


def keypad(random: Random) -> Image.Image:
    """A calculator or a keyboard on a screen: rows of keys below what was typed."""
    paper, ink = paper_and_ink(random)
    image, draw = canvas(paper, (int(random.integers(240, 480)), 400))
    columns, rows = int(random.integers(3, 11)), int(random.integers(3, 6))
    wide, high, key = image.width // columns, 260 // rows, any_colour(random)
    draw.text((20, 50), made_up_words(random, 1, 4), ink, font(24))
    for x in range(0, columns * wide, wide):
        for y in range(130, 130 + rows * high, high):
            colour = key if random.random() < 0.85 else any_colour(random)
            draw.rounded_rectangle((x + 3, y + 3, x + wide - 3, y + high - 3), 5, colour)
            draw.text((x + wide // 3, y + high // 4), str(random.choice(list("0123456789abcxyz+-*/"))), ink, font(18))
    return image


def _button(draw: ImageDraw.ImageDraw, box: Sequence[float], random: Random) -> None:
    draw.rounded_rectangle(tuple(box), 6, any_colour(random, 30, 200))
    draw.text((box[0] + 10, box[1] + 5), made_up_words(random, 1, 1)[:9], "white", font(12))
