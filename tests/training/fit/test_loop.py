import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from ecosorter.errors import RunError
from ecosorter.training.fit.heads import make_head
from ecosorter.training.fit.loop import Fitted, fit, logits
from ecosorter.training.fit.rows import FeatureRows
from ecosorter.training.recipe import EarlyStopping, Fit, Head, Plateau, Trainer
from ecosorter.training.results import Epoch, Part
from tests.training.several import started

CLASSES = 3
STOPPING = EarlyStopping(patience=2)


def blobs(*, noise: float = 1.0) -> dict[Part, FeatureRows]:
    """Three clouds of points; train, validation and test are rows of one matrix."""
    random = np.random.default_rng(0)
    labels = random.permutation(np.arange(240) % CLASSES)
    features = (np.eye(CLASSES, 8)[labels] * 2 + noise * random.normal(size=(240, 8))).astype(np.float32)
    parts: tuple[Part, ...] = ("train", "validation", "test")
    return {part: FeatureRows(features, labels, np.arange(240)[number::3]) for number, part in enumerate(parts)}


def run(folder: Path, seen: list[Epoch] | None = None, *, noise: float = 1.0, **fields: object) -> Fitted:
    recipe = Fit.model_validate({"epochs": 8, "batch_size": 16, "learning_rate": 0.01, **fields})
    head = make_head(Head(kind="perceptron", hidden=(16, 8)), 8, CLASSES, seed=0)
    tell = seen.append if seen is not None else (lambda _: None)
    return fit(
        head,
        recipe,
        Trainer(accelerator="cpu"),
        blobs(noise=noise),
        class_weights=None,
        seed=3,
        checkpoints=folder,
        on_epoch=tell,
    )


def test_learns_and_writes_down_every_epoch(tmp_path: Path) -> None:
    seen: list[Epoch] = []
    fitted = run(tmp_path, seen)
    assert [epoch.epoch for epoch in fitted.epochs] == list(range(8))
    assert seen == fitted.epochs
    assert fitted.best_epoch == 7
    test = blobs()["test"]
    found = logits(fitted.head, test)
    accuracy = float((found.argmax(1) == test.all_labels).mean())
    assert accuracy == pytest.approx(fitted.epochs[-1].test_accuracy)
    assert accuracy > 0.7
    assert fitted.epochs[-1].train_loss < fitted.epochs[0].train_loss


def test_one_seed_gives_one_result(tmp_path: Path) -> None:
    assert run(tmp_path / "a").epochs == run(tmp_path / "b").epochs


def test_early_stopping_keeps_the_weights_of_the_best_epoch(tmp_path: Path) -> None:
    fitted = run(tmp_path, noise=3.0, epochs=50, learning_rate=0.03, early_stopping=STOPPING)
    accuracies = [epoch.validation_accuracy or 0.0 for epoch in fitted.epochs]
    assert fitted.best_epoch == int(np.argmax(accuracies))
    assert len(accuracies) == fitted.best_epoch + 1 + STOPPING.patience
    validation = blobs(noise=3.0)["validation"]
    kept = float((logits(fitted.head, validation).argmax(1) == validation.all_labels).mean())
    assert kept == pytest.approx(max(accuracies))


def test_the_learning_rate_falls_on_a_plateau_and_not_below_its_floor(tmp_path: Path) -> None:
    plateau = Plateau(factor=0.1, patience=1, min_learning_rate=1e-3)
    rates = [
        epoch.learning_rate for epoch in run(tmp_path, noise=3.0, epochs=30, learning_rate=0.05, plateau=plateau).epochs
    ]
    assert rates[0] == 0.05
    assert min(rates) == 1e-3


@pytest.mark.parametrize("stopping", [None, STOPPING])
def test_a_fit_that_was_cut_off_ends_like_one_that_was_not(stopping: EarlyStopping | None, tmp_path: Path) -> None:
    fields = {"noise": 3.0, "epochs": 20, "learning_rate": 0.03, "early_stopping": stopping}
    whole = run(tmp_path / "whole", **fields)  # type: ignore[arg-type]

    class Cut(Exception):
        pass

    for stop_at in range(1, len(whole.epochs), 4):
        folder = tmp_path / f"cut-{stop_at}"
        seen: list[Epoch] = []

        class Breaking(list[Epoch]):
            def append(self, epoch: Epoch, stop_at: int = stop_at) -> None:
                super().append(epoch)
                if len(self) == stop_at:
                    raise Cut

        with pytest.raises(Cut):
            run(folder, Breaking(), **fields)  # type: ignore[arg-type]
        again = run(folder, seen, **fields)  # type: ignore[arg-type]
        assert again.epochs == whole.epochs
        assert again.best_epoch == whole.best_epoch
        told = [epoch.epoch for epoch in seen]
        assert told == list(range(told[0] if told else stop_at, len(whole.epochs)))
        assert not told or told[0] <= stop_at
        _same_weights(again, whole)


def test_a_finished_fit_is_not_run_again(tmp_path: Path) -> None:
    first, seen = run(tmp_path), []  # type: ignore[var-annotated]
    again = run(tmp_path, seen)
    assert (again.epochs, seen) == (first.epochs, [])


def _die_after(folder: Path, epochs: int) -> None:
    class Deadly(list[Epoch]):
        def append(self, epoch: Epoch) -> None:
            super().append(epoch)
            if len(self) == epochs:
                os.kill(os.getpid(), signal.SIGKILL)

    run(folder, Deadly(), **_LONG)  # type: ignore[arg-type]


