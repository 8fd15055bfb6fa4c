"""The phone teaches itself as Python does."""
