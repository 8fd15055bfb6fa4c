"""The registry: what is in use is one, whoever changes it and whatever breaks."""

import threading
from pathlib import Path
from uuid import uuid4

import pytest

from ecosorter.bundle import BANK, CARD, INFO, MODEL, load_bundle
from ecosorter.errors import BundleError, StoreError
from ecosorter.serving.store import Store
from ecosorter.serving.store.models import Registered
from tests.serving.store.said import SECRET, files, keep, killed
from tests.tiny import tiny_bundle


def add(store: Store, folder: Path, version: str, **options: object) -> Registered:
    bundle = tiny_bundle(folder / f"bundle-{version}", version=version)
    return store.models.add(bundle, who="ani", **options)  # type: ignore[arg-type]


def seen(store: Store) -> int:
    return max(change.number for change in store.models.changes())


def test_a_model_is_kept_with_all_its_files(store: Store, tmp_path: Path) -> None:
    first = add(store, tmp_path, "1", state="in_use", why="the first")
    second = add(store, tmp_path, "2", parent=first.id, figures={"a": 1})
    assert store.models.all() == [second, first]
    assert store.models.get(second.id) == second
    assert (second.parent, second.figures, second.state) == (first.id, {"a": 1}, "candidate")
    assert set(first.files) == {MODEL, INFO, CARD}
    assert BANK not in first.files
    fetched = store.models.fetch(second, tmp_path / "fetched")
    assert fetched.info == load_bundle(tmp_path / "bundle-2").info
    assert store.models.roles() == (first.id, None)
    assert [(each.model, each.before, each.after, each.who, each.why) for each in store.models.changes()] == [
        (second.id, None, "candidate", "ani", ""),
        (first.id, None, "in_use", "ani", "the first"),
    ]


def test_the_same_version_and_a_second_first_are_refused(store: Store, tmp_path: Path) -> None:
    add(store, tmp_path, "1", state="in_use")
    with pytest.raises(StoreError, match="already"):
        add(store, tmp_path, "1")
    with pytest.raises(StoreError, match="in use already"):
        add(store, tmp_path, "2", state="in_use")
    assert len(store.models.all()) == 1
    assert len(store.photos.files.folders("models")) == 1


def test_a_promotion_retires_the_model_before_and_leads_back(store: Store, tmp_path: Path) -> None:
    first, second, third = (add(store, tmp_path, name, state=state) for name, state in STATES)

    def change(model: Registered, state: str) -> object:
        return store.models.change(model.id, state, seen=seen(store), who="budi", why="why not")  # type: ignore[arg-type]

    def states() -> list[str]:
        return [found.state for model in (first, second, third) if (found := store.models.get(model.id))]

    assert isinstance(change(second, "shadow"), Registered)
    assert isinstance(change(third, "shadow"), Registered)
    assert states() == ["in_use", "candidate", "shadow"]
    assert isinstance(change(third, "in_use"), Registered)
    assert states() == ["retired", "candidate", "in_use"]
    assert store.models.used_before() == [first.id]
    assert isinstance(change(first, "in_use"), Registered)
    assert states() == ["in_use", "candidate", "retired"]
    assert store.models.used_before() == [third.id]
    for model, state in ((first, "retired"), (first, "candidate"), (second, "candidate"), (third, "candidate")):
        assert change(model, state) == "impossible"
    assert store.models.change(uuid4(), "in_use", seen=seen(store), who="x") == "unknown"
    assert states() == ["in_use", "candidate", "retired"]


STATES = (("1", "in_use"), ("2", "candidate"), ("3", "candidate"))


