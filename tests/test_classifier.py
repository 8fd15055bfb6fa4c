"""Photos in, predictions out, with a model whose answers can be worked out by hand."""

import copy
import hashlib
import pickle
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

import ecosorter.classifier
from ecosorter.bundle import Bundle, BundleInfo, write_bundle
from ecosorter.classifier import Classifier, Prediction
from ecosorter.decision import Thresholds
from ecosorter.errors import BundleError
from ecosorter.photos import Limits
from ecosorter.preprocess import PreprocessSpec
from tests.tiny import CLASSES, COLOURS, SHARPNESS, encoded, photo, tiny_bundle, tiny_info, tiny_model


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny_bundle(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def classifier(bundle: Bundle) -> Classifier:
    return Classifier.load(bundle.folder, threads=2)


def expected(colour: tuple[int, int, int], temperature: float = 1.0) -> dict[str, float]:
    """The tiny model's probabilities, from its definition."""
    c = np.array(colour) / 255
    logits = [SHARPNESS * (2 * (k := np.array(COLOURS[name]) / 255) @ c - k @ k) / 3 for name in CLASSES]
    weights = np.exp(np.array(logits) / temperature)
    return dict(zip(CLASSES, weights / weights.sum(), strict=True))


@pytest.mark.parametrize("label", CLASSES)
def test_each_colour_is_its_class(classifier: Classifier, label: str) -> None:
    (found,) = classifier.classify([photo(COLOURS[label])])
    wanted = expected(COLOURS[label])
    assert found == Prediction(
        path="",
        status="ok",
        label=label,
        best=label,
        confidence=found.confidence,
        reason="confident",
        candidates=(label,),
        probabilities=found.probabilities,
        error="",
    )
    assert list(found.probabilities) == list(CLASSES)
    assert found.probabilities == pytest.approx(wanted, abs=1e-5)
    assert found.confidence == found.probabilities[label]


def test_between_colours_it_is_not_sure(classifier: Classifier) -> None:
    (found,) = classifier.classify([photo((0, 128, 128))])
    assert (found.status, found.label, found.reason) == ("ok", None, "low_confidence")
    assert found.best == max(expected((0, 128, 128)), key=expected((0, 128, 128)).__getitem__)
    assert set(found.candidates) == {n for n, p in expected((0, 128, 128)).items() if 1 - p <= 0.9}


def test_the_bundle_decides_temperature_and_thresholds(tmp_path: Path) -> None:
    thresholds = Thresholds(confidence=0.99, conformal=0)
    model = Classifier.load(tiny_bundle(tmp_path / "a", temperature=2.0, thresholds=thresholds).folder)
    (found,) = model.classify([photo(COLOURS["kaca"])])
    wanted = expected(COLOURS["kaca"], temperature=2.0)
    assert found.probabilities == pytest.approx(wanted, abs=1e-5)
    assert wanted["kaca"] < 0.99
    assert found.label is None


def test_several_views_are_averaged(tmp_path: Path) -> None:
    # A green photo with a blue square in its middle: the inner view is all blue.
    spec = PreprocessSpec(
        size=8, resize="stretch", mean=(0, 0, 0), std=(1, 1, 1), interpolation="box", zooms=(1.0, 0.5)
    )
    image = Image.new("RGB", (64, 64), COLOURS["organik"])
    image.paste(COLOURS["plastik"], (16, 16, 48, 48))
    shown = encoded(image, "PNG")
    model = Classifier.load(tiny_bundle(tmp_path / "a", preprocess=spec).folder)
    whole = Classifier.load(tiny_bundle(tmp_path / "b").folder)
    assert model.decode(shown).shape == (2, 8, 8, 3)
    assert whole.classify([shown])[0].best == "organik"
    assert model.classify([shown])[0].best == "plastik"
    green, blue = (np.array(COLOURS[name]) / 255 for name in ("organik", "plastik"))
    mean = 0.5 * (0.75 * green + 0.25 * blue) + 0.5 * blue
    colour = cast(tuple[int, int, int], tuple(255 * mean))
    assert model.classify([shown])[0].probabilities == pytest.approx(expected(colour), abs=0.01)


def framed(outer: str, inner: str) -> bytes:
    """A photo of one class's colour; in its middle, which is all that the inner view shows, of another's."""
    image = Image.new("RGB", (64, 64), COLOURS[outer])
    image.paste(COLOURS[inner], (16, 16, 48, 48))
    return encoded(image, "PNG")


def test_a_sure_first_view_answers_alone(tmp_path: Path) -> None:
    spec = PreprocessSpec(
        size=8, resize="stretch", mean=(0, 0, 0), std=(1, 1, 1), interpolation="box", zooms=(1.0, 0.5)
    )
    photos = [photo(COLOURS["kaca"]), framed("organik", "plastik"), framed("kaca", "kaca"), framed("organik", "kaca")]

    def classified(number: int, **changes: Any) -> list[Prediction]:
        thresholds = Thresholds(**({"confidence": 0.2, "conformal": 0.9} | changes))
        folder = tiny_bundle(tmp_path / str(number), preprocess=spec, thresholds=thresholds).folder
        return Classifier.load(folder).classify(photos)

    always, whole = classified(0), Classifier.load(tiny_bundle(tmp_path / "whole").folder).classify(photos)
    first = [found.confidence or 0 for found in whole]
    assert first[0] == first[2] > first[3] > first[1]
    between = (first[3] + first[1]) / 2
    some = classified(1, first_view=between)
    assert [found.probabilities for found in some] == [
        whole[0].probabilities,
        always[1].probabilities,
        whole[2].probabilities,
        whole[3].probabilities,
    ]
    assert some[3].probabilities != always[3].probabilities
    assert classified(2, first_view=first[3])[3].probabilities == whole[3].probabilities  # at least so sure
    assert classified(3, first_view=1) == always
    # What the first view takes for no waste is looked at further: the middle of this photo is bright.
    photos[1] = framed("logam", "kaca")
    found = classified(4, first_view=0, signals={"light": 0.5})
    assert [one.reason for one in found] == ["confident"] * 4
    assert [found[number].probabilities for number in (0, 2, 3)] == [whole[n].probabilities for n in (0, 2, 3)]


@pytest.mark.parametrize(("colour", "reason"), [((255, 255, 255), "confident"), ((60, 60, 60), "no_waste")])
def test_too_weak_a_signal_is_no_waste(tmp_path: Path, colour: tuple[int, int, int], reason: str) -> None:
    thresholds = Thresholds(confidence=0.5, conformal=0.5, signals={"light": 0.3})
    (found,) = Classifier.load(tiny_bundle(tmp_path / "a", thresholds=thresholds).folder).classify([photo(colour)])
    assert (found.status, found.reason) == ("ok", reason)
    assert (found.label is None) == (reason == "no_waste")


def test_the_map_shows_where_the_class_is(classifier: Classifier) -> None:
    image = Image.new("RGB", (64, 64), COLOURS["organik"])
    image.paste(COLOURS["plastik"], (32, 0, 64, 64))
    evidence = classifier.explain(classifier.decode(encoded(image, "PNG")), "plastik")
    assert evidence.shape == (8, 8)
    assert evidence.max() == 1
    assert evidence[:, 4:].min() > evidence[:, :4].max() >= 0
    nothing = classifier.explain(classifier.decode(photo(COLOURS["organik"])), "plastik")
    assert nothing.max() == 0


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 100])
def test_one_prediction_for_each_photo_in_order(classifier: Classifier, tmp_path: Path, batch_size: int) -> None:
    names = ["kaca", "gone", "logam", "empty", "text", "organik", "plastik", "kaca"]
    for name in COLOURS:
        (tmp_path / name).write_bytes(photo(COLOURS[name]))
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("hello")
    photos = [tmp_path / name for name in names]
    found = list(classifier.stream(photos, batch_size=batch_size))
    assert [p.path for p in found] == [str(path) for path in photos]
    assert [p.label for p in found] == [name if name in COLOURS else None for name in names]
    statuses = {"gone": "missing", "empty": "empty", "text": "text"}
    assert [p.status for p in found] == [statuses.get(name, "ok") for name in names]


