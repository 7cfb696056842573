"""What training of a linear network depends on: the moments of the data, and whether they commute."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from numerics.reduced_rank import compress

Matrix = Float[np.ndarray, "_ _"]

# Relative: below it moments count as white or commuting. Predictions are compared with the flow in any case.
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Moments:
    """L = |Y - X W^T|^2 / 2 = residual + sum over the range of X, in its own coordinates.

    inputs, targets
        At most d + k rows with the same loss.
    basis
        V (d, r): an orthonormal basis of the range of X^T, eigenvectors of X^T X; W acts through W V.
    variances, cross
        Eigenvalues mu (r) of X^T X there, and Y^T X V (k, r).
    residual
        The loss of the least-squares solution.
    total
        The loss of W = 0.
    """

    inputs: Matrix
    targets: Matrix
    basis: Matrix
    variances: Float[np.ndarray, " r"]
    cross: Matrix
    residual: float
    total: float

    @property
    def white(self) -> bool:
        """Whether X^T X is a multiple of the identity on the range of X^T."""
        return bool(np.ptp(self.variances) <= TOLERANCE * self.variances.max())

    @property
    def commuting(self) -> bool:
        """Whether X^T X and X^T Y Y^T X commute: then the modes of the data are learned one by one."""
        gram = self.cross.T @ self.cross
        difference = gram * self.variances - self.variances[:, None] * gram
        size = float(np.linalg.norm(gram) * self.variances.max())
        return bool(np.linalg.norm(difference) <= TOLERANCE * size)

    def losses(self, products: Float[np.ndarray, "records k r"]) -> Float[np.ndarray, " records"]:
        """The loss of every product W V."""
        distance = products - self.cross / self.variances
        return np.asarray(self.residual + np.sum(distance**2 * self.variances, axis=(1, 2)) / 2)


@dataclass(frozen=True)
class Modes:
    """Common singular directions of commuting moments, in decreasing order of the rates.

    rates, variances
        s_i and mu_i: mode i alone has the loss (mu_i u^2 - 2 s_i u) / 2, and ends at u = s_i / mu_i.
    left, right
        u_i (k, modes) and v_i (r, modes), the latter in the coordinates of the range of X^T.
    """

    rates: Float[np.ndarray, " modes"]
    variances: Float[np.ndarray, " modes"]
    left: Matrix
    right: Matrix

    @property
    def gains(self) -> Float[np.ndarray, " modes"]:
        """By how much each mode lowers the loss: s^2 / (2 mu)."""
        return np.asarray(self.rates**2 / self.variances / 2)


def moments(inputs: Matrix, targets: Matrix, whiten: bool) -> Moments:
    """The moments of the data; with ``whiten`` those of X (X^T X)^(-1/2), on the range of X^T."""
    rows, small_targets = compress(inputs, targets)
    left, scale, right = np.linalg.svd(rows, full_matrices=False)
    unit = float(np.finfo(np.float64).eps)
    kept = scale > max(inputs.shape) * unit * scale[0]
    left, scale, right = left[:, kept], scale[kept], right[kept]
    if whiten:
        scale = np.ones_like(scale)
        rows = left @ right
    explained = left.T @ small_targets
    total = float(np.sum(small_targets**2)) / 2
    residual = float(np.sum((small_targets - left @ explained) ** 2)) / 2
    cross = (scale[:, None] * explained).T
    return Moments(rows, small_targets, right.T, scale**2, cross, residual, total)


def modes(found: Moments) -> Modes:
    """The common directions of white or commuting moments."""
    # Equal rates leave the singular vectors undetermined: a generic function of the variances separates them.
    weights = 1 + 0.618 * found.variances / found.variances.max()
    _, _, right = np.linalg.svd(found.cross * weights, full_matrices=False)
    images = found.cross @ right.T
    rates = np.linalg.norm(images, axis=0)
    order = np.argsort(-rates)
    order = order[rates[order] > TOLERANCE * rates.max(initial=0.0)]
    chosen = right[order].T
    return Modes(
        rates[order],
        np.sum(chosen**2 * found.variances[:, None], axis=0),
        images[:, order] / rates[order],
        chosen,
    )
