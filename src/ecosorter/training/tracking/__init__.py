"""Tell somebody else what happens in a run, without ever depending on them.

`open_tracker` gives a tracker that cannot stop a run; Weights & Biases is one.
"""