def test_pieces_give_what_single_photos_give(classifier: Classifier) -> None:
    photos = [classifier.decode(photo((20 * number, 255 - 20 * number, 99))) for number in range(11)]
    assert classifier.predict(photos) == [classifier.predict([one])[0] for one in photos]


def test_a_bad_photo_has_nothing_but_its_reason(classifier: Classifier) -> None:
    (found,) = classifier.classify([b"%PDF-1.7"])
    assert found == Prediction("", "mislabelled", None, None, None, "", (), {}, found.error)
    assert "PDF" in found.error


@pytest.mark.parametrize("photos", [[], [b""], [b"", b"text"]])
def test_no_photo_and_no_good_photo(classifier: Classifier, photos: list[bytes]) -> None:
    assert len(classifier.classify(photos)) == len(photos)


def test_the_caps_are_those_given(bundle: Bundle) -> None:
    strict = Classifier.load(bundle.folder, limits=Limits(max_pixels=100))
    assert strict.classify([photo(size=(10, 10)), photo(size=(10, 11))])[1].status == "too_many_pixels"


def decoders() -> set[threading.Thread]:
    """The threads that decode photos now; a service of another test may have some too."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("ecosorter-decode")}


def test_photos_are_taken_as_they_are_needed(classifier: Classifier) -> None:
    taken, before = 0, decoders()

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield photo()

    predictions = cast(Generator[Prediction], classifier.stream(endless(), batch_size=4))
    for number in range(1, 50):
        next(predictions)
        assert taken <= number + 2 * 4
    predictions.close()
    assert decoders() <= before


def test_an_error_of_the_caller_stops_the_threads_too(classifier: Classifier) -> None:
    def broken() -> Iterator[bytes]:
        yield photo()
        raise LookupError("the list is broken")

    before = decoders()
    with pytest.raises(LookupError):
        classifier.classify(broken())
    assert decoders() <= before


def test_many_threads_may_use_one_classifier(classifier: Classifier) -> None:
    labels = [CLASSES[i % 4] for i in range(30)]
    photos = [photo(COLOURS[label]) for label in labels]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: [p.label for p in classifier.stream(photos, batch_size=5)], range(16)))
    assert answers == [labels] * 16


@pytest.mark.parametrize("one", ["photo.jpg", b"bytes", Path("photo.jpg")])
def test_a_single_photo_is_a_slip_of_the_caller(classifier: Classifier, one: Any) -> None:
    with pytest.raises(TypeError, match="list"):
        classifier.classify(one)


def test_numbers_below_one_are_refused(classifier: Classifier, bundle: Bundle) -> None:
    with pytest.raises(ValueError, match="batch_size"):
        next(classifier.stream([], batch_size=0))
    with pytest.raises(ValueError, match="threads"):
        Classifier.load(bundle.folder, threads=0)


def test_without_a_path_the_shipped_bundle_is_loaded(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ecosorter.classifier, "shipped_bundles", lambda: [bundle.folder])
    assert Classifier.load().bundle == bundle
    monkeypatch.setattr(ecosorter.classifier, "shipped_bundles", list)
    with pytest.raises(BundleError, match="ecosorter train"):
        Classifier.load()


def edited(edit: Callable[[onnx.ModelProto], None]) -> bytes:
    model = onnx.load_from_string(tiny_model())
    edit(model)
    data: bytes = model.SerializeToString()
    return data


def rename_output(model: onnx.ModelProto) -> None:
    model.graph.output[2].name = "map"
    for node in model.graph.node:
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                names[i] = "map" if name == "cam" else name


def rename_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].name = "image"
    model.graph.node[0].input[0] = "image"


def take_floats(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT


def take_one_photo_only(model: onnx.ModelProto) -> None:
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1


def divide_by_zero(model: onnx.ModelProto) -> None:
    next(value for value in model.graph.initializer if value.name == "scale").raw_data = bytes(4)


def give_doubles(model: onnx.ModelProto) -> None:
    model.graph.node[4].output[0] = "single"
    model.graph.node.append(helper.make_node("Cast", ["single"], ["logits"], to=TensorProto.DOUBLE))
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.DOUBLE


@pytest.mark.parametrize(
    ("model", "info", "reason"),
    [
        (b"not a model", tiny_info(), "cannot open"),
        (b"", tiny_info(), "cannot open"),
        (tiny_model(CLASSES[:3]), tiny_info(), r"'logits' is float32 \[2, 3\], expected float32 \[2, 4\]"),
        (tiny_model(size=8), tiny_info(size=16), r"does not take pixels of shape \(2, 16, 16, 3\)"),
        (edited(rename_output), tiny_info(), "no output 'cam', only logits, features, map"),
        (edited(rename_input), tiny_info(), "its inputs are .*'image'"),
        (edited(take_floats), tiny_info(), r"its inputs are .*tensor\(float\)"),
        (edited(take_one_photo_only), tiny_info(), "does not take pixels"),
        (edited(divide_by_zero), tiny_info(), "not numbers"),
        (edited(give_doubles), tiny_info(), "'logits' is float64"),
    ],
)
def test_a_model_that_does_not_fit_its_bundle_is_refused(
    model: bytes, info: BundleInfo, reason: str, tmp_path: Path
) -> None:
    bundle = write_bundle(tmp_path / "a", model, info, "card")
    assert bundle.info.sha256 == hashlib.sha256(model).hexdigest()
    with pytest.raises(BundleError, match=reason):
        Classifier.load(bundle.folder)


def test_a_model_that_breaks_down_on_a_photo_says_so(tmp_path: Path) -> None:
    def overflow(model: onnx.ModelProto) -> None:
        weights = next(value for value in model.graph.initializer if value.name == "weights")
        weights.raw_data = np.full(12, 3e38, np.float32).tobytes()

    classifier = Classifier.load(write_bundle(tmp_path / "a", edited(overflow), tiny_info(), "card").folder)
    with pytest.raises(BundleError, match="not a number"):
        classifier.classify([photo((255, 255, 255))])


@pytest.mark.parametrize("carry", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_loaded_model_says_that_it_cannot_travel(
    classifier: Classifier, carry: Callable[[Classifier], object]
) -> None:
    with pytest.raises(TypeError, match=r"cannot be pickled.*send its folder"):
        carry(classifier)
