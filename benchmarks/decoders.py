"""Which JPEG decoder: Pillow's draft mode, which the program uses, simplejpeg (libjpeg-turbo) or OpenCV reduced?

Each decodes the same photos at the smallest scale that the model that ships can use; resizing and the model are the
same. Photos a second of decoding alone, in one thread, and of the whole way in as many threads as there are cores; and
how far the pixels that the model gets are from Pillow's. Libraries that are not installed are left out. The tables are
printed and written to test-output/bench/decoders.md.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.serving import large_photos
from benchmarks.timing import evenly, in_turn, machine, table
from ecosorter import Classifier
from ecosorter.folders import find_photos
from ecosorter.photos import open_photo
from ecosorter.preprocess import to_pixels

RESULTS = Path("test-output/bench/decoders.md")
ROUNDS = 5
PHOTOS = {"12 megapixels": 16, "384 pixels": 128}

Decode = Callable[[bytes, int], Image.Image]
"""From a JPEG, and the number of pixels that its sides must keep, to a picture."""


def pillow(data: bytes, needed: int) -> Image.Image:
    """Decode as the program does."""
    return open_photo(data, at_least=(needed, needed))


def simplejpeg(data: bytes, needed: int) -> Image.Image:
    """Decode with libjpeg-turbo, at any number of eighths."""
    from simplejpeg import decode_jpeg  # noqa: PLC0415 - need not be installed

    return Image.fromarray(decode_jpeg(data, "RGB", min_height=needed, min_width=needed))


def opencv(data: bytes, needed: int) -> Image.Image:
    """Decode with OpenCV, at a half, a quarter or an eighth."""
    import cv2  # type: ignore[import-not-found]  # noqa: PLC0415 - need not be installed

    shorter = min(Image.open(BytesIO(data)).size)
    reduced = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}
    scale = max((scale for scale in reduced if shorter // scale >= needed), default=1)
    how = reduced.get(scale, cv2.IMREAD_COLOR) | cv2.IMREAD_IGNORE_ORIENTATION
    return Image.fromarray(cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), how), cv2.COLOR_BGR2RGB))


DECODERS: dict[str, tuple[str, Decode]] = {
    "PIL": ("Pillow, draft", pillow),
    "simplejpeg": ("simplejpeg", simplejpeg),
    "cv2": ("OpenCV, reduced", opencv),
}


def compared(photos: Sequence[bytes], classifier: Classifier) -> str:
    """Compare the decoders that are installed; return a table."""
    spec = classifier.bundle.info.preprocess
    needed = int(np.ceil((spec.shorter_side or spec.size) / min(spec.zooms)))
    decoders = {name: decode for module, (name, decode) in DECODERS.items() if find_spec(module)}

    def seen(decode: Decode, photo: bytes) -> NDArray[np.uint8]:
        image = decode(photo, needed)
        return np.stack([to_pixels(image, spec, zoom) for zoom in spec.zooms])

    def alone(decode: Decode) -> float:
        start = time.process_time()
        for photo in photos:
            decode(photo, needed)
        return len(photos) / (time.process_time() - start)

    def whole(decode: Decode) -> float:
        start = time.perf_counter()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            pixels = pool.map(partial(seen, decode), photos)
            for first in range(0, len(photos), 32):
                classifier.predict([next(pixels) for _ in photos[first : first + 32]])
        return len(photos) / (time.perf_counter() - start)

    rates = [
        in_turn({name: partial(measure, decode) for name, decode in decoders.items()}, ROUNDS)
        for measure in (alone, whole)
    ]
    rows = []
    ours = [seen(pillow, photo).astype(int) for photo in photos]
    for name, decode in decoders.items():
        far = [abs(seen(decode, photo) - pixels) for photo, pixels in zip(photos, ours, strict=True)]
        ratios = [f"{rate[name] / rate['Pillow, draft']:.2f} x" for rate in rates]
        rows.append([name, *ratios, str(max(each.max() for each in far)), f"{np.mean([e.mean() for e in far]):.2f}"])
    head = ["", "decoding, one thread", "the whole way", "largest difference of a pixel", "mean difference"]
    return table(head, rows)


def main() -> int:
    """Compare them on large and on small photos."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decoders", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--photos", type=Path, default=Path("../shared/photos/trashnet"))
    folder = parser.parse_args().photos
    about, classifier = machine(), Classifier.load()
    small = [path.read_bytes() for path in evenly(list(find_photos([folder])), PHOTOS["384 pixels"])]
    large = large_photos(folder) * 2
    parts = [f"# JPEG decoders\n\n{about} Photos a second, as ratios; medians of {ROUNDS} runs in turn."]
    for kind, photos in zip(PHOTOS, (large, small), strict=True):
        parts.append(f"## {kind.capitalize()}\n\n{compared(photos, classifier)}")
        print(parts[-1], flush=True)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    print(f"Written to {RESULTS}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
