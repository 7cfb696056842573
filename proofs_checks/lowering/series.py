r"""Mehler's series of an activation without closed form, as a fast JAX callable with a stated error.

For (u, v) ~ N(0, [[a, c], [c, b]]), rho = c / sqrt(a b) and orthonormal Hermite polynomials he_k,

    E[s(u) s(v)]   = sum_k alpha_k(a) alpha_k(b) rho^k,     alpha_k(a) = E[s(sqrt(a) Z) he_k(Z)],
    E[s'(u) s'(v)] = sum_k k alpha_k(a) alpha_k(b) rho^(k-1) / sqrt(a b),

the second by Stein's identity sqrt(a) E[s'(sqrt(a) Z) he_{k-1}(Z)] = sqrt(k) alpha_k(a). The coefficients
belong to one input each; a pair costs a polynomial in rho, which has finite gradients also at rho = +-1. Cut
off after ``order`` terms, the errors are at most

    |rho|^order sqrt(T(a) T(b)),          T(a)  = E[s(sqrt(a) Z)^2] - sum_k alpha_k(a)^2,
    |rho|^(order-1) sqrt(T'(a) T'(b)),    T'(a) = E[s'(sqrt(a) Z)^2] - sum_k k alpha_k(a)^2 / a,

by Bessel's inequality and Cauchy and Schwarz; `Series.error` evaluates these bounds. They hold for exact
coefficients; what the one-dimensional quadrature and rounding add is not derived but measured, against ball
arithmetic when the series is built (``CHECK``) and in the tests. If s is analytic in the strip |Im z| < y,
alpha_k falls like exp(-y sqrt(k / a)): the series is then accurate at all correlations while a is of order
y^2. A kink leaves T of order order^(-3/2) and T' of order order^(-1/2): then correlations near +-1 are what
limits the accuracy, in the derivative kernel first.
Source: Daniely, Frostig and Singer (2016), for the dual activation as a power series.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import sympy
from sympy import Expr, Rational, Symbol

from proofs_checks.lowering.expressions import CACHE_SIZE, evaluator
from theory import balls
from theory.certified_expectations import CertifiedValues
from theory.certified_expectations.pieces import SWITCHING, pieces
from theory.errors import InputError

Z = Symbol("z", real=True)
ORDERS = (32, 64, 96, 128, 192, 256)
# Of the mean squares, at all correlations; where it is out of reach the largest order is taken.
ACCURACY = 1e-12
EXTENT = 13.0  # standard deviations: |he_k(x)| exp(-x^2/2) <= 1.09 exp(-x^2/4) is 5e-19 there
NODES = 512  # 20 and more per wave of the highest polynomial
CHECK = 1e-12  # relative, of both mean squares at variance 1, against ball arithmetic
_CHECK_BITS = 80
# Unit roundoffs of the mean squares, the quadrature's share included: at most 40 were measured.
_ROUNDINGS = 256


class Coefficients(NamedTuple):
    """alpha_k and the two mean squares of one input, over the last axis or without it."""

    alpha: jax.Array
    square: jax.Array
    slope_square: jax.Array


class _Tail(NamedTuple):
    """What the series cuts off from a mean square, and the mean square."""

    rest: jax.Array
    square: jax.Array


@dataclass(frozen=True)
class Series:
    """Mehler's series of one activation; see `lower_series`."""

    activation: Expr
    order: int
    kinks: tuple[float, ...]

    @partial(jax.jit, static_argnums=0)
    def __call__(self, a: Any, b: Any, c: Any) -> tuple[jax.Array, jax.Array]:
        """E[s(u) s(v)] and E[s'(u) s'(v)] for arrays of covariances of one shape, a, b > 0, c^2 <= a b."""
        a, b, c = jnp.broadcast_arrays(*(jnp.asarray(entry, float) for entry in (a, b, c)))
        return combine(self.coefficients(a).alpha, self.coefficients(b).alpha, a, b, c)

    @partial(jax.jit, static_argnums=0)
    def coefficients(self, a: Any) -> Coefficients:
        """For an array of variances of any shape: alpha has one axis more, of length ``order``."""
        variances = jnp.asarray(a, float)
        scale = jnp.sqrt(variances)[..., None]
        nodes, weights = self._rule(scale)
        values = self._function(scale * nodes)
        slopes = jax.jvp(self._function, (scale * nodes,), (jnp.ones_like(scale * nodes),))[1]
        weighted = weights * values
        return Coefficients(
            self._projected(nodes, weighted),
            jnp.sum(weighted * values, axis=-1),
            jnp.sum(weights * slopes**2, axis=-1),
        )

    def error(self, a: Any, b: Any, c: Any) -> tuple[jax.Array, jax.Array]:
        """What the two kernels may be off: the bounds of what was cut off, and an allowance for rounding."""
        a, b, c = jnp.broadcast_arrays(*(jnp.asarray(entry, float) for entry in (a, b, c)))
        rho = jnp.minimum(jnp.abs(c) / jnp.sqrt(a * b), 1)
        first, second = self._tails(a), self._tails(b)
        dual, slope = (
            rho**power * jnp.sqrt(one.rest * other.rest) + _rounding() * jnp.sqrt(one.square * other.square)
            for power, one, other in zip((self.order, self.order - 1), first, second, strict=True)
        )
        return dual, slope

    def _tails(self, a: jax.Array) -> tuple[_Tail, _Tail]:
        alpha, square, slope_square = self.coefficients(a)
        rest = square - jnp.sum(alpha**2, axis=-1)
        slopes = slope_square - jnp.sum(jnp.arange(self.order, dtype=alpha.dtype) * alpha**2, axis=-1) / a
        return _Tail(jnp.maximum(rest, 0), square), _Tail(jnp.maximum(slopes, 0), slope_square)

    @cached_property
    def _function(self) -> Any:
        return evaluator(self.activation, (Z,))

    def _rule(self, scale: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Nodes on [-EXTENT, EXTENT] and weights with the normal density, in standard deviations.

        Trapezoids where there is no kink: they converge exponentially. Otherwise Gauss-Legendre between the
        kinks, which lie at t / sqrt(a).
        """
        if not self.kinks:
            nodes = np.linspace(-EXTENT, EXTENT, NODES)
            step = nodes[1] - nodes[0]
            return jnp.asarray(nodes), jnp.asarray(step * _density(nodes))
        marks = [jnp.clip(kink / scale, -EXTENT, EXTENT) for kink in self.kinks]
        edges = [jnp.full_like(scale, -EXTENT), *marks, jnp.full_like(scale, EXTENT)]
        base, weights = map(jnp.asarray, _legendre(NODES // 2))
        halves = [(high - low) / 2 for low, high in itertools.pairwise(edges)]
        places = jnp.concatenate(
            [low + half * (base + 1) for low, half in zip(edges, halves, strict=False)], axis=-1
        )
        return places, jnp.concatenate([half * weights for half in halves], axis=-1) * _density(places)

    def _projected(self, nodes: jax.Array, weighted: jax.Array) -> jax.Array:
        """The sums over the nodes of the weighted values times he_k, k < order."""
        if not self.kinks:
            return weighted @ jnp.asarray(_hermite(self.order).T)

        def step(state: tuple[jax.Array, jax.Array], k: jax.Array) -> Any:
            before, now = state
            after = (nodes * now - jnp.sqrt(k) * before) / jnp.sqrt(k + 1)
            return (now, after), jnp.sum(weighted * now, axis=-1)

        start = (jnp.zeros_like(nodes), jnp.ones_like(nodes))
        _, sums = jax.lax.scan(step, start, jnp.arange(self.order, dtype=nodes.dtype))
        return jnp.moveaxis(sums, 0, -1)


def combine(left: jax.Array, right: jax.Array, a: Any, b: Any, c: Any) -> tuple[jax.Array, jax.Array]:
    """Both kernels from coefficients with the terms on the last axis; everything else broadcasts.

    A Gram matrix: left of shape (n, 1, order), right (1, m, order), a (n, 1), b (1, m), c (n, m).
    """
    norm = jnp.sqrt(a * b)
    rho = c / norm
    value = jnp.zeros(jnp.broadcast_shapes(left.shape[:-1], right.shape[:-1], jnp.shape(rho)))
    terms = (jnp.moveaxis(left, -1, 0)[::-1], jnp.moveaxis(right, -1, 0)[::-1])

    def step(state: tuple[jax.Array, jax.Array], term: tuple[jax.Array, jax.Array]) -> Any:
        total, slope = state
        return (total * rho + term[0] * term[1], slope * rho + total), None

    (dual, slope), _ = jax.lax.scan(step, (value, value), terms, unroll=8)
    return dual, slope / norm


def lower_series(
    activation: Expr, order: int | None = None, *, accuracy: float = ACCURACY, variance: float = 1.0
) -> Series:
    """The kernels of an activation in z as a JAX callable (a, b, c) -> (dual, derivative kernel).

    Jittable, vmappable and differentiable in a, b and c, in float64 (float32 without x64). ``order`` terms;
    by default the least of ORDERS whose error at this variance is at most ``accuracy`` relative to the mean
    squares at every correlation, and the largest where none is: ask ``error(a, b, c)`` what it is.

    Raises InputError for an activation that jumps or is not square integrable, for orders below 2, and where
    double precision misses the certified mean squares; OutsideClass for activations that are not analytic
    between kinks. Without python-flint activations with kinks raise BallsUnavailable, and others are not
    checked.
    """
    if order is not None and (isinstance(order, bool) or not isinstance(order, int) or order < 2):
        raise InputError(f"order {order!r}: give a number of terms >= 2")
    if not (0 < accuracy < 1 and variance > 0):
        raise InputError(f"accuracy {accuracy} at variance {variance}: give 0 < accuracy < 1, variance > 0")
    return _series(activation, order, accuracy, variance, str(jnp.result_type(float)))


@lru_cache(maxsize=CACHE_SIZE)
def _series(activation: Expr, order: int | None, accuracy: float, variance: float, precision: str) -> Series:
    """``precision`` is part of the key: it decides how many terms are worth while."""
    longest = Series(activation, ORDERS[-1], _kinks(activation))
    _require_agreement(longest)
    if order is None:
        order = _sufficient(longest.coefficients(variance), accuracy + _rounding(), variance)
    return Series(activation, order, longest.kinks)


def _sufficient(coefficients: Coefficients, accuracy: float, variance: float) -> int:
    """The least order whose tails are within the accuracy, else the largest."""
    squares = np.asarray(coefficients.alpha) ** 2
    pairs = ((squares, coefficients.square), (np.arange(len(squares)) * squares / variance, coefficients[2]))
    sums = [(np.cumsum(terms), float(total)) for terms, total in pairs]
    fitting = (
        order
        for order in ORDERS
        if all(total - partial[order - 1] <= accuracy * total for partial, total in sums)
    )
    return next(fitting, ORDERS[-1])


def _kinks(activation: Expr) -> tuple[float, ...]:
    """Inside the region that the rule sees at variances up to 9."""
    if not activation.has(*SWITCHING):
        return ()
    if not balls.available():
        raise balls.BallsUnavailable("python-flint is missing: it locates the kinks of the activation")
    cells = pieces((activation,), Z, Rational(math.ceil(3 * EXTENT)))
    return tuple(float(cell.high.ball.mid()) for cell in cells[:-1])


def _require_agreement(series: Series) -> None:
    """Both mean squares at variance 1 against ball arithmetic."""
    if not balls.available():
        return
    from flint import ctx

    values = CertifiedValues(series.activation)
    if values.jumps:
        raise InputError(
            f"{series.activation} jumps, or was not shown to be continuous: it has no derivative kernel"
        )
    with ctx.workprec(_CHECK_BITS):
        certified = values.line(balls.ball(1), sympy.S.One)
    found = series.coefficients(1.0)
    tolerance = CHECK if jnp.result_type(float) == jnp.float64 else 1e-5
    for name, one, other in zip(("s", "s'"), certified, found[1:], strict=True):
        exact = float(one.mid())
        if not abs(float(other) - exact) <= tolerance * exact:
            raise InputError(
                f"E[{name}(u)^2] of {series.activation} is {exact:.15g} at variance 1, and the rule of this "
                f"series gives {float(other):.15g}: it varies too fast, or grows too fast, for it"
            )


def _rounding() -> float:
    return _ROUNDINGS * float(np.finfo(np.dtype(jnp.result_type(float))).eps)


def _density(x: Any) -> Any:
    return (jnp if isinstance(x, jax.Array) else np).exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


@lru_cache(maxsize=8)
def _legendre(count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(count)


@lru_cache(maxsize=8)
def _hermite(order: int) -> np.ndarray:
    """he_k at the trapezoidal nodes, one row per degree."""
    x = np.linspace(-EXTENT, EXTENT, NODES)
    rows = [np.zeros_like(x), np.ones_like(x)]
    for k in range(order - 1):
        rows.append((x * rows[-1] - math.sqrt(k) * rows[-2]) / math.sqrt(k + 1))
    return np.array(rows[1:])
