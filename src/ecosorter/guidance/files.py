"""Reads the data files, and says which key is wrong when one is. The package's own are read once, when first needed."""

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ecosorter.errors import GuidanceError
from ecosorter.guidance.checks import said_twice, wrong_entries
from ecosorter.guidance.entries import Entries
from ecosorter.guidance.models import SAFE, Classes, Scheme
from ecosorter.guidance.resolve import Item, resolve
from ecosorter.nearest import nearest

_Model = TypeVar("_Model", bound=BaseModel)

_MAX_BYTES = 1_000_000
_PRICE_KEY = re.compile(r"(^|[_-])(harga|prices?|tarif|rp|rupiah|idr|cost|biaya)($|[_-])", re.IGNORECASE)


@cache
def classes() -> Classes:
    """Return what the package knows about classes: what to do, what not, questions and answers."""
    return _parsed(_packaged("classes.toml"), Classes, "classes.toml")


@cache
def schemes() -> tuple[Scheme, ...]:
    """Return the schemes that come with the package, sorted by id."""
    folder = files(__package__).joinpath("schemes")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return tuple(_checked(_packaged(f"schemes/{name}"), name) for name in names)


@cache
def entries() -> dict[str, Entries]:
    """Return the items of the package as they are written down, by class: one file a class."""
    folder = files(__package__).joinpath("items")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return {name.removesuffix(".toml"): _parsed(_packaged(f"items/{name}"), Entries, f"items/{name}") for name in names}


@cache
def items() -> dict[str, Item]:
    """Return the items of the package by id, checked against its classes and schemes.

    Raises:
        GuidanceError: an entry is wrong; the message names its file, its line and the key.
    """
    found = resolve(entries())
    twice = list(said_twice(found, {key: entry for file in entries().values() for key, entry in file.items.items()}))
    for label, file in entries().items():
        wrong = [
            *wrong_entries(found, file.items, classes(), schemes()[0], file.sources),
            *_misplaced(label, file, found),
            *(line for line in twice if line.split("'")[1].split(".")[1] in file.items),
        ]
        if wrong:
            name = f"items/{label}.toml"
            raise GuidanceError(_sentence(name, _with_lines(wrong, _packaged(name))))
    return found


def _misplaced(label: str, file: Entries, found: Mapping[str, Item]) -> Iterator[str]:
    """Yield entries of the package that stand in the wrong file, or for which one of its schemes has no bin."""
    for key, entry in file.items.items():
        if entry.label is not None or entry.bin is not None:
            yield f"'items.{key}': `label` and `bin` are for a scheme's own file; here the file says the class"
        if key in found and found[key].label != label:
            yield f"'items.{key}' is in items/{found[key].label}.toml too: give one of them another id"
        for each in schemes() if label in classes().classes else ():
            if each.bin_id(label, entry.answer or classes().classes[label].unless_answered) is None:
                yield f"'items.{key}' has no bin in the scheme '{each.id}': give its class and answer one there"


def items_of(found: Scheme) -> dict[str, Item]:
    """Return the items that hold under a scheme: the package's, and its own."""
    return resolve(entries(), found) if found.items else items()


def scheme(scheme_id: str) -> Scheme:
    """Return one of the package's schemes.

    Raises:
        GuidanceError: there is none of that id; the message names the nearest.
    """
    found = {each.id: each for each in schemes()}
    if scheme_id not in found:
        raise GuidanceError(
            f"There is no scheme '{scheme_id}'{nearest(scheme_id, found)}. Take one of: {', '.join(found)}."
        )
    return found[scheme_id]


def template() -> str:
    """Return the commented file that a waste bank fills in; `load_scheme` reads it then."""
    return _packaged("template.toml")


