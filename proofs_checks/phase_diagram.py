"""The phases of deep networks on a grid of weight and bias variances, for any activation, in JAX.

At each point the variance q* that depth leads to and the slope chi_1 = sigma_w^2 E s'(u)^2, u ~ N(0, q*):
below 1 neighboring inputs merge (order), above 1 they part (chaos). ``theory.deep_kernels.criticality`` has
the definitions, the closed forms and the sources.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike, NDArray
from sympy import Expr, Symbol

from numerics.gaussian_integrals import gaussian_mean
from proofs_checks.lowering import lower
from proofs_checks.precision import float64
from theory.deep_kernels.criticality import second_moment, slope_moment
from theory.errors import OutsideClass
from theory.gaussian.expectation import A

_ITERATIONS = 200
_NEWTON_STEPS = 12
_SMALLEST = 1e-12  # a variance of 0 is approached: closed forms may divide by it
_ACCURACY = 1e-9

Moments = Callable[[Array], tuple[Array, Array]]


@dataclass(frozen=True)
class PhaseDiagram:
    """Arrays over bias variances (rows) and weight variances (columns), and the critical line.

    fixed_points
        q*, infinite where the variance grows without bound.
    slopes
        chi_1 there; where q* is infinite that of the largest variance reached.
    line_variances, line_weight_variances, line_bias_variances
        Points of the critical line chi_1 = 1 by their q*, those with a bias variance >= 0.
    """

    weight_variances: NDArray[np.float64]
    bias_variances: NDArray[np.float64]
    fixed_points: NDArray[np.float64]
    slopes: NDArray[np.float64]
    line_variances: NDArray[np.float64]
    line_weight_variances: NDArray[np.float64]
    line_bias_variances: NDArray[np.float64]


def phase_diagram(
    activation: Expr,
    weight_variances: ArrayLike,
    bias_variances: ArrayLike,
    variances: ArrayLike | None = None,
) -> PhaseDiagram:
    """Fixed points and chi_1 on the grid; the critical line at ``variances`` (default: 1e-3 to 1e3).

    ``activation`` is an expression in z, also outside the class of closed forms. Raises InputError for an
    activation that jumps.
    """
    with float64():
        weights, biases = (jnp.asarray(v, jnp.float64) for v in (weight_variances, bias_variances))
        q, slopes = _phases(moments(activation))(weights[None, :], biases[:, None])
        line = np.geomspace(1e-3, 1e3, 400) if variances is None else np.asarray(variances, np.float64)
        square, slope = (np.asarray(m) for m in moments(activation)(jnp.asarray(line)))
    weight_line, bias_line = 1 / slope, line - square / slope
    usable = bias_line >= -_ACCURACY * line
    return PhaseDiagram(
        np.asarray(weights),
        np.asarray(biases),
        np.asarray(q),
        np.asarray(slopes),
        line[usable],
        weight_line[usable],
        np.maximum(bias_line[usable], 0.0),
    )


@lru_cache(maxsize=32)
def moments(activation: Expr) -> Moments:
    """q -> (E s(u)^2, E s'(u)^2): closed forms lowered to JAX, quadrature outside the class."""
    try:
        closed = [lower(form(activation), (A,)) for form in (second_moment, slope_moment)]
    except OutsideClass:
        return _by_quadrature(lower(activation, (Symbol("z", real=True),)))

    def values(q: Array) -> tuple[Array, Array]:
        first, second = (jnp.broadcast_to(form(q), jnp.shape(q)) for form in closed)
        return first, second

    return values


def _by_quadrature(activation: Callable[[Array], Array]) -> Moments:
    def values(q: Array) -> tuple[Array, Array]:
        def both(z: Array) -> tuple[Array, Array]:
            value, slope = jax.jvp(activation, (z,), (jnp.ones_like(z),))
            return value**2, slope**2

        return gaussian_mean(both, q)

    return values


def _phases(moments_at: Moments) -> Callable[[Array, Array], tuple[Array, Array]]:
    def phases(weight: Array, bias: Array) -> tuple[Array, Array]:
        def mapped(q: Array) -> Array:
            return bias + weight * moments_at(q)[0]

        def iterate(_: Any, q: Array) -> Array:
            return jnp.clip(mapped(q), _SMALLEST, 1e30)

        def newton(_: Any, q: Array) -> Array:
            value, slope = jax.jvp(mapped, (q,), (jnp.ones_like(q),))
            following = q + (value - q) / jnp.where(slope == 1.0, jnp.inf, 1.0 - slope)
            # Where the map contracts, a step beyond 0 means that the fixed point is 0.
            following = jnp.where(slope < 1, jnp.maximum(following, _SMALLEST), following)
            return jnp.where((following >= _SMALLEST) & jnp.isfinite(following), following, q)

        start = jnp.ones(jnp.broadcast_shapes(weight.shape, bias.shape))
        reached = jax.lax.fori_loop(0, _ITERATIONS, iterate, start)
        q = jax.lax.fori_loop(0, _NEWTON_STEPS, newton, reached)
        finite = jnp.abs(mapped(q) - q) <= _ACCURACY * q + 2 * _SMALLEST
        chosen = jnp.where(finite, q, reached)
        return jnp.where(finite, q, jnp.inf), weight * moments_at(chosen)[1]

    return jax.jit(phases)
