"""Vision models of transformers as backbones: whatever its `AutoModel` builds from a folder."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ecosorter.errors import BackboneError
from ecosorter.preprocess import PreprocessSpec
from ecosorter.texts.note import Note
from ecosorter.training.backbones.backbone import Backbone, ImageNetLayer
from ecosorter.training.backbones.processor import IMAGENET

_CLASSES = 1000
_BANANA = 954  # where ImageNet's usual order has it


class MappedNetwork(nn.Module):
    """A transformers vision model that answers with pooled features and the map they are the mean of."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return pooled features [n, d] and map [n, d, h, w] of images float32 [n, 3, s, s]."""
        output = self.model(pixel_values=images)
        states: Tensor = output.last_hidden_state
        if states.dim() == 4:
            pooled = getattr(output, "pooler_output", None)
            return (states.mean(dim=(2, 3)) if pooled is None else pooled.flatten(1)), states
        # Transformers give tokens [n, prefix + h * w, d]. Their pooler_output is not used: checkpoints often lack
        # the pooler's weights, and transformers then makes them up at random.
        side = int(states.shape[1] ** 0.5)
        prefix = states.shape[1] - side * side
        places = states[:, prefix:]
        pooled = states[:, 0] if prefix else places.mean(dim=1)
        return pooled, places.transpose(1, 2).reshape(states.shape[0], -1, side, side)


@dataclass(frozen=True)
class HuggingFace(Backbone):
    """A folder with `config.json` and `*.safetensors`."""

    def body(self) -> nn.Module:
        """Load the torch module, without its classification layer.

        Of a network of photos and words, such as SigLIP, it is the part that sees photos.
        """
        model = self._loaded("AutoModel")
        model = getattr(model, "vision_model", model)
        for name in ("pooler", "head"):  # they have weights in transformers only, whose pooler_output is not used
            if pooler := getattr(model, name, None):
                pooler.requires_grad_(False)
        return MappedNetwork(model).eval()

    def imagenet(self) -> ImageNetLayer | None:
        """Return the classifier of a model `...ForImageClassification` with the classes of ImageNet.

        None is returned too when the classifier takes other features than the pooled ones (some take two kinds at
        once): what it would say of them is compared with what the model says.
        """
        config: Any = self._loaded("AutoConfig")
        if not any(name.endswith("ForImageClassification") for name in config.architectures or ()):
            return None
        background = config.num_labels - _CLASSES
        if background not in (0, 1) or not _is_banana(config.id2label[background + _BANANA]):
            return None
        model = self._loaded("AutoModelForImageClassification").eval()
        layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
        layer = next((layer for layer in reversed(layers) if layer.out_features == config.num_labels), None)
        side = self.preprocess()[0].size
        with torch.inference_mode():
            images = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0))
            pooled, places = self.body()(images)
            if layer is None or layer.in_features != pooled.shape[1]:
                return None
            said, wanted = layer(pooled), model(pixel_values=images).logits
            if not torch.allclose(said, wanted, rtol=1e-3, atol=1e-3):
                return None
            of_mean = torch.allclose(pooled, places.mean((2, 3)), rtol=1e-3, atol=1e-4)
        weight = layer.weight.detach().numpy()[background:]
        bias = layer.bias.detach().numpy()[background:]
        return ImageNetLayer(weight, bias, of_mean)

    def _loaded(self, kind: str) -> Any:
        # Takes seconds, and is not needed while features and graph are in the cache.
        import transformers  # noqa: PLC0415
        from transformers.utils import logging  # noqa: PLC0415

        logging.disable_progress_bar()  # it would draw over ours
        # The older format of weights is a pickle, which runs code when it is read.
        options = {} if kind == "AutoConfig" else {"use_safetensors": True}
        try:
            return getattr(transformers, kind).from_pretrained(self.files[0].parent, local_files_only=True, **options)
        except (OSError, ValueError, KeyError) as error:
            raise BackboneError(f"transformers cannot load {self.name}: {error}") from error

    def _own_rule(self) -> tuple[PreprocessSpec, list[Note]]:
        return IMAGENET, [Note(key="assumed_rule", values={"name": self.name})]

    @property
    def _place(self) -> str:
        return str(self.files[0].parent)


def _is_banana(label: str) -> bool:
    """Tell whether a class may be ImageNet's banana: it is called so, or has no name."""
    return label.startswith("LABEL_") or "banana" in label.lower()
