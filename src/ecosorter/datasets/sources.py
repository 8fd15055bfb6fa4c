"""Look up what is known of published sources of photos: sources.toml; of those that can be fetched, downloads.toml."""

import tomllib
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

from ecosorter.datasets.published import published


class KnownSource(BaseModel):
    """Where a source of photos is from, and who is to be named: sources.toml tells the fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    origin: str
    licence: str
    trust: str
    shows: str
    people: str = ""


def known_sources() -> dict[str, KnownSource]:
    """Return what is known of sources, by name."""
    table = tomllib.loads((files("ecosorter.datasets") / "sources.toml").read_text(encoding="utf-8"))
    fetched = {
        name: KnownSource(
            origin=f"{wanted.title}, {wanted.page}",
            licence=wanted.licence,
            trust=wanted.trust,
            shows=wanted.shows,
            people=wanted.people,
        )
        for name, wanted in published().items()
    }
    return fetched | {name: KnownSource.model_validate(entry) for name, entry in table.items()}
