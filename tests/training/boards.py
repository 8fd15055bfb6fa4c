"""Photos for networks that are trained in tests, recipes that take seconds, and a listener to what a run does."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from ecosorter.progress import Advance, Silent
from ecosorter.training.recipe import Recipe, load_recipe

COLOURS = {"kaca": (40, 160, 60), "kertas": (220, 215, 200), "logam": (90, 90, 140)}
SMALL = {"features.preprocess.size": 32, "trainer.accelerator": "cpu"}
STEPS = {"finetune.size": 32, "finetune.epochs": 1, "finetune.batch_size": 8, "augment.boards": ["board"]}


def photos(folder: Path) -> Path:
    """Two sources of three classes: noisy squares of a colour each, on a board and on a floor."""
    random = np.random.default_rng(0)
    for source, floor in (("board", 235), ("floor", 60)):
        for label, colour in COLOURS.items():
            place = folder / source / label
            place.mkdir(parents=True)
            for number in range(7):
                pixels = np.full((72, 72, 3), floor, np.int64)
                top, left = random.integers(8, 28, 2)
                pixels[top : top + 32, left : left + 32] = colour
                pixels += random.integers(-12, 12, pixels.shape)
                Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(place / f"{number}.png")
    return folder


def recipe(name: str, backbone: Path, **more: object) -> Recipe:
    """A built-in recipe of a network, made small."""
    small = {"evaluation.left_out": [], "evaluation.aside": []} if name.startswith("ecosorter") else STEPS
    return load_recipe(name, overrides={**SMALL, **small, "features.backbone": str(backbone), **more})


class Stages(Silent):
    """Remembers which stages there were; one of them is cut off."""

    def __init__(self, cut_off: str = "") -> None:
        self.cut_off, self.names, self.notes = cut_off, list[str](), list[str]()

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:  # noqa: ARG002  # as in Silent
        if name == self.cut_off:
            raise KeyboardInterrupt
        self.names.append(name)
        yield lambda _: None

    def note(self, text: str) -> None:
        self.notes.append(text)

    def trained(self) -> list[str]:
        return [name.removeprefix("train ") for name in self.names if name.startswith("train ")]
