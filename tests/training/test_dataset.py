import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecosorter.errors import DatasetError
from ecosorter.training.class_names import normalise, one_of_the_seven
from ecosorter.training.dataset import Dataset, PhotoRow, dataset_of, fingerprint, read_dataset, write_manifest
from tests.training.pictures import touch


def make(root: Path, *names: str) -> Path:
    for name in names:
        touch(root / name)
    return root


def rows(dataset: Dataset, root: Path) -> list[tuple[str, str, str, str]]:
    return [(row.path.relative_to(root).as_posix(), row.label, row.source, row.group) for row in dataset.rows]


PUBLISHED = {
    "TrashNet": {
        "glass": "kaca",
        "paper": "kertas",
        "cardboard": "kardus",
        "plastic": "plastik",
        "metal": "logam",
        "trash": "khusus",
    },
    "RealWaste": {
        "Cardboard": "kardus",
        "Food Organics": "organik",
        "Glass": "kaca",
        "Metal": "logam",
        "Miscellaneous Trash": "khusus",
        "Paper": "kertas",
        "Plastic": "plastik",
        "Textile Trash": "khusus",
        "Vegetation": "organik",
    },
    "10 and 12 classes": {
        "battery": "khusus",
        "biological": "organik",
        "brown-glass": "kaca",
        "cardboard": "kardus",
        "clothes": "khusus",
        "green-glass": "kaca",
        "glass": "kaca",
        "metal": "logam",
        "paper": "kertas",
        "plastic": "plastik",
        "shoes": "khusus",
        "trash": "khusus",
        "white-glass": "kaca",
    },
    "people": {
        "KACA": "kaca",
        "Sampah Organik": "organik",
        "sisa_makanan": "organik",
        "daun-daun": "organik",
        "botol-botol plastik": "plastik",
        "Plastic Bottles": "plastik",
        "plastic_bottle": "plastik",
        "  e-waste ": "khusus",
        "EWaste": "khusus",
        "Batteries": "khusus",
        "tin cans": "logam",
        "Kardus ": "kardus",
        "newspapers": "kertas",
    },
}


@pytest.mark.parametrize(
    ("name", "label"),
    [pytest.param(n, c, id=f"{who}: {n}") for who, names in PUBLISHED.items() for n, c in names.items()],
)
def test_known_class_names(name: str, label: str) -> None:
    assert one_of_the_seven(name) == label


@pytest.mark.parametrize("name", ["bottle", "can", "recyclable", "", "  ", "--", "glas", "metallic"])
def test_names_that_could_mean_several_materials_are_not_guessed(name: str) -> None:
    assert one_of_the_seven(name) is None


@given(st.text(max_size=40))
def test_normalising_forgets_case_separators_and_nothing_twice(name: str) -> None:
    once = normalise(name)
    assert normalise(f" {name}\t") == once
    assert normalise(once.replace(" ", "_")) == normalise(once.replace(" ", "-"))


def test_a_folder_of_class_folders_is_one_source(tmp_path: Path) -> None:
    root = make(tmp_path / "kitchen", "Glass/b.jpg", "Glass/a.png", "metal/bottle-17/side/c.jpg", "metal/d.JPG")
    make(root, "notes.txt", "empty/readme.md", ".hidden/kaca/x.jpg")
    dataset = read_dataset([root])
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
    assert rows(read_dataset([root]), root) == [
        ("kitchen/glass/a.jpg", "kaca", "kitchen", ""),
        ("street/kaca/b.jpg", "kaca", "street", ""),
        ("street/plastik/7/c.jpg", "plastik", "street", "plastik/7"),
    ]


def test_a_source_may_have_the_name_of_a_class(tmp_path: Path) -> None:
    root = make(tmp_path, "clothing/khusus/a.jpg", "kitchen/glass/b.jpg")
    assert [(source, label) for _, label, source, _ in rows(read_dataset([root]), root)] == [
        ("clothing", "khusus"),
        ("kitchen", "kaca"),
    ]
    only = make(tmp_path / "only", "clothing/khusus/a.jpg", "paper/kertas/b.jpg")
    assert read_dataset([only]).sources == ("clothing", "paper")


def test_class_folders_that_have_nothing_but_groups(tmp_path: Path) -> None:
    root = make(tmp_path / "mine", "kaca/bottle-1/a.jpg", "logam/can-1/b.jpg")
    assert rows(read_dataset([root]), root) == [
        ("kaca/bottle-1/a.jpg", "kaca", "mine", "kaca/bottle-1"),
        ("logam/can-1/b.jpg", "logam", "mine", "logam/can-1"),
    ]


def test_own_class_names_stay(tmp_path: Path) -> None:
    root = make(tmp_path / "mine", "gelas-A/a.jpg", "Glass/b.jpg", "gelas-A/7/c.jpg")
    dataset = read_dataset([root], own_classes=True)
    assert dataset.classes == ("Glass", "gelas-A")
    assert [row.group for row in dataset.rows] == ["", "gelas-A/7", ""]


def test_the_current_folder_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "kitchen", "kaca/a.jpg")
    monkeypatch.chdir(tmp_path / "kitchen")
    assert read_dataset([Path()]).sources == ("kitchen",)


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
        read_dataset([make(tmp_path / "photos", *files)])


