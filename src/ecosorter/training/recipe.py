"""Recipes: every choice of a training run, in a TOML file that is checked to the last key.

The fields below are the only place where an option is declared, with its default and its range. A value is taken
from, each overruling the one before: the default here, the recipe file, an environment variable
(``ECOSORTER_FIT__EPOCHS=10``), a flag (``--set fit.epochs=10``).

A recipe with a ``[finetune]`` table trains every layer of the network. One without fits a head to features of the
network as it came.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from ecosorter.evaluation.calibration import Decide
from ecosorter.preprocess import PreprocessSpec
from ecosorter.training.settings import Positive, Section, Share, built_in, load


def _none_for(word: str) -> BeforeValidator:
    """Take a word for the absence of a table, as TOML has no null."""
    return BeforeValidator(lambda value: None if value == word else value)


class Features(Section):
    """What the backbone makes of a photo.

    Attributes:
        backbone: a short name, an id on the Hugging Face hub, a local folder, or an ONNX file.
        output: the pooled vector, or the last feature map flattened.
        pooling: of the map into a vector: the mean of all places, or of those that the network itself finds active.
        preprocess: a table, or ``"backbone"`` (here None) for the backbone's own.
        imagenet_scores: whether what the pretrained network calls things counts too (backbones/imagenet_scores.py).
        batch_size: photos in one pass through the backbone.
    """

    backbone: str = "mobilenet-v2"
    output: Literal["pooled", "flattened"] = "pooled"
    pooling: Literal["mean", "active"] = "mean"
    preprocess: Annotated[PreprocessSpec | None, _none_for("backbone")] = None
    imagenet_scores: bool = False
    batch_size: Positive = 32


class Split(Section):
    """Shares of the photos; the rest is for training.

    Attributes:
        validation: for early stopping, the temperature and the thresholds. With 0 the temperature is 1 and the
            model, of which nothing is known, always says "not sure".
        test: for the final figures, and nothing else.
    """

    validation: Share = 0.1
    test: Annotated[float, Field(gt=0, lt=1)] = 0.2

    @model_validator(mode="after")
    def _leave_some_to_train_on(self) -> "Split":
        if self.validation + self.test >= 1:
            raise ValueError("validation and test together must leave something to train on: less than 1")
        return self


class Balance(Section):
    """What is done about rare classes and large sources.

    Attributes:
        method: synthetic training rows, weights in the loss, or nothing.
        when: ``"before-split"`` leaks: test rows are then mixtures of training rows. For SMOTE only.
        neighbours: of SMOTE.
        compare: also fit with the other `when`, to print both figures side by side. For SMOTE only.
        source_power: 1 lets each photo of a class count equally, 0 each source. For networks and logistic heads, in
            which classes count equally anyway.
    """

    method: Literal["smote", "weights", "none"] = "none"
    when: Literal["after-split", "before-split"] = "after-split"
    neighbours: Positive = 5
    compare: bool = False
    source_power: Annotated[float, Field(ge=0, le=1)] = 1.0


class Head(Section):
    """The last part, which is fitted to the photos.

    Attributes:
        kind: logistic regression on all rows at once; one softmax layer, or three fully connected layers with ReLU and
            dropout between them, trained by steps as ``[fit]`` says.
        c: scikit-learn's inverse strength of regularisation, for logistic. Small values hold better on photos from
            elsewhere.
        scores_weight: how much ``features.imagenet_scores`` count beside the regression; for logistic.
        hidden: widths of the perceptron's two hidden layers.
        dropout: share of the hidden values dropped in training, for the perceptron.
    """

    kind: Literal["logistic", "softmax", "perceptron"] = "logistic"
    c: Annotated[float, Field(gt=0)] = 1e-3
    scores_weight: Annotated[float, Field(gt=0)] = 1.0
    hidden: tuple[Positive, Positive] = (512, 256)
    dropout: Share = 0.5


class EarlyStopping(Section):
    """Stop after `patience` epochs without a better `monitor`, and keep the best epoch's weights."""

    patience: Positive
    monitor: Literal["validation_accuracy", "validation_loss"] = "validation_accuracy"


class Plateau(Section):
    """Multiply the learning rate by `factor` after `patience` epochs without a better validation loss."""

    factor: Annotated[float, Field(gt=0, lt=1)]
    patience: Positive
    min_learning_rate: Annotated[float, Field(ge=0)] = 0.0


