"""Networks with two inputs and outputs, a bottleneck and a weighted loss: curvatures and ends of training."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from sympy import Expr, Rational

from numerics.curvature import hessian
from numerics.linear_networks import layer_gradients, product
from proofs_checks.insertion import value_of
from theory.linear_networks import arbitrary_loss as theorem

STEP = 0.2  # divided by (1 + omega) s_1, which is above every curvature at the critical points
STEPS = 6000
NEARBY = 0.05  # distance of a start from the point, in units of sqrt(s_1)
START = 0.7  # deviation of the weights of a random start, in the same units
SPREAD = 0.1  # relative, of problems around the user's

_UNIT = float(np.finfo(np.float64).eps) / 2
_OPERATIONS = 100  # roundings on the way to a loss or a curvature of a 2 x 2 network

Layers = tuple[Array, ...]


class Problem(NamedTuple):
    """S = diag(values) and the weight omega of the entries off the diagonal."""

    values: tuple[float, float]
    weight: float

    @classmethod
    def near(cls, seed: int, values: Sequence[float], weight: float) -> Problem:
        """One whose singular values and excess weight are up to a tenth larger, both values by one factor.

        The hypotheses stay true: the ratio of the singular values is kept and the weight grows, from above 1.
        The squared loss stays the squared loss.
        """
        random = np.random.default_rng(seed)
        common, heavier = 1 + SPREAD * random.uniform(size=2)
        return cls((common * values[0], common * values[1]), 1 + heavier * (weight - 1))

    def letters(self) -> dict[Any, Rational]:
        """s_1, s_2 and omega, exactly."""
        exact = [Rational(number) for number in (*self.values, self.weight)]
        return dict(zip((theorem.s_1, theorem.s_2, theorem.omega), exact, strict=True))

    def arrays(self) -> tuple[Array, Array]:
        """The target S and the weights of its entries."""
        weights = np.where(np.eye(2) > 0, 1.0, self.weight)
        return jnp.asarray(np.diag(self.values)), jnp.asarray(weights)

    @property
    def unit(self) -> float:
        """sqrt(s_1), the size of the largest weights at the minimum."""
        return float(self.values[0] ** 0.5)

    @property
    def step_size(self) -> float:
        """The step of descent."""
        return STEP / ((1 + self.weight) * self.values[0])

    def point(self) -> Layers:
        """u = v = sqrt(s_2) e_2, as layers."""
        unit = np.array([0.0, self.values[1] ** 0.5])
        return jnp.asarray(unit[None, :]), jnp.asarray(unit[:, None])


def curvature_residual(
    seed: int,
    *,
    values: Sequence[float],
    weight: float,
    forms: Sequence[Expr] | None = None,
    claimed: float | None = None,
) -> tuple[float, ...]:
    """Eigenvalues of the Hessian of the network at the point, less the closed forms, in units of rounding.

    ``claimed`` is the weight with which they are predicted, by default the network's.
    """
    problem = Problem.near(seed, values, weight)
    letters = problem.letters()
    if claimed is not None:
        letters[theorem.omega] = Rational(claimed)
    predicted = sorted(float(value_of(form, letters)) for form in forms or theorem.curvatures())
    found = np.linalg.eigvalsh(np.asarray(_hessian()(problem.point(), *problem.arrays())))
    budget = _OPERATIONS * _UNIT * float(np.abs(found).max())
    return tuple(float(error) for error in (found - predicted) / budget)


def trapped_residual(seed: int, *, values: Sequence[float], weight: float, form: Expr | None = None) -> float:
    """The loss at the end of descent from near the point, less the predicted one, in units of its budget."""
    problem = Problem.near(seed, values, weight)
    random = np.random.default_rng((seed, 1))
    start = tuple(
        layer + problem.unit * NEARBY * _direction(random, layer.shape) for layer in problem.point()
    )
    ended = _ended(problem, start)
    predicted = float(value_of(theorem.value() if form is None else form, problem.letters()))
    return (ended.loss - predicted) / ended.budget


def stray_ends(seed: int, *, values: Sequence[float], weight: float, units: int) -> float:
    """1 where descent from random weights ends at another loss than a minimum of the theory, else 0.

    With one hidden unit these are s_1^2 / 2 and s_2^2 / 2, with two it is 0.
    """
    problem = Problem.near(seed, values, weight)
    random = np.random.default_rng((seed, 2))
    start = tuple(
        jnp.asarray(problem.unit * START * random.normal(size=shape)) for shape in ((units, 2), (2, units))
    )
    ended = _ended(problem, start)
    minima = [0.0] if units > 1 else [value**2 / 2 for value in problem.values]
    return float(min(abs(ended.loss - minimum) for minimum in minima) > ended.budget)


class _Ended(NamedTuple):
    """The last loss and how far above its minimum it may be."""

    loss: float
    budget: float


def _ended(problem: Problem, start: Layers) -> _Ended:
    """After STEPS steps. At a minimum of smallest curvature k, |gradient|^2 / k bounds what is left.

    At most a quarter of the gap between the two values is granted, so that none is taken for the other.
    """
    loss, norm = (float(one) for one in _descend(len(start[0]))(start, *problem.arrays(), problem.step_size))
    larger, smaller = problem.values
    curvature = min(abs(problem.weight * smaller - larger), 2 * smaller)
    rounding = _OPERATIONS * _UNIT * (larger + smaller) ** 2
    gap = (larger**2 - smaller**2) / 2
    return _Ended(loss, min(rounding + norm**2 / curvature, gap / 4))


@lru_cache
def _descend(units: int) -> Any:
    """Descent of networks of this many hidden units: the last loss and gradient norm."""

    def slopes(layers: Layers, target: Array, weights: Array) -> Layers:
        found = layer_gradients(layers, weights * (product(layers) - target))
        return tuple(map(jnp.asarray, found))

    def run(start: Layers, target: Array, weights: Array, step_size: float) -> tuple[Array, Array]:
        def step(layers: Layers, _: None) -> tuple[Layers, None]:
            moved = zip(layers, slopes(layers, target, weights), strict=True)
            return tuple(layer - step_size * slope for layer, slope in moved), None

        final = lax.scan(step, start, length=STEPS)[0]
        norm = jnp.sqrt(sum(jnp.sum(slope**2) for slope in slopes(final, target, weights)))
        return _loss(final, target, weights), norm

    return jax.jit(run)


@lru_cache
def _hessian() -> Any:
    return jax.jit(lambda layers, *data: hessian(lambda moved: _loss(moved, *data), layers))


def _loss(layers: Layers, target: Array, weights: Array) -> Array:
    return jnp.sum(weights * (product(layers) - target) ** 2) / 2


def _direction(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    drawn = random.normal(size=shape)
    return drawn / np.linalg.norm(drawn)
