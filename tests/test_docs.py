"""What the documents say is true: links lead somewhere, commands parse, snippets run, tables agree with the code."""

import ast
import json
import re
import runpy
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin
from urllib.parse import unquote

import pytest
import typer
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

import ecosorter
from ecosorter import BundleInfo, Limits, PhotoError, load_bundle
from ecosorter.bundle import shipped_bundles
from ecosorter.cli.app import app
from ecosorter.datasets.audit import ENOUGH
from ecosorter.datasets.class_names import one_of_the_seven
from ecosorter.folders import PHOTO_ENDINGS
from ecosorter.guidance.entries import Entries, Entry
from ecosorter.training.recipe import Recipe, load_recipe, recipe_names
from ecosorter.training.results import Epoch
from tests.documents import PAGES, ROOT, SHELLS, anchors, code, commands, fences, prose, read, spans, tables
from tests.tiny import photo, tiny_bundle

ITEMS_PAGE = "docs/guidance.md"  # shows no recipes in TOML, but items

UsageError: Any = typer.BadParameter.__base__


# Links


@pytest.mark.parametrize("page", PAGES)
def test_relative_links_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.resolve().relative_to(ROOT).as_posix()), link


# Commands


COMMAND: Any = typer.main.get_command(app)


def parsed(arguments: list[str]) -> tuple[str, dict[str, Any]]:
    """Parse a command without running it; return its name and parameters.

    Raises:
        UsageError: no such command or option, or a value that it does not take.
    """
    command: Any = COMMAND
    names, rest = [], list(arguments)
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        if rest[0] not in command.commands:
            raise UsageError(f"no command {rest[0]!r} in {' '.join(arguments)!r}")
        names.append(rest[0])
        command = command.commands[rest.pop(0)]
    alone = {"--help"} | {
        option for each in command.params if not each.expose_value or each.is_eager for option in each.opts
    }
    if len(rest) == 1 and rest[0] in alone:  # parsing is doing, with these
        return " ".join(names), {}
    return " ".join(names), command.make_context(" ".join(names), rest).params


def leaf_commands() -> set[str]:
    def walk(command: Any, name: str) -> Iterator[str]:
        inner = getattr(command, "commands", {})
        yield from (leaf for key in inner for leaf in walk(inner[key], f"{name} {key}"))
        if not inner:
            yield name

    return set(walk(COMMAND, "ecosorter"))


SHOWN = [
    (page, arguments)
    for page in PAGES
    for fence in fences(page)
    if fence.language in SHELLS
    for arguments in commands(fence.body)
]


@pytest.mark.parametrize(("page", "arguments"), SHOWN, ids=[f"{page}: {shlex.join(words)}" for page, words in SHOWN])
def test_shown_commands_parse(page: str, arguments: list[str]) -> None:
    name, given = parsed(arguments)
    if name == "train":
        flags = {"features.backbone": given["backbone"], "seed": given["seed"], "fit.epochs": given["epochs"]}
        pairs = dict(setting.split("=", 1) for setting in given["settings"] or [])
        known = given["recipe"] in recipe_names()
        assert known or given["recipe"].endswith(".toml")
        load_recipe(given["recipe"] if known else recipe_names()[0], overrides=flags | pairs)


def test_every_kind_of_command_is_shown_somewhere() -> None:
    assert {f"ecosorter {parsed(arguments)[0]}" for _, arguments in SHOWN} >= leaf_commands()


@pytest.mark.parametrize(
    "line",
    [
        "ecosorter classifi a.jpg",
        "ecosorter photos chek photos",
        "X=1 ecosorter train photos --recipee mine.toml",
        "cat list | .venv/bin/ecosorter classify - --top none > out",
        "ecosorter evaluate bundle",
    ],
)
def test_a_command_that_is_wrong_would_be_noticed(line: str) -> None:
    (arguments,) = commands(line)
    with pytest.raises(UsageError):
        parsed(arguments)


@pytest.mark.parametrize("page", PAGES)
def test_named_commands_exist(page: str) -> None:
    for span in spans(page):
        words = re.match(r"ecosorter((?: [a-z]+)+)", span)
        if words:
            command: Any = typer.main.get_command(app)
            for word in words[1].split():
                if hasattr(command, "commands"):
                    assert word in command.commands, span
                    command = command.commands[word]


def test_the_readme_lists_every_command() -> None:
    (table,) = (table for table in tables("README.md") if table.header[0] == "command")
    assert {code(row[0])[0] for row in table.rows} == leaf_commands()


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_exist(page: str) -> None:
    shown = "\n".join([*spans(page), *(fence.body for fence in fences(page) if fence.language in SHELLS)])
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    assert set(re.findall(r"^make ([a-z]+)", shown, re.MULTILINE)) <= targets


