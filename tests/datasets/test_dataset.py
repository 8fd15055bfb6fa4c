from pathlib import Path

import numpy as np
import pytest

from ecosorter.datasets.dataset import Dataset, fingerprint, load_dataset, write_manifest
from ecosorter.errors import DatasetError
from tests.training.pictures import touch


def make(root: Path, *names: str) -> Path:
    for name in names:
        touch(root / name)
    return root


def rows(dataset: Dataset, root: Path) -> list[tuple[str, str, str, str]]:
    return [(row.path.relative_to(root).as_posix(), row.label, row.source, row.group) for row in dataset.rows]


def test_a_folder_of_class_folders_is_one_source(tmp_path: Path) -> None:
    root = make(tmp_path / "kitchen", "Glass/b.jpg", "Glass/a.png", "metal/bottle-17/side/c.jpg", "metal/d.JPG")
    make(root, "notes.txt", "empty/readme.md", ".hidden/kaca/x.jpg")
    dataset = load_dataset([root])
    assert rows(dataset, root) == [
        ("Glass/a.png", "kaca", "kitchen", ""),
        ("Glass/b.jpg", "kaca", "kitchen", ""),
        ("metal/bottle-17/side/c.jpg", "logam", "kitchen", "metal/bottle-17/side"),
        ("metal/d.JPG", "logam", "kitchen", ""),
    ]
    assert dataset.classes == ("kaca", "logam")
    assert dataset.sources == ("kitchen",)
    assert dataset.labels.tolist() == [0, 0, 1, 1]
    assert dataset.labels.dtype == np.int64


def test_a_folder_of_sources(tmp_path: Path) -> None:
    root = make(tmp_path, "kitchen/glass/a.jpg", "street/kaca/b.jpg", "street/plastik/7/c.jpg")
    assert rows(load_dataset([root]), root) == [
        ("kitchen/glass/a.jpg", "kaca", "kitchen", ""),
        ("street/kaca/b.jpg", "kaca", "street", ""),
        ("street/plastik/7/c.jpg", "plastik", "street", "plastik/7"),
    ]


def test_a_source_may_have_the_name_of_a_class(tmp_path: Path) -> None:
    root = make(tmp_path, "clothing/khusus/a.jpg", "kitchen/glass/b.jpg")
    assert [(source, label) for _, label, source, _ in rows(load_dataset([root]), root)] == [
        ("clothing", "khusus"),
        ("kitchen", "kaca"),
    ]
    only = make(tmp_path / "only", "clothing/khusus/a.jpg", "paper/kertas/b.jpg")
    assert load_dataset([only]).sources == ("clothing", "paper")


def test_class_folders_that_have_nothing_but_groups(tmp_path: Path) -> None:
    root = make(tmp_path / "mine", "kaca/bottle-1/a.jpg", "logam/can-1/b.jpg")
    assert rows(load_dataset([root]), root) == [
        ("kaca/bottle-1/a.jpg", "kaca", "mine", "kaca/bottle-1"),
        ("logam/can-1/b.jpg", "logam", "mine", "logam/can-1"),
    ]


def test_own_class_names_stay(tmp_path: Path) -> None:
    root = make(tmp_path / "mine", "gelas-A/a.jpg", "Glass/b.jpg", "gelas-A/7/c.jpg")
    dataset = load_dataset([root], own_classes=True)
    assert dataset.classes == ("Glass", "gelas-A")
    assert [row.group for row in dataset.rows] == ["", "gelas-A/7", ""]


def test_the_current_folder_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "kitchen", "kaca/a.jpg")
    monkeypatch.chdir(tmp_path / "kitchen")
    assert load_dataset([Path()]).sources == ("kitchen",)


@pytest.mark.parametrize(
    ("files", "why"),
    [
        pytest.param(["kaca/a.jpg", "b.jpg"], r"b\.jpg lies directly in .*the folder of its class", id="loose photo"),
        pytest.param(["a.jpg", "b.jpg"], "give the folder above", id="a class folder itself"),
        pytest.param(["mine/a.jpg", "road/kaca/b.jpg"], r"mixes .*'mine' has photos .*'road' has none", id="mixture"),
        pytest.param(["kaca/a.txt"], "lists no photos", id="no photos"),
        pytest.param([], "lists no photos", id="nothing"),
        pytest.param(["kaca/a.jpg", "glss/b.jpg"], r'unknown class \'glss\'.*"glass" \(kaca\).*--classes own', id="a"),
        pytest.param(["x/kaca/a.jpg", "y/botle/b.jpg"], "unknown class 'botle'", id="unknown class in a source"),
        pytest.param([f"c{n}/a.jpg" for n in range(9)], "'c0'.*'c4'; and 4 more", id="many unknown classes"),
        pytest.param(["a/b/c/kaca/d.jpg"], "unknown class 'b'", id="too deep"),
    ],
)
def test_folders_that_cannot_be_read_say_why(tmp_path: Path, files: list[str], why: str) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(DatasetError, match=why):
        load_dataset([make(tmp_path / "photos", *files)])


def test_missing_repeated_and_like_named_paths(tmp_path: Path) -> None:
    here, there = make(tmp_path / "1/kitchen", "kaca/a.jpg"), make(tmp_path / "2/kitchen", "kaca/a.jpg")
    with pytest.raises(DatasetError, match=r"There is no .*nowhere"):
        load_dataset([tmp_path / "nowhere"])
    with pytest.raises(DatasetError, match="both have a source 'kitchen'"):
        load_dataset([here, there])
    with pytest.raises(DatasetError, match="listed twice"):
        load_dataset([here, tmp_path / "1" / ".." / "1" / "kitchen"])


def test_the_fingerprint_is_of_contents_and_labels_only() -> None:
    photos = [("aa", "kaca"), ("bb", "logam"), ("", "logam")]
    known = fingerprint(photos)
    assert fingerprint(reversed(photos)) == known
    others = [
        [("aa", "kaca"), ("bb", "kaca"), ("", "logam")],
        [("aa", "kaca"), ("cc", "logam"), ("", "logam")],
        photos[:2],
        [*photos, ("", "logam")],
    ]
    assert len({known, *map(fingerprint, others)}) == 5


def test_the_real_photos(shared: Path) -> None:
    dataset = load_dataset([shared / "photos"])
    assert len(dataset.classes) == 7
    assert len(dataset.sources) == len([path for path in (shared / "photos").iterdir() if path.is_dir()])
    trashnet = load_dataset([shared / "photos" / "trashnet"])
    assert np.bincount(trashnet.labels).tolist() == [501, 403, 594, 137, 410, 482]


def test_a_manifest_may_name_items(tmp_path: Path) -> None:
    manifest = tmp_path / "photos.csv"
    manifest.write_text("path,label,item\na.jpg,kaca,botol-kaca\nb.jpg,kaca,\n", encoding="utf-8")
    dataset = load_dataset([manifest])
    assert [row.item for row in dataset.rows] == ["botol-kaca", ""]
    write_manifest(dataset, tmp_path / "again.csv")
    assert [row.item for row in load_dataset([tmp_path / "again.csv"]).rows] == ["botol-kaca", ""]
