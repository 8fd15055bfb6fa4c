"""The recipes with the networks they were published with: real ResNet18 and ResNet50, random weights, full size."""

import json
import sqlite3
from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import ResNetConfig, ResNetModel

from ecosorter import Classifier
from ecosorter.datasets.cache import Cache
from ecosorter.training.recipe import load_recipe
from ecosorter.training.run import train
from ecosorter.training.tracking.tracker import NoTracker
from tests.training.pictures import picture, save

RESNET18 = ResNetConfig(depths=[2, 2, 2, 2], hidden_sizes=[64, 128, 256, 512], layer_type="basic")
RESNET50 = ResNetConfig()  # its defaults are ResNet50
PROCESSOR = {  # as the published weights bring it: ConvNeXT's processor
    "crop_pct": 0.875,
    "do_normalize": True,
    "do_resize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
    "resample": 3,
    "size": {"shortest_edge": 224},
}


@pytest.mark.parametrize(
    ("recipe", "config", "width"), [("resnet18-smote", RESNET18, 512), ("resnet50-softmax", RESNET50, 2048)]
)
def test_a_published_recipe_runs_with_its_own_network(
    recipe: str, config: ResNetConfig, width: int, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    ResNetModel(config).save_pretrained(tmp_path / "net")
    (tmp_path / "net/preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    for number in range(30):
        tint = Image.new("RGB", (240, 230), ((255, 0, 0), (0, 0, 255))[number % 2])
        photo = Image.blend(picture(number, tint.size), tint, 0.5)
        save(photo, tmp_path / "photos" / ("paper", "metal")[number % 2] / f"{number}.jpg")
    chosen = load_recipe(recipe, overrides={"features.backbone": str(tmp_path / "net"), "fit.epochs": 3})
    cache = Cache(tmp_path / "cache")
    result = train([tmp_path / "photos"], tmp_path / "run", chosen, cache, NoTracker())
    classifier = Classifier.load(tmp_path / "run/bundle")
    prediction = classifier.classify([result.answers[0].path])[0]
    assert prediction.status == "ok"
    bundle = classifier.bundle.info
    assert bundle.preprocess.size == 224
    assert bundle.preprocess.grey == (recipe == "resnet18-smote")
    assert bundle.metrics["onnx_parity"]["difference"] < 1e-3
    (features,) = {
        len(value) // 4 if chosen.features.output == "pooled" else len(value) // (2 * 7 * 7)
        for _, value in cache.get_many(_feature_keys(cache))
    }
    assert features == width


def _feature_keys(cache: Cache) -> list[str]:
    with sqlite3.connect(cache.path) as db:
        return [key for (key,) in db.execute("SELECT key FROM entries WHERE key LIKE 'features-%'")]
