"""EcoSorter: which bin does it belong in? Photos in, a class or "not sure" out.

>>> from ecosorter import Classifier
>>> classifier = Classifier.load("runs/a/bundle")
>>> for prediction in classifier.stream(["bottle.jpg", "box.heic"]):
...     print(prediction.path, prediction.label, prediction.confidence)
"""

import os
from importlib.metadata import PackageNotFoundError, version

from ecosorter.bundle import Bundle, BundleInfo, DataSource, load_bundle, write_bundle
from ecosorter.classifier import Classifier, Prediction
from ecosorter.decision import Decision, Thresholds, decide
from ecosorter.errors import (
    BackboneError,
    BulkError,
    BundleError,
    CacheError,
    DatasetError,
    DownloadBrokenOff,
    DownloadError,
    EcoSorterError,
    ExportError,
    GuidanceError,
    PhotoCorrupt,
    PhotoEmpty,
    PhotoError,
    PhotoIsFolder,
    PhotoIsHtml,
    PhotoIsText,
    PhotoMislabelled,
    PhotoMissing,
    PhotoTooManyBytes,
    PhotoTooManyPixels,
    PhotoTruncated,
    PhotoUnreadable,
    PhotoUnsupported,
    RecipeError,
    RunError,
    ServiceError,
    StoreError,
)
from ecosorter.folders import find_photos
from ecosorter.photos import Limits, open_photo
from ecosorter.preprocess import PreprocessSpec, decode_pixels, to_pixels

# ONNX Runtime's builds report to Microsoft, and look at this when they are first imported, wherever that is; so it is
# the one thing that importing this package does. Who wants the reports sets it to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

try:
    __version__ = version("ecosorter")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"

__all__ = [
    "BackboneError",
    "BulkError",
    "Bundle",
    "BundleError",
    "BundleInfo",
    "CacheError",
    "Classifier",
    "DataSource",
    "DatasetError",
    "Decision",
    "DownloadBrokenOff",
    "DownloadError",
    "EcoSorterError",
    "ExportError",
    "GuidanceError",
    "Limits",
    "PhotoCorrupt",
    "PhotoEmpty",
    "PhotoError",
    "PhotoIsFolder",
    "PhotoIsHtml",
    "PhotoIsText",
    "PhotoMislabelled",
    "PhotoMissing",
    "PhotoTooManyBytes",
    "PhotoTooManyPixels",
    "PhotoTruncated",
    "PhotoUnreadable",
    "PhotoUnsupported",
    "Prediction",
    "PreprocessSpec",
    "RecipeError",
    "RunError",
    "ServiceError",
    "StoreError",
    "Thresholds",
    "__version__",
    "decide",
    "decode_pixels",
    "find_photos",
    "load_bundle",
    "open_photo",
    "to_pixels",
    "write_bundle",
]
