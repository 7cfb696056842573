"""Critical points of tanh networks embedded in wider ones: gradients, inertias, and descent from nearby.

Critical points are made, not searched: for any weights the targets are the outputs less a residual that is
orthogonal to all slopes of the output. So no saturated point can be taken for a critical one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.flatten_util import ravel_pytree
from sympy import Expr, Rational

from numerics.curvature import hessian
from proofs_checks.insertion import value_of
from theory.certified_minima import fukumizu_amari
from theory.landscape import embedding_principle as theorem

INPUTS, NARROW, EXAMPLES = 3, 2, 30  # the wide network has one unit more; all data have these shapes
STEPS = 20_000
STEP = 0.01  # times the largest curvature, about 50 for 30 points: 1/2
NEARBY = 0.02
AWAY = 0.2  # shares delta are at least this far from 0 and 1

_UNIT = float(np.finfo(np.float64).eps) / 2
_OPERATIONS = 1000
_ZERO = 1e-11  # of the largest eigenvalue: rounding in these sums over 30 examples is about 1e-14

Layers = tuple[Array, Array]  # weights (units, inputs) and output weights (units,)


class Critical(NamedTuple):
    """A critical point of the narrow network and its data."""

    weights: np.ndarray
    outputs: np.ndarray
    inputs: np.ndarray
    targets: np.ndarray

    @property
    def residual(self) -> np.ndarray:
        """l', the outputs of the network less the targets."""
        found: np.ndarray = np.tanh(self.inputs @ self.weights.T) @ self.outputs - self.targets
        return found

    @property
    def bending(self) -> np.ndarray:
        """B of the last unit: sum of l' a tanh''(w^T x) x x^T."""
        output = np.tanh(self.inputs @ self.weights[-1])
        factor = self.residual * self.outputs[-1] * -2 * output * (1 - output**2)
        found: np.ndarray = self.inputs.T @ (factor[:, None] * self.inputs)
        return found


def critical(random: np.random.Generator, orthogonal: bool = False) -> Critical:
    """Random critical weights. ``orthogonal`` makes the residual orthogonal to the inputs too."""
    weights, inputs = random.normal(size=(NARROW, INPUTS)), random.normal(size=(EXAMPLES, INPUTS))
    outputs = random.choice([-1, 1], size=NARROW) * random.uniform(0.5, 1.5, size=NARROW)
    hidden = np.tanh(inputs @ weights.T)
    slopes = [outputs[k] * (1 - hidden[:, k : k + 1] ** 2) * inputs for k in range(NARROW)]
    normal = np.linalg.qr(np.hstack([hidden, *slopes, *([inputs] if orthogonal else [])]))[0]
    residual = random.normal(size=EXAMPLES)
    for _ in range(2):  # a second time against rounding
        residual = residual - normal @ (normal.T @ residual)
    return Critical(weights, outputs, inputs, hidden @ outputs - residual)


def share(random: np.random.Generator) -> float:
    """delta in (-1, 2), away from 0 and 1 where the curvature of the split vanishes."""
    intervals = [(-1, -AWAY), (AWAY, 1 - AWAY), (1 + AWAY, 2)]
    return float(random.uniform(*intervals[random.integers(3)]))


def split(point: Critical, delta: float, total: float = 1.0) -> Layers:
    """The last unit split into output weights delta a and (total - delta) a."""
    last = point.outputs[-1]
    outputs = [*point.outputs[:-1], delta * last, (total - delta) * last]
    return jnp.asarray(np.vstack([point.weights, point.weights[-1:]])), jnp.asarray(outputs)


def added(point: Critical, weights: np.ndarray | None = None) -> Layers:
    """A further unit of output weight 0, by default with weights 0."""
    further = np.zeros(INPUTS) if weights is None else weights
    return jnp.asarray(np.vstack([point.weights, further])), jnp.asarray([*point.outputs, 0.0])


def split_gradient(seed: int, *, total: float = 1.0) -> float:
    """The largest slope of the split network, in units of rounding; output weights sum to total times a."""
    random = np.random.default_rng(seed)
    point = critical(random)
    return _gradient(split(point, share(random), total), point)


def added_gradient(seed: int, *, zero: bool = True) -> float:
    """The same with a further unit of output weight 0, whose other weights are 0 or random."""
    random = np.random.default_rng(seed)
    point = critical(random)
    return _gradient(added(point, None if zero else random.normal(size=INPUTS)), point)


def _gradient(layers: Layers, point: Critical) -> float:
    slopes = np.asarray(_second()(layers, *_data(point))[0])
    terms = np.abs(point.residual) @ np.abs(point.inputs).sum(axis=1) * (1 + np.abs(layers[1]).max())
    return float(np.abs(slopes).max() / (_OPERATIONS * _UNIT * terms))


def split_inertia(seed: int, *, opposite: bool = False) -> tuple[int, int, int]:
    """Negative, zero and positive eigenvalues gained by the split, less those of delta (1 - delta) B.

    ``opposite`` takes those of -delta (1 - delta) B.
    """
    random = np.random.default_rng(seed)
    point, delta = critical(random), share(random)
    gained = _gained(point, split(point, delta))
    factor = delta * (1 - delta) * (-1 if opposite else 1)
    return _less(gained, _inertia(factor * point.bending))


def added_inertia(seed: int, *, orthogonal: bool = False) -> tuple[int, int, int]:
    """Negative, zero and positive eigenvalues gained by a unit of weights 0."""
    point = critical(np.random.default_rng(seed), orthogonal)
    return _gained(point, added(point))


