"""Recipes: every choice of a training run, in a TOML file that is checked to the last key.

The fields below are the only place where an option is declared, with its default and its range. A value is taken
from, each overruling the one before: the default here, the recipe file, an environment variable
(``ECOSORTER_FIT__EPOCHS=10``), a flag (``--set fit.epochs=10``).
"""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from ecosorter.errors import RecipeError
from ecosorter.preprocess import PreprocessSpec


def _none_for(word: str) -> BeforeValidator:
    """Take a word for the absence of a table, as TOML has no null."""
    return BeforeValidator(lambda value: None if value == word else value)


_Share = Annotated[float, Field(ge=0, lt=1)]
_Positive = Annotated[int, Field(ge=1)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Features(_Section):
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
    batch_size: _Positive = 32


class Split(_Section):
    """Shares of the photos; the rest is for training.

    Attributes:
        validation: for early stopping, the temperature and the thresholds. With 0 the temperature is 1 and the
            model, of which nothing is known, always says "not sure".
        test: for the final figures, and nothing else.
    """

    validation: _Share = 0.1
    test: Annotated[float, Field(gt=0, lt=1)] = 0.2

    @model_validator(mode="after")
    def _leave_some_to_train_on(self) -> "Split":
        if self.validation + self.test >= 1:
            raise ValueError("validation and test together must leave something to train on: less than 1")
        return self


class Balance(_Section):
    """What is done about rare classes.

    Attributes:
        method: synthetic training rows, weights in the loss, or nothing.
        when: ``"before-split"`` leaks: test rows are then mixtures of training rows. For SMOTE only.
        neighbours: of SMOTE.
        compare: also fit with the other `when`, to print both figures side by side. For SMOTE only.
    """

    method: Literal["smote", "weights", "none"] = "none"
    when: Literal["after-split", "before-split"] = "after-split"
    neighbours: _Positive = 5
    compare: bool = False


class Head(_Section):
    """The part that is trained.

    Attributes:
        kind: three fully connected layers with ReLU and dropout between them, or one softmax layer.
        hidden: widths of the perceptron's two hidden layers.
        dropout: share of the hidden values dropped in training, for the perceptron.
    """

    kind: Literal["perceptron", "softmax"] = "perceptron"
    hidden: tuple[_Positive, _Positive] = (512, 256)
    dropout: _Share = 0.5


class EarlyStopping(_Section):
    """Stop after `patience` epochs without a better `monitor`, and keep the best epoch's weights."""

    patience: _Positive
    monitor: Literal["validation_accuracy", "validation_loss"] = "validation_accuracy"


class Plateau(_Section):
    """Multiply the learning rate by `factor` after `patience` epochs without a better validation loss."""

    factor: Annotated[float, Field(gt=0, lt=1)]
    patience: _Positive
    min_learning_rate: Annotated[float, Field(ge=0)] = 0.0


class Fit(_Section):
    """How the head is trained.

    Attributes:
        batch_size: rows in one step.
        early_stopping: a table, or ``"none"``.
        plateau: a table, or ``"none"``.
    """

    optimizer: Literal["adamw", "adam"] = "adamw"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    batch_size: _Positive = 64
    epochs: _Positive = 50
    early_stopping: Annotated[EarlyStopping | None, _none_for("none")] = None
    plateau: Annotated[Plateau | None, _none_for("none")] = None


class Decide(_Section):
    """When the model says "not sure".

    Attributes:
        target_accuracy: wanted of the validation photos that are answered.
        miss_rate: share of photos whose true class may be missing among the classes offered.
    """

    target_accuracy: Annotated[float, Field(gt=0, le=1)] = 0.9
    miss_rate: Annotated[float, Field(gt=0, lt=1)] = 0.1


class Trainer(_Section):
    """Handed to Lightning's Trainer as it is: its documentation tells the values."""

    accelerator: str = "auto"
    devices: int | list[int] | Literal["auto"] = 1
    num_nodes: _Positive = 1
    strategy: str = "auto"


class Recipe(_Section):
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
    return sorted(path.name.removesuffix(".toml") for path in _built_in().iterdir() if path.name.endswith(".toml"))


def load_recipe(
    name_or_path: str | Path,
    *,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Recipe:
    """Read a recipe and put environment and flags over it.

    Args:
        name_or_path: one of `recipe_names()`, or a TOML file; one without a name is called after its file.
        overrides: values by dotted key (``{"fit.epochs": "10"}``). Text is understood as in the environment;
            None stands for a flag that was not given.
        environ: variables named ``ECOSORTER_<SECTION>__<KEY>``, with ``ECOSORTER_TRAIN__SEED`` and ``…__NAME`` for
            the keys outside of sections; others are not looked at. Lists and tables are written as in TOML.

    Raises:
        RecipeError: no such recipe, no TOML, an unknown key, or a value that is not allowed. The message has a
            line for each.
    """
    data = _read(name_or_path)
    from_environment = _from_environment(environ or {})
    flags = {key: value for key, value in (overrides or {}).items() if value is not None}
    for key, value in {**from_environment, **flags}.items():
        _put(data, key.split("."), _understood(value))
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise RecipeError("\n".join(dict.fromkeys(_complaints(error, from_environment)))) from error


def _built_in() -> Any:
    return files("ecosorter.training") / "recipes"


def _read(name_or_path: str | Path) -> dict[str, Any]:
    names = recipe_names()
    built_in = str(name_or_path) in names
    source = _built_in() / f"{name_or_path}.toml" if built_in else Path(name_or_path)
    if not source.is_file():
        raise RecipeError(
            f"There is no recipe '{name_or_path}'{_nearest(str(name_or_path), names)}. "
            f"Give the path of a TOML file or one of: {', '.join(names)}."
        )
    try:
        return {"name": Path(name_or_path).stem, **tomllib.loads(source.read_text(encoding="utf-8"))}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"The recipe {name_or_path} cannot be read as TOML: {error}.") from error


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for variable, value in sorted(environ.items()):
        section, separator, key = variable.removeprefix("ECOSORTER_").lower().partition("__")
        if variable.startswith("ECOSORTER_") and separator:
            path = key.replace("__", ".")
            found[path if section == "train" else f"{section}.{path}"] = value
    return found


def _understood(value: Any) -> Any:
    """Read text that looks like a TOML list or table as one; pydantic turns other text into numbers."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            return value
    return value


def _put(data: dict[str, Any], path: Sequence[str], value: Any) -> None:
    *sections, key = path
    for section in sections:
        inner = data.get(section)
        # A copy: never change a table that the caller holds. A word ("none") gives way to a table.
        data[section] = dict(inner) if isinstance(inner, dict) else {}
        data = data[section]
    data[key] = value


def _complaints(error: ValidationError, from_environment: Mapping[str, str]) -> Iterator[str]:
    keys = list(_known_keys(Recipe))
    for detail in error.errors(include_url=False):
        path = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == "extra_forbidden":
            where = " in the environment" if path in from_environment else ""
            yield f"Unknown key{where}: '{path}'{_nearest(path, keys)}"
            continue
        while path and path not in keys:  # pydantic's location also names list places and members of a union
            path = path.rpartition(".")[0]
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "missing" or not path or isinstance(detail["input"], BaseModel | dict):
            yield f"Bad recipe{f', {path!r}' if path else ''}: {message}"
        else:
            yield f"Bad value for '{path}': {json.dumps(detail['input'], default=str)}. {message}"


def _known_keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield every dotted key, tables included."""
    for name, field in model.model_fields.items():
        yield prefix + name
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _known_keys(kind, f"{prefix}{name}.")


def _nearest(word: str, words: Sequence[str]) -> str:
    near = get_close_matches(word, words, n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""
