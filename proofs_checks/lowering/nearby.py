r"""1 - rho^2 of the outputs of a layer at nearly parallel inputs, for kernels that are not homogeneous.

rho^2 = kappa(a, b, c)^2 / (kappa(a, a, a) kappa(b, b, b)) is 1 up to the square of the distance of the
inputs, and decides their next angle: as a difference it is known to rounding only, and the next angle t, and
with it a kernel that has a kink, to rounding over t. Instead, with m = (kappa(a, a, a) + kappa(b, b, b)) / 2,
d half their difference and the gap M = E[(s(u) - s(v))^2],

    kappa(a, a, a) kappa(b, b, b) - kappa(a, b, c)^2 = M (m - M / 4) - d^2.

On the path from M = 0 on which |x| - |y| and the angle grow in proportion to r, thresholds keep their
distance relative to the angle: dM/dr / r is a smooth function of r. It is evaluated where the distance is up
to NEAR, as a sum of terms that are as small as the distance, and its interpolant is integrated from 0 to the
inputs. The next angle is then known to rounding over NEAR, whatever it is. An odd activation does the same at
nearly antiparallel inputs, with s(u) + s(v).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from numerics.elementary import arctan2

# The largest angle, or difference of norms relative to their mean: beyond, the difference above loses less
# than 1e-15 / NEAR. The interpolant of NODES values errs by about (NEAR / 4 width)^NODES, with the width
# of the features of the activation relative to the norms.
NEAR = 0.02
NODES = 6

Kernel = Callable[[jax.Array, jax.Array, jax.Array, jax.Array], jax.Array]


def rest(
    kernel: Kernel,
    own: Callable[[jax.Array], jax.Array],
    odd: bool,
    p: Any,
    q: Any,
    c: jax.Array,
    area: jax.Array,
) -> jax.Array:
    """1 - rho^2 from kernel(|x|, |y|, <x, y>, area) and its values at equal inputs, own(|x|)."""
    ours, theirs = own(p), own(q)
    squares = jnp.where(ours * theirs > 0, ours * theirs, 1)
    sign = jnp.where(c < 0, -1, 1).astype(c.dtype)
    angle = arctan2(area, sign * c)
    middle = (p + q) / 2
    distance = jnp.maximum(angle, jnp.abs(p - q) / middle)
    near = (distance < NEAR) & (odd | (c > 0))
    distance = jnp.where(near, distance, NEAR)
    gap = _gap(kernel, own, middle, (p - q) / 2, jnp.where(near, angle, NEAR), sign, distance)
    determinant = gap * ((ours + theirs) / 2 - gap / 4) - ((ours - theirs) / 2) ** 2
    direct = 1 - kernel(p, q, c, area) ** 2 / squares
    return jnp.maximum(jnp.where(near, determinant / squares, direct), 0)


def _gap(
    kernel: Kernel,
    own: Callable[[jax.Array], jax.Array],
    middle: jax.Array,
    half: jax.Array,
    angle: jax.Array,
    sign: jax.Array,
    distance: jax.Array,
) -> jax.Array:
    """M at |x|, |y| = middle +- half and this angle, which are this distance apart."""
    scale = NEAR / jnp.where(distance > 0, distance, 1)
    step, turn = scale * half, scale * angle

    def gap(r: jax.Array) -> jax.Array:
        one, other = middle + r * step, middle - r * step
        inner, area = one * other * jnp.cos(r * turn), one * other * jnp.sin(r * turn)
        return own(one) + own(other) - 2 * sign * kernel(one, other, sign * inner, area)

    reached = distance / NEAR

    def add(total: jax.Array, rule: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        node, weights = rule
        rate = jax.jvp(gap, (node,), (jnp.ones_like(node),))[1] / node
        return total + jnp.polyval(weights, reached) * rate, None

    nodes, weights = (jnp.asarray(part, distance.dtype) for part in _rules())
    return reached**2 * jax.lax.scan(add, jnp.zeros_like(distance), (nodes, weights))[0]


def _rules() -> tuple[np.ndarray, np.ndarray]:
    """Nodes r_j in (0, 1), and polynomials w_j with integral_0^t r f(r) dr = t^2 sum_j w_j(t) f(r_j).

    Exact for polynomials f of degree below NODES.
    """
    nodes = (1 + np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)) / 2
    monomials = np.linalg.inv(np.vander(nodes, increasing=True))  # of the Lagrange polynomials, by columns
    weights = monomials.T / (np.arange(NODES) + 2)
    return nodes, weights[:, ::-1]
