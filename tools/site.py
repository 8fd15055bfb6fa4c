"""Makes the site's pages of the documents as they lie in the repository: hooks of MkDocs, named in mkdocs.yml.

Links of the documents lead through the repository, so that they are right there and in an editor. On the site, the
README is the first page, and a file of the program that a page links to lies beside the pages as text.
"""

import re
from pathlib import Path
from posixpath import normpath, relpath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changes.md",
    "src/ecosorter/models/ecosorter/README.md": "model-card.md",
}
MARK = "src/ecosorter/serving/web/icons/mark.svg"
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+)(#[^)\s]*)?(?=\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie elsewhere, and every file that a page links to."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    files.append(File.generated(config, "assets/mark.svg", content=(ROOT / MARK).read_bytes()))
    linked = {at for file in list(files) if file.src_uri.endswith(".md") for at in _linked(file)}
    for source in sorted(linked):
        if (ROOT / source).is_file() and _on_site(source) == f"source/{source}.txt":
            files.append(File.generated(config, f"source/{source}.txt", content=(ROOT / source).read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lead links of the repository to where their targets are on the site; those to folders become plain words."""
    here = _in_repository(page.file.src_uri)

    def led(link: re.Match[str]) -> str:
        target = normpath(f"{Path(here).parent.as_posix()}/{link[1]}")
        place = _on_site(target)
        return relpath(place, Path(page.file.src_uri).parent.as_posix() or ".") + (link[2] or "")

    def unlinked(link: re.Match[str]) -> str:
        target = normpath(f"{Path(here).parent.as_posix()}/{link[2]}")
        return link[1] if (ROOT / target).is_dir() else link[0]

    return _LINK.sub(led, re.sub(r"\[([^\]]+)\]\((?![a-z]+:|#)([^)\s#]+)\)", unlinked, markdown))


def _linked(file: File) -> set[str]:
    folder = Path(_in_repository(file.src_uri)).parent.as_posix()
    return {normpath(f"{folder}/{link[1]}") for link in _LINK.finditer(file.content_string)}


def _in_repository(page: str) -> str:
    return next((source for source, name in PAGES.items() if name == page), f"docs/{page}")


def _on_site(path: str) -> str:
    if path in PAGES:
        return PAGES[path]
    return path.removeprefix("docs/") if path.startswith("docs/") else f"source/{path}.txt"
