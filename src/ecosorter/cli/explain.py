"""`ecosorter explain`: a photo with what the model sees in it drawn over it."""

import os
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from PIL import Image
from rich.console import Console

from ecosorter.classifier import Classifier, Prediction
from ecosorter.cli.options import DeviceOption, LangOption, ModelOption, language
from ecosorter.cli.places import check_writable, written_to
from ecosorter.explain import overlay
from ecosorter.files import write_bytes
from ecosorter.photos import load_photo, open_photo
from ecosorter.texts import LANGUAGES, Language, class_name, texts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}
_CANDIDATES = 3  # named when the model is not sure


def explain(
    photo: Annotated[Path, typer.Argument(help="The photo.")],
    model: ModelOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The picture to write (.jpg, .png or .webp); PHOTO-explained.jpg in this folder where not given.",
            show_default=False,
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(metavar="CLASS", help="Show this class instead of the most probable one.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file of that name.")] = False,
    device: DeviceOption = "auto",
    lang: LangOption = None,
) -> None:
    """Write the photo with colours where the model sees the class, and print the answer.

    The photo itself is never changed.
    """
    target = out or Path(f"{photo.stem}-explained.jpg")
    _check_target(target, photo, force)
    speak = language(lang)
    data = load_photo(photo)
    classifier = Classifier.load(model, device=device)
    classes = classifier.bundle.info.classes
    shown = None if label is None else _class(label, classes)
    pixels = classifier.decode(data)
    (prediction,) = classifier.predict([pixels])
    shown = shown or str(prediction.best)
    evidence = classifier.explain(pixels, shown)
    lines = _caption(prediction, shown, evidence, speak)
    _save(overlay(open_photo(data), evidence, classifier.bundle.info.preprocess, lines), target, force)
    saved = texts("explain", speak)["saved"].format(file=target)
    console = Console(highlight=False)
    for line in (*lines, saved):
        console.print(line, markup=False, soft_wrap=True)


def _check_target(target: Path, photo: Path, force: bool) -> None:
    """Refuse a place where the picture cannot or should not go, before any work is done."""
    hint = "--out"
    if target.suffix.lower() not in _FORMATS:
        raise typer.BadParameter(f"{target} should end in {', '.join(_FORMATS)}", param_hint=hint)
    if not target.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {target.parent}", param_hint=hint)
    if target.exists() and photo.exists() and target.samefile(photo):
        raise typer.BadParameter(f"{target} is the photo itself; give another name", param_hint=hint)
    if target.is_dir():
        raise typer.BadParameter(f"{target} is a folder", param_hint=hint)
    if os.path.lexists(target) and not force:
        raise typer.BadParameter(f"{target} exists already; give another name, or --force", param_hint=hint)
    check_writable(target, hint)


def _class(name: str, classes: Sequence[str]) -> str:
    """Return the class that a name stands for: its id, or its display name in either language."""
    for label in classes:
        if name.casefold() in {known.casefold() for known in (label, *(class_name(label, one) for one in LANGUAGES))}:
            return label
    raise typer.BadParameter(f"the model has no class {name!r}; it has {', '.join(classes)}", param_hint="--label")


def _caption(
    prediction: Prediction, shown: str, evidence: "NDArray[np.float32]", speak: Language
) -> tuple[str, str, str]:
    """Return three lines: the answer, why, and what the colours show."""
    words, reasons = texts("explain", speak), texts("decision", speak)
    reason = reasons[prediction.reason]

    def named(label: str) -> str:
        confidence = f"{prediction.probabilities[label]:.0%}"
        return words["answer"].format(name=class_name(label, speak), confidence=confidence)

    if prediction.label is None:
        likely = [named(label) for label in prediction.candidates[:_CANDIDATES]]
        either = f" {texts('classify', speak)['or']} "
        first, second = (
            words["not_sure"],
            f"{_sentence(reason)} {words['perhaps'].format(classes=either.join(likely))}.",
        )
    else:
        first, second = named(prediction.label), _sentence(reason)
    colours = words["map" if evidence.any() else "no_map"].format(name=class_name(shown, speak))
    return first, second, colours


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _save(picture: Image.Image, target: Path, force: bool) -> None:
    encoded = BytesIO()  # Pillow would not tell that the disk is full
    picture.save(encoded, _FORMATS[target.suffix.lower()], quality=90)
    with written_to(target, "--out"):
        write_bytes(target, encoded.getvalue(), exclusive=not force)
