"""Whole networks learn, and go on after a kill as if nothing had been."""

import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ecosorter.training.augment import Photo
from ecosorter.training.finetune import finetune
from ecosorter.training.network import WasteNet
from ecosorter.training.network_recipe import Augment, Finetune
from ecosorter.training.recipe import Trainer

GENTLE = Augment(zoom=0.9, turn=0.1, colour=0.2, erase=0, other_floor=0, mix=0.3)


def tiny_network() -> WasteNet:
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.ReLU(), nn.Conv2d(8, 12, 4, 4), nn.ReLU())
    return WasteNet(body, 12, 2)


def two_kinds(number: int = 48) -> tuple[list[Photo], Any]:
    """Photos that are red or blue, with noise."""
    random = np.random.default_rng(0)
    labels = np.arange(number) % 2
    noise = random.integers(0, 60, (number, 48, 48, 3))
    for row, label in enumerate(labels):
        noise[row, :, :, 2 * label] += 120
    return [Photo(pixels) for pixels in noise.astype(np.uint8)], labels


def run(folder: Path, advance: Any = lambda _: None, **fields: Any) -> tuple[WasteNet, list[float]]:
    recipe = Finetune.model_validate(
        {"size": 32, "epochs": 6, "batch_size": 8, "learning_rate": 3e-3, "head_learning_rate": 3e-3, **fields}
    )
    network, (photos, labels) = tiny_network(), two_kinds()
    losses = finetune(
        network,
        photos,
        labels,
        np.full(len(labels), 1 / len(labels)),
        recipe=recipe,
        rule=GENTLE,
        trainer=Trainer(accelerator="cpu"),
        seed=5,
        folder=folder,
        advance=advance,
    )
    return network, losses


def weights(network: WasteNet) -> torch.Tensor:
    return torch.cat([value.flatten() for value in network.state_dict().values()])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, WasteNet, list[float]]:
    """A finished run: its folder, network and losses."""
    folder = tmp_path_factory.mktemp("finished")
    return folder, *run(folder)


def test_it_learns_with_every_layer(finished: tuple[Path, WasteNet, list[float]]) -> None:
    _, network, losses = finished
    assert len(losses) == 36
    assert np.mean(losses[-6:]) < 0.7 * np.mean(losses[:6])
    for (name, before), after in zip(tiny_network().state_dict().items(), network.state_dict().values(), strict=True):
        assert not torch.equal(before, after), name
    photos, labels = two_kinds()
    images = torch.from_numpy(np.stack([p.pixels for p in photos])).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.inference_mode():
        assert (network(images).argmax(1).numpy() == labels).mean() > 0.9


def test_a_finished_run_is_not_run_again(finished: tuple[Path, WasteNet, list[float]]) -> None:
    folder, network, losses = finished
    advanced: list[int] = []
    again, same = run(folder, advanced.append)
    assert torch.equal(weights(network), weights(again))
    assert (losses, advanced) == (same, [])


def test_what_it_knew_is_kept_in_part(finished: tuple[Path, WasteNet, list[float]]) -> None:
    folder, changed, _ = finished
    half, _ = run(folder, keep=0.5)
    torch.testing.assert_close(weights(half), (weights(changed) + weights(tiny_network())) / 2)


def _die_at(folder: Path, photos: int) -> None:
    done = 0

    def advance(number: int) -> None:
        nonlocal done
        done += number
        if done >= photos:
            os.kill(os.getpid(), signal.SIGKILL)

    run(folder, advance, epochs=20)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[WasteNet, list[float]]:
    return run(tmp_path_factory.mktemp("whole"), epochs=20)


@pytest.mark.parametrize("photos", [8, 8 * 50, 8 * 77])
def test_a_killed_run_goes_on_exactly(uninterrupted: tuple[WasteNet, list[float]], tmp_path: Path, photos: int) -> None:
    whole, losses = uninterrupted
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # torch is imported once for all processes, which takes seconds
    process = context.Process(target=_die_at, args=(tmp_path / "cut", photos))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    advanced: list[int] = []
    resumed, told = run(tmp_path / "cut", advanced.append, epochs=20)
    assert told == losses
    assert sum(advanced) == 120 * 8
    torch.testing.assert_close(weights(resumed), weights(whole), rtol=0, atol=0)
