"""Experiments on the start of training from small weights: conserved quantities, and critical directions."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import comb
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from sympy import Expr, Poly, Symbol

from proofs_checks.deep_kernels.draws import Program, in_chunks, over_draws
from proofs_checks.lowering import lower
from proofs_checks.two_layer_networks import Rows, lowered
from theory.kernels.condensation import (
    A0,
    ALONG,
    FIRST_EIGENVALUE,
    FIRST_WEIGHT,
    P0,
    QUADRATIC,
    RATE,
    READOUT,
    SECOND_EIGENVALUE,
    SECOND_WEIGHT,
    TIME,
)

Values = NDArray[np.float64]
_SLOPE = Symbol("t")
LARGEST_ENTRY = 9
STEPS = 128
LIFT = 0.5
BLOCK = 512


@dataclass(frozen=True)
class LinearizationExponent:
    """The slope in eps of the relative error of the linear law, in all weights of one trained network.

    The directions of the weights are drawn anew for each seed; the flow runs for ``duration``/kappa.
    ``readout`` and ``along`` are the claimed law in a_0, p_0, kappa and t.
    """

    activation: Expr
    readout: Expr = READOUT
    along: Expr = ALONG

    def __call__(
        self,
        keys: jax.Array,
        *,
        sizes: Sequence[float],
        inputs: Rows,
        targets: Sequence[float],
        neurons: int,
        duration: float,
        slope: float,
    ) -> Values:
        v = np.asarray(targets) @ np.asarray(inputs) / len(targets)
        rate, direction = abs(slope) * float(np.linalg.norm(v)), np.sign(slope) * v / np.linalg.norm(v)
        start, ends = _trained(self.activation, keys, sizes, inputs, targets, neurons, duration / rate)
        weights, readouts = start[..., :-1], start[..., -1]
        along = weights @ direction
        a, p = (
            _evaluated(form, (A0, P0, RATE, TIME), readouts, along, rate, duration / rate)
            for form in (self.readout, self.along)
        )
        law = np.concatenate([weights + (p - along)[..., None] * direction, a[..., None]], axis=-1)
        errors = np.linalg.norm(ends - law[:, None], axis=(2, 3))
        return _slopes(errors, sizes)


@dataclass(frozen=True)
class ConservationExponent:
    """The slope in eps of the drift of a conserved quantity of multiplicity 2.

    Of the drifts of all neurons the norm is taken, each weighted by |w| at the end: few neurons grow, and
    they count most. (One neuron alone may by chance have next to no drift.)

    ``quantity`` is the claimed one in |w_1|, |w_2| (components along the eigenvectors of n^-1 sum y x x^T
    with the two largest |eigenvalues|) and these eigenvalues. The flow runs in the time ds = |theta| dt, the
    norm of order 8, which leaves trajectories unchanged and has no blow-up: to leading order weights grow at
    most at the rate s''(0) mu_1, for as long as multiplies it to ``duration``.
    """

    activation: Expr
    quantity: Expr = QUADRATIC

    def __call__(
        self,
        keys: jax.Array,
        *,
        sizes: Sequence[float],
        inputs: Rows,
        targets: Sequence[float],
        neurons: int,
        duration: float,
        curvature: float,
    ) -> Values:
        x, y = np.asarray(inputs), np.asarray(targets)
        eigenvalues, basis = np.linalg.eigh((y * x.T) @ x / len(y))
        order = np.argsort(-abs(eigenvalues))[:2]
        horizon = duration / abs(curvature * eigenvalues[order[0]])
        # In coordinates along the eigenvectors no weight starts near 0, where its power would be huge.
        start, ends = _trained(self.activation, keys, sizes, x @ basis, targets, neurons, horizon, 1.0, LIFT)
        along = abs(np.concatenate([start[:, None], ends], axis=1)[..., order])
        symbols = (FIRST_WEIGHT, SECOND_WEIGHT, FIRST_EIGENVALUE, SECOND_EIGENVALUE)
        values = _evaluated(self.quantity, symbols, along[..., 0], along[..., 1], *eigenvalues[order])
        grown = np.linalg.norm(ends[..., :-1], axis=-1)
        return _slopes(np.linalg.norm(grown * (values[:, 1:] - values[:, :1]), axis=-1), sizes)


def _evaluated(form: Expr, symbols: tuple[Symbol, ...], *values: Any) -> Values:
    """The form at these numbers, BLOCK at a time: JAX compiles every operation anew for every shape."""
    arrays = np.broadcast_arrays(*values)
    flat = [np.resize(array, -(-array.size // BLOCK) * BLOCK).reshape(-1, BLOCK) for array in arrays]
    function = lower(form, symbols)
    rows = [np.broadcast_to(np.asarray(function(*row)), BLOCK) for row in zip(*flat, strict=True)]
    return np.concatenate(rows)[: arrays[0].size].reshape(arrays[0].shape)


def _slopes(errors: Values, sizes: Sequence[float]) -> Values:
    """The slope of ln(error) over the ln of the two sizes, for each seed."""
    return np.asarray(np.log(errors[:, 0] / errors[:, 1]) / np.log(sizes[0] / sizes[1]))


def _trained(
    activation: Expr,
    keys: jax.Array,
    sizes: Sequence[float],
    inputs: Rows | Values,
    targets: Sequence[float],
    neurons: int,
    horizon: float,
    power: float = 0.0,
    lift: float = 0.0,
) -> tuple[Values, Values]:
    """Weights and readouts (seeds, neurons, d + 1) at the start, and at the end for each size, over eps.

    The flow runs until ``horizon`` in the time ds = |theta|^power dt. At the start all are normal, moved away
    from 0 by ``lift``.
    """
    size = neurons * (len(inputs[0]) + 1)
    found = in_chunks(_program(activation, neurons), keys, size, sizes, inputs, targets, horizon, power, lift)
    return found[:, 0], found[:, 1:]


@lru_cache(maxsize=32)
def _program(activation: Expr, neurons: int) -> Program:
    function = lowered(activation)

    def one(
        draws: jax.Array,
        sizes: jax.Array,
        x: jax.Array,
        y: jax.Array,
        horizon: jax.Array,
        power: jax.Array,
        lift: jax.Array,
    ) -> jax.Array:
        directions = (draws + lift * jnp.sign(draws)).reshape(neurons, -1)

        def loss(parameters: jax.Array) -> jax.Array:
            return ((function(x @ parameters[:, :-1].T) @ parameters[:, -1] - y) ** 2).mean() / 2

        def velocity(parameters: jax.Array) -> jax.Array:
            return -jax.grad(loss)(parameters) / (parameters**8).sum() ** (power / 8)

        def end(size: jax.Array) -> jax.Array:
            return _runge_kutta(velocity, size * directions, horizon) / size

        return jnp.concatenate([directions[None], jax.lax.map(end, sizes)])

    return over_draws(one)


def _runge_kutta(velocity: Any, start: jax.Array, horizon: jax.Array) -> jax.Array:
    """The flow by the classical method of order 4, which compiles ten times faster than adaptive ones.

    While weights grow e^3-fold, STEPS steps leave a relative error of about 3 (3/STEPS)^4/120 = 8e-9, a
    hundredth of the smallest error that is measured.
    """
    step = horizon / STEPS
    reaches, shares = jnp.asarray([0.0, 0.5, 0.5, 1.0]), jnp.asarray([1.0, 2.0, 2.0, 1.0]) / 6

    def advance(_: Any, now: jax.Array) -> jax.Array:
        def stage(carry: tuple[jax.Array, jax.Array], weights: tuple[jax.Array, jax.Array]) -> Any:
            slope, total = carry
            reach, share = weights
            slope = velocity(now + reach * step * slope)
            return (slope, total + share * slope), None

        rest = jnp.zeros_like(now)
        (_, mean), _ = jax.lax.scan(stage, (rest, rest), (reaches, shares))
        return now + step * mean

    return jax.lax.fori_loop(0, STEPS, advance, start)


def critical_directions(seed: int, *, order: int, samples: int) -> float:
    """How many directions are critical for sum_i y_i (w . x_i)^p, for random integer data in the plane.

    Exactly: real roots of a polynomial in the tangent of the angle by Sturm's theorem, and the direction
    whose tangent is infinite.
    """
    rng = random.Random(seed)

    def entry() -> int:
        return rng.choice((-1, 1)) * rng.randint(1, LARGEST_ENTRY)

    data = [(entry(), entry(), entry()) for _ in range(samples)]
    form = Poly.from_list(_slope_coefficients(data, order), _SLOPE)
    if form.is_zero:
        return 0.0  # every direction is critical, and the bound says nothing
    vertical = form.degree() < order
    return 2.0 * (int(form.count_roots()) + vertical)


def _slope_coefficients(data: Sequence[tuple[int, int, int]], order: int) -> list[int]:
    """Of sum y (u + v t)^(p - 1) (v - u t) over the data (y, u, v), the highest power of t first."""
    powers = [
        sum(y * comb(order - 1, k) * u ** (order - 1 - k) * v ** (k + 1) for y, u, v in data)
        for k in range(order)
    ]
    lowered_by_one = [
        sum(y * comb(order - 1, k) * u ** (order - k) * v**k for y, u, v in data) for k in range(order)
    ]
    rising = [here - before for here, before in zip([*powers, 0], [0, *lowered_by_one], strict=True)]
    return rising[::-1]
