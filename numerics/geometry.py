"""The geometry of two vectors without cancellation: norms, inner product, area and angle.

For nearly parallel vectors, |x|^2 |y|^2 - <x, y>^2 computed from the three inner products loses twice the
digits of the angle, and acos half of those that are left. Here both come from y - t x, whose rounding
errors are relative to itself.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from numerics.elementary import arctan2, root

# Exponent bits, and half of the mantissa bits less one: the products of such halves are exact.
_HALF_OF = {"float64": (11, 25), "float32": (8, 10)}


class Geometry(NamedTuple):
    """Scalars of a pair of vectors: |x|, |y|, <x, y>, the area |x| |y| sin(angle), and pi - angle."""

    norm_x: jax.Array
    norm_y: jax.Array
    inner: jax.Array
    area: jax.Array
    supplement: jax.Array


def geometry(x: jax.Array, y: jax.Array, *, scale: float = 1.0, bias: float = 0.0) -> Geometry:
    """The geometry of sqrt(scale) x and sqrt(scale) y, each with a further coordinate sqrt(bias).

    So norm_x^2 = scale |x|^2 + bias and inner = scale <x, y> + bias. Relative accuracy of area and
    supplement is a few units of rounding at all angles above 1e-15. Gradients are finite for all x != 0 and
    y != 0: at parallel vectors, where area and angle have a kink, those of the area and of the angle are 0.
    """
    if bias:
        # The same rounded coordinate for both vectors: a change of the bias, not of the angle.
        coordinate = jnp.full((1,), (bias / scale) ** 0.5, dtype=x.dtype)
        x, y = jnp.concatenate([x, coordinate]), jnp.concatenate([y, coordinate])
    inner, square = jnp.sum(x * y), jnp.sum(x * x)
    positive = square > 0
    ratio = jnp.where(positive, inner / jnp.where(positive, square, 1.0), 0.0)
    norm_x = _norm(x)
    area = norm_x * _norm(_difference(y, ratio, x))
    root = scale**0.5
    return Geometry(root * norm_x, root * _norm(y), scale * inner, scale * area, arctan2(area, -inner))


def area_matrix(rows: jax.Array, columns: jax.Array, inner: jax.Array) -> jax.Array:
    """The areas of all pairs, of shape (n, m), from rows (n, d), columns (m, d) and their inner products.

    As accurate as `geometry`, in (n, m) memory: the coordinates are summed one by one.
    """
    square = jnp.sum(rows * rows, axis=1)[:, None]
    positive = square > 0
    ratio = jnp.where(positive, inner / jnp.where(positive, square, 1), 0)

    def add(total: jax.Array, pair: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        x, y = pair
        rest = _difference(y[None, :] + jnp.zeros_like(ratio), ratio, x[:, None] + jnp.zeros_like(ratio))
        return total + rest * rest, None

    squares, _ = jax.lax.scan(add, jnp.zeros_like(inner), (rows.T, columns.T))
    return root(square * squares)


def _norm(vector: jax.Array) -> jax.Array:
    """The Euclidean norm, with gradient 0 at 0."""
    return root(jnp.sum(vector * vector))


@jax.custom_jvp
def _difference(y: jax.Array, t: jax.Array, x: jax.Array) -> jax.Array:
    """y - t x with rounding errors relative to the result.

    Both factors are split into halves whose products are exact (Dekker 1971, section 5). Each subtraction
    then either cancels exactly or rounds relative to what is left. The split is by `reduce_precision`: XLA
    may contract the classical splitting by multiplication into fused operations that undo it.
    """
    t_high, t_low = _halves(t)
    x_high, x_low = _halves(x)
    return (((y - t_high * x_high) - t_high * x_low) - t_low * x_high) - t_low * x_low


@_difference.defjvp
def _difference_jvp(
    primals: tuple[jax.Array, jax.Array, jax.Array], tangents: tuple[jax.Array, jax.Array, jax.Array]
) -> tuple[jax.Array, jax.Array]:
    y, t, x = primals
    y_dot, t_dot, x_dot = tangents
    return _difference(y, t, x), y_dot - t_dot * x - t * x_dot


def _halves(value: jax.Array) -> tuple[jax.Array, jax.Array]:
    exponent_bits, mantissa_bits = _HALF_OF[value.dtype.name]
    high = jax.lax.reduce_precision(value, exponent_bits, mantissa_bits)
    return high, value - high
