"""Inertia at the points of a class where all idle units are silent or only the middle of the network is open.

With layers W_1, ..., W_H, write a critical point of product rank r in coordinates where W_h = diag(I_r, Z_h),
W_H = [U_S, Z_H], W_1 = [U_S^T Sigma_YX Sigma_XX^-1; Z_1]. Where Z_H = 0 and Z_1 = 0, and the product
Z_{H-1} ... Z_2 of those between has rank q, the loss has to second order, besides the part of the chosen
directions, only -<Sigma_YX, D_H Z_{H-1} ... Z_2 D_1>, whatever the depth. With two layers that product is
empty, the identity, and q = d_1 - r. With three or more it may be anything up to min(d_1, ..., d_{H-1}) - r.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from theory.linear_landscape.formulas import Inertia


def inertia(
    widths: Sequence[int], rank: int, chosen: int, inversions: int, ties: int = 0, open_units: int = 0
) -> Inertia:
    """Negative q (rho - r) + inv(S), positive r (n + m - r) - inv(S) - ties + q (rho - r), the rest zero.

    widths
        (d_0, ..., d_H), with m = d_0 the rank of the inputs and n = d_H.
    rank, chosen
        rho, the rank of Sigma_YX, and r, how many of its eigenvalues are chosen.
    inversions, ties
        Pairs of a chosen and a larger, or an equal, eigenvalue that is not chosen.
    open_units
        q, the rank of the product of the complements of the layers in the middle.
    """
    parameters = sum(before * after for before, after in pairwise(widths))
    below = open_units * (rank - chosen) + inversions
    above = chosen * (widths[0] + widths[-1] - chosen) - inversions - ties + open_units * (rank - chosen)
    return Inertia(below, parameters - below - above, above)
