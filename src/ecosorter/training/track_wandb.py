"""Weights & Biases through its own client: https://docs.wandb.ai."""

import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, Literal

import wandb

from ecosorter.thumbnails import thumbnail
from ecosorter.training.answers import best_class, confidence, worst_mistakes
from ecosorter.training.results import Epoch, RunResult, SourceCount

MISTAKES = 50
_PICTURE_SIDE = 224
_START_PATIENCE = 30.0  # seconds to reach the server before the run is recorded offline
_PATIENCE = 120.0  # seconds that the end of a run waits for a server that does not answer

_log = logging.getLogger(__name__)


class WandbTracker:
    """Records a run with Weights & Biases: online with a key, offline without one, and never a question.

    The key is found as wandb finds it (`WANDB_API_KEY`, netrc, `wandb login`); `WANDB_MODE=offline` keeps a run
    offline in spite of it. Where the server cannot be reached the run is recorded offline; ``wandb sync`` hands it
    in later.

    Args:
        folder: the run's folder; wandb's files go to ``wandb/`` in it.
        project: the project in Weights & Biases.
    """

    def __init__(self, folder: Path, project: str) -> None:
        self._folder, self._project = folder.resolve(), project  # an offline run is handed in from anywhere
        self._run: wandb.Run | None = None
        self._known_fits: set[str] = set()

    def start(self, run_id: str, config: Mapping[str, Any], name: str) -> None:
        """Open the run; the same `run_id` again continues it."""
        mode = _mode()
        try:
            self._run = self._open(run_id, config, name, mode)
        except Exception as error:
            if mode != "online":
                raise
            _log.warning("Weights & Biases cannot be reached (%s); the run is recorded offline.", error)
            wandb.teardown()  # its background process still holds the run's id
            self._run = self._open(run_id, config, name, "offline")

    def epoch(self, fit_name: str, epoch: Epoch) -> None:
        """Log an epoch's figures as ``<fit>/train_loss`` and so on, over ``<fit>/epoch``."""
        run = self._started()
        if fit_name not in self._known_fits:
            self._known_fits.add(fit_name)
            run.define_metric(f"{fit_name}/epoch", hidden=True)
            run.define_metric(f"{fit_name}/*", step_metric=f"{fit_name}/epoch")
        figures = epoch.model_dump(exclude_none=True)
        run.log({f"{fit_name}/{key}": value for key, value in figures.items()})

    def finish(self, result: RunResult, bundle: Path | None, report: Path | None) -> None:
        """Log figures, charts, artifacts and example mistakes, and close the run whatever happens."""
        run = self._started()
        try:
            with _staging_in(self._folder / "wandb"):
                run.summary.update(summary(result))
                _log_distribution(run, result)
                _log_confusion(run, result)
                _log_data(run, result)
                if bundle:
                    _log_model(run, result, bundle)
                _log_mistakes(run, result)
                if report:
                    run.log({"report": wandb.Html(str(report), inject=False)})
        finally:
            run.finish()

    def fail(self, message: str) -> None:
        """Close the run as failed."""
        run = self._started()
        run.summary["error"] = message
        run.finish(exit_code=1)

    def _started(self) -> wandb.Run:
        if self._run is None:
            raise RuntimeError("the tracker was not started")
        return self._run

    def _open(self, run_id: str, config: Mapping[str, Any], name: str, mode: "_Mode") -> wandb.Run:
        return wandb.init(
            project=self._project,
            dir=self._folder,
            id=_safe(run_id),
            name=name,
            config=flat(config),
            mode=mode,
            resume="allow",
            reinit="create_new",  # a run that the caller has open is none of our business
            settings=wandb.Settings(
                quiet=True,  # no charts of letters among the results
                console="off",  # progress bars are no record
                disable_git=True,  # the repository around the current folder may have nothing to do with the run
                save_code=False,
                init_timeout=_START_PATIENCE,
                finish_timeout=_PATIENCE,
            ),
        )


_Mode = Literal["online", "offline", "disabled"]


def _mode() -> _Mode:
    asked = os.environ.get("WANDB_MODE")
    if asked in ("offline", "dryrun"):
        return "offline"
    if asked == "disabled":
        return "disabled"
    try:
        return "online" if wandb.login(prompt=False, verify=False) else "offline"
    except Exception as error:  # a key that cannot be one, a netrc that cannot be read
        _log.warning("The Weights & Biases key cannot be used (%s); the run is recorded offline.", error)
        return "offline"


@contextmanager
def _staging_in(folder: Path) -> Iterator[None]:
    """Let wandb copy the files of artifacts below the run's folder instead of the user's home.

    An offline run needs those copies until it is synchronised. There is no setting for it but this variable.
    """
    name = wandb.env.DATA_DIR
    if name in os.environ:
        yield
        return
    os.environ[name] = str(folder)
    try:
        yield
    finally:
        del os.environ[name]


def flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested tables as one, with keys such as ``fit/learning_rate`` that wandb can filter and plot by."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            found |= {f"{key}/{inner}": entry for inner, entry in flat(value).items()}
        else:
            found[key] = value
    return found


def summary(result: RunResult) -> dict[str, float]:
    """Return the figures by which runs are compared; those of a leaky fit say so in their names."""
    found: dict[str, float] = {}
    fits = [fit for fit in (result.fit, result.compared) if fit]
    for fit in fits:
        before = "leaky" if fit.leaky else "honest"
        found |= {
            f"{before}/accuracy": fit.scores.accuracy,
            f"{before}/accuracy_low": fit.scores.accuracy_interval[0],
            f"{before}/accuracy_high": fit.scores.accuracy_interval[1],
            f"{before}/macro_f1": fit.scores.macro_f1,
            f"{before}/macro_recall": fit.scores.macro_recall,
            f"{before}/calibration_error": fit.scores.calibration_error,
            f"{before}/coverage": fit.scores.coverage,
        }
    for source, scores in result.held_out.items():
        found[f"held_out/{source}/accuracy"] = scores.accuracy
        found[f"held_out/{source}/macro_recall"] = scores.macro_recall
    if result.folds:
        found["folds/accuracy_mean"] = sum(fold.accuracy for fold in result.folds) / len(result.folds)
    return found


def _log_distribution(run: wandb.Run, result: RunResult) -> None:
    fits = [fit for fit in (result.fit, result.compared) if fit]
    for fit in fits:
        for when, counts in (("before", fit.counts_before), ("after", fit.counts_after)):
            table = wandb.Table(
                columns=["class", "rows"], data=[[label, counts.get(label, 0)] for label in result.classes]
            )
            title = f"Rows by class {when} balancing ({fit.name})"
            run.log({f"classes/{fit.name}/{when}": wandb.plot.bar(table, "class", "rows", title=title)})


def _log_confusion(run: wandb.Run, result: RunResult) -> None:
    if not result.answers:
        return
    classes = list(result.classes)
    chart = wandb.plot.confusion_matrix(
        probs=[[answer.probabilities[label] for label in classes] for answer in result.answers],
        y_true=[classes.index(answer.label) for answer in result.answers],
        class_names=classes,
        title=f"Confusion matrix ({result.fit.name})",
    )
    run.log({"confusion_matrix": chart})


def _log_data(run: wandb.Run, result: RunResult) -> None:
    """Name each source of photos as an input of the run; equal photos make the same artifact version."""
    artifacts = [_data_artifact(source) for source in result.sources]
    if run.offline:  # where wandb records outputs only
        for artifact in artifacts:
            run.log_artifact(artifact)
        return

    def use() -> None:
        try:
            for artifact in artifacts:
                run.use_artifact(artifact)
        except Exception as error:
            _log.warning("Weights & Biases did not take the data's lineage: %s", error)

    # wandb waits without end for the server to confirm; a thread of its own keeps that from holding up the run.
    thread = Thread(target=use, daemon=True)
    thread.start()
    thread.join(_PATIENCE)


def _data_artifact(source: SourceCount) -> wandb.Artifact:
    about = source.model_dump(mode="json")
    artifact = wandb.Artifact(f"photos-{_safe(source.name)}", type="dataset", metadata=about)
    with artifact.new_file("source.json") as file:  # the fingerprint in it makes the version
        json.dump(about, file, indent=2, sort_keys=True)
    return artifact


def _log_model(run: wandb.Run, result: RunResult, bundle: Path) -> None:
    about = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
    name = _safe(str(result.recipe.get("name") or "model"))
    artifact = wandb.Artifact(f"ecosorter-{name}", type="model", metadata=about)
    for path in sorted(path for path in bundle.rglob("*") if path.is_file()):
        inside = path.relative_to(bundle).as_posix()
        # A bundle is never changed once written, so wandb needs no copy of it.
        artifact.add_file(str(path.resolve()), name=inside, policy="immutable", skip_cache=True)
    run.log_artifact(artifact)


def _log_mistakes(run: wandb.Run, result: RunResult) -> None:
    table = wandb.Table(columns=["photo", "path", "true", "predicted", "confidence", *result.classes])
    for answer in worst_mistakes(result.answers, MISTAKES):
        image = thumbnail(Path(answer.path), _PICTURE_SIDE)
        table.add_data(
            wandb.Image(image, file_type="jpg") if image else None,
            answer.path,
            answer.label,
            best_class(answer),
            confidence(answer),
            *(answer.probabilities[label] for label in result.classes),
        )
    run.log({"mistakes": table})


def _safe(name: str) -> str:
    """Return a name of letters, digits, dots, dashes and underscores, as wandb wants ids and artifacts."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-") or "unnamed"
