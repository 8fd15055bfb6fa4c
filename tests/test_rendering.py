"""A template is filled in whole, escaped where it is HTML."""

import sys
from pathlib import Path

import jinja2
import pytest

from ecosorter.rendering import render


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A package with one template in both forms."""
    folder = tmp_path_factory.mktemp("packages") / "filled_in"
    (folder / "templates").mkdir(parents=True)
    (folder / "__init__.py").touch()
    for name in ("page.html.j2", "card.md.j2"):
        (folder / "templates" / name).write_text(
            "{% for a in all %}\n  {% if a %}\n- {{ a }}\n  {% endif %}\n{% endfor %}\n"
        )
    sys.path.insert(0, str(folder.parent))
    return folder.name


@pytest.mark.parametrize(("template", "shown"), [("page.html.j2", "&lt;b&gt; &amp;"), ("card.md.j2", "<b> &")])
def test_what_goes_into_html_is_escaped_and_markdown_is_not(package: str, template: str, shown: str) -> None:
    assert render(package, template, all=["<b> &", "", "c"]) == f"- {shown}\n- c\n"


def test_a_value_that_is_missing_is_no_empty_place(package: str) -> None:
    with pytest.raises(jinja2.UndefinedError, match="all"):
        render(package, "card.md.j2")


def test_a_template_that_is_missing_is_an_error(package: str) -> None:
    with pytest.raises(jinja2.TemplateNotFound):
        render(package, "cart.md.j2")


def test_every_template_of_the_program_has_an_ending_that_tells_what_it_is() -> None:
    source = Path(__file__).parents[1] / "src" / "ecosorter"
    found = {path.name.partition(".")[2] for path in source.rglob("*.j2")}
    assert found == {"html.j2", "md.j2"}
