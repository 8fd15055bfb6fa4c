"""Divides photos into the parts that a fit learns from, watches and is measured on."""

from collections.abc import Mapping, Sequence

from ecosorter.datasets.photoset import Index
from ecosorter.datasets.splits import Groups, split_rows
from ecosorter.training.recipe import Split
from ecosorter.training.results import Part


def split_parts(labels: Index, groups: Groups, classes: Sequence[str], split: Split, seed: int) -> dict[Part, Index]:
    """Divide rows by group, stratified, with the recipe's shares.

    Args:
        labels: ``[n]``.
        groups: ``[n]``; rows of one group stay together.
        classes: names, for messages.
        split: shares.
        seed: draws the parts.

    Returns:
        Rows of each part that has any.

    Raises:
        DatasetError: a class has too few groups.
    """
    shares = {"train": 1 - split.validation - split.test, "validation": split.validation, "test": split.test}
    return _named(split_rows(labels, groups, shares, seed, classes=classes))


def split_off_validation(
    labels: Index, groups: Groups, classes: Sequence[str], split: Split, seed: int
) -> dict[Part, Index]:
    """Divide rows that none are tested of: the validation part has the same share of what is learnt from as above.

    Args and errors are those of `split_parts`.
    """
    rest = 1 - split.test
    shares = {"train": 1 - split.validation / rest, "validation": split.validation / rest}
    return _named(split_rows(labels, groups, shares, seed, classes=classes))


def _named(parts: Mapping[str, Index]) -> dict[Part, Index]:
    """Return the parts that have rows, under their typed names."""
    names: tuple[Part, ...] = ("train", "validation", "test")
    return {name: parts[name] for name in names if name in parts and len(parts[name])}
