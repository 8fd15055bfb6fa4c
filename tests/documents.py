"""Takes documents apart: fenced blocks, tables, headings, and the commands in a piece of shell."""

import re
import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")))
SHELLS = ("sh", "bash", "console", "")


class Fence(NamedTuple):
    language: str
    body: str


class Table(NamedTuple):
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def fences(page: str) -> list[Fence]:
    return [Fence(*found) for found in re.findall(r"^```(\w*)\n(.*?)^```$", read(page), re.MULTILINE | re.DOTALL)]


def prose(page: str) -> str:
    """Return a page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", read(page), flags=re.MULTILINE | re.DOTALL)


def spans(page: str) -> list[str]:
    """Return what stands between single backticks."""
    return re.findall(r"`([^`\n]+)`", prose(page))


def tables(page: str) -> list[Table]:
    found = []
    for block in re.findall(r"(?:^\|.*\|\n)+", prose(page) + "\n", re.MULTILINE):
        header, _, *rows = (tuple(cell.strip() for cell in line.strip("|").split("|")) for line in block.splitlines())
        found.append(Table(header, rows))
    return found


def code(cell: str) -> list[str]:
    """Return what stands between backticks in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def anchors(page: str) -> set[str]:
    """Return the anchors that GitHub gives to a page's headings."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def commands(text: str) -> Iterator[list[str]]:
    """Yield the arguments of each `ecosorter` command in a piece of shell."""
    for line in text.replace("\\\n", " ").splitlines():
        if "ecosorter" not in line:
            continue  # other words need not be shell at all
        lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set("();<>|&"):  # the end of a command
                while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                    del words[0]
                if words and Path(words[0]).name == "ecosorter":
                    yield words[1:]
                words = []
            else:
                words.append(word)
