"""The logistic head, and ImageNet's scores beside it."""

import numpy as np

from ecosorter.training.fit.linear_probe import fit_linear

HELD = {"c": 10.0, "source_power": 0.5}


def test_the_head_tells_the_classes_that_it_was_shown() -> None:
    random = np.random.default_rng(0)
    labels = 2 * (np.arange(40) % 2)  # the class in the middle has no photos
    features = random.normal(size=(40, 12)).astype(np.float32)
    features[labels == 0, 0] += 6
    weight, bias = fit_linear(features, labels, np.array(["a", "b"] * 20), 3, **HELD, scores_weight=None)
    assert ((features @ weight.T + bias).argmax(axis=1) == labels).all()


def test_imagenets_scores_are_added_less_their_means() -> None:
    random = np.random.default_rng(0)
    labels = np.arange(60) % 2
    own = random.normal(size=(60, 4))
    own[:, 0] += 0.5 * labels
    scores = np.stack([random.normal(8, 1, 60), random.normal(2, 1, 60), np.full(60, 30.0)], axis=1)
    features = np.hstack([own, scores]).astype(np.float32)
    sources = np.array(["a"] * 60)
    weight, bias = fit_linear(features[:, :4], labels, sources, 3, **HELD, scores_weight=None)
    both = fit_linear(features, labels, sources, 3, **HELD, scores_weight=0.5)
    found = features @ both[0].T + both[1]
    assert (found.argmax(axis=1) < 2).all()  # the third class has no photos, however high its score
    wanted = features[:, :4] @ weight.T + bias + 0.5 * (scores - scores.mean(axis=0))
    np.testing.assert_allclose(found[:, :2], wanted[:, :2], atol=1e-4)
