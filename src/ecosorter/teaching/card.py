"""Describe a taught model: its `bundle.json` and its card."""

import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from ecosorter.bundle import CARD, Bundle, BundleInfo, DataSource
from ecosorter.datasets.credits import forbids_commerce, licence_of
from ecosorter.datasets.dataset import PhotoRow, fingerprint
from ecosorter.decision import Thresholds
from ecosorter.rendering import render
from ecosorter.teaching.refit import HOLD_NEW, HOLD_OLD, OWN_SHARE
from ecosorter.teaching.result import TeachResult

_LIBRARIES = ("ecosorter", "numpy", "scipy", "onnx", "onnxruntime")


def describe(
    old: BundleInfo,
    classes: Sequence[str],
    pairs: Sequence[tuple[str, str, str]],
    rows: Sequence[PhotoRow],
    result: TeachResult,
    temperature: float,
    thresholds: Thresholds,
) -> BundleInfo:
    """Return the description of a taught model.

    Args:
        old: of the model that was taught.
        classes: of the new one.
        pairs: hash, class and source of each photo that was taught.
        rows: those of which the photo is here; they may tell its licence.
        result: what was measured.
        temperature: of the new model.
        thresholds: of the new model.
    """
    created = datetime.now(UTC).replace(microsecond=0).isoformat()
    sources = []
    for name in sorted({source for _, _, source in pairs}):
        mine = [(sha256, label) for sha256, label, source in pairs if source == name]
        licence = licence_of(name, [row for row in rows if row.source == name])
        sources.append(DataSource(name=name, photos=len(mine), fingerprint=fingerprint(mine), licence=licence))
    forbidden = [source.name for source in sources if forbids_commerce(source.licence or "")]
    everything = fingerprint((sha256, label) for sha256, label, _ in pairs)
    return old.model_copy(
        update={
            "name": old.name if old.name.endswith("-taught") else f"{old.name}-taught",
            "version": f"{created[:10]}-{everything[:8]}",
            "created": created,
            "classes": tuple(classes),
            "temperature": temperature,
            "thresholds": thresholds,
            # What was measured before tells of the body; it is not measured again on photos that are not here.
            "metrics": {"teaching": result.model_dump(mode="json"), "base": old.metrics.get("base", old.metrics)},
            "data": [*(source for source in old.data if source not in sources), *sources],
            "non_commercial": tuple(dict.fromkeys((*old.non_commercial, *forbidden))),
            "recipe": {
                "name": "teach",
                "base": {"name": old.name, "version": old.version, "sha256": old.sha256},
                "features_of": old.features_of,
                "hold_old": HOLD_OLD,
                "hold_new": HOLD_NEW,
                "own_share": OWN_SHARE,
            },
            "made_with": {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
        }
    )


def taught_card(info: BundleInfo, result: TeachResult, base: Bundle) -> str:
    """Return the card of a taught model in Markdown; that of the model it came from stands at its end.

    Args:
        info: what the new bundle says of itself.
        result: what was measured.
        base: the model that was taught.
    """
    card = base.folder / CARD
    before = card.read_text(encoding="utf-8", errors="replace") if card.is_file() else ""
    lower = re.sub(r"^(#{1,5}) ", r"#\1 ", before, flags=re.MULTILINE)
    return render("ecosorter.teaching", "taught.md.j2", info=info, result=result, base=base.info, card=lower)
