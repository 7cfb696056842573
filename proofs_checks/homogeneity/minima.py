"""Two-layer networks trained with decay in JAX: how far from the global minimum, how balanced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from numerics.devices import PRECISION
from proofs_checks.homogeneity.certificate import ROUNDS, certified, finished, gap

Kind = Literal["relu", "matrix"]

WIDE = 40  # units; those beyond the first few may be 0
POINTS = 9  # examples in the plane
ROWS, COLUMNS = 7, 6  # of factored matrices
STEP = 0.01  # where training starts, the sharpness is below 180 < 2 / STEP in 200 random problems
# Times of training, in units of 1 / lambda. Balance settles like exp(-2 lambda t), whatever the directions
# do; a singular value sigma settles like exp(-2 |sigma - lambda| t).
RELU_TIME, BALANCE_TIME, MATRIX_TIME = 3.0, 8.0, 30.0
# By what steps shrink: around a kink descent chatters as widely as its step; matrices have no kinks.
SHRINKS = {"relu": 0.01, "matrix": 1.0}


def relu_gap(seed: int, *, units: int, decay: float, rounds: int = ROUNDS) -> float:
    """Certified relative distance from the global minimum of a ReLU network trained from random weights.

    After training it is finished by at most ``rounds`` new units, see ``finished``.
    """
    start, inputs, targets = _relu_problem(seed, units)
    incoming, outgoing = _trained("relu", start, inputs, targets, RELU_TIME / decay, (decay, decay))
    found = finished(incoming, outgoing[:, 0], inputs, targets[:, 0], decay, rounds=rounds)
    return certified(*found, inputs, targets[:, 0], decay)


def factor_gap(seed: int, *, units: int, decay: float) -> float:
    """The same for a factored matrix as trained, Y = A B, whose polar is the largest singular value."""
    start, inputs, targets = _matrix_problem(seed, units)
    incoming, outgoing = _trained("matrix", start, inputs, targets, MATRIX_TIME / decay, (decay, decay))
    residual = targets - incoming.T @ outgoing
    penalty = decay * float(np.sum(incoming**2) + np.sum(outgoing**2)) / 2
    return gap(targets, targets - residual, penalty, decay, float(np.linalg.norm(residual, 2)))


def balance(seed: int, *, kind: Kind, decay: float, shares: Sequence[float] = (1, 1)) -> tuple[float, float]:
    """|w|^2 / |a|^2 of all units together after training, and how far one of them is from it.

    The second number is the largest ||w|^2 - r |a|^2| of a unit relative to the largest |w|^2 + r |a|^2, with
    r the first. ``shares`` are the decays of w and a relative to ``decay``, which sets the time of training.
    """
    problem, time = (_relu_problem, BALANCE_TIME) if kind == "relu" else (_matrix_problem, MATRIX_TIME)
    decays = (decay * shares[0], decay * shares[1])
    trained = _trained(kind, *problem(seed, WIDE), time / decay, decays)
    first, second = (np.sum(one**2, axis=1) for one in trained)
    ratio = float(np.sum(first) / np.sum(second))
    return ratio, float(np.max(np.abs(first - ratio * second)) / np.max(first + ratio * second))


def _relu_problem(seed: int, units: int) -> tuple[Any, np.ndarray, np.ndarray]:
    """Random weights, points (x, 1) of the plane, and targets."""
    random = np.random.default_rng(seed)
    inputs = np.concatenate([random.normal(size=(POINTS, 1)), np.ones((POINTS, 1))], axis=1)
    return _some(random, units, 2, 1), inputs, random.normal(size=(POINTS, 1))


def _matrix_problem(seed: int, units: int) -> tuple[Any, np.ndarray, np.ndarray]:
    """Random factors, the identity, and the matrix to factor, transposed."""
    random = np.random.default_rng(seed)
    return _some(random, units, COLUMNS, ROWS), np.eye(COLUMNS), random.normal(size=(COLUMNS, ROWS))


def _some(
    random: np.random.Generator, units: int, inputs: int, outputs: int
) -> tuple[np.ndarray, np.ndarray]:
    """WIDE units of which all but the first ``units`` are 0, where descent leaves them."""
    used = (np.arange(WIDE) < units)[:, None]
    first, second = (used * random.normal(size=(WIDE, size)) for size in (inputs, outputs))
    return first / 2, second / WIDE**0.5


def _trained(
    kind: Kind,
    start: tuple[np.ndarray, np.ndarray],
    inputs: np.ndarray,
    targets: np.ndarray,
    time: float,
    decays: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray]:
    """Incoming and outgoing weights after descent for ``time``, the sum of its steps, with these decays."""
    shrink = SHRINKS[kind]
    mean = 1.0 if shrink == 1 else (1 - shrink) / -np.log(shrink)  # of the steps, relative to the first
    count = int(np.ceil(time / (STEP * mean)))
    found = _descent(kind)(start, inputs, targets, np.array(decays), shrink, count)
    first, second = (np.asarray(one) for one in found)
    if not np.isfinite(first).all():  # what follows would take units that are no numbers for dead ones
        raise FloatingPointError("training diverged: its steps are too long for these data")
    return first, second


@lru_cache
def _descent(kind: Kind) -> Callable[..., tuple[Array, Array]]:
    """Descent on |Y - s(X w^T) a|^2 / 2 and the decays, by steps that shrink from STEP by equal factors."""

    def loss(weights: tuple[Array, Array], inputs: Array, targets: Array, decays: Array) -> Array:
        sums = jnp.matmul(inputs, weights[0].T, precision=PRECISION)
        hidden = jnp.maximum(sums, 0.0) if kind == "relu" else sums
        outputs = jnp.matmul(hidden, weights[1], precision=PRECISION)
        penalty = decays[0] * jnp.sum(weights[0] ** 2) + decays[1] * jnp.sum(weights[1] ** 2)
        return (jnp.sum((outputs - targets) ** 2) + penalty) / 2

    def run(start: Any, inputs: Array, targets: Array, decays: Array, shrink: Array, count: Array) -> Any:
        def step(index: Array, weights: Any) -> Any:
            size = STEP * shrink ** (index / count)
            slopes = jax.grad(loss)(weights, inputs, targets, decays)
            return jax.tree.map(lambda one, slope: one - size * slope, weights, slopes)

        return lax.fori_loop(0, count, step, start)

    return jax.jit(run)
