"""Scores of the classes of waste by the names of things."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from ecosorter.errors import BackboneError, RecipeError
from ecosorter.training.backbones.imagenet_scores import Names, names_of, pretrained_names
from tests.training.networks import edgetpu_file, onnx_file

SEVEN = ("kaca", "kardus", "kertas", "khusus", "logam", "organik", "plastik")


def test_every_class_of_waste_has_things_and_no_thing_is_of_two() -> None:
    things = names_of(SEVEN)
    assert all(things)
    numbers = Counter(number for each in things for number in each.values())
    assert set(numbers.values()) == {1}
    assert numbers.keys() <= set(range(1000))
    assert names_of(("plastik",))[0]["pop_bottle"] == 737


def test_a_score_is_the_logarithm_of_the_sum_of_its_things() -> None:
    torch.manual_seed(0)
    names = Names(4, [1, 3])
    places = torch.randn(2, 4, 3, 5)
    with torch.inference_mode():
        things = names.things(places).numpy()
        whole, scores = (found.numpy() for found in names(places))
        (of_mean, _) = names(places.mean((2, 3), keepdim=True))
    assert scores.shape == (2, 2, 3, 5)
    np.testing.assert_allclose(scores[:, 0], things[:, 0], atol=1e-5)
    np.testing.assert_allclose(scores[:, 1], np.log(np.exp(things[:, 1:]).sum(axis=1)), atol=1e-5)
    np.testing.assert_allclose(whole, of_mean.numpy(), atol=1e-5)


def test_the_things_are_rows_of_the_file_behind_its_background(tmp_path: Path) -> None:
    file = edgetpu_file(tmp_path / "model.onnx")
    weight = numpy_helper.to_array(onnx.load(file).graph.initializer[-2])
    names = pretrained_names(file, ("plastik", "kaca"))
    plastic, glass = names_of(("plastik", "kaca"))
    assert names.sizes == [len(plastic), len(glass)]
    rows = list(plastic).index("pop_bottle"), len(plastic) + list(glass).index("wine_bottle")
    found = names.things.weight.detach().numpy()[list(rows)]
    np.testing.assert_array_equal(found, weight[[1 + 737, 1 + 907]])


def test_it_reads_the_pretrained_network_right(shared: Path) -> None:
    file = shared / "backbones" / "mobilenet_edgetpu_1.0_224" / "model.onnx"
    images = np.random.default_rng(0).uniform(-1, 1, (2, 3, 224, 224)).astype(np.float32)
    logits, features = onnxruntime.InferenceSession(file).run(["logits", "features"], {"input": images})
    with torch.inference_mode():
        found = pretrained_names(file, SEVEN)(torch.tensor(features)[:, :, None, None])[0].numpy()
    for number, things in enumerate(names_of(SEVEN)):
        wanted = np.log(np.exp(logits[:, [1 + thing for thing in things.values()]]).sum(axis=1))
        np.testing.assert_allclose(found[:, number], wanted, atol=1e-4)


def test_what_has_no_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"'baterai'.*names=false"):
        names_of(("kaca", "baterai"))
    with pytest.raises(BackboneError, match="ImageNet"):
        pretrained_names(onnx_file(tmp_path / "model.onnx"), SEVEN)
    with pytest.raises(BackboneError, match="There is no file"):
        pretrained_names(tmp_path / "missing.onnx", SEVEN)
