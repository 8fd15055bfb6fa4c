"""`ecosorter doctor`: what is installed here, what works, and what does not."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ecosorter.cli.options import LangOption, ModelOption, language
from ecosorter.cli.store_options import DatabaseOption
from ecosorter.texts import texts

if TYPE_CHECKING:
    from ecosorter.cli.diagnosis import Finding

_COLOURS = {"good": "green", "warning": "yellow", "bad": "red", "absent": "dim"}


def doctor(
    model: ModelOption = None,
    database: DatabaseOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    lang: LangOption = None,
) -> None:
    """Look whether all is well here, and say what to report with a bug; nothing is changed, and nothing secret told.

    Exit code 1 when something is bad.
    """
    from ecosorter.cli.diagnosis import examine  # noqa: PLC0415 - brings numpy, which the help of others need not pay

    findings = list(examine(model, database))
    if as_json:
        typer.echo(json.dumps({finding.key: asdict(finding) for finding in findings}, indent=2, ensure_ascii=False))
    else:
        words = texts("doctor", language(lang))
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
        table.add_column(style="bold")
        table.add_column()
        table.add_column(overflow="fold")
        for finding in findings:
            state = Text(words[finding.state], _COLOURS[finding.state])
            table.add_row(words[finding.key], state, Text(_sentence(finding, words)))
        Console(highlight=False).print(table)
    if any(finding.state == "bad" for finding in findings):
        raise typer.Exit(1)


def _sentence(finding: "Finding", words: Mapping[str, str]) -> str:
    """Return what is said of a thing in its state."""
    if "module" in finding.facts:
        text = words["not_installed"]
    elif "error" in finding.facts:
        text = words["fault"]
    else:
        text = words[f"{finding.key}_{finding.state}"]
    return text.format(**{name: _said(fact) for name, fact in finding.facts.items()})


def _said(fact: Any) -> Any:
    if isinstance(fact, dict):
        fact = [f"{name} {value}" for name, value in fact.items() if value is not None]
    return ", ".join(fact) if isinstance(fact, list) else fact
