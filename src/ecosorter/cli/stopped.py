"""A long command that is stopped: it ends in order, and a sentence says how to go on."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


class Stopped(SystemExit):
    """Somebody wants the program to end.

    Not a `KeyboardInterrupt`, of which Lightning makes an exit code of its own. Processes that the program has forked
    end by this without a word.
    """


@contextmanager
def told_when_stopped(sentence: str) -> Iterator[None]:
    """Say a sentence when a block is stopped by Ctrl+C or SIGTERM, and exit with 128 and the signal's number.

    Args:
        sentence: for standard error.
    """
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, _stop) for number in signals]
    try:
        yield
    except Stopped:
        Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(sentence)
        raise
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


def _stop(number: int, _: object) -> None:
    raise Stopped(128 + number)
