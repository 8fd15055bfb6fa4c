"""Holds back what libraries say to developers and a user cannot act on."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quietly(logger: str) -> Iterator[None]:
    """Hold back one logger's messages below an error, and all warnings, for a block."""
    target = logging.getLogger(logger)
    level = target.level
    target.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        target.setLevel(level)
