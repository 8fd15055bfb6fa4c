"""How well a model does: figures from logits and labels, calibration, and who is left out when.

`evaluate_bundle` measures a finished model on photos. Whatever is fitted (temperature, thresholds) is fitted on other
photos than it is measured on. Nothing here needs torch.
"""
