"""Where corrections, their photos, reviews and tokens are kept."""

from ecosorter.serving.store.store import Store

__all__ = ["Store"]
