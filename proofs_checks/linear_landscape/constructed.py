"""Critical points of random data, constructed in float64, and what JAX's derivatives say at them.

The construction is NumPy; loss, gradient and Hessian are those of the laboratory's network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float
from sympy import Expr

from numerics.curvature import hessian, inertia
from numerics.data import Data
from numerics.losses import empirical_loss, squared_loss
from numerics.networks import Layer, Network, Parameters, apply, identity
from proofs_checks.linear_landscape.formulas import critical_value, loss_at

EXAMPLES_PER_WIDTH = 4
JITTER = 0.2  # of a singular value, in units of the distance to the next
LARGEST_STRETCH = 1.25  # of the invertible C: its condition number is at most the square

_UNIT = float(np.finfo(np.float64).eps) / 2
_SMALLEST = float(np.finfo(np.float64).tiny)  # at A = B = 0 nothing is rounded and the budget is 0

Matrix = Float[np.ndarray, "rows columns"]


@dataclass(frozen=True)
class WhitenedProblem:
    """Data, and the singular value decomposition U diag(levels) Q^T of Sigma_YX R^-1.

    X is inputs x examples, as on the blackboard; ``unwhiten`` is R^-1 up to a rotation, so that B = b Q^T
    ``unwhiten``.
    """

    X: Matrix
    Y: Matrix
    U: Matrix
    levels: Float[np.ndarray, " rho"]
    Q: Matrix
    unwhiten: Matrix
    condition: float

    @classmethod
    def random(cls, random: np.random.Generator, widths: Sequence[int]) -> WhitenedProblem:
        """Gaussian inputs and targets whose singular values lie between 1 and 0, one in each equal part.

        A fifth of a part away from its middle at most: gaps, on which the conditioning of eigenvectors
        depends, stay away from 0, and no two sums of eigenvalues are equal by accident.
        """
        inputs, _, outputs = widths
        rank, count = min(inputs, outputs), EXAMPLES_PER_WIDTH * (inputs + outputs)
        X = random.normal(size=(inputs, count)) / np.sqrt(count)
        frame = np.linalg.svd(X, full_matrices=False)[2]
        levels = 1.0 - (np.arange(rank) + random.uniform(-JITTER, JITTER, rank)) / (rank + 1.0)
        signal = _orthogonal(random, outputs)[:, :rank] * levels @ _orthogonal(random, inputs)[:, :rank].T
        noise = random.normal(size=(outputs, count)) / np.sqrt(count)
        return cls.of(X, signal @ frame + noise - noise @ frame.T @ frame)

    @classmethod
    def of(cls, X: Matrix, Y: Matrix) -> WhitenedProblem:
        """The decomposition of given data; X has full row rank."""
        turn, scale, frame = np.linalg.svd(X, full_matrices=False)
        U, levels, Q = np.linalg.svd(Y @ frame.T, full_matrices=True)
        return cls(X, Y, U, levels, Q.T, (turn / scale).T, float(scale[0] / scale[-1]))


def slope_residual(seed: int, *, widths: Sequence[int], chosen: Sequence[int], **faults: Any) -> float:
    """Gradient norm in units of its rounding budget; ``faults`` as in ``_built``."""
    problem, A, B = _built(seed, widths, chosen, **faults)
    _, slopes = _value_and_gradient(tuple(widths))(_parameters(A, B), _data(problem))
    norm = np.sqrt(sum(float(jnp.sum(layer.weight**2)) for layer in slopes))
    budget = _relative_error(problem, widths) * _slope_scale(problem, A, B)
    return float(norm / max(budget, _SMALLEST))


def loss_residual(
    seed: int,
    *,
    widths: Sequence[int],
    chosen: Sequence[int],
    claimed: Sequence[int] | None = None,
    value: Expr | None = None,
) -> float:
    """loss - (|Y|^2 - sum of lambda_i over S) / 2 in units of its rounding budget.

    ``claimed`` is the index set with which the loss is predicted, by default ``chosen``; ``value`` a form of
    2 L in the letters of the theorem, by default its own.
    """
    found = _measured_loss(seed, tuple(widths), tuple(chosen))
    form = critical_value(len(found.levels)) if value is None else value
    predicted = loss_at(form, found.total, found.levels, chosen if claimed is None else claimed)
    return (found.loss - float(predicted)) / found.budget


class _Loss(NamedTuple):
    """|Y|^2, the eigenvalues, the network's loss and its rounding budget."""

    total: float
    levels: tuple[float, ...]
    loss: float
    budget: float


@lru_cache(maxsize=512)
def _measured_loss(seed: int, widths: tuple[int, ...], chosen: tuple[int, ...]) -> _Loss:
    problem, A, B = _built(seed, widths, chosen)
    value, _ = _value_and_gradient(widths)(_parameters(A, B), _data(problem))
    budget = _relative_error(problem, widths) * _loss_scale(problem, A, B)
    levels = tuple(map(float, problem.levels**2))
    return _Loss(float(np.sum(problem.Y**2)), levels, float(value), budget)


def _built(
    seed: int,
    widths: Sequence[int],
    chosen: Sequence[int],
    *,
    swapped: Sequence[int] | None = None,
    angle: float = 0.0,
    amplitude: float = 0.0,
) -> tuple[WhitenedProblem, Matrix, Matrix]:
    """Random data and a critical point of them, or what a fault makes of it.

    swapped
        The eigenvectors that A carries instead, while B carries ``chosen``.
    angle
        The first eigenvector of A is turned by this angle towards one that is not chosen.
    amplitude
        Relative size of a random perturbation of A.
    """
    random = np.random.default_rng(seed)
    problem = WhitenedProblem.random(random, widths)
    A, B = construct(random, problem, widths[1], chosen, swapped)
    A = A + amplitude * np.linalg.norm(A) * _direction(random, A.shape)
    return problem, _turned(problem, A, chosen, angle) if angle else A, B


