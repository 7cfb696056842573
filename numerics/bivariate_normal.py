r"""The distribution function of two correlated normal variables, vectorized and accurate at all correlations.

With rho = sin(alpha), s = cos(alpha) and the Owen function T(h, m/h) below,

    Phi_2(h, k; rho) = (Phi(h) + Phi(k)) / 2 - T(h, b_h/h) - T(k, b_k/k) - [h k < 0] / 2,
    b_h = (k - rho h) / s,    b_k = (h - rho k) / s,
    T(h, t) = 1/(2 pi) integral_0^t exp(-h^2 (1 + x^2) / 2) / (1 + x^2) dx,

and T(h, t) + T(h t, 1/t) = (Phi(h) Phi(-h t) + Phi(-h) Phi(h t)) / 2 for h, t > 0, so that 0 <= t <= 1
suffices. There the integrand is even and analytic up to the poles +-i, and the Gauss-Legendre rule of 2 n
points on [-t, t] errs by about (1 + sqrt 2)^(-4 n): n = 12 leaves 1e-18. Nothing depends on the correlation
being away from +-1, as long as the angle is known: hence the arguments.
Sources: Owen, Tables for computing bivariate normal probabilities (1956), equations 2.1, 2.3 and 3.1; Genz,
Numerical computation of rectangular bivariate and trivariate normal and t probabilities (2004), section 2.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erfc

_HALF_POINTS = 12
_NODES, _WEIGHTS = (part[_HALF_POINTS:] for part in np.polynomial.legendre.leggauss(2 * _HALF_POINTS))
_FARTHEST = 40.0  # Phi(-40) is 0 in float64
_TINY = 1e-15  # in place of a threshold 0: its square vanishes in float32, too


@jax.custom_jvp
def bivariate_normal_cdf(h: jax.Array, k: jax.Array, u: jax.Array, v: jax.Array) -> jax.Array:
    """P(X <= h, Y <= k) for standard normal X, Y with the correlation u / sqrt(u^2 + v^2), v >= 0.

    v is for sqrt(1 - rho^2): a small v of full relative accuracy gives accurate values near correlation 1.
    Absolute error: a few units of rounding. Arrays broadcast. Derivatives are exact and finite.
    """
    h, k, sign, ratio, half = _reduced(h, k, u, v)
    first, second = ratio + sign * half * h, -sign * ratio + sign * half * k
    opposite = jnp.where((h < 0) == (k < 0), 0.0, 0.5)
    h, k, first, second = jnp.broadcast_arrays(h, k, first, second)
    thresholds, slopes = jnp.stack([h, k]), jnp.stack([first, second])
    tails = erfc(jnp.abs(jnp.stack([thresholds, slopes])) / math.sqrt(2)) / 2  # one call: it compiles slowly
    below = jnp.where(thresholds < 0, tails[0], 1 - tails[0])
    return jnp.sum(below / 2 - _owen(thresholds, slopes, tails), axis=0) - opposite.astype(h.dtype)


@bivariate_normal_cdf.defjvp
def _jvp(
    primals: tuple[jax.Array, jax.Array, jax.Array, jax.Array],
    tangents: tuple[jax.Array, jax.Array, jax.Array, jax.Array],
) -> tuple[jax.Array, jax.Array]:
    """d/dh = phi(h) Phi(b_h), and d/d alpha = exp(-(h^2 - 2 rho h k + k^2) / (2 s^2)) / (2 pi)."""
    _, _, u, v = primals
    h, k, sign, ratio, half = _reduced(*primals)
    by_h = _density(h) * _normal(ratio + sign * half * h)
    by_k = _density(k) * _normal(-sign * ratio + sign * half * k)
    cosine = (1 - half**2) / (1 + half**2)
    by_angle = jnp.exp(-(ratio**2) / 2 - sign * h * k / (1 + cosine)) / (2 * math.pi)
    square = u * u + v * v
    turn = (v * tangents[2] - u * tangents[3]) / jnp.where(square > 0, square, 1)
    value = bivariate_normal_cdf(*primals)
    return value, jnp.broadcast_to(by_h * tangents[0] + by_k * tangents[1] + by_angle * turn, value.shape)


def _reduced(h: jax.Array, k: jax.Array, u: jax.Array, v: jax.Array) -> tuple[jax.Array, ...]:
    """h, k within reach, the sign of rho, (k - sign h) / s and (1 - |rho|) / s.

    b_h and b_k come from the same rounded k - sign h: what its error does to one Owen function, it undoes
    in the other.
    """
    both = (h == 0) & (k == 0)
    h, k = (jnp.clip(jnp.where(both, _TINY, value), -_FARTHEST, _FARTHEST) for value in (h, k))
    sign = jnp.where(u < 0, -1, 1).astype(h.dtype)
    length = jnp.sqrt(u * u + v * v)
    unit = jnp.where(length > 0, length, 1)
    sine = jnp.maximum(v / unit, float(np.finfo(np.dtype(h.dtype)).tiny))
    difference = k - sign * h
    ratio = jnp.clip(difference / sine, -1e9, 1e9)
    return h, k, sign, ratio, sine / (1 + jnp.abs(u) / unit)


def _owen(h: jax.Array, b: jax.Array, tails: jax.Array) -> jax.Array:
    """T(h, b / h), given Phi(-|h|) and Phi(-|b|)."""
    one, other = jnp.abs(h), jnp.abs(b)
    low, high = jnp.minimum(one, other), jnp.maximum(one, other)
    slope = low / high
    squares = low * low / 2, slope * slope

    def add(total: jax.Array, rule: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        square, weight = rule
        return total + weight * jnp.exp(-square * squares[0]) / (1 + square * squares[1]), None

    rules = (jnp.asarray(_NODES**2, h.dtype), jnp.asarray(_WEIGHTS, h.dtype))
    total, _ = jax.lax.scan(add, jnp.zeros_like(slope), rules)
    within = slope * jnp.exp(-high * high / 2) * total / (2 * math.pi)
    beyond = ((1 - tails[0]) * tails[1] + tails[0] * (1 - tails[1])) / 2 - within
    return jnp.where((h < 0) == (b < 0), 1, -1) * jnp.where(other > one, beyond, within)


def _normal(x: jax.Array) -> jax.Array:
    return erfc(-x / math.sqrt(2)) / 2


def _density(x: jax.Array) -> jax.Array:
    return jnp.exp(-x * x / 2) / math.sqrt(2 * math.pi)
