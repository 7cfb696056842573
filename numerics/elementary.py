"""Elementary functions that XLA's CPU backend evaluates one number at a time, written so that it vectorizes.

In float64, with relative errors of a few units of rounding; jnp.arctan2 took 68 ns an entry where this one
takes 3 ns, and a hyperbolic sine from jnp.expm1 twice as long as from Taylor polynomials.
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

# sinh(r)/r and cosh(r) for |r| <= log(2)/2, Taylor coefficients of r^2, highest power first: error 1e-18.
_HYPERBOLIC_SINE = tuple(1 / math.factorial(2 * k + 1) for k in range(7, -1, -1))
_HYPERBOLIC_COSINE = tuple(1 / math.factorial(2 * k) for k in range(7, -1, -1))
_LOG2_HIGH, _LOG2_LOW = 0.6931471803691238, 1.9082149292705877e-10  # the first has 21 trailing zeros
_LARGEST = 710.0  # beyond, the hyperbolic sine is infinite in float64
_INTEGERS = 1.5 * 2.0**52  # adding this leaves the integer in the low bits


def once(x: jax.Array) -> jax.Array:
    """x itself, through a quotient that is always by 1.

    XLA's CPU backend repeats a value's whole computation in each of its consumers, unless it ends in an
    operation that counts as expensive; optimization barriers are removed before it decides.
    """
    return x / jnp.where(jnp.isnan(x), 2, 1).astype(x.dtype)


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
    return once(jnp.where(y < 0, -angle, angle))


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


@jax.custom_jvp
def sinh(x: jax.Array) -> jax.Array:
    """The hyperbolic sine, accurate also near 0."""
    if x.dtype != jnp.float64:
        grown = jnp.expm1(jnp.abs(x))
        return jnp.sign(x) * (grown + grown / (grown + 1)) / 2
    sine, cosine, total, difference = _hyperbolic(x)
    return jnp.where(jnp.abs(x) > _LARGEST, x * jnp.inf, difference * cosine + total * sine)


@jax.custom_jvp
def cosh(x: jax.Array) -> jax.Array:
    """The hyperbolic cosine."""
    if x.dtype != jnp.float64:
        grown = jnp.exp(jnp.abs(x))
        return (grown + 1 / grown) / 2
    sine, cosine, total, difference = _hyperbolic(x)
    return jnp.where(jnp.abs(x) > _LARGEST, jnp.inf, total * cosine + difference * sine)


sinh.defjvps(lambda tangent, _, x: tangent * cosh(x))
cosh.defjvps(lambda tangent, _, x: tangent * sinh(x))


def _hyperbolic(x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """sinh(r), cosh(r), (2^k + 2^-k)/2 and (2^k - 2^-k)/2 with x = k log(2) + r."""
    bounded = jnp.clip(x, -_LARGEST, _LARGEST)
    count = jnp.round(bounded * (1 / math.log(2)))
    rest = (bounded - count * _LOG2_HIGH) - count * _LOG2_LOW
    square = rest * rest
    sine, cosine = (jnp.full_like(square, series[0]) for series in (_HYPERBOLIC_SINE, _HYPERBOLIC_COSINE))
    for odd, even in zip(_HYPERBOLIC_SINE[1:], _HYPERBOLIC_COSINE[1:], strict=True):
        sine, cosine = sine * square + odd, cosine * square + even
    up, down = (_power_of_two(jnp.maximum(power, -1023)) for power in (count - 1, -count - 1))
    return sine * rest, cosine, up + down, up - down


def _power_of_two(count: jax.Array) -> jax.Array:
    """2^count for integers -1023 <= count <= 1023 in float64, by the bits of the exponent; 0 for -1023."""
    bits = jax.lax.bitcast_convert_type(count + (_INTEGERS + 1023), jnp.int64)
    return jax.lax.bitcast_convert_type(bits << 52, jnp.float64)


def root(x: jax.Array) -> jax.Array:
    """The square root; 0 with gradient 0 where x <= 0."""
    positive = x > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1)), 0)


def plain_root(x: jax.Array) -> jax.Array:
    """jnp.sqrt that XLA does not turn into reciprocal roots, which take 4 ns an entry instead of 1."""
    return jnp.where(x < 0, jnp.nan, jnp.sqrt(x))
