"""One page about many photos: how many of each class, and of each the least certain, to look at first.

The page needs no network, no script and no other file, and a content security policy inside it forbids them. It stays
small however many photos there are: of each class, only so many are remembered, and they are made small.
"""

import heapq
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from ecosorter.bulk.inputs import Input
from ecosorter.bulk.rows import Row, Tally, outcome
from ecosorter.errors import PhotoError
from ecosorter.files import write_bytes
from ecosorter.photos import Limits
from ecosorter.texts import Language, class_name, texts
from ecosorter.thumbnails import data_uri, thumbnail

_IN_A_GROUP = 36
_ON_THE_PAGE = 600  # photos: about 3 MB
_FAILED = 200  # that are listed by name
_SIDE = 128  # pixels
_NAME = 200  # letters of a path

_STYLE = """
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:70rem;margin:auto;padding:1rem}
table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left}
td+td,th+th{text-align:right}
ul{list-style:none;padding:0;display:grid;grid-template-columns:repeat(auto-fill,minmax(8rem,1fr));gap:.8rem}
figure{margin:0}img,.none{width:100%;height:8rem;object-fit:contain;background:#8882;border-radius:.4rem;display:block}
figcaption{font-size:.8rem;overflow-wrap:anywhere}ol{overflow-wrap:anywhere}
"""


@dataclass(order=True)
class _Shown:
    certainty: float  # minus confidence: the heap drops its smallest, which is to be the most certain
    number: int
    row: Row = field(compare=False)
    photo: Input | None = field(compare=False)


class Gallery:
    """Remembers the least certain photos of each class.

    Args:
        groups: how many classes there are, and so how many photos of each fit on the page.
        limits: caps on each photo, for opening it again.
    """

    def __init__(self, groups: int, limits: Limits) -> None:
        self._most = max(1, min(_IN_A_GROUP, _ON_THE_PAGE // (groups + 2)))
        self._limits = limits
        self._heaps: dict[str, list[_Shown]] = {}
        self._failed: list[Row] = []
        self._number = 0

    def add(self, row: Row, photo: Input | None) -> None:
        """Remember a photo, if it is one of the least certain so far.

        Args:
            row: what is said of it.
            photo: for its picture; None where it cannot be read again.
        """
        kind = outcome(row)
        if kind == "failed":
            if len(self._failed) < _FAILED:
                self._failed.append(row)
            return
        self._number += 1
        heap = self._heaps.setdefault(f"class {row['label']}" if kind == "answered" else kind, [])
        shown = _Shown(-row["confidence"], -self._number, row, photo)
        if len(heap) < self._most:
            heapq.heappush(heap, shown)
        else:
            heapq.heappushpop(heap, shown)

    def write(self, path: Path, tally: Tally, model: str, language: Language) -> None:
        """Write the page; an older one is replaced in one step.

        Args:
            path: of the HTML file.
            tally: of all photos.
            model: name and version.
            language: of the words.

        Raises:
            OSError: it cannot be written.
        """
        words = texts("bulk", language)
        parts = [f"<h1>{escape(words['title'])}</h1>", f"<p>{escape(words['model'].format(model=model))}</p>"]
        parts.append(_counts(tally, language))
        classes = sorted((key for key in self._heaps if key.startswith("class ")), key=str.casefold)
        for key in [key for key in ("low_confidence", "no_waste") if key in self._heaps] + classes:
            name = words.get(key) or class_name(key.removeprefix("class "), language)
            total = tally.outcomes[key] if key in words else tally.labels[key.removeprefix("class ")]
            parts.append(self._section(name, total, self._heaps[key], language))
        if self._failed:
            parts.append(self._failures(tally, language))
        policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
        head = (
            f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<title>{escape(words['title'])}</title><style>{_STYLE}</style></head><body>"
        )
        html = "\n".join([head, *parts, "</body></html>\n"])
        write_bytes(path, html.encode(errors="replace"))

    def _section(self, name: str, total: int, heap: list[_Shown], language: Language) -> str:
        words = texts("bulk", language)
        shown = sorted(heap, reverse=True)
        with ThreadPoolExecutor() as pool:  # decoding releases the interpreter lock
            pictures = list(pool.map(self._picture, shown))
        note = words["shown"].format(shown=len(shown), photos=f"{total:,}")
        items = "\n".join(map(_item, shown, pictures, [language] * len(shown)))
        return f"<h2>{escape(name)}</h2><p>{escape(note)}</p><ul>{items}</ul>"

    def _picture(self, shown: _Shown) -> str:
        """Return a small picture; an empty place for a photo that is gone."""
        try:
            if shown.photo is None:
                raise PhotoError
            image = thumbnail(shown.photo.read(), _SIDE, self._limits)
        except PhotoError:
            image = None
        return f'<img alt="" loading="lazy" src="{data_uri(image)}">' if image else '<div class="none"></div>'

    def _failures(self, tally: Tally, language: Language) -> str:
        words, statuses = texts("bulk", language), texts("photos", language)
        note = words["shown_failed"].format(shown=len(self._failed), photos=f"{tally.failed:,}")
        lines = (f"<li>{escape(_short(row['path']))}: {escape(statuses[row['status']])}</li>" for row in self._failed)
        return f"<h2>{escape(words['failed'])}</h2><p>{escape(note)}</p><ol>{''.join(lines)}</ol>"


def counted(tally: Tally, language: Language) -> list[tuple[str, int]]:
    """Return what there is and how often, in words, for a summary: classes, most frequent first, then the rest."""
    words = texts("bulk", language)
    lines = [(class_name(label, language), number) for label, number in tally.labels.most_common()]
    lines += [(words[kind], tally.outcomes[kind]) for kind in ("low_confidence", "no_waste", "failed")]
    return [*lines, (words["total"], tally.photos)]


def _counts(tally: Tally, language: Language) -> str:
    rows = "".join(f"<tr><td>{escape(name)}</td><td>{n:,}</td></tr>" for name, n in counted(tally, language))
    return f"<table>{rows}</table>"


def _item(shown: _Shown, picture: str, language: Language) -> str:
    row = shown.row
    best = "" if row["label"] else f"{class_name(row['best'], language)} "
    caption = f"{best}{row['confidence']:.0%} · {_short(row['path'])}"
    return f"<li><figure>{picture}<figcaption>{escape(caption)}</figcaption></figure></li>"


def _short(path: str) -> str:
    return path if len(path) <= _NAME else "…" + path[-_NAME:]
