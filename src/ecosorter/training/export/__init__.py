"""From what was trained to a bundle: one ONNX graph, its card, 8-bit integers.

What is written is first held against what was trained, on photo files; where they disagree, nothing is written.
"""
