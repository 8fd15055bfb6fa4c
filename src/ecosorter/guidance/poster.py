"""A poster for the wall of a waste bank: the bins of a scheme, and what goes into each, on one A4 page of HTML."""

from html import escape
from importlib.resources import files
from string import Template

from ecosorter.guidance.dictionary import Dictionary
from ecosorter.guidance.lookup import BinWords, bin_words
from ecosorter.texts import Language, texts

ITEMS = 60
"""How many items stand on it."""

_Pile = tuple[BinWords, list[str]]

_LARGEST, _SMALLEST = 13.5, 7.0  # points
_POINT = 0.3528  # mm
_ROOM = 197.0  # mm for the bins between head and foot

_BIN = (
    "M17 7V5a3 3 0 0 1 3-3h8a3 3 0 0 1 3 3v2h10a4 4 0 0 1 4 4v2a3 3 0 0 1-3 3H6a3 3 0 0 1-3-3v-2a4 4 0 0 1 4-4z",
    "M6 18h36l-3 32a4.5 4.5 0 0 1-4.5 4H13.5A4.5 4.5 0 0 1 9 50z",
)


def poster(known: Dictionary, language: Language = "id", address: str | None = None) -> str:
    """Draw the poster.

    Args:
        known: the items under the scheme.
        language: of the poster.
        address: of the page, to stand on it as a QR code; None to do without.

    Returns:
        A whole HTML document that needs nothing else. Printed on A4, it is one page.

    Raises:
        ModuleNotFoundError: an address was given, and segno, of the extra ``[serve]``, is not installed.
    """
    words = texts("guide", language)
    by_bin: dict[str, list[str]] = {key: [] for key in known.scheme.bins}
    for item in known.most_common(ITEMS):
        bin_ = known.bin_of(item, item.answer, language)
        if bin_ is not None:
            by_bin[bin_.id].append(item.name.said(language))
    bins = [(bin_words(key, known.scheme.bins[key], language), names) for key, names in by_bin.items()]
    size, columns = _laid_out(bins)
    template = Template(files(__package__).joinpath("poster.html").read_text(encoding="utf-8"))
    foot = words["poster_foot"].format(scheme=known.scheme.name.said(language), checked=known.scheme.checked)
    return template.substitute(
        lang=language,
        title=escape(words["poster_title"]),
        place=escape(known.scheme.place.said(language)),
        size=size,
        bins="\n".join(f"<div>{''.join(_section(*each, words) for each in column)}</div>" for column in columns),
        more=_code(address, words) if address else f"<p>{escape(words['poster_no_more'])}</p>",
        unclear=escape(words["poster_unclear"]),
        foot=escape(foot),
    )


def _laid_out(bins: list[_Pile]) -> tuple[float, tuple[list[_Pile], list[_Pile]]]:
    """Put the bins into two columns, in the largest type in which they fit; the size is in points."""
    size = _LARGEST
    while True:
        heights = [_height(pile, size) for pile in bins]
        half = sum(heights) / 2
        # The subset that comes nearest to half of it all. Of more bins than twelve, the first twelve are tried.
        sets = [[at for at in range(len(bins)) if chosen >> at & 1] for chosen in range(2 ** min(len(bins), 12))]
        left = min(sets, key=lambda places: abs(sum(heights[at] for at in places) - half))
        tallest = half + abs(sum(heights[at] for at in left) - half)
        if tallest <= _ROOM or size <= _SMALLEST:
            return size, ([bins[at] for at in left], [each for at, each in enumerate(bins) if at not in left])
        size -= 0.25


def _height(pile: _Pile, size: float) -> float:
    """Return how high a bin and its items will be, in mm; rather too much. `poster.html` has the measures."""
    bin_, names = pile
    line, letter = 1.32 * size * _POINT, 0.56 * size * _POINT

    def lines(text: str, width: float, scale: float = 1) -> int:
        return 1 + int(len(text) * letter * scale // width)

    head = max(15.2, lines(bin_.name, 56, 1.45) * 1.6 * size * _POINT + 0.92 * line) + 8.2
    how = lines(bin_.how, 80, 0.82) * 0.82 * line + 2.5 if bin_.how else 0
    listed = (sum(lines(name, 33) for name in names) + 2) // 2 * line + 6 if names else 0
    return head + how + listed + 6


def _section(bin_: BinWords, names: list[str], words: dict[str, str]) -> str:
    ink = "#14211a" if _brightness(bin_.hex) > 0.22 else "#ffffff"
    shapes = "".join(f'<path d="{path}" fill="{bin_.hex}"/>' for path in _BIN)
    symbol = f'<text x="24" y="43" text-anchor="middle" font-size="20" fill="{ink}">{escape(bin_.symbol)}</text>'
    listed = "".join(f"<li>{escape(name[0].upper() + name[1:])}</li>" for name in sorted(names, key=str.lower))
    refused = f"<em>{escape(words['not_accepted'])}</em> " if bin_.kind == "not_accepted" else ""
    how = f"<p>{refused}{escape(bin_.how or '')}</p>" if bin_.how else ""
    return (
        f'<section style="--bin: {bin_.hex}"><header><svg viewBox="0 0 48 56" aria-hidden="true">{shapes}{symbol}</svg>'
        f"<div><h2>{escape(bin_.name)}</h2><p>{escape(bin_.colour)} {escape(bin_.symbol)}</p></div></header>"
        f"{how}<ul>{listed}</ul></section>"
    )


def _code(address: str, words: dict[str, str]) -> str:
    import segno  # noqa: PLC0415  # comes with the extra [serve]

    code = segno.make(address, micro=False, error="m").svg_inline(scale=3, border=0, omitsize=True)
    return f'<div class="code">{code}</div><p>{escape(words["poster_more"])}<br><b>{escape(address.removeprefix("https://"))}</b></p>'


def _brightness(hex_colour: str) -> float:
    """Return the relative luminance of a colour (WCAG 2), 0 to 1."""
    parts = [int(hex_colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)