@pytest.mark.parametrize("page", PAGES)
def test_environment_variables_exist(page: str) -> None:
    code_files = [path for folder in ("src", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    known = set(re.findall(r"ECOSORTER_[A-Z_]+", "\n".join(path.read_text(encoding="utf-8") for path in code_files)))
    for name in re.findall(r"ECOSORTER_[A-Z][A-Z_]+", read(page)):
        section, separator, key = name.removeprefix("ECOSORTER_").lower().partition("__")
        if separator:
            assert (key if section == "train" else f"{section}.{key}") in KEYS, name
        else:
            assert name in known, name


# Snippets


SNIPPETS = [(page, fence.body) for page in PAGES for fence in fences(page) if fence.language == "python"]


@pytest.mark.parametrize(("page", "snippet"), SNIPPETS, ids=[f"{page}-{i}" for i, (page, _) in enumerate(SNIPPETS)])
def test_snippets_run(page: str, snippet: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_bundle(tmp_path / "runs/first/bundle")
    (tmp_path / "bottle.jpg").write_bytes(photo(kind="JPEG"))
    (tmp_path / "box.heic").write_bytes(photo(kind="HEIF"))
    (tmp_path / "snippet.py").write_text(snippet, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    runpy.run_path("snippet.py")


def test_recipes_that_are_shown_are_recipes(tmp_path: Path) -> None:
    shown = [fence.body for page in PAGES if page != ITEMS_PAGE for fence in fences(page) if fence.language == "toml"]
    assert shown
    for text in shown:
        (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
        load_recipe(tmp_path / "mine.toml")


def test_the_item_that_is_shown_is_one() -> None:
    (shown,) = (fence.body for fence in fences(ITEMS_PAGE) if fence.language == "toml")
    assert set(Entries.model_validate(tomllib.loads("checked = 2026-01-01\n" + shown)).items) == {"kotak-susu"}
    (table,) = (table for table in tables(ITEMS_PAGE) if table.header == ("key", "what to write"))
    assert {code(row[0])[0] for row in table.rows} == set(Entry.model_fields) - {"label", "bin"}


def test_the_line_of_metrics_is_one() -> None:
    (line,) = (fence.body for fence in fences("docs/tracking.md") if fence.language == "json")
    content = json.loads(line)
    assert set(content) == {"event", "fit", *Epoch.model_fields}
    Epoch(**{name: content[name] for name in Epoch.model_fields})


# Recipes


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield every dotted key and its field: sections are left out, tables that may be absent are not."""
    for name, field in model.model_fields.items():
        kinds = [kind for kind in (field.annotation, *get_args(field.annotation)) if isinstance(kind, type)]
        inner = [kind for kind in kinds if issubclass(kind, BaseModel)]
        if field.annotation not in inner:
            yield prefix + name, field
        for kind in inner:
            yield from keys(kind, f"{prefix}{name}.")


KEYS = dict(keys(Recipe))


def choices(annotation: Any) -> Iterator[str]:
    for inner in get_args(annotation):
        if get_origin(annotation) is Literal:
            yield inner
        else:
            yield from choices(inner)


def value(cell: str) -> Any:
    return tomllib.loads(f"value = {cell.strip('`')}")["value"]


def rows_by_key(column: str, page: str = "docs/recipes.md") -> list[tuple[str, ...]]:
    found = [table for table in tables(page) if table.header[:2] == ("key", column)]
    return [(row[0].strip("`"), *row[1:]) for table in found for row in table.rows]


def test_every_key_of_a_recipe_is_described_once() -> None:
    assert sorted(row[0] for row in rows_by_key("default")) == sorted(KEYS)


@pytest.mark.parametrize(
    ("key", "default", "meaning"),
    rows_by_key("default"),
)
def test_defaults_and_choices_are_those_of_the_code(key: str, default: str, meaning: str) -> None:
    field = KEYS[key]
    if default == "*required*":
        assert field.is_required()
    elif default == "*none*":
        assert field.default is None
    else:
        kind: Any = Annotated[field.annotation, *field.metadata, "at least one thing must stand here"]
        assert TypeAdapter(kind).validate_python(value(default)) == field.default
    for choice in choices(field.annotation):
        assert f'`"{choice}"`' in default + meaning


def test_the_table_of_published_recipes_is_all_that_they_say(tmp_path: Path) -> None:
    (table,) = (table for table in tables("docs/recipes.md") if "resnet18-smote" in table.header[1])
    names = [name.strip("`") for name in table.header[1:]]
    assert names == [name for name in recipe_names() if load_recipe(name).by_steps]
    for column, name in enumerate(names, start=1):
        empty = tmp_path / f"{name}.toml"
        empty.touch()
        documented = {row[0].strip("`"): value(row[column]) for row in table.rows}
        assert load_recipe(empty, overrides=documented) == load_recipe(name)


def test_short_names_of_backbones_are_described() -> None:
    tree = ast.parse(read("src/ecosorter/training/backbones/find.py"))  # importing it would load torch
    (names,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "HUB_IDS"
    )
    (row,) = (row for table in tables("docs/recipes.md") for row in table.rows if "resnet18" in code(row[0]))
    assert dict(zip(code(row[0]), code(row[1]), strict=True)) == names


# Clusters


def test_the_plan_for_many_photos_is_reckoned_right(capsys: pytest.CaptureFixture[str]) -> None:
    (snippet,) = (fence.body for fence in fences("docs/cluster.md") if fence.language == "python")
    exec(snippet, {})  # noqa: S102 - ours
    (plan,) = (table for table in tables("docs/cluster.md") if table.header[0] == "machines")
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [list(row[:4]) for row in plan.rows]
    for _, _, machines, reads, together in plan.rows:
        assert float(machines) + float(reads) == pytest.approx(float(together))


# Photos, data sets, bundles


def test_every_status_is_described() -> None:
    (table,) = (table for table in tables("docs/photos.md") if table.header[0] == "status")
    assert [code(row[0])[0] for row in table.rows] == ["ok", *(kind.status for kind in PhotoError.__subclasses__())]


def test_formats_and_caps_are_those_of_the_code() -> None:
    (formats,) = (table for table in tables("docs/photos.md") if table.header[0] == "format")
    assert {ending for row in formats.rows for ending in code(row[1])} == PHOTO_ENDINGS
    (caps,) = (table for table in tables("docs/photos.md") if table.header[0] == "cap")
    caps_in_code = [f"{Limits().max_bytes / 1e6:g} MB", f"{Limits().max_pixels / 1e6:g} megapixels"]
    assert [row[1] for row in caps.rows] == caps_in_code


def test_class_names_are_mapped_as_described() -> None:
    (table,) = (table for table in tables("docs/datasets.md") if table.header == ("name", "class"))
    for name, label in table.rows:
        assert one_of_the_seven(name.strip("`")) == label.strip("`")
    assert all(one_of_the_seven(name) is None for name in ("bottle", "can"))
    assert f"fewer than {ENOUGH} different photos" in read("docs/datasets.md")


def test_every_key_of_a_bundle_is_described() -> None:
    (table,) = (table for table in tables("docs/architecture.md") if table.header[0] == "key")
    assert [key for row in table.rows for key in code(row[0])] == list(BundleInfo.model_fields)


def test_files_that_the_architecture_names_exist() -> None:
    named = {span for span in spans("docs/architecture.md") if re.fullmatch(r"[\w/]+(\.py|\.toml|/)", span)}
    assert "training/run.py" in named
    assert [
        span for span in sorted(named) if not any((ROOT / at / span).exists() for at in ("", "src/ecosorter"))
    ] == []


# Figures


def test_every_figure_of_the_readme_has_its_command() -> None:
    (block,) = re.findall(r"<!-- figures:begin -->\n(.*?)<!-- figures:end -->", read("README.md"), re.DOTALL)
    targets = read("Makefile")
    rows = [line for line in block.splitlines() if line.startswith("|")][2:]
    assert rows
    for line in rows:
        shown = [span for span in code(line) if span.startswith(("ecosorter ", "make ", "python -m "))]
        assert shown, line
        for span in shown:
            if span.startswith("make "):
                assert f"\n{span.split()[1]}:" in targets
            elif span.startswith("python -m "):
                assert (ROOT / f"{span.split()[2].replace('.', '/')}.py").is_file()
            else:
                assert all(map(parsed, commands(span)))


def test_figures_of_the_model_that_ships_are_those_of_its_description() -> None:
    metrics = load_bundle(shipped_bundles()[0]).info.metrics
    (table,) = (table for table in tables("README.md") if table.header == ("what", "figure", "command"))

    def means(key: str) -> str:
        mean = metrics["held_out"][key]
        low, high = mean["interval"]
        recall = f"{mean['macro_recall']:.3f} ({low:.3f} to {high:.3f})"
        return f"{recall}, {mean['top2_accuracy']:.3f}, {mean['worst']:.3f}; {mean['coverage']:.2f}, " + (
            f"{mean['answered_accuracy']:.2f}"
        )

    assert [row[1] for row in table.rows if row[2] == "`make model`"] == [
        means("aside"),
        means("yardstick"),
        f"{100 * metrics['no_waste']['not_sure']:.0f} %",
    ]
    (first,) = re.findall(r"finds (\d+) % of what each class shows", read("README.md"))
    assert int(first) == round(100 * metrics["held_out"]["aside"]["macro_recall"])


# The site


def test_the_library_s_page_has_every_public_name() -> None:
    shown = set(re.findall(r"^::: ecosorter\.(\w+)", read("docs/reference.md"), re.MULTILINE))
    errors = {name for name in ecosorter.__all__ if hasattr(ecosorter.errors, name)}
    assert shown >= set(ecosorter.__all__) - errors - {"__version__"}
    assert "::: ecosorter.errors" in read("docs/reference.md")


def test_every_page_is_in_the_navigation() -> None:
    named = re.findall(r": ([\w-]+\.(?:md|ipynb))$", read("mkdocs.yml"), re.MULTILINE)
    pages = {path.name for path in (ROOT / "docs").iterdir() if path.suffix in (".md", ".ipynb")}
    elsewhere = {"index.md", "contributing.md", "changes.md", "model-card.md"}
    assert sorted(named) == sorted(pages | elsewhere)


def test_the_site_asks_no_other_site_for_a_file() -> None:
    assert re.findall(r"^ *- (?:https?:)?//", read("mkdocs.yml"), re.MULTILINE) == []
    assert "assets/mermaid.min.js" in read("mkdocs.yml")
    assert "font: false" in read("mkdocs.yml")
