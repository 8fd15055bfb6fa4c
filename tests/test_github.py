"""What lies in `.github`, and what else others' programs read, fits its schema and the checks that there are for it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import ecosorter
from tests.documents import ROOT

GITHUB = ROOT / ".github"
FORMS = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
SCHEMAS: dict[str, list[Path]] = {
    "github-workflows": sorted((GITHUB / "workflows").glob("*.yml")),
    "github-issue-forms": FORMS,
    "github-issue-config": [GITHUB / "ISSUE_TEMPLATE/config.yml"],
    "dependabot": [GITHUB / "dependabot.yml"],
    "citation-file-format": [ROOT / "CITATION.cff"],
}


def run(*command: Any) -> str:
    """Run a check; return what it finds."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def checked(schema: str, files: list[Path]) -> str:
    return run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *files)


def tool(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"needs {name}, which comes with the extra [dev] on Linux")
    return found


@pytest.mark.parametrize("schema", SCHEMAS)
def test_files_fit_their_schema(schema: str) -> None:
    assert SCHEMAS[schema]
    assert checked(schema, SCHEMAS[schema]) == ""


def test_a_workflow_that_is_wrong_would_be_noticed(tmp_path: Path) -> None:
    wrong = tmp_path / "ci.yml"
    wrong.write_text(SCHEMAS["github-workflows"][0].read_text(encoding="utf-8").replace("runs-on:", "run-on:"))
    assert "run-on" in checked("github-workflows", [wrong])
    assert "run-on" in run(tool("actionlint"), "-no-color", wrong)


def test_workflows_are_clean() -> None:
    assert run(tool("actionlint"), "-no-color", *SCHEMAS["github-workflows"]) == ""


def test_the_container_file_is_clean() -> None:
    assert run(tool("hadolint"), "--no-color", ROOT / "deploy/Containerfile") == ""


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_forms_ask_for_what_the_doctor_says(form: Path) -> None:
    body = yaml.safe_load(form.read_text(encoding="utf-8"))["body"]
    (asked,) = (each for each in body if each.get("id") == "doctor")
    assert "ecosorter doctor" in asked["attributes"]["label"]


def test_a_job_may_do_no_more_than_it_must() -> None:
    for path in SCHEMAS["github-workflows"]:
        workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert workflow["permissions"] == {"contents": "read"}
        for job in workflow["jobs"].values():
            for step in job["steps"]:
                assert "secrets." not in str(step)
                assert not re.search(r"\$\{\{ *github\.(event|head_ref)", step.get("run", "")), (
                    "would run others' words"
                )


def test_every_python_that_is_promised_is_tried() -> None:
    matrix = yaml.safe_load((GITHUB / "workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]["tests"]["strategy"][
        "matrix"
    ]
    promised = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert matrix["python"] == promised
    assert {name.partition("-")[0] for name in matrix["system"]} == {"ubuntu", "macos", "windows"}


def test_whoever_cites_it_names_this_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (cited["version"], cited["license"]) == (ecosorter.__version__, "Apache-2.0")
