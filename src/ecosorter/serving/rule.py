"""When a candidate goes into shadow and into use by itself, where the operator has switched that on."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from ecosorter.serving.store import Store
from ecosorter.serving.store.models import Registered
from ecosorter.serving.store.tables import now

BANK_LOSS = 0.02
"""Accuracy on the bank that a candidate may lose."""

WHO = "rule"
"""Who it was, in the registry's history."""


def is_better(figures: Mapping[str, Any] | None, in_use: Registered) -> bool:
    """Tell whether a candidate is better than the model in use, by its figures.

    On contributors from whom neither learnt, the interval of the difference must lie above zero; on the bank it may
    lose `BANK_LOSS` at most. Figures beside another model than the one in use say nothing.
    """
    if not figures or figures["before"] != str(in_use.id):
        return False
    bank = figures["bank"]
    lost = bank["before"]["accuracy"] - bank["after"]["accuracy"]
    return bool(figures["difference"]["low"] > 0 and lost <= BANK_LOSS)


def apply_rule(store: Store, shadow_days: float) -> Registered | None:
    """Move on the candidate that deserves it: into shadow, and after its time there into use.

    Args:
        store: whose registry it is.
        shadow_days: time in shadow.

    Returns:
        The model whose state has changed, if one has.

    Raises:
        BundleError: its files are damaged.
    """
    history = store.models.changes()
    seen = history[0].number if history else 0
    in_use, shadow = store.models.in_state("in_use"), store.models.in_state("shadow")
    if in_use is None:
        return None
    if shadow is not None:
        since = store.shadows.since(shadow.id)
        if since is None or not is_better(shadow.figures, in_use) or now() - since < timedelta(days=shadow_days):
            return None
        why = f"better, and {shadow_days:g} days in shadow"
        found = store.models.change(shadow.id, "in_use", seen=seen, who=WHO, why=why)
    else:
        newest = next((model for model in store.models.all() if model.figures), None)
        was_tried = newest is not None and any(each.model == newest.id and each.before for each in history)
        if newest is None or newest.state != "candidate" or was_tried or not is_better(newest.figures, in_use):
            return None
        found = store.models.change(newest.id, "shadow", seen=seen, who=WHO, why="better by its figures")
    return found if isinstance(found, Registered) else None
