"""`ecosorter classify`: which class each photo shows, or "not sure"."""

import csv
import io
import json
import os
import sys
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ecosorter.classifier import Classifier, Prediction
from ecosorter.cli.options import LangOption, language
from ecosorter.photos import PHOTO_ENDINGS, Limits, find_photos
from ecosorter.texts import Language, class_name, texts

FIELDS = ("path", "status", "label", "best", "confidence", "reason")
"""What each row of the CSV and each object of the JSON starts with."""

_CAPS = Limits()
_ROWS_AT_A_TIME = 32
_STYLES = {"answered": "green", "not_sure": "yellow", "failed": "red"}


def classify(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...", help="Photos, folders, patterns, or - for a list on standard input, a path on each line."
        ),
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            envvar="ECOSORTER_MODEL",
            help="Folder of a model; the one that comes along where not given.",
            show_default=False,
        ),
    ] = None,
    top: Annotated[
        int | None, typer.Option(min=1, help="Also tell the N most probable classes.", metavar="N", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
    csv_file: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Write CSV to a file, or - to print it.", show_default=False),
    ] = None,
    lang: LangOption = None,
    max_megapixels: Annotated[
        float, typer.Option(min=0.001, help="Photos with more are not decoded.")
    ] = _CAPS.max_pixels / 1e6,
    max_megabytes: Annotated[float, typer.Option(min=0.001, help="Larger files are not read.")] = _CAPS.max_bytes / 1e6,
) -> None:
    """Tell which class each photo shows, how sure that is, or that the model is not sure.

    Every photo appears in the output once, in order, with its status.

    Exit code: 0 when all photos could be read, 1 when some could not, 2 when the command or model is no good.
    """
    if as_json and csv_file:
        raise typer.BadParameter("give one of --json and --csv, not both")
    # Pillow warns of oddities inside photos; what matters of them is in the status.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    photos = _photos(paths)
    limits = Limits(max_bytes=round(max_megabytes * 1e6), max_pixels=round(max_megapixels * 1e6))
    classifier = Classifier.load(model, limits=limits)
    classes = classifier.bundle.info.classes
    top = min(top or 0, len(classes))
    speak = language(lang)

    outcomes: Counter[str] = Counter()
    predictions = _counted(classifier.stream(photos), outcomes)
    if as_json:
        _write_json(_with_progress(predictions, speak), sys.stdout, top)
    elif csv_file:
        with _csv_target(csv_file) as file:
            _write_csv(_with_progress(predictions, speak), file, top)
    else:
        _print_table(predictions, classes, top, speak)
        counts = {"photos": outcomes.total(), **{outcome: outcomes[outcome] for outcome in _STYLES}}
        Console(highlight=False).print(texts("classify", speak)["summary"].format(**counts), soft_wrap=True)
    if outcomes["failed"]:
        raise typer.Exit(1)


def _photos(paths: list[str]) -> Iterator[str]:
    """Return the photos that the arguments name, lazily; that there are none is an error at once."""
    if "" in paths:
        raise typer.BadParameter("a path is empty; was a variable not set?", param_hint="PATH")
    if "-" not in paths and next(find_photos(paths), None) is None:
        endings = " ".join(sorted(PHOTO_ENDINGS))
        raise typer.BadParameter(
            f"no photos in {', '.join(paths)}; of a folder, the files that end in {endings} are taken",
            param_hint="PATH",
        )
    named = chain.from_iterable(_listed(sys.stdin.buffer) if path == "-" else [path] for path in paths)
    photos = chain.from_iterable(map(_expand, named))
    first = next(photos, None)
    if first is None:
        raise typer.BadParameter("the list on standard input is empty", param_hint="PATH")
    return chain([first], photos)


def _listed(lines: Iterable[bytes]) -> Iterator[str]:
    """Yield a path for each line that is not blank; any byte may be in one."""
    for line in lines:
        if path := os.fsdecode(line.rstrip(b"\r\n")):
            yield path


def _expand(path: str) -> Iterator[str]:
    """Yield the photos that a path stands for, as it was given where it stands for itself or for none."""
    empty = True
    for found in find_photos([path]):
        empty = False
        yield path if found == Path(path) else os.fspath(found)
    if empty:
        yield path


def _outcome(prediction: Prediction) -> str:
    if prediction.status != "ok":
        return "failed"
    return "not_sure" if prediction.label is None else "answered"


def _counted(predictions: Iterable[Prediction], outcomes: Counter[str]) -> Iterator[Prediction]:
    for prediction in predictions:
        outcomes[_outcome(prediction)] += 1
        yield prediction


