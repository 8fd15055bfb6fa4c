"""Recipes are checked to the last key, and flags overrule environment overrules file overrules default."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ecosorter.errors import RecipeError
from ecosorter.training.recipe import RENAMED, EarlyStopping, Plateau, Recipe, load_recipe, recipe_names


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_published_perceptron_is_as_published() -> None:
    recipe = load_recipe("resnet18-smote")
    preprocess = recipe.features.preprocess
    assert preprocess is not None
    assert (preprocess.size, preprocess.resize, preprocess.grey) == (224, "stretch", True)
    assert preprocess.mean == preprocess.std == (0.5, 0.5, 0.5)
    assert (recipe.features.backbone, recipe.features.output) == ("resnet18", "pooled")
    assert (recipe.balance.method, recipe.balance.when, recipe.balance.compare) == (
        "smote",
        "after-split",
        True,
    )
    assert (recipe.head.kind, recipe.head.dropout) == ("perceptron", 0.5)
    assert (recipe.fit.optimizer, recipe.fit.learning_rate, recipe.fit.batch_size) == ("adamw", 1e-4, 64)
    assert (recipe.fit.epochs, recipe.fit.early_stopping, recipe.fit.plateau) == (50, None, None)
    assert recipe.split.test == 0.2


def test_the_published_softmax_is_as_published() -> None:
    recipe = load_recipe("resnet50-softmax")
    assert recipe.features.preprocess is None
    assert (recipe.features.backbone, recipe.features.output) == ("resnet50", "flattened")
    assert (recipe.seed, recipe.split.validation, recipe.split.test) == (42, 0.1, 0.1)
    assert (recipe.balance.method, recipe.head.kind) == ("none", "softmax")
    assert (recipe.fit.optimizer, recipe.fit.learning_rate, recipe.fit.batch_size) == ("adam", 1e-4, 32)
    assert recipe.fit.weight_decay == 0
    assert recipe.fit.early_stopping == EarlyStopping(patience=3, monitor="validation_accuracy")
    assert recipe.fit.plateau == Plateau(factor=0.2, patience=5, min_learning_rate=1e-6)


@pytest.mark.parametrize("name", recipe_names())
def test_built_in_recipes_are_called_as_their_files_and_survive_a_dump(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_a_file_may_be_nearly_empty_and_gets_its_files_name(tmp_path: Path) -> None:
    assert load_recipe(write(tmp_path, "seed = 7")) == Recipe(name="mine", seed=7)


def test_flags_overrule_environment_overrules_file_overrules_default(tmp_path: Path) -> None:
    path = write(tmp_path, "seed = 1\n[head]\nkind = 'softmax'\n[fit]\nepochs = 1\nbatch_size = 1\n")
    recipe = load_recipe(
        path,
        environ={
            "ECOSORTER_FIT__EPOCHS": "2",
            "ECOSORTER_FIT__BATCH_SIZE": "2",
            "ECOSORTER_TRAIN__SEED": "2",
        },
        overrides={"fit.epochs": "3", "fit.batch_size": None},
    )
    assert (recipe.fit.epochs, recipe.fit.batch_size, recipe.seed) == (3, 2, 2)
    assert recipe.fit.learning_rate == Recipe(name="").fit.learning_rate


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("name", "7", "7"),
        ("features.backbone", "google/vit-base", "google/vit-base"),
        ("features.backbone", "C:/my models/2024", "C:/my models/2024"),
        ("balance.compare", "false", False),
        ("fit.learning_rate", "3e-5", 3e-5),
        ("fit.early_stopping", "none", None),
        ("fit.plateau", "{ factor = 0.5, patience = 2 }", Plateau(factor=0.5, patience=2)),
        ("fit.early_stopping.patience", "9", EarlyStopping(patience=9)),
        ("features.preprocess", "backbone", None),
        ("head.hidden", "[64, 32]", (64, 32)),
        ("trainer.devices", "2", 2),
        ("trainer.devices", "auto", "auto"),
        ("trainer.devices", "[0, 1]", [0, 1]),
    ],
)
@pytest.mark.parametrize("by", ["environment", "flag"])
def test_text_is_understood_by_what_the_key_wants(key: str, text: str, value: Any, by: str) -> None:
    section, _, rest = key.rpartition(".")
    variable = f"ECOSORTER_{section.replace('.', '__') or 'train'}__{rest}".upper()
    given = {"environ": {variable: text}} if by == "environment" else {"overrides": {key: text}}
    found: Any = load_recipe("resnet18-smote", **given)
    for part in key.removesuffix(".patience").split("."):
        found = getattr(found, part)
    assert found == value


def test_variables_of_others_are_not_looked_at() -> None:
    environ = {"ECOSORTER_CACHE": "/x", "PATH": "/bin", "OTHER_FIT__EPOCHS": "3", "ECOSORTER_SHARED": "/y"}
    assert load_recipe("resnet18-smote", environ=environ) == load_recipe("resnet18-smote")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[balance]\nmethd = 'smote'", "Unknown key: 'balance.methd' (did you mean 'balance.method'?)"),
        ("[balans]\nmethod = 'smote'", "Unknown key: 'balans' (did you mean 'balance'?)"),
        ("epochs = 3", "Unknown key: 'epochs' (did you mean 'fit.epochs'?)"),
        ("xyzzy = 3", "Unknown key: 'xyzzy'"),
        (
            "[fit.early_stopping]\npatienc = 3\npatience = 3",
            "Unknown key: 'fit.early_stopping.patienc' (did you mean 'fit.early_stopping.patience'?)",
        ),
        (
            "[features.preprocess]\nsize = 9\nresize = 'stretch'\nmean = [0,0,0]\nstd = [1,1,1]\ngray = true",
            "Unknown key: 'features.preprocess.gray' (did you mean 'features.preprocess.grey'?)",
        ),
        (
            "[fit.early_stopping]\nmonitor = 'validation_loss'",
            "Bad recipe, 'fit.early_stopping.patience': Field required",
        ),
        (
            "[balance]\nmethod = 'smoat'",
            "Bad value for 'balance.method': \"smoat\". Input should be 'smote', 'weights' or 'none'",
        ),
        ("[fit]\nepochs = 0", "Bad value for 'fit.epochs': 0. Input should be greater than or equal to 1"),
        ("[fit]\nlearning_rate = inf", "Bad value for 'fit.learning_rate': Infinity. Input should be a finite number"),
        (
            "[head]\nhidden = [64, 0]",
            "Bad value for 'head.hidden': 0. Input should be greater than or equal to 1",
        ),
        (
            "[split]\nvalidation = 0.5\ntest = 0.5",
            "Bad recipe, 'split': validation and test together must leave something to train on: less than 1",
        ),
        (
            "[split]\nvalidation = 0\n[head]\nkind = 'softmax'\n[fit]\nearly_stopping = { patience = 3 }",
            "Bad recipe: fit.early_stopping and fit.plateau watch validation photos: set split.validation above 0",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_path(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(write(tmp_path, text))
    assert str(caught.value) == message


OLD_VALUES = {"preprocess": "{ size = 9 }", "hold_out": '[["a"]]', "on_board": '["a"]', "names": "true"}


@pytest.mark.parametrize("key", RENAMED)
def test_a_renamed_key_is_refused_with_its_new_name(tmp_path: Path, key: str) -> None:
    section, _, name = key.rpartition(".")
    value = OLD_VALUES.get(key, "0.5")
    path = write(tmp_path, f"[{section}]\n{name} = {value}" if section else f"{name} = {value}")
    for given in ({"name_or_path": path}, {"name_or_path": "finetune", "overrides": {key: value}}):
        with pytest.raises(RecipeError) as caught:
            load_recipe(**given)  # type: ignore[arg-type]
        assert str(caught.value) == f"Renamed key: '{key}' is now {RENAMED[key]}."


def test_new_names_of_renamed_keys_are_keys() -> None:
    dumped = load_recipe("finetune").model_dump()
    for new in RENAMED.values():
        for key in re.findall(r"[a-z]+\.[a-z_]+|^[a-z]+$", new):
            section, _, name = key.partition(".")
            assert name in dumped[section]


def test_settings_of_steps_are_refused_where_no_step_is_taken(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"\[fit\] is for heads that are trained by steps"):
        load_recipe(write(tmp_path, "[fit]\nepochs = 3"))


def test_a_finetune_table_makes_it_a_network_and_without_a_head_it_is_logistic(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, "[finetune]\nepochs = 2"))
    assert recipe.finetune is not None
    assert (recipe.finetune.epochs, recipe.head.kind) == (2, "logistic")
    assert load_recipe(write(tmp_path, "seed = 1")).finetune is None


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(
            "resnet18-smote",
            environ={"ECOSORTER_FIT__EPOCS": "3"},
            overrides={"seed": "x", "trainer.devices": "many"},
        )
    lines = str(caught.value).splitlines()
    assert "Unknown key in the environment: 'fit.epocs' (did you mean 'fit.epochs'?)" in lines
    assert any(line.startswith("Bad value for 'seed': \"x\". ") for line in lines)
    assert any(line.startswith("Bad value for 'trainer.devices': \"many\". ") for line in lines)


def test_an_unknown_recipe_names_the_known_ones() -> None:
    with pytest.raises(
        RecipeError, match=r"no recipe 'resnet18-smot' .did you mean 'resnet18-smote'.*resnet50-softmax"
    ):
        load_recipe("resnet18-smot")


def test_a_mark_of_windows_editors_is_no_part_of_a_recipe(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbfseed = 7")
    assert load_recipe(path).seed == 7


@pytest.mark.parametrize("content", [b"seed = ", b"\xff\xfe", b"\x00"])
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=r"broken\.toml cannot be read as TOML"):
        load_recipe(path)


def test_recipes_and_splits_need_no_torch() -> None:
    code = "import sys, ecosorter.training.recipe, ecosorter.datasets.splits; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"features.output": "flattened"}, "'perceptron' takes features.output 'pooled'"),
        ({"finetune": "{ epochs = 2 }"}, "in front of a head.kind 'logistic'"),
        ({"features.imagenet_scores": "true"}, "added to what a head.kind 'logistic' says"),
        ({"head.kind": "logistic"}, "balance.method 'none'"),
        ({"balance.when": "before-split", "evaluation.protocol": "kfold"}, "for evaluation.protocol 'holdout'"),
        ({"augment.zoom": "0.7"}, r"\[augment\] is for"),
        ({"augment.mixup": "0.7", "augment.cutmix": "0.4"}, "together at most 1"),
        ({"split.validation": "0", "fit.plateau": "{ factor = 0.5, patience = 2 }"}, "above 0"),
    ],
)
def test_choices_that_do_not_go_together_are_refused(overrides: dict[str, str], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        load_recipe("resnet18-smote", overrides=overrides)
