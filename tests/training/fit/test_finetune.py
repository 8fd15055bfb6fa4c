"""Whole networks learn, and go on after a kill as if nothing had been."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from ecosorter.errors import RunError
from ecosorter.preprocess import PreprocessSpec
from ecosorter.training.backbones.imagenet_scores import ImageNetScores
from ecosorter.training.fit.augment import TrainingPhoto
from ecosorter.training.fit.finetune import FINISHED, finetune
from ecosorter.training.fit.network import WasteNet
from ecosorter.training.recipe import Augment, Finetune, Trainer
from tests.training.networks import Pooled
from tests.training.several import as_node, nodes, started

GENTLE = Augment(zoom=0.9, rotation=0.1, colour=0.2, random_erasing=0, background_swap=0, mixup=0.15, cutmix=0.15)

SPEC = PreprocessSpec(size=32, resize="stretch", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def tiny_network(*, scored: bool = False) -> WasteNet:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.ReLU(), nn.Conv2d(8, 12, 4, 4), nn.ReLU())
    return WasteNet(Pooled(layers), 12, 2, imagenet_scores=ImageNetScores(12, [2, 3]) if scored else None)


def two_kinds(number: int = 48) -> tuple[list[TrainingPhoto], Any]:
    """Photos that are red or blue, with noise."""
    random = np.random.default_rng(0)
    labels = np.arange(number) % 2
    noise = random.integers(0, 60, (number, 48, 48, 3))
    for row, label in enumerate(labels):
        noise[row, :, :, 2 * label] += 120
    return [TrainingPhoto(pixels) for pixels in noise.astype(np.uint8)], labels


ALONE = Trainer(accelerator="cpu")


def run(
    folder: Path,
    advance: Any = lambda _: None,
    trainer: Trainer = ALONE,
    scores: NDArray[np.float32] | None = None,
    **fields: Any,
) -> tuple[WasteNet, list[float]]:
    recipe = Finetune.model_validate(
        {"size": 32, "epochs": 6, "batch_size": 8, "learning_rate": 3e-3, "head_learning_rate": 3e-3, **fields}
    )
    network, (photos, labels) = tiny_network(scored=scores is not None), two_kinds()
    losses = finetune(
        network,
        photos,
        labels,
        np.full(len(labels), 1 / len(labels)),
        recipe=recipe,
        rule=GENTLE,
        spec=SPEC,
        trainer=trainer,
        seed=5,
        folder=folder,
        advance=advance,
        scores=scores,
    )
    return network, losses


def images() -> torch.Tensor:
    pixels = np.stack([photo.pixels for photo in two_kinds()[0]])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2) / 127.5 - 1


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
    with torch.inference_mode():
        assert (network(images()).argmax(1).numpy() == two_kinds()[1]).mean() > 0.9


def test_scores_are_held_to_what_they_were_whatever_the_labels_say(tmp_path: Path) -> None:
    labels = two_kinds()[1]
    contrary = np.where(np.eye(2)[labels] > 0, -3, 3).astype(np.float32)
    network, _ = run(tmp_path, scores=contrary, epochs=12)
    with torch.inference_mode():
        said = network.pooled(images())[:, -2:].argmax(1).numpy()
        answered = network(images()).argmax(1).numpy()
    assert (said == contrary.argmax(1)).mean() > 0.9
    assert (answered == labels).mean() > 0.9


def test_a_finished_run_is_not_run_again(finished: tuple[Path, WasteNet, list[float]]) -> None:
    folder, network, losses = finished
    advanced: list[int] = []
    again, same = run(folder, advanced.append)
    assert torch.equal(weights(network), weights(again))
    assert (losses, advanced) == (same, [])


def test_what_it_knew_is_kept_in_part(finished: tuple[Path, WasteNet, list[float]]) -> None:
    folder, changed, _ = finished
    half, _ = run(folder, pretrained_weight=0.5)
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
    (process,) = started(_die_at, [(tmp_path / "cut", photos)])
    assert process.exitcode == -signal.SIGKILL
    advanced: list[int] = []
    resumed, told = run(tmp_path / "cut", advanced.append, epochs=20)
    assert told == losses
    assert sum(advanced) == 120 * 8
    torch.testing.assert_close(weights(resumed), weights(whole), rtol=0, atol=0)


def test_a_run_that_ends_after_its_last_step_loses_nothing(
    tmp_path: Path, finished: tuple[Path, WasteNet, list[float]]
) -> None:
    _, whole, losses = finished
    in_the_way = tmp_path / FINISHED
    in_the_way.mkdir()
    with pytest.raises(IsADirectoryError):
        run(tmp_path)
    in_the_way.rmdir()
    advanced: list[int] = []
    resumed, told = run(tmp_path, advanced.append)
    assert (told, advanced) == (losses, [36 * 8])  # not one step was done again
    assert torch.equal(weights(resumed), weights(whole))


def _run_together(environ: dict[str, str], folder: Path, kept: Path, trainer: Trainer) -> None:
    as_node(environ)
    torch.set_num_threads(1)
    network, losses = run(folder, trainer=trainer)
    torch.save({"weights": weights(network), "losses": losses}, kept)


def test_processes_of_two_nodes_train_one_network(tmp_path: Path, finished: tuple[Path, WasteNet, list[float]]) -> None:
    _, alone, losses = finished
    trainer = Trainer(accelerator="cpu", num_nodes=2, strategy="ddp")
    kept = [tmp_path / name for name in ("first", "second")]
    places = zip(nodes(2), kept, strict=True)
    both = started(_run_together, [(environ, tmp_path / "run", file, trainer) for environ, file in places])
    assert [process.exitcode for process in both] == [0, 0]
    first, second = (torch.load(file, weights_only=True) for file in kept)
    assert torch.equal(first["weights"], second["weights"])
    assert first["losses"] != second["losses"]  # each draws photos of its own
    assert first["losses"][0] == losses[0]  # the same photos in the same network; then the other's gradients count
    assert len(first["losses"]) == len(second["losses"]) == len(losses)
    assert not torch.equal(first["weights"], weights(alone))
    assert [file.name for file in (tmp_path / "run").iterdir()] == ["finished.pt"]


def test_forked_processes_tell_their_losses(tmp_path: Path, finished: tuple[Path, WasteNet, list[float]]) -> None:
    _, alone, losses = finished
    trainer = Trainer(accelerator="cpu", devices=2, strategy="ddp_fork")
    (process,) = started(_run_together, [({}, tmp_path / "run", tmp_path / "kept", trainer)])
    assert process.exitcode == 0
    kept = torch.load(tmp_path / "kept", weights_only=True)
    assert kept["losses"][0] == losses[0]
    assert len(kept["losses"]) == len(losses)
    assert not torch.equal(kept["weights"], weights(alone))
    assert [file.name for file in (tmp_path / "run").iterdir()] == ["finished.pt"]


class _Cut(Exception):
    """Stands for what ends a run: a kill, a full disk."""


def _cut_off(folder: Path, *, steps: int) -> None:
    done = 0

    def advance(number: int) -> None:
        nonlocal done
        done += number
        if done >= 8 * steps:
            raise _Cut

    with pytest.raises(_Cut):
        run(folder, advance, epochs=20)


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


def _halved(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _of_another_network(path: Path) -> None:
    state = torch.load(path, weights_only=True)
    torch.save({**state, "state_dict": {"network.head.weight": torch.zeros(2, 3)}}, path)


def _of_another_program(path: Path) -> None:
    torch.save({"epoch": 3}, path)


@pytest.mark.parametrize(
    ("damage", "damaged", "steps_kept"),
    [
        (_emptied, ["last"], 50),
        (_halved, ["last"], 50),
        (_of_another_network, ["last"], 50),
        (_of_another_program, ["last", "previous"], 0),
    ],
)
def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_it_used(
    damage: Callable[[Path], None],
    damaged: list[str],
    steps_kept: int,
    uninterrupted: tuple[WasteNet, list[float]],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    _cut_off(tmp_path, steps=103)  # there are checkpoints after 50 steps and after 100
    for name in damaged:
        damage(tmp_path / f"{name}.ckpt")
    kept = {name: (tmp_path / f"{name}.ckpt").read_bytes() for name in damaged}
    advanced: list[int] = []
    again, losses = run(tmp_path, advanced.append, epochs=20)
    assert (advanced[0] if steps_kept else 0) == steps_kept * 8
    whole, all_losses = uninterrupted
    assert losses == all_losses
    assert torch.equal(weights(again), weights(whole))
    for name in damaged:
        assert str(tmp_path / f"{name}.ckpt") in caplog.text
        assert (tmp_path / f"{name}.damaged.ckpt").read_bytes() == kept[name]


def test_finished_weights_that_cannot_be_read_are_trained_again(
    finished: tuple[Path, WasteNet, list[float]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, whole, losses = finished
    (tmp_path / FINISHED).write_bytes((folder / FINISHED).read_bytes()[:1000])
    again, told = run(tmp_path)
    assert told == losses
    assert torch.equal(weights(again), weights(whole))
    assert "finished.damaged.pt" in caplog.text


def test_a_checkpoint_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "last.ckpt").mkdir()
    with pytest.raises(RunError, match=r"last\.ckpt cannot be written \(.*\)\. Mend that, and give the same command"):
        run(tmp_path, epochs=1)


def test_training_that_diverges_stops_and_says_what_to_lower(tmp_path: Path) -> None:
    advanced: list[int] = []
    with pytest.raises(RunError, match=r"diverged.*no number.*Lower finetune\.learning_rate and finetune\.head_learn"):
        run(tmp_path, advanced.append, learning_rate=1e30, head_learning_rate=1e30)
    assert len(advanced) < 5
    assert list(tmp_path.iterdir()) == []


def _diverge_together(environ: dict[str, str], folder: Path, trainer: Trainer) -> None:
    as_node(environ)
    torch.set_num_threads(1)
    with pytest.raises(RunError, match="diverged"):
        run(folder, trainer=trainer, learning_rate=1e30, head_learning_rate=1e30)


def test_processes_that_train_together_stop_together(tmp_path: Path) -> None:
    trainer = Trainer(accelerator="cpu", num_nodes=2, strategy="ddp")
    both = started(_diverge_together, [(environ, tmp_path, trainer) for environ in nodes(2)])
    assert [process.exitcode for process in both] == [0, 0]
