"""Write ONNX Runtime Web into the package: fetch it with npm, check it, compress it, and pin what it was.

::

    python tools/pack_runtime.py            # the pinned version again: the same files, or an error
    python tools/pack_runtime.py 1.31.0     # another version: `pinned.toml` is written anew

It needs npm, and a minute or two for the compression. Users of EcoSorter need neither.
"""

import hashlib
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

import brotli

HERE = Path(__file__).resolve().parents[1] / "src" / "ecosorter" / "serving" / "runtime"
PINNED = HERE / "pinned.toml"
FILES = {"ort.js": "ort.wasm.bundle.min.mjs", "ort.wasm": "ort-wasm-simd-threaded.wasm"}
PIECE = 1 << 22  # bytes; what a line that drops may cost, and no more than 3 % of what compression brings


def main() -> None:
    """Fetch, compare, write."""
    pinned = tomllib.loads(PINNED.read_text(encoding="utf-8")) if PINNED.exists() else {}
    version = sys.argv[1] if len(sys.argv) > 1 else pinned["version"]
    with TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", f"onnxruntime-web@{version}"], cwd=folder, check=True)
        (archive,) = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as tar:
            found = {name: _read(tar, f"package/dist/{source}") for name, source in FILES.items()}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}
    if version == pinned.get("version"):
        if wrong := [name for name in FILES if hashes[name] != pinned["files"][name]["sha256"]]:
            sys.exit(f"{', '.join(wrong)} of version {version} is not what was pinned")
    else:
        PINNED.write_text(_as_toml(version, found, hashes), encoding="utf-8")
    for old in HERE.glob("*.br"):
        old.unlink()
    for name, content in found.items():
        for number, start in enumerate(range(0, len(content), PIECE)):
            piece = brotli.compress(content[start : start + PIECE], quality=11, lgwin=24)
            (HERE / f"{name}.{number}.br").write_bytes(piece)


def _read(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    if file is None:
        sys.exit(f"the package has no {name}")
    return file.read()


def _as_toml(version: str, found: dict[str, bytes], hashes: dict[str, str]) -> str:
    head = f"""# ONNX Runtime Web, the plain `wasm` build; written by tools/pack_runtime.py.
package = "onnxruntime-web"
version = "{version}"
licence = "MIT"
"""
    tables = [
        f'\n[files."{name}"]\nsource = "dist/{FILES[name]}"\nbytes = {len(content)}\nsha256 = "{hashes[name]}"\n'
        for name, content in found.items()
    ]
    return head + "".join(tables)


if __name__ == "__main__":
    main()
