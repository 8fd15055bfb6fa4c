"""Objects are cut off a plain board, and only off one."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ecosorter.training.fit.foreground import find_foreground

SIDE = 128


def board(*, shade: float = 0.15) -> NDArray[np.float32]:
    """A board that is lighter at one corner than at the other."""
    y, x = np.mgrid[0 : 1 : SIDE * 1j, 0 : 1 : SIDE * 1j]
    light = 0.8 - shade * (x + y) / 2
    return np.stack([light, light, 0.95 * light], axis=-1).astype(np.float32)


def with_object(box: tuple[int, int, int, int] = (40, 48, 90, 84)) -> NDArray[np.uint8]:
    image = Image.fromarray((board() * 255).astype(np.uint8))
    ImageDraw.Draw(image).rectangle(box, fill=(160, 30, 40))
    return np.asarray(image)


def test_the_object_is_found_where_it_is() -> None:
    found = find_foreground(with_object())
    assert found is not None
    truth = np.zeros((SIDE, SIDE), bool)
    truth[48:85, 40:91] = True
    assert (found.mask & truth).sum() / (found.mask | truth).sum() > 0.95


def test_a_shadow_is_light_that_is_missing() -> None:
    photo = board()
    photo[100:116, 40:90] *= 0.93  # too weak to belong to the object
    photo[48:85, 40:91] = (0.6, 0.1, 0.1)
    found = find_foreground((photo * 255).astype(np.uint8))
    assert found is not None
    assert not found.mask[108, 60]
    assert found.light[108, 60] == pytest.approx([0.93] * 3, abs=0.02)
    assert found.light[20, 20] == pytest.approx([1] * 3, abs=0.02)


@pytest.mark.parametrize(
    "photo",
    [
        (board() * 255).astype(np.uint8),  # nothing on it
        with_object((0, 0, SIDE, SIDE)),  # nothing but the object
        with_object((60, 60, 66, 66)),  # a crumb
        with_object((-10, -10, 110, 60)),  # cut off by the edge
        np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8),  # no board
        np.zeros((SIDE, SIDE, 3), np.uint8),
    ],
    ids=["empty", "full", "small", "at the edge", "noise", "black"],
)
def test_what_is_no_object_on_a_board_is_left_alone(photo: NDArray[np.uint8]) -> None:
    assert find_foreground(photo) is None
