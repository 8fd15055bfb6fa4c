"""The registry: every model of a service, which of them is in use, and how that came about.

How rows and files stay together through a kill at any moment: the files of a bundle are written under a new id, and
the row that names them and their hashes comes last, in one transaction with all else that is told of the model. Files
without a row are nobody's; `sweep` removes them, under the lock that whoever adds a model holds. What is in use is one
row, guarded by a unique index, and changes in one transaction.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ecosorter.bundle import BANK, CARD, INFO, MODEL, Bundle, load_bundle
from ecosorter.errors import BundleError, StoreError
from ecosorter.files import write_bytes
from ecosorter.serving.store.database import Database
from ecosorter.serving.store.place import Place
from ecosorter.serving.store.tables import Correction, Lesson, Model, ModelChange, ModelState, Part, now

_FOLDER = "models"
_ADDING = "models: files"


@dataclass(frozen=True, slots=True)
class Registered:
    """A model of the registry; the fields are those of the table `Model`."""

    id: UUID
    name: str
    version: str
    created: datetime
    parent: UUID | None
    state: ModelState
    files: Mapping[str, str]
    figures: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a model's state; `before` is None for the first."""

    number: int
    model: UUID
    before: ModelState | None
    after: ModelState
    who: str
    why: str
    at: datetime


