"""The public names, and what importing them costs."""

import inspect
import os
import subprocess
import sys
from importlib.metadata import requires
from importlib.resources import files
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import ecosorter
from ecosorter import errors
from ecosorter.errors import EcoSorterError, PhotoError
from ecosorter.texts import LANGUAGES, Language, texts

NAMES = """
BackboneError BulkError Bundle BundleError BundleInfo CacheError Classifier DataSource DatasetError Decision
DownloadBrokenOff DownloadError EcoSorterError ExportError GuidanceError Limits PhotoCorrupt PhotoEmpty PhotoError
PhotoIsFolder PhotoIsHtml PhotoIsText PhotoMislabelled PhotoMissing PhotoTooManyBytes PhotoTooManyPixels
PhotoTruncated PhotoUnreadable PhotoUnsupported Prediction PreprocessSpec RecipeError RunError ServiceError StoreError
Thresholds __version__ decide decode_pixels find_photos load_bundle open_photo to_pixels write_bundle
"""


def test_the_public_names_are_these() -> None:
    assert sorted(ecosorter.__all__) == NAMES.split()
    for name in ecosorter.__all__:
        assert hasattr(ecosorter, name)


def test_every_error_is_public() -> None:
    raised = [c.__name__ for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, EcoSorterError)]
    assert set(raised) <= set(ecosorter.__all__)


def test_importing_loads_no_large_library() -> None:
    heavy = "torch transformers sklearn lightning onnx onnxruntime fastapi typer rich pillow_heif wandb matplotlib"
    code = f"import sys, ecosorter; print(*(set({heavy.split()!r}) & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == ""


def test_what_reads_heic_is_large_and_comes_with_extras() -> None:
    def needs(extra: str) -> set[str]:
        listed = map(Requirement, requires("ecosorter") or ())
        return {need.name for need in listed if not need.marker or need.marker.evaluate({"extra": extra})}

    assert "pillow-heif" not in needs("")
    for extra in ("heic", "serve", "train", "bulk", "ray", "dev"):
        assert "pillow-heif" in needs(extra), extra


def test_onnx_runtime_keeps_no_records_to_report(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("ORT_DISABLE_TELEMETRY", "HOME")}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", "import ecosorter, onnxruntime"], check=True, env=environment)
    assert list(tmp_path.iterdir()) == []


def test_errors_py_draws_its_tree() -> None:
    assert errors.__doc__
    for name in NAMES.split():
        if name.endswith("Error") or name.startswith("Photo"):
            assert f" {name} " in errors.__doc__ or f"{name}\n" in errors.__doc__, name


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_status_has_words(language: Language) -> None:
    statuses = {error.status for error in PhotoError.__subclasses__()} | {"ok"}
    words = texts("photos", language)
    assert set(words) == statuses
    assert all(words.values())


def test_every_text_is_in_every_language() -> None:
    areas = [entry.name.removesuffix(".toml") for entry in files("ecosorter.texts").iterdir() if ".toml" in entry.name]
    assert {"classify", "decision", "models", "photos"} <= set(areas)
    for area in areas:
        first, *others = [texts(area, language) for language in LANGUAGES]
        for other in others:
            assert set(first) == set(other)