class Fit(Section):
    """How a head is trained by steps.

    Attributes:
        batch_size: rows in one step.
        early_stopping: a table, or ``"none"``.
        plateau: a table, or ``"none"``.
    """

    optimizer: Literal["adamw", "adam"] = "adamw"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    batch_size: Positive = 64
    epochs: Positive = 50
    early_stopping: Annotated[EarlyStopping | None, _none_for("none")] = None
    plateau: Annotated[Plateau | None, _none_for("none")] = None


class Augment(Section):
    """How much photos are changed in training, when every layer is trained.

    Attributes:
        zoom: the least share of a photo's sides that is shown.
        rotation: largest angle in radians, beside quarter turns.
        colour: strength of changes of light, colour and contrast; 0 is none.
        random_erasing: share of photos of which a rectangle is covered (Zhong et al. 2020,
            https://arxiv.org/abs/1708.04896).
        background_swap: share of the objects that can be cut off their board that are put on another floor.
        boards: sources whose objects lie on a plain board and can be cut off it.
        mixup: share of batches whose photos are blended with one another (Zhang et al. 2018,
            https://arxiv.org/abs/1710.09412).
        cutmix: share of batches in whose photos a patch of another one is put (Yun et al. 2019,
            https://arxiv.org/abs/1905.04899).
    """

    zoom: Annotated[float, Field(gt=0, le=1)] = 0.45
    rotation: Annotated[float, Field(ge=0)] = 0.4
    colour: Annotated[float, Field(ge=0, le=1)] = 0.7
    random_erasing: Share = 0.25
    background_swap: Annotated[float, Field(ge=0, le=1)] = 0.6
    boards: tuple[str, ...] = ()
    mixup: Annotated[float, Field(ge=0, le=1)] = 0.25
    cutmix: Annotated[float, Field(ge=0, le=1)] = 0.25

    @model_validator(mode="after")
    def _mix_no_batch_twice(self) -> "Augment":
        if self.mixup + self.cutmix > 1:
            raise ValueError("mixup and cutmix are shares of the same batches: together at most 1")
        return self


class Finetune(Section):
    """How every layer of a network is trained.

    Attributes:
        size: side of the photos in training, in pixels, a multiple of 32; the predictor's may be larger (Touvron et
            al. 2019, https://arxiv.org/abs/1906.06423).
        learning_rate: of the last layer of the body.
        layer_decay: of each earlier layer, that of the next one times this.
        head_learning_rate: of the head, and of the ImageNet scores.
        label_smoothing: share of each label that is spread over all classes.
        ema_decay: how much of the moving average of the weights is kept at each step.
        pretrained_weight: share of the weights that the network came with, in what it ends with (Wortsman et al. 2022,
            https://arxiv.org/abs/2109.01903).
    """

    size: Annotated[int, Field(ge=32, multiple_of=32)] = 160
    learning_rate: Annotated[float, Field(gt=0)] = 6e-5
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 0.85
    head_learning_rate: Annotated[float, Field(gt=0)] = 3e-4
    weight_decay: Annotated[float, Field(ge=0)] = 0.02
    batch_size: Positive = 64
    epochs: Annotated[float, Field(gt=0)] = 4
    label_smoothing: Share = 0.1
    ema_decay: Share = 0.99
    pretrained_weight: Share = 0.0


class Evaluation(Section):
    """How the recipe is measured, and with that what the exported model has seen.

    Attributes:
        protocol: ``"holdout"`` exports what was fitted to the training part of ``[split]``. The others export what was
            fitted to all photos, and measure others that were fitted like it: each fold, or each group of sources, is
            answered by one that never saw it.
        folds: of ``"kfold"``.
        left_out: the groups of sources that are left out together; a source that is in none is left out by itself.
        aside: sources that no choice looks at: their figures are told first.
    """

    protocol: Literal["holdout", "kfold", "leave-sources-out"] = "holdout"
    folds: Annotated[int, Field(ge=2)] = 5
    left_out: tuple[tuple[str, ...], ...] = ()
    aside: tuple[str, ...] = ()


class Export(Section):
    """What becomes of the model on its way to a bundle.

    Attributes:
        int8: compute the convolutions in 8-bit integers. Heads are then fitted to what those give.
        ood: add signals by which photos without waste are told (training/ood).
        bank: add features of training photos, by which the model can be taught.
        max_bytes: of the whole bundle; the bank gets what the rest leaves of it.
    """

    int8: bool = False
    ood: bool = False
    bank: bool = False
    max_bytes: Positive = 10_000_000


