"""Work in many processes, on this machine or on a cluster: chunks in, results out, in order. Ray does it.

Ray (https://docs.ray.io) starts the processes, hands a chunk to each that is free, and has a chunk done again when the
process or the machine that had it is lost. It is an extra, and is imported when a pool is asked for.
"""

import logging
import os
import pickle
import socket
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from typing import Any, TypeVar

from ecosorter.errors import BulkError, EcoSorterError

T = TypeVar("T")
R = TypeVar("R")

_CHUNKS_AT_ONCE = 200  # for each process: Ray Data takes no endless input, and starts its processes anew for each
_BYTES_AT_ONCE = 256_000_000


@contextmanager
def joined(address: str | None) -> Iterator[None]:
    """Have processes for `mapped` while the block runs.

    Args:
        address: of a cluster, such as ``auto`` or ``10.0.0.1:6379``; None to start Ray on this machine, with a process
            a core. A program that has started Ray already keeps what it has.

    Raises:
        BulkError: Ray is not installed, or cannot be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report to its makers
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # it would print warnings about its own insides
    try:
        import ray  # noqa: PLC0415 - large, and an extra
        import ray.data  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise BulkError(f"--engine ray needs the package {error.name}: pip install 'ecosorter[ray]'.") from error
    for handler in logging.getLogger("ray.data").handlers:
        # Ray's other one writes to Ray's own folder; and those of the program around us are its own.
        if isinstance(handler, logging.StreamHandler) and type(handler).__module__.startswith("ray."):
            handler.setLevel(logging.CRITICAL)
    if ray.is_initialized():
        yield
        return
    try:
        _knock(address or "")
        with _hushed():  # it would tell that it was told to be quiet
            ray.init(address or "local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        hint = "; where the cluster has a token, set RAY_AUTH_MODE=token" if address else ""
        raise BulkError(f"Ray cannot be reached at {address or 'this machine'} ({error}){hint}.") from error
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Fail at once when nobody is at HOST:PORT, for which Ray takes many minutes."""
    host, _, port = address.rpartition("/")[2].rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


@contextmanager
def _hushed() -> Iterator[None]:
    """Drop what anybody, libraries in C++ included, writes to standard error while the block runs."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def mapped(
    work: Callable[[T], R], chunks: Iterable[T | R], *, is_work: Callable[[T | R], bool] = lambda _: True
) -> Iterator[R]:
    """Do work in the processes of a pool that was `joined`.

    Chunks are taken as they are needed, and lie in memory packed, a bounded number of them.

    Args:
        work: does a chunk. It goes to each process once, so it may keep what it loads there. It, the chunks and the
            results are pickled.
        chunks: each some seconds of work.
        is_work: tells chunks of work from results, which pass through in their place.

    Yields:
        The result of each chunk, in order.

    Raises:
        EcoSorterError: the work raised it.
        BulkError: Ray failed, or made no progress for half an hour: a chunk that kills its process is tried for ever.
    """
    import ray  # noqa: PLC0415 - see above

    shared = ray.put(pickle.dumps(work))
    packed = ((pickle.dumps(chunk), is_work(chunk)) for chunk in chunks)
    coming: list[tuple[bytes, bool]] = []
    size = 0

    def take() -> bool:
        """Pack one more chunk, if there is one and room for it."""
        nonlocal size
        full = len(coming) >= most or size >= _BYTES_AT_ONCE
        chunk = None if full else next(packed, None)
        if chunk is None:
            return False
        coming.append(chunk)
        size += len(chunk[0])
        return True

    while True:
        most = _CHUNKS_AT_ONCE * _cores()  # a cluster grows
        while take():
            pass
        if not coming:
            return
        portion, coming, size = coming, [], 0
        with closing(_done(shared, [data for data, is_to_do in portion if is_to_do])) as done:
            for data, is_to_do in portion:
                result = pickle.loads(next(done) if is_to_do else data)  # noqa: S301 - written by this very program
                if isinstance(result, EcoSorterError):
                    raise result
                yield result
                take()  # for the next portion, while this one is worked on


class _Worker:
    """What a process of the pool does."""

    def __init__(self, shared: Any) -> None:
        self._shared = shared

    def __call__(self, table: Any) -> Any:
        (data,) = table["chunk"].to_pylist()
        try:
            result = self._work(pickle.loads(data))  # noqa: S301 - see above
        except EcoSorterError as error:
            result = error
        return _table(pickle.dumps(result))

    @cached_property
    def _work(self) -> Callable[[Any], Any]:
        import ray  # noqa: PLC0415 - see above

        work: Callable[[Any], Any] = pickle.loads(ray.get(self._shared))  # noqa: S301 - see above
        return work


def _done(shared: Any, chunks: list[bytes]) -> Generator[bytes]:
    """Let Ray Data do some chunks."""
    if not chunks:
        return
    import ray  # noqa: PLC0415 - see above
    from ray.data.exceptions import ExecutionTimeoutError  # noqa: PLC0415

    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    context.raise_original_map_exception = True
    data = ray.data.from_items([{"chunk": chunk} for chunk in chunks], override_num_blocks=len(chunks))
    processes = min(len(chunks), _cores())
    results = data.map_batches(
        _Worker,
        fn_constructor_args=(shared,),
        batch_size=None,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=len(chunks), initial_size=processes),
        num_cpus=1,
    )
    try:
        with closing(iter(results.iter_batches(batch_size=None, batch_format="pyarrow"))) as batches:
            for batch in batches:
                yield from batch["chunk"].to_pylist()
    except (ray.exceptions.RayError, ExecutionTimeoutError) as error:
        cause = getattr(error, "cause", error)
        raise BulkError(
            f"Ray's processes failed ({type(cause).__name__}: {cause}). Is the same version of EcoSorter installed on "
            "every machine? What is done is kept: the same command goes on."
        ) from error


def _cores() -> int:
    import ray  # noqa: PLC0415 - see above

    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def _table(chunk: bytes) -> Any:
    """Return a chunk as what Ray Data moves: an Arrow table, of one row."""
    import pyarrow as pa  # noqa: PLC0415 - comes with the extra

    return pa.table({"chunk": pa.array([chunk], pa.large_binary())})
