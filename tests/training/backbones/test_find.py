import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from ecosorter.datasets.cache import Cache
from ecosorter.errors import BackboneError
from ecosorter.training.backbones.find import HUB_IDS, find_backbone
from ecosorter.training.backbones.processor import IMAGENET
from tests.training import networks


@pytest.mark.parametrize("make", [networks.resnet_folder, networks.mobilenet_folder, networks.vit_folder])
def test_the_graph_computes_what_the_torch_module_computes(make, tmp_path: Path, cache: Cache) -> None:
    backbone = find_backbone(str(make(tmp_path / "net")))
    session = onnxruntime.InferenceSession(backbone.graph(32, cache).SerializeToString())
    images = np.random.default_rng(0).normal(size=(3, 3, 32, 32)).astype(np.float32)
    with torch.inference_mode():
        wanted = [tensor.numpy() for tensor in backbone.body()(torch.from_numpy(images))]
    found = session.run(["pooled", "map"], {"images": images})
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert found[1].shape[:2] == found[0].shape


def test_a_convolutional_network_pools_the_mean_of_its_map(tmp_path: Path) -> None:
    network = find_backbone(str(networks.resnet_folder(tmp_path / "net"))).body()
    with torch.inference_mode():
        pooled, places = network(torch.rand(2, 3, 32, 32))
    torch.testing.assert_close(pooled, places.mean(dim=(2, 3)))


@pytest.mark.parametrize("output", ["features", "pooler_output"])
def test_an_onnx_file_loses_its_classifier_and_shows_its_map(output: str, tmp_path: Path, cache: Cache) -> None:
    path = networks.onnx_file(tmp_path / "model.onnx", output=output)
    images = np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype(np.float32)
    (wanted,) = onnxruntime.InferenceSession(path).run([output], {"input": images})
    for name in (path, path.parent):
        graph = find_backbone(str(name)).graph(32, cache)
        assert [value.name for value in graph.graph.output] == ["pooled", "map"]
        assert "MatMul" not in {node.op_type for node in graph.graph.node}
        pooled, places = onnxruntime.InferenceSession(graph.SerializeToString()).run(None, {"images": images})
        np.testing.assert_allclose(pooled, wanted, rtol=1e-6)
        np.testing.assert_allclose(places.mean(axis=(2, 3)), wanted, rtol=1e-5)


def test_a_graph_is_converted_in_a_process_of_its_own_and_kept(
    tmp_path: Path, cache: Cache, in_a_process_of_its_own: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = find_backbone(str(networks.vit_folder(tmp_path / "net")))
    images = np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype(np.float32)
    first = backbone.graph(32, Cache(tmp_path / "cache"))
    found = onnxruntime.InferenceSession(first.SerializeToString()).run(["pooled"], {"images": images})
    with torch.inference_mode():
        np.testing.assert_allclose(found[0], backbone.body()(torch.from_numpy(images))[0].numpy(), atol=1e-4)
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("converted twice"))
    assert backbone.graph(32, Cache(tmp_path / "cache")) == first


def test_a_network_that_cannot_be_converted_is_named(tmp_path: Path, in_a_process_of_its_own: None) -> None:
    folder = networks.resnet_folder(tmp_path / "net")
    backbone = find_backbone(str(folder))
    (folder / "config.json").write_text("{}")
    with pytest.raises(BackboneError, match=r"net cannot be converted to ONNX: \w+"):
        backbone.graph(32, Cache(tmp_path / "cache"))


def test_the_fingerprint_follows_the_weights(tmp_path: Path) -> None:
    a, b = (networks.resnet_folder(tmp_path / name) for name in "ab")
    assert find_backbone(str(a)).fingerprint == find_backbone(str(b)).fingerprint
    weights = b / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert find_backbone(str(a)).fingerprint != find_backbone(str(b)).fingerprint


def test_preprocessing_is_the_networks_own_or_said_to_be_assumed(tmp_path: Path) -> None:
    spec, notes = find_backbone(str(networks.resnet_folder(tmp_path / "a"))).preprocess()
    assert (spec.size, spec.shorter_side, notes) == (32, 40, [])
    spec, notes = find_backbone(str(networks.resnet_folder(tmp_path / "b", processor=False))).preprocess()
    assert spec == IMAGENET
    assert [note.key for note in notes] == ["assumed_rule"]


def test_an_onnx_file_without_a_rule_is_not_guessed_at(tmp_path: Path) -> None:
    path = networks.onnx_file(tmp_path / "model.onnx", processor=False)
    with pytest.raises(BackboneError, match=r"features\.preprocess"):
        find_backbone(str(path)).preprocess()


def test_offline_and_not_cached_says_what_would_help(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    for name in (*HUB_IDS, "somebody/some-network"):
        with pytest.raises(BackboneError) as caught:
            find_backbone(name)
        assert "--backbone FOLDER" in str(caught.value)
        assert "HF_HOME" in str(caught.value)
        assert HUB_IDS.get(name, name) in str(caught.value)


def test_a_network_in_the_hub_cache_is_found_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    repository = tmp_path / "models--microsoft--resnet-18"
    networks.resnet_folder(repository / "snapshots/0123")
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text("0123")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert find_backbone("resnet18").preprocess()[0].size == 32


@pytest.mark.parametrize(
    ("files", "said"),
    [({}, "found nothing"), ({"config.json": "{}"}, "found config.json"), ({"pytorch_model.bin": ""}, "safetensors")],
)
def test_a_folder_without_a_network_says_what_is_missing(files: dict[str, str], said: str, tmp_path: Path) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(BackboneError, match=said):
        find_backbone(str(tmp_path))


@pytest.mark.parametrize("name", ["resnet19", "./nowhere", "/no/such/folder", "a/b/c"])
def test_nonsense_is_no_backbone(name: str) -> None:
    with pytest.raises(BackboneError, match="No backbone"):
        find_backbone(name)


def test_broken_files_are_refused(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a network")
    with pytest.raises(BackboneError, match="no readable ONNX"):
        find_backbone(str(tmp_path / "model.onnx")).graph(32, cache)
    (tmp_path / "net").mkdir()
    (tmp_path / "net/config.json").write_text(json.dumps({"model_type": "no such type"}))
    (tmp_path / "net/model.safetensors").write_bytes(b"")
    with pytest.raises(BackboneError, match="cannot load"):
        find_backbone(str(tmp_path / "net")).body()


def test_an_onnx_file_of_another_size_is_refused(tmp_path: Path, cache: Cache) -> None:
    backbone = find_backbone(str(networks.onnx_file(tmp_path / "model.onnx")))
    with pytest.raises(BackboneError, match="32 x 32"):
        backbone.graph(64, cache)


@pytest.mark.parametrize("kind", ["mobilenet_v2_1.0_224", "mobilenet_edgetpu_1.0_224"])
def test_the_shared_backbones_load(kind: str, shared: Path) -> None:
    # Networks of these kinds become graphs further above and in test_edgetpu.py: each conversion costs seconds.
    with torch.inference_mode():
        pooled, places = find_backbone(str(shared / "backbones" / kind)).body()(torch.zeros(1, 3, 224, 224))
    assert (pooled.shape, places.shape) == ((1, 1280), (1, 1280, 7, 7))
