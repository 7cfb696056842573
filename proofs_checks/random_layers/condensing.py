"""Experiments on the start of training from small weights: the linear law, and critical directions."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from sympy import Expr, Poly, Symbol

from proofs_checks.lowering import lower
from proofs_checks.random_layers.maps import draw
from proofs_checks.two_layer_networks import Rows
from theory.kernels.condensation import A0, ALONG, P0, RATE, READOUT, TIME

_SLOPE = Symbol("t")
LARGEST_ENTRY = 9
STEPS = 64


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
        key: jax.Array,
        *,
        sizes: Sequence[float],
        inputs: Rows,
        targets: Sequence[float],
        neurons: int,
        duration: float,
        slope: float,
    ) -> jax.Array:
        x, y = jnp.asarray(inputs), jnp.asarray(targets)
        draws = draw(key, (neurons, x.shape[1] + 1), "gaussian")
        weights, readouts = draws[:, :-1], draws[:, -1]
        function = lower(self.activation, (Symbol("z", real=True),))
        v = y @ x / x.shape[0]
        rate = abs(slope) * jnp.linalg.norm(v)
        time = duration / rate

        def loss(parameters: Any) -> jax.Array:
            a, w = parameters
            return ((function(x @ w.T) @ a - y) ** 2).mean() / 2

        def error(size: jax.Array) -> jax.Array:
            end_a, end_w = _runge_kutta(jax.grad(loss), (size * readouts, size * weights), time)
            direction = jnp.sign(slope) * v / jnp.linalg.norm(v)
            start = weights @ direction
            law = [lower(form, (A0, P0, RATE, TIME)) for form in (self.readout, self.along)]
            a, p = (size * one(readouts, start, rate, time) for one in law)
            w = size * (weights - jnp.outer(start, direction)) + jnp.outer(p, direction)
            distance = ((end_a - a) ** 2).sum() + ((end_w - w) ** 2).sum()
            return jnp.sqrt(distance / ((a**2).sum() + (w**2).sum()))

        scales = jnp.asarray(sizes)
        errors = jax.vmap(error)(scales)
        return jnp.log(errors[0] / errors[1]) / jnp.log(scales[0] / scales[1])


def _runge_kutta(gradient: Any, start: Any, time: jax.Array) -> Any:
    """Gradient flow by the classical method of order 4, which compiles ten times faster than adaptive ones.

    In time 1/kappa, STEPS steps leave a relative error of about STEPS^-4/120 = 5e-10, a thousandth of the
    smallest error that is measured.
    """
    step = time / STEPS

    def moved(at: Any, by: Any, factor: jax.Array) -> Any:
        return jax.tree.map(lambda here, slope: here - factor * slope, at, by)

    def advance(_: Any, now: Any) -> Any:
        def stage(carry: Any, weights: tuple[jax.Array, jax.Array]) -> tuple[Any, None]:
            slope, total = carry
            reach, share = weights
            slope = gradient(moved(now, slope, reach * step))
            return (slope, jax.tree.map(lambda sofar, new: sofar + share * new, total, slope)), None

        rest = jax.tree.map(jnp.zeros_like, now)
        reaches, shares = jnp.asarray([0.0, 0.5, 0.5, 1.0]), jnp.asarray([1.0, 2.0, 2.0, 1.0]) / 6
        (_, mean), _ = jax.lax.scan(stage, (rest, rest), (reaches, shares))
        return moved(now, mean, step)

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
    form = Poly(sum(y * (u + _SLOPE * v) ** (order - 1) * (v - _SLOPE * u) for u, v, y in data), _SLOPE)
    if form.is_zero:
        return 0.0  # every direction is critical, and the bound says nothing
    vertical = form.degree() < order
    return 2.0 * (int(form.count_roots()) + vertical)
