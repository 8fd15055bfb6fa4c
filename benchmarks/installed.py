"""How much disk a distribution takes with everything that it needs, as it is installed here."""

import json
import re
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.requirements import Requirement


def installed_bytes(names: Iterable[str]) -> int:
    """Return the bytes of some distributions and of what they need, without extras and without compiled copies.

    Args:
        names: of distributions that are installed. What is needed but not installed counts nothing.
    """
    waiting, seen, total = list(names), set[str](), 0
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        total += sum(path.stat().st_size for path in _files(found))
        for line in found.requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return total


def _files(found: Distribution) -> Iterable[Path]:
    listed = {Path(str(file.locate())) for file in found.files or ()}
    address = json.loads(found.read_text("direct_url.json") or "{}")
    if address.get("dir_info", {}).get("editable"):  # then the list has only a pointer to the source
        listed |= set((Path(unquote(urlsplit(address["url"]).path)) / "src").rglob("*"))
    return (path for path in listed if path.is_file() and path.suffix != ".pyc")
