"""Least squares through a bottleneck: the singular values that decide it, in NumPy and float64.

For inputs X (N, d) and targets Y (N, k), one row a datum, let P be the orthogonal projector onto the columns
of X and P Y = U diag(s) V^T a singular value decomposition. The best W of rank r in |Y - X W|^2 has
X W = U_r diag(s_r) V_r^T and leaves |Y|^2 - s_1^2 - ... - s_r^2.

NumPy and not JAX: float64 whatever JAX's default is. Data are reduced by LAPACK's QR; large ones by their
moment matrices, six times faster, where these are conditioned well enough for the error to be stated.
"""

from typing import NamedTuple

import numpy as np
import scipy.linalg
from jaxtyping import Float, Int

from numerics.moments import Regression, moments, regression

_MANY = 2 * 10**9  # multiplications from which QR takes more than about a second
_ROWS = 4096  # of a block of QR
_UNIT = float(np.finfo(np.float64).eps) / 2


class ExplainedSpectrum(NamedTuple):
    """What least squares through a bottleneck needs to know of the data.

    singular_values
        s_1 >= s_2 >= ... >= 0, min(k, rank of X) of them; squares are the gains of each rank.
    error
        A bound on the error of each singular value, rounding included (see ``explained_spectrum``).
    total
        |Y|^2, the loss of W = 0.
    input_rank, condition, smallest
        Numerical rank of X, the ratio of its largest to its smallest non-zero singular value, and the latter.
    output_directions
        V (k, s): column i is the direction of the targets that belongs to s_i.
    coefficients
        W_i (d, s): the best W of rank r is the sum over i <= r of coefficients_i times direction_i^T.
    """

    singular_values: Float[np.ndarray, " s"]
    error: float
    total: float
    input_rank: int
    condition: float
    smallest: float
    output_directions: Float[np.ndarray, "k s"]
    coefficients: Float[np.ndarray, "d s"]


def compress(
    inputs: Float[np.ndarray, "N d"], targets: Float[np.ndarray, "N k"]
) -> tuple[Float[np.ndarray, "M d"], Float[np.ndarray, "M k"]]:
    """At most d + k rows with the same squared loss for every linear model.

    [X, Y] = Q R with orthonormal Q, so |X W - Y| = |R_X W - R_Y| for every W. Short data stay as they are.
    """
    columns = inputs.shape[1]
    joined = np.concatenate([inputs[:_ROWS], targets[:_ROWS]], axis=1)
    for start in range(_ROWS, len(inputs), _ROWS):
        end = start + _ROWS
        block = np.concatenate([inputs[start:end], targets[start:end]], axis=1)
        joined = np.concatenate([_triangle(joined), block])
    joined = _triangle(joined)
    return joined[:, :columns], joined[:, columns:]


def _triangle(matrix: Float[np.ndarray, "N d"]) -> Float[np.ndarray, "M d"]:
    tall = matrix.shape[0] > matrix.shape[1]
    return np.asarray(np.linalg.qr(matrix, mode="r")) if tall else matrix


def explained_spectrum(
    inputs: Float[np.ndarray, "N d"], targets: Float[np.ndarray, "N k"], cutoff: float = 0.0
) -> ExplainedSpectrum:
    """The spectrum above. Nothing is centered or scaled.

    Directions of X below max(N, d) u sigma_1(X) count as absent, with u the unit roundoff: they cannot be
    told from rounding; so do those below ``cutoff``. QR and SVD are backward stable, |dX| <= c u |X| and
    |dY| <= c u |Y| with c growing slowly with the sizes; a projector moves by at most |dX| / sigma_min(X)
    (Wedin 1973), so that |ds_i| <= c u (1 + cond X) |Y|. The bound stated takes c = max(N, d, k). Large data
    whose moment matrices are conditioned well go through these, with the error that
    ``numerics.moments.regression`` states.
    """
    if inputs.size * inputs.shape[1] > _MANY:
        sums = moments(inputs, targets)
        found = regression(sums)
        if found is not None and found.smallest > cutoff:
            return _from_moments(found, sums.total)
    return _from_decompositions(inputs, targets, cutoff)


def _from_moments(found: Regression, total: float) -> ExplainedSpectrum:
    basis, values, directions = np.linalg.svd(found.fit, full_matrices=False)
    rounding = len(found.root) * _UNIT * (values[0] if values.size else 0.0)
    scale = np.linalg.svd(found.root, compute_uv=False)
    return ExplainedSpectrum(
        values,
        found.error + float(rounding),
        total,
        len(found.root),
        float(scale[0]) / found.smallest,
        found.smallest,
        directions.T,
        scipy.linalg.solve_triangular(found.root, basis * values),
    )


def _from_decompositions(
    inputs: Float[np.ndarray, "N d"], targets: Float[np.ndarray, "N k"], cutoff: float
) -> ExplainedSpectrum:
    largest = max(*inputs.shape, targets.shape[1])
    small_inputs, small_targets = compress(inputs, targets)
    left, scale, right = np.linalg.svd(small_inputs, full_matrices=False)
    kept = scale > max(cutoff, 2 * max(inputs.shape) * _UNIT * (scale[0] if scale.size else 0.0))
    left, scale, right = left[:, kept], scale[kept], right[kept]
    basis, values, directions = np.linalg.svd(left.T @ small_targets, full_matrices=False)
    condition = float(scale[0] / scale[-1]) if scale.size else 1.0
    norm = float(np.linalg.norm(small_targets))
    return ExplainedSpectrum(
        values,
        largest * _UNIT * (1 + condition) * norm,
        norm**2,
        int(scale.size),
        condition,
        float(scale[-1]) if scale.size else 0.0,
        directions.T,
        right.T @ (basis * values / scale[:, None]),
    )


def tied_groups(values: Float[np.ndarray, " s"], error: float) -> Int[np.ndarray, " groups"]:
    """Sizes of the groups of decreasing ``values`` that an error of ``error`` each cannot tell apart."""
    if values.size == 0:
        return np.zeros(0, dtype=int)
    cuts = np.flatnonzero(values[:-1] - values[1:] > 2 * error) + 1
    return np.diff([0, *cuts, values.size])
