"""Features of photos: what a frozen backbone makes of each, computed once per photo and kept in the cache."""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import ModelProto
from torch import Tensor, nn

from ecosorter.datasets.cache import Cache
from ecosorter.errors import BackboneError
from ecosorter.pool import mapped
from ecosorter.preprocess import PreprocessSpec, load_pixels
from ecosorter.progress import Advance
from ecosorter.session import run_session
from ecosorter.training.backbones.backbone import Backbone
from ecosorter.training.backbones.graphs import LUMA, join, preprocess_graph

Output = Literal["pooled", "flattened"]


class Engine(Protocol):
    """Something that turns pixels uint8 [n, s, s, 3] into (pooled [n, d], map [n, d, h, w] or None), float32."""

    name: str

    def __call__(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Compute both for one batch."""


class OnnxEngine:
    """The backbone's ONNX graph behind the preprocessing graph: the same two that are shipped.

    On two cores it computes MobileNetV2 several times as fast as torch does (`make bench`).
    """

    name = "onnx"

    def __init__(self, spec: PreprocessSpec, backbone: ModelProto, threads: int = 0) -> None:
        """Join the graphs; `threads` are those of the model, 0 for one a core."""
        self._threads = threads
        self._outputs = [value.name for value in backbone.graph.output]
        self._model = join(preprocess_graph(spec), backbone, self._outputs).SerializeToString()

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:  # opened late: the engine may go to other processes before
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        # Threads that wait for work by spinning would take the cores from those that decode photos.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.enable_cpu_mem_arena = False  # it would keep the largest batch's memory
        return onnxruntime.InferenceSession(self._model, options, providers=onnxruntime.get_available_providers())

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads or os.cpu_count())

    def __call__(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Compute both for one batch."""
        found = dict(zip(self._outputs, run_session(self._session, self._outputs, pixels, self._pool), strict=True))
        return found["pooled"], found.get("map")


class TorchEngine:
    """The torch module itself: the reference that an export is held against."""

    name = "torch"

    def __init__(self, spec: PreprocessSpec, network: nn.Module) -> None:
        self._spec, self._network = spec, network

    @torch.inference_mode()
    def __call__(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Compute both for one batch."""
        pooled, places = self._network(normalised(torch.from_numpy(pixels), self._spec))
        return pooled.numpy(), places.numpy()


def normalised(pixels: Tensor, spec: PreprocessSpec) -> Tensor:
    """Do in torch what `graphs.preprocess_graph` does in ONNX; every export proves that they agree.

    Args:
        pixels: uint8 [n, s, s, 3].
        spec: greyscale, mean and std.

    Returns:
        float32 [n, 3, s, s].
    """
    return normalised_images((pixels.float() / 255).permute(0, 3, 1, 2), spec).contiguous()


def normalised_images(images: Tensor, spec: PreprocessSpec) -> Tensor:
    """Do the same with images float32 [n, 3, s, s], 0..1."""
    if spec.grey:
        images = (images * _channels(LUMA)).sum(1, keepdim=True).expand(-1, 3, -1, -1)
    return (images - _channels(spec.mean)) / _channels(spec.std)


def _channels(values: tuple[float, float, float]) -> Tensor:
    return torch.tensor(values)[:, None, None]


@dataclass(frozen=True, slots=True)
class FeatureSource:
    """What decides a feature, apart from the photo: backbone, preprocessing and which output is kept.

    Pooled features are float32 [d]. Flattened ones are the whole map, float16 [d * h * w]: 100,352 numbers for
    ResNet50, so half precision halves 1.2 GB for 3,042 photos; its relative error (0.0005) is far below the
    differences between photos.
    """

    backbone: Backbone
    spec: PreprocessSpec
    output: Output

    @property
    def dtype(self) -> type[np.floating]:
        """The type that features are kept in."""
        return np.float16 if self.output == "flattened" else np.float32

    def key(self, photo_hash: str, engine: str) -> str:
        """Return the cache key of one photo's feature."""
        rule = f"{self.backbone.fingerprint}:{self.spec.model_dump_json()}:{self.output}:{engine}"
        return f"features-v1:{hashlib.sha256(rule.encode()).hexdigest()}:{photo_hash}"


def extract(
    source: FeatureSource,
    photos: Sequence[tuple[Path, str]],
    open_engine: Callable[[], Engine],
    engine_name: str,
    cache: Cache,
    *,
    batch_size: int = 32,
    pool: AbstractContextManager[None] | None = None,
    advance: Advance = lambda _: None,
) -> NDArray[np.floating]:
    """Return a feature for each photo, from the cache where it is there.

    Memory holds the result once, plus a few batches.

    Args:
        source: backbone, preprocessing, output.
        photos: (path, sha256 of its bytes) of photos that are known to open.
        open_engine: makes the engine; not called when everything is in the cache.
        engine_name: the engine's name, a part of the cache key.
        cache: where features are kept.
        batch_size: photos computed at once.
        pool: `joined` (pool.py), to compute in its processes; it is entered only when there is something to compute.
        advance: called as photos are finished.

    Returns:
        [n, d] of `source.dtype`, in the order of `photos`; [0, 0] for no photos.

    Raises:
        PhotoError: when a photo no longer opens.
    """
    rows: dict[str, list[int]] = {}
    for index, (_, photo_hash) in enumerate(photos):
        rows.setdefault(source.key(photo_hash, engine_name), []).append(index)
    matrix = _Matrix(len(photos), source.dtype)
    for key, value in cache.get_many(list(rows)):
        where = rows.pop(key)
        matrix.fill(where, np.frombuffer(value, source.dtype))
        advance(len(where))
    if rows:
        paths = {key: photos[where[0]][0] for key, where in rows.items()}
        compute = _computed_in_pool if pool else _computed
        with pool or nullcontext():
            for features in compute(source, paths, open_engine(), batch_size):
                cache.put_many({key: feature.tobytes() for key, feature in features.items()})
                for key, feature in features.items():
                    matrix.fill(rows[key], feature)
                    advance(len(rows[key]))
    return matrix.values


class _Matrix:
    """A matrix whose width is known when its first row comes."""

    def __init__(self, height: int, dtype: type[np.floating]) -> None:
        self._height, self._dtype = height, dtype
        self.values: NDArray[np.floating] = np.empty((0, 0), dtype)

    def fill(self, rows: Sequence[int], feature: NDArray[np.floating]) -> None:
        if not self.values.size:
            self.values = np.empty((self._height, len(feature)), self._dtype)
        self.values[rows] = feature


def _computed(
    source: FeatureSource, paths: dict[str, Path], engine: Engine, batch_size: int
) -> Iterator[dict[str, NDArray[np.floating]]]:
    """Yield the features of a batch of photos, by key."""
    for keys, pixels in _decoded(paths, source.spec, batch_size):
        yield dict(zip(keys, _kept(source, *engine(pixels)), strict=True))


def _computed_in_pool(
    source: FeatureSource, paths: dict[str, Path], engine: Engine, batch_size: int
) -> Iterator[dict[str, NDArray[np.floating]]]:
    """Do the same in the processes of a pool, which read the photos themselves."""
    named = [(key, path.absolute()) for key, path in paths.items()]
    batches = (dict(named[start : start + batch_size]) for start in range(0, len(named), batch_size))
    yield from mapped(partial(_batch, source, engine), batches)


def _batch(source: FeatureSource, engine: Engine, paths: dict[str, Path]) -> dict[str, NDArray[np.floating]]:
    """Decode and compute one batch, in a process of the pool."""
    pixels = np.stack([load_pixels(path, source.spec) for path in paths.values()])
    return dict(zip(paths, _kept(source, *engine(pixels)), strict=True))


def _kept(
    source: FeatureSource, pooled: NDArray[np.float32], places: NDArray[np.float32] | None
) -> NDArray[np.floating]:
    if source.output == "pooled":
        return pooled
    if places is None:
        raise BackboneError(f"{source.backbone.name} has no feature map to flatten; use features.output = 'pooled'.")
    limit = np.finfo(np.float16).max
    return places.reshape(len(places), -1).clip(-limit, limit).astype(np.float16)


def _decoded(
    paths: dict[str, Path], spec: PreprocessSpec, batch_size: int
) -> Iterator[tuple[list[str], NDArray[np.uint8]]]:
    """Yield batches of (keys, pixels), decoding the next two batches in threads meanwhile."""
    items = iter(paths.items())
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        ahead: deque[tuple[str, Future[NDArray[np.uint8]]]] = deque()

        def top_up() -> None:
            while len(ahead) < 3 * batch_size and (item := next(items, None)):
                ahead.append((item[0], pool.submit(load_pixels, item[1], spec)))

        top_up()
        while ahead:
            batch = [ahead.popleft() for _ in range(min(batch_size, len(ahead)))]
            top_up()
            yield [key for key, _ in batch], np.stack([future.result() for _, future in batch])
