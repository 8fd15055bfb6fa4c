"""Fill in the templates of cards, reports and pages."""

from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape


def render(package: str, template: str, /, **values: Any) -> str:
    """Fill in a template of a package.

    Args:
        package: whose folder ``templates`` has it, as in ``"ecosorter.datasets"``. The core's ``templates`` has what
            several packages include.
        template: file name; what goes into a ``.html.j2`` is escaped, what goes into Markdown is not.
        values: what the template may name.

    Raises:
        jinja2.TemplateError: no such template, or it names a value that is not given.
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("ecosorter")]),
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(values)
