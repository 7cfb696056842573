"""Ranks of products of the layers of a linear network and of its residual, in float64 with a margin.

Layers W_h (d_h, d_{h-1}) as in ``linear_networks``; inputs X (N, d_0) and targets Y (N, d_H), rows are
examples. Inputs are whitened: with X = L S R^T the first layer becomes W_1 R S and the least-squares map M
= Y^T L, so that |Y - X W^T|^2 = |M - W|^2 + a constant and the residual is E = M - W. All products are
small matrices; nothing has the size of a Hessian.

NumPy and not JAX: float64 whatever JAX's default is.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from numerics.linear_networks import Layers, product
from numerics.reduced_rank import compress

SAFETY = 10.0  # of a threshold over the error it stands for
CLEAR = 10.0  # a number within this factor of its threshold is a doubtful decision

_UNIT = float(np.finfo(np.float64).eps) / 2

Matrix = Float[np.ndarray, "_ _"]


class PathRanks(NamedTuple):
    """Ranks of products, counted at a critical point or near one.

    widths
        (rank of X, d_1, ..., d_H).
    rank
        r, the rank of W = W_H ... W_1.
    larger, equal
        Pairs of a singular value of W and a larger, or an equal, one of E; zeros do not count.
    forward
        Entry (a, b) is rank(W_b ... W_{a+1}) for a <= b, the whole width for a = b.
    around
        Entry (a, b) is rank(W_b ... W_1 M^T W_H ... W_{a+1}); at a critical point r of it are those of W.
    defect
        The largest |(W_H ... W_{h+1})^T E (W_{h-1} ... W_1)^T| of layers scaled to norm 1, over |M|: 0 at a
        critical point.
    separation
        The least factor between a number and the threshold that decided whether it counts as zero.
        Thresholds are SAFETY times the rounding of products of layers, of whitening, and the defect.
    silent_inputs
        d_0 less the rank of X; the first layer is free there.
    """

    widths: tuple[int, ...]
    rank: int
    larger: int
    equal: int
    forward: Int[np.ndarray, "nodes nodes"]
    around: Int[np.ndarray, "nodes nodes"]
    defect: float
    separation: float
    silent_inputs: int

    @property
    def doubtful(self) -> bool:
        """Whether some number is too close to its threshold to say on which side it is.

        Or the layers are so far from a critical point that the thresholds, in units of norm 1, leave no room.
        A layer that is nearly 0 and not exactly 0 is such a point: scaled to norm 1 it is not critical.
        """
        return self.separation < CLEAR or SAFETY * CLEAR * self.defect > 1


def path_ranks(layers: Layers, inputs: Matrix, targets: Matrix) -> PathRanks:
    """The ranks at these layers.

    A point that is not critical has a large ``defect``; its numbers are then those of a critical point only
    if they are separated from thresholds that contain it. Raises ValueError when shapes do not fit.
    """
    _check(layers, inputs, targets)
    whitened, regression, rounding = _whitened(layers, inputs, targets)
    norms = [float(np.linalg.norm(layer, 2)) or 1.0 for layer in whitened]
    unit = [layer / norm for layer, norm in zip(whitened, norms, strict=True)]
    scale = float(np.linalg.norm(regression, 2)) or 1.0
    end = np.asarray(product(tuple(whitened)))
    residual = (regression - end) / scale
    paths = _paths(unit)
    defect = _defect(paths, residual)
    relative = len(layers) * max(*inputs.shape, *(len(layer) for layer in layers)) * _UNIT + defect
    absolute = relative * float(np.prod(norms)) / scale + rounding / scale
    decide = _Decisions()
    rank = decide.rank(end / scale, absolute)
    larger, equal = decide.pairs(end / scale, residual, rank, absolute)
    nodes = range(len(layers) + 1)
    forward, around = np.zeros((2, len(nodes), len(nodes)), dtype=int)
    for a in nodes:
        for b in nodes:
            if a < b:
                forward[a, b] = decide.rank(paths[a, b], relative)
            last = paths[a, len(layers)]
            around[a, b] = rank + decide.rank(
                paths[0, b] @ residual.T @ last, max(relative, rounding / scale)
            )
    widths = (whitened[0].shape[1], *(len(layer) for layer in layers))
    np.fill_diagonal(forward, widths)
    silent = inputs.shape[1] - widths[0]
    return PathRanks(widths, rank, larger, equal, forward, around, defect, decide.separation, silent)


def _check(layers: Layers, inputs: Matrix, targets: Matrix) -> None:
    found = [inputs.shape[1], *(size for layer in layers for size in layer.shape[::-1]), targets.shape[1]]
    if found[::2] != found[1::2] or len(inputs) != len(targets):
        shapes = ", ".join(str(matrix.shape) for matrix in (inputs, *layers, targets))
        raise ValueError(f"inputs, layers and targets of shapes {shapes} do not follow each other")


def _whitened(layers: Layers, inputs: Matrix, targets: Matrix) -> tuple[list[Matrix], Matrix, float]:
    """W_1 R S and the other layers, M, and the rounding of M: that of ``explained_spectrum``."""
    X, Y = compress(np.asarray(inputs, np.float64), np.asarray(targets, np.float64))
    left, scale, right = np.linalg.svd(X, full_matrices=False)
    kept = scale > 2 * max(inputs.shape) * _UNIT * (scale[0] if scale.size else 0.0)
    left, scale, right = left[:, kept], scale[kept], right[kept]
    condition = float(scale[0] / scale[-1]) if scale.size else 1.0
    rounding = max(*inputs.shape, targets.shape[1]) * _UNIT * (1 + condition) * float(np.linalg.norm(Y))
    first = np.asarray(layers[0], np.float64) @ (right.T * scale)
    return [first, *(np.asarray(layer, np.float64) for layer in layers[1:])], Y.T @ left, rounding


def _paths(layers: list[Matrix]) -> dict[tuple[int, int], Matrix]:
    """W_b ... W_{a+1} for all a <= b."""
    nodes = [layers[0].shape[1], *(len(layer) for layer in layers)]
    found = {(a, a): np.eye(size) for a, size in enumerate(nodes)}
    for a in range(len(nodes)):
        for b in range(a + 1, len(nodes)):
            found[a, b] = layers[b - 1] @ found[a, b - 1]
    return found


def _defect(paths: dict[tuple[int, int], Matrix], residual: Matrix) -> float:
    last = max(paths)[0]
    slopes = (paths[h, last].T @ residual @ paths[0, h - 1].T for h in range(1, last + 1))
    return max(float(np.linalg.norm(slope)) for slope in slopes)


class _Decisions:
    """Counts what exceeds a threshold, and keeps how clear the closest decision was."""

    def __init__(self) -> None:
        self.separation = float("inf")

    def count(self, values: Float[np.ndarray, " _"], error: float) -> int:
        threshold = SAFETY * error
        for value in values[values > 0]:
            self.separation = min(self.separation, float(max(value / threshold, threshold / value)))
        return int(np.sum(values > threshold))

    def rank(self, matrix: Matrix, error: float) -> int:
        return self.count(np.linalg.svd(matrix, compute_uv=False), error)

    def pairs(self, end: Matrix, residual: Matrix, rank: int, error: float) -> tuple[int, int]:
        mine = np.linalg.svd(end, compute_uv=False)[:rank]
        others = np.linalg.svd(residual, compute_uv=False)
        others = others[: self.count(others, error)]
        gaps = (others[:, None] - mine[None, :]).ravel()
        above, below = (self.count(np.maximum(sign * gaps, 0.0), 2 * error) for sign in (1, -1))
        return above, gaps.size - above - below
