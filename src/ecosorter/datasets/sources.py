"""Look up what is known of published sources of photos: sources.toml."""

import tomllib
from importlib.resources import files

from pydantic import BaseModel, ConfigDict


class KnownSource(BaseModel):
    """Where a source of photos is from: sources.toml tells the fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    origin: str
    licence: str
    trust: str
    shows: str


def known_sources() -> dict[str, KnownSource]:
    """Return what is known of sources, by name."""
    table = tomllib.loads((files("ecosorter.datasets") / "sources.toml").read_text(encoding="utf-8"))
    return {name: KnownSource.model_validate(entry) for name, entry in table.items()}
