"""`ecosorter poster`: bins and the commonest items on one A4 page, for a wall."""

from pathlib import Path
from typing import Annotated

import typer

from ecosorter import guidance
from ecosorter.cli.options import LangOption, SchemeOption, language, read_scheme
from ecosorter.errors import GuidanceError
from ecosorter.guidance.poster import poster as draw
from ecosorter.texts import texts


def poster(
    scheme: SchemeOption = "permen-pu-2013",
    lang: LangOption = None,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Where the page is: it stands on the poster as a QR code.", show_default=False
        ),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The HTML file to write.")] = Path("poster.html"),
) -> None:
    """Write a poster: the bins of a scheme and the 60 commonest items, one A4 page. Print it from a browser."""
    speak = language(lang)
    text = draw(guidance.Dictionary(read_scheme(scheme)), speak, address)
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise GuidanceError(f"The poster {out} cannot be written ({error.strerror}); give another file.") from error
    typer.echo(texts("guide", speak)["poster_written"].format(file=out))
