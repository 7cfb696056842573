"""Moment matrices of tall data, block by block, with a bound on their rounding; and least squares from them.

NumPy and not JAX: float64 whatever JAX's default is.
"""

from typing import NamedTuple

import numpy as np
import scipy.linalg
from jaxtyping import Float

BLOCK = 1024
_UNIT = float(np.finfo(np.float64).eps) / 2
_EXACT = 2.0**53


class Moments(NamedTuple):
    """X^T X (d, d), X^T Y (d, k) and |Y|^2, of data X (N, d) and Y (N, k).

    roundings
        gamma such that entry (i, j) is wrong by at most gamma |x_i| |x_j|, with x_i the columns; 0 if exact.
    """

    inputs: Float[np.ndarray, "d d"]
    cross: Float[np.ndarray, "d k"]
    total: float
    roundings: float


class Regression(NamedTuple):
    """The least-squares fit P Y of whitened inputs, from moments.

    fit
        R^-T X^T Y (d, k), with the singular values of P Y, where X^T X = R^T R.
    root
        R (d, d), upper triangular.
    smallest
        A lower bound on the smallest singular value of X.
    error
        A bound on the error of every singular value of ``fit``.
    """

    fit: Float[np.ndarray, "d k"]
    root: Float[np.ndarray, "d d"]
    smallest: float
    error: float


def gamma(operations: int) -> float:
    """n u / (1 - n u): the relative error of a sum of n products in any order (Higham 2002, section 3.1)."""
    return operations * _UNIT / (1 - operations * _UNIT)


def moments(inputs: Float[np.ndarray, "N d"], targets: Float[np.ndarray, "N k"]) -> Moments:
    """Sums over blocks of rows: the memory is that of the result, and rounding grows with N / 1024 only."""
    width, outputs = inputs.shape[1], targets.shape[1]
    gram, cross, total = np.zeros((width, width)), np.zeros((width, outputs)), 0.0
    for start in range(0, len(inputs), BLOCK):
        x, y = inputs[start : start + BLOCK], targets[start : start + BLOCK]
        gram += x.T @ x
        cross += x.T @ y
        total += float(np.vdot(y, y))
    blocks = -(-len(inputs) // BLOCK)
    return Moments(gram, cross, total, gamma(min(BLOCK, len(inputs)) + blocks))


def exact_units(matrix: Float[np.ndarray, "N d"]) -> float | None:
    """A power of two of which all entries are whole multiples, with exact moments; None if there is none.

    Sums of N products are below 2^53 in units of its square: float64 makes no error, in any order. The unit
    is 1 where it can be, and otherwise the finest for which the sums are short enough: what is a whole
    multiple of a coarser one is one of it too.
    """
    largest = max(float(matrix.max(initial=0.0)), -float(matrix.min(initial=0.0)))
    bits = np.floor(np.log2(_EXACT / len(matrix)) / 2)
    exponent = np.ceil(np.log2(largest)) - bits if largest else 0.0
    if not -500 < exponent < 500:  # squares of units must neither vanish nor overflow
        return None
    for unit in (1.0, 2.0**exponent) if exponent <= 0 else (2.0**exponent,):
        if _all_whole(matrix, unit):
            return unit
    return None


def _all_whole(matrix: Float[np.ndarray, "N d"], unit: float) -> bool:
    for start in range(0, len(matrix), BLOCK):
        scaled = matrix[start : start + BLOCK] / unit
        if not np.array_equal(scaled, np.rint(scaled)):
            return False
    return True


def regression(found: Moments) -> Regression | None:
    """Least squares by a Cholesky decomposition of X^T X; None where its conditioning is too poor for it.

    Columns are scaled to length one first: for d of them the rounding of the moments and of the decomposition
    (Higham 2002, section 10.1) changes the scaled X^T X by at most h = (gamma + 2 gamma_{d+1}) d in norm, and
    the eigenvalues of Sigma by the factor 1 / (1 - h / lambda_min) at most. Rounding of X^T Y and of the
    triangular system adds (gamma + gamma_{d+1} cond) sqrt(d / lambda_min) |Y|.
    """
    lengths = np.sqrt(np.diagonal(found.inputs))
    width = len(lengths)
    if width == 0 or not lengths.all():
        return None
    scaled = found.inputs / lengths[:, None] / lengths
    disturbance = (found.roundings + 2 * gamma(width + 1) + 4 * _UNIT) * width
    smallest = float(np.linalg.eigvalsh(scaled)[0]) - disturbance
    if smallest <= 1000 * disturbance:
        return None
    lower = np.linalg.cholesky(scaled)
    fit = scipy.linalg.solve_triangular(lower, found.cross / lengths[:, None], lower=True)
    relative = disturbance / smallest
    norm = found.total**0.5
    largest = float(np.linalg.norm(fit, 2))
    condition = (width / smallest) ** 0.5
    cross = (found.roundings + gamma(width + 1) * condition) * condition * norm
    return Regression(
        fit, lower.T * lengths, smallest**0.5 * float(lengths.min()), largest * relative + cross
    )
