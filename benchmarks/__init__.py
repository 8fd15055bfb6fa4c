"""Measurements beside the usual ways, on real photos: what `make bench` starts, and more."""
