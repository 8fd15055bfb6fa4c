"""`ecosorter improve`: what people said makes a candidate for the service's next model."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ecosorter.cli.bars import Bars
from ecosorter.cli.options import LangOption, ModelOption, finite, language
from ecosorter.cli.store_options import DatabaseOption, PhotosAtOption, RegistryOption, open_mirrored
from ecosorter.texts import Language, class_name, texts

if TYPE_CHECKING:
    from ecosorter.serving.improving.figures import Figures
    from ecosorter.serving.improving.improve import Improved


def improve(
    model: ModelOption = None,
    database: DatabaseOption = None,
    photos_at: PhotosAtOption = None,
    registry: RegistryOption = None,
    who: Annotated[str, typer.Option(help="Who asks for it; the registry's history says so.")] = "command line",
    every: Annotated[
        float, typer.Option(min=0, max=1e6, callback=finite, help="Do nothing if the last run began less hours ago.")
    ] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing; the registry has it all.")] = False,
    lang: LangOption = None,
) -> None:
    """Teach the model in use what people said, and measure whether that is better; nothing is promoted.

    Takes reviewed photos with consent. A fifth of the contributors only measure. Works when nobody else needs the
    processor, and only one at a time does.
    """
    from ecosorter.serving.improving.improve import improve as run  # noqa: PLC0415  # needs more than other commands
    from ecosorter.serving.improving.improve import yield_to_others  # noqa: PLC0415

    yield_to_others()
    due = timedelta(hours=every) if every else None
    with open_mirrored(database, photos_at, registry) as store:
        if quiet:
            run(store, model, who=who[:100], every=due)
            return
        with Bars() as bars:
            done = run(store, model, who=who[:100], every=due, progress=bars)
        left = store.models.withdrawn()
        names = [f"{each.name} {each.version}" for each in store.models.all() if each.id in left and each.files]
    _print(done, names, language(lang))


def _print(done: "Improved", withdrawn: list[str], speak: Language) -> None:
    text = texts("registry", speak)
    console = Console(highlight=False)

    def say(key: str, style: str = "", **values: object) -> None:
        console.print(Text(text[key].format(**values), style), soft_wrap=True)

    if withdrawn:
        say("still_contain", "yellow", models=", ".join(withdrawn))
    if done.missing:
        say("missing")
        for name, (has, needed) in done.missing.items():
            say(f"missing_{name}", has=has, needed=needed)
        return
    if done.figures is None or done.model is None:
        say(done.outcome)
        return
    figures = done.figures
    say("made", model=f"{done.model.name} {done.model.version}")
    say("taught_by", people=figures.contributors[0], photos=figures.photos[0])
    say("measured_on", people=figures.contributors[1], photos=figures.photos[1])
    console.print(_table(figures, text, speak))
    points = {name: f"{100 * value:+.1f}" for name, value in figures.difference.model_dump().items()}
    say("difference", **points)
    for label, photos in figures.left_out.items():
        say("left_out", "yellow", name=class_name(label, speak), photos=photos)
    for each in figures.doubtful:
        percent = {"contradicted": f"{each.contradicted:.0%}", "usual": f"{each.usual:.0%}"}
        say("doubtful", "yellow", contributor=each.contributor, photos=each.photos, **percent)


def _table(figures: "Figures", text: Mapping[str, str], speak: Language) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    for heading in ("before", "after"):
        table.add_column(text[heading], justify="right")
    for where, pair in (("held_out", figures.held_out), ("bank", figures.bank)):
        for key in ("accuracy", "top2_accuracy", "coverage", "answered_accuracy"):
            sides = (getattr(pair.before, key), getattr(pair.after, key))
            table.add_row(f"{text[where]}: {text[key]}", *("-" if side is None else f"{side:.1%}" for side in sides))
    for label, after in figures.held_out.after.per_class.items():
        if after.photos:
            recalls = (figures.held_out.before.per_class[label].recall, after.recall)
            table.add_row(f"{text['held_out']}: {class_name(label, speak)}", *(f"{recall:.1%}" for recall in recalls))
    return table
