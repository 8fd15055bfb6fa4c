"""`ecosorter evaluate`: how well a model does on photos whose classes are known."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from ecosorter.cli.options import ClassesOption, DeviceOption, LangOption, language
from ecosorter.texts import Language, class_name, texts

if TYPE_CHECKING:
    from ecosorter.evaluation.evaluate import Evaluation
    from ecosorter.evaluation.scores import Scores


def evaluate(
    model: Annotated[Path, typer.Argument(help="Folder of a bundle.")],
    photos: Annotated[list[Path], typer.Argument(help="Folders of class folders, folders of those, or CSV manifests.")],
    classes: ClassesOption = "seven",
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, answers included.")] = False,
    device: DeviceOption = "auto",
    lang: LangOption = None,
) -> None:
    """Measure a model on photos that it has not seen.

    The exit code is 1 when a photo could not be read; the figures are then those of the others.
    """
    from ecosorter.classifier import Classifier  # noqa: PLC0415  # other commands start without what these need
    from ecosorter.datasets.dataset import load_dataset  # noqa: PLC0415
    from ecosorter.evaluation.evaluate import evaluate_bundle  # noqa: PLC0415

    classifier = Classifier.load(model, device=device)
    dataset = load_dataset(photos, own_classes=classes == "own")
    errors = Console(stderr=True)
    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as bars:
        task = bars.add_task("", total=len(dataset.rows))
        result = evaluate_bundle(classifier, dataset, lambda photos: bars.advance(task, photos))
    if as_json:
        typer.echo(json.dumps(result.model_dump(), indent=2))  # ASCII: any file name survives, on any terminal
    else:
        _print(result, classifier.bundle.info.name, language(lang))
    if result.failed:
        raise typer.Exit(1)


def _print(result: "Evaluation", model: str, words: Language) -> None:
    text = texts("evaluate", words)
    console = Console()
    if result.learnt_from:
        console.print(text["learnt_from"].format(sources=", ".join(result.learnt_from)), markup=False, highlight=False)
    console.print(_figures(result.scores, text, model))
    console.print(_classes(result.scores, text, words))
    if len(result.by_source) > 1:
        console.print(_sources(result.by_source, text))
    if result.by_item:
        console.print(_items(result, text, words))
    console.print(_confusion(result.scores, text, words))
    if result.failed:
        table = _table(text["failed"], text["status"], text["photo"], right=0)
        for failure in result.failed:
            table.add_row(failure.status, _text(failure.path))
        console.print(table)


def _figures(scores: "Scores", text: dict[str, str], model: str) -> Table:
    table = _table(f"{text['title']}: {model}", "", "", header=False)
    low, high = scores.accuracy_interval
    rows = {
        "photos": str(scores.photos),
        "accuracy": f"{scores.accuracy:.3f} ({low:.3f} - {high:.3f})",
        "macro_f1": f"{scores.macro_f1:.3f}",
        "macro_recall": f"{scores.macro_recall:.3f}",
        "loss": f"{scores.loss:.3f}",
        "calibration_error": f"{scores.calibration_error:.3f} ({scores.calibration_error_before:.3f})",
        "coverage": _percent(scores.coverage),
        "answered_accuracy": _percent(scores.answered_accuracy),
    }
    for key, value in rows.items():
        table.add_row(text[key], value)
    return table


def _classes(scores: "Scores", text: dict[str, str], words: Language) -> Table:
    table = _table(text["by_class"], *(text[key] for key in ("class", "photos", "precision", "recall", "f1")))
    for name, of_class in scores.per_class.items():
        rates = (of_class.precision, of_class.recall, of_class.f1)
        # Without photos of a class nothing is known about finding it.
        figures = (f"{rate:.3f}" for rate in rates) if of_class.photos else ("-", "-", "-")
        table.add_row(_text(class_name(name, words)), str(of_class.photos), *figures)
    return table


def _sources(by_source: "dict[str, Scores]", text: dict[str, str]) -> Table:
    keys = ("source", "photos", "accuracy_short", "interval", "macro_recall", "coverage_short", "answered_short")
    table = _table(text["by_source"], *(text[key] for key in keys))
    for name, scores in by_source.items():
        low, high = scores.accuracy_interval
        table.add_row(
            _text(name),
            str(scores.photos),
            f"{scores.accuracy:.3f}",
            f"{low:.3f} - {high:.3f}",
            f"{scores.macro_recall:.3f}",
            _percent(scores.coverage),
            _percent(scores.answered_accuracy),
        )
    return table


def _items(result: "Evaluation", text: dict[str, str], words: Language) -> Table:
    table = _table(text["by_item"], *(text[key] for key in ("item", "class", "photos", "recall")), right=2)
    for name, found in result.by_item.items():
        table.add_row(_text(name), _text(class_name(found.label, words)), str(found.photos), f"{found.recall:.3f}")
    return table


def _confusion(scores: "Scores", text: dict[str, str], words: Language) -> Table:
    names = [class_name(name, words) for name in scores.classes]
    table = _table(text["confusion"], "", *names)
    for row, name in enumerate(names):
        cells = scores.confusion[row]
        if sum(cells):
            figures = (f"[bold]{n}[/]" if column == row else str(n or "·") for column, n in enumerate(cells))
            table.add_row(_text(name), *figures)
    return table


def _table(title: str, *columns: str, header: bool = True, right: int = 1) -> Table:
    """Return a table whose columns from the `right`-th on hold numbers; 0 for none."""
    table = Table(title=_text(title), title_justify="left", box=box.SIMPLE, show_header=header)
    for number, name in enumerate(columns):
        table.add_column(_text(name), justify="right" if right and number >= right else "left", overflow="fold")
    return table


def _text(name: str) -> Text:
    """Show a name as it is: no markup in it counts, and bytes that are no UTF-8 are told by their numbers."""
    return Text(name.encode("utf-8", "backslashreplace").decode())


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
