"""ONNX Runtime Web as it ships: compressed, in pieces, held to the version and the hashes of `pinned.toml`.

`tools/pack_runtime.py` writes this folder anew.
"""
