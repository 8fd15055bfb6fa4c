"""The page's files out of `web/`, with words and addresses filled in: for the service, and for a static site.

All addresses are relative to the page's folder, so it lies under any path.
"""

import hashlib
import html
import json
import mimetypes
import posixpath
import re
from functools import cache, cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable

from ecosorter.serving.assets import Asset, make_asset
from ecosorter.texts import LANGUAGES, Language, texts

PAGES = {"index.html": "app.js", "review.html": "review.js", "admin.html": "admin.js"}  # each with its first script
AT_ROOT = ("sw.js", "offline.js", "manifest.webmanifest")  # a worker's address says what it may serve

_TYPES = {".js": "text/javascript", ".webmanifest": "application/manifest+json", ".svg": "image/svg+xml"}
_HOST = "host.js"
_OURS = "export const SERVICE = BASE;", "export const FILES = false;"
_STARTED = "app.js", "shrink-worker.js"  # by a document or by another script
_LATER = (
    "phone/worker.js",
    "learn/fit-worker.js",
    "learn/place.js",
    "learn/round.js",
)  # where the phone answers by itself
_PICTURES = ("icons/mark.svg", "icons/192.png")


class Frontend:
    """The files of the page, each made once.

    Attributes:
        static_site: there is no service beside the page: what it knows lies there as files.
        service: of a static site, the address of a service elsewhere; None for none.
    """

    def __init__(self, *, static_site: bool = False, service: str | None = None) -> None:
        self.static_site, self.service = static_site, service
        self._made: dict[tuple[str, Language], Asset] = {}

    @cached_property
    def sources(self) -> dict[str, bytes]:
        """Content by path below `web/`, the paths with slashes."""
        found = _read_sources()
        if not self.static_site:
            return found
        theirs = f"export const SERVICE = {json.dumps(self.service)};", "export const FILES = true;"
        host = found[_HOST].decode()
        for ours, their in zip(_OURS, theirs, strict=True):
            if ours not in host:
                raise AssertionError(f"{_HOST} has no line {ours!r}")
            host = host.replace(ours, their)
        return found | {_HOST: host.encode()}

    @cached_property
    def version(self) -> str:
        """What changes with any file and any word."""
        digest = hashlib.sha256()
        for name, body in self.sources.items():
            digest.update(f"{name}\0{len(body)}\0".encode() + body)
        for language in LANGUAGES:
            digest.update(words(language).body)
        return digest.hexdigest()[:12]

    @cached_property
    def static(self) -> dict[str, Asset]:
        """What may be kept for a year, by path below ``static/<version>/``."""
        return {name: _asset(name, body) for name, body in self.sources.items() if name not in (*PAGES, *AT_ROOT)}

    def filled(self, name: str, language: Language, policy: str | None = None) -> Asset:
        """Fill in what a file leaves open: words, addresses, and for the worker the files that it keeps.

        Args:
            name: of `PAGES` or `AT_ROOT`.
            language: of its words.
            policy: a content-security policy to write into a page, where no host sends it as a header.
        """
        if (name, language) not in self._made:
            self._made[name, language] = self._fill(name, language, policy)
        return self._made[name, language]

    def _fill(self, name: str, language: Language, policy: str | None) -> Asset:
        said = texts("page", language)
        static_at = f"./static/{self.version}"
        scripts = self.scripts(PAGES.get(name, "app.js"))
        preloads = [f'<link rel="modulepreload" href="{static_at}/{script}">' for script in scripts]
        if not self.static_site:  # whose page is of one language, whatever the browser speaks
            # `crossorigin` only because a preload without it does not fit what `fetch` asks for.
            preloads.append(f'<link rel="preload" as="fetch" href="./texts/{language}.json" crossorigin>')
        if policy:
            preloads.insert(0, f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">')
        kept = ["./", "./manifest.webmanifest", *(f"./texts/{each}.json" for each in LANGUAGES)]
        modules = dict.fromkeys(each for first in _STARTED for each in self.scripts(first))
        others = dict.fromkeys(each for first in _LATER for each in self.scripts(first))
        later = [f"{static_at}/{each}" for each in others if each not in modules]
        kept += [f"{static_at}/{each}" for each in (*modules, "app.css", *_PICTURES)]
        open_places = {
            "lang": language,
            "static": static_at,
            "version": self.version,
            "description": said["app_description"],
            "preloads": "\n".join(preloads),
            "files": json.dumps(kept),
            "later": json.dumps(later),
        }
        text = re.sub(r"\{\{(\w+)\}\}", lambda found: open_places[found[1]], self.sources[name].decode())
        if name in PAGES:
            # The words stand in the document itself, so that there is something to read before any script has come.
            text = re.sub(r'data-text="(\w+)"([^>]*)></', lambda at: f"{at[0][:-2]}{html.escape(said[at[1]])}</", text)
            text = re.sub(r'data-label="(\w+)"', lambda at: f'{at[0]} aria-label="{html.escape(said[at[1]])}"', text)
        return _asset(name, text.encode())

    def scripts(self, first: str) -> tuple[str, ...]:
        """Return a module and all that it imports, so that a browser can ask for them at once and not one by one."""
        found = [first]
        for name in found:  # grows while it is walked
            imported = re.findall(r'from "(\.{1,2}/[\w./]+)"', self.sources[name].decode())
            paths = (posixpath.normpath(posixpath.join(posixpath.dirname(name), each)) for each in imported)
            found += [each for each in dict.fromkeys(paths) if each not in found]
        return tuple(found)


@cache
def words(language: Language) -> Asset:
    """Return every word of the page in one language."""
    return _asset("words.json", json.dumps(texts("page", language), ensure_ascii=False, separators=(",", ":")).encode())


def _asset(name: str, body: bytes) -> Asset:
    ending = name[name.rindex(".") :]
    return make_asset(body, _TYPES.get(ending) or mimetypes.types_map[ending])


@cache
def _read_sources() -> dict[str, bytes]:
    def read(folder: Traversable, prefix: str) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for entry in sorted(folder.iterdir(), key=lambda each: each.name):
            path = prefix + entry.name
            found |= read(entry, f"{path}/") if entry.is_dir() else {path: entry.read_bytes()}
        return found

    return read(files("ecosorter.serving").joinpath("web"), "")
