"""Changed photos stay photos, differ from one another, and objects move to other floors."""

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from ecosorter.training.fit.augment import Chance, TrainingPhoto, augment, floors
from ecosorter.training.fit.foreground import find_foreground
from ecosorter.training.network_recipe import Augment
from tests.training.fit.test_foreground import with_object

NOTHING = Augment(zoom=1, rotation=0, colour=0, random_erasing=0, background_swap=0, mixup=0, cutmix=0)


def made(rule: Augment, seed: int = 0, photos: int = 12) -> Tensor:
    pixels = with_object()
    given = [TrainingPhoto(pixels, find_foreground(pixels))] * photos
    return augment(given, 64, rule, Generator().manual_seed(seed))


def test_the_seed_decides_everything() -> None:
    rule = Augment()
    first, again, other = made(rule, 1), made(rule, 1), made(rule, 2)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == (12, 3, 64, 64)
    assert first.dtype == torch.float32
    assert 0 <= first.min() <= first.max() <= 1


def test_every_photo_of_a_batch_is_changed_differently() -> None:
    images = made(Augment())
    differences = (images[:, None] - images[None]).abs().mean((2, 3, 4))
    assert (differences + torch.eye(12) > 0.01).all()


def test_the_object_stays_and_its_floor_changes() -> None:
    away, here = made(NOTHING.model_copy(update={"background_swap": 1.0})), made(NOTHING)

    def red(images: Tensor) -> Tensor:
        return ((images[:, 0] - images[:, 1:].amax(1)) > 0.2).float().mean((1, 2))

    def corner_spread(images: Tensor) -> float:
        return float(images[:, :, :6, :6].mean((2, 3)).std(0).mean())

    assert (red(away) > 0.01).float().mean() > 0.8  # it may be moved out of the picture now and then
    assert corner_spread(away) > 3 * corner_spread(here)


def test_a_photo_without_a_foreground_keeps_its_floor() -> None:
    pixels = with_object()
    rule = NOTHING.model_copy(update={"background_swap": 1.0})
    images = augment([TrainingPhoto(pixels)] * 8, 64, rule, Generator().manual_seed(0))
    assert images[:, :, :6, :6].mean((2, 3)).std(0).mean() < 0.08


@pytest.mark.parametrize("strength", ["rotation", "colour", "random_erasing"])
def test_each_strength_changes_something(strength: str) -> None:
    assert not torch.equal(made(NOTHING), made(NOTHING.model_copy(update={strength: 0.9})))


def test_floors_are_of_many_kinds() -> None:
    made_up = floors(Chance(40, Generator().manual_seed(0)), 48)
    assert made_up.shape == (40, 3, 48, 48)
    assert 0 <= made_up.min() <= made_up.max() <= 1
    assert made_up.mean((1, 2, 3)).std() > 0.1
    assert np.unique(made_up.std((1, 2, 3)).numpy().round(3)).size > 20
