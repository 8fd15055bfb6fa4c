"""Recipes: every choice of a training run, in a TOML file that is checked to the last key.

The fields below are the only place where an option is declared, with its default and its range. A value is taken
from, each overruling the one before: the default here, the recipe file, an environment variable
(``ECOSORTER_FIT__EPOCHS=10``), a flag (``--set fit.epochs=10``).
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
    """What the frozen backbone makes of a photo.

    Attributes:
        backbone: a short name, an id on the Hugging Face hub, a local folder, or an ONNX file.
        output: the pooled vector, or the last feature map flattened.
        preprocess: a table, or ``"backbone"`` (here None) for the backbone's own.
        batch_size: photos in one pass through the backbone.
    """

    backbone: str = "mobilenet-v2"
    output: Literal["pooled", "flattened"] = "pooled"
    preprocess: Annotated[PreprocessSpec | None, _none_for("backbone")] = None
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
    """What is done about rare classes.

    Attributes:
        method: synthetic training rows, weights in the loss, or nothing.
        when: ``"before-split"`` leaks: test rows are then mixtures of training rows. For SMOTE only.
        neighbours: of SMOTE.
        compare: also fit with the other `when`, to print both figures side by side. For SMOTE only.
    """

    method: Literal["smote", "weights", "none"] = "none"
    when: Literal["after-split", "before-split"] = "after-split"
    neighbours: Positive = 5
    compare: bool = False


class Head(Section):
    """The part that is trained.

    Attributes:
        kind: three fully connected layers with ReLU and dropout between them, or one softmax layer.
        hidden: widths of the perceptron's two hidden layers.
        dropout: share of the hidden values dropped in training, for the perceptron.
    """

    kind: Literal["perceptron", "softmax"] = "perceptron"
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
    """How the head is trained.

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


class Trainer(Section):
    """On what it is trained. For networks Lightning's Trainer takes all of it; a head takes the accelerator alone."""

    accelerator: str = "auto"
    devices: int | list[int] | Literal["auto"] = 1
    num_nodes: Positive = 1
    strategy: str = "auto"


class Recipe(Section):
    """Every choice of a training run."""

    name: str
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 42
    features: Features = Features()
    split: Split = Split()
    balance: Balance = Balance()
    head: Head = Head()
    fit: Fit = Fit()
    decide: Decide = Decide()
    trainer: Trainer = Trainer()

    @model_validator(mode="after")
    def _have_a_head_that_fits(self) -> "Recipe":
        if self.head.kind == "perceptron" and self.features.output == "flattened":
            raise ValueError("head.kind 'perceptron' takes features.output 'pooled'; 'flattened' is for 'softmax'")
        return self

    @model_validator(mode="after")
    def _have_photos_to_watch(self) -> "Recipe":
        if self.split.validation == 0 and (self.fit.early_stopping or self.fit.plateau):
            raise ValueError("fit.early_stopping and fit.plateau watch validation photos: set split.validation above 0")
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
        RecipeError: no such recipe, no TOML, an unknown key, or a value that is not allowed.
    """
    return load(Recipe, "recipes", name_or_path, overrides=overrides, environ=environ)
