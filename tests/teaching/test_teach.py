"""A taught model finds what it was shown, keeps what it knew, and tells the truth about both."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from ecosorter.bundle import Bundle, read_bundle, write_bundle
from ecosorter.classifier import Classifier
from ecosorter.decision import Thresholds, softmax
from ecosorter.errors import BundleError, DatasetError
from ecosorter.teaching.bank import read_bank
from ecosorter.teaching.features import AUGMENTATIONS, augmented_features
from ecosorter.teaching.linear_head import LinearHead, find_head, with_head
from ecosorter.teaching.recalibrate import match_confidence, recalibrate
from ecosorter.teaching.refit import balanced_weights, refit
from ecosorter.teaching.relabel import rows_to_relabel
from ecosorter.teaching.result import ClassChange, TeachResult, compare_classes
from ecosorter.teaching.teach import teach
from ecosorter.training.backbones.graphs import Layer
from tests.teaching.teachable import KNOWN, SPEC, WIDTH, class_folders, teachable, tinted, with_layers
from tests.tiny import encoded, tiny_info, tiny_model


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return teachable(tmp_path_factory.mktemp("base") / "base", temperature=1.5)


@pytest.fixture(scope="module")
def taught(base: Bundle, tmp_path_factory: pytest.TempPathFactory) -> tuple[TeachResult, Bundle]:
    """Two new classes of 20 photos, and some of a class that the model knows."""
    folder = tmp_path_factory.mktemp("taught")
    photos = class_folders(folder / "rumah", {"baterai": 20, "popok": 20, "glass:kaca": 10})
    (photos / "popok" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return teach([photos], folder / "out", model=base.folder), read_bundle(folder / "out")


def found(bundle: Bundle, label: str, photos: int = 20) -> float:
    """Return the recall of a class on new photos."""
    images = [encoded(tinted(label, 50_000 + i), "PNG") for i in range(photos)]
    return float(np.mean([answer.best == label for answer in Classifier.load(bundle.folder).classify(images)]))


def test_new_classes_are_found_and_old_ones_kept(base: Bundle, taught: tuple[TeachResult, Bundle]) -> None:
    result, bundle = taught
    assert bundle.info.classes == (*KNOWN, "baterai", "popok")
    assert result.new == ("baterai", "popok")
    for label in result.new:
        assert found(bundle, label) >= 0.8
        assert result.own[label].after >= 0.8
    for label in KNOWN:
        assert found(bundle, label) >= found(base, label) - 0.02
        assert result.known[label].after >= 0.9


def test_the_lesson_tells_what_was_done(base: Bundle, taught: tuple[TeachResult, Bundle]) -> None:
    result, _ = taught
    assert {name.name: (name.label, name.how, name.photos) for name in result.names} == {
        "glass": ("kaca", "alias", 10),
        "baterai": ("baterai", "new", 20),
        "popok": ("popok", "new", 21),
    }
    assert result.left_out.keys() <= {"truncated", "corrupt"}
    assert sum(result.left_out.values()) == 1
    assert result.part_of == {"baterai": "khusus", "popok": "khusus"}
    assert {label: change.photos for label, change in result.own.items()} == {"kaca": 10, "baterai": 20, "popok": 20}
    assert result.own["baterai"].before is None
    assert result.own["kaca"].before is not None
    assert {label: change.photos for label, change in result.known.items()} == dict.fromkeys(KNOWN, 40)


def test_the_bundle_says_what_it_is(base: Bundle, taught: tuple[TeachResult, Bundle]) -> None:
    result, bundle = taught
    assert bundle.info.name == "tiny-taught"
    assert bundle.info.preprocess == base.info.preprocess
    assert bundle.info.recipe["base"] == {"name": "tiny", "version": "1", "sha256": base.info.sha256}
    assert bundle.info.metrics["base"] == base.info.metrics
    assert TeachResult.model_validate(bundle.info.metrics["teaching"]) == result
    assert [(source.name, source.photos) for source in bundle.info.data] == [("colours", 4), ("rumah", 50)]
    card = (bundle.folder / "README.md").read_text(encoding="utf-8")
    assert "`glass`: 10 photos, taken for `kaca`" in card
    assert "`popok`: 21 photos, a new class `popok`" in card
    assert "### Data\n\nMade up." in card  # the old card, one level down
    json.loads((bundle.folder / "bundle.json").read_text(encoding="utf-8"))


def test_it_never_grows_bolder(base: Bundle, taught: tuple[TeachResult, Bundle]) -> None:
    _, bundle = taught
    assert bundle.info.temperature >= base.info.temperature
    assert bundle.info.thresholds.confidence >= base.info.thresholds.confidence
    assert bundle.info.thresholds.conformal >= base.info.thresholds.conformal


def test_what_was_taught_can_be_taught_again(taught: tuple[TeachResult, Bundle], tmp_path: Path) -> None:
    first, bundle = taught
    bank = read_bank(bundle)
    assert bank.classes == bundle.info.classes
    assert len(bank.labels) == 120 + 50
    again = class_folders(tmp_path / "rumah", {"baterai": 20, "popok": 20})  # the same photos once more
    second = teach([again], tmp_path / "again", model=bundle.folder)
    assert second.new == ()
    assert {name.how for name in second.names} == {"known"}
    assert "baterai" not in second.known  # they left the bank: else they would not be held out
    bank = read_bank(read_bundle(tmp_path / "again"))
    assert np.bincount(bank.labels).tolist() == [50, 40, 40, 20, 20]
    assert read_bundle(tmp_path / "again").info.name == "tiny-taught"
    assert first.new == ("baterai", "popok")


def test_the_same_photos_give_the_same_model(base: Bundle, tmp_path: Path) -> None:
    photos = class_folders(tmp_path / "a", {"baterai": 6, "popok": 6})
    for name in ("one", "two"):
        teach([photos], tmp_path / name, model=base.folder)
    one, two = (read_bundle(tmp_path / name) for name in ("one", "two"))
    assert one.info.sha256 == two.info.sha256
    assert one.info.bank_sha256 == two.info.bank_sha256


def test_a_kind_that_was_part_of_an_old_class_leaves_it(tmp_path: Path) -> None:
    """The bank is full of batteries under the name of `khusus`: they must not speak against `baterai`."""
    base = teachable(tmp_path / "base", also={"baterai": "khusus"})
    result = teach([class_folders(tmp_path / "own", {"baterai": 20})], tmp_path / "out", model=base.folder)
    assert result.part_of == {"baterai": "khusus"}
    assert found(read_bundle(tmp_path / "out"), "baterai") >= 0.8
    assert found(read_bundle(tmp_path / "out"), "khusus") >= 0.9
    khusus = result.known["khusus"]
    assert khusus.photos == 80
    assert khusus.moved >= 30
    assert khusus.lost


def test_only_known_classes_may_be_taught(base: Bundle, tmp_path: Path) -> None:
    result = teach([class_folders(tmp_path / "own", {"organik": 8})], tmp_path / "out", model=base.folder)
    assert result.new == ()
    assert read_bundle(tmp_path / "out").info.classes == KNOWN


def test_signals_stay_and_let_the_own_photos_pass(tmp_path: Path) -> None:
    thresholds = Thresholds(confidence=0.4, conformal=0.9, signals={"first": 50.0})
    base = teachable(tmp_path / "base", signals=True, thresholds=thresholds)
    photos = class_folders(tmp_path / "own", {"baterai": 20})
    answers = Classifier.load(base.folder).classify(sorted(photos.rglob("*.png")))
    assert {answer.reason for answer in answers} == {"no_waste"}
    result = teach([photos], tmp_path / "out", model=base.folder)
    assert (result.no_waste, result.checked) == (20, 20)
    answers = Classifier.load(tmp_path / "out").classify(sorted(photos.rglob("*.png")))
    assert sum(answer.reason == "no_waste" for answer in answers) <= 1


def test_what_stands_in_the_way_is_kept(base: Bundle, tmp_path: Path) -> None:
    photos = class_folders(tmp_path / "own", {"baterai": 4})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").touch()
    with pytest.raises(BundleError, match="exists already"):
        teach([photos], tmp_path / "out", model=base.folder)


def test_one_photo_is_too_few(base: Bundle, tmp_path: Path) -> None:
    photos = class_folders(tmp_path / "own", {"baterai": 1, "popok": 5})
    (photos / "baterai" / "copy.png").write_bytes(next((photos / "baterai").iterdir()).read_bytes())
    with pytest.raises(DatasetError, match="'baterai' has fewer than 2 different photos"):
        teach([photos], tmp_path / "out", model=base.folder)
    assert not (tmp_path / "out").exists()


def test_models_that_cannot_be_taught_are_refused(tmp_path: Path) -> None:
    photos = class_folders(tmp_path / "own", {"baterai": 4})
    with pytest.raises(BundleError, match="would forget"):
        teach([photos], tmp_path / "out", model=teachable(tmp_path / "bare", bank=False).folder)
    content = teachable(tmp_path / "other").read_bank()
    convolution = write_bundle(tmp_path / "a", tiny_model(), tiny_info((*KNOWN, "plastik")), "card", bank=content)
    with pytest.raises(BundleError, match="not one linear layer"):
        teach([photos], tmp_path / "out", model=convolution.folder)


# Its parts


def test_the_head_is_found_and_replaced_in_logits_and_map() -> None:
    random = np.random.default_rng(1)
    old = Layer(random.normal(size=(3, WIDTH)).astype(np.float32), np.arange(3, dtype=np.float32), relu=False)
    model = with_layers([old])
    head = find_head(model)
    assert np.array_equal(head.weight, old.weight.T)
    assert np.array_equal(head.bias, old.bias)
    new = LinearHead(random.normal(size=(WIDTH, 5)).astype(np.float32), random.normal(size=5).astype(np.float32))
    other = with_head(model, new)
    assert np.array_equal(find_head(other).weight, new.weight)
    assert np.array_equal(find_head(model).weight, old.weight.T)  # a copy was changed
    from onnxruntime import InferenceSession  # noqa: PLC0415

    pixels = random.integers(0, 256, (2, SPEC.size, SPEC.size, 3), dtype=np.uint8)
    logits, features, cam = InferenceSession(other.SerializeToString()).run(
        ["logits", "features", "cam"], {"pixels": pixels}
    )
    assert np.allclose(logits, new(features), atol=1e-5)
    assert np.allclose(cam.mean(axis=(2, 3)), logits, atol=1e-4)


def test_a_gemm_is_a_head_too() -> None:
    weight = np.ones((3, WIDTH), np.float32)
    model = with_layers([Layer(weight, np.zeros(3, np.float32), relu=False)])
    (add,) = (node for node in model.graph.node if "logits" in node.output)
    (product,) = (node for node in model.graph.node if add.input[0] in node.output)
    gemm = onnx.helper.make_node("Gemm", ["features", "turned", add.input[1]], ["logits"], transB=1)
    model.graph.initializer.append(numpy_helper.from_array(weight, "turned"))
    model.graph.node.remove(product)
    model.graph.node.remove(add)
    model.graph.node.append(gemm)
    assert np.array_equal(find_head(model).weight, weight.T)
    assert find_head(
        with_head(model, LinearHead(np.ones((WIDTH, 4), np.float32), np.zeros(4, np.float32)))
    ).bias.shape == (4,)


def test_a_perceptron_is_no_linear_head() -> None:
    hidden = Layer(np.ones((4, WIDTH), np.float32), np.zeros(4, np.float32), relu=True)
    last = Layer(np.ones((3, 4), np.float32), np.zeros(3, np.float32), relu=False)
    with pytest.raises(BundleError, match="not one linear layer"):
        find_head(with_layers([hidden, last]))


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


def test_weights_are_even_over_classes_and_own_photos_have_their_share() -> None:
    labels = np.array([0] * 8 + [1] * 4 + [0] * 2 + [2], np.int64)
    own = np.array([False] * 12 + [True] * 3)
    sources = ["a"] * 7 + ["b"] + ["a"] * 4 + ["mine"] * 3
    weights = balanced_weights(labels, sources, own)
    assert np.allclose([weights[labels == label].sum() for label in range(3)], 1 / 3)
    assert weights[(labels == 0) & own].sum() == pytest.approx(1 / 6)
    assert weights[7] > weights[0]  # one photo of one source, beside seven of another
    assert weights[:7].sum() > weights[7]


def test_refitting_on_what_is_known_changes_no_answer() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(300, 6)).astype(np.float32)
    old = LinearHead(4 * random.normal(size=(6, 3)).astype(np.float32), np.zeros(3, np.float32))
    labels = old(features).argmax(axis=1)
    head = refit(old, features, np.eye(3, dtype=bool)[labels], np.full(300, 1 / 300), features, {})
    assert (head(features).argmax(axis=1) == labels).mean() > 0.97
    assert np.linalg.norm(head.weight - old.weight) < 0.5 * np.linalg.norm(old.weight)


def test_rows_that_may_be_two_classes_do_not_choose_between_them() -> None:
    features = np.array([[0.0], [1.0], [2.0], [3.0]], np.float32)
    old = LinearHead(np.array([[-1.0, 1.0]], np.float32), np.array([1.0, -1.0], np.float32))
    either = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 1], [0, 0, 1]], bool)
    head = refit(old, features, either, np.full(4, 0.25), features, {})
    assert head(features).argmax(axis=1)[3] == 2
    strict = either.copy()
    strict[2, 2] = False
    strict_head = refit(old, features, strict, np.full(4, 0.25), features, {})
    p, q = (softmax(h(features), 1)[3, 2] for h in (head, strict_head))
    assert p > q


def test_a_class_that_was_part_of_another_starts_as_it() -> None:
    old = LinearHead(np.array([[4.0, 0.0, -4.0]], np.float32), np.zeros(3, np.float32))
    # A row that may be any class says nothing, so that the new class stays what it starts as.
    features, anything = np.array([[-1.0], [1.0]], np.float32), np.ones((2, 4), bool)
    of_first, of_last, of_none = (
        refit(old, features, anything, np.full(2, 0.5), features, parents).weight[0] for parents in ({3: 0}, {3: 2}, {})
    )
    assert np.allclose(of_first[:3], old.weight[0])
    assert np.allclose([of_first[3], of_last[3], of_none[3]], [2, -2, 0], atol=1e-5)


def test_relabelled_are_the_rows_that_look_like_the_new_class() -> None:
    random = np.random.default_rng(0)
    others, new = random.normal(size=(200, 30)), random.normal(size=(20, 30))
    hidden = random.normal(size=(50, 30))
    for rows in (new, hidden):
        rows[:, 0] += 5
    old = np.concatenate([others, hidden]).astype(np.float32)
    found = rows_to_relabel(old, new.astype(np.float32))
    assert found[200:].mean() >= 0.9
    assert found[:200].mean() <= 0.05
    assert not rows_to_relabel(old[:1], new.astype(np.float32)).any()


def test_match_confidence() -> None:
    logits = np.random.default_rng(0).normal(size=(200, 4)) * 3
    for temperature in (0.5, 1, 3):
        wanted = float(softmax(logits, temperature).max(axis=1).mean())
        assert match_confidence(logits, wanted) == pytest.approx(temperature, rel=1e-3)
    assert match_confidence(logits, 1.0) == pytest.approx(0.05)
    assert match_confidence(logits, 0.1) == pytest.approx(20)


def test_own_photos_that_it_gets_wrong_make_it_careful() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 200)
    sure = np.eye(3)[labels] * 8
    wrong = np.eye(3)[(labels[:40] + 1) % 3] * 8
    info = tiny_info(KNOWN, thresholds=Thresholds(confidence=0.3, conformal=0.2))
    calm, careful = (
        recalibrate(info, sure, sure, labels, own, labels[:40])
        for own in (sure[:40], np.vstack([sure[:20], wrong[20:]]))
    )
    assert careful[0] > calm[0] >= info.temperature
    assert careful[1].conformal > calm[1].conformal >= 0.2


def test_the_comparison_counts_what_moved_to_a_new_class() -> None:
    labels = np.array([0, 0, 0, 1, 2])
    before = np.eye(2, dtype=np.float32)[[0, 0, 1, 1, 0]]
    after = np.eye(3, dtype=np.float32)[[0, 2, 0, 1, 2]]
    found = compare_classes(before, after, labels, ("a", "b", "c"))
    assert found["a"] == ClassChange(photos=3, before=2 / 3, after=2 / 3, moved=1)
    assert found["b"] == ClassChange(photos=1, before=1, after=1)
    assert found["c"] == ClassChange(photos=1, before=None, after=1)
    assert ClassChange(photos=100, before=0.9, after=0.879).lost
    assert not ClassChange(photos=100, before=0.9, after=0.88).lost
