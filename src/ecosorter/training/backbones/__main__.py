"""Converts a backbone to ONNX: `python -m ecosorter.training.backbones BACKBONE SIDE FILE`."""

import sys
from pathlib import Path

from ecosorter.errors import EcoSorterError
from ecosorter.training.backbones.convert import convert
from ecosorter.training.backbones.find import find_backbone

if __name__ == "__main__":
    name, side, path = sys.argv[1:]
    try:
        convert(find_backbone(name).body().eval(), int(side), Path(path))
    except EcoSorterError as error:
        sys.exit(str(error))