class Models:
    """The models in a database, with their files in a place.

    Args:
        database: where the rows are.
        place: where the photos are; models lie in a folder of it.
    """

    def __init__(self, database: Database, place: Place) -> None:
        self._database, self._place = database, place

    def add(
        self,
        bundle: Bundle,
        *,
        who: str,
        why: str = "",
        state: Literal["candidate", "in_use"] = "candidate",
        parent: UUID | None = None,
        figures: Mapping[str, Any] | None = None,
        lessons: Mapping[UUID, tuple[Part, str]] = {},
    ) -> Registered:
        """Keep a model: first its files, then all that is told of it at once.

        Args:
            bundle: read and so verified.
            who: adds it.
            why: what else is to be told.
            state: ``in_use`` for the first model alone.
            parent: the model that was taught.
            figures: how it was measured.
            lessons: corrections that it learnt from, or was measured on, each with the class that it sees there
                (`Lesson.best`).

        Raises:
            StoreError: there is one of this name and version, or one is in use already; or database or place do
                not answer.
        """
        content = {path.name: path.read_bytes() for path in _files_of(bundle)}
        model = Model(
            id=uuid4(),
            name=bundle.info.name,
            version=bundle.info.version,
            state=state,
            parent_id=parent,
            files={name: _sha256(data) for name, data in content.items()},
            figures=None if figures is None else dict(figures),
        )
        with self._database.alone(_ADDING) as mine:
            if not mine:
                raise StoreError("Another model is being added at this moment; try again.")
            self._check_new(model)
            for name, data in content.items():
                self._place.put(_path(model.id, name), data)
            with self._database.writing() as session:
                session.add(model)
                session.flush()
                session.add(ModelChange(model_id=model.id, before=None, after=state, who=who, why=why))
                session.add_all(
                    Lesson(model_id=model.id, correction_id=id_, part=part, best=best)
                    for id_, (part, best) in lessons.items()
                )
        return _registered(model)

    def sweep(self) -> None:
        """Remove files of models that were never told of: whoever added them was killed."""
        with self._database.alone(_ADDING) as mine:
            if not mine:  # somebody is at it now
                return
            known = {model.id.hex for model in self.all() if model.files}
            for folder in self._place.folders(_FOLDER):
                if folder not in known:
                    self._place.delete_folder(f"{_FOLDER}/{folder}")

    def all(self) -> list[Registered]:
        """Return every model, the latest first."""
        with self._database.reading() as session:
            return [_registered(row) for row in session.scalars(select(Model).order_by(Model.created.desc(), Model.id))]

    def get(self, model: UUID) -> Registered | None:
        """Return a model, None where there is no such one."""
        with self._database.reading() as session:
            row = session.get(Model, model)
            return None if row is None else _registered(row)

    def in_state(self, state: Literal["in_use", "shadow"]) -> Registered | None:
        """Return the model in a state that only one can have."""
        with self._database.reading() as session:
            row = session.scalar(select(Model).where(Model.state == state))
            return None if row is None else _registered(row)

    def roles(self) -> tuple[UUID | None, UUID | None]:
        """Return which model is in use and which in shadow; cheap, for those who ask every few seconds."""
        with self._database.reading() as session:
            found = dict(
                session.execute(select(Model.state, Model.id).where(Model.state.in_(("in_use", "shadow")))).all()
            )
        return found.get("in_use"), found.get("shadow")

    def changes(self) -> list[Change]:
        """Return every change, the latest first."""
        with self._database.reading() as session:
            return [
                Change(row.id, row.model_id, row.before, row.after, row.who, row.why, row.at)
                for row in session.scalars(select(ModelChange).order_by(ModelChange.id.desc()))
            ]

    def used_before(self) -> list[UUID]:
        """Return the models that were in use once and are no more, the latest first."""
        with self._database.reading() as session:
            rows = session.execute(
                select(ModelChange.model_id, Model.state)
                .join(Model)
                .where(ModelChange.after == "in_use")
                .order_by(ModelChange.id.desc())
            ).all()
        return list(dict.fromkeys(model for model, state in rows if state != "in_use"))

    def weakness(self) -> dict[str, float]:
        """Return by class which share of its photos the model in use does not find, 0..1.

        On contributors who only measure, by the last figures in which that model is; empty where there are none.
        """
        in_use, _ = self.roles()
        for model in self.all() if in_use else ():
            if model.figures is not None and str(in_use) in (str(model.id), model.figures["before"]):
                scores = model.figures["held_out"]["after" if model.id == in_use else "before"]
                return {name: 1 - one["recall"] for name, one in scores["per_class"].items() if one["photos"]}
        return {}

    def change(
        self, model: UUID, state: ModelState, *, seen: int, who: str, why: str = ""
    ) -> Registered | Literal["unknown", "changed", "impossible"]:
        """Change a model's state, unless something has changed since its caller looked.

        The model that was in use before is retired; one that was in shadow before becomes a candidate again.

        Args:
            model: which one.
            state: its new one. The model in use leaves it only for another model.
            seen: number of the latest change that the caller has seen.
            who: does it.
            why: what else is to be told.

        Returns:
            The model after that; ``"unknown"`` where there is no such one, ``"changed"`` when somebody was quicker,
            ``"impossible"`` for what would leave no model in use, or change nothing.

        Raises:
            BundleError: its files are not what they were; nothing has changed.
        """
        if state in ("in_use", "shadow") and (found := self.get(model)):
            self.read(found)
        with self._database.writing() as session:
            self._database.lock(session, "models")
            row = session.get(Model, model)
            if row is None:
                return "unknown"
            if (session.scalar(select(func.max(ModelChange.id))) or 0) != seen:
                return "changed"
            if row.state in ("in_use", state) or (state == "candidate" and row.state != "shadow"):
                return "impossible"
            before = session.scalar(select(Model).where(Model.state == state))
            if before is not None and state in ("in_use", "shadow"):
                _turn(session, before, "retired" if state == "in_use" else "candidate", who, f"for {row.version}")
            _turn(session, row, state, who, why)
            return _registered(row)

    def read(self, model: Registered) -> dict[str, bytes]:
        """Return the files of a model, each of them the one that it was.

        Raises:
            BundleError: one is missing or another one.
        """
        content = {}
        if not model.files:
            raise BundleError(f"The files of {model.name} {model.version} were erased.")
        for name, sha256 in model.files.items():
            data = self._place.get(_path(model.id, name))
            if data is None:
                raise BundleError(f"{name} of {model.name} {model.version} is missing in the registry.")
            if _sha256(data) != sha256:
                raise BundleError(f"{name} of {model.name} {model.version} is damaged: its SHA-256 is another one.")
            content[name] = data
        return content

    def fetch(self, model: Registered, folder: Path) -> Bundle:
        """Write the files of a model into a folder, and read them as a bundle.

        Raises:
            BundleError: they are not what they were.
        """
        for name, data in self.read(model).items():
            write_bytes(folder / name, data)
        return load_bundle(folder)

    def lessons(self, model: UUID) -> dict[UUID, Part]:
        """Return the corrections that taught a model, and those that it was measured on."""
        with self._database.reading() as session:
            rows = session.execute(select(Lesson.correction_id, Lesson.part).where(Lesson.model_id == model)).all()
        return dict(rows)

    def withdrawn(self) -> dict[UUID, int]:
        """Return the models that still contain photos which were withdrawn since, and how many."""
        query = (
            select(Lesson.model_id, func.count())
            .join(Correction, Correction.id == Lesson.correction_id)
            .where(Lesson.part == "taught", Correction.consent == "withdrawn")
            .group_by(Lesson.model_id)
        )
        with self._database.reading() as session:
            return dict(session.execute(query).all())

    def erase(self, model: UUID) -> bool:
        """Remove the files of a model for good, as of one that contains what was withdrawn; its history stays.

        First its row says so, then they go: what a kill leaves of them, `sweep` removes.

        Returns:
            False where there is no such model, or it is in use or in shadow.
        """
        with self._database.writing() as session:
            self._database.lock(session, "models")
            row = session.get(Model, model)
            if row is None or row.state in ("in_use", "shadow"):
                return False
            row.files = {}
        self._place.delete_folder(f"{_FOLDER}/{model.hex}")
        return True

    def mirroring(self) -> AbstractContextManager[bool]:
        """Be the only process that tells another registry of this one; yields whether this one may."""
        return self._database.alone("mirror")

    def _check_new(self, model: Model) -> None:
        with self._database.reading() as session:
            same = (Model.name == model.name) & (Model.version == model.version)
            if session.scalar(select(Model.id).where(same)):
                raise StoreError(f"The registry has {model.name} {model.version} already.")
            if model.state == "in_use" and session.scalar(select(Model.id).where(Model.state == "in_use")):
                raise StoreError("A model is in use already; add this one as a candidate, and promote it.")


def _turn(session: Session, row: Model, state: ModelState, who: str, why: str) -> None:
    session.add(ModelChange(model_id=row.id, before=row.state, after=state, who=who, why=why, at=now()))
    row.state = state
    session.flush()


def _files_of(bundle: Bundle) -> Sequence[Path]:
    wanted: Iterable[str] = (MODEL, INFO, CARD, BANK)
    return [bundle.folder / name for name in wanted if (bundle.folder / name).is_file()]


def _path(model: UUID, name: str) -> str:
    return f"{_FOLDER}/{model.hex}/{name}"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _registered(row: Model) -> Registered:
    return Registered(row.id, row.name, row.version, row.created, row.parent_id, row.state, row.files, row.figures)
