"""`ecosorter site`: the page as a folder of files that answers on the phone itself."""

from pathlib import Path
from typing import Annotated

import typer

from ecosorter.cli.options import LangOption, ModelOption, language
from ecosorter.texts import texts


def site(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write; a site in it is replaced.")],
    model: ModelOption = None,
    api: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="A service that takes corrections, started with --cors and this page's origin; without one, they "
            "stay on the phone.",
            show_default=False,
        ),
    ] = None,
    scheme: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Somebody's own scheme; the first becomes the default. May be repeated."),
    ] = None,
    lang: LangOption = None,
) -> None:
    """Write the page as files for any web host, with the model in it: photos stay on the phone."""
    from ecosorter.bundle import load_bundle, shipped_bundles  # noqa: PLC0415  # other commands start without it
    from ecosorter.guidance import load_scheme  # noqa: PLC0415
    from ecosorter.serving.site import write_site  # noqa: PLC0415

    bundle = load_bundle(model if model is not None else shipped_bundles()[0])
    written = write_site(out, bundle, schemes=[load_scheme(path) for path in scheme or ()], service=api)
    said = texts("service", language(lang))["site_written"]
    typer.echo(said.format(folder=out, page=round(written.page / 1e3), phone=round(written.phone / 1e6, 1)))