def _with_progress(predictions: Iterable[Prediction], speak: Language) -> Iterator[Prediction]:
    """Pass predictions on, and tell their number on standard error if a person sees that but not the results."""
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield from predictions
        return
    words = texts("classify", speak)["progress"]
    with Console(stderr=True).status("") as status:
        for number, prediction in enumerate(predictions, 1):
            status.update(words.format(photos=f"{number:,}"))
            yield prediction


def _most_probable(prediction: Prediction, top: int) -> list[tuple[str, float]]:
    return sorted(prediction.probabilities.items(), key=lambda item: -item[1])[:top]


def _write_json(predictions: Iterable[Prediction], file: TextIO, top: int) -> None:
    """Write one array, an object at a time. It is ASCII: any file name survives, on any terminal."""
    separator = "[\n"
    for prediction in predictions:
        row: dict[str, Any] = {
            "path": prediction.path,
            "status": prediction.status,
            "label": prediction.label,
            "best": prediction.best,
            "confidence": prediction.confidence,
            "reason": prediction.reason or prediction.error,
            "candidates": prediction.candidates,
        }
        if top:
            row["top"] = [{"label": label, "probability": p} for label, p in _most_probable(prediction, top)]
        file.write(separator + json.dumps(row))
        separator = ",\n"
    file.write("\n]\n")


def _write_csv(predictions: Iterable[Prediction], file: TextIO, top: int) -> None:
    writer = csv.writer(file, lineterminator="\n")
    ranked = chain.from_iterable((f"top{n}", f"top{n}_probability") for n in range(1, top + 1))
    writer.writerow([*FIELDS, *ranked])
    for p in predictions:
        best = chain.from_iterable(_most_probable(p, top)) if p.status == "ok" else [""] * (2 * top)
        writer.writerow([p.path, p.status, p.label, p.best, p.confidence, p.reason or p.error, *best])


@contextmanager
def _csv_target(path: Path) -> Iterator[TextIO]:
    """Open what `--csv` names. A file appears under its name only when it is whole.

    File names that are not UTF-8 are written as the bytes that they are.
    """
    if str(path) == "-":
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape", newline="\n")
        yield sys.stdout
        return
    # A pipe or a device, as in --csv /dev/stdout, cannot be replaced.
    at_once = path.exists() and not path.is_file()
    unfinished = path if at_once else path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with unfinished.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            yield file
        unfinished.replace(path)
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be written: {error.strerror}", param_hint="--csv") from error
    finally:
        if not at_once:
            unfinished.unlink(missing_ok=True)


def _print_table(predictions: Iterator[Prediction], classes: Iterable[str], top: int, speak: Language) -> None:
    """Print rows as they come, in columns of fixed width, so that memory stays flat."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal may lack letters of a file name
    words, statuses = texts("classify", speak), texts("photos", speak)
    not_sure = texts("decision", speak)["not_sure"]
    names = {name: class_name(name, speak) for name in classes}
    answer_width = max(map(len, (*names.values(), not_sure, words["not_read"], words["answer"])))
    console = Console(highlight=False)
    free = max(console.width - answer_width - len(words["confidence"]) - 6, 40)

    def details(prediction: Prediction) -> str:
        if prediction.status != "ok":
            return statuses.get(prediction.status, prediction.error)
        if top:
            return ", ".join(f"{names[label]} {p:.0%}" for label, p in _most_probable(prediction, top))
        if prediction.label is None:
            return words["perhaps"].format(classes=_either([names[c] for c in prediction.candidates[:3]], words["or"]))
        return ""

    with_heading = True
    while rows := list(islice(predictions, _ROWS_AT_A_TIME)):
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=with_heading)
        table.add_column(words["photo"], width=free // 2, overflow="fold")
        table.add_column(words["answer"], width=answer_width, overflow="fold")
        table.add_column(words["confidence"], width=len(words["confidence"]), justify="right")
        table.add_column(words["details"], width=free - free // 2, overflow="fold")
        for row in rows:
            outcome = _outcome(row)
            answer = {"failed": words["not_read"], "not_sure": not_sure}.get(outcome) or names[str(row.label)]
            confidence = "" if row.confidence is None else f"{row.confidence:.0%}"
            cells = (_printable(row.path), Text(answer, _STYLES[outcome]), confidence, Text(details(row)))
            table.add_row(*cells)
        console.print(table)
        with_heading = False


def _either(names: list[str], word: str) -> str:
    """Return ``"a, b or c"``."""
    return f" {word} ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def _printable(path: str) -> Text:
    """Return a path for the screen: what is no letter, as in a name that is no UTF-8, becomes a mark."""
    return Text("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in path))
