"""Who is left out when, and measured by a model that never saw them."""

from collections.abc import Sequence

from ecosorter.errors import DatasetError


def check_groups(groups: Sequence[Sequence[str]], sources: Sequence[str]) -> None:
    """Refuse groups that do not hold every source exactly once, or that leave nothing to train on.

    Raises:
        DatasetError: a source is missing, unknown, or twice there, or all are in one group.
    """
    named = sorted(name for group in groups for name in group)
    if named != sorted(set(sources)):
        wrong = sorted(set(named) ^ set(sources)) or sorted({name for name in named if named.count(name) > 1})
        raise DatasetError(
            f"`hold_out` must name every source of the photos once; look at {', '.join(wrong)} in the recipe."
        )
    if len(groups) < 2:
        raise DatasetError(
            f"To measure on {', '.join(named)}, it is left out, and no photo is left to train on. Add another source, "
            "or measure on photos like those that it learns from: --folds 5."
        )
