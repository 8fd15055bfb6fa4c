"""A manifest is read as people's spreadsheets write it; what cannot be meant is named by its line."""

import csv
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecosorter.datasets.dataset import PhotoRow, dataset_of, load_dataset, write_manifest
from ecosorter.errors import DatasetError
from tests.training.pictures import touch


def manifest(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "list.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_a_manifest(tmp_path: Path) -> None:
    path = manifest(
        tmp_path,
        'path,label,source,group,remark\na.jpg,Glass,kitchen,7,x\n\n"b, c.jpg",logam,,,\n/far/d.jpg, kertas ,,9,\n',
    )
    dataset = load_dataset([path])
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
    assert load_dataset([manifest(tmp_path, text)]).rows == (PhotoRow(tmp_path / "a.jpg", "kaca", "list"),)


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
        load_dataset([manifest(tmp_path, text)])


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"sep=;\r\npath;label\r\na.jpg;kaca\r\n", id="separator named by Excel"),
        pytest.param(b'"SEP=|"\npath|label\na.jpg|kaca\n', id="a separator of one's own"),
        pytest.param(b"path;label\r\na.jpg;kaca\r\n;\r\n ; \r\n", id="rows of empty cells"),
        pytest.param(b'path,"label, such as it is",label\na.jpg,x,kaca\n', id="delimiter in a quoted header"),
        pytest.param(b'"path;of;photo";path;"a,b,c,d";label\nx;a.jpg;y;kaca\n', id="other delimiters in quotes"),
        pytest.param("path,label\na.jpg,kaca\n".encode("utf-16"), id="UTF-16 of this machine"),
        pytest.param(b"\xfe\xff" + "path\tlabel\na.jpg\tkaca\n".encode("utf-16-be"), id="UTF-16, the other way"),
        pytest.param(b"\xef\xbb\xbfsep=;\npath;label\na.jpg;kaca\n", id="mark and separator"),
        pytest.param(b"path,label,remark,remark\na.jpg,kaca,1,2\n", id="two columns that are not ours"),
    ],
)
def test_manifests_as_they_come_out_of_a_spreadsheet(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "list.csv").write_bytes(content)
    assert load_dataset([tmp_path / "list.csv"]).rows == (PhotoRow(tmp_path / "a.jpg", "kaca", "list"),)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("path,label,label\na.jpg,kaca,logam\n", "two columns label; keep the one"),
        ("path,Path,label, LABEL \n", "two columns path and two label"),
        ("path,label\nphotos\\a.jpg,kaca\n", r"line 2: the path photos\\a.jpg has backslashes; write photos/a.jpg"),
        ("path,label\nhttps://example.org/a.jpg,kaca\n", "line 2: https://example.org/a.jpg is an address; download"),
        ("path,label\nhttps:/example.org/a.jpg,kaca\n", "line 2: https://example.org/a.jpg is an address; download"),
        ("path,label\n" + "a" * 300 + "\\b.jpg,kaca\n", "has backslashes"),
        ("sep=;\npath;label\na;what\n", "line 3: an unknown class 'what'"),
        ("path,label\na\0.jpg,kaca\n", "is no text"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(DatasetError, match=why):
        load_dataset([manifest(tmp_path, text)])


@pytest.mark.parametrize("name", ["odd\\name.jpg", "odd:/name.jpg"])
def test_what_is_there_is_called_what_it_is_called(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    (row,) = load_dataset([manifest(tmp_path, f"path,label\n{name},kaca\n")]).rows
    assert row.path == tmp_path / name


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_whatever_a_manifest_holds_it_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    for start in (b"", b"path,label\n", b"sep=;\npath;label\n"):
        path.write_bytes(start + content)
        with suppress(DatasetError):
            assert load_dataset([path], own_classes=True).rows


def test_a_manifest_in_another_encoding(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="line 2: not UTF-8"):
        load_dataset([manifest(tmp_path, "path,label\ncafé.jpg,kaca\n", "latin-1")])


_WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).map(str.strip).filter(bool)
_CELLS = st.text(st.sampled_from("ab ,;\"\n\r\t'é木"), min_size=1, max_size=8)
_NAMES = _CELLS.filter(lambda name: bool(name.strip()))


@settings(max_examples=60, deadline=None)
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
    assert load_dataset([path], own_classes=True) == dataset
    assert sorted(file.name for file in folder.iterdir()) == ["list.csv"]


def test_a_manifest_moves_with_its_photos(tmp_path: Path) -> None:
    root = tmp_path / "set"
    touch(root / "photos/kitchen/kaca/7/a.jpg")
    write_manifest(load_dataset([root / "photos"]), root / "list.csv")
    root.rename(tmp_path / "moved")
    (row,) = load_dataset([tmp_path / "moved" / "list.csv"]).rows
    assert row == PhotoRow(tmp_path / "moved/photos/kitchen/kaca/7/a.jpg", "kaca", "kitchen", "kaca/7")


def test_a_manifest_is_a_table_that_others_can_read(tmp_path: Path) -> None:
    write_manifest(dataset_of([PhotoRow(tmp_path / "a.jpg", "kaca", "s", "g")]), tmp_path / "list.csv")
    with (tmp_path / "list.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["path", "label", "source", "group"], ["a.jpg", "kaca", "s", "g"]]


def test_who_made_a_photo_is_kept(tmp_path: Path) -> None:
    text = "path,label,author,licence,url\na.jpg,kaca,Ana,CC0, https://x/1 \nb.jpg,kaca,,,\n"
    dataset = load_dataset([manifest(tmp_path, text)])
    named = [(row.author, row.licence, row.url) for row in dataset.rows]
    assert named == [("Ana", "CC0", "https://x/1"), ("", "", "")]
    write_manifest(dataset, tmp_path / "again.csv")
    assert load_dataset([tmp_path / "again.csv"]) == dataset


def test_a_folder_with_a_manifest_is_read_by_it(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg", "not-listed.jpg"):
        touch(tmp_path / "photos/fetched/kaca" / name)
    touch(tmp_path / "photos/mine/logam/c.jpg")
    text = "path,label,source,group\nkaca/a.jpg,kaca,fetched,ana\nkaca/b.jpg,plastik,fetched,ana\n"
    (tmp_path / "photos/fetched/manifest.csv").write_text(text)
    listed = (
        PhotoRow(tmp_path / "photos/fetched/kaca/a.jpg", "kaca", "fetched", "ana"),
        PhotoRow(tmp_path / "photos/fetched/kaca/b.jpg", "plastik", "fetched", "ana"),
    )
    assert load_dataset([tmp_path / "photos/fetched"]).rows == listed
    mine = PhotoRow(tmp_path / "photos/mine/logam/c.jpg", "logam", "mine")
    assert load_dataset([tmp_path / "photos"]).rows == (*listed, mine)
    (tmp_path / "photos/mine/logam/c.jpg").unlink()
    assert load_dataset([tmp_path / "photos"]).rows == listed