def test_missing_repeated_and_like_named_paths(tmp_path: Path) -> None:
    here, there = make(tmp_path / "1/kitchen", "kaca/a.jpg"), make(tmp_path / "2/kitchen", "kaca/a.jpg")
    with pytest.raises(DatasetError, match=r"There is no .*nowhere"):
        read_dataset([tmp_path / "nowhere"])
    with pytest.raises(DatasetError, match="both have a source 'kitchen'"):
        read_dataset([here, there])
    with pytest.raises(DatasetError, match="listed twice"):
        read_dataset([here, tmp_path / "1" / ".." / "1" / "kitchen"])


def manifest(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "list.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_a_manifest(tmp_path: Path) -> None:
    path = manifest(
        tmp_path,
        'path,label,source,group,remark\na.jpg,Glass,kitchen,7,x\n\n"b, c.jpg",logam,,,\n/far/d.jpg, kertas ,,9,\n',
    )
    dataset = read_dataset([path])
    assert dataset.rows == (
        PhotoRow(tmp_path / "a.jpg", "kaca", "kitchen", "7"),
        PhotoRow(tmp_path / "b, c.jpg", "logam", "list", ""),
        PhotoRow(Path("/far/d.jpg"), "kertas", "list", "9"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "label;path\nkaca;a.jpg\n",
        "path\tlabel\r\na.jpg\tkaca\r\n",
        "\ufeffPath,Label\r\na.jpg,kaca\r\n",
        " path , label\na.jpg,kaca",
    ],
)
def test_manifests_as_spreadsheets_write_them(tmp_path: Path, text: str) -> None:
    assert read_dataset([manifest(tmp_path, text)]).rows == (PhotoRow(tmp_path / "a.jpg", "kaca", "list"),)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("file,class\na,kaca\n", "no column path and no column label"),
        ("path\na\n", "no column label;"),
        ("", "no column path"),
        ("path,label\n", "lists no photos"),
        ("path,label\na,kaca\nb\nc,kaca,x\n", "line 3: 1 columns instead of 2; line 4: 3 columns"),
        ("path,label\n,kaca\na, \n", "line 2: the path is empty; line 3: the label is empty"),
        ("path,label\na,kaca\nb,plastk\n", r'line 3: an unknown class \'plastk\' .*"plastik".*--classes own'),
        ('path,label\n"a\nb",kaca\nc,what\n', "line 4: an unknown class 'what'"),
        ('path,label\na,"kaca"x\n', "line 2: no CSV"),
        ("path,label\na,kaca\n./a,logam\n", "listed twice, as 'kaca' and as 'logam'"),
    ],
)
def test_broken_manifests_are_named_by_line(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(DatasetError, match=why):
        read_dataset([manifest(tmp_path, text)])


def test_a_manifest_in_another_encoding(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="line 2: not UTF-8"):
        read_dataset([manifest(tmp_path, "path,label\ncafé.jpg,kaca\n", "latin-1")])


_WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).map(str.strip).filter(bool)
_CELLS = st.text(st.sampled_from("ab ,;\"\n\r\t'é木"), min_size=1, max_size=8)
_NAMES = _CELLS.filter(lambda name: bool(name.strip()))


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(_NAMES, _WORDS | st.just('a,"b";\nc'), _WORDS, _WORDS | st.just("")),
        min_size=1,
        max_size=8,
        unique_by=lambda row: row[0],
    ),
    st.booleans(),
)
def test_a_written_manifest_reads_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str, str, str]], below: bool
) -> None:
    folder = tmp_path_factory.mktemp("manifest")
    photos = folder / "photos" if below else folder.parent / "elsewhere"
    dataset = dataset_of(PhotoRow(photos / name, label, source, group) for name, label, source, group in cells)
    path = folder / "list.csv"
    write_manifest(dataset, path)
    assert read_dataset([path], own_classes=True) == dataset
    assert sorted(file.name for file in folder.iterdir()) == ["list.csv"]


def test_a_manifest_moves_with_its_photos(tmp_path: Path) -> None:
    root = make(tmp_path / "set", "photos/kitchen/kaca/7/a.jpg")
    write_manifest(read_dataset([root / "photos"]), root / "list.csv")
    root.rename(tmp_path / "moved")
    (row,) = read_dataset([tmp_path / "moved" / "list.csv"]).rows
    assert row == PhotoRow(tmp_path / "moved/photos/kitchen/kaca/7/a.jpg", "kaca", "kitchen", "kaca/7")


def test_a_manifest_is_a_table_that_others_can_read(tmp_path: Path) -> None:
    write_manifest(dataset_of([PhotoRow(tmp_path / "a.jpg", "kaca", "s", "g")]), tmp_path / "list.csv")
    with (tmp_path / "list.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["path", "label", "source", "group"], ["a.jpg", "kaca", "s", "g"]]


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
    dataset = read_dataset([shared / "photos"])
    assert len(dataset.classes) == 7
    assert len(dataset.sources) == len([path for path in (shared / "photos").iterdir() if path.is_dir()])
    trashnet = read_dataset([shared / "photos" / "trashnet"])
    assert np.bincount(trashnet.labels).tolist() == [501, 403, 594, 137, 410, 482]


def test_a_manifest_may_name_items(tmp_path: Path) -> None:
    manifest = tmp_path / "photos.csv"
    manifest.write_text("path,label,item\na.jpg,kaca,botol-kaca\nb.jpg,kaca,\n", encoding="utf-8")
    dataset = read_dataset([manifest])
    assert [row.item for row in dataset.rows] == ["botol-kaca", ""]
    write_manifest(dataset, tmp_path / "again.csv")
    assert [row.item for row in read_dataset([tmp_path / "again.csv"]).rows] == ["botol-kaca", ""]
