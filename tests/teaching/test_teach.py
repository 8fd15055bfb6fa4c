"""A taught model finds what it was shown, keeps what it knew, and tells the truth about both."""

import json
from pathlib import Path

import numpy as np
import pytest

from ecosorter.bundle import Bundle, load_bundle, write_bundle
from ecosorter.classifier import Classifier
from ecosorter.decision import Thresholds
from ecosorter.errors import BundleError, DatasetError
from ecosorter.teaching.bank import load_bank
from ecosorter.teaching.result import TeachResult
from ecosorter.teaching.teach import teach
from tests.teaching.teachable import KNOWN, class_folders, teachable, tinted
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
    return teach([photos], folder / "out", model=base.folder), load_bundle(folder / "out")


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
    assert {label: change.photos for label, change in result.known.items()} == dict.fromkeys(KNOWN, 20)


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
    bank = load_bank(bundle)
    assert bank.classes == bundle.info.classes
    assert len(bank.labels) == 120 + 50
    again = class_folders(tmp_path / "rumah", {"baterai": 20, "popok": 20})  # the same photos once more
    second = teach([again], tmp_path / "again", model=bundle.folder)
    assert second.new == ()
    assert {name.how for name in second.names} == {"known"}
    assert "baterai" not in second.known  # they left the bank: else they would not be held out
    bank = load_bank(load_bundle(tmp_path / "again"))
    assert np.bincount(bank.labels).tolist() == [50, 40, 40, 20, 20]
    assert load_bundle(tmp_path / "again").info.name == "tiny-taught"
    assert first.new == ("baterai", "popok")


def test_the_same_photos_give_the_same_model(base: Bundle, tmp_path: Path) -> None:
    photos = class_folders(tmp_path / "a", {"baterai": 6, "popok": 6})
    for name in ("one", "two"):
        teach([photos], tmp_path / name, model=base.folder)
    one, two = (load_bundle(tmp_path / name) for name in ("one", "two"))
    assert one.info.sha256 == two.info.sha256
    assert one.info.bank_sha256 == two.info.bank_sha256


def test_what_may_not_be_done_with_photos_and_who_made_them_goes_on(base: Bundle, tmp_path: Path) -> None:
    photos = class_folders(tmp_path / "own", {"popok": 12})
    lines = [f"{path.relative_to(photos)},popok,ana,Ana,CC-BY-NC-4.0" for path in sorted(photos.rglob("*.png"))]
    (photos / "manifest.csv").write_text("path,label,source,author,licence\n" + "\n".join(lines))
    teach([photos], tmp_path / "out", model=base.folder)
    bundle = load_bundle(tmp_path / "out")
    assert bundle.info.non_commercial == ("ana",)
    assert bundle.info.data[-1].licence == "CC-BY-NC-4.0"
    assert (bundle.load_attribution() or "").count(",Ana,CC-BY-NC-4.0,") == 12
    card = (bundle.folder / "README.md").read_text(encoding="utf-8")
    assert card.split("\n\n")[1].startswith("**Not for commercial use.** It learnt from ana,")
    teach([class_folders(tmp_path / "more", {"baterai": 12})], tmp_path / "again", model=bundle.folder)
    again = load_bundle(tmp_path / "again")
    assert again.info.non_commercial == ("ana",)
    assert again.load_attribution() == bundle.load_attribution()


def test_a_kind_that_was_part_of_an_old_class_leaves_it(tmp_path: Path) -> None:
    """The bank is full of batteries under the name of `khusus`: they must not speak against `baterai`."""
    base = teachable(tmp_path / "base", also={"baterai": "khusus"})
    result = teach([class_folders(tmp_path / "own", {"baterai": 20})], tmp_path / "out", model=base.folder)
    assert result.part_of == {"baterai": "khusus"}
    assert found(load_bundle(tmp_path / "out"), "baterai") >= 0.8
    assert found(load_bundle(tmp_path / "out"), "khusus") >= 0.9
    khusus = result.known["khusus"]
    assert khusus.photos == 40
    assert khusus.moved >= 15
    assert khusus.lost


def test_only_known_classes_may_be_taught(base: Bundle, tmp_path: Path) -> None:
    result = teach([class_folders(tmp_path / "own", {"organik": 8})], tmp_path / "out", model=base.folder)
    assert result.new == ()
    assert load_bundle(tmp_path / "out").info.classes == KNOWN


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
    content = teachable(tmp_path / "other").load_bank()
    convolution = write_bundle(tmp_path / "a", tiny_model(), tiny_info((*KNOWN, "plastik")), "card", bank=content)
    with pytest.raises(BundleError, match="not one linear layer"):
        teach([photos], tmp_path / "out", model=convolution.folder)
