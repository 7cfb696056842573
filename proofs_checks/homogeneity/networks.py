"""Homogeneous networks in JAX: Euler's identity, steps of training, certified gaps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float
from sympy import Expr, Integer, Rational, symbols

from numerics.devices import PRECISION
from proofs_checks.insertion import value_of
from theory.homogeneity import rows as theorem

UNITS, OUTPUTS, EXAMPLES, BATCH, STEPS = 12, 2, 24, 6, 200
STEP = 0.05
WIDE = 40  # units of certified networks
POINTS = 9  # examples in the plane
ROWS, COLUMNS = 7, 6  # of factored matrices
LONG = 60_000  # steps, the last ones a hundredth of the first
LARGEST_RELU_STEP, LARGEST_FACTOR_STEP = 0.004, 0.004

TRIES = 50
RESTARTS = 3  # of a ReLU network; few of its trainings end in a local minimum that is not global

_UNIT = float(np.finfo(np.float64).eps) / 2
_SMALLEST = float(np.finfo(np.float64).tiny)  # where all units are off nothing is rounded


# --- Euler ------------------------------------------------------------------------------------------------


def euler_residual(
    seed: int,
    *,
    widths: Sequence[int],
    power: int,
    curved: float = 0.0,
    forms: Sequence[Expr] | None = None,
) -> tuple[float, ...]:
    """<W_l, df/dW_l> - q^(H - l) f in units of its rounding, for every layer at a random input.

    ``power`` is q, 1 or 2; ``curved`` the share of tanh in the activation.
    """
    random = np.random.default_rng(seed)
    layers = tuple(
        random.normal(size=(after, before)) / np.sqrt(before) for before, after in pairwise(widths)
    )
    for _ in range(TRIES):  # an input that some path of active units leads through
        value, slopes = _network()(layers, random.normal(size=widths[0]), float(power == 2), curved)
        if value != 0:
            break
    degrees = theorem.degrees(len(layers)) if forms is None else forms
    residuals = []
    for layer, slope, degree in zip(layers, slopes, degrees, strict=True):
        predicted = float(value_of(degree, {theorem.q: Integer(power)}) * Rational(float(value)))
        scale = float(np.linalg.norm(layer) * np.linalg.norm(slope)) + abs(predicted)
        found = float(np.sum(layer * np.asarray(slope)))
        residuals.append((found - predicted) / max(8 * sum(widths) * _UNIT * scale, _SMALLEST))
    return tuple(residuals)


@lru_cache
def _network() -> Any:
    def output(layers: Sequence[Array], point: Array, squared: Array, curved: Array) -> Array:
        signal = point
        for layer in layers[:-1]:
            sums = jnp.matmul(layer, signal, precision=PRECISION)
            positive = jnp.maximum(sums, 0.0)
            powered = positive * (1 - squared + squared * positive)
            signal = (1 - curved) * powered + curved * jnp.tanh(sums)
        return jnp.matmul(layers[-1], signal, precision=PRECISION)[0]

    return jax.jit(jax.value_and_grad(output))


# --- conservation -----------------------------------------------------------------------------------------


def step_residual(
    seed: int,
    *,
    decay: float,
    momentum: float = 0.0,
    curved: float = 0.0,
    form: Expr | None = None,
) -> float:
    """The largest error of |w|^2 - |a|^2 after a step, in units of rounding, over all units and steps.

    Incoming weights include the unit's bias. ``form`` predicts from the letters of ``stepped``.
    """
    random = np.random.default_rng(seed)
    inputs = np.concatenate([random.normal(size=(EXAMPLES, 4)), np.ones((EXAMPLES, 1))], axis=1)
    targets = random.normal(size=(EXAMPLES, OUTPUTS))
    start = random.normal(size=(UNITS, 5)), random.normal(size=(UNITS, OUTPUTS))
    batches = random.integers(0, EXAMPLES, size=(STEPS, BATCH))
    found = _trained()(start, inputs, targets, batches, np.array([decay, momentum, curved]))
    before, after, moved, size = (np.asarray(one) for one in found)
    expression = stepped() if form is None else form
    letters = {theorem.eta: Rational(STEP), theorem.decay: Rational(decay)}
    # linear in the two numbers that were measured: its coefficients once, exactly
    ones = [value_of(expression, {**letters, KEPT: Integer(i), MOVED: Integer(j)}) for i, j in _CORNERS]
    constant, first, second = float(ones[0]), float(ones[1] - ones[0]), float(ones[2] - ones[0])
    error = after - (constant + first * before + second * moved)
    return float(np.max(np.abs(error) / (40 * _UNIT * size)))


KEPT, MOVED = symbols("D M", real=True)
_CORNERS = ((0, 0), (1, 0), (0, 1))


def stepped() -> Expr:
    """(1 - eta lambda)^2 D + eta^2 M with D = |w|^2 - |a|^2 and M the same of the gradients."""
    found: Expr = (1 - theorem.eta * theorem.decay) ** 2 * KEPT + theorem.eta**2 * MOVED
    return found


@lru_cache
def _trained() -> Any:
    """Differences before and after each step, of the gradients, and the sizes that rounding goes with."""

    def loss(weights: tuple[Array, Array], inputs: Array, targets: Array, curved: Array) -> Array:
        sums = jnp.matmul(inputs, weights[0].T, precision=PRECISION)
        hidden = (1 - curved) * jnp.maximum(sums, 0.0) + curved * jnp.tanh(sums)
        outputs = jnp.matmul(hidden, weights[1], precision=PRECISION)
        return jnp.sum((outputs - targets) ** 2) / (2 * BATCH * UNITS)

    def difference(pair: tuple[Array, Array]) -> Array:
        return jnp.sum(pair[0] ** 2, axis=1) - jnp.sum(pair[1] ** 2, axis=1)

    def run(start: Any, inputs: Array, targets: Array, batches: Array, setting: Array) -> Any:
        decay, momentum, curved = setting[0], setting[1], setting[2]

        def step(state: Any, rows: Array) -> Any:
            weights, velocity = state
            slopes = jax.grad(loss)(weights, inputs[rows], targets[rows], curved)
            velocity = jax.tree.map(lambda v, g: momentum * v + g, velocity, slopes)
            after = jax.tree.map(lambda w, v: (1 - STEP * decay) * w - STEP * v, weights, velocity)
            size = sum(jnp.sum(one**2, axis=1) for one in (*weights, *after, *slopes))
            records = difference(weights), difference(after), difference(slopes), size
            return (after, velocity), records

        return lax.scan(step, (start, jax.tree.map(jnp.zeros_like, start)), batches)[1]

    return jax.jit(run)


# --- certificate ------------------------------------------------------------------------------------------


def relu_gap(seed: int, *, units: int, decay: float) -> float:
    """Certified relative distance from the global minimum of ReLU networks on points of the plane.

    The best of a few trainings from random weights on the same data.
    """
    random = np.random.default_rng(seed)
    inputs = np.concatenate([random.normal(size=(POINTS, 1)), np.ones((POINTS, 1))], axis=1)
    targets = random.normal(size=POINTS)
    return min(_relu_gap(_some(random, units, 2, 1), inputs, targets, decay) for _ in range(RESTARTS))


def _relu_gap(
    start: tuple[np.ndarray, np.ndarray], inputs: np.ndarray, targets: np.ndarray, decay: float
) -> float:
    incoming, outgoing = (np.asarray(one) for one in _relu()(start, inputs, targets[:, None], decay))
    outputs = np.maximum(inputs @ incoming.T, 0) @ outgoing[:, 0]
    penalty = decay * (np.sum(incoming**2) + np.sum(outgoing**2)) / 2
    return _gap(targets, outputs, penalty, decay, circle_polar(inputs, targets - outputs))


def factor_gap(seed: int, *, units: int, decay: float) -> float:
    """The same for a factored matrix, Y = A B, whose polar is the largest singular value."""
    random = np.random.default_rng(seed)
    target = random.normal(size=(ROWS, COLUMNS))
    start = _some(random, units, COLUMNS, ROWS)
    incoming, outgoing = (np.asarray(one) for one in _factors()(start, np.eye(COLUMNS), target.T, decay))
    outputs = (incoming.T @ outgoing).T
    penalty = decay * (np.sum(incoming**2) + np.sum(outgoing**2)) / 2
    return _gap(target, outputs, penalty, decay, float(np.linalg.norm(target - outputs, 2)))


def _gap(targets: np.ndarray, outputs: np.ndarray, penalty: float, decay: float, polar: float) -> float:
    """(primal - dual) / primal, with the residual scaled to polar ``decay`` at most as Z."""
    residual = targets - outputs
    primal = float(np.sum(residual**2) / 2 + penalty)
    dual = residual * min(1.0, decay / polar)
    return (primal - float(np.sum(targets * dual) - np.sum(dual**2) / 2)) / primal


def circle_polar(inputs: Float[np.ndarray, "N 2"], residual: Float[np.ndarray, " N"]) -> float:
    """The largest |sum of residual_i max(x_i w, 0)| over unit vectors w of the plane, by scanning arcs.

    Between two directions at which some x_i w changes sign the sum is v w with a fixed v: its largest modulus
    on the arc is |v| where v or -v points into it, else at an end.
    """
    edges = np.arctan2(inputs[:, 1], inputs[:, 0])
    turns = np.sort(np.concatenate([edges + np.pi / 2, edges - np.pi / 2]) % (2 * np.pi))
    ends = np.append(turns, turns[0] + 2 * np.pi)
    middles = (ends[:-1] + ends[1:]) / 2
    directions = np.stack([np.cos(middles), np.sin(middles)], axis=1)
    active = inputs @ directions.T > 0
    vectors = (active * residual[:, None]).T @ inputs
    lengths, angles = np.hypot(*vectors.T), np.arctan2(vectors[:, 1], vectors[:, 0])
    distance = np.abs((angles - middles + np.pi / 2) % np.pi - np.pi / 2)  # of the line of v from the middle
    inside = distance <= (ends[1:] - ends[:-1]) / 2
    corners = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    at_ends = np.abs(residual @ np.maximum(inputs @ corners.T, 0))
    return float(max(np.max(lengths[inside], initial=0.0), np.max(at_ends)))


def _some(
    random: np.random.Generator, units: int, inputs: int, outputs: int
) -> tuple[np.ndarray, np.ndarray]:
    """WIDE units of which all but the first ``units`` are 0, where descent leaves them."""
    used = (np.arange(WIDE) < units)[:, None]
    shapes = ((WIDE, inputs), (WIDE, outputs))
    first, second = (used * random.normal(size=shape) for shape in shapes)
    return first, second / WIDE**0.5


@lru_cache
def _relu() -> Any:
    return _descent(lambda sums: jnp.maximum(sums, 0.0), LARGEST_RELU_STEP)


@lru_cache
def _factors() -> Any:
    return _descent(lambda sums: sums, LARGEST_FACTOR_STEP)


def _descent(activation: Any, largest: float) -> Any:
    """LONG steps on |Y - s(X w^T) a|^2 / 2 and the decay, each step smaller than the one before."""

    def loss(weights: tuple[Array, Array], inputs: Array, targets: Array, decay: Array) -> Array:
        hidden = activation(jnp.matmul(inputs, weights[0].T, precision=PRECISION))
        outputs = jnp.matmul(hidden, weights[1], precision=PRECISION)
        penalty = sum(jnp.sum(one**2) for one in weights)
        return (jnp.sum((outputs - targets) ** 2) + decay * penalty) / 2

    def run(start: Any, inputs: Array, targets: Array, decay: Array) -> Any:
        def step(weights: Any, count: Array) -> Any:
            size = largest * 0.01 ** (count / LONG)
            slopes = jax.grad(loss)(weights, inputs, targets, decay)
            return jax.tree.map(lambda one, slope: one - size * slope, weights, slopes), None

        return lax.scan(step, start, jnp.arange(LONG, dtype=float))[0]

    return jax.jit(run)
