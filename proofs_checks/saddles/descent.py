"""Descent near saddles, in JAX: how long it stays, how fast it leaves, where it ends."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache, partial
from random import Random
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, Int, Key
from sympy import Expr, Rational

from numerics.linear_networks import gradients
from proofs_checks.insertion import value_of
from theory.saddles import rows as theorem

STARTS = 4096  # of one sample
RADIUS = 1.0
STABLE = (1.0, 0.5, 0.2)  # positive curvatures beside the negative one, -1
LEVELS = (1.25, 0.6, 0.3)  # singular values of the network's target
INPUTS, HIDDEN = 4, 5
FIRST, LAST, REACHED = (
    1e-4,
    1e-12,
    0.1,
)  # scales of starts, and the norm of the weights at which they have left
NEARBY = 0.1  # distance from the saddle
DURATION = 100.0  # step size times steps
SMALL = 1e-9  # of y in units of the step
STEEP_STARTS, STEEP_STEPS = 300, 12

_UNIT = float(np.finfo(np.float64).eps) / 2


def times(
    key: Key[Array, ""], deviation: float | Array, step_size: float | Array, steps: int
) -> tuple[Float[Array, " starts"], Int[Array, " starts"]]:
    """The coordinates x_0 ~ N(0, deviation^2) along the negative direction, and T, of each start.

    Descent with ``jax.grad`` on (sum of STABLE z^2 - x^2) / 2; T is ``steps`` where the radius is not left.
    """
    curvatures = jnp.asarray((-1.0, *STABLE))

    def objective(point: Array) -> Array:
        return jnp.sum(curvatures * point**2) / 2

    starts = deviation * jax.random.normal(key, (STARTS, len(curvatures)))

    def step(state: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], None]:
        points, count = state
        inside = jnp.abs(points[:, 0]) < RADIUS
        moved = points - step_size * jax.vmap(jax.grad(objective))(points)
        # points that have left stay where they are, so that nothing overflows
        return (jnp.where(inside[:, None], moved, points), count + inside.astype(count.dtype)), None

    count = jnp.zeros(STARTS, jnp.int32)
    (_, found), _ = lax.scan(step, (starts, count), length=steps)
    return starts[:, 0], found


def survivors(
    key: Key[Array, ""], *, deviation: float, step_size: float, after: tuple[float, ...], steps: int
) -> Float[Array, " after"]:
    """Shares of starts that have not left after each of these numbers of steps."""
    _, counts = times(key, deviation, step_size, steps)
    found = counts.astype(float)
    return jnp.stack([jnp.mean((found > limit).astype(float)) for limit in after])


def ceiling_mismatches(seed: int, *, deviation: float, step_size: float, steps: int) -> float:
    """Starts that leave after another number of steps than ceil(ln(R / |x_0|) / ln g).

    T is at most ``steps``. Where the quotient is an integer to rounding both neighbors count.
    """
    found = _compiled_times(steps)(jax.random.key(seed), deviation, step_size)
    starts, counts = (np.asarray(one) for one in found)
    exact = np.log(RADIUS / np.abs(starts)) / math.log1p(step_size)
    slack = 4 * steps * _UNIT * exact
    low, high = (np.minimum(np.ceil(exact + side * slack), steps) for side in (-1, 1))
    return float(np.sum((counts < low) | (counts > high)))


@lru_cache
def _compiled_times(steps: int) -> Any:
    return jax.jit(partial(times, steps=steps))


def slope_error(seed: int, *, step_size: float, form: Expr | None = None, flat: float = 0.0) -> float:
    """Relative distance of (T(LAST) - T(FIRST)) / ln(LAST / FIRST) of a linear network from the closed form.

    A two-layer network starts at delta times the same random weights; T, not rounded, is when their norm
    passes REACHED. ``flat`` takes that share of the largest singular value away.
    """
    levels = np.array(LEVELS) * (1 - flat)
    random = np.random.default_rng(seed)
    left, right = (np.linalg.qr(random.normal(size=(k, k)))[0] for k in (len(levels), INPUTS))
    target = left * levels @ right[:, : len(levels)].T
    shapes = ((HIDDEN, INPUTS), (len(levels), HIDDEN))
    start = tuple(random.normal(size=shape) for shape in shapes)
    norm = math.sqrt(sum(float(np.sum(layer**2)) for layer in start))
    growth = math.log1p(step_size * LEVELS[0])
    steps = math.ceil((math.log(REACHED / LAST) + 8) / growth)
    measured = []
    for scale in (FIRST, LAST):
        layers = tuple(scale / norm * layer for layer in start)
        norms = np.asarray(_norms(steps)(layers, target, step_size))
        last = int(np.argmax(norms > REACHED)) - 1
        part = math.log(REACHED / norms[last]) / math.log(norms[last + 1] / norms[last])
        measured.append(last + part)
    letters = {theorem.eta: Rational(step_size), theorem.mu: Rational(LEVELS[0])}
    predicted = value_of(slope() if form is None else form, letters)
    found = (measured[1] - measured[0]) / math.log(LAST / FIRST)
    return 1 - float(predicted) / found


def slope() -> Expr:
    """What T gains for each e-fold of delta, as the theorem concludes it."""
    return theorem.SLOPE.rhs


@lru_cache
def _norms(steps: int) -> Any:
    """Norms of the weights of a linear network before each step of descent on |S - W|^2 / 2."""

    def run(start: tuple[Array, ...], target: Array, step_size: Array) -> Array:
        inputs = jnp.eye(INPUTS)

        def step(layers: tuple[Array, ...], _: None) -> tuple[tuple[Array, ...], Array]:
            norm = jnp.sqrt(sum(jnp.sum(layer**2) for layer in layers))
            slopes = gradients(layers, inputs, target.T)
            moved = zip(layers, slopes, strict=True)
            return tuple(jnp.asarray(layer - step_size * slope) for layer, slope in moved), norm

        return lax.scan(step, start, length=steps)[1]

    return jax.jit(run)


def stuck_starts(seed: int, *, step_size: float, strict: float) -> float:
    """Random starts in [-1.5, 1.5]^2 that descent leaves within NEARBY of the saddle at 0.

    strict = 1: x^2 / 2 - y^2 / 2 + y^4 / 4; strict = 0: x^2 / 2 + y^3 / 3, which is not bounded below, so
    that y is kept above -2.
    """
    random = np.random.default_rng(seed)
    starts = random.uniform(-1.5, 1.5, size=(STARTS, 2))
    steps = math.ceil(DURATION / step_size)
    ends = np.asarray(_ends(steps)(starts, step_size, strict))
    return float(np.sum(np.abs(ends[:, 1]) < NEARBY))


@lru_cache
def _ends(steps: int) -> Any:
    def objective(point: Array, strict: Array) -> Array:
        x, y = point
        return x**2 / 2 + strict * (y**4 / 4 - y**2 / 2) + (1 - strict) * y**3 / 3

    def run(starts: Array, step_size: Array, strict: Array) -> Array:
        slopes = jax.vmap(jax.grad(objective), (0, None))

        def step(points: Array, _: None) -> tuple[Array, None]:
            return jnp.maximum(points - step_size * slopes(points, strict), -2.0), None

        return lax.scan(step, starts, length=steps)[0]

    return jax.jit(run)


def steep_starts(seed: int, *, step_size: str) -> float:
    """Rational starts in [-3, 3] that descent takes to the strict maximum 0 itself, in exact arithmetic."""
    random, step = Random(seed), Fraction(step_size)
    count = 0
    for _ in range(STEEP_STARTS):
        point = Fraction(random.randint(-3 * 10**6, 3 * 10**6), 10**6)
        point = point or Fraction(1, 10**6)
        for _ in range(STEEP_STEPS):
            point -= step * _steep_slope(point)
        count += point == 0
    return float(count)


def _steep_slope(point: Fraction) -> Fraction:
    """Odd: -x/2 up to 1/2, then with slope 3/2 up to 2, then x."""
    height, sign = abs(point), 1 if point >= 0 else -1
    if height <= Fraction(1, 2):
        return -point / 2
    return sign * height if height >= 2 else sign * (Fraction(3, 2) * height - 1)


def two_step_residual(
    seed: int, *, step_size: float, ratio: float, form: Expr | None = None, fixed_length: bool = True
) -> float:
    """y_2 / y_0 of normalized descent: relative distance from the closed form, in units of rounding and y^2.

    ``fixed_length=False`` takes plain descent's steps.
    """
    random = Random(seed)
    first, second = (Rational(random.randint(20, 80), 97) for _ in range(2))
    share = float(first / (first + second))
    point = np.array([share * step_size, SMALL * step_size])
    begun = point[1]
    for _ in range(2):
        slope = np.array([point[0], -ratio * point[1]])
        length = float(np.hypot(*slope)) if fixed_length else 1.0
        point = point - step_size * slope / length
    letters = {theorem.a: first, theorem.b: second, theorem.rho: Rational(ratio)}
    predicted = float(value_of(theorem.TWO_STEPS.rhs if form is None else form, letters))
    edge = min(share, 1 - share)
    budget = 40 * _UNIT / edge + (4 * (1 + ratio) ** 2 * SMALL / edge) ** 2
    return (1 - predicted / float(point[1] / begun)) / budget
