"""Who made photos, and what may be done with them: licences, and the list of photographers beside a model's card."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files

from ecosorter.datasets.dataset import PhotoRow
from ecosorter.datasets.sources import known_sources

_NON_COMMERCIAL = re.compile(r"\bNC\b|non-?\s?commercial", re.IGNORECASE)
_NO_CHANGES = re.compile(r"\bND\b|no-?\s?deriv", re.IGNORECASE)
_COLUMNS = ("source", "photo", "author", "licence", "url")


def forbids_commerce(licence: str) -> bool:
    """Tell whether a licence, by name or address, is for non-commercial use only."""
    return bool(_NON_COMMERCIAL.search(licence))


def forbids_changes(licence: str) -> bool:
    """Tell whether a licence, by name or address, allows no derivatives."""
    return bool(_NO_CHANGES.search(licence))


def licence_of(source: str, rows: Sequence[PhotoRow]) -> str | None:
    """Return the licence of a source: what its photos say themselves, else what is known; None where nobody says.

    Args:
        source: its name.
        rows: its photos.
    """
    stated = sorted({row.licence for row in rows if row.licence})
    if stated:
        return ", ".join(stated)
    known = known_sources().get(source)
    return known.licence if known else None


def attribution(rows: Iterable[PhotoRow], before: str | None = None) -> str | None:
    """Return a table of who made each photo, or None where of no photo anybody is named.

    Args:
        rows: photos, whose manifest may name author, licence and page; of some known sources, authors.csv does.
        before: such a table, to which the photos are added.

    Returns:
        CSV with the columns source, photo (class folder and file name), author, licence and url, sorted.
    """
    lines = {tuple(line) for line in list(csv.reader(io.StringIO(before or "")))[1:]}
    for row in rows:
        credit = (row.author, row.licence, row.url)
        if not any(credit):
            credit = _known_authors().get((row.source, row.path.name), credit)
        author, licence, url = credit
        if author or url:
            lines.add((row.source, f"{row.path.parent.name}/{row.path.name}", author, licence, url))
    if not lines:
        return None
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerows([_COLUMNS, *sorted(lines)])
    return text.getvalue()


@cache
def _known_authors() -> dict[tuple[str, str], tuple[str, str, str]]:
    text = files("ecosorter.datasets").joinpath("authors.csv").read_text(encoding="utf-8")
    return {
        (row["source"], row["photo"]): (row["author"], row["licence"], row["url"])
        for row in csv.DictReader(io.StringIO(text))
    }
