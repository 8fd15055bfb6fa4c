"""A real ResNet50 with random weights, for figures that do not depend on what it has learned.

``python -m benchmarks.random_resnet50 FOLDER`` writes it in the Hugging Face layout.
"""

import json
import sys
from pathlib import Path

import torch
from transformers import ResNetConfig, ResNetModel

PROCESSOR = {
    "do_resize": True,
    "size": {"shortest_edge": 256},
    "do_center_crop": True,
    "crop_size": {"height": 224, "width": 224},
    "resample": 2,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
}
"""ImageNet's usual rule, as microsoft/resnet-50 has it but for the size before the crop."""


def main(folder: Path) -> None:
    """Write config, weights and preprocessing."""
    torch.manual_seed(0)
    ResNetModel(ResNetConfig()).save_pretrained(folder)  # the configuration's defaults are ResNet50's
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
