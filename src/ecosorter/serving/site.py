"""The page as a folder of files for any host: it answers on the phone, with or without a service elsewhere."""

import gzip
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import brotli

from ecosorter.bundle import Bundle
from ecosorter.errors import ServiceError
from ecosorter.files import part_of, reason, write_bytes
from ecosorter.guidance import Dictionary, Scheme
from ecosorter.guidance.packed import packed
from ecosorter.guidance.poster import poster
from ecosorter.serving.frontend import AT_ROOT, Frontend, words
from ecosorter.serving.info import Schemes, class_list, scheme_list
from ecosorter.serving.parts import LIST, make_parts
from ecosorter.serving.policy import HEADERS, content_policy
from ecosorter.texts import LANGUAGES

_PACKED_ENDINGS = (".html", ".js", ".css", ".json", ".svg", ".webmanifest")


@dataclass(frozen=True, slots=True)
class Site:
    """What was written: the bytes of the page as a first visit fetches them, and of what the phone answers with."""

    page: int
    phone: int


def write_site(out: Path, bundle: Bundle, *, schemes: Sequence[Scheme] = (), service: str | None = None) -> Site:
    """Write the page and all that it needs, whole or not at all.

    Every file that compresses also lies beside itself as ``.br`` and ``.gz``, for hosts that send those.

    Args:
        out: the folder. One that holds such a site already is replaced; any other that is not empty is refused.
        bundle: the model, of any classes.
        schemes: somebody's own, beside those of the package; the first becomes the default.
        service: address of a service that takes corrections, and photos until the phone can answer itself.

    Raises:
        ServiceError: the folder holds something else, cannot be written, or the address is none.
        BundleError: the bundle's files cannot be read.
    """
    service = _checked(service)
    if out.exists() and not (out / LIST).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise ServiceError(f"{out} exists and holds something else; give another folder.")
    fresh = part_of(out.resolve())
    sizes = {}
    try:
        for path, variants in _content(bundle, Schemes.with_own(tuple(schemes)), service):
            for ending, content in variants.items():
                write_bytes(fresh / (path + ending), content)
            sizes[path] = min(map(len, variants.values()))
        if out.exists():
            shutil.rmtree(out)
        fresh.rename(out.resolve())
    except OSError as error:
        raise ServiceError(f"{out} cannot be written: {reason(error)}.") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    first = ("index.html", "texts/id.json", "data/classes.id.json", "data/schemes.id.json")
    scripts = [path for path in sizes if path.startswith("static/") and "/icons/" not in path]
    return Site(
        page=sum(sizes[path] for path in (*first, *scripts, *AT_ROOT)),
        phone=sum(size for path, size in sizes.items() if path.startswith("phone/")),
    )


def _content(bundle: Bundle, schemes: Schemes, service: str | None) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield each file's path, and its content as it is and compressed, by what is added to its name."""
    parts = make_parts(bundle, smallest=True)
    for path, piece in parts.pieces.items():
        yield path, {"": piece.content(), ".br": piece.packed, ".gz": piece.zipped()}
    yield LIST, _variants(LIST, parts.list)
    for path, content in _page(service):
        yield path, _variants(path, content)
    for language in LANGUAGES:
        yield _as_json(f"data/classes.{language}", class_list(bundle.info.classes, language).model_dump(mode="json"))
        yield _as_json(f"data/schemes.{language}", scheme_list(schemes, language).model_dump(mode="json"))
        for key, scheme in schemes.by_id.items():
            known = Dictionary(scheme)
            yield _as_json(f"data/dictionary.{key}.{language}", packed(known, language) | {"collects": False})
            path = f"poster/{key}.{language}.html"
            yield path, _variants(path, poster(known, language).encode())
    readme = files("ecosorter.serving").joinpath("site.md").read_text(encoding="utf-8")
    policy = content_policy(service and _origin(service))
    headers = {"Content-Security-Policy": policy, **HEADERS}
    lines = "\n".join(f"  {name}: {value}" for name, value in headers.items())
    yield "README.md", {"": readme.replace("{{headers}}", lines).encode()}
    # The file that some hosts read headers from; of the posters only, the policy would forbid the style.
    yield "_headers", {"": f"/*\n{lines}\n/poster/*\n  ! Content-Security-Policy\n".encode()}
    yield ".nojekyll", {"": b""}  # else GitHub Pages looks for templates in it


def _page(service: str | None) -> Iterator[tuple[str, bytes]]:
    page = Frontend(static_site=True, service=service)
    policy = content_policy(service and _origin(service), as_header=False)
    for name in ("index.html", *AT_ROOT):
        yield name, page.filled(name, "id", policy).body
    for language in LANGUAGES:
        yield f"texts/{language}.json", words(language).body
    for name, asset in page.static.items():
        if not name.startswith("review."):  # corrections are reviewed where they are
            yield f"static/{page.version}/{name}", asset.body


def _as_json(name: str, content: object) -> tuple[str, dict[str, bytes]]:
    path = f"{name}.json"
    return path, _variants(path, json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode())


def _variants(path: str, content: bytes) -> dict[str, bytes]:
    if not path.endswith(_PACKED_ENDINGS):
        return {"": content}
    return {"": content, ".br": brotli.compress(content, quality=11), ".gz": gzip.compress(content, 9, mtime=0)}


def _checked(service: str | None) -> str | None:
    """Return a service's address with a slash at its end.

    Raises:
        ServiceError: it is none.
    """
    if service is None:
        return None
    parts = urlsplit(service)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ServiceError(f"{service} is no address of a service; give one as in https://sorting.example.org.")
    return service.rstrip("/") + "/"


def _origin(service: str) -> str:
    parts = urlsplit(service)
    return f"{parts.scheme}://{parts.netloc}"
