"""The tracker, for real: wandb runs offline and what it wrote is read back from its own file."""

import json
import logging
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import wandb
from PIL import Image
from wandb.proto import wandb_internal_pb2

from ecosorter.training.report.answers import worst_mistakes
from ecosorter.training.results import Epoch, RunResult
from ecosorter.training.tracking import weights_and_biases as track_wandb
from ecosorter.training.tracking.tracker import Careful, NoTracker, open_tracker
from tests.training.example_result import example_result

proto: Any = wandb_internal_pb2  # generated code without types
CLASSES = ["kaca", "kardus", "plastik"]


@pytest.fixture(autouse=True)
def no_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A computer on which nobody ever logged in to wandb; returns the current folder, which is empty."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "WANDB_DIR", "WANDB_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "home" / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "home" / "config"))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "home" / "cache"))
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.setenv("WANDB_SILENT", "true")  # its greeting asks the server for the name of the user
    current = tmp_path / "current"
    current.mkdir()
    monkeypatch.chdir(current)
    wandb.teardown()  # settings of an earlier test
    yield current
    wandb.teardown()


@pytest.fixture
def result(tmp_path: Path) -> RunResult:
    photos = []
    for index in range(45):
        path = tmp_path / "photos" / f"{index}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (300, 200), (5 * index, 90, 120)).save(path)
        photos.append((path, CLASSES[index % 3]))
    return example_result(photos, CLASSES, epochs=4)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """What the tracker needs of a bundle: its files."""
    folder = tmp_path / "run" / "bundle"
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"not read by the tracker")
    (folder / "bundle.json").write_text(json.dumps({"name": "test", "classes": CLASSES, "sha256": "00"}))
    (folder / "README.md").write_text("# Card")
    return folder


def read_records(file: Path) -> Iterator[Any]:
    """Read wandb's transaction log: LevelDB's log format (7-byte chunk headers in 32 KiB blocks) after a header."""
    data = file.read_bytes()
    assert data[:4] == b":W&B"
    at, parts = 7, b""
    while at + 7 <= len(data):
        room = 32768 - at % 32768
        if room < 7:
            at += room
            continue
        checksum, length, kind = struct.unpack_from("<IHB", data, at)
        chunk = data[at + 7 : at + 7 + length]
        assert zlib.crc32(bytes([kind]) + chunk) == checksum
        parts, at = parts + chunk, at + 7 + length
        if kind in (1, 4):  # a whole record, or the last part of one
            record = proto.Record()
            record.ParseFromString(parts)
            parts = b""
            yield record


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what EcoSorter itself warned of; wandb logs a lot."""
    return [record.getMessage() for record in caplog.records if record.name.startswith("ecosorter")]


class Recorded:
    """What an offline run holds, by kind."""

    def __init__(self, folder: Path) -> None:
        wandb.teardown()  # as at the end of the program: only now is everything on disk
        (file,) = (folder / "wandb").glob("offline-run-*/*.wandb")
        self.media = file.parent / "files"
        self.config: dict[str, Any] = {}
        self.history: list[dict[str, Any]] = []
        self.summary: dict[str, Any] = {}
        self.artifacts: list[Any] = []
        self.metrics: list[Any] = []
        self.exit_code: int | None = None
        self.run = proto.RunRecord()
        for record in read_records(file):
            self._take(record)

    def _take(self, record: Any) -> None:
        kind = record.WhichOneof("record_type")
        if kind == "run":
            self.run = record.run
            self.config |= _values(record.run.config.update)
        elif kind == "history":
            self.history.append(_values(record.history.item))
        elif kind == "summary":
            self.summary |= _values(record.summary.update)
        elif kind == "artifact":
            self.artifacts.append(record.artifact)
        elif kind == "metric":
            self.metrics.append(record.metric)
        elif kind == "exit":
            self.exit_code = record.exit.exit_code

    def table(self, key: str) -> dict[str, Any]:
        """Return a logged table: columns and data."""
        (entry,) = [line[key] for line in self.history if key in line]
        table: dict[str, Any] = json.loads((self.media / entry["path"]).read_text())
        return table

    def picture_table(self, key: str) -> tuple[list[list[Any]], dict[str, Path]]:
        """Return the rows of a table with pictures, and the pictures' files: wandb makes an artifact of it."""
        (artifact,) = [one for one in self.artifacts if one.type == "run_table" and one.name.endswith(f"-{key}")]
        files = {entry.path: Path(entry.local_path) for entry in artifact.manifest.contents}
        rows: list[list[Any]] = json.loads(files[f"{key}.table.json"].read_text())["data"]
        return rows, files


