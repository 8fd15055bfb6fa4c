"""Models of transformers: body and classifier."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from onnxruntime import InferenceSession
from transformers import AutoModelForImageClassification

from ecosorter.errors import BackboneError
from ecosorter.training.backbones.convert import convert
from ecosorter.training.backbones.find import find_backbone
from tests.training import networks


@pytest.mark.parametrize(
    ("make", "classes"),
    [(networks.resnet_folder, 1000), (networks.vit_folder, 1000), (networks.mobilenet_folder, 1001)],
)
def test_the_classifier_on_the_features_says_what_the_model_says(make, classes: int, tmp_path: Path) -> None:
    folder = make(tmp_path / "net", classes=classes)
    backbone = find_backbone(str(folder))
    layer = backbone.imagenet()
    assert layer is not None
    assert (layer.weight.shape[0], layer.bias.shape) == (1000, (1000,))
    assert layer.of_mean == (make is not networks.vit_folder)
    images = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        pooled, places = backbone.body()(images)
        wanted = AutoModelForImageClassification.from_pretrained(folder).eval()(pixel_values=images).logits.numpy()
    np.testing.assert_allclose(
        pooled.numpy() @ layer.weight.T + layer.bias, wanted[:, classes - 1000 :], rtol=1e-3, atol=1e-4
    )
    assert places.shape[:2] == pooled.shape


def test_dinov2_has_a_token_for_the_whole_photo_and_places_for_another_size(tmp_path: Path) -> None:
    backbone = find_backbone(str(networks.dinov2_folder(tmp_path / "net")))
    with torch.inference_mode():
        pooled, places = backbone.body()(torch.rand(2, 3, 56, 56))  # it was made for 70
    assert (pooled.shape, places.shape) == ((2, 24), (2, 24, 4, 4))
    assert not torch.allclose(pooled, places.mean((2, 3)), atol=1e-2)
    assert backbone.imagenet() is None


def test_of_siglip_the_part_that_sees_photos_is_taken_and_converted(tmp_path: Path) -> None:
    body = find_backbone(str(networks.siglip_folder(tmp_path / "net"))).body()
    images = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        pooled, places = body(images)
    assert (pooled.shape, places.shape) == ((2, 16), (2, 16, 4, 4))
    torch.testing.assert_close(pooled, places.mean((2, 3)))
    convert(body, 32, tmp_path / "siglip.onnx")
    found = InferenceSession(tmp_path / "siglip.onnx").run(["pooled", "map"], {"images": images.numpy()})
    np.testing.assert_allclose(found[0], pooled.numpy(), atol=1e-5)
    np.testing.assert_allclose(found[1], places.numpy(), atol=1e-5)


def test_a_classifier_of_other_classes_is_none_of_imagenet(tmp_path: Path) -> None:
    assert find_backbone(str(networks.resnet_folder(tmp_path / "ten", classes=10))).imagenet() is None
    folder = networks.resnet_folder(tmp_path / "birds", classes=1000)
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = {str(number): f"bird {number}" for number in range(1000)}
    config["label2id"] = {f"bird {number}": number for number in range(1000)}
    (folder / "config.json").write_text(json.dumps(config))
    assert find_backbone(str(folder)).imagenet() is None


def test_what_transformers_cannot_load_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "no such type"}))
    (tmp_path / "model.safetensors").write_bytes(b"")
    backbone = find_backbone(str(tmp_path))
    for ask in (backbone.body, backbone.imagenet):
        with pytest.raises(BackboneError, match="cannot load"):
            ask()
