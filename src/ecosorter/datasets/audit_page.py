"""Write an audit as one HTML file: the photos that belong together side by side, for whoever has to decide.

The page needs no network, no script and no other file, and a content security policy inside it forbids them.
"""

from pathlib import Path

from ecosorter.datasets.audit import Audit, Copies, findings
from ecosorter.files import write_text
from ecosorter.rendering import render
from ecosorter.texts import Language, class_name, texts
from ecosorter.thumbnails import data_uris

SHOWN = 100
"""Sets of copies that a section shows; the page then weighs a few megabytes at most."""

_SHOWN_IN_A_SET = 8

_SIDE = 224  # pixels: two that are nearly the same must be told apart


def write_audit_page(path: Path, audit: Audit, *, language: Language = "en") -> None:
    """Write an audit as one self-contained HTML file.

    Args:
        path: the file to write; an older one is replaced in one step.
        audit: what was found. Its photos are opened and made small; one that has disappeared shows a placeholder.
        language: of the words.
    """
    words = texts("audit", language)
    sections = {
        "section_label_errors": audit.label_errors,
        "section_near": [copies for copies in audit.near if not copies.labels_disagree],
        "section_exact": [copies for copies in audit.exact if not copies.labels_disagree],
    }
    shown = {
        photo.path: Path(photo.path)
        for part in sections.values()
        for copies in part[:SHOWN]
        for photo in copies.photos[:_SHOWN_IN_A_SET]
    }
    pictures = data_uris(shown.values(), _SIDE)
    html = render(
        "ecosorter.datasets",
        "audit.html.j2",
        t=lambda key, **fields: words[key].format(**fields),
        name=lambda label: class_name(label, language),
        caption=lambda copies: _caption(copies, words),
        short=lambda path: "/".join(Path(path).parts[-3:]),  # source, class and file
        status=texts("photos", language),
        language=language,
        audit=audit,
        findings=findings(audit, language),
        sections={key: part for key, part in sections.items() if part},
        most=SHOWN,
        most_in_a_set=_SHOWN_IN_A_SET,
        thumbnails={path: pictures[photo] for path, photo in shown.items() if photo in pictures},
    )
    write_text(path, html)


def _caption(copies: Copies, words: dict[str, str]) -> str:
    if copies.similarity == 1:
        return words["same_bytes"]
    alike = words["similarity"].format(n=f"{copies.similarity:.2f}")
    return f"{alike}, {words['mirrored']}" if copies.mirrored else alike
