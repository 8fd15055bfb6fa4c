"""What lies in front of a head: from the pixels of a photo to its features, as the bundle's own graph computes them."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, load_from_string

from ecosorter.datasets.cache import Cache
from ecosorter.preprocess import PreprocessSpec
from ecosorter.progress import Advance
from ecosorter.training.backbones.backbone import Backbone
from ecosorter.training.backbones.features_graph import features_graph
from ecosorter.training.backbones.graphs import front_graph
from ecosorter.training.backbones.scores_layer import ScoresLayer, scores_layer
from ecosorter.training.export.quantize import quantize
from ecosorter.training.export.views import range_batches
from ecosorter.training.features import Engine, FeatureSource, OnnxEngine, TorchEngine, extract
from ecosorter.training.recipe import Recipe

Files = Sequence[tuple[Path, str]]
"""Path and sha256 of each photo."""


class Front:
    """Preprocessing and a network as it came; perhaps ImageNet scores behind the features, perhaps 8-bit integers.

    Args:
        backbone: the network.
        spec: from a photo to pixels; its `zooms` are the views.
        recipe: features, export, seed.
        files: photos of the run.
        ranges: photos from which the ranges of the integers come.
        classes: names, for the ImageNet scores.
        cache: of graphs and features.

    Raises:
        BackboneError: the network has no ImageNet classes, and the recipe asks for their scores.
        RecipeError: the same, and a class has no names of things.
    """

    def __init__(
        self,
        backbone: Backbone,
        spec: PreprocessSpec,
        recipe: Recipe,
        files: Files,
        ranges: Files,
        classes: Sequence[str],
        cache: Cache,
    ) -> None:
        self.spec = spec
        self._backbone, self._recipe, self._cache = backbone, recipe, cache
        self._files, self._ranges = files, ranges
        self.scores: ScoresLayer | None = None
        if recipe.features.imagenet_scores:
            self.scores = scores_layer(backbone, classes)

    @cached_property
    def model(self) -> ModelProto:
        """The graph from `pixels` to `pooled`, and `map` where the network has one."""
        graph = self._backbone.graph(self.spec.size, self._cache)
        front = front_graph(self.spec, features_graph(graph, self._recipe.features.pooling, self.scores))
        if not self._recipe.export.int8:
            return front
        batches = range_batches([path for path, _ in self._ranges], self.spec, self._recipe.seed)
        return load_from_string(quantize(front.SerializeToString(), batches))

    @property
    def plain(self) -> bool:
        """Whether it is the network and nothing else."""
        return self.scores is None and self._recipe.features.pooling == "mean" and not self._recipe.export.int8

    def features(
        self,
        advance: Advance,
        zooms: Sequence[float],
        pool: AbstractContextManager[None] | None = None,
    ) -> NDArray[np.floating]:
        """Compute the features of every photo, here or in the processes of a pool: ``[n, views * d]``.

        Args:
            advance: called as photos are finished.
            zooms: the views.
            pool: `joined` (pool.py).
        """
        spec = self.spec.model_copy(update={"zooms": tuple(zooms)})
        threads = 1 if pool else 0
        return self._extract(
            self._files, spec, lambda: OnnxEngine(self.model, threads), OnnxEngine.name, advance=advance, pool=pool
        )

    def reference(self, files: Files) -> NDArray[np.floating]:
        """Return the features of whole photos by the network itself, in torch where it has a module: ``[n, d]``.

        An ONNX file has no module, nor have integers and another pooling: the front's own features stand for theirs.
        """
        spec = self.spec.model_copy(update={"zooms": (1.0,)})
        if not self._backbone.trainable or self._recipe.export.int8 or self._recipe.features.pooling != "mean":
            return self._extract(files, spec, lambda: OnnxEngine(self.model), OnnxEngine.name)
        plain = FeatureSource(self._backbone, spec, self._recipe.features.output)
        found = extract(plain, files, lambda: TorchEngine(spec, self._backbone.body()), TorchEngine.name, self._cache)
        return self.scores.beside(found.astype(np.float32)) if self.scores else found

    def _extract(
        self,
        files: Files,
        spec: PreprocessSpec,
        open_engine: Callable[[], Engine],
        engine_name: str,
        *,
        advance: Advance = lambda _: None,
        pool: AbstractContextManager[None] | None = None,
    ) -> NDArray[np.floating]:
        # A plain front is told by its network alone, which is known before the graph is there.
        variant = "" if self.plain else f":{hashlib.sha256(self.model.SerializeToString()).hexdigest()}"
        source = FeatureSource(self._backbone, spec, self._recipe.features.output, variant)
        return extract(
            source,
            files,
            open_engine,
            engine_name,
            self._cache,
            batch_size=self._recipe.features.batch_size,
            advance=advance,
            pool=pool,
        )
