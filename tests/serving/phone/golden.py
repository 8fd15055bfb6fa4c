"""What Python says of pictures and photos, for browsers to be held to.

`python -m tests.serving.phone.golden` writes it.

Of every picture: the SHA-256 of the pixels of each view, and the whole decision. Photos are named, never kept here.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.timing import evenly
from ecosorter import Classifier
from ecosorter.bundle import BundleInfo, shipped_bundles
from ecosorter.folders import find_photos
from tests.serving.phone.pictures import made_pictures

FILE = Path(__file__).with_name("golden.json")
PHOTOS = 200


def main() -> None:
    """Write the file anew: pictures always, photos where they are."""
    classifier = Classifier.load(shipped_bundles()[0], threads=1, device="cpu")
    before = json.loads(FILE.read_text()) if FILE.exists() else {}
    shared = Path("../shared/photos")
    content = {
        "model": model(classifier.bundle.info),
        "pictures": dict(said(classifier, made_pictures())),
        "photos": dict(said(classifier, some_photos(shared))) if shared.is_dir() else before.get("photos", {}),
    }
    FILE.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def model(info: BundleInfo) -> dict[str, Any]:
    """Return all that decides on an answer."""
    return info.model_dump(mode="json", include={"sha256", "preprocess", "temperature", "thresholds"})


def some_photos(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield path and bytes of 200 photos that a browser can open, spread over all sources."""
    found = [path for path in find_photos([folder]) if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp")]
    for path in evenly(found, PHOTOS):
        yield path.relative_to(folder).as_posix(), path.read_bytes()


def said(classifier: Classifier, photos: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what is said of each photo."""
    for name, content in photos:
        views = classifier.decode(content)
        (found,) = classifier.predict([views])
        yield (
            name,
            {
                "pixels": [hashlib.sha256(view.tobytes()).hexdigest()[:16] for view in views],
                "label": found.label,
                "reason": found.reason,
                "candidates": list(found.candidates),
                "probabilities": {label: round(value, 5) for label, value in found.probabilities.items()},
            },
        )


if __name__ == "__main__":
    main()