def test_a_kill_loses_nothing(long: Fitted, tmp_path: Path) -> None:
    (process,) = started(_die_after, [(tmp_path, 9)])
    assert process.exitcode == -signal.SIGKILL
    seen: list[Epoch] = []
    again = run(tmp_path, seen, **_LONG)  # type: ignore[arg-type]
    assert seen[0].epoch == 5  # whose checkpoint was the last
    assert again.epochs == long.epochs
    _same_weights(again, long)


def test_class_weights_change_the_loss(tmp_path: Path) -> None:
    head = make_head(Head(kind="softmax"), 8, CLASSES, seed=0)
    weighted = fit(
        head,
        Fit(epochs=3, learning_rate=0.05),
        Trainer(accelerator="cpu"),
        blobs(),
        class_weights=np.array([0, 0, 3], np.float32),
        seed=0,
        checkpoints=tmp_path,
        on_epoch=lambda _: None,
    )
    bias = weighted.head.linear[-1].bias.detach().numpy()
    assert bias.argmax() == 2


def test_fits_at_once_in_two_threads_give_what_they_give_alone(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda name: run(tmp_path / name), ("a", "b")))
    alone = run(tmp_path / "alone")
    for fitted in both:
        assert fitted.epochs == alone.epochs
        _same_weights(fitted, alone)


def _same_weights(one: Fitted, other: Fitted) -> None:
    for a, b in zip(one.head.parameters(), other.head.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


def _halved(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _overwritten_with_text(path: Path) -> None:
    path.write_text("No space left on device\n")


def _of_another_head(path: Path) -> None:
    state = torch.load(path, weights_only=True)
    state["head"] = make_head(Head(kind="perceptron", hidden=(4, 4)), 8, CLASSES, seed=0).state_dict()
    torch.save(state, path)


def _of_another_program(path: Path) -> None:
    torch.save({"state_dict": {}, "epochs": []}, path)


def _without_best_weights(path: Path) -> None:
    state = torch.load(path, weights_only=True)
    torch.save({**state, "best": {}}, path)


_DAMAGES = [_emptied, _halved, _overwritten_with_text, _of_another_head, _of_another_program, _without_best_weights]
_LONG = {"noise": 3.0, "epochs": 20, "learning_rate": 0.01, "early_stopping": EarlyStopping(patience=19)}


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """What a fit ends with that nothing happened to."""
    return run(tmp_path_factory.mktemp("long"), **_LONG)  # type: ignore[arg-type]


class _Full(Exception):
    """Stands for what ends a run: a kill, a full disk."""


def _cut_off(folder: Path, *, after: int) -> None:
    class Breaking(list[Epoch]):
        def append(self, epoch: Epoch) -> None:
            super().append(epoch)
            if len(self) == after:
                raise _Full

    with pytest.raises(_Full):
        run(folder, Breaking(), **_LONG)  # type: ignore[arg-type]


@pytest.mark.parametrize("damage", _DAMAGES)
@pytest.mark.parametrize(("damaged", "goes_on_from"), [(["last"], 5), (["last", "previous"], 0)])
def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_it_used(
    damage: Callable[[Path], None],
    damaged: list[str],
    goes_on_from: int,
    long: Fitted,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder, seen = tmp_path / "cut", []  # type: ignore[var-annotated]
    _cut_off(folder, after=12)  # there are checkpoints after 5 epochs and after 10
    for name in damaged:
        damage(folder / f"{name}.ckpt")
    kept = {name: (folder / f"{name}.ckpt").read_bytes() for name in damaged}
    again = run(folder, seen, **_LONG)  # type: ignore[arg-type]
    assert seen[0].epoch == goes_on_from
    assert again.epochs == long.epochs
    _same_weights(again, long)
    for name in damaged:
        assert str(folder / f"{name}.ckpt") in caplog.text
        assert (folder / f"{name}.damaged.ckpt").read_bytes() == kept[name]


def test_a_kill_between_two_checkpoints_leaves_the_older_one(tmp_path: Path) -> None:
    _cut_off(tmp_path, after=12)
    (tmp_path / "last.ckpt").unlink()
    seen: list[Epoch] = []
    run(tmp_path, seen, **_LONG)  # type: ignore[arg-type]
    assert seen[0].epoch == 5


def test_a_checkpoint_that_would_run_code_is_not_opened(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "ran",)

    (tmp_path / "fit").mkdir()
    torch.save({"epochs": Bomb()}, tmp_path / "fit/last.ckpt")
    assert len(run(tmp_path / "fit").epochs) == 8
    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"last\.ckpt cannot be written \(.*\)\. Mend that, and give the same command"):
        run(tmp_path / "file")


@pytest.mark.parametrize("epochs", [1, 8])
def test_training_that_diverges_stops_and_says_what_to_lower(epochs: int, tmp_path: Path) -> None:
    seen: list[Epoch] = []
    with pytest.raises(RunError, match=r"diverged.*Lower fit\.learning_rate"):
        run(tmp_path, seen, learning_rate=1e30, epochs=epochs)
    assert seen == []


@pytest.mark.parametrize("part", ["train", "validation"])
def test_features_that_are_no_numbers_are_not_blamed_on_the_learning_rate(part: Part, tmp_path: Path) -> None:
    parts = blobs()
    rows = parts[part]
    assert rows.index is not None
    rows.features[rows.index[3], 2] = np.inf
    with pytest.raises(RunError, match=r"Some features are no numbers.*another features\.backbone"):
        fit(
            make_head(Head(kind="perceptron", hidden=(16, 8)), 8, CLASSES, seed=0),
            Fit(epochs=2),
            Trainer(accelerator="cpu"),
            parts,
            class_weights=None,
            seed=3,
            checkpoints=tmp_path,
            on_epoch=lambda _: None,
        )
