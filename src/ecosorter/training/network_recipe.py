"""The recipe of a network that is trained end to end; `recipe.py` has those of heads on frozen features."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from ecosorter.evaluation.calibration import Decide
from ecosorter.preprocess import PreprocessSpec
from ecosorter.training.recipe import Trainer
from ecosorter.training.settings import Positive, Section, Share, built_in, load

FOLDER = "network_recipes"


class Augment(Section):
    """How much photos are changed in training, when the whole network is trained.

    Attributes:
        zoom: the least share of a photo's sides that is shown.
        rotation: largest angle in radians, beside quarter turns.
        colour: strength of changes of light, colour and contrast; 0 is none.
        random_erasing: share of photos of which a rectangle is covered (Zhong et al. 2020,
            https://arxiv.org/abs/1708.04896).
        background_swap: share of the objects found on a plain board that are put on another background.
        mixup: share of batches whose photos are blended with one another (Zhang et al. 2018,
            https://arxiv.org/abs/1710.09412).
        cutmix: share of batches whose photos get a patch of one another (Yun et al. 2019,
            https://arxiv.org/abs/1905.04899).
    """

    zoom: Annotated[float, Field(gt=0, le=1)] = 0.45
    rotation: Annotated[float, Field(ge=0)] = 0.4
    colour: Annotated[float, Field(ge=0, le=1)] = 0.7
    random_erasing: Share = 0.25
    background_swap: Annotated[float, Field(ge=0, le=1)] = 0.6
    mixup: Annotated[float, Field(ge=0, le=1)] = 0.25
    cutmix: Annotated[float, Field(ge=0, le=1)] = 0.25

    @model_validator(mode="after")
    def _mix_a_batch_once(self) -> "Augment":
        if self.mixup + self.cutmix > 1:
            raise ValueError("mixup and cutmix are shares of the same batches: together at most 1")
        return self


class Finetune(Section):
    """How a whole network is trained, end to end.

    Attributes:
        size: side of the photos in training, in pixels, a multiple of 32.
        learning_rate: of the last layer of the body.
        layer_decay: of each earlier layer, that of the next one times this.
        head_learning_rate: of the head, and of the layer that makes ImageNet's scores.
        head_strength: inverse of the head's regularisation (scikit-learn's C) when it is fitted to all photos at once,
            before the network is trained and again after. Small values hold better on photos from elsewhere.
        label_smoothing: share of each label that is spread over all classes.
        ema_decay: how much of the mean of the weights is kept at each step.
        pretrained_weight: share of the weights that the network came with, in what it ends with.
        source_power: 1 draws each photo of a class equally often, 0 each source.
    """

    size: Annotated[int, Field(ge=32, multiple_of=32)] = 160
    learning_rate: Annotated[float, Field(gt=0)] = 6e-5
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 0.85
    head_learning_rate: Annotated[float, Field(gt=0)] = 3e-4
    head_strength: Annotated[float, Field(gt=0)] = 6e-4
    weight_decay: Annotated[float, Field(ge=0)] = 0.02
    batch_size: Positive = 64
    epochs: Annotated[float, Field(gt=0)] = 4
    label_smoothing: Share = 0.1
    ema_decay: Share = 0.99
    pretrained_weight: Share = 0.0
    source_power: Annotated[float, Field(ge=0, le=1)] = 0.5


class NetworkRecipe(Section):
    """Every choice of a run that trains a whole network instead of a head on frozen features.

    Attributes:
        backbone: a short name, an id on the Hugging Face hub, a folder, or the ONNX file of MobileNetEdgeTPU.
        preprocess: of the predictor; its `size` may be larger than that of training (Touvron et al. 2019,
            https://arxiv.org/abs/1906.06423).
        imagenet_scores: whether the classes of ImageNet that the pretrained network sees count too
            (backbones/imagenet_scores.py).
        on_board: sources whose objects lie on a plain board, from which they can be told.
        hold_out: groups of sources; each group is left out together and measured by a network that never saw it.
    """

    name: str
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 42
    backbone: str
    preprocess: PreprocessSpec
    imagenet_scores: bool = False
    on_board: tuple[str, ...] = ()
    hold_out: tuple[tuple[str, ...], ...] = ()
    augment: Augment = Augment()
    finetune: Finetune = Finetune()
    decide: Decide = Decide()
    trainer: Trainer = Trainer()


def network_recipe_names() -> list[str]:
    """Return the names of the network recipes that come with the package."""
    return built_in(FOLDER)


def load_network_recipe(
    name_or_path: str | Path,
    *,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> NetworkRecipe:
    """Read a recipe and put environment and flags over it, as `settings.load` tells.

    Raises:
        RecipeError: no such recipe, no TOML, an unknown key, or a value that is not allowed.
    """
    return load(NetworkRecipe, FOLDER, name_or_path, overrides=overrides, environ=environ)
