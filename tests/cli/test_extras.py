"""The table of extras says what pyproject.toml says."""

import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from ecosorter.cli.extras import extra_of

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


def distribution(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-")


def brought_by(extra: str) -> set[str]:
    """Return the distributions that an extra brings, those of the extras that it builds on included."""
    found = set()
    for requirement in EXTRAS[extra]:
        if inner := re.match(r"ecosorter\[(\w+)\]", requirement):
            found |= brought_by(inner[1])
        else:
            found.add(distribution(requirement))
    return found


def modules() -> list[tuple[str, str]]:
    """Return (module, distribution) of all that the extras for people bring, as far as it is installed here."""
    wanted = set.union(*(brought_by(extra) for extra in EXTRAS if extra not in ("dev", "docs")))
    return [
        (module, name.lower().replace("_", "-"))
        for module, names in sorted(packages_distributions().items())
        for name in names
        if name.lower().replace("_", "-") in wanted and module.isidentifier() and not module.startswith("_")
    ]


# Modules that a distribution brings beside the one that is imported by its users.
BESIDE = {
    "multipart",
    "torchgen",
    "functorch",
    "psycopg_binary",
    "lightning_fabric",
    "pytorch_lightning",
    "mpl_toolkits",
    "pylab",
}


@pytest.mark.parametrize(("module", "brought"), [pair for pair in modules() if pair[0] not in BESIDE])
def test_every_module_names_an_extra_that_brings_it(module: str, brought: str) -> None:
    extra = extra_of(f"{module}.inner")
    assert extra is not None
    assert brought in brought_by(extra)


def test_each_step_builds_on_the_one_before() -> None:
    assert brought_by("heic") < brought_by("data") < brought_by("teach") < brought_by("train")
    assert not {"torch", "transformers", "lightning"} & brought_by("teach")


def test_what_no_extra_brings_is_not_guessed() -> None:
    assert extra_of("no_such_thing") is None
