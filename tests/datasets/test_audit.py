from pathlib import Path

import pytest

from ecosorter.datasets import audit as audit_module
from ecosorter.datasets.audit import Audit, audit, findings
from ecosorter.datasets.cache import Cache
from ecosorter.datasets.dataset import dataset_of, load_dataset
from ecosorter.texts import LANGUAGES, texts
from tests.training.pictures import photo, picture, save


@pytest.fixture(autouse=True)
def _three_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_module, "ENOUGH", 3)


def spotless(root: Path) -> Path:
    """Make two sources with three different photos of each of two classes."""
    seed = 0
    for source in ("home", "street"):
        for label in ("kaca", "logam"):
            for name in "abc":
                seed += 1
                photo(root / source / label / f"{name}.jpg", seed)
    return root


def look(root: Path) -> Audit:
    return audit(load_dataset([root]))


def test_a_good_data_set_needs_nobody(tmp_path: Path) -> None:
    found = look(spotless(tmp_path))
    assert not found.needs_person
    assert found.photos == 12
    assert found.counts == {"home": {"kaca": 3, "logam": 3}, "street": {"kaca": 3, "logam": 3}}
    assert found.different == {"kaca": 6, "logam": 6}
    assert (found.groups, found.largest_group) == (12, 1)
    assert (found.exact, found.near, found.unreadable) == ([], [], [])
    assert findings(found, "en") == [(False, texts("audit", "en")["nothing"])]


def test_copies_under_one_label_need_nobody(tmp_path: Path) -> None:
    root = spotless(tmp_path)
    (root / "street/kaca/copy.jpg").write_bytes((root / "home/kaca/a.jpg").read_bytes())
    save(picture(2).transpose(0).resize((80, 60)), root / "home/kaca/mirrored.jpg")
    found = look(root)
    assert not found.needs_person
    (exact,) = found.exact
    assert [Path(copy.path).name for copy in exact.photos] == ["a.jpg", "copy.jpg"]
    assert [copy.source for copy in exact.photos] == ["home", "street"]
    (near,) = found.near
    assert near.mirrored
    assert near.similarity < 1
    assert found.different["kaca"] == 6
    assert (found.groups, found.largest_group) == (12, 2)
    assert [finding.needs_person for finding in findings(found, "en")] == [False, False]


@pytest.mark.parametrize("exact", [True, False])
def test_the_same_picture_under_two_labels_is_a_label_error(tmp_path: Path, exact: bool) -> None:
    root = spotless(tmp_path)
    if exact:
        (root / "home/logam/again.jpg").write_bytes((root / "home/kaca/a.jpg").read_bytes())
    else:
        save(picture(1), root / "home/logam/again.jpg", quality=50)
    found = look(root)
    assert found.needs_person
    (wrong,) = found.label_errors
    assert {copy.label for copy in wrong.photos} == {"kaca", "logam"}
    assert (wrong.similarity == 1) is exact
    assert findings(found, "en")[0].needs_person


def test_unreadable_photos_are_told_and_not_counted(tmp_path: Path) -> None:
    root = spotless(tmp_path)
    (root / "home/kaca/a.jpg").write_text("<html>not found</html>")
    (root / "home/kaca/empty.png").touch()
    found = look(root)
    assert found.needs_person
    assert [(Path(bad.path).name, bad.status) for bad in found.unreadable] == [
        ("a.jpg", "html"),
        ("empty.png", "empty"),
    ]
    assert found.photos == 13
    assert found.counts["home"]["kaca"] == 2


def test_a_class_is_small_by_its_different_photos(tmp_path: Path) -> None:
    root = spotless(tmp_path)
    for n in range(2):
        photo(root / "home/kertas" / f"{n}.jpg", 50 + n)
        save(picture(50 + n), root / "street/kertas" / f"{n}.jpg", quality=60)
    found = look(root)
    assert found.small_classes == ["kertas"]
    assert found.different["kertas"] == 2
    assert found.needs_person
    assert "Paper (2)" in findings(found, "en")[0].text


