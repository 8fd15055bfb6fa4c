"""A bundle and a folder for transformers, of one network with the same head of seven classes, a random one.

``python -m benchmarks.serving_bundle BACKBONE OUT`` writes OUT/bundle and OUT/transformers. What the classes say means
nothing; how long it takes does not depend on that.
"""

import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModelForImageClassification

from ecosorter.bundle import FORMAT, BundleInfo, write_bundle
from ecosorter.datasets.cache import Cache
from ecosorter.decision import Thresholds
from ecosorter.training.backbones.find import find_backbone
from ecosorter.training.backbones.graphs import front_graph
from ecosorter.training.export.assemble import assemble
from ecosorter.training.export.bundle import made_with
from ecosorter.training.fit.heads import Head

CLASSES = ("kaca", "kardus", "kertas", "khusus", "logam", "organik", "plastik")


def main(folder: Path, out: Path, weights: Tensor | None = None) -> None:
    """Give the backbone a random classifier, or one with the weights [classes, features], and write it both ways."""
    torch.manual_seed(0)
    network = AutoModelForImageClassification.from_pretrained(
        folder, local_files_only=True, num_labels=len(CLASSES), ignore_mismatched_sizes=True
    )
    if weights is not None:
        network.classifier.weight.data.copy_(weights)
    network.save_pretrained(out / "transformers")
    shutil.copy(folder / "preprocessor_config.json", out / "transformers")

    backbone = find_backbone(str(folder))
    spec, _ = backbone.preprocess()
    head = Head([network.classifier.in_features, len(CLASSES)], dropout=0)
    head.linear[0].load_state_dict(network.classifier.state_dict())
    info = BundleInfo(
        format=FORMAT,
        name="random-head",
        version="1",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        classes=CLASSES,
        preprocess=spec,
        temperature=1.0,
        thresholds=Thresholds(confidence=0.5, conformal=0.9),
        made_with=made_with(),
    )
    model = assemble(front_graph(spec, backbone.graph(spec.size, Cache())), head.eval())
    write_bundle(out / "bundle", model, info, "# Random head\n\nFor benchmarks only.\n", replace=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
