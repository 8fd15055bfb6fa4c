"""How much disk a distribution takes with everything that it needs, as it is installed here.

`python -m benchmarks.installed` tells it of the program without extras.
"""

import json
import re
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.requirements import Requirement


def installed_bytes(names: Iterable[str], *, bytecode: bool = True) -> int:
    """Return the bytes of some distributions and of what they need, without extras.

    Args:
        names: of distributions that are installed. What is needed but not installed counts nothing.
        bytecode: count what pip compiles from the sources too.
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
        total += sum(path.stat().st_size for path in _files(found) if bytecode or path.suffix != ".pyc")
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
    return filter(Path.is_file, listed)


def main() -> None:
    """Print the size with and without bytecode."""
    whole, files = (installed_bytes(["ecosorter"], bytecode=bytecode) / 1e6 for bytecode in (True, False))
    print(f"ecosorter without extras: {whole:.0f} MB, of which {whole - files:.0f} MB is bytecode that pip compiles")


if __name__ == "__main__":
    main()
