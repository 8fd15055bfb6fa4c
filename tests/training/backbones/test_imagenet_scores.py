"""Scores of the classes of waste by ImageNet's things."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from ecosorter.errors import BackboneError, RecipeError
from ecosorter.training.backbones.find import find_backbone
from ecosorter.training.backbones.imagenet_scores import ImageNetScores, imagenet_scores, things_of
from tests.training import networks

SEVEN = ("kaca", "kardus", "kertas", "khusus", "logam", "organik", "plastik")


def test_every_class_of_waste_has_things_and_no_thing_is_of_two() -> None:
    things = things_of(SEVEN)
    assert all(things)
    numbers = Counter(number for each in things for number in each.values())
    assert set(numbers.values()) == {1}
    assert numbers.keys() <= set(range(1000))
    assert things_of(("plastik",))[0]["pop_bottle"] == 737


def test_a_score_is_the_logarithm_of_the_sum_of_its_things() -> None:
    torch.manual_seed(0)
    scores = ImageNetScores(4, [1, 3])
    places = torch.randn(2, 4, 3, 5)
    with torch.inference_mode():
        things = scores.things(places).numpy()
        whole, found = (value.numpy() for value in scores(places.mean((2, 3)), places))
        (of_mean, _) = scores(places.mean((2, 3)), places.mean((2, 3), keepdim=True))
    assert found.shape == (2, 2, 3, 5)
    np.testing.assert_allclose(found[:, 0], things[:, 0], atol=1e-5)
    np.testing.assert_allclose(found[:, 1], np.log(np.exp(things[:, 1:]).sum(axis=1)), atol=1e-5)
    np.testing.assert_allclose(whole, of_mean.numpy(), atol=1e-5)


def test_features_that_are_no_mean_of_the_map_are_scored_themselves() -> None:
    torch.manual_seed(0)
    scores = ImageNetScores(4, [1, 3], of_mean=False)
    pooled, places = torch.randn(2, 4), torch.randn(2, 4, 3, 5)
    with torch.inference_mode():
        whole = scores(pooled, places)[0].numpy()
        things = scores.things(pooled[:, :, None, None])[:, :, 0, 0].numpy()
    np.testing.assert_allclose(whole[:, 0], things[:, 0], atol=1e-5)
    np.testing.assert_allclose(whole[:, 1], np.log(np.exp(things[:, 1:]).sum(axis=1)), atol=1e-5)


def test_the_things_are_rows_of_the_file_behind_its_background(tmp_path: Path) -> None:
    file = networks.edgetpu_file(tmp_path / "model.onnx")
    weight = numpy_helper.to_array(onnx.load(file).graph.initializer[-2])
    scores = imagenet_scores(find_backbone(str(file)), ("plastik", "kaca"))
    plastic, glass = things_of(("plastik", "kaca"))
    assert scores.sizes == [len(plastic), len(glass)]
    rows = list(plastic).index("pop_bottle"), len(plastic) + list(glass).index("wine_bottle")
    found = scores.things.weight.detach().numpy()[list(rows)]
    np.testing.assert_array_equal(found, weight[[1 + 737, 1 + 907]])


def test_it_reads_the_pretrained_network_right(shared: Path) -> None:
    file = shared / "backbones" / "mobilenet_edgetpu_1.0_224" / "model.onnx"
    images = np.random.default_rng(0).uniform(-1, 1, (2, 3, 224, 224)).astype(np.float32)
    logits, features = onnxruntime.InferenceSession(file).run(["logits", "features"], {"input": images})
    pooled = torch.tensor(features)
    with torch.inference_mode():
        found = imagenet_scores(find_backbone(str(file)), SEVEN)(pooled, pooled[:, :, None, None])[0].numpy()
    for number, things in enumerate(things_of(SEVEN)):
        wanted = np.log(np.exp(logits[:, [1 + thing for thing in things.values()]]).sum(axis=1))
        np.testing.assert_allclose(found[:, number], wanted, atol=1e-4)


@pytest.mark.parametrize("make", [networks.resnet_folder, networks.mobilenet_folder, networks.vit_folder])
def test_a_network_without_a_classifier_is_refused(make, tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"no classifier of ImageNet.*imagenet_scores=false"):
        imagenet_scores(find_backbone(str(make(tmp_path / "net"))), SEVEN)


def test_what_has_no_scores_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"'baterai'.*imagenet_scores=false"):
        things_of(("kaca", "baterai"))
    with pytest.raises(BackboneError, match="no classifier of ImageNet"):
        imagenet_scores(find_backbone(str(networks.onnx_file(tmp_path / "model.onnx"))), SEVEN)


@pytest.mark.parametrize("kind", ["mobilenet_v2_1.0_224", "resnet18"])
def test_the_shared_networks_without_a_classifier_say_so(kind: str, shared: Path) -> None:
    assert find_backbone(str(shared / "backbones" / kind)).imagenet() is None
