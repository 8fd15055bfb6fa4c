"""The recipe's head without some sources: what a model would be that never saw them."""

from collections.abc import Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from ecosorter.teaching.bank import Bank
from ecosorter.teaching.linear_head import LinearHead
from ecosorter.training.fit.linear_probe import fit_linear
from ecosorter.training.recipe import Recipe


def head_without(bank: Bank, left_out: Sequence[str], recipe: Recipe) -> LinearHead:
    """Fit the head of a recipe to the rows of a bank that are not of these sources."""
    sources = np.array(bank.row_sources)
    others = ~np.isin(sources, left_out)
    with threadpool_limits(1):
        weight, bias = fit_linear(
            bank.features[others],
            bank.labels[others],
            sources[others],
            len(bank.classes),
            c=recipe.head.c,
            source_power=recipe.balance.source_power,
            scores_weight=recipe.scores_weight,
        )
    return LinearHead(weight.T, bias)
