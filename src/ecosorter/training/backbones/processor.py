"""Reads how a pretrained network wants its photos from its `preprocessor_config.json`.

The fields are those of Hugging Face image processors. Only what a fixed square input needs is understood;
anything else is refused, since a guess here is the commonest way to near-random predictions.
"""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from ecosorter.errors import BackboneError
from ecosorter.preprocess import PreprocessSpec

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos", "box"]

# The numbers of PIL.Image.Resampling, which these files store.
_RESAMPLE: dict[int, Interpolation] = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box"}

IMAGENET = PreprocessSpec(
    size=224,
    resize="crop",
    shorter_side=256,
    interpolation="bilinear",
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)
"""What most networks trained on ImageNet expect; used, and said aloud, where a network brings no rule."""


def read_processor(config: Mapping[str, Any]) -> PreprocessSpec:
    """Turn the content of a `preprocessor_config.json` into a spec.

    Args:
        config: the parsed JSON.

    Returns:
        The spec with the same resizing, cropping and normalisation.

    Raises:
        BackboneError: when the rule is not square, does not resize, or has a field out of range.
    """
    if not config.get("do_resize", True):
        raise BackboneError("This network's preprocessor does not resize; give [features.preprocess] in the recipe.")
    size, shorter_side = _sizes(config)
    mean, std = _normalisation(config)
    return PreprocessSpec(
        size=size,
        resize="crop" if shorter_side else "stretch",
        shorter_side=shorter_side,
        interpolation=_interpolation(config.get("resample", 2)),
        mean=mean,
        std=std,
    )


def _sizes(config: Mapping[str, Any]) -> tuple[int, int | None]:
    """Return (input side, shorter side before the centre crop, or None when the photo is stretched)."""
    size = config.get("size", 224)
    crops = bool(config.get("do_center_crop", False))
    if isinstance(size, Mapping) and "shortest_edge" in size:
        shorter: int = size["shortest_edge"]
        if crops:
            return _square(config.get("crop_size", shorter)), shorter
        if "crop_pct" not in config:
            raise BackboneError(
                "This network takes photos that are not square; give [features.preprocess] in the recipe."
            )
        # ConvNeXT's processor, which ResNets use too: below 384 it resizes to size / crop_pct and crops,
        # from 384 on it stretches. The default is that processor's own.
        if shorter < 384:
            return shorter, int(shorter / (config["crop_pct"] or 224 / 256))
        return shorter, None
    side = _square(size)
    if crops:
        return _square(config.get("crop_size", side)), side
    return side, None


def _square(size: Any) -> int:
    if isinstance(size, int):
        return size
    if isinstance(size, Mapping) and size.get("height") and size.get("height") == size.get("width"):
        return int(size["height"])
    raise BackboneError(f"This network's input is not square ({size}); give [features.preprocess] in the recipe.")


def _interpolation(number: Any) -> Interpolation:
    name = _RESAMPLE.get(number)
    if name is None:
        known = ", ".join(get_args(Interpolation))
        raise BackboneError(
            f"This network resizes by rule {number}; known rules are {known}. Give [features.preprocess]."
        )
    return name


def _normalisation(
    config: Mapping[str, Any],
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Return mean and std of values in 0..1, whatever scale the file states them on."""
    scale = config.get("rescale_factor", 1 / 255) if config.get("do_rescale", True) else 1.0
    mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    if config.get("do_normalize", True):
        mean, std = _three(config, "image_mean"), _three(config, "image_std")
    # (x * scale - m) / s  ==  (x / 255 - m') / s'  with  m' = m / (255 scale),  s' = s / (255 scale)
    factor = 255 * scale
    return _scaled(mean, factor), _scaled(std, factor)


def _three(config: Mapping[str, Any], key: str) -> tuple[float, float, float]:
    values = config.get(key)
    if not isinstance(values, list) or len(values) != 3:
        raise BackboneError(f"preprocessor_config.json: {key} must list three numbers, not {values!r}.")
    return values[0], values[1], values[2]


def _scaled(values: tuple[float, float, float], factor: float) -> tuple[float, float, float]:
    # Rounded so that 0.5 stays 0.5 where the file's factor is 1/255 in decimal digits.
    return round(values[0] / factor, 9), round(values[1] / factor, 9), round(values[2] / factor, 9)
