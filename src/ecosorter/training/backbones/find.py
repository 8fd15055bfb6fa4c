"""Pretrained networks by name: short names, Hugging Face ids, local folders, ONNX files.

Whatever it was, a backbone can give one ONNX graph (`images` -> `pooled`, `map`; see graphs.py). Features of a frozen
network are computed by that graph and the shipped model contains it, so training and serving cannot differ.
"""

from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from ecosorter.errors import BackboneError
from ecosorter.training.backbones.backbone import PROCESSOR, Backbone
from ecosorter.training.backbones.efficientnet_lite import SIZES, lite_backbone
from ecosorter.training.backbones.huggingface import HuggingFace
from ecosorter.training.backbones.onnx_file import onnx_backbone

HUB_IDS = {
    "resnet18": "microsoft/resnet-18",
    "resnet50": "microsoft/resnet-50",
    "mobilenet-v2": "google/mobilenet_v2_1.0_224",
}
"""Short names of recipes.md and the Hugging Face ids behind them."""

SHORT_NAMES = (*HUB_IDS, *SIZES)


def find_backbone(name: str) -> Backbone:
    """Find a backbone by short name, Hugging Face id, local folder or ONNX file.

    A folder holds `config.json` and `*.safetensors` (Hugging Face layout), or one ONNX file.

    Raises:
        BackboneError: when there is no such folder or file, or the network is neither cached nor reachable;
            the message says which folder or variable would help.
    """
    if name in SIZES:
        return lite_backbone(name)
    path = Path(name).expanduser()
    if path.is_file() and path.suffix == ".onnx":
        return onnx_backbone(name, path, _existing(path.parent / PROCESSOR))
    if path.is_dir():
        return _in_folder(name, path)
    if name not in SHORT_NAMES and (name.startswith((".", "/", "~")) or name.count("/") != 1):
        raise BackboneError(
            f"No backbone {name!r}: it is no folder, no .onnx file, none of {', '.join(SHORT_NAMES)}, "
            "and no Hugging Face id (owner/name)."
        )
    return _in_folder(name, _from_hub(name, HUB_IDS.get(name, name)))


def _from_hub(name: str, hub_id: str) -> Path:
    try:
        return Path(snapshot_download(hub_id, allow_patterns=["config.json", PROCESSOR, "*.safetensors"]))
    except LocalEntryNotFoundError as error:
        raise BackboneError(
            f"{hub_id} is not in the Hugging Face cache and the hub cannot be reached. Pass --backbone FOLDER with "
            "config.json and model.safetensors in it, or set HF_HOME to a folder whose cache has this network"
            + (f" (or use {name} once while online)." if name == hub_id else f" ({name} is short for it).")
        ) from error
    except (HfHubHTTPError, HFValidationError) as error:
        raise BackboneError(f"The Hugging Face hub does not give {hub_id}: {error}") from error


def _in_folder(name: str, folder: Path) -> Backbone:
    processor = _existing(folder / PROCESSOR)
    config, weights = folder / "config.json", sorted(folder.glob("*.safetensors"))
    if config.is_file() and weights:
        return HuggingFace(name, (config, *weights), processor)
    graphs = sorted(folder.glob("*.onnx"))
    if len(graphs) == 1:
        return onnx_backbone(name, graphs[0], processor)
    found = ", ".join(sorted(path.name for path in folder.iterdir())) or "nothing"
    raise BackboneError(
        f"{folder} holds no backbone: expected config.json with *.safetensors, or one .onnx file; found {found}."
    )


def _existing(path: Path) -> Path | None:
    return path if path.is_file() else None