def test_photos_of_one_given_group_count_once(tmp_path: Path) -> None:
    root = spotless(tmp_path)
    for n in range(8):
        photo(root / ("home", "street")[n % 2] / "kertas" / "sheet" / f"{n}.jpg", 100 + n)
    found = look(root)
    assert found.different["kertas"] == 2
    assert found.largest_group == 4


def test_a_source_with_one_class_and_a_class_with_one_source(tmp_path: Path) -> None:
    root = spotless(tmp_path)
    for n in range(3):
        photo(root / "canteen/organik" / f"{n}.jpg", 70 + n)
    found = look(root)
    assert found.one_class_sources == {"canteen": "organik"}
    assert found.one_source_classes == {"organik": "canteen"}
    assert found.needs_person
    sentences = " ".join(finding.text for finding in findings(found, "en") if finding.needs_person)
    assert "canteen (Organic)" in sentences
    assert "Organic (canteen)" in sentences
    assert "learn the source" in sentences


def test_a_single_source_is_worth_knowing_but_no_fault(tmp_path: Path) -> None:
    found = look(spotless(tmp_path) / "home")
    assert not found.needs_person
    assert found.one_source_classes == {}
    assert "home" in findings(found, "en")[0].text


def test_a_file_name_that_is_no_text_does_not_stop_it(tmp_path: Path) -> None:
    root = spotless(tmp_path)
    try:
        photo(root / "home/kaca/caf\udce9.jpg", 90)
    except OSError:
        pytest.skip("this file system takes no such name")
    found = look(root)
    (root / "home/kaca/caf\udce9.jpg").write_text("no photo at all")
    assert found.photos == 13
    assert "caf" in look(root).unreadable[0].path
    assert look(root).model_dump_json()


def test_the_cache_changes_nothing_but_the_time(tmp_path: Path) -> None:
    root = spotless(tmp_path / "photos")
    save(picture(1), root / "home/logam/again.jpg", quality=50)
    cache = Cache(tmp_path / "cache")
    dataset = load_dataset([root])
    assert audit(dataset, cache) == audit(dataset, cache) == audit(dataset)


def test_json_says_what_the_rest_is_for(tmp_path: Path) -> None:
    root = spotless(tmp_path)
    save(picture(1), root / "home/logam/again.jpg", quality=50)
    dumped = look(root).model_dump(mode="json")
    assert dumped["needs_person"] is True
    assert dumped["near"][0]["labels_disagree"] is True
    assert dumped["near"][0]["photos"][0]["label"] == "kaca"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_finding_has_words(tmp_path: Path, language: str) -> None:
    root = spotless(tmp_path)
    for n in range(2):
        photo(root / "canteen/organik" / f"{n}.jpg", 70 + n)
    (root / "home/logam/again.jpg").write_bytes((root / "home/kaca/a.jpg").read_bytes())
    (root / "home/kaca/again.jpg").write_bytes((root / "home/kaca/b.jpg").read_bytes())
    save(picture(3), root / "home/kaca/near.jpg", quality=50)
    (root / "home/kaca/empty.jpg").touch()
    said = findings(look(root), language)  # type: ignore[arg-type]
    assert [finding.needs_person for finding in said] == [True] * 5 + [False] * 2
    assert not any("{" in finding.text for finding in said)


def test_the_real_trashnet(shared: Path) -> None:
    rows = [row for row in load_dataset([shared / "photos" / "trashnet"]).rows if row.label in ("kaca", "logam")]
    found = audit(dataset_of(rows))
    (wrong,) = found.label_errors
    assert [Path(copy.path).name for copy in wrong.photos] == ["glass115.jpg", "metal91.jpg"]
    assert found.unreadable == []
    assert found.largest_group <= 3
