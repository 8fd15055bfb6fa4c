"""Out-of-distribution detection: signals of photos that show no waste, and pictures to fit and measure them.

The signals are computed in the model's own graph, so they travel with it.
"""
