"""Pretrained networks by name, and what can be had of them: preprocessing, an ONNX graph, a torch module.

`find_backbone` takes a short name, a Hugging Face id, a folder or a file. The graph is what computes features and what
ships.
"""