def load_scheme(path: str | os.PathLike[str]) -> Scheme:
    """Read somebody's own scheme: a file made from the template.

    Raises:
        GuidanceError: the file cannot be read, or is wrong; the message names every wrong key.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise GuidanceError(f"The scheme {os.fspath(path)} is larger than {_MAX_BYTES:,} bytes; no scheme is.")
        text = content.decode("utf-8-sig")  # editors on Windows begin a file with a byte order mark
    except (OSError, UnicodeDecodeError) as error:
        raise GuidanceError(f"The scheme {os.fspath(path)} cannot be read: {error}.") from error
    return _checked(text, os.fspath(path))


def _packaged(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _checked(text: str, name: str) -> Scheme:
    """Read a scheme and hold it against what is known about classes."""
    found = _parsed(text, Scheme, name)
    if problems := list(_misfits(found, classes())):
        raise GuidanceError(_sentence(name, _with_lines(problems, text)))
    return found


def _parsed(text: str, model: type[_Model], name: str) -> _Model:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise GuidanceError(f"{name} is no TOML file: {error}.") from error
    if priced := list(_prices(table)):
        raise GuidanceError(
            _sentence(name, [f"'{key}' is a price. Prices change; this file has none" for key in priced])
        )
    try:
        return model.model_validate(table)
    except ValidationError as error:
        raise GuidanceError(_sentence(name, _with_lines(_complaints(error), text))) from error


def _with_lines(problems: Iterable[str], text: str) -> Iterator[str]:
    """Put the number of the line before each problem whose key stands in the text."""
    for problem in problems:
        path = re.search("'([^']+)'", problem)
        line = _line_of(path[1].split("."), text) if path else None
        yield f"line {line}: {problem}" if line else problem


def _line_of(path: list[str], text: str) -> int | None:
    """Return the line of a key, counted from one, or of the table that it belongs in; None where neither is there."""
    best, where = 0, None
    table: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[+\s*([\w.\"-]+)\s*\]+", line):
            table = header[1].replace('"', "").split(".")
            reached = table
        elif key := re.match(r"\s*([\w.\"-]+)\s*=", line):
            reached = [*table, *key[1].replace('"', "").split(".")]
        else:
            continue
        if len(reached) > best and path[: len(reached)] == reached:
            best, where = len(reached), number
    return where


def _sentence(name: str, problems: Iterable[str]) -> str:
    return f"{name} cannot be used: {'; '.join(problems)}."


def _prices(table: Any, path: str = "") -> Iterator[str]:
    """Yield the dotted path of every key that is named like a price, however deep."""
    if isinstance(table, Mapping):
        for key, value in table.items():
            if _PRICE_KEY.search(key) and path != "items.":  # a price tag is a thing
                yield path + key
            yield from _prices(value, f"{path}{key}.")
    elif isinstance(table, list):
        for place, value in enumerate(table):
            yield from _prices(value, f"{path}{place}.")


def _complaints(error: ValidationError) -> Iterator[str]:
    said: set[str] = set()
    for detail in error.errors(include_url=False):
        # Members of a union are named by their type in pydantic's location; of a place in `map` both kinds complain.
        parts = [str(part) for part in detail["loc"] if part not in ("[key]", "str") and "dict[" not in str(part)]
        path = ".".join(parts)
        given = detail["input"]
        if isinstance(given, str) and not given.strip() and detail["type"] != "extra_forbidden":
            line = f"'{path}' is empty: fill it in"
        elif detail["type"] == "too_short":
            if any(line.startswith(f"'{path}.") for line in said):
                continue  # it counts as empty only because what stands in it is wrong, and that is said already
            line = f"'{path}' needs at least one entry"
        elif detail["type"] == "extra_forbidden":
            line = f"unknown key '{path}'"
        elif detail["type"] == "missing":
            line = f"'{path}' is missing"
        elif parts[:1] == ["map"]:
            line = f"'{path}' must be the name of a bin, or a table of answers and bins"
        else:
            message = detail["msg"].removeprefix("Value error, ")
            line = f"'{path}': {message}" if path else message
        if line not in said:
            said.add(line)
            yield line


def _misfits(found: Scheme, known: Classes) -> Iterator[str]:
    """Yield what in a scheme's map does not exist, and hazardous things that are sent to an unsafe place."""
    if found.items:
        all_items = resolve(entries(), found)
        yield from wrong_entries(all_items, found.items, known, found)
        yield from said_twice(all_items, found.items)
    for label, place in found.map.items():
        if label not in known.classes:
            yield f"unknown class 'map.{label}'{nearest(label, known.classes)}"
            continue
        answers = known.classes[label].answers
        for answer, bin_id in place.items() if isinstance(place, dict) else [("", place)]:
            path = f"map.{label}.{answer}".removesuffix(".")
            if answer and answer not in answers:
                yield f"unknown answer '{path}'{nearest(answer, answers)}"
            elif bin_id not in found.bins:
                yield f"'{path}' names the bin '{bin_id}', which is not there{nearest(bin_id, found.bins)}"
        for answer, meaning in answers.items():
            bin_ = found.bins.get(found.bin_id(label, answer) or "")
            if meaning.hazardous and bin_ is not None and bin_.kind not in SAFE:
                yield f"'map.{label}.{answer}' is hazardous and must not go to a bin of the kind '{bin_.kind}'"
