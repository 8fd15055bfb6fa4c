"""Draws pictures that show no waste and look like photos: empty floors and rooms, a landscape, noise, blank ones.

Every function takes a random generator and returns an RGB image.
"""

import numpy as np
from PIL import Image, ImageDraw

from ecosorter.training.ood.brushes import SIDE, Random, any_colour, canvas, sensor_noise, slope, to_image


def dark(random: Random) -> Image.Image:
    """A photo taken in the dark or in a pocket: black with the sensor's noise."""
    level, spread = random.uniform(0, 18), random.uniform(0, 6)
    return to_image(level + slope(random) * random.uniform(0, 12) + spread * sensor_noise(random, 3))


def white(random: Random) -> Image.Image:
    """A photo taken into the light: white all over, or nearly."""
    return to_image(255 - random.uniform(0, 25) * slope(random) - 2 * abs(sensor_noise(random, 3)))


def plain(random: Random) -> Image.Image:
    """A wall or a table top: one colour, unevenly lit, with a little grain."""
    light = 1 - random.uniform(0, 0.5) * slope(random)
    return to_image(np.array(any_colour(random, 40, 240)) * light + random.uniform(0, 6) * sensor_noise(random, 1))


def gradient(random: Random) -> Image.Image:
    """One colour running into another, as on a lock screen or in the sky."""
    mix = slope(random)
    return to_image(np.array(any_colour(random)) * mix + np.array(any_colour(random)) * (1 - mix))


def noise(random: Random) -> Image.Image:
    """Noise of a random grain, from a television's snow to clouds."""
    cells = int(random.choice([4, 8, 16, 50, 100, 400]))
    values = random.uniform(0, 255, (cells, cells, int(random.choice([1, 3]))))
    coarse = to_image(np.broadcast_to(values, (cells, cells, 3)))
    smooth = Image.Resampling.BICUBIC if random.random() < 0.7 else Image.Resampling.NEAREST
    return coarse.resize((SIDE, SIDE), smooth)


