"""What a phone downloads to answer by itself, and to learn: in pieces named by their hash.

For answers, ONNX Runtime Web and the model; for learning, the model's bank and its last layer.

A piece is fetched once, whatever happens to the line, and one that comes out otherwise is not kept. A new model has new
pieces for itself alone.
"""

import gzip
import hashlib
import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import brotli
import numpy as np
import onnx

from ecosorter.bundle import Bundle
from ecosorter.errors import BundleError, ServiceError
from ecosorter.teaching.linear_head import LinearHead, find_head

LIST = "phone/list.json"
"""Where the list of all parts lies, from the page's folder."""

_PIECE = 1 << 20  # bytes
_QUICK, _SMALLEST = 5, 11  # of Brotli's qualities
_FIRST = ("ort.js", "ort.wasm", "model.onnx")  # what classifying needs
_HEAD, _BANK = "head.bin", "bank.npz"  # what learning needs beside it


@dataclass(frozen=True, slots=True)
class Piece:
    """One file to fetch.

    Attributes:
        sha256: of its content.
        size: of its content, in bytes.
        kind: its media type.
        packed: its content, compressed by Brotli.
    """

    sha256: str
    size: int
    kind: str
    packed: bytes

    @property
    def path(self) -> str:
        """Where it lies, from the page's folder. Scripts have the ending by which every host knows them."""
        return f"phone/{self.sha256}.{'js' if self.kind == 'text/javascript' else 'bin'}"

    def content(self) -> bytes:
        """Return its content."""
        plain: bytes = brotli.decompress(self.packed)
        return plain

    def zipped(self) -> bytes:
        """Return its content, compressed by gzip."""
        return gzip.compress(self.content(), 9, mtime=0)


@dataclass(frozen=True, slots=True)
class Parts:
    """All that a phone may download for one bundle.

    Attributes:
        list: JSON: what there is, in which pieces, and what the bundle says of itself.
        pieces: by path.
    """

    list: bytes
    pieces: dict[str, Piece]


def make_parts(bundle: Bundle, *, smallest: bool = False) -> Parts:
    """Cut and compress what a phone needs.

    Args:
        bundle: the model.
        smallest: take many seconds to compress well; the list then says that every piece also lies beside itself as
            ``.gz``.

    Raises:
        BundleError: its files cannot be read.
        ServiceError: the files of ONNX Runtime Web are not those that are pinned.
    """
    quality = _SMALLEST if smallest else _QUICK
    parts = {**_runtime(), "model.onnx": _cut(bundle.model_path.read_bytes(), quality)}
    info, bank, head = bundle.info, bundle.load_bank(), _find_head(bundle)
    learning = None
    if bank is not None and head is not None:
        parts |= {_HEAD: _cut(_packed_head(head), quality), _BANK: _cut(bank, quality)}
        wire = sum(len(piece.packed) for name in (_HEAD, _BANK) for piece in parts[name])
        learning = {"parts": (_HEAD, _BANK), "wire": wire, "features_of": info.features_of, "width": len(head.weight)}
    content = {
        "runtime": f"{_pinned()['package']} {_pinned()['version']}",
        "model": info.sha256,
        "info": {
            **info.model_dump(
                mode="json", include={"name", "version", "classes", "preprocess", "temperature", "thresholds"}
            ),
            "signals": list(info.thresholds.signals),  # in the order of the output of that name
        },
        "first": _FIRST,
        "learning": learning,
        "parts": {name: {"pieces": [_listed(piece, smallest) for piece in part]} for name, part in parts.items()},
    }
    pieces = {piece.path: piece for part in parts.values() for piece in part}
    version = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    return Parts(json.dumps({"version": version, **content}, separators=(",", ":")).encode(), pieces)


def _find_head(bundle: Bundle) -> LinearHead | None:
    """Return the last layer; None where there is none that can be fitted again."""
    try:
        return find_head(onnx.load(bundle.model_path))
    except BundleError:
        return None


def _packed_head(head: LinearHead) -> bytes:
    """Return it as the phone reads it: floats of 32 bits, low byte first; weights by class and feature, then biases."""
    return np.concatenate([head.weight.T.ravel(), head.bias]).astype("<f4").tobytes()


def _listed(piece: Piece, zipped: bool) -> dict[str, object]:
    return {
        "path": piece.path,
        "sha256": piece.sha256,
        "bytes": piece.size,
        "wire": len(piece.packed),
        "type": piece.kind,
        "zipped": zipped,
    }


def _cut(content: bytes, quality: int) -> list[Piece]:
    def piece(part: bytes) -> Piece:
        packed: bytes = brotli.compress(part, quality=quality)
        return Piece(hashlib.sha256(part).hexdigest(), len(part), "application/octet-stream", packed)

    return [piece(content[start : start + _PIECE]) for start in range(0, len(content), _PIECE)]


@cache
def _pinned() -> dict[str, dict[str, dict[str, str]]]:
    return tomllib.loads(files("ecosorter.serving.runtime").joinpath("pinned.toml").read_text(encoding="utf-8"))


@cache
def _runtime() -> dict[str, list[Piece]]:
    """Read ONNX Runtime Web as it ships."""
    found = {}
    for name, pinned in _pinned()["files"].items():
        kind = "text/javascript" if name.endswith(".js") else "application/octet-stream"
        part, whole = [], hashlib.sha256()
        for packed in _packed(name):
            plain = brotli.decompress(packed)
            whole.update(plain)
            part.append(Piece(hashlib.sha256(plain).hexdigest(), len(plain), kind, packed))
        if whole.hexdigest() != pinned["sha256"]:
            raise ServiceError(f"{name} of ONNX Runtime Web is not the file that is pinned; install EcoSorter again.")
        found[name] = part
    return found


def _packed(name: str) -> Iterator[bytes]:
    folder, number = files("ecosorter.serving.runtime"), 0
    while (file := folder.joinpath(f"{name}.{number}.br")).is_file():
        yield file.read_bytes()
        number += 1
