"""Photos that show no waste: a face, a cat, a wall, a screenshot, black, blur.

A classifier that only ever saw waste calls everything waste. These pictures come with Python packages that training
needs anyway, or are drawn here, so no photo has to be fetched; they are few and narrow, which the model card says.

The two parts share no picture: every photo, and every kind of drawing that only one part has, lies on one side. Kinds
that both parts have (dark, plain, blur, noise) are drawn anew, the blur from each part's own photos.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.resources import as_file, files
from io import BytesIO
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from ecosorter.training.ood import drawings, scenes

Part = Literal["fit", "held-out"]
_Draw = Callable[[np.random.Generator], Image.Image]

_PHOTOS_OF_A_PART = 200
_DRAWINGS_OF_A_PART = 200
_LARGEST = 480  # pixels of a photo's longer side


@dataclass(frozen=True, slots=True)
class _Photo:
    """A sample photo: the package that ships it, its file, and under which terms."""

    package: str
    file: str
    terms: str


# Left out, since they could pass for waste: page and text (paper), coins (metal), coffee (a cup), flower, grass.
# Left out, since nothing says under which terms they come: motorcycle, moon, phantom, the faces of lfw_subset.
_PHOTOS: dict[Part, dict[str, _Photo]] = {
    "fit": {
        "astronaut": _Photo("skimage.data", "astronaut.png", "public domain, NASA"),  # a face
        "brick": _Photo("skimage.data", "brick.png", "CC0"),  # a wall
        "camera": _Photo("skimage.data", "camera.png", "CC0, Lav Varshney"),  # a person outdoors
        "cell": _Photo("skimage.data", "cell.png", "CC0"),  # through a microscope
        "clock": _Photo("skimage.data", "clock_motion.png", "public domain, Stefan van der Walt"),  # blurred
        "retina": _Photo("skimage.data", "retina.jpg", "CC0"),
        "rocket": _Photo("skimage.data", "rocket.jpg", "public domain, SpaceX"),  # night
        "tissue": _Photo("skimage.data", "ihc.png", "no known copyright restrictions, CMMI"),
    },
    "held-out": {
        "cat": _Photo("skimage.data", "chelsea.png", "CC0, Stefan van der Walt"),
        "gravel": _Photo("skimage.data", "gravel.png", "CC0"),  # ground
        "horse": _Photo("skimage.data", "horse.png", "CC0, Andreas Preuss"),  # a silhouette
        "pagoda": _Photo("sklearn.datasets", "images/china.jpg", "CC BY 2.0, danielbuechele"),  # a landscape
        "portrait": _Photo("matplotlib", "mpl-data/sample_data/grace_hopper.jpg", "public domain, U.S. Navy"),
        "stars": _Photo("skimage.data", "hubble_deep_field.jpg", "public domain, NASA"),
    },
}

_BOTH: dict[str, _Draw] = {
    "dark": scenes.dark,
    "noise": scenes.noise,
    "plain": scenes.plain,
    "white": scenes.white,
}
_DRAWINGS: dict[Part, dict[str, _Draw]] = {
    "fit": {
        **_BOTH,
        "bars": drawings.bars,
        "calendar": drawings.calendar,
        "cartoon": scenes.cartoon,
        "chat": drawings.chat,
        "gradient": scenes.gradient,
        "keypad": drawings.keypad,
        "landscape": scenes.landscape,
        "room": scenes.room,
        "sketch": drawings.sketch,
        "tiles": scenes.tiles,
        "wallpaper": scenes.wallpaper,
        "window": drawings.window,
    },
    "held-out": {
        **_BOTH,
        "home-screen": drawings.home_screen,
        "map": drawings.street_map,
        "pie": drawings.pie,
        "planks": scenes.planks,
        "table": drawings.table,
    },
}


def negatives(part: Part, side: int, seed: int) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Return pictures without waste, as a predictor would see them: stretched to a square.

    Args:
        part: ``"fit"`` to fit with, ``"held-out"`` to measure with.
        side: of each picture, in pixels.
        seed: of every crop and drawing; the same one gives the same pictures.

    Returns:
        ``[400, side, side, 3]`` RGB, and what each shows.
    """
    random = np.random.default_rng([seed, part == "held-out"])
    photos = {name: _open(photo) for name, photo in _PHOTOS[part].items()}
    drawn: dict[str, _Draw] = {**_DRAWINGS[part], "blur": partial(_blurred, list(photos.values()))}
    pictures, kinds = [], []
    for number in range(_PHOTOS_OF_A_PART):
        kind = list(photos)[number % len(photos)]
        pictures.append(_finish(_crop(photos[kind], random), side, random))
        kinds.append(kind)
    for number in range(_DRAWINGS_OF_A_PART):
        kind = list(drawn)[number % len(drawn)]
        pictures.append(_finish(drawn[kind](random), side, random))
        kinds.append(kind)
    return np.stack(pictures), tuple(kinds)


def sample_terms() -> dict[str, str]:
    """Return under which terms each sample photo comes, by what it shows, for the model card."""
    return {name: photo.terms for part in _PHOTOS.values() for name, photo in part.items()}


def _open(photo: _Photo) -> Image.Image:
    with as_file(files(photo.package) / photo.file) as path, Image.open(path) as image:
        image.thumbnail((_LARGEST, _LARGEST))
        if "A" in image.getbands():  # a silhouette on nothing
            return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA")).convert("RGB")
        return image.copy()  # grey ones stay so: they are tinted later


def _crop(photo: Image.Image, random: np.random.Generator) -> Image.Image:
    """Return a part of a photo, 35 to 100 % of its sides, perhaps turned or mirrored, in another light."""
    width, height = (int(side * random.uniform(0.35, 1)) for side in photo.size)
    left, top = int(random.integers(photo.width - width + 1)), int(random.integers(photo.height - height + 1))
    part = photo.crop((left, top, left + width, top + height))
    if part.mode == "L":
        part = _tinted(part, random)
    if random.random() < 0.5:
        part = ImageOps.mirror(part)
    if random.random() < 0.25:
        part = part.transpose(Image.Transpose.ROTATE_90)
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        part = enhance(part).enhance(random.uniform(0.7, 1.3))
    return part


def _tinted(grey: Image.Image, random: np.random.Generator) -> Image.Image:
    """Return a grey photo in shades of one colour, lest grey itself be what tells that it shows no waste."""
    middle = random.integers(90, 170, 3)
    return ImageOps.colorize(grey, (0, 0, 0), (255, 255, 255), tuple(int(value) for value in middle))


def _blurred(photos: list[Image.Image], random: np.random.Generator) -> Image.Image:
    """Return a photo of which nothing can be made out."""
    part = _crop(photos[random.integers(len(photos))], random).resize((128, 128))
    return part.filter(ImageFilter.GaussianBlur(random.uniform(8, 24)))


def _finish(picture: Image.Image, side: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Compress as JPEG, as photos come, and stretch to the square."""
    file = BytesIO()
    picture.convert("RGB").save(file, "JPEG", quality=int(random.integers(60, 96)))
    with Image.open(file) as image:
        return np.array(image.resize((side, side), Image.Resampling.BILINEAR))