def test_of_two_who_promote_at_once_one_wins_and_the_other_is_told(store: Store, tmp_path: Path) -> None:
    _, second, third = (add(store, tmp_path, name, state=state) for name, state in STATES)
    number, outcomes, start = seen(store), [], threading.Barrier(2)

    def promote(model: Registered) -> None:
        start.wait()
        outcomes.append(store.models.change(model.id, "in_use", seen=number, who=model.version))

    threads = [threading.Thread(target=promote, args=(model,)) for model in (second, third)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [found for found in outcomes if isinstance(found, Registered)]
    assert [found for found in outcomes if not isinstance(found, Registered)] == ["changed"]
    in_use = store.models.in_state("in_use")
    assert in_use is not None
    assert in_use.id == winner.id


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_damaged_model_is_refused_and_the_one_in_use_stays(store: Store, tmp_path: Path, damage: str) -> None:
    first, second = (add(store, tmp_path, name, state=state) for name, state in STATES[:2])
    file = tmp_path / "photos/models" / second.id.hex / MODEL
    if damage == "changed":
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    else:
        file.unlink()
    with pytest.raises(BundleError, match=r"damaged|missing"):
        store.models.change(second.id, "in_use", seen=seen(store), who="ani")
    assert store.models.roles() == (first.id, None)


def test_erasing_removes_the_files_and_keeps_the_history(store: Store, tmp_path: Path) -> None:
    first, second = (add(store, tmp_path, name, state=state) for name, state in STATES[:2])
    assert not store.models.erase(first.id)
    assert store.models.erase(second.id)
    assert store.photos.files.folders("models") == [first.id.hex]
    with pytest.raises(BundleError, match="erased"):
        store.models.change(second.id, "in_use", seen=seen(store), who="ani")
    assert len(store.models.changes()) == 2


def _measured(before: Registered, was: float, now: float) -> dict[str, object]:
    """Return of figures what `weakness` reads: a class that was found so often before, and so often now."""
    sides = {
        side: {"per_class": {"kaca": {"recall": recall, "photos": 8}, "logam": {"recall": 0.0, "photos": 0}}}
        for side, recall in (("before", was), ("after", now))
    }
    return {"before": str(before.id), "held_out": sides}


def test_weak_are_classes_that_the_model_in_use_misses_by_the_last_figures(store: Store, tmp_path: Path) -> None:
    assert store.models.weakness() == {}
    first = add(store, tmp_path, "1", state="in_use")
    assert store.models.weakness() == {}
    second = add(store, tmp_path, "2", parent=first.id, figures=_measured(first, 0.25, 0.75))
    assert store.models.weakness() == {"kaca": 0.75}  # of the one in use, measured beside the candidate
    store.models.change(second.id, "in_use", seen=seen(store), who="ani")
    assert store.models.weakness() == {"kaca": 0.25}
    add(store, tmp_path, "3", parent=first.id, figures=_measured(second, 0.5, 0.875))
    assert store.models.weakness() == {"kaca": 0.5}  # the same model on more people
    store.models.change(first.id, "in_use", seen=seen(store), who="ani")
    assert store.models.weakness() == {"kaca": 0.75}


def test_models_that_contain_what_was_withdrawn_are_named(store: Store, tmp_path: Path) -> None:
    taught, measured, kept = (keep(store, shade) for shade in range(3))
    lessons = {taught: ("taught", "kaca"), measured: ("held_out", "kaca"), kept: ("taught", "logam")}
    model = add(store, tmp_path, "1", lessons=lessons)
    assert store.models.lessons(model.id) == {taught: "taught", measured: "held_out", kept: "taught"}
    assert store.models.withdrawn() == {}
    for correction in (taught, measured):
        store.corrections.withdraw(correction, SECRET)
    assert store.models.withdrawn() == {model.id: 1}


@pytest.mark.parametrize("written", [2])
def test_killed_while_it_adds_a_model_it_leaves_no_half_of_one(
    store: Store, database: str, tmp_path: Path, written: int
) -> None:
    first = add(store, tmp_path, "1", state="in_use")
    before = files(tmp_path / "photos")
    tiny_bundle(tmp_path / "second", version="2")
    code = f"""
import os, signal
from ecosorter.bundle import load_bundle
from ecosorter.serving.store import Store
from ecosorter.serving.store.place import Place
put, done = Place.put, []
def put_and_die(self, path, content):
    put(self, path, content)
    done.append(path)
    if len(done) == {written}:
        os.kill(os.getpid(), signal.SIGKILL)
Place.put = put_and_die
with Store.open({database!r}, {str(tmp_path / "photos")!r}) as store:
    store.models.add(load_bundle({str(tmp_path / "second")!r}), who="ani")
"""
    killed(code, database)
    assert store.models.all() == [first]
    assert len(store.photos.files.folders("models")) == 2
    second = add(store, tmp_path, "2")  # the lock went with the process
    store.models.sweep()
    assert set(store.photos.files.folders("models")) == {first.id.hex, second.id.hex}
    assert before <= files(tmp_path / "photos")
    store.models.read(second)


def test_killed_in_the_middle_of_a_switch_one_model_is_in_use(store: Store, database: str, tmp_path: Path) -> None:
    first, second = (add(store, tmp_path, name, state=state) for name, state in STATES[:2])
    code = f"""
import os, signal
from uuid import UUID
from ecosorter.serving.store import Store, models
turn = models._turn
def turn_and_die(*arguments):
    turn(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
models._turn = turn_and_die  # the one in use is retired, and none is in use yet
with Store.open({database!r}, {str(tmp_path / "photos")!r}) as store:
    store.models.change(UUID({second.id.hex!r}), "in_use", seen={seen(store)}, who="ani")
"""
    killed(code, database)
    assert store.models.roles() == (first.id, None)
    assert isinstance(store.models.change(second.id, "in_use", seen=seen(store), who="ani"), Registered)
    assert store.models.roles() == (second.id, None)


def test_files_in_an_object_store(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "a.sqlite"), f"memory://{uuid4()}/photos") as store:
        model = add(store, tmp_path, "1", state="in_use")
        assert store.photos.files.folders("models") == [model.id.hex]
        assert store.models.fetch(model, tmp_path / "fetched").info.version == "1"
        store.photos.files.put("models/abc/model.onnx", b"nobody's")
        store.models.sweep()
        assert store.photos.files.folders("models") == [model.id.hex]
