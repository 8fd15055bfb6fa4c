"""Features are those of the bundle's own graph."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from ecosorter.bundle import Bundle
from ecosorter.classifier import Classifier
from ecosorter.decision import softmax
from ecosorter.teaching.features import AUGMENTATIONS, augmented_features
from ecosorter.teaching.linear_head import find_head
from tests.teaching.teachable import WIDTH, class_folders, teachable


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return teachable(tmp_path_factory.mktemp("base") / "base", temperature=1.5)


def test_the_first_augmented_view_is_what_a_predictor_sees(base: Bundle, tmp_path: Path) -> None:
    photos = sorted(class_folders(tmp_path / "own", {"baterai": 3}).rglob("*.png"))
    features = augmented_features(base, photos, lambda _: None)
    assert features.shape == (3, len(AUGMENTATIONS), WIDTH)
    for other in range(1, len(AUGMENTATIONS)):
        assert not np.allclose(features[:, 0], features[:, other], atol=1e-3)
    answers = Classifier.load(base.folder).classify(photos)
    logits = find_head(onnx.load(base.model_path))(features[:, 0])
    expected = softmax(logits, base.info.temperature)
    assert np.allclose([list(answer.probabilities.values()) for answer in answers], expected, atol=1e-5)
