import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ecosorter.datasets.cache import Cache
from ecosorter.errors import BackboneError, PhotoError
from ecosorter.preprocess import decode_pixels
from ecosorter.training.backbones.find import find_backbone
from ecosorter.training.backbones.graphs import front_graph
from ecosorter.training.features import Engine, FeatureSource, OnnxEngine, Output, TorchEngine, extract
from tests.training import networks

Photo = tuple[Path, str]


@pytest.fixture
def photos(tmp_path: Path) -> list[Photo]:
    random = np.random.default_rng(0)
    made = []
    for number in range(11):
        path = tmp_path / f"{number}.png"
        Image.fromarray(random.integers(0, 256, (50, 40, 3), dtype=np.uint8)).save(path)
        made.append((path, hashlib.sha256(path.read_bytes()).hexdigest()))
    return made


def source_of(path: Path, output: Output = "pooled") -> FeatureSource:
    backbone = find_backbone(str(path))
    return FeatureSource(backbone, backbone.preprocess()[0], output)


class Counted:
    """An engine that knows how many photos it was given."""

    name = "onnx"

    def __init__(self, engine: Engine) -> None:
        self.engine, self.photos = engine, 0

    def __call__(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        self.photos += len(pixels)
        return self.engine(pixels)


@pytest.fixture
def engine(tmp_path: Path) -> Counted:
    source = source_of(networks.onnx_file(tmp_path / "net/model.onnx"))
    return Counted(OnnxEngine(front_graph(source.spec, source.backbone.graph(32, Cache(tmp_path / "graphs")))))


def test_features_are_those_of_the_network_in_the_order_of_the_photos(
    photos: list[Photo], engine: Counted, tmp_path: Path
) -> None:
    source = source_of(tmp_path / "net")
    found = extract(source, photos, lambda: engine, "onnx", Cache(tmp_path / "cache"), batch_size=4)
    one_by_one = [engine.engine(decode_pixels(path, source.spec)[None])[0][0] for path, _ in photos]
    np.testing.assert_array_equal(found, np.stack(one_by_one))
    assert found.dtype == np.float32


def test_ten_more_photos_cost_ten(photos: list[Photo], engine: Counted, tmp_path: Path) -> None:
    source, cache = source_of(tmp_path / "net"), Cache(tmp_path / "cache")
    first = extract(source, photos[:6], lambda: engine, "onnx", cache)
    assert engine.photos == 6
    told: list[int] = []
    again = extract(source, photos, lambda: engine, "onnx", cache, advance=told.append)
    assert engine.photos == len(photos)
    assert sum(told) == len(photos)
    np.testing.assert_array_equal(again[:6], first)
    extract(source, photos, lambda: pytest.fail("nothing is left to compute"), "onnx", cache)


def test_the_same_bytes_under_two_names_are_computed_once(photos: list[Photo], engine: Counted, tmp_path: Path) -> None:
    copy = tmp_path / "copy.png"
    copy.write_bytes(photos[0][0].read_bytes())
    found = extract(
        source_of(tmp_path / "net"),
        [photos[0], (copy, photos[0][1])],
        lambda: engine,
        "onnx",
        Cache(tmp_path / "cache"),
    )
    assert engine.photos == 1
    np.testing.assert_array_equal(found[0], found[1])


def test_another_rule_or_backbone_or_output_is_another_feature(photos: list[Photo], tmp_path: Path) -> None:
    a = source_of(networks.onnx_file(tmp_path / "a/model.onnx"))
    b = source_of(networks.resnet_folder(tmp_path / "b"))
    grey = FeatureSource(a.backbone, a.spec.model_copy(update={"grey": True}), "pooled")
    flat = FeatureSource(a.backbone, a.spec, "flattened")
    keys = {source.key(photos[0][1], name) for source in (a, b, grey, flat) for name in ("onnx", "torch")}
    assert len(keys) == 8


def test_what_was_computed_before_a_break_is_kept(photos: list[Photo], engine: Counted, tmp_path: Path) -> None:
    source, cache = source_of(tmp_path / "net"), Cache(tmp_path / "cache")
    photos[8][0].write_bytes(b"no longer a photo")
    with pytest.raises(PhotoError):
        extract(source, photos, lambda: engine, "onnx", cache, batch_size=4)
    done = engine.photos
    assert done >= 4
    extract(source, photos[:4], lambda: pytest.fail("was kept"), "onnx", cache)


def test_flattened_features_are_the_whole_map_in_half_precision(
    photos: list[Photo], engine: Counted, tmp_path: Path
) -> None:
    source = source_of(tmp_path / "net", "flattened")
    found = extract(source, photos[:2], lambda: engine, "onnx", Cache(tmp_path / "cache"))
    places = engine(np.stack([decode_pixels(path, source.spec) for path, _ in photos[:2]]))[1]
    assert places is not None
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, places.reshape(2, -1), rtol=1e-3)


def test_flattening_needs_a_map(photos: list[Photo], tmp_path: Path) -> None:
    source = source_of(networks.onnx_file(tmp_path / "net/model.onnx"), "flattened")

    def without_map(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], None]:
        return np.zeros((len(pixels), 5), np.float32), None

    without_map.name = "onnx"  # type: ignore[attr-defined]
    with pytest.raises(BackboneError, match="no feature map"):
        extract(source, photos, lambda: without_map, "onnx", Cache(tmp_path / "cache"))  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize("grey", [False, True])
def test_torch_and_onnx_agree(grey: bool, photos: list[Photo], cache: Cache, tmp_path: Path) -> None:
    source = source_of(networks.mobilenet_folder(tmp_path / "net"))
    spec = source.spec.model_copy(update={"grey": grey})
    pixels = np.stack([decode_pixels(path, spec) for path, _ in photos])
    ours = OnnxEngine(front_graph(spec, source.backbone.graph(32, cache)))(pixels)
    theirs = TorchEngine(spec, source.backbone.body())(pixels)
    for a, b in zip(ours, theirs, strict=True):
        assert a is not None
        assert b is not None
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_batches_of_any_size_give_the_same_bits(photos: list[Photo], engine: Counted, tmp_path: Path) -> None:
    """So a run that was cut off and went on gives the figures of one that was not."""
    source = source_of(tmp_path / "net")
    sizes: Iterator[int] = iter((1, 3, 11))
    a, b, c = (
        extract(source, photos, lambda: engine, "onnx", Cache(tmp_path / f"cache{size}"), batch_size=size)
        for size in sizes
    )
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(a, c)
