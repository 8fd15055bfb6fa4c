import numpy as np
import onnxruntime
import pytest
import torch

from ecosorter.training.fit.heads import Head, make_head
from ecosorter.training.recipe import Head as HeadRecipe


def test_the_published_perceptron_has_three_layers_and_drops_half_while_training() -> None:
    head = make_head(HeadRecipe(kind="perceptron", hidden=(6, 5), dropout=0.5), 8, 3, seed=0)
    assert [(layer.in_features, layer.out_features) for layer in head.linear] == [(8, 6), (6, 5), (5, 3)]
    features = torch.rand(4, 8)
    torch.testing.assert_close(head(features), head(features))
    draw = torch.Generator().manual_seed(0)
    assert any(not torch.equal(head(features, draw), head(features, draw)) for _ in range(10))


def test_dropout_keeps_the_mean_of_what_a_layer_gives() -> None:
    torch.manual_seed(0)
    head = Head([4, 50, 2], 0.3)
    features = torch.ones(20_000, 4)
    with torch.inference_mode():
        dropped, whole = head(features, torch.Generator().manual_seed(0)), head(features)
    mean, spread = dropped.mean(0), dropped.std(0)
    assert (spread > 0.03).all()
    assert ((mean - whole[0]).abs() < 0.1 * spread).all()


def test_one_seed_gives_the_first_weights_that_torch_would_give() -> None:
    head = make_head(HeadRecipe(kind="perceptron", hidden=(6, 5)), 8, 3, seed=7)
    torch.manual_seed(7)
    for mine, layer in zip(head.linear, Head([8, 6, 5, 3], 0.5).linear, strict=True):
        torch.testing.assert_close(mine.weight, layer.weight, rtol=0, atol=0)
        torch.testing.assert_close(mine.bias, layer.bias, rtol=0, atol=0)


def test_the_softmax_head_is_one_layer_whatever_is_hidden() -> None:
    assert len(make_head(HeadRecipe(kind="softmax", hidden=(6, 5)), 8, 3, seed=0).linear) == 1


@pytest.mark.parametrize(("widths", "flattened"), [([4, 6, 5, 3], False), ([4, 3], False), ([4 * 2 * 2, 3], True)])
def test_the_graph_is_the_head(widths: list[int], flattened: bool) -> None:
    torch.manual_seed(0)
    head = Head(widths, 0.5)
    places = torch.randn(5, 4, 2, 2)
    pooled = places.mean(dim=(2, 3))
    session = onnxruntime.InferenceSession(head.graph((4, 2, 2), flattened=flattened).SerializeToString())
    inputs = {"pooled": pooled.numpy(), "map": places.numpy()}
    logits, cam = session.run(["logits", "cam"], {value.name: inputs[value.name] for value in session.get_inputs()})
    with torch.inference_mode():
        wanted = head(places.flatten(1) if flattened else pooled).numpy()
    np.testing.assert_allclose(logits, wanted, atol=1e-5)
    assert cam.shape == (5, 3, 2, 2)
