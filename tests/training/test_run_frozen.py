"""The recipe of the model that ships: a network as it came, 8-bit integers, a logistic head, sources left out."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from ecosorter import Classifier, load_bundle
from ecosorter.datasets.cache import Cache
from ecosorter.decision import combine_views, softmax
from ecosorter.preprocess import decode_views
from ecosorter.teaching.bank import load_bank
from ecosorter.training.results import RunResult
from ecosorter.training.run import train
from ecosorter.training.tracking.tracker import NoTracker
from tests.training.boards import COLOURS, Stages, photos, recipe
from tests.training.networks import edgetpu_file


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frozen")
    photos(folder / "photos")
    edgetpu_file(folder / "backbone.onnx")
    return folder


def run(place: Path, out: str, **more: object) -> RunResult:
    chosen = recipe("ecosorter", place / "backbone.onnx", **more)
    return train([place / "photos"], place / out, chosen, Cache(place / "cache"), NoTracker(), progress=Stages())


@pytest.fixture(scope="module")
def shipped(place: Path) -> RunResult:
    return run(place, "run", **{"evaluation.aside": ["floor"]})


def test_each_source_is_answered_without_it_and_those_set_aside_are_told_first(place: Path, shipped: RunResult) -> None:
    assert shipped.left_out_together == (("board",), ("floor",))
    assert shipped.fit.scores.photos == 42
    held_out = load_bundle(place / "run/bundle").info.metrics["held_out"]
    assert (held_out["aside"]["worst_source"], held_out["yardstick"]["worst_source"]) == ("floor", "board")
    card = (place / "run/bundle/README.md").read_text(encoding="utf-8")
    assert "that no choice looked at" in card.split("\n\n")[1]
    assert "| floor (aside) |" in card
    assert (place / "run/report.html").is_file()


def test_the_bundle_is_of_integers_and_has_signals_and_a_bank(place: Path, shipped: RunResult) -> None:
    bundle = load_bundle(place / "run/bundle")
    assert sum(path.stat().st_size for path in bundle.folder.iterdir()) < 5_000_000
    assert list(bundle.info.thresholds.signals) == ["familiarity", "waste", "detail"]
    bank = load_bank(bundle)
    assert bank.features.shape == (42, 1280 + len(COLOURS))
    files = sorted((place / "photos").rglob("*.png"))
    assert {prediction.status for prediction in Classifier.load(bundle.folder).classify(files)} == {"ok"}


def test_what_ships_says_what_its_features_and_head_say(place: Path, shipped: RunResult) -> None:
    bundle = load_bundle(place / "run/bundle")
    session = onnxruntime.InferenceSession(bundle.model_path)
    file = sorted((place / "photos").rglob("*.png"))[0]
    logits, features = session.run(["logits", "features"], {"pixels": decode_views(file, bundle.info.preprocess)})
    assert logits.shape == (2, 3)
    bank = load_bank(bundle)
    assert np.abs(bank.features - features.mean(axis=0)).mean(axis=1).min() < 0.05  # it is one of the bank's rows
    temperature, thresholds = bundle.info.temperature, bundle.info.thresholds
    assert thresholds.first_view is not None
    found = softmax(combine_views(logits[None], temperature, thresholds.first_view), temperature)[0]
    said = Classifier.load(bundle.folder).classify([file])[0].probabilities
    assert [said[name] for name in bundle.info.classes] == pytest.approx(found.tolist(), abs=1e-5)


def test_it_learns_by_folds_and_on_a_test_part_too(place: Path) -> None:
    plain = {"export.int8": False, "export.ood": False, "export.bank": False, "features.pooling": "mean"}
    folds = run(place, "folds", **plain, **{"evaluation.protocol": "kfold", "evaluation.folds": 3})
    assert len(folds.folds) == 3
    part = run(place, "part", **plain, **{"evaluation.protocol": "holdout", "split.test": 0.3})
    assert sum(part.split.values()) == 42
    assert load_bundle(place / "part/bundle").info.metrics["onnx_parity"]["difference"] < 1e-3
