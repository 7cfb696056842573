"""Inertia of a linear network's Hessian from its layers and data, without forming it."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Float
from numpy import ndarray

from numerics.linear_networks import Layers
from numerics.path_ranks import PathRanks, path_ranks
from theory.linear_landscape import paths
from theory.linear_landscape.formulas import Inertia

Matrix = Float[ndarray, "_ _"]


class LinearInertia(NamedTuple):
    """Index, nullity and number of positive eigenvalues, and how they were found.

    inertia
        Of the Hessian in all entries of the layers, at the critical point on which the ranks decide.
    ranks
        The ranks it was computed from, float64; ``ranks.doubtful`` says when a count may be wrong, and
        ``ranks.defect`` how far the layers are from a critical point.
    tightened
        Whether every pivot is: then the index is ``ranks.larger``, inv(S) alone.
    """

    inertia: Inertia
    ranks: PathRanks
    tightened: bool


def linear_inertia(layers: Layers, inputs: Matrix, targets: Matrix) -> LinearInertia:
    """Inertia at a critical point of |Y - X W^T|^2 / 2, W = W_H ... W_1; rows of X and Y are examples.

    Where X lacks rank the first layer is free, which adds d_1 (d_0 - rank X) to the nullity.
    Raises ValueError when shapes do not fit.
    """
    ranks = path_ranks(layers, inputs, targets)

    def forward(a: int, b: int) -> int:
        return int(ranks.forward[a, b])

    def around(a: int, b: int) -> int:
        return int(ranks.around[a, b])

    negative, zero, positive = paths.inertia(
        ranks.widths, ranks.rank, ranks.larger, ranks.equal, forward, around
    )
    free = ranks.widths[1] * ranks.silent_inputs
    closed = paths.tightened(len(layers), ranks.rank, forward, around)
    return LinearInertia(Inertia(negative, zero + free, positive), ranks, closed)
