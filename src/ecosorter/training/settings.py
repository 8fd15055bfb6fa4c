"""Settings in TOML files that are checked to the last key, with environment and flags over them."""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ecosorter.errors import RecipeError
from ecosorter.nearest import nearest

Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """A table of settings: unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Kind = TypeVar("Kind", bound=Section)


def built_in(folder: str) -> list[str]:
    """Return the names of the files that come with the package in a folder, without their ending."""
    return sorted(path.name.removesuffix(".toml") for path in _place(folder).iterdir() if path.name.endswith(".toml"))


def load(
    kind: type[Kind],
    folder: str,
    name_or_path: str | Path,
    *,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    renamed: Mapping[str, str] | None = None,
) -> Kind:
    """Read settings and put environment and flags over them.

    Args:
        kind: what the file must hold.
        folder: of the files that come with the package.
        name_or_path: one of `built_in(folder)`, or a TOML file; one without a name is called after its file.
        overrides: values by dotted key (``{"fit.epochs": "10"}``). Text is understood as in the environment;
            None stands for a flag that was not given.
        environ: variables named ``ECOSORTER_<SECTION>__<KEY>``, with ``ECOSORTER_TRAIN__SEED`` and ``…__NAME`` for
            the keys outside of sections; others are not looked at. Lists and tables are written as in TOML.
        renamed: keys that were called otherwise, with what they are called now. They are refused with their new name.

    Raises:
        RecipeError: no such recipe, no TOML, an unknown or renamed key, or a value that is not allowed. The message
            has a line for each.
    """
    data = _read(folder, name_or_path)
    from_environment = _from_environment(environ or {})
    flags = {key: value for key, value in (overrides or {}).items() if value is not None}
    for key, value in {**from_environment, **flags}.items():
        _put(data, key.split("."), _understood(value))
    if old := [key for key in renamed or {} if _holds(data, key.split("."))]:
        raise RecipeError("\n".join(f"Renamed key: '{key}' is now {(renamed or {})[key]}." for key in old))
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise RecipeError("\n".join(dict.fromkeys(_complaints(kind, error, from_environment)))) from error


def _place(folder: str) -> Any:
    return files("ecosorter.training") / folder


def _read(folder: str, name_or_path: str | Path) -> dict[str, Any]:
    names = built_in(folder)
    source = _place(folder) / f"{name_or_path}.toml" if str(name_or_path) in names else Path(name_or_path)
    if not source.is_file():
        raise RecipeError(
            f"There is no recipe '{name_or_path}'{nearest(str(name_or_path), names)}. "
            f"Give the path of a TOML file or one of: {', '.join(names)}."
        )
    try:
        return {"name": Path(name_or_path).stem, **tomllib.loads(source.read_text(encoding="utf-8-sig"))}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"The recipe {name_or_path} cannot be read as TOML: {error}.") from error


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for variable, value in sorted(environ.items()):
        section, separator, key = variable.removeprefix("ECOSORTER_").lower().partition("__")
        if variable.startswith("ECOSORTER_") and separator:
            path = key.replace("__", ".")
            found[path if section == "train" else f"{section}.{path}"] = value
    return found


def _understood(value: Any) -> Any:
    """Read text that looks like a TOML list or table as one; pydantic turns other text into numbers."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            return value
    return value


def _put(data: dict[str, Any], path: Sequence[str], value: Any) -> None:
    *sections, key = path
    for section in sections:
        inner = data.get(section)
        # A copy: never change a table that the caller holds. A word ("none") gives way to a table.
        data[section] = dict(inner) if isinstance(inner, dict) else {}
        data = data[section]
    data[key] = value


def _holds(data: Any, path: Sequence[str]) -> bool:
    for key in path:
        if not isinstance(data, dict) or key not in data:
            return False
        data = data[key]
    return True


def _complaints(kind: type[BaseModel], error: ValidationError, from_environment: Mapping[str, str]) -> Iterator[str]:
    keys = list(_known_keys(kind))
    for detail in error.errors(include_url=False):
        path = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == "extra_forbidden":
            where = " in the environment" if path in from_environment else ""
            yield f"Unknown key{where}: '{path}'{nearest(path, keys)}"
            continue
        while path and path not in keys:  # pydantic's location also names list places and members of a union
            path = path.rpartition(".")[0]
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "missing" or not path or isinstance(detail["input"], BaseModel | dict):
            yield f"Bad recipe{f', {path!r}' if path else ''}: {message}"
        else:
            yield f"Bad value for '{path}': {json.dumps(detail['input'], default=str)}. {message}"


def _known_keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield every dotted key, tables included."""
    for name, field in model.model_fields.items():
        yield prefix + name
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _known_keys(kind, f"{prefix}{name}.")
