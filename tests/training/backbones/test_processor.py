import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from transformers.models.mobilenet_v2.image_processing_pil_mobilenet_v2 import MobileNetV2ImageProcessorPil

from ecosorter.errors import BackboneError
from ecosorter.preprocess import decode_pixels
from ecosorter.training.backbones.processor import read_processor

HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param(
            {
                "size": {"shortest_edge": 256},
                "do_center_crop": True,
                "crop_size": {"height": 224, "width": 224},
                **HALF,
            },
            {"size": 224, "resize": "crop", "shorter_side": 256},
            id="mobilenet",
        ),
        pytest.param(
            {"size": {"shortest_edge": 224}, "crop_pct": 0.875, "resample": 3, **HALF},
            {"size": 224, "resize": "crop", "shorter_side": 256, "interpolation": "bicubic"},
            id="resnet (ConvNeXT's processor)",
        ),
        pytest.param(
            {"size": {"shortest_edge": 384}, "crop_pct": 0.875, **HALF},
            {"size": 384, "resize": "stretch", "shorter_side": None},
            id="ConvNeXT's processor stretches from 384 on",
        ),
        pytest.param({"size": {"height": 224, "width": 224}, **HALF}, {"size": 224, "resize": "stretch"}, id="vit"),
        pytest.param({"size": 224, **HALF}, {"size": 224, "resize": "stretch"}, id="old vit"),
        pytest.param(
            {"size": 224, "do_rescale": False, "image_mean": [127.5] * 3, "image_std": [127.5] * 3},
            {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)},
            id="values in 0..255",
        ),
        pytest.param(
            {"size": 224, "do_normalize": False}, {"mean": (0, 0, 0), "std": (1, 1, 1)}, id="no normalisation"
        ),
    ],
)
def test_reads_the_rule(config: dict[str, Any], expected: dict[str, Any]) -> None:
    spec = read_processor(config).model_dump()
    assert {key: spec[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"do_resize": False, **HALF}, "does not resize"),
        ({"size": {"height": 224, "width": 192}, **HALF}, "not square"),
        ({"size": {"shortest_edge": 224}, **HALF}, "not square"),
        ({"size": 224, "resample": 5, **HALF}, "resizes by rule 5"),
        ({"size": 224, "image_mean": [0.5], "image_std": [0.5]}, "image_mean must list three numbers"),
    ],
)
def test_refuses_what_it_does_not_understand(config: dict[str, Any], said: str) -> None:
    with pytest.raises(BackboneError, match=said):
        read_processor(config)


def test_agrees_with_transformers_on_a_real_photo(shared: Path) -> None:
    """The rule as read here gives the pixels that the network's own processor gives."""
    folder = shared / "backbones/mobilenet_v2_1.0_224"
    photo = sorted((shared / "photos/siscer/kertas").glob("*.jpg"))[0]
    spec = read_processor(json.loads((folder / "preprocessor_config.json").read_text()))
    ours = (decode_pixels(photo, spec) / 255 - np.array(spec.mean)) / np.array(spec.std)
    theirs = MobileNetV2ImageProcessorPil.from_pretrained(folder)(Image.open(photo), return_tensors="np")
    difference = np.abs(ours.transpose(2, 0, 1) - theirs["pixel_values"][0])
    assert difference.max() <= 2.5 * 2 / 255  # a rounding or two of eight bits
    assert difference.mean() < 0.005
