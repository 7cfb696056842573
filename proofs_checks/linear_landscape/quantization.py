"""Near which critical value the loss of a linear network is, and how far from it the gradient lets it be."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
from jaxtyping import Float

_UNIT = float(np.finfo(np.float64).eps) / 2

Matrix = Float[np.ndarray, "_ _"]


def distance_bound(cross: Matrix, layers: Sequence[Matrix], targets: Matrix) -> float:
    """The bound for (W_1, ..., W_H) and white inputs, with ``cross`` = M = Sigma_YX and the loss summed.

    With G = W W^T, G (Lambda - G) = tau is linear in the gradients of the first and the last layer, so G_ij =
    (tau_ij - tau_ji) / (lambda_j - lambda_i) off the diagonal, and G_ii is within 2 |tau_ii + sum_j G_ij^2| /
    lambda_i of 0 or lambda_i; 2 L is within the sum of these and 2 |tr(G_H^T W_H)| of a critical value.
    Rounding adds some units of |Y|^2 for each row and column of ``targets``.
    """
    below, behind = _product(layers[:-1]), _product(layers[1:])
    first, last = layers[0], layers[-1]
    W = last @ below
    in_last, in_first = (W - cross) @ below.T, behind.T @ (W - cross)
    values, basis = np.linalg.eigh(cross @ cross.T)
    tau = basis.T @ (-W @ first.T @ in_first @ cross.T - W @ W.T @ last @ in_last.T) @ basis
    present = values > len(values) * 2 * _UNIT * values[-1]
    gaps = values[None, :] - values[:, None]
    entries = np.where(gaps != 0, (tau - tau.T) / np.where(gaps == 0, 1.0, gaps), 0.0)
    defects = np.abs(np.diag(tau)) + np.sum(entries**2, axis=1)
    diagonal = np.sum(2 * defects[present] / values[present]) + np.sum(np.sqrt(defects[~present]))
    rounding = 4 * sum(targets.shape) * _UNIT * float(np.sum(targets**2))
    return float(diagonal / 2 + abs(np.sum(in_last * last)) + rounding)


def learned(cross: Matrix, product: Matrix, rank: int) -> tuple[int, ...]:
    """The index set S of the nearest critical class: of which singular directions more than half is there.

    Among the first ``rank`` of ``cross`` = Sigma_YX = U diag(s) V^T, those k with u_k^T W v_k > s_k / 2.
    """
    left, values, right = np.linalg.svd(cross, full_matrices=False)
    shares = np.einsum("ok,oi,ki->k", left, product, right)
    return tuple(int(k) for k in np.flatnonzero(shares[:rank] > values[:rank] / 2))


def _product(layers: Sequence[Matrix]) -> Matrix:
    return reduce(lambda before, layer: layer @ before, layers)
