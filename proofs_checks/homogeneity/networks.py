"""Homogeneous networks in JAX: Euler's identity, steps of training."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from sympy import Expr, Integer, Rational, symbols

from numerics.devices import PRECISION
from proofs_checks.insertion import value_of
from theory.homogeneity import rows as theorem

UNITS, OUTPUTS, EXAMPLES, BATCH, STEPS = 12, 2, 24, 6, 200
STEP = 0.05

TRIES = 50

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
        if float(value) != 0:
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
    before, after, moved, size = _records(seed, decay, momentum, curved)
    expression = stepped() if form is None else form
    letters = {theorem.eta: Rational(STEP), theorem.decay: Rational(decay)}
    # linear in the two numbers that were measured: its coefficients once, exactly
    ones = [value_of(expression, {**letters, KEPT: Integer(i), MOVED: Integer(j)}) for i, j in _CORNERS]
    constant, first, second = float(ones[0]), float(ones[1] - ones[0]), float(ones[2] - ones[0])
    error = after - (constant + first * before + second * moved)
    return float(np.max(np.abs(error) / (40 * _UNIT * size)))


def kept_residual(seed: int, *, decay: float, momentum: float = 0.0, form: Expr | None = None) -> float:
    """The largest error of |w|^2 - |a|^2 after all steps, in units of rounding, over all units.

    It is the share of what it was at the start that ``form`` gives, and for each step eta^2 times the same of
    the gradients, multiplied by (1 - eta lambda)^2 in every later step.
    """
    before, after, moved, size = _records(seed, decay, momentum, 0.0)
    letters = {theorem.eta: Rational(STEP), theorem.decay: Rational(decay), theorem.steps: Integer(STEPS)}
    share = float(value_of(theorem.kept() if form is None else form, letters))
    later = (1 - STEP * decay) ** (2 * np.arange(STEPS - 1, -1, -1))
    error = after[-1] - share * before[0] - STEP**2 * (later @ moved)
    return float(np.max(np.abs(error) / (40 * _UNIT * np.sum(size, axis=0))))


@lru_cache(maxsize=32)  # each planted error is judged on the same runs
def _records(seed: int, decay: float, momentum: float, curved: float) -> tuple[np.ndarray, ...]:
    """What ``_trained`` records, of random weights and data: arrays of steps x units."""
    random = np.random.default_rng(seed)
    inputs = np.concatenate([random.normal(size=(EXAMPLES, 4)), np.ones((EXAMPLES, 1))], axis=1)
    targets = random.normal(size=(EXAMPLES, OUTPUTS))
    start = random.normal(size=(UNITS, 5)), random.normal(size=(UNITS, OUTPUTS))
    batches = random.integers(0, EXAMPLES, size=(STEPS, BATCH))
    found = _trained()(start, inputs, targets, batches, np.array([decay, momentum, curved]))
    return tuple(np.asarray(one) for one in found)


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
