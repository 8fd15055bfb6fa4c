"""Trains a whole network on photos, from a pretrained body and a head fitted to it. Lightning runs the loop."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn import functional

from ecosorter.errors import RunError
from ecosorter.files import write_bytes
from ecosorter.preprocess import PreprocessSpec
from ecosorter.progress import Advance
from ecosorter.training.features import normalised_images
from ecosorter.training.fit.augment import TrainingPhoto, augment
from ecosorter.training.fit.blocks import parameters_by_block
from ecosorter.training.fit.checkpoints import Checkpoints, loaded, saved
from ecosorter.training.fit.network import WasteNet
from ecosorter.training.fit.processes import global_rank, run
from ecosorter.training.quiet import quietly
from ecosorter.training.recipe import Augment, Finetune, Trainer
from ecosorter.training.waiting import load_usable

FINISHED = "finished.pt"
"""Name of the file with the weights and losses of a finished run."""

_STEPS_BETWEEN_CHECKPOINTS = 50
_HOLD_SCORES = 1.0  # weight of what ImageNet's scores are held to, beside that of the labels
_WARM_UP = 0.08  # share of the steps in which the learning rate rises


class _Keep(Callback):
    """Write a checkpoint now and then, and at the end: the first process does, when all are here."""

    def __init__(self, last: Path) -> None:
        self._last = last

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        if trainer.global_step % _STEPS_BETWEEN_CHECKPOINTS == 0:
            trainer.save_checkpoint(self._last)

    def on_train_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        trainer.save_checkpoint(self._last)


class FinetuneTask(lightning.LightningModule):
    """One network, the photos it learns from, and how.

    Every step draws its photos and their changes from a generator seeded with the step's number, so that a run that
    was interrupted goes on as if it had not been.
    """

    def __init__(
        self,
        network: WasteNet,
        photos: Sequence[TrainingPhoto],
        labels: NDArray[np.int64],
        weights: NDArray[np.float64],
        recipe: Finetune,
        rule: Augment,
        spec: PreprocessSpec,
        seed: int,
        advance: Advance,
        scores: NDArray[np.float32] | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self._scores = None if scores is None else torch.from_numpy(scores).softmax(1)
        self._photos, self._labels, self._weights = photos, torch.from_numpy(labels), weights
        self._recipe, self._rule, self._spec = recipe, rule, spec
        self._seed, self._advance = seed, advance
        self.losses: list[float] = []

    def training_step(self, _: Any, __: int) -> Tensor:
        """Return the loss of the next batch."""
        seed = np.random.SeedSequence([self._seed, self.global_step, self.global_rank])
        draw, generator = np.random.default_rng(seed), Generator().manual_seed(int(seed.generate_state(1)[0]))
        chosen = np.sort(draw.choice(len(self._photos), self._recipe.batch_size, p=self._weights))
        images = augment([self._photos[i] for i in chosen], self._recipe.size, self._rule, generator)
        classes = self.network.head.out_features
        targets = functional.one_hot(self._labels[chosen], classes).float()
        if self._scores is not None:
            targets = torch.cat([targets, self._scores[chosen]], dim=1)
        mixup, cutmix = self._rule.mixup, self._rule.cutmix
        if draw.random() < mixup + cutmix:
            images, targets = _mixed(images, targets, draw, blended=mixup / (mixup + cutmix))
        images = normalised_images(images, self._spec).to(self.device, memory_format=torch.channels_last)
        loss = self._loss(self.network.pooled(images), targets.to(self.device))
        # A copy: processes add theirs to it in place.
        if not math.isfinite(self.trainer.strategy.reduce(loss.detach().clone(), reduce_op="sum").item()):
            raise RunError(  # in every process at once, so that none waits for another
                f"Training diverged: the loss of step {self.global_step + 1} is no number. "
                "Lower finetune.learning_rate and finetune.head_learning_rate, to a tenth perhaps, and start again "
                "with another --out."
            )
        self.losses.append(loss.item())
        self._advance(len(chosen))
        return loss

    def _loss(self, features: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of what is learnt from labels and of what would be forgotten of ImageNet.

        Labels teach its scores nothing: they would learn to tell sources. They are held to what they were for the whole
        photos before (Li and Hoiem 2016, https://arxiv.org/abs/1606.09282).
        """
        classes, smoothing = self.network.head.out_features, self._recipe.label_smoothing
        if self._scores is None:
            return functional.cross_entropy(self.network.head(features), targets, label_smoothing=smoothing)
        own, scores = features[:, :-classes], features[:, -classes:]
        logits = self.network.head(torch.cat([own, scores.detach()], dim=1))
        learnt = functional.cross_entropy(logits, targets[:, :classes], label_smoothing=smoothing)
        return learnt + _HOLD_SCORES * functional.cross_entropy(scores, targets[:, classes:])

    def train_dataloader(self) -> list[int]:
        """Return one number for each step: the step itself draws its photos."""
        return list(range(self.steps))

    @property
    def steps(self) -> int:
        """How many steps there are in all."""
        return max(1, round(self._recipe.epochs * len(self._photos) / self._recipe.batch_size))

    def configure_optimizers(self) -> Any:
        """Return AdamW with a smaller rate for each earlier layer, warm-up and a cosine decay.

        Rates by layer: Howard and Ruder 2018 (https://arxiv.org/abs/1801.06146), section 3.2.
        """
        recipe = self._recipe
        groups: list[dict[str, Any]] = [
            {"params": block, "lr": recipe.learning_rate * recipe.layer_decay**depth}
            for depth, block in enumerate(reversed(parameters_by_block(self.network.body)))
        ]
        scores = self.network.imagenet_scores
        last = [*self.network.head.parameters(), *(scores.parameters() if scores else ())]
        groups.append({"params": last, "lr": recipe.head_learning_rate})
        optimizer = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)

        def rate(step: int) -> float:
            warm = min(1.0, (step + 1) / max(1.0, _WARM_UP * self.steps))
            return warm * 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.steps)))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the losses with the weights."""
        checkpoint["losses"] = self.losses

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take them back."""
        self.losses = list(checkpoint["losses"])
        self._advance(len(self.losses) * self._recipe.batch_size)