def _values(items: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in items:
        *path, last = item.nested_key or [item.key]
        place = found
        for key in path:
            place = place.setdefault(key, {})
        place[last] = json.loads(item.value_json)
    return found


def track(folder: Path, result: RunResult, bundle: Path | None = None, report: Path | None = None) -> Recorded:
    tracker = open_tracker("wandb", folder, project="waste")
    tracker.start(result.id, result.recipe, "a name")
    for fit in filter(None, (result.fit, result.compared)):
        for epoch in fit.epochs:
            tracker.epoch(fit.name, epoch)
    tracker.finish(result, bundle, report)
    return Recorded(folder)


def test_an_offline_run_records_everything(
    tmp_path: Path, result: RunResult, bundle: Path, no_account: Path, caplog: pytest.LogCaptureFixture
) -> None:
    report = tmp_path / "run" / "report.html"
    report.write_text("<p>the report</p>")
    recorded = track(tmp_path / "run", result, bundle, report)
    assert warnings_of(caplog) == []
    assert (recorded.run.run_id, recorded.run.project) == (result.id, "waste")
    assert recorded.run.display_name == "a name"
    assert recorded.exit_code == 0

    assert recorded.config["train/learning_rate"] == 1e-4
    assert recorded.config["balance/when"] == "after-split"
    assert recorded.config["head/layers"] == [512, 256]

    for fit in filter(None, (result.fit, result.compared)):
        lines = [line for line in recorded.history if f"{fit.name}/epoch" in line]
        told = [{field: line.get(f"{fit.name}/{field}") for field in Epoch.model_fields} for line in lines]
        assert told == [epoch.model_dump() for epoch in fit.epochs]
        assert any(metric.glob_name == f"{fit.name}/*" for metric in recorded.metrics)
        for when, counts in (("before", fit.counts_before), ("after", fit.counts_after)):
            rows = recorded.table(f"classes/{fit.name}/{when}_table")["data"]
            assert dict(rows) == counts

    assert recorded.summary["honest/accuracy"] == result.fit.scores.accuracy
    assert result.compared
    assert recorded.summary["leaky/accuracy"] == result.compared.scores.accuracy
    assert recorded.summary["held_out/nepal-bottles/accuracy"] == result.held_out["nepal-bottles"].accuracy

    confusion = recorded.table("confusion_matrix_table")
    assert confusion["columns"] == ["Actual", "Predicted", "nPredictions"]
    assert {(true, said): number for true, said, number in confusion["data"]} == {
        (true, said): result.fit.scores.confusion[i][j]
        for i, true in enumerate(CLASSES)
        for j, said in enumerate(CLASSES)
    }

    rows, pictures = recorded.picture_table("mistakes")
    worst = worst_mistakes(result.answers, 50)
    assert [row[1] for row in rows] == [answer.path for answer in worst]
    assert worst
    for row in rows:
        assert Image.open(pictures[row[0]["path"]]).size == (224, 149)

    (page,) = [line["report"] for line in recorded.history if "report" in line]
    assert (recorded.media / page["path"]).read_text() == "<p>the report</p>"

    assert list(no_account.iterdir()) == []  # nothing in the current folder
    assert not (tmp_path / "home" / ".local").exists()


def test_the_bundle_is_an_artifact_with_its_data_beside_it(tmp_path: Path, result: RunResult, bundle: Path) -> None:
    recorded = track(tmp_path / "run", result, bundle)
    by_type: dict[str, list[Any]] = {}
    for artifact in recorded.artifacts:
        by_type.setdefault(artifact.type, []).append(artifact)

    (model,) = by_type["model"]
    assert model.name == "ecosorter-resnet18-smote"
    assert json.loads(model.metadata) == json.loads((bundle / "bundle.json").read_text())
    files = {entry.path: Path(entry.local_path) for entry in model.manifest.contents}
    assert files == {path.name: path for path in bundle.iterdir()}

    data = {artifact.name: json.loads(artifact.metadata) for artifact in by_type["dataset"]}
    assert data == {f"photos-{source.name}": source.model_dump(mode="json") for source in result.sources}
    for artifact in by_type["dataset"] + by_type["run_table"]:  # an offline run needs its files until it is synced
        for entry in artifact.manifest.contents:
            assert Path(entry.local_path).is_relative_to(tmp_path / "run")
            assert Path(entry.local_path).is_file()


def test_equal_photos_make_the_same_version_of_the_data(tmp_path: Path, result: RunResult) -> None:
    first = track(tmp_path / "one", result)
    second = track(tmp_path / "two", result)
    changed = result.sources[0].model_copy(update={"fingerprint": "ff" * 32})
    third = track(tmp_path / "three", result.model_copy(update={"sources": [changed]}))
    digests = [
        {artifact.name: artifact.digest for artifact in run.artifacts if artifact.type == "dataset"}
        for run in (first, second, third)
    ]
    assert digests[0] == digests[1]
    assert digests[2]["photos-trashnet"] != digests[0]["photos-trashnet"]


def test_online_the_data_are_named_as_inputs(
    tmp_path: Path, result: RunResult, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    used: list[wandb.Artifact] = []
    track_wandb._log_data(SimpleNamespace(offline=False, use_artifact=used.append), result)  # type: ignore[arg-type]
    assert [(artifact.type, artifact.name) for artifact in used] == [
        ("dataset", f"photos-{source.name}") for source in result.sources
    ]

    def refuse(artifact: wandb.Artifact) -> None:
        raise ConnectionError("gone")

    track_wandb._log_data(SimpleNamespace(offline=False, use_artifact=refuse), result)  # type: ignore[arg-type]
    assert ["gone" in message for message in warnings_of(caplog)] == [True]


def test_a_broken_off_run_says_why(tmp_path: Path, result: RunResult) -> None:
    tracker = open_tracker("wandb", tmp_path / "run")
    tracker.start(result.id, result.recipe, "a name")
    tracker.epoch("after-split", result.fit.epochs[0])
    tracker.fail("KeyboardInterrupt: ")
    recorded = Recorded(tmp_path / "run")
    assert recorded.summary["error"] == "KeyboardInterrupt: "
    assert recorded.exit_code == 1


def test_a_killed_run_goes_on_under_the_same_id(tmp_path: Path, result: RunResult) -> None:
    ids = []
    for name in ("one", "two"):
        tracker = open_tracker("wandb", tmp_path / name)
        tracker.start("a run/with: signs", result.recipe, "a name")
        tracker.fail("killed")
        run = Recorded(tmp_path / name).run
        ids.append(run.run_id)
        assert run.resume
    assert ids == ["a-run-with-signs"] * 2


def test_a_photo_that_disappeared_costs_its_picture_only(tmp_path: Path, result: RunResult) -> None:
    lost = worst_mistakes(result.answers, 1)[0]
    Path(lost.path).unlink()
    rows, _ = track(tmp_path / "run", result).picture_table("mistakes")
    assert rows[0][:2] == [None, lost.path]
    assert rows[1][0]["_type"] == "image-file"


def test_nothing_is_written_before_the_start(tmp_path: Path) -> None:
    open_tracker("wandb", tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert isinstance(open_tracker("none", tmp_path / "run"), NoTracker)


def test_without_a_key_the_run_is_offline_and_nobody_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ask(*_: object, **__: object) -> str:
        raise AssertionError("asked a question")

    monkeypatch.setattr("builtins.input", ask)
    monkeypatch.setattr("getpass.getpass", ask)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # nobody listens on the discard port
    assert track_wandb._mode() == "offline"
    monkeypatch.setenv("WANDB_API_KEY", "too-short")
    wandb.teardown()
    assert track_wandb._mode() == "offline"
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    wandb.teardown()
    assert track_wandb._mode() == "online"
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert track_wandb._mode() == "offline"
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert track_wandb._mode() == "disabled"


def test_a_key_in_netrc_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / "home" / "netrc").write_text(f"machine 127.0.0.1:9 login user password {'b' * 40}\n")
    (tmp_path / "home" / "netrc").chmod(0o600)
    assert track_wandb._mode() == "online"


def test_a_server_that_cannot_be_reached_means_offline_not_lost(
    tmp_path: Path, result: RunResult, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # nobody listens on the discard port
    monkeypatch.setattr(track_wandb, "_START_PATIENCE", 1.0)
    wandb.teardown()
    recorded = track(tmp_path / "run", result)
    assert len(recorded.history) > len(result.fit.epochs)
    assert recorded.summary["honest/accuracy"] == result.fit.scores.accuracy
    assert ["recorded offline" in message for message in warnings_of(caplog)] == [True]


class Broken(NoTracker):
    """A tracker that fails from the given call on; notes what it was asked."""

    def __init__(self, first: str) -> None:
        self.first, self.calls, self.failing = first, list[str](), False

    def __getattribute__(self, name: str) -> Any:
        if name not in ("start", "epoch", "finish", "fail"):
            return super().__getattribute__(name)
        return lambda *_: self.called(name)

    def called(self, name: str) -> None:
        self.calls.append(name)
        self.failing = self.failing or name == self.first
        if self.failing:
            raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("first", "asked"),
    [
        ("start", ["start"]),
        ("epoch", ["start", "epoch", "epoch", "finish", "fail"]),
        ("finish", ["start", "epoch", "epoch", "finish", "fail"]),
        ("fail", ["start", "epoch", "epoch", "finish", "fail"]),
    ],
)
def test_a_tracker_that_fails_warns_once_and_stops_nothing(
    first: str, asked: list[str], result: RunResult, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Broken(first)
    tracker = Careful(broken)
    with caplog.at_level(logging.WARNING):
        tracker.start("id", {}, "name")
        tracker.epoch("after-split", result.fit.epochs[0])
        tracker.epoch("after-split", result.fit.epochs[1])
        tracker.finish(result, None, None)
        tracker.fail("broken off")
    assert broken.calls == asked
    (message,) = warnings_of(caplog)
    assert "No space left on device" in message
    assert "--track none" in message


def test_what_goes_wrong_at_the_end_is_one_warning_and_the_run_is_closed_as_a_success(
    tmp_path: Path, result: RunResult, caplog: pytest.LogCaptureFixture
) -> None:
    recorded = track(tmp_path / "run", result, bundle=tmp_path / "no bundle there")
    (message,) = warnings_of(caplog)
    assert "no bundle there" in message
    assert recorded.exit_code == 0
    assert recorded.summary["honest/accuracy"] == result.fit.scores.accuracy


def test_an_interrupt_is_no_failure_of_the_tracker() -> None:
    class Interrupted(Broken):
        def called(self, name: str) -> None:
            raise KeyboardInterrupt(name)

    with pytest.raises(KeyboardInterrupt):
        Careful(Interrupted("start")).start("id", {}, "name")


def test_recipes_are_flattened_to_keys_that_wandb_can_filter_by() -> None:
    assert track_wandb.flat({"name": "x", "fit": {"epochs": 5, "plateau": {"factor": 0.2}}, "layers": [1, 2]}) == {
        "name": "x",
        "fit/epochs": 5,
        "fit/plateau/factor": 0.2,
        "layers": [1, 2],
    }
