import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from ecosorter.training.fit.heads import make_head
from ecosorter.training.fit.loop import Fitted, can_fit_meanwhile, fit, logits, meanwhile
from ecosorter.training.fit.task import Part, Rows
from ecosorter.training.recipe import EarlyStopping, Fit, Head, Plateau, Trainer
from ecosorter.training.results import Epoch

CLASSES = 3
STOPPING = EarlyStopping(patience=2)


def blobs(*, noise: float = 1.0) -> dict[Part, Rows]:
    """Three clouds of points; train, validation and test are rows of one matrix."""
    random = np.random.default_rng(0)
    labels = random.permutation(np.arange(240) % CLASSES)
    features = (np.eye(CLASSES, 8)[labels] * 2 + noise * random.normal(size=(240, 8))).astype(np.float32)
    parts: tuple[Part, ...] = ("train", "validation", "test")
    return {part: Rows(features, labels, np.arange(240)[number::3]) for number, part in enumerate(parts)}


def run(folder: Path, seen: list[Epoch] | None = None, *, noise: float = 1.0, **fields: object) -> Fitted:
    recipe = Fit.model_validate({"epochs": 8, "batch_size": 16, "learning_rate": 0.01, **fields})
    torch.manual_seed(0)
    head = make_head(Head(hidden=(16, 8)), 8, CLASSES)
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
        assert seen[0].epoch <= stop_at
        for a, b in zip(again.head.parameters(), whole.head.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_a_finished_fit_is_not_run_again(tmp_path: Path) -> None:
    first, seen = run(tmp_path), []  # type: ignore[var-annotated]
    again = run(tmp_path, seen)
    assert (again.epochs, seen) == (first.epochs, [])


def _run_slowly(folder: Path) -> None:
    class Slow(list[Epoch]):
        def append(self, epoch: Epoch) -> None:
            super().append(epoch)
            time.sleep(0.2)

    run(folder, Slow(), epochs=30)


def test_a_kill_loses_nothing(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_run_slowly, args=(tmp_path / "killed",))
    process.start()
    deadline = time.monotonic() + 120
    while not (tmp_path / "killed/last.ckpt").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.7)
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    seen: list[Epoch] = []
    again = run(tmp_path / "killed", seen, epochs=30)
    assert again.epochs == run(tmp_path / "whole", epochs=30).epochs
    assert len(seen) < 30


needs_fork = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not fork safely")


@needs_fork
def test_a_fit_in_a_second_process_gives_what_one_in_the_first_gives(tmp_path: Path) -> None:
    seen: list[Epoch] = []
    with meanwhile(lambda: run(tmp_path / "second")):
        first = run(tmp_path / "first")
    second = run(tmp_path / "second", seen)
    assert seen == []  # it was fitted already
    assert second.epochs == first.epochs
    for a, b in zip(first.head.parameters(), second.head.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


@needs_fork
def test_work_in_a_second_process_that_fails_stops_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise ValueError

    with meanwhile(fail):
        pass
    assert capfd.readouterr().err == ""


@needs_fork
def test_work_in_a_second_process_ends_when_the_block_fails(tmp_path: Path) -> None:
    def fail_beside_work() -> None:
        with meanwhile(lambda: _tick(tmp_path / "ticks")):
            _wait_for(tmp_path / "ticks")
            raise LookupError

    with pytest.raises(LookupError):
        fail_beside_work()
    assert _has_stopped(tmp_path / "ticks")


def _hang_beside_work(ticks: Path) -> None:
    with meanwhile(lambda: _tick(ticks)):
        time.sleep(120)


@needs_fork
def test_work_in_a_second_process_ends_when_the_first_is_killed(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_hang_beside_work, args=(tmp_path / "ticks",))
    process.start()
    _wait_for(tmp_path / "ticks")
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert _has_stopped(tmp_path / "ticks")


def _tick(path: Path) -> None:
    while True:
        with path.open("a") as file:
            file.write(".")
        time.sleep(0.02)


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 120
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert path.exists()


def _has_stopped(path: Path) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        before = path.read_text()
        time.sleep(0.5)
        if path.read_text() == before:
            return True
    return False


def test_only_a_fit_of_one_process_leaves_a_core_for_another() -> None:
    assert not can_fit_meanwhile(Trainer(accelerator="cpu", devices=2))
    assert not can_fit_meanwhile(Trainer(accelerator="cpu", num_nodes=2))


def test_class_weights_change_the_loss(tmp_path: Path) -> None:
    head = make_head(Head(kind="softmax"), 8, CLASSES)
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
