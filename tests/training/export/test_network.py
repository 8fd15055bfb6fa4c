import numpy as np
import onnxruntime
import pytest
import torch

from ecosorter.decision import softmax
from ecosorter.preprocess import PreprocessSpec
from ecosorter.training.export.export import TOLERANCE
from ecosorter.training.export.network import float_graph
from tests.training.networks import small_wastenet

SPEC = PreprocessSpec(size=32, resize="stretch", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


@pytest.mark.parametrize("scored", [False, True])
def test_the_graph_says_what_the_network_says(scored: bool) -> None:
    network = small_wastenet(scored=scored)
    network.head.weight.data[:, :12] *= 500  # so that probabilities differ
    pixels = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    session = onnxruntime.InferenceSession(float_graph(network, SPEC))
    logits, features, cam = session.run(["logits", "features", "cam"], {"pixels": pixels})
    images = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - 127.5) / 127.5
    with torch.inference_mode():
        wanted, pooled = network(images).numpy(), network.pooled(images).numpy()
    assert np.ptp(softmax(wanted, 1.0), axis=0).max() > 0.01
    assert abs(softmax(logits, 1.0) - softmax(wanted, 1.0)).max() < TOLERANCE
    np.testing.assert_allclose(features, pooled, atol=1e-5)
    assert cam.shape == (5, 3, 8, 8)
    if not scored:  # the scores are no mean over places
        np.testing.assert_allclose(cam.mean(axis=(2, 3)), logits, rtol=1e-3, atol=1e-3)


def test_the_scores_may_be_large() -> None:
    network = small_wastenet(scored=True)
    assert network.imagenet_scores is not None
    network.imagenet_scores.things.weight.data *= 1e5
    session = onnxruntime.InferenceSession(float_graph(network, SPEC))
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    logits, features, cam = session.run(["logits", "features", "cam"], {"pixels": pixels})
    assert abs(features).max() > 100  # whose exponential is no float32
    assert all(np.isfinite(values).all() for values in (logits, features, cam))


def test_it_is_the_network_at_rest_whatever_state_it_was_in() -> None:
    network = small_wastenet().train()
    pixels = np.full((1, 32, 32, 3), 200, np.uint8)
    found = [
        onnxruntime.InferenceSession(float_graph(state, SPEC)).run(["logits"], {"pixels": pixels})[0]
        for state in (network.train(), network.eval())
    ]
    np.testing.assert_array_equal(*found)