def _gained(point: Critical, layers: Layers) -> tuple[int, int, int]:
    """Of the wide network, less those of the narrow one: the wide one with a unit deleted."""
    narrow = _matrix(added(point), point)
    weights = NARROW * INPUTS
    kept = [*range(weights), *range(weights + INPUTS, weights + INPUTS + NARROW)]
    return _less(_inertia(_matrix(layers, point)), _inertia(narrow[np.ix_(kept, kept)]))


def _matrix(layers: Layers, point: Critical) -> np.ndarray:
    return np.asarray(_second()(layers, *_data(point))[1])


def _less(first: tuple[int, int, int], second: tuple[int, int, int]) -> tuple[int, int, int]:
    return first[0] - second[0], first[1] - second[1], first[2] - second[2]


def _inertia(matrix: np.ndarray) -> tuple[int, int, int]:
    values = np.linalg.eigvalsh(matrix)
    zero = _ZERO * np.abs(values).max()
    return int((values < -zero).sum()), int((np.abs(values) <= zero).sum()), int((values > zero).sum())


def bending_residual(seed: int, *, form: Expr | None = None) -> float:
    """The Hessian of the split network along u, less the closed form in delta times B, in units of rounding.

    The direction moves w_1 by (1 - delta) u and w_2 by -delta u.
    """
    random = np.random.default_rng(seed)
    point, delta = critical(random), share(random)
    direction = random.normal(size=INPUTS)
    factor = theorem.split_factor() if form is None else form
    predicted = (
        float(value_of(factor, {theorem.delta: Rational(delta)})) * direction @ point.bending @ direction
    )
    moves = np.zeros(((NARROW + 1) * INPUTS, 1))
    moves[-2 * INPUTS :, 0] = [*((1 - delta) * direction), *(-delta * direction)]
    size = len(moves)
    found = _matrix(split(point, delta), point)[:size, :size]
    budget = _OPERATIONS * _UNIT * np.abs(moves.T) @ np.abs(found) @ np.abs(moves)
    return float(((moves.T @ found @ moves - predicted) / budget)[0, 0])


def line_residual(
    seed: int, *, points: int, steepness: int, share: float, radius: str, precision: int
) -> float:
    """The loss after descent from near the split of the certified unit, less its loss, in budgets.

    The budget is what the last gradient grants with half the smallest curvature across the line, at most 1 %
    of the certified loss.
    """
    found = fukumizu_amari.minimum(points, steepness, Rational(radius), precision)
    weight, output = found.point
    split_on_line = np.array([weight, weight, share * output, (1 - share) * output])
    data = _line_data(points, steepness)
    start = split_on_line + NEARBY * np.random.default_rng(seed).normal(size=4)
    loss, norm = (float(one) for one in _descend()(_two_units(start), *data))
    certified = float(found.value.mid())
    curvature = _across(split_on_line, data) / 2
    budget = min(norm**2 / curvature, certified / 100) + _OPERATIONS * _UNIT * certified
    return (loss - certified) / budget


def _two_units(numbers: np.ndarray) -> Layers:
    """Two units of one input, (w_1, w_2, a_1, a_2), in the shapes of the wide network."""
    weights, outputs = np.zeros((NARROW + 1, INPUTS)), np.zeros(NARROW + 1)
    weights[:2, 0], outputs[:2] = numbers[:2], numbers[2:]
    return jnp.asarray(weights), jnp.asarray(outputs)


def _across(numbers: np.ndarray, data: tuple[Array, Array]) -> float:
    """The smallest curvature but the one along the line, which is 0."""
    kept = [0, INPUTS, (NARROW + 1) * INPUTS, (NARROW + 1) * INPUTS + 1]
    matrix = np.asarray(_second()(_two_units(numbers), *data)[1])[np.ix_(kept, kept)]
    return float(np.sort(np.abs(np.linalg.eigvalsh(matrix)))[1])


def _line_data(points: int, steepness: int) -> tuple[Array, Array]:
    """The data of the theory; the examples that are left over have inputs and targets 0."""
    half = np.array([float(x) for x in fukumizu_amari.places(points)])
    inputs, targets = np.zeros((EXAMPLES, INPUTS)), np.zeros(EXAMPLES)
    inputs[:points, 0] = [*half, *-half]
    targets[:points] = np.tanh(inputs[:points, 0]) + np.tanh(steepness * inputs[:points, 0])
    return jnp.asarray(inputs), jnp.asarray(targets)


def _data(point: Critical) -> tuple[Array, Array]:
    return jnp.asarray(point.inputs), jnp.asarray(point.targets)


def _loss(layers: Layers, inputs: Array, targets: Array) -> Array:
    weights, outputs = layers
    return jnp.sum((jnp.tanh(inputs @ weights.T) @ outputs - targets) ** 2) / 2


@lru_cache
def _second() -> Any:
    """Gradient and Hessian of the wide network, weights first."""

    def found(layers: Layers, inputs: Array, targets: Array) -> tuple[Array, Array]:
        slopes = jax.grad(_loss)(layers, inputs, targets)
        return ravel_pytree(slopes)[0], hessian(lambda moved: _loss(moved, inputs, targets), layers)

    return jax.jit(found)


@lru_cache
def _descend() -> Any:
    def run(start: Layers, inputs: Array, targets: Array) -> tuple[Array, Array]:
        def step(layers: Layers, _: None) -> tuple[Layers, None]:
            slopes = jax.grad(_loss)(layers, inputs, targets)
            return jax.tree.map(lambda layer, slope: layer - STEP * slope, layers, slopes), None

        final = lax.scan(step, start, length=STEPS)[0]
        slopes = jax.grad(_loss)(final, inputs, targets)
        return _loss(final, inputs, targets), jnp.sqrt(sum(jnp.sum(slope**2) for slope in slopes))

    return jax.jit(run)