def tiles(random: Random) -> Image.Image:
    """An empty tiled floor, seen at an angle."""
    step, joint = int(random.integers(40, 160)), int(random.integers(2, 7))
    colour = np.array(any_colour(random, 90, 240))
    on_joint = np.arange(800) % step < joint
    shade = random.normal(0, 5, (800 // step + 1, 800 // step + 1)).repeat(step, 0).repeat(step, 1)[:800, :800]
    floor = colour + shade[..., None]
    floor[on_joint], floor[:, on_joint] = (colour * random.uniform(0.5, 0.9),) * 2
    return _tilted(to_image(floor), random)


def planks(random: Random) -> Image.Image:
    """An empty wooden floor: boards with a grain along them, seen at an angle."""
    width = int(random.integers(50, 140))
    fibres = Image.fromarray(random.normal(0, 1, (800, 8)).astype(np.float32))
    grain = np.asarray(fibres.resize((800, 800), Image.Resampling.BICUBIC))
    boards = random.normal(0, 14, 800 // width + 1).repeat(width)[:800, None]
    edge = (np.arange(800) % width < 2)[:, None] * -40.0
    wood = np.array([150, 105, 65]) * random.uniform(0.6, 1.4)
    return _tilted(to_image(wood + (grain * 18 + boards + edge)[..., None]), random)


def room(random: Random) -> Image.Image:
    """An empty room: walls, floor, ceiling, a window, a door, some furniture."""
    image, draw = canvas(any_colour(random, 120, 240))
    left, right = (int(random.integers(*span)) for span in ((60, 140), (260, 340)))
    top, bottom = (int(random.integers(*span)) for span in ((50, 120), (220, 320)))
    draw.polygon([(0, SIDE), (left, bottom), (right, bottom), (SIDE, SIDE)], any_colour(random, 60, 200))
    draw.polygon([(0, 0), (left, top), (right, top), (SIDE, 0)], any_colour(random, 200, 255))
    draw.rectangle((left, top, right, bottom), any_colour(random, 120, 250))
    middle = int(random.integers(left + 10, right - 60))
    draw.rectangle(
        (middle, top + 20, middle + 50, top + 80), any_colour(random, 180, 255), any_colour(random, 60, 200), 4
    )
    for _ in range(int(random.integers(2, 6))):  # shelves, a sofa, a table
        x, width, height = (int(random.integers(*span)) for span in ((0, 330), (50, 140), (30, 120)))
        y = int(random.integers(bottom - 10, SIDE - 30))
        draw.rectangle((x, y - height, x + width, y), any_colour(random), any_colour(random, 20, 120), 2)
    return _grainy(image, random)


def wallpaper(random: Random) -> Image.Image:
    """A papered wall: stripes or dots in two colours."""
    image, draw = canvas(any_colour(random, 60, 255))
    colour, step = any_colour(random, 60, 255), int(random.integers(16, 90))
    size = step * random.uniform(0.2, 0.6)
    for x in range(0, SIDE, step):
        if step % 2:
            draw.rectangle((x, 0, x + size, SIDE), colour)
            continue
        for y in range(0, SIDE, step):
            draw.ellipse((x, y, x + size, y + size), colour)
    return _grainy(image.rotate(float(random.choice([0, 90]))), random)


def landscape(random: Random) -> Image.Image:
    """Hills under a sky, with houses and trees."""
    sky = np.array(any_colour(random, 120, 255)) - 80 * np.linspace(1, 0, SIDE)[:, None, None]
    image = to_image(sky.repeat(SIDE, axis=1))
    draw = ImageDraw.Draw(image)
    for horizon in (200, 250, 300):
        heights = horizon + np.cumsum(random.normal(0, 5, 41))
        line = [(10.0 * place, float(height)) for place, height in enumerate(heights)]
        draw.polygon([*line, (SIDE, SIDE), (0, SIDE)], any_colour(random, 30, 160))
        for x, y in (line[place] for place in random.integers(0, 40, 4)):
            tall = float(random.uniform(20, 90))
            if random.random() < 0.5:
                draw.rectangle((x, y - tall, x + 0.6 * tall, y + 10), any_colour(random, 60, 230))
                roof = [(x - 5, y - tall), (x + 0.3 * tall, y - 1.5 * tall), (x + 0.6 * tall + 5, y - tall)]
                draw.polygon(roof, any_colour(random, 40, 160))
            else:
                draw.rectangle((x - 3, y - tall, x + 3, y + 10), (90, 60, 40))
                draw.ellipse((x - tall / 3, y - 1.4 * tall, x + tall / 3, y - tall / 2), any_colour(random, 20, 130))
    return _grainy(image, random)


def cartoon(random: Random) -> Image.Image:
    """A drawn face, as people have in place of their photo."""
    image, draw = canvas(any_colour(random))
    skin, hair, ink = any_colour(random, 90, 240), any_colour(random, 0, 160), any_colour(random, 0, 60)
    x, y, wide, tall = (float(random.uniform(*span)) for span in ((170, 230), (170, 230), (70, 120), (90, 140)))
    draw.ellipse((x - 1.6 * wide, y + tall, x + 1.6 * wide, y + 3 * tall), any_colour(random))  # shoulders
    draw.ellipse((x - 1.15 * wide, y - 1.2 * tall, x + 1.15 * wide, y + 0.5 * tall), hair)
    draw.ellipse((x - wide, y - 0.9 * tall, x + wide, y + tall), skin)
    for side in (-0.4, 0.4):
        middle = x + side * wide
        draw.ellipse((middle - 16, y - 24, middle + 16, y), "white")
        draw.ellipse((middle - 7, y - 19, middle + 7, y - 5), ink)
        draw.arc((middle - 22, y - 50, middle + 22, y - 20), 200, 340, hair, 5)
    draw.line((x, y, x - 8, y + 0.3 * tall, x + 6, y + 0.32 * tall), ink, 3)
    draw.arc((x - 0.4 * wide, y + 0.3 * tall, x + 0.4 * wide, y + 0.7 * tall), 20, 160, (170, 40, 50), 7)
    return image if random.random() < 0.5 else _grainy(image, random)


def _tilted(floor: Image.Image, random: Random) -> Image.Image:
    """Look at a floor of 800 x 800 pixels at an angle: farther away, more of it goes into a row."""
    inset = float(random.uniform(0, 140))
    # Of the turned square of 800, the upright one of 566 in the middle is full.
    corners = (260 - inset, 117, 117, 683, 683, 683, 540 + inset, 117)
    return _grainy(floor.rotate(random.uniform(-45, 45)).transform((SIDE, SIDE), Image.Transform.QUAD, corners), random)


def _grainy(image: Image.Image, random: Random) -> Image.Image:
    """Add light from one side and the grain of a camera to what is drawn like a photo."""
    light = 1 - random.uniform(0, 0.5) * slope(random)
    return to_image(np.asarray(image) * light + random.uniform(1, 5) * sensor_noise(random, 3))
