"""How many layers two inputs are remembered: the depth scale of correlations in a wide random network.

For preactivations of variance q at both inputs the correlation rho becomes, from layer to layer,

    R(rho) = (sigma_b^2 + sigma_w^2 E s(u) s(v)) / q = (sigma_b^2 + sigma_w^2 sum_n a_n^2 rho^n) / q,

with the coefficients a_n of s(sqrt(q) z) in normalized Hermite polynomials. It tends to the stable rho* =
R(rho*) as exp(-l / xi), xi = -1 / log R'(rho*). If chi_1 = R'(1) <= 1, rho* is 1; else the convex R has one
fixed point below, to which Newton's method climbs from 0.

Source: Poole et al. (2016), equation 5; Schoenholz et al. (2017), section 3, equation 9.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from numerics.devices import PRECISION
from numerics.gaussian_integrals import normal_rule

_ORDERS = 64
_NEWTON_STEPS = 60


def depth_scales(
    activation: Callable[[Array], Array],
    variances: Float[np.ndarray, " points"],
    slopes: Float[np.ndarray, " points"],
    weight_variances: Float[np.ndarray, " points"],
    bias_variances: Float[np.ndarray, " points"],
) -> Float[np.ndarray, " points"]:
    """xi at points (q*, chi_1, sigma_w^2, sigma_b^2); infinite where q* is infinite and at chi_1 = 1.

    The series has 64 terms: enough for smooth activations with rho* < 0.9; close to the edge of kinked ones
    xi comes out too small.
    """
    rates = np.where(np.isfinite(variances), slopes, 1.0)
    chaotic = np.isfinite(variances) & (slopes > 1)
    if np.any(chaotic):
        points = (jnp.asarray(values[chaotic]) for values in (variances, weight_variances, bias_variances))
        rates[chaotic] = _chaotic_rates(activation, *points)
    with np.errstate(divide="ignore"):
        return np.where(rates < 1, -1 / np.log(np.clip(rates, 1e-300, 1.0)), np.inf)


def _chaotic_rates(activation: Callable[[Array], Array], q: Array, weight: Array, bias: Array) -> Array:
    """R'(rho*) for chi_1 > 1."""
    nodes, weighted = _hermite_rule()

    def rates(q: Array, weight: Array, bias: Array) -> Array:
        values = activation(jnp.sqrt(q)[:, None] * jnp.asarray(nodes))
        powers = weight / q * jnp.matmul(values, jnp.asarray(weighted), precision=PRECISION).T ** 2

        def step(_: Array, rho: Array) -> Array:
            value, slope = jax.jvp(lambda rho: bias / q + _series(powers, rho), (rho,), (jnp.ones_like(rho),))
            following = rho + (value - rho) / jnp.where(slope < 1, 1 - slope, jnp.inf)
            return jnp.clip(following, 0.0, 1.0)

        rho = jax.lax.fori_loop(0, _NEWTON_STEPS, step, jnp.zeros_like(q))
        return jax.jvp(lambda rho: _series(powers, rho), (rho,), (jnp.ones_like(rho),))[1]

    return jax.jit(rates)(q, weight, bias)


def _hermite_rule() -> tuple[np.ndarray, np.ndarray]:
    """Nodes z, and weights times he_n(z) / sqrt(n!) as columns, by the normalized recursion."""
    z, weights = normal_rule()
    columns = [np.zeros_like(z), np.ones_like(z)]
    for n in range(_ORDERS - 1):
        columns.append((z * columns[-1] - np.sqrt(n) * columns[-2]) / np.sqrt(n + 1))
    return z, weights[:, None] * np.stack(columns[1:], axis=1)


def _series(powers: Array, rho: Array) -> Array:
    """sum_n powers_n rho^n, by Horner's rule."""
    total = jnp.zeros_like(rho)
    for coefficient in powers[::-1]:
        total = total * rho + coefficient
    return total