def second_order(seed: int, *, widths: Sequence[int], chosen: Sequence[int]) -> tuple[float, float]:
    """Numbers of negative and of zero eigenvalues of the Hessian, at balanced factors and V != 0.

    By Weyl's inequality no eigenvalue moves by more than the norm of the error of the matrix: what is below
    the rounding budget of that norm counts as zero.
    """
    problem, A, B = _built(seed, widths, chosen)
    matrix = _hessian(tuple(widths))(_parameters(A, B), _data(problem))
    scale = _slope_scale(problem, A, B) + float(jnp.linalg.norm(matrix))
    found = inertia(matrix, tolerance=_relative_error(problem, widths) * scale)
    return float(found.negative), float(found.zero)


def construct(
    random: np.random.Generator,
    problem: WhitenedProblem,
    hidden: int,
    chosen: Sequence[int],
    swapped: Sequence[int] | None = None,
) -> tuple[Matrix, Matrix]:
    """Balanced A = [U_S s^(1/2), 0] C, B = C^-1 [s^(1/2) Q_S^T; V] R^-1; V avoids what is not in S."""
    outputs, inputs = problem.U.shape[0], problem.Q.shape[0]
    roots, idle = np.sqrt(problem.levels[list(chosen)]), hidden - len(chosen)
    A = np.zeros((outputs, hidden))
    A[:, : len(chosen)] = problem.U[:, list(chosen if swapped is None else swapped)] * roots
    allowed = [k for k in range(inputs) if k in chosen or k >= len(problem.levels)]
    V = random.normal(size=(idle, len(allowed))) @ problem.Q[:, allowed].T / inputs
    B = np.concatenate([roots[:, None] * problem.Q[:, list(chosen)].T, V])
    left, right = _orthogonal(random, hidden), _orthogonal(random, hidden)
    stretch = random.uniform(1 / LARGEST_STRETCH, LARGEST_STRETCH, size=hidden)
    return A @ (left * stretch) @ right, right.T @ (left / stretch).T @ B @ problem.unwhiten


def _turned(problem: WhitenedProblem, A: Matrix, chosen: Sequence[int], angle: float) -> Matrix:
    """A after a rotation of the outputs in the plane of a chosen and another eigenvector."""
    other = next(k for k in range(len(problem.levels)) if k not in chosen)
    u, v = problem.U[:, chosen[0]], problem.U[:, other]
    plane = np.outer(u, u) + np.outer(v, v)
    spin = np.outer(v, u) - np.outer(u, v)
    return A + ((np.cos(angle) - 1) * plane + np.sin(angle) * spin) @ A


@lru_cache
def _value_and_gradient(widths: tuple[int, ...]) -> Any:
    return jax.jit(jax.value_and_grad(_loss(widths)))


@lru_cache
def _hessian(widths: tuple[int, ...]) -> Any:
    return jax.jit(lambda parameters, data: hessian(partial(_loss(widths), data=data), parameters))


def _loss(widths: tuple[int, ...]) -> Any:
    network = Network(widths, identity, "standard")
    return empirical_loss(partial(apply, network), partial(squared_loss, normalization="sum"))


def _parameters(A: Matrix, B: Matrix) -> Parameters:
    return Layer(_array(B), None), Layer(_array(A), None)


def _data(problem: WhitenedProblem) -> Data:
    return Data(_array(problem.X.T), _array(problem.Y.T))


def _array(matrix: Matrix) -> Array:
    return jnp.asarray(matrix, jnp.float64)


def _relative_error(problem: WhitenedProblem, widths: Sequence[int]) -> float:
    """k u times the conditioning of what was computed: whitening, eigenvectors (gaps), C.

    k counts the operations of the longest chain of inner products, gamma_k of Higham 2002, section 3.1.
    """
    operations = 3 * (sum(widths) + problem.X.shape[1])
    gaps = -np.diff(problem.levels, append=0.0)
    conditioning = problem.condition**2 + problem.levels[0] / gaps.min() + LARGEST_STRETCH**2
    return float(operations * _UNIT * conditioning)


def _loss_scale(problem: WhitenedProblem, A: Matrix, B: Matrix) -> float:
    """(|A| |B| |X| + |Y|)^2, which bounds every intermediate result of the loss."""
    a, b, x, y = (float(np.linalg.norm(matrix)) for matrix in (A, B, problem.X, problem.Y))
    return (a * b * x + y) ** 2


def _slope_scale(problem: WhitenedProblem, A: Matrix, B: Matrix) -> float:
    """(|A| |B| |X| + |Y|) |X| (|A| + |B|), which bounds every intermediate result of the gradient."""
    a, b, x = (float(np.linalg.norm(matrix)) for matrix in (A, B, problem.X))
    return float(np.sqrt(_loss_scale(problem, A, B)) * x * (a + b))


def _orthogonal(random: np.random.Generator, size: int) -> Matrix:
    return np.linalg.qr(random.normal(size=(size, size)))[0]


def _direction(random: np.random.Generator, shape: tuple[int, ...]) -> Matrix:
    drawn = random.normal(size=shape)
    return drawn / np.linalg.norm(drawn)
