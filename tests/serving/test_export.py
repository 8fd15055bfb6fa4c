import csv
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pytest

from ecosorter.datasets.audit import audit
from ecosorter.datasets.cache import Cache
from ecosorter.datasets.dataset import load_dataset
from ecosorter.datasets.photoset import usable_photos
from ecosorter.datasets.splits import split_rows
from ecosorter.errors import StoreError
from ecosorter.progress import Silent
from ecosorter.serving.export import export
from ecosorter.serving.store import Store
from tests.serving.store.said import SECRET, files, run, said
from tests.tiny import encoded
from tests.training.pictures import picture


def accepted(store: Store, seed: int, truth: str, contributor: UUID) -> UUID:
    """Keep a picture and accept it; return the correction's id."""
    receipt = store.corrections.add(
        uuid4(), said(truth=truth, contributor=contributor), encoded(picture(seed), "JPEG", quality=92)
    )
    assert receipt is not None
    store.reviews.decide(receipt.id, "ani", "accept")
    return receipt.id


def manifest(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_training_takes_it_and_keeps_every_contributor_on_one_side(store: Store, tmp_path: Path) -> None:
    devices = [uuid4() for _ in range(12)]
    for number, device in enumerate(devices):
        for shot in range(4):
            accepted(store, 10 * number + shot, ("kaca", "logam")[shot % 2], device)
    done = export(store, tmp_path / "set", language="en")
    assert (done.classes, done.contributors, done.removed) == ({"kaca": 24, "logam": 24}, 12, 0)

    dataset = load_dataset([tmp_path / "set/manifest.csv"])
    cache = Cache(tmp_path / "cache")
    found = audit(dataset, cache)
    assert not found.unreadable
    assert not found.label_errors
    assert sum(sum(by_class.values()) for by_class in found.counts.values()) == 48
    photos = usable_photos(dataset, cache, Silent())
    contributor = np.array([row.path.parent.name for row in photos.rows])
    labels = np.array([photos.classes.index(row.label) for row in photos.rows])
    for seed in range(5):
        parts = split_rows(labels, photos.groups, {"train": 0.5, "val": 0.2, "test": 0.3}, seed)
        sides = [set(contributor[rows]) for rows in parts.values()]
        assert all(sides)
        assert sum(map(len, sides)) == 12
    assert not {str(device) for device in devices} & set(contributor)


def test_the_item_goes_along_unless_a_reviewer_named_another_class(store: Store, tmp_path: Path) -> None:
    for seed, relabel in ((1, None), (2, "logam")):
        jpeg = encoded(picture(seed), "JPEG", quality=92)
        receipt = store.corrections.add(uuid4(), said(truth="kaca", item="botol-kaca"), jpeg)
        assert receipt is not None
        store.reviews.decide(receipt.id, "ani", "relabel" if relabel else "accept", relabel)
    export(store, tmp_path / "set", language="en")
    assert {(row["label"], row["item"]) for row in manifest(tmp_path / "set")} == {
        ("kaca", "botol-kaca"),
        ("logam", ""),
    }


def test_running_it_again_changes_nothing(store: Store, tmp_path: Path) -> None:
    accepted(store, 1, "kaca", uuid4())
    export(store, tmp_path / "set", language="id")
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (tmp_path / "set").rglob("*.jpg")}
    texts = [(tmp_path / "set" / name).read_bytes() for name in ("manifest.csv", "README.md")]
    (next(iter(before)).parent / f".{'0' * 50}.0a1b2c3d.part.jpg").write_bytes(b"left by a kill")
    for name in (".DS_Store", "@eaDir", "photos/@eaDir"):  # as a Mac and a NAS put them there
        (tmp_path / "set" / name).mkdir()
    export(store, tmp_path / "set", language="id")
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in before} == before
    assert [(tmp_path / "set" / name).read_bytes() for name in ("manifest.csv", "README.md")] == texts
    assert len(files(tmp_path / "set")) == 3


def test_it_follows_the_store(store: Store, tmp_path: Path) -> None:
    ani, budi = uuid4(), uuid4()
    first, second = accepted(store, 1, "kaca", ani), accepted(store, 2, "kaca", budi)
    export(store, tmp_path / "set", language="en")
    store.corrections.withdraw(first, SECRET)
    store.reviews.decide(second, "ani", "relabel", "logam")
    accepted(store, 3, "plastik", budi)
    done = export(store, tmp_path / "set", language="en")
    assert (done.classes, done.contributors, done.removed) == ({"logam": 1, "plastik": 1}, 1, 1)
    listed = {row["path"] for row in manifest(tmp_path / "set")}
    assert {path.relative_to(tmp_path / "set").as_posix() for path in (tmp_path / "set").rglob("*.jpg")} == listed
    readme = (tmp_path / "set/README.md").read_text(encoding="utf-8")
    assert "2 photos from 1 contributors" in readme
    assert "Metal (`logam`): 1" in readme


def test_one_photo_sent_twice_is_listed_once_as_last_settled_and_for_each_contributor(
    store: Store, database: str, tmp_path: Path
) -> None:
    ani, budi = uuid4(), uuid4()
    first = accepted(store, 1, "kaca", ani)
    accepted(store, 1, "logam", ani)
    accepted(store, 1, "logam", budi)
    id_written = first.hex if database.startswith("sqlite") else str(first)
    run(database, f"UPDATE corrections SET settled_at = '2099-01-01 00:00:00.000000' WHERE id = '{id_written}'")  # noqa: S608
    export(store, tmp_path / "set", language="en")
    assert sorted(row["label"] for row in manifest(tmp_path / "set")) == ["kaca", "logam"]
    load_dataset([tmp_path / "set/manifest.csv"])


def test_an_empty_store_is_exported_as_an_empty_list(store: Store, tmp_path: Path) -> None:
    assert export(store, tmp_path / "set", language="en").contributors == 0
    assert manifest(tmp_path / "set") == []


def test_somebody_elses_folder_is_left_alone(store: Store, tmp_path: Path) -> None:
    accepted(store, 1, "kaca", uuid4())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years of work")
    with pytest.raises(StoreError, match=r"thesis\.txt"):
        export(store, tmp_path / "mine", language="en")
    with pytest.raises(StoreError, match="cannot be written"):
        export(store, tmp_path / "mine/thesis.txt", language="en")
    assert files(tmp_path / "mine") == {"thesis.txt"}


def test_other_peoples_photos_in_it_are_left_alone(store: Store, tmp_path: Path) -> None:
    (tmp_path / "set/photos/holiday").mkdir(parents=True)
    (tmp_path / "set/photos/holiday/beach.jpg").write_text("sun")
    export(store, tmp_path / "set", language="en")
    assert (tmp_path / "set/photos/holiday/beach.jpg").exists()
