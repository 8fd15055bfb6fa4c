"""Assemble tools/kernel.wat into the page's `learn/kernel.js`, which holds it as base64.

``python tools/assemble_kernel.py`` after a change to the former. It needs the package wasmtime; nobody else does, since
what is assembled is committed.
"""

import base64
import re
from pathlib import Path

from wasmtime import wat2wasm

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "tools" / "kernel.wat"
SCRIPT = ROOT / "src" / "ecosorter" / "serving" / "web" / "learn" / "kernel.js"


def main() -> None:
    """Write it."""
    SCRIPT.write_text(assembled(), encoding="utf-8")


def assembled() -> str:
    """Return the script with the module that the source makes."""
    module = base64.b64encode(wat2wasm(SOURCE.read_text(encoding="utf-8"))).decode()
    text, found = re.subn(r'(?m)^(const MODULE = ").*(";)$', rf"\g<1>{module}\2", SCRIPT.read_text(encoding="utf-8"))
    if found != 1:
        raise AssertionError(f"{SCRIPT} has no line for the module")
    return text


if __name__ == "__main__":
    main()
