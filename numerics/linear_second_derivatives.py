"""Second derivatives of a deep linear network's loss, without the Hessian, and the critical point next to it.

For layers (W_1, ..., W_H) with product W, moments G = X^T X (d, d) and C = Y^T X (k, d), rows examples,

    L = |Y|^2 / 2 - <W, C> + <W, W G> / 2,    E = W G - C,    dL/dW_h = A_h^T E B_h^T,

with A_h = W_H ... W_{h+1} and B_h = W_{h-1} ... W_1. NumPy in float64.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import scipy.sparse.linalg
from jaxtyping import Float

Matrix = Float[np.ndarray, "_ _"]
Layers = tuple[Matrix, ...]
Vector = Float[np.ndarray, " parameters"]

_STEPS = 20
_INNER = 200
_DAMPING = 0.1
_DENSE = 300  # parameters up to which all eigenvalues cost less than Lanczos


class Point(NamedTuple):
    """Where a search ended.

    layers, gradient
        The point and the norm of its gradient.
    converged
        Whether the gradient is below the tolerance asked for.
    """

    layers: Layers
    gradient: float
    converged: bool


class Problem(NamedTuple):
    """The moments G = X^T X (d, d), None for the identity, and C = Y^T X (k, d)."""

    inputs: Matrix | None
    cross: Matrix


def flat(layers: Sequence[Matrix]) -> Vector:
    """All entries, layer by layer, row by row."""
    return np.concatenate([layer.ravel() for layer in layers])


def shaped(vector: Vector, like: Sequence[Matrix]) -> Layers:
    """The inverse of ``flat``."""
    ends = list(accumulate(layer.size for layer in like))
    parts = np.split(vector, ends[:-1])
    return tuple(part.reshape(layer.shape) for part, layer in zip(parts, like, strict=True))


def times(*factors: Matrix | None) -> Matrix:
    """The product in the cheapest order, None standing for an identity: of inputs it would be a large one.

    One factor at least is a matrix.
    """
    found = [factor for factor in factors if factor is not None]
    return found[0] if len(found) == 1 else np.asarray(np.linalg.multi_dot(found))


def partial_products(layers: Layers) -> tuple[list[Matrix | None], list[Matrix | None]]:
    """A_h = W_H ... W_{h+1} and B_h = W_{h-1} ... W_1 for h = 1, ..., H, None where empty."""
    below: list[Matrix | None] = [None]
    above: list[Matrix | None] = [None]
    for lower, upper in zip(layers[:-1], reversed(layers[1:]), strict=True):
        below.append(times(lower, below[-1]))
        above.append(times(above[-1], upper))
    return above[::-1], below


def _error(problem: Problem, product: Matrix) -> Matrix:
    return times(product, problem.inputs) - problem.cross


def gradient(problem: Problem, layers: Layers) -> Layers:
    """dL/dW_h for every layer."""
    above, below = partial_products(layers)
    error = _error(problem, times(layers[-1], below[-1]))
    return tuple(times(_turned(a), error, _turned(b)) for a, b in zip(above, below, strict=True))


def _or_identity(matrix: Matrix | None, size: int) -> Matrix:
    return np.eye(size) if matrix is None else matrix


def _turned(matrix: Matrix | None) -> Matrix | None:
    return None if matrix is None else matrix.T


class Hessian:
    """The Hessian at a point as a linear map; building it costs two products a layer, applying it a few."""

    def __init__(self, problem: Problem, layers: Layers) -> None:
        self._inputs, self._layers = problem.inputs, layers
        self._above, self._below = partial_products(layers)
        self._error = _error(problem, times(layers[-1], self._below[-1]))
        self.size = sum(layer.size for layer in layers)

    def __call__(self, vector: Vector) -> Vector:
        """The derivative of the gradient in this direction."""
        moved = shaped(np.asarray(vector).ravel(), self._layers)
        below, above = self._moved_below(moved), self._moved_above(moved)
        last = times(moved[-1], self._below[-1])
        change = last if below[-1] is None else last + self._layers[-1] @ below[-1]
        error = times(change, self._inputs)
        found = []
        for a, b, da, db in zip(self._above, self._below, above, below, strict=True):
            slope = times(_turned(a), error, _turned(b))
            slope = slope if da is None else slope + times(da.T, self._error, _turned(b))
            found.append(slope if db is None else slope + times(_turned(a), self._error, db.T))
        return flat(found)

    def operator(self) -> scipy.sparse.linalg.LinearOperator:
        """For the iterative methods of SciPy."""
        return scipy.sparse.linalg.LinearOperator(
            (self.size, self.size), matvec=self, rmatvec=self, dtype=np.float64
        )

    def dense(self) -> Matrix:
        """All of it, block by block."""
        count = len(self._layers)
        blocks = {(h, k): self._block(h, k) for h in range(count) for k in range(h, count)}
        return np.block(
            [[blocks[h, k] if h <= k else blocks[k, h].T for k in range(count)] for h in range(count)]
        )

    def _block(self, h: int, k: int) -> Matrix:
        """Second derivatives in the entries of W_h (rows) and W_k (columns), h <= k, from 0.

        <D_h, A_h^T A_k D_k B_k G B_h^T> + <E, A_k D_k N D_h B_h> with N the product of the layers between.
        """
        (rows, columns), (later_rows, later_columns) = self._layers[h].shape, self._layers[k].shape
        above, below = _or_identity(self._above[h], rows), _or_identity(self._below[h], columns)
        late, early = _or_identity(self._above[k], later_rows), _or_identity(self._below[k], later_columns)
        square = np.kron(above.T @ late, times(below, self._inputs, early.T))
        if h == k:
            return square
        between = np.eye(rows)
        for layer in self._layers[h + 1 : k]:
            between = layer @ between
        meeting = below @ self._error.T @ late
        twisted = np.einsum("jq,mi->ijqm", meeting, between)
        return square + twisted.reshape(square.shape)

    def _moved_below(self, moved: Layers) -> list[Matrix | None]:
        """The derivatives of all B_h, None where they vanish."""
        found: list[Matrix | None] = [None]
        for layer, step, below in zip(self._layers[:-1], moved[:-1], self._below[:-1], strict=True):
            direct, before = times(step, below), found[-1]
            found.append(direct if before is None else direct + layer @ before)
        return found

    def _moved_above(self, moved: Layers) -> list[Matrix | None]:
        """The derivatives of all A_h, None where they vanish."""
        found: list[Matrix | None] = [None]
        upwards = zip(self._layers[:0:-1], moved[:0:-1], self._above[:0:-1], strict=True)
        for layer, step, above in upwards:
            direct, before = times(above, step), found[-1]
            found.append(direct if before is None else direct + before @ layer)
        return found[::-1]


def second_variation(layers: Layers, direction: Layers) -> Matrix:
    """The coefficient of t^2 in the product of the layers W_h + t D_h."""
    zeroth, first, second = layers[0], direction[0], np.zeros_like(layers[0])
    for layer, step in zip(layers[1:], direction[1:], strict=True):
        second = layer @ second + step @ first
        zeroth, first = layer @ zeroth, layer @ first + step @ zeroth
    return second


def newton(problem: Problem, layers: Layers, tolerance: float) -> Point:
    """Newton's method for gradient = 0 with shortest steps, damped where a step does not shrink the gradient.

    A step minimizes |H d + g|^2 + mu |d|^2 with mu proportional to |g|: it follows neither the directions in
    which critical points form continua nor those downhill, so that it ends near where it started, at saddles
    too. Where idle units make the Hessian singular the gradient falls by a constant factor a step, and the
    search may not converge. ``tolerance`` is for the norm of the gradient.

    Source: Yamashita and Fukushima 2001, on Levenberg-Marquardt steps near continua of solutions.
    """
    here, trust, scale = layers, 1.0, float(np.linalg.norm(problem.cross))
    slope = flat(gradient(problem, here))
    for _ in range(_STEPS):
        norm = float(np.linalg.norm(slope))
        if norm <= tolerance:
            break
        operator, damping = Hessian(problem, here).operator(), trust * _DAMPING * (norm * scale) ** 0.5
        step = scipy.sparse.linalg.lsmr(operator, -slope, damp=damping, atol=1e-9, btol=1e-9, maxiter=_INNER)[
            0
        ]
        there = shaped(flat(here) + step, here)
        moved = flat(gradient(problem, there))
        if float(np.linalg.norm(moved)) < norm:
            here, slope, trust = there, moved, max(1.0, trust / 10)
        else:
            trust *= 10
    norm = float(np.linalg.norm(slope))
    return Point(here, norm, norm <= tolerance)


def silent_point(layers: Layers, left: Matrix, values: Float[np.ndarray, " r"], right: Matrix) -> Layers:
    """The layers projected on r directions, so that the product is left diag(values) right^T exactly.

    ``left`` (k, r) and ``right`` (d, r) have orthonormal columns. Between, each layer keeps the part that
    leads from the image of ``right`` under the layers below it to that under itself, and nothing else: idle
    units are silent. The last layer is then corrected within the span of ``left``.
    Raises LinAlgError where the product maps the span of ``right`` to less than r dimensions.
    """
    signal, found = right, []
    before = right
    for layer in layers[:-1]:
        signal = layer @ signal
        frame = np.linalg.qr(signal)[0]
        found.append(frame @ (frame.T @ layer @ before) @ before.T)
        signal, before = frame @ (frame.T @ signal), frame
    last = left @ (left.T @ layers[-1] @ before) @ before.T
    carried = right
    for layer in (*found, last):
        carried = layer @ carried
    correction = np.linalg.solve((left.T @ carried).T, np.diag(values)).T
    return (*found, left @ (correction @ (left.T @ last)))


def steepest_descent_direction(problem: Problem, layers: Layers) -> tuple[float, Layers]:
    """The most negative eigenvalue of the Hessian, to four digits, and its eigenvector, in layers."""
    hessian = Hessian(problem, layers)
    if hessian.size <= _DENSE:
        values, vectors = np.linalg.eigh(hessian.dense())
        return float(values[0]), shaped(vectors[:, 0], layers)
    start = np.random.default_rng(0).normal(size=hessian.size)
    value, vector = scipy.sparse.linalg.eigsh(hessian.operator(), k=1, which="SA", tol=1e-4, v0=start)
    return float(value[0]), shaped(vector[:, 0], layers)
