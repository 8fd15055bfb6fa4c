"""Figures for Prometheus. With several workers they share a folder and any of them tells the sum."""

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""Variable with the folder that the workers share; prometheus_client looks at it when it is imported."""

CONTENT_TYPE = CONTENT_TYPE_LATEST

_METHODS = frozenset("GET HEAD POST PUT PATCH DELETE OPTIONS".split())  # noqa: SIM905
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """Counts what the service does. Labels come from small sets, never from what a client sends."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        if SHARED not in os.environ:
            ProcessCollector(registry=registry)
        self._registry = registry
        self._requests = Counter(
            "ecosorter_requests", "Requests answered.", ("method", "route", "status"), registry=registry
        )
        self._request_seconds = Histogram(
            "ecosorter_request_seconds", "From request to answer.", ("route",), buckets=_SECONDS, registry=registry
        )
        self._waiting = Gauge(
            "ecosorter_queue_photos",
            "Photos that wait or are worked on.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._batch = Histogram(
            "ecosorter_batch_photos",
            "Photos that the model took at a time.",
            buckets=(1, 2, 4, 8, 16),
            registry=registry,
        )
        self._inference = Histogram(
            "ecosorter_inference_seconds", "One run of the model.", buckets=_SECONDS, registry=registry
        )
        self._photos = Counter(
            "ecosorter_photos", "Photos by status and answer.", ("status", "answer"), registry=registry
        )
        self._reloads = Counter("ecosorter_reloads", "New bundles asked for.", ("outcome",), registry=registry)
        self._shadow_photos = Counter(
            "ecosorter_shadow_photos",
            "Photos that a model in shadow answered, too, by the class that the model in use saw.",
            ("best", "agreed"),
            registry=registry,
        )
        self._shadow_confidence = Histogram(
            "ecosorter_shadow_confidence",
            "How sure the model in shadow was.",
            ("best",),
            buckets=(0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
            registry=registry,
        )
        self._shadow_seconds = Histogram(
            "ecosorter_shadow_seconds", "What it took for a photo.", ("best",), buckets=_SECONDS, registry=registry
        )
        self._shadow_skipped = Counter(
            "ecosorter_shadow_skipped", "Photos for which a model in shadow had no time.", registry=registry
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered. `route` is a path template of the service."""
        self._requests.labels(method if method in _METHODS else "other", route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def batch(self, photos: int, seconds: float) -> None:
        """The model has run."""
        self._batch.observe(photos)
        self._inference.observe(seconds)

    def waiting(self, photos: int) -> None:
        """So many photos are in the engine now."""
        self._waiting.set(photos)

    def photo(self, status: str, answer: str) -> None:
        """A photo was answered. `answer` is a class of the model, ``not_sure``, or empty for a bad photo."""
        self._photos.labels(status, answer).inc()

    def reload(self, outcome: str) -> None:
        """A bundle was loaded anew, or refused."""
        self._reloads.labels(outcome).inc()

    def shadow(self, best: str, agreed: bool, confidence: float, seconds: float) -> None:
        """A model in shadow has answered a photo for which the model in use says `best`, a class of it."""
        self._shadow_photos.labels(best, "yes" if agreed else "no").inc()
        self._shadow_confidence.labels(best).observe(confidence)
        self._shadow_seconds.labels(best).observe(seconds)

    def shadow_skipped(self) -> None:
        """A model in shadow had no time for a photo."""
        self._shadow_skipped.inc()

    def text(self) -> bytes:
        """Return everything in Prometheus' text format: of all workers where there are several."""
        if SHARED not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)
