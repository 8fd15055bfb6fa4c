"""Keeps a process on the models that the registry says: which one answers, and which one does so in shadow."""

import asyncio
import threading
import time
import weakref
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from ecosorter.classifier import Classifier
from ecosorter.errors import BundleError, StoreError
from ecosorter.serving.engine import Engine
from ecosorter.serving.job import Job
from ecosorter.serving.logs import log
from ecosorter.serving.measuring import measure_novelty
from ecosorter.serving.metrics import Metrics
from ecosorter.serving.rule import apply_rule
from ecosorter.serving.settings import Growth
from ecosorter.serving.shadow import Shadow
from ecosorter.serving.store import Store
from ecosorter.serving.store.models import Registered
from ecosorter.serving.tally import Tally

_EVERY = 3.0  # seconds between two looks: with loading, a change is everywhere within 10
_CHORES = 30.0  # seconds between two looks at the schedule, the rule, and photos to measure
_PATIENCE = 60.0  # seconds until a model that was refused is tried again


class Follower:
    """Follows the registry.

    A new model is fetched, checked, loaded and run once before it answers; requests that have begun end with the old
    one. Whatever goes wrong on the way, the old one stays.

    Args:
        engine: gets the models.
        store: whose registry it is.
        load: loads the bundle in a folder.
        metrics: is told of models that were loaded or refused.
        job: makes the next model.
        growth: when it does, what a model in shadow answers, and what happens by rule.

    Attributes:
        in_use: the model of the registry that answers; None for none of it.
        governs: whether the registry has a model in use.
    """

    def __init__(
        self,
        engine: Engine,
        store: Store,
        load: Callable[[Path], Classifier],
        metrics: Metrics,
        job: Job,
        growth: Growth,
    ) -> None:
        self._engine, self._store, self._load, self._metrics = engine, store, load, metrics
        self._job, self._growth = job, growth
        self.in_use: UUID | None = None
        self.governs = False
        self._next_chores = 0.0
        self._tally = engine.tally = Tally()
        self._mirroring: threading.Thread | None = None
        self._mirrored: object = None
        self._refused: dict[UUID, float] = {}
        self._looking = threading.Lock()

    def start(self) -> None:
        """Take the model in use; where its files are damaged, the one that was in use before it, and so on.

        Where the registry has none that can be loaded, the engine keeps its own.
        """
        in_use, _ = self._store.models.roles()
        if in_use is None:
            return
        for model in (in_use, *self._store.models.used_before()):  # the same order in every process
            if self._take(model):
                self.in_use = model
                break
        self.look()

    def look(self) -> None:
        """Do what the registry says now, and tell it what was answered, and what the model in shadow has said."""
        with self._looking:
            in_use, shadow = self._store.models.roles()
            self.governs = in_use is not None
            if in_use is not None and self._wants(in_use, self.in_use) and self._take(in_use):
                self.in_use = in_use
            self._follow_shadow(shadow)
            if (running := self._engine.shadow) and (counts := running.take()):
                self._store.shadows.add(running.model, counts)
            if answered := self._tally.take():
                self._store.answers.add(answered)

    async def run(self) -> None:
        """Look every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(_EVERY)
            try:
                await asyncio.to_thread(self._round)
            except StoreError as error:  # the model in use goes on without the database
                log.warning("registry_silent", extra={"problem": str(error)})

    def _round(self) -> None:
        self.look()
        now = time.monotonic()
        if now < self._next_chores:
            return
        self._next_chores = now + _CHORES
        self._measure_novelty()
        if self._growth.registry is not None and (self._mirroring is None or not self._mirroring.is_alive()):
            self._mirroring = threading.Thread(target=self._mirror, name="ecosorter-mirror", daemon=True)
            self._mirroring.start()  # apart: a server that does not answer is waited for
        hours = self._growth.improve_hours
        if hours and self._job.may_be_scheduled() and self._store.improvements.due(timedelta(hours=hours)):
            self._job.start("schedule", hours)
        if self._growth.by_rule:
            try:
                moved = apply_rule(self._store, self._growth.shadow_days)
            except BundleError as error:
                log.error("bundle_refused", extra={"problem": str(error)})
                return
            if moved is not None:
                log.info("model_state", extra={"model": moved.version, "state": moved.state, "who": "rule"})

    def _mirror(self) -> None:
        from ecosorter.serving.mirror import mirror  # noqa: PLC0415  # comes with the extra [mlflow]

        try:
            models = [(each.id, each.state, bool(each.files)) for each in self._store.models.all()]
            if models != self._mirrored:
                mirror(self._store)
                self._mirrored = models
        except (StoreError, BundleError) as error:
            log.warning("mirror_failed", extra={"problem": str(error)})

    def _measure_novelty(self) -> None:
        in_use, _ = self._store.models.roles()
        if in_use not in (None, self.in_use):  # another process has the model against whose bank they are measured
            return
        classifier = self._engine.classifier
        novelty = self._tally.novelty(classifier)
        if novelty is not None:
            measure_novelty(self._store, classifier, novelty, lambda: self._engine.idle)

    def _follow_shadow(self, wanted: UUID | None) -> None:
        running = self._engine.shadow
        if running is not None and running.model != wanted:
            self._engine.shadow = None
            self._store.shadows.add(running.model, running.take())
            running = None
        if wanted is not None and running is None and self._growth.shadow_share and self._wants(wanted, None):
            model = self._store.models.get(wanted)
            if model is not None and (classifier := self._fetched(model)):
                self._engine.shadow = Shadow(wanted, classifier, self._growth.shadow_share, self._metrics)
                log.info("shadow_loaded", extra={"model": model.version})

    def _wants(self, model: UUID, has: UUID | None) -> bool:
        return model != has and time.monotonic() >= self._refused.get(model, 0.0)

    def _take(self, wanted: UUID) -> bool:
        """Let a model answer from now on; False where it cannot."""
        model = self._store.models.get(wanted)
        if model is None:
            return False
        before = self._engine.info
        if (before.name, before.version, before.sha256) == (model.name, model.version, model.files.get("model.onnx")):
            return True  # as when the first model of a registry is the one that answers already
        classifier = self._fetched(model)
        if classifier is None:
            return False
        self._engine.classifier = classifier
        self._metrics.reload("loaded")
        log.info("bundle_loaded", extra={"model": model.version, "before": before.version})
        return True

    def _fetched(self, model: Registered) -> Classifier | None:
        folder = TemporaryDirectory(prefix="ecosorter-model-")
        try:
            classifier = self._load(self._store.models.fetch(model, Path(folder.name)).folder)
        except (BundleError, StoreError, OSError) as error:
            folder.cleanup()
            self._refused[model.id] = time.monotonic() + _PATIENCE
            self._metrics.reload("refused")
            log.error("bundle_refused", extra={"model": model.version, "problem": str(error)})
            return None
        self._refused.pop(model.id, None)
        weakref.finalize(classifier, folder.cleanup)  # phones download it from there while it is in use
        return classifier
