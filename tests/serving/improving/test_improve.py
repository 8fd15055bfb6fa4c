"""A candidate from what people said: real models, real photos, both databases."""

from pathlib import Path
from uuid import UUID

import pytest

from ecosorter.bundle import INFO
from ecosorter.classifier import Classifier
from ecosorter.errors import BundleError
from ecosorter.serving.improving.improve import improve
from ecosorter.serving.improving.people import Needs
from ecosorter.serving.rule import apply_rule, is_better
from ecosorter.serving.store import Store
from ecosorter.serving.store.confusions import Cell
from ecosorter.serving.store.models import Registered
from tests.serving.improving.city import base, city, contribute, people
from tests.serving.store.said import SECRET, killed
from tests.serving.store.test_models import seen
from tests.tiny import tiny_bundle


@pytest.fixture
def sqlite(tmp_path: Path) -> Store:
    return Store.open(str(tmp_path / "city.sqlite"), str(tmp_path / "photos"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return base(tmp_path / "base").folder


def test_too_little_is_said_and_nothing_is_done(sqlite: Store, model: Path) -> None:
    contribute(sqlite, people(3, held_out=False), each=1)
    found = improve(sqlite, model, who="ani")
    assert found.outcome == "missing"
    assert found.missing == {
        "contributors": (3, 8),
        "held_out": (0, 3),
        "photos": (9, 40),
        "held_out_photos": (0, 10),
    }
    (first,) = sqlite.models.all()
    assert (first.state, first.version) == ("in_use", "1")
    run = sqlite.improvements.latest()
    assert run is not None
    assert (run.outcome, run.who, run.detail["missing"]["photos"]) == ("missing", "ani", [9, 40])


def test_the_whole_way(store: Store, model: Path, tmp_path: Path) -> None:
    """Learn, compare, keep, promote, withdraw, learn again without what was withdrawn."""
    taught = city(store)
    done = improve(store, model, who="ani")
    assert done.outcome == "candidate"
    assert done.model is not None
    assert done.figures is not None
    figures = done.figures
    assert (figures.contributors, figures.photos) == ((8, 3), (48, 18))
    assert figures.held_out.after.accuracy > figures.held_out.before.accuracy + 0.3
    assert figures.difference.low > 0
    assert figures.difference.mean == pytest.approx(figures.held_out.after.accuracy - figures.held_out.before.accuracy)
    assert figures.doubtful == ()
    in_use = store.models.in_state("in_use")
    assert in_use is not None
    assert (in_use.version, done.model.state, done.model.parent) == ("1", "candidate", in_use.id)
    lessons = store.models.lessons(done.model.id)
    assert {id_ for id_, part in lessons.items() if part == "taught"} == set(taught)
    assert len(lessons) == 66
    cells = store.confusions.of(done.model.id)
    assert sum(cell.photos for cell in cells) == 66  # each was seen by a head that had not learnt from its contributor
    held_out = {id_ for id_, part in lessons.items() if part == "held_out"}
    right = [each for cell in cells if cell.truth == cell.best for each in _photos(store, done.model.id, cell)]
    assert len(held_out.intersection(right)) == round(len(held_out) * figures.held_out.after.accuracy)
    assert store.models.weakness() == {name: 1 - one.recall for name, one in figures.held_out.before.per_class.items()}

    assert improve(store, model, who="ani").outcome == "nothing_new"
    assert isinstance(store.models.change(done.model.id, "in_use", seen=seen(store), who="ani"), Registered)

    gone = taught[:6]  # all of one contributor
    for correction in gone:
        store.corrections.withdraw(correction, SECRET)
    assert store.models.withdrawn() == {done.model.id: 6}
    contribute(store, people(9, held_out=False)[8:], seed=900)
    again = improve(store, model, who="budi")
    assert again.model is not None
    assert again.figures is not None
    assert not set(gone) & store.models.lessons(again.model.id).keys()
    assert again.figures.before == str(done.model.id)
    assert again.figures.held_out.before == figures.held_out.after  # the same people, the same answers
    assert again.model.parent == in_use.id  # taught anew from the first: what was withdrawn is not in its bank
    assert store.models.withdrawn() == {done.model.id: 6}
    Classifier.load(store.models.fetch(again.model, tmp_path / "fetched").folder)


def _photos(store: Store, model: UUID, cell: Cell) -> list[UUID]:
    return [shown.id for shown in store.confusions.photos(model, cell.truth, cell.best, 100)]


def test_a_contributor_who_shifts_all_labels_is_noticed_and_left_out(sqlite: Store, model: Path) -> None:
    city(sqlite)
    poison = people(9, held_out=False)[8:]
    poisoned = contribute(sqlite, poison, each=4, seed=7_000, shift=True)
    done = improve(sqlite, model, who="ani")
    assert done.figures is not None
    assert done.model is not None
    (doubted,) = done.figures.doubtful
    assert (doubted.photos, doubted.contradicted > 0.8) == (12, True)
    assert not set(poisoned) & sqlite.models.lessons(done.model.id).keys()
    assert done.figures.contributors[0] == 8


def test_when_all_that_is_new_is_doubtful_it_says_whose_it_is(sqlite: Store, model: Path) -> None:
    city(sqlite)
    assert improve(sqlite, model, who="ani").outcome == "candidate"
    contribute(sqlite, people(9, held_out=False)[8:], each=4, seed=5_000, shift=True)
    again = improve(sqlite, model, who="ani")
    assert (again.outcome, again.model) == ("nothing_new", None)
    (doubted,) = again.doubtful
    run = sqlite.improvements.latest()
    assert run is not None
    assert (run.outcome, run.detail) == ("nothing_new", {"doubtful": [doubted.model_dump()]})


def test_a_model_that_cannot_be_taught_is_told_and_noted(sqlite: Store, tmp_path: Path) -> None:
    city(sqlite)
    with pytest.raises(BundleError):
        improve(sqlite, tiny_bundle(tmp_path / "tiny", ("kaca", "khusus", "organik")).folder, who="ani")
    run = sqlite.improvements.latest()
    assert run is not None
    assert run.outcome == "failed"


def test_a_run_that_ends_while_it_is_looked_at_was_not_killed(sqlite: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with sqlite.improvements.one("ani") as number:
        assert number is not None

    def ends_now() -> bool:
        sqlite.improvements.end(number, "missing", {})
        return False

    monkeypatch.setattr(sqlite.improvements, "running", ends_now)
    run = sqlite.improvements.latest()
    assert run is not None
    assert (run.outcome, run.finished is None) == ("missing", False)


def test_only_one_runs_at_a_time(store: Store) -> None:
    with store.improvements.one("ani") as number, store.improvements.one("budi") as other:
        assert number is not None
        assert other is None
        assert store.improvements.running()
        assert improve(store, who="budi").outcome == "running"
    assert not store.improvements.running()
    run = store.improvements.latest()
    assert run is not None
    assert (run.who, run.outcome) == ("ani", "killed")


STEPS = {
    "taught": ("ecosorter.serving.improving.improve", "teach"),
    "uploading": ("ecosorter.serving.store.place.Place", "put"),
    "uploaded": ("ecosorter.serving.store.models", "ModelChange"),
}


def test_killed_at_every_step_it_can_be_done_again(store: Store, database: str, model: Path, tmp_path: Path) -> None:
    city(store)
    in_use = store.models.add(base(tmp_path / "first"), who="ani", state="in_use")
    for owner, name in STEPS.values():
        code = f"""
import os, signal
from pathlib import Path
from pydoc import locate
from ecosorter.serving.improving.improve import improve
from ecosorter.serving.store import Store
from ecosorter.serving.store.confusions import Cell
owner = locate({owner!r})
whole = owner.{name}
def die(*arguments, **options):
    whole(*arguments, **options)
    os.kill(os.getpid(), signal.SIGKILL)
owner.{name} = die
with Store.open({database!r}, {str(tmp_path / "photos")!r}) as store:
    improve(store, Path({str(model)!r}), who="ani")
"""
        killed(code, database)
        run = store.improvements.latest()
        assert run is not None
        assert run.outcome == "killed"
        assert [each.id for each in store.models.all()] == [in_use.id]
        store.models.read(in_use)
    assert len(store.photos.files.folders("models")) == 2  # what the last one left; the one before was swept
    done = improve(store, model, who="ani")
    assert done.model is not None
    assert {each.id for each in store.models.all()} == {in_use.id, done.model.id}
    assert set(store.photos.files.folders("models")) == {in_use.id.hex, done.model.id.hex}
    assert store.models.roles() == (in_use.id, None)


def test_a_photo_that_is_withdrawn_while_it_learns_stops_it(
    sqlite: Store, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught = city(sqlite)
    read, calls = sqlite.corrections.usable, []

    def usable() -> object:
        calls.append(1)
        if len(calls) == 2:
            sqlite.corrections.withdraw(taught[0], SECRET)
        return read()

    monkeypatch.setattr(sqlite.corrections, "usable", usable)
    with pytest.raises(BundleError, match="withdrawn"):
        improve(sqlite, model, who="ani", needs=Needs())
    assert [each.state for each in sqlite.models.all()] == ["in_use"]


def figures(before: UUID, *, low: float = 0.01, lost: float = 0.0) -> dict[str, object]:
    return {
        "before": str(before),
        "difference": {"mean": 0.1, "low": low, "high": 0.2},
        "bank": {"before": {"accuracy": 0.9}, "after": {"accuracy": 0.9 - lost}},
    }


def test_the_rule_takes_what_is_better_and_nothing_else(sqlite: Store, tmp_path: Path) -> None:
    def add(version: str, **options: object) -> Registered:
        bundle = tiny_bundle(tmp_path / version, version=version)
        return sqlite.models.add(bundle, who="ani", **options)  # type: ignore[arg-type]

    first = add("1", state="in_use")
    assert apply_rule(sqlite, 0) is None
    assert not is_better(figures(first.id, low=0.0), first)
    assert not is_better(figures(first.id, low=-0.2), first)
    assert not is_better(figures(first.id, lost=0.021), first)
    worse = add("2", figures=figures(first.id, low=-0.01))
    assert apply_rule(sqlite, 0) is None
    sqlite.models.change(worse.id, "shadow", seen=seen(sqlite), who="ani")
    assert apply_rule(sqlite, 0) is None  # a person put it into shadow; the rule brings it no farther
    sqlite.models.change(worse.id, "retired", seen=seen(sqlite), who="ani")
    better = add("3", figures=figures(first.id, lost=0.019))
    moved = apply_rule(sqlite, 7)
    assert moved is not None
    assert (moved.id, moved.state) == (better.id, "shadow")
    assert apply_rule(sqlite, 7) is None  # a week is not over
    moved = apply_rule(sqlite, 0)
    assert moved is not None
    assert (moved.id, moved.state) == (better.id, "in_use")
    stale = add("4", figures=figures(first.id))  # measured beside a model that is not in use any more
    assert apply_rule(sqlite, 0) is None
    assert sqlite.models.roles() == (better.id, None)
    assert sqlite.models.change(stale.id, "shadow", seen=seen(sqlite), who="ani") != "impossible"
    assert INFO in stale.files
