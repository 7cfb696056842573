"""Elementary functions that XLA's CPU backend evaluates one number at a time, written so that it vectorizes.

In float64, with relative errors of a few units of rounding; jnp.arctan2 took 68 ns an entry where this one
takes 3 ns.
"""

import math

import jax
import jax.numpy as jnp

# Chebyshev fit of (arctan(q)/q - 1)/q^2 in q^2 on [0, tan(pi/8)^2], highest power first: error 6e-18.
_ARCTANGENT = (
    -0.01917688711906226,
    0.03923165829558719,
    -0.0508544973794026,
    0.0585814891280221,
    -0.06664511447381948,
    0.07692183190826087,
    -0.09090904578123903,
    0.11111111015256361,
    -0.14285714284666542,
    0.1999999999999552,
    -0.3333333333333333,
)
_EIGHTH = math.tan(math.pi / 8)


@jax.custom_jvp
def arctan2(y: jax.Array, x: jax.Array) -> jax.Array:
    """The angle of (x, y) for finite arrays; at the origin 0, with gradient 0."""
    high, low = jnp.maximum(jnp.abs(x), jnp.abs(y)), jnp.minimum(jnp.abs(x), jnp.abs(y))
    beyond = low > _EIGHTH * high  # the angle is then measured from pi/4
    bottom = jnp.where(beyond, low + high, high)
    quotient = jnp.where(beyond, low - high, low) / jnp.where(bottom == 0, 1, bottom)
    square = quotient * quotient
    series = jnp.full_like(square, _ARCTANGENT[0])
    for coefficient in _ARCTANGENT[1:]:
        series = series * square + coefficient
    angle = jnp.where(beyond, math.pi / 4, 0) + (quotient + quotient * square * series)
    angle = jnp.where(jnp.abs(y) > jnp.abs(x), math.pi / 2 - angle, angle)
    angle = jnp.where(x < 0, math.pi - angle, angle)
    return jnp.where(y < 0, -angle, angle)


@arctan2.defjvp
def _arctan2_jvp(
    primals: tuple[jax.Array, jax.Array], tangents: tuple[jax.Array, jax.Array]
) -> tuple[jax.Array, jax.Array]:
    (y, x), (y_dot, x_dot) = primals, tangents
    square = x * x + y * y
    return arctan2(y, x), (x * y_dot - y * x_dot) / jnp.where(square == 0, 1, square)


def arctan(x: jax.Array) -> jax.Array:
    """The inverse tangent of a finite array."""
    return arctan2(x, jnp.ones_like(x))


def sinh(x: jax.Array) -> jax.Array:
    """The hyperbolic sine, accurate also near 0."""
    grown = jnp.expm1(jnp.abs(x))
    return jnp.sign(x) * (grown + grown / (grown + 1)) / 2


def cosh(x: jax.Array) -> jax.Array:
    """The hyperbolic cosine; together with `sinh` one exponential."""
    grown = jnp.expm1(jnp.abs(x)) + 1
    return (grown + 1 / grown) / 2


def root(x: jax.Array) -> jax.Array:
    """The square root; 0 with gradient 0 where x <= 0."""
    positive = x > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1)), 0)
