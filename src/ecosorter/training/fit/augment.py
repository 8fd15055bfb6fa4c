"""Makes of every photo another one each time: other distance, angle, light, camera and, on a plain board, background.

Whole batches are changed at once by torch, on the device that trains.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn import functional

from ecosorter.training.fit.foreground import Foreground
from ecosorter.training.network_recipe import Augment


@dataclass(frozen=True, slots=True)
class TrainingPhoto:
    """One photo to learn from: RGB uint8 [h, w, 3], and the object in it where one was found."""

    pixels: NDArray[np.uint8]
    foreground: Foreground | None = None


class Chance:
    """Random numbers for a batch of n, from one generator."""

    def __init__(self, n: int, generator: Generator) -> None:
        self.n, self.generator = n, generator

    def uniform(self, low: float, high: float, channels: int = 1) -> Tensor:
        """Return ``[n, channels, 1, 1]``, uniform in low..high."""
        return low + (high - low) * torch.rand(self.n, channels, 1, 1, generator=self.generator)

    def happens(self, probability: float) -> Tensor:
        """Return bool ``[n, 1, 1, 1]``."""
        return self.uniform(0, 1) < probability

    def once(self) -> float:
        """Return one number for the whole batch, 0..1."""
        return float(torch.rand((), generator=self.generator))


def augment(photos: Sequence[TrainingPhoto], size: int, rule: Augment, generator: Generator) -> Tensor:
    """Return changed photos, RGB float32 ``[n, 3, size, size]``, 0..1.

    Args:
        photos: all of one size.
        size: side of the result, in pixels.
        rule: how much may change.
        generator: decides everything; the same one gives the same photos.
    """
    chance = Chance(len(photos), generator)
    images = torch.from_numpy(np.stack([photo.pixels for photo in photos])).permute(0, 3, 1, 2).float() / 255
    placed = chance.happens(rule.background_swap).flatten() & torch.tensor(
        [photo.foreground is not None for photo in photos]
    )
    grid = _grid(placed, size, rule, chance)
    views = functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    foregrounds = [photo.foreground for photo, use in zip(photos, placed, strict=True) if use and photo.foreground]
    if foregrounds:
        views[placed] = _on_floors(views[placed], foregrounds, grid[placed], generator)
    return _erased(_through_a_camera(views, rule, chance), rule, chance)


def _grid(placed: Tensor, size: int, rule: Augment, chance: Chance) -> Tensor:
    """Return where each pixel of the result is looked up, [n, size, size, 2]: zoom, stretch, rotation, shift, mirror.

    An object that is placed on another floor may be seen from farther away, since the floor goes on.
    """

    def flat(values: Tensor) -> Tensor:
        return values.flatten()

    zoom = torch.where(placed, flat(chance.uniform(0.7, 2.0)), flat(chance.uniform(rule.zoom, 1.15)))
    stretch = torch.exp(flat(chance.uniform(-1, 1)) * math.log(1.3) / 2)
    across, down = zoom * stretch, zoom / stretch
    quarter = torch.randint(0, 4, (chance.n,), generator=chance.generator) * flat(chance.happens(0.5))
    turn = quarter * math.pi / 2 + flat(chance.uniform(-rule.rotation, rule.rotation))
    mirror = torch.where(flat(chance.happens(0.5)), -1.0, 1.0)
    right, below = (flat(chance.uniform(-1, 1)) * (1 - side).abs().clamp(min=0.1) for side in (across, down))
    cos, sin = torch.cos(turn), torch.sin(turn)
    matrix = torch.stack(
        [
            torch.stack([cos * across * mirror, -sin * down, right], 1),
            torch.stack([sin * across * mirror, cos * down, below], 1),
        ],
        1,
    )
    return functional.affine_grid(matrix, [chance.n, 3, size, size], align_corners=False)


def _on_floors(views: Tensor, foregrounds: Sequence[Foreground], grid: Tensor, generator: Generator) -> Tensor:
    """Return the objects before new floors, which their shadows and their glass dim as they did the board."""
    planes = np.stack(
        [np.concatenate([c.mask[..., None], c.light - 1], axis=-1, dtype=np.float32) for c in foregrounds]
    )
    moved = functional.grid_sample(
        torch.from_numpy(planes).permute(0, 3, 1, 2), grid, padding_mode="zeros", align_corners=False
    )
    mask = functional.avg_pool2d(moved[:, :1], 3, stride=1, padding=1)  # a soft edge
    light = (moved[:, 1:] + 1).clamp(0.2, 1.1)
    chance = Chance(len(foregrounds), generator)
    return mask * views * chance.uniform(0.75, 1.25) + (1 - mask) * floors(chance, views.shape[-1]) * light


def floors(chance: Chance, size: int) -> Tensor:
    """Return made-up floors ``[n, 3, size, size]``, 0..1: a tint, spots of all sizes, some with tiles or stripes."""
    tint = 1 + chance.uniform(-0.18, 0.18, channels=3) * chance.uniform(0, 1)
    tint = torch.where(chance.happens(0.4), tint * torch.tensor([1.08, 1.0, 0.88]).view(1, 3, 1, 1), tint)
    floor = (chance.uniform(0.15, 0.85) * tint).expand(-1, 3, size, size)
    for spots in (2, 5, 12, 32, 80, size):
        noise = torch.randn(chance.n, 1, spots, spots, generator=chance.generator)
        strength = chance.uniform(0, 1) ** 2 * 0.16
        floor = floor * (1 + strength * functional.interpolate(noise, size=(size, size), mode="bilinear"))
    ticks = torch.linspace(0, 1, size)
    angle, pitch, kind = chance.uniform(0, math.pi), chance.uniform(2, 12), chance.uniform(0, 1)
    along = (torch.cos(angle) * ticks + torch.sin(angle) * ticks[:, None]) * pitch
    across = (torch.cos(angle) * ticks[:, None] - torch.sin(angle) * ticks) * pitch
    joint = torch.minimum((along % 1 - 0.5).abs(), (across % 1 - 0.5).abs()) < 0.02
    floor = torch.where((kind < 0.2) & joint, floor * chance.uniform(0.5, 1.4), floor)
    striped = floor * (1 + 0.12 * torch.sin(2 * math.pi * along))
    return torch.where(kind > 0.8, striped, floor).clamp(0, 1)


def _through_a_camera(images: Tensor, rule: Augment, chance: Chance) -> Tensor:
    """Change exposure, white balance, contrast, saturation and gamma; some batches lose sharpness or gain noise."""
    k, size = rule.colour, images.shape[-1]
    images = images * chance.uniform(1 - k / 2, 1 + k / 2) * chance.uniform(1 - k / 5, 1 + k / 5, channels=3)
    mean = images.mean((1, 2, 3), keepdim=True)
    images = mean + (images - mean) * chance.uniform(1 - 0.45 * k, 1 + 0.45 * k)
    grey = images.mean(1, keepdim=True)
    saturation = torch.where(chance.happens(0.08), 0.0, chance.uniform(1 - 0.7 * k, 1 + 0.5 * k))
    images = (grey + (images - grey) * saturation).clamp(0, 1)
    images = images ** torch.exp(chance.uniform(-0.4 * k, 0.4 * k))
    if chance.once() < 0.3:
        small = functional.interpolate(images, scale_factor=0.35 + 0.5 * chance.once(), mode="bilinear", antialias=True)
        images = functional.interpolate(small, size=(size, size), mode="bilinear")
    if chance.once() < 0.3:
        images = images + torch.randn(images.shape, generator=chance.generator) * (0.06 * chance.once())
    return images.clamp(0, 1)


def _erased(images: Tensor, rule: Augment, chance: Chance) -> Tensor:
    """Cover a rectangle of some photos with one colour (Zhong et al. 2020, https://arxiv.org/abs/1708.04896)."""
    size = images.shape[-1]
    for image, hit in zip(images, chance.happens(rule.random_erasing).flatten(), strict=True):
        if hit:
            height, width = (int(size * (0.1 + 0.3 * chance.once())) for _ in range(2))
            top, left = int(chance.once() * (size - height)), int(chance.once() * (size - width))
            image[:, top : top + height, left : left + width] = torch.rand(3, 1, 1, generator=chance.generator)
    return images
