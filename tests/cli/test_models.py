"""`ecosorter models`: list, show, verify."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import ecosorter.cli.models
from ecosorter.bundle import write_bundle
from ecosorter.errors import BundleError
from ecosorter.preprocess import PreprocessSpec
from tests.tiny import CLASSES, tiny_bundle, tiny_info, tiny_model


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ECOSORTER_LANG", "en")
    monkeypatch.setenv("COLUMNS", "200")


def run(*arguments: str) -> Any:
    return CliRunner().invoke(ecosorter.cli.models.app, arguments)


def test_list_finds_the_shipped_ones_and_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = tiny_bundle(tmp_path / "package" / "shipped", name="shipped").folder
    monkeypatch.setattr(ecosorter.cli.models, "shipped_bundles", lambda: [shipped])
    tiny_bundle(tmp_path / "runs" / "b" / "bundle", name="mine", version="7")
    tiny_bundle(tmp_path / "runs" / "a" / "bundle").model_path.write_bytes(b"broken")
    done = run("list")
    assert done.exit_code == 0
    heading, *lines = done.stdout.splitlines()
    assert heading.split() == ["Folder", "Model", "Created", "Classes"]
    assert lines[0].split()[1:] == ["shipped", "1", "2026-01-31", "4"]
    assert lines[1].startswith("runs/a/bundle")
    assert "cannot be used" in lines[1]
    assert lines[-1].split() == ["runs/b/bundle", "mine", "7", "2026-01-31", "4"]


def test_list_of_one_folder(tmp_path: Path) -> None:
    tiny_bundle(tmp_path / "here" / "a", name="first")
    tiny_bundle(tmp_path / "runs" / "b", name="second")
    done = run("list", "here")
    assert "first" in done.stdout
    assert "second" not in done.stdout


def test_list_of_nothing_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ecosorter.cli.models, "shipped_bundles", list)
    done = run("list")
    assert done.exit_code == 0
    assert "ecosorter train" in done.stdout
    assert run("list", "no such folder").exit_code == 2


def test_show_tells_what_a_model_is(tmp_path: Path) -> None:
    spec = PreprocessSpec(size=8, resize="crop", shorter_side=10, grey=True, mean=(0, 0, 0), std=(1, 1, 1))
    metrics = {"macro_f1": 0.851234, "held_out": {"siscer": {"accuracy": 0.5}}, "curve": list(range(200))}
    tiny_bundle(tmp_path / "a", preprocess=spec, metrics=metrics)
    done = run("show", "a")
    assert done.exit_code == 0
    for words in (
        "tiny 1",
        "Glass, Metal, Organic, Plastic",
        "8 x 8 px, crop 10 px, bilinear, grey",
        "60%",
        "macro_f1: 0.8512",
        "held_out.siscer.accuracy: 0.5",
        "colours, 4 photos, licence CC0-1.0",
        "name: by hand",
    ):
        assert words in done.stdout
    assert "curve" not in done.stdout
    assert "Kaca, Logam" in run("show", "a", "--lang", "id").stdout


def test_show_and_verify_know_the_bank(tmp_path: Path) -> None:
    tiny_bundle(tmp_path / "without")
    taught = write_bundle(tmp_path / "with", tiny_model(), tiny_info(), "card", bank=b"features")
    assert f"SHA-256 {taught.info.bank_sha256}" in run("show", "with").stdout
    assert "cannot be taught" in run("show", "without").stdout
    assert run("verify", "with", "without").exit_code == 0
    (tmp_path / "with" / "bank.npz").write_bytes(b"others")
    done = run("verify", "with", "without")
    assert done.exit_code == 1
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["bad", "good"]
    assert "bank.npz" in done.stdout


def test_show_of_what_is_no_model(tmp_path: Path) -> None:
    assert isinstance(run("show", "nowhere").exception, BundleError)


def test_verify_goes_through_all_and_tells_by_its_exit_code(tmp_path: Path) -> None:
    tiny_bundle(tmp_path / "good")
    tiny_bundle(tmp_path / "changed").model_path.write_bytes(b"changed")
    write_bundle(tmp_path / "other classes", tiny_model(CLASSES[:2]), tiny_info(), "card")
    assert run("verify", "good").exit_code == 0
    done = run("verify", "changed", "other classes", "nowhere", "good")
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["bad", "bad", "bad", "good"]
    assert "SHA-256" in lines[0]
    assert "'logits'" in lines[1]
    assert "no model folder" in lines[2]


@pytest.mark.parametrize("command", [[], ["show"], ["verify"]])
def test_no_argument_shows_help(command: list[str]) -> None:
    done = run(*command)
    assert done.exit_code == 2
    assert "Usage" in done.output
