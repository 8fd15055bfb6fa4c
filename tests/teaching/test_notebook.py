"""What phones learnt is read as it was written, refused in words, and joined without mixing."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecosorter.bundle import Bundle, load_bundle
from ecosorter.classifier import Classifier
from ecosorter.errors import DatasetError
from ecosorter.teaching import notebook
from ecosorter.teaching.features import augmented_features
from ecosorter.teaching.notebook import (
    Notebook,
    NotedClass,
    NotedModel,
    NotedPhoto,
    load_notebook,
    packed,
    parse_notebook,
    write_notebook,
)
from ecosorter.teaching.teach import teach
from tests.teaching.teachable import KNOWN, class_folders, teachable, tinted
from tests.tiny import encoded

MODEL = NotedModel(name="tiny", version="1", sha256="0" * 64)


def small(**changes: Any) -> dict[str, Any]:
    book = Notebook(
        model=MODEL, width=3, looks=2, photos=(NotedPhoto(label="kaca", features=packed(np.arange(6).reshape(2, 3))),)
    )
    return {**book.model_dump(mode="json"), **changes}


def noted(base: Bundle, folder: Path, label: str) -> Notebook:
    """Return what a phone would note of a folder's photos."""
    features = augmented_features(base, sorted(folder.iterdir()), lambda _: None)
    return Notebook(
        model=NotedModel(name=base.info.name, version=base.info.version, sha256=base.info.sha256),
        width=features.shape[2],
        looks=features.shape[1],
        classes={} if label in KNOWN else {label: NotedClass(name=label.title(), bin="residu")},
        photos=tuple(NotedPhoto(label=label, features=packed(looks)) for looks in features),
    )


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    book = Notebook(model=MODEL, width=3, looks=2, photos=(NotedPhoto(label="kaca", features=packed(values)),))
    path = tmp_path / "rumah.ecosorter"
    path.write_text(write_notebook(book), encoding="utf-8")
    again = load_notebook(path)
    assert again == book
    assert np.allclose(again.features[0], values, rtol=2**-8, atol=0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"format": NaN}', "not valid JSON"),
        (b"[]", "no file of what a phone learnt"),
        (json.dumps({"format": "other"}).encode(), "no file of what a phone learnt"),
        (json.dumps(small(version=2)).encode(), "is of version 2"),
        (json.dumps(small(width=4)).encode(), "features of photo 1 are not 2 times 4 numbers"),
        (json.dumps(small(width=0)).encode(), "damaged .width"),
        (json.dumps(small(script="alert(1)")).encode(), "damaged .script"),
        (json.dumps(small(photos=[{"label": "kaca", "features": "%%%"}])).encode(), "no base64"),
        (json.dumps(small(photos=[{"label": "", "features": ""}])).encode(), "damaged .photos.0.label"),
        (
            json.dumps(small(photos=[{"label": "a", "features": packed(np.full(6, np.nan))}])).encode(),
            "are not 2 times",
        ),
    ],
)
def test_bad_files_are_refused_in_words(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.ecosorter"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=words):
        load_notebook(path)


def test_huge_and_missing_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "LARGEST", 100)
    path = tmp_path / "a.ecosorter"
    path.write_text(json.dumps(small()))
    with pytest.raises(DatasetError, match="more than"):
        load_notebook(path)
    with pytest.raises(DatasetError, match="cannot be read"):
        load_notebook(tmp_path / "nothing")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(small())), VALUES)
def test_whatever_stands_in_a_field_it_is_read_or_refused(field: str, value: Any) -> None:
    try:
        book = parse_notebook(small(**{field: value}), "a")
    except DatasetError:
        return
    assert np.isfinite(book.features).all()


@given(VALUES)
def test_whatever_a_file_holds_it_is_read_or_refused(value: Any) -> None:
    with pytest.raises(DatasetError):
        parse_notebook(value, "a")


def test_notebooks_of_several_phones_become_one_model(tmp_path: Path) -> None:
    base = teachable(tmp_path / "base")
    photos = class_folders(tmp_path / "own", {"popok": 8, "baterai": 8})
    for label in ("popok", "baterai"):
        (tmp_path / f"{label}.ecosorter").write_text(write_notebook(noted(base, photos / label, label)))
    other = noted(base, photos / "popok", "popok").model_copy(update={"model": MODEL})
    (tmp_path / "other.ecosorter").write_text(write_notebook(other))
    files = [tmp_path / f"{name}.ecosorter" for name in ("popok", "baterai", "other")]
    result = teach([], tmp_path / "out", notebooks=files, model=base.folder)
    assert result.new == ("baterai", "popok")
    assert result.of_other_models == 8
    assert {name.name: name.photos for name in result.names} == {"popok": 8, "baterai": 8}
    images = [encoded(tinted("popok", 70_000 + i), "PNG") for i in range(10)]
    assert sum(answer.best == "popok" for answer in Classifier.load(tmp_path / "out").classify(images)) >= 8
    taught = load_bundle(tmp_path / "out")
    assert {source.name for source in taught.info.data} >= {"popok", "baterai"}
    # Teaching changes no feature: notebooks of the model that was taught fit the taught one too.
    again = teach([], tmp_path / "again", notebooks=files[:1], model=taught.folder)
    assert again.new == ()


def test_photos_and_notebooks_are_taught_together(tmp_path: Path) -> None:
    base = teachable(tmp_path / "base")
    photos = class_folders(tmp_path / "own", {"popok": 6, "baterai": 6})
    file = tmp_path / "popok.ecosorter"
    file.write_text(write_notebook(noted(base, photos / "popok", "popok")))
    result = teach([photos], tmp_path / "out", notebooks=[file], model=base.folder)
    assert sum(change.photos for change in result.own.values()) == 18


def test_features_of_another_model_alone_are_refused(tmp_path: Path) -> None:
    base = teachable(tmp_path / "base")
    photos = class_folders(tmp_path / "own", {"popok": 3})
    file = tmp_path / "a.ecosorter"
    file.write_text(write_notebook(noted(base, photos / "popok", "popok").model_copy(update={"model": MODEL})))
    with pytest.raises(DatasetError, match="None of the 1 files"):
        teach([], tmp_path / "out", notebooks=[file], model=base.folder)
