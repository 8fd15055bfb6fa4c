"""What is fitted: a head on features, or a whole network on photos.

Heads learn from rows in memory, networks from photos that are changed anew each time. Both go on from checkpoints.
"""
