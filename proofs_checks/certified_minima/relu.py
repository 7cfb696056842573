"""ReLU networks with a ReLU teacher: descent on the loss over all Gaussian inputs, and samples of it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from sympy import Expr, Rational

from theory import balls
from theory.certified_minima import relu_teacher
from theory.certified_minima.minimum import CertifiedMinimum
from theory.errors import InputError

STEPS = 4000
STEP = 0.2  # times the largest curvature, about k / 4 + 1 / 2, at most 0.7 for up to twelve units
NEARBY = 0.01  # deviation of a start from the minimum, and norm of a further unit
SAMPLES = 2000

_UNIT = float(np.finfo(np.float64).eps) / 2
_BITS = 120
_LEAST_AREA = 1e-20  # of two units; below, at an angle of 1e-10, rounding decides its square root
_OPERATIONS = 2000  # roundings on the way to a loss that is a difference of some hundred kernels


def minimum(units: int, radius: str, precision: int) -> CertifiedMinimum:
    """The certified minimum; numbers as JSON knows them."""
    return relu_teacher.spurious_minimum(units, Rational(radius), precision)


def weights(units: int, radius: str, precision: int) -> np.ndarray:
    """Its weights: one row a unit."""
    return np.array(minimum(units, radius, precision).point).reshape(units, units)


def trapped_residual(
    seed: int, *, units: int, radius: str, precision: int, further: bool = False, teacher: bool = False
) -> float:
    """The loss after descent from near the minimum, less the certified one, in units of its budget.

    ``further`` gives the network one more unit, of small random weights; ``teacher`` starts near the weights
    of the teacher instead. The budget is what the last gradient grants at a minimum of the certified
    curvature, at most 1 % of the certified loss.
    """
    random = np.random.default_rng(seed)
    found = minimum(units, radius, precision)
    center = np.eye(units) if teacher else weights(units, radius, precision)
    start = np.vstack([center, np.zeros(units)]) + NEARBY * random.normal(size=(units + 1, units))
    active = np.array([1.0] * units + [float(further)])
    loss, norm = (float(one) for one in _descend()(jnp.asarray(start), jnp.asarray(active)))
    certified = float(found.value.mid())
    left = min(norm**2 / float(found.curvature.lower()), certified / 100)
    return (loss - certified) / (left + _OPERATIONS * _UNIT)


def sampled_loss(seed: int, *, entries: list[list[float]]) -> float:
    """The mean of (network - teacher)^2 / 2 over Gaussian inputs, by running the network."""
    layer = np.array(entries)
    x = np.random.default_rng(seed).normal(size=(SAMPLES, layer.shape[1]))
    outputs = np.maximum(x @ layer.T, 0).sum(axis=1)
    return float(np.mean((outputs - np.maximum(x, 0).sum(axis=1)) ** 2) / 2)


def sampled_mean(seed: int, *, first: list[float], second: list[float]) -> float:
    """The mean of relu(w^T x) relu(v^T x) over Gaussian inputs."""
    x = np.random.default_rng(seed).normal(size=(SAMPLES, len(first)))
    return float(np.mean(np.maximum(x @ np.array(first), 0) * np.maximum(x @ np.array(second), 0)))


def predicted_mean(kernel: Expr, first: list[float], second: list[float]) -> float:
    """The same from the closed form. Raises InputError where the form has no finite value."""
    with balls.flint.ctx.workprec(_BITS):
        found = _mean(balls.lower_function(kernel, relu_teacher.LETTERS), first, second)
        if not found.is_finite():
            raise InputError(f"{kernel} is {found} at {first}, {second}: not a finite number")
        return float(found)


def predicted_loss(layer: np.ndarray) -> float:
    """F from the closed form of the kernel between different units; of one unit it is |w|^2 / 2."""
    function = balls.lower_function(relu_teacher.kernel(), relu_teacher.LETTERS)
    rows, teacher = layer.tolist(), np.eye(layer.shape[1]).tolist()
    mutual = [(w, v) for units in (rows, teacher) for i, w in enumerate(units) for v in units[:i]]
    with balls.flint.ctx.workprec(_BITS):
        total = sum(_mean(function, w, v) for w, v in mutual)
        total -= sum(_mean(function, w, v) for w in rows for v in teacher)
        return float(total + sum(_dot(w, w) for w in (*rows, *teacher)) / 4)


def _mean(function: balls.BallFunction, w: list[float], v: list[float]) -> balls.Ball:
    return function([_dot(w, w), _dot(w, v), _dot(v, v)])


def _dot(w: list[float], v: list[float]) -> balls.Ball:
    return sum((balls.ball(p) * balls.ball(q) for p, q in zip(w, v, strict=True)), balls.ball(0))


@lru_cache
def _descend() -> Any:
    def run(start: Array, active: Array) -> tuple[Array, Array]:
        slope = jax.grad(_loss)
        final = lax.scan(lambda layer, _: (layer - STEP * slope(layer, active), None), start, length=STEPS)[0]
        return _loss(final, active), jnp.linalg.norm(slope(final, active))

    return jax.jit(run)


def _loss(layer: Array, active: Array) -> Array:
    """F of the active units over all Gaussian inputs: s^T K s / 2, with s = -1 for units of the teacher."""
    units = layer.shape[1]
    rows = jnp.concatenate([layer, jnp.eye(units)])
    signs = jnp.concatenate([active, -jnp.ones(units)])
    own = jnp.eye(len(rows))
    dots = rows @ rows.T
    squares = jnp.diagonal(dots)
    # The diagonal, |w|^2 / 2, and units that are parallel would have infinite slopes on the way.
    sines = jnp.sqrt(jnp.maximum(squares[:, None] * squares - dots**2, _LEAST_AREA))
    angles = jnp.arctan2(sines, dots)
    mutual = (1 - own) * (sines + (jnp.pi - angles) * dots) / (2 * jnp.pi)
    return (signs @ mutual @ signs + signs**2 @ squares / 2) / 2