def finetune(
    network: WasteNet,
    photos: Sequence[TrainingPhoto],
    labels: NDArray[np.int64],
    weights: NDArray[np.float64],
    *,
    recipe: Finetune,
    rule: Augment,
    spec: PreprocessSpec,
    trainer: Trainer,
    seed: int,
    folder: Path,
    advance: Advance,
    scores: NDArray[np.float32] | None = None,
) -> list[float]:
    """Train every layer of a network, in place; go on from the last checkpoint when there is one.

    Of several processes that train it together, each calls this. The first one's network is the result; the others
    have helped.

    What the network ends with is the exponential moving average of its weights along the way, and of that and the
    weights that it came with the mean that `recipe.pretrained_weight` asks for (Wortsman et al. 2022,
    https://arxiv.org/abs/2109.01903): it forgets less of what it knew.

    Args:
        network: its body pretrained, its head fitted to the body.
        photos: to learn from, all of one size; looked up by number, so they may lie on disk.
        labels: class indices ``[n]``.
        weights: how often each photo is drawn ``[n]``; they sum to 1.
        recipe: steps, rates, sizes.
        rule: how photos are changed.
        spec: the rule of the bundle, whose greyscale, mean and std follow.
        trainer: Lightning's own accelerator, devices, nodes and strategy.
        seed: decides the order and all changes.
        folder: of this run's checkpoints and of its finished weights.
        advance: called with the number of photos of each finished step.
        scores: of a network with ImageNet's scores, those ``[n, classes]`` that it gave of the photos as they are
            before.

    Returns:
        The loss of every step, on the photos that this process drew.

    Raises:
        RunError: training diverged, or a checkpoint cannot be written.
    """
    before = {name: value.clone() for name, value in network.state_dict().items()}
    rank = global_rank(trainer)
    state = finished(folder, rank=rank)
    if state is None:
        task = FinetuneTask(network, photos, labels, weights, recipe, rule, spec, seed, advance, scores)
        network.train()
        store = Checkpoints(folder)
        _run(task, recipe, trainer, store, rank)
        if rank:
            return task.losses
        state = store.load(_averaged)
        if state is None:
            raise RunError(f"The checkpoint {store.last} was written and cannot be read. Look at the disk, try again.")
        write_bytes(folder / FINISHED, saved(state))
        store.clear()  # three times as large, and of no more use
    mean = {
        name: torch.lerp(value, before[name], recipe.pretrained_weight) if value.is_floating_point() else before[name]
        for name, value in state["state_dict"].items()
    }
    network.load_state_dict(mean)
    network.eval()
    losses: list[float] = state["losses"]
    return losses


def finished(folder: Path, *, rank: int = 0) -> dict[str, Any] | None:
    """Return the weights and losses of a finished run; None where there are none, or none that can be read."""

    def read(path: Path) -> dict[str, Any]:
        state = loaded(path)
        return {"state_dict": dict(state["state_dict"]), "losses": list(state["losses"])}

    return load_usable(folder / FINISHED, read, "what it held is trained again", rank=rank)


def _run(task: FinetuneTask, recipe: Finetune, trainer: Trainer, store: Checkpoints, rank: int) -> None:
    shapes = {name: value.shape for name, value in task.state_dict().items()}

    def fitting(state: dict[str, Any]) -> dict[str, Any]:
        if {name: value.shape for name, value in state["state_dict"].items()} != shapes:
            raise ValueError("a checkpoint of another network")
        _averaged(state)
        return state

    with quietly("lightning.pytorch"):
        run(
            task,
            trainer,
            store,
            store.load(fitting, rank=rank),
            precision="bf16-mixed",
            max_steps=task.steps,
            gradient_clip_val=2.0,
            # What is averaged in the first steps is forgotten by their end.
            callbacks=[EMAWeightAveraging(decay=recipe.ema_decay), _Keep(store.last)],
        )


def _averaged(state: dict[str, Any]) -> dict[str, Any]:
    """Return the averaged weights of the network, and the losses.

    They come from the checkpoint because the processes that train may be others than this one, which end with the
    training; and because a run that was killed after its last step is over when it goes on: Lightning averages nothing.
    """
    weights = {name.removeprefix("network."): value for name, value in state["state_dict"].items()}
    return {"state_dict": weights, "losses": list(state["losses"])}


def _mixed(images: Tensor, targets: Tensor, draw: np.random.Generator, *, blended: float) -> tuple[Tensor, Tensor]:
    """Mix every photo of a batch with another one: blended all over, or a square of the other put in.

    Args:
        images: ``[n, 3, s, s]``.
        targets: ``[n, classes]``.
        draw: decides everything.
        blended: probability that it is a blend.
    """
    share, other = float(draw.beta(0.4, 0.4)), torch.from_numpy(draw.permutation(len(images)))
    if draw.random() < blended:
        images = share * images + (1 - share) * images[other]
    else:
        size = images.shape[-1]
        side = int(size * math.sqrt(1 - share))
        top, left = draw.integers(0, size - side + 1, 2)
        patch = images[other][:, :, top : top + side, left : left + side]
        images = images.clone()
        images[:, :, top : top + side, left : left + side] = patch
        share = 1 - (side / size) ** 2
    return images, share * targets + (1 - share) * targets[other]