class Trainer(Section):
    """On what it is trained. For networks Lightning's Trainer takes all of it; a head takes the accelerator alone."""

    accelerator: str = "auto"
    devices: int | list[int] | Literal["auto"] = 1
    num_nodes: Positive = 1
    strategy: str = "auto"


RENAMED = {
    "backbone": "features.backbone",
    "preprocess": "features.preprocess",
    "names": "features.imagenet_scores",
    "on_board": "augment.boards",
    "hold_out": "evaluation.left_out",
    "augment.turn": "augment.rotation",
    "augment.erase": "augment.random_erasing",
    "augment.other_floor": "augment.background_swap",
    "augment.mix": "augment.mixup and augment.cutmix (half of it each)",
    "finetune.head_strength": "head.c",
    "finetune.source_power": "balance.source_power",
    "finetune.smoothing": "finetune.label_smoothing",
    "finetune.averaging": "finetune.ema_decay",
    "finetune.keep": "finetune.pretrained_weight",
}
"""Keys that were called otherwise, with what they are called now."""


class Recipe(Section):
    """Every choice of a training run. Without `finetune` the backbone stays as it came."""

    name: str
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 42
    features: Features = Features()
    split: Split = Split()
    balance: Balance = Balance()
    head: Head = Head()
    fit: Fit = Fit()
    finetune: Finetune | None = None
    augment: Augment = Augment()
    evaluation: Evaluation = Evaluation()
    decide: Decide = Decide()
    export: Export = Export()
    trainer: Trainer = Trainer()

    @property
    def scores_weight(self) -> float | None:
        """How much ImageNet scores count; None where there are none."""
        return self.head.scores_weight if self.features.imagenet_scores else None

    @property
    def by_steps(self) -> bool:
        """Whether a head is trained by steps, as ``[fit]`` says."""
        return self.head.kind != "logistic"

    @model_validator(mode="after")
    def _have_a_head_that_fits(self) -> "Recipe":
        flattened = self.features.output == "flattened"
        if flattened and self.head.kind != "softmax":
            raise ValueError(
                f"head.kind '{self.head.kind}' takes features.output 'pooled'; 'flattened' is for 'softmax'"
            )
        if self.features.pooling == "active" and (self.finetune or flattened):
            raise ValueError("features.pooling 'active' is for heads on pooled features of a network as it came")
        if self.finetune and self.by_steps:
            raise ValueError("[finetune] trains the layers in front of a head.kind 'logistic'")
        if self.features.imagenet_scores and self.by_steps:
            raise ValueError("features.imagenet_scores are added to what a head.kind 'logistic' says")
        if not self.by_steps and self.balance.method != "none":
            raise ValueError("head.kind 'logistic' lets classes count equally by itself: balance.method 'none'")
        if not self.by_steps and self.fit != Fit():
            raise ValueError("[fit] is for heads that are trained by steps; head.kind 'logistic' is fitted at once")
        if not self.finetune and self.augment != Augment():
            raise ValueError("[augment] is for networks of which every layer is trained: with [finetune]")
        if self.export.int8 and flattened:
            raise ValueError("export.int8 takes features.output 'pooled'")
        return self

    @model_validator(mode="after")
    def _have_photos_to_watch(self) -> "Recipe":
        watches = self.by_steps and (self.fit.early_stopping or self.fit.plateau)
        if self.split.validation == 0 and watches:
            raise ValueError("fit.early_stopping and fit.plateau watch validation photos: set split.validation above 0")
        return self

    @model_validator(mode="after")
    def _leak_on_purpose_only(self) -> "Recipe":
        if self.balance.when == "before-split" and self.evaluation.protocol != "holdout":
            raise ValueError("balance.when 'before-split' is for evaluation.protocol 'holdout'")
        return self


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with the package."""
    return built_in("recipes")


def load_recipe(
    name_or_path: str | Path,
    *,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Recipe:
    """Read a recipe and put environment and flags over it, as `settings.load` tells.

    Raises:
        RecipeError: no such recipe, no TOML, an unknown or renamed key, or a value that is not allowed.
    """
    return load(Recipe, "recipes", name_or_path, overrides=overrides, environ=environ, renamed=RENAMED)
