"""Inertia at any critical point of a linear network of any depth, from the ranks of products of its layers.

Nodes 0, ..., H stand for the inputs, the hidden layers and the outputs; W_h leads from node h - 1 to node
h, and Sigma_XY = X Y^T from node H back to node 0. The rank of a path is that of the product of its
matrices,

    forward(a, b) = rank(W_b ... W_{a+1}),   around(a, b) = rank(W_b ... W_1 Sigma_XY W_H ... W_{a+1}),

where an empty product is the identity. With r the rank of W_H ... W_1, m inputs and n outputs the Hessian
has

    inv(S) + c                           negative,
    r (n + m - r) - inv(S) - ties + c + e  positive eigenvalues,

and the rest are zero. The sums c over pairs of layers and e over layers are those of ``crossings`` and
``contacts``. Ranks may be integers or symbols.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations, pairwise
from typing import Any

from theory.linear_landscape.formulas import Inertia

Rank = Callable[[int, int], Any]


def factors(layers: int, forward: Rank, around: Rank, lower: int, upper: int) -> tuple[Any, Any]:
    """The two factors of the pair of layers h < k in c.

    rank(W_{k-1} ... W_{h+1}) - rank(W_k ... W_{h+1}), where Sigma_XY W_H ... W_{h+1} takes the place of the
    second product for k = H, and rank(W_{h-1} ... W_1 Sigma_XY W_H ... W_{k+1}) less the rank of the same
    with W_h. Two factors above 0 are two directions that meet at both ends and nowhere else.
    """
    longer = forward(lower, upper) if upper < layers else around(lower, 0)
    return forward(lower, upper - 1) - longer, around(upper, lower - 1) - around(upper, lower)


def crossings(layers: int, forward: Rank, around: Rank) -> Any:
    """c, the sum over all pairs of layers of the product of their ``factors``."""
    pairs = combinations(range(1, layers + 1), 2)
    both = (factors(layers, forward, around, *pair) for pair in pairs)
    return sum((first * second for first, second in both), 0)


def contacts(layers: int, forward: Rank, around: Rank) -> Any:
    """e, the rank of the first variation of the product where the data are explained no better.

    The sum of a_h (b_h - b_{h+1}) with a_h = rank(W_H ... W_{h+1}) - rank(Sigma_XY W_H ... W_{h+1}),
    b_h = rank(W_{h-1} ... W_1) - rank(W_{h-1} ... W_1 Sigma_XY) and b_{H+1} = 0.
    """

    def silent(h: int) -> Any:
        return forward(0, h - 1) - around(layers, h - 1) if h <= layers else 0

    layer = range(1, layers + 1)
    return sum(((forward(h, layers) - around(h, 0)) * (silent(h) - silent(h + 1)) for h in layer), 0)


def inertia(
    widths: Sequence[int], rank: int, inversions: int, ties: int, forward: Rank, around: Rank
) -> Inertia:
    """The three numbers; ``widths`` are (d_0, ..., d_H), inputs first, and ``rank`` is r."""
    layers = len(widths) - 1
    parameters = sum(before * after for before, after in pairwise(widths))
    below = inversions + crossings(layers, forward, around)
    squares = rank * (widths[0] + widths[-1] - rank) - inversions - ties
    above = squares + crossings(layers, forward, around) + contacts(layers, forward, around)
    return Inertia(below, parameters - below - above, above)


def blocks(layers: int, rank: Any, forward: Rank, around: Rank) -> list[tuple[Any, Any]]:
    """By how much each pivot, a pair of layers h < k, fails to be tightened in its two blocks.

    rank(W_{k-1} ... W_{h+1}) - r of the middle one, rank(W_{h-1} ... W_1 Sigma_XY W_H ... W_{k+1}) - r of
    the outer one.
    """
    pairs = combinations(range(1, layers + 1), 2)
    return [(forward(h, k - 1) - rank, around(k, h - 1) - rank) for h, k in pairs]


def tightened(layers: int, rank: int, forward: Rank, around: Rank) -> bool:
    """Whether of every pivot at least one block has rank r.

    Source: Achour, Malgouyres and Gerchinovitz 2024.
    """
    return all(0 in pair for pair in blocks(layers, rank, forward, around))
