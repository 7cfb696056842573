"""Kernels outside the class of closed forms in trials: values from the fast series, their errors from balls.

A prediction is the recursion with the values of Mehler's series. How far it may be off is not estimated:
ball arithmetic encloses the kernel through all layers, and the trial is refused where the distance is not
small beside what it resolves. Where the series is evaluated at covariances that are measured, the error that
it states there has to stay below the margin that the claim declares.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from sympy import Expr, Rational, symbols

from proofs_checks.lowering.series import Series, combine, lower_series
from proofs_checks.precision import float64
from theory.deep_kernels.expectations import outside, pair, pair_slope, single, single_slope
from theory.errors import InputError
from theory.gaussian import GaussianExpectation

# E[s(u) s(v)], E[s(u)^2], E[s'(u) s'(v)] and E[s'(u)^2] as numbers that a layer combines.
DUAL, SQUARE, MOVED, SLOPES = EXPECTATIONS = symbols("E_uv E_uu D_uv D_uu", real=True)
ACCURACY, VARIANCE = 1e-7, 2.0  # what the number of terms is chosen for
NARROW = 1e-3  # the largest error of a prediction, as a share of the resolution
# The largest error of a mean ratio that the series may bring, declared as the margin of the claim: less than
# a thousandth of what it resolves.
SERIES_MARGIN = 2e-5
_BLOCK = 16


@lru_cache(maxsize=32)
def series_of(activation: Expr) -> Series:
    """Its series in double precision. Raises InputError for an activation that jumps."""
    with float64():
        return lower_series(activation, accuracy=ACCURACY, variance=VARIANCE)


def named(activation: Expr, *maps: Expr) -> tuple[Expr, ...]:
    """What a layer does with its expectations by name; closed forms stay as they are."""
    if not outside(activation):
        return maps
    found: dict[Expr, Expr] = {pair(activation): DUAL, single(activation): SQUARE}
    if any(len(one.atoms(GaussianExpectation)) > 1 for one in maps):
        found |= {pair_slope(activation): MOVED, single_slope(activation): SLOPES}
    return tuple(one.xreplace(found) for one in maps)


@lru_cache(maxsize=4096)
def single_values(activation: Expr, variance: float) -> tuple[Rational, Rational]:
    """E[s(u)^2] and E[s'(u)^2]."""
    with float64():
        _, square, slopes = series_of(activation).coefficients(variance)
    return Rational(float(square)), Rational(float(slopes))


@lru_cache(maxsize=4096)
def pair_values(activation: Expr, a: float, b: float, c: float) -> tuple[Rational, Rational]:
    """E[s(u) s(v)] and E[s'(u) s'(v)]. Raises InputError where [[a, c], [c, b]] is no covariance."""
    if not (a > 0 and b > 0 and c * c <= a * b):
        raise InputError(f"[[{a}, {c}], [{c}, {b}]] is no covariance matrix with positive variances")
    with float64():
        dual, moved = series_of(activation)(a, b, c)
    return Rational(float(dual)), Rational(float(moved))


class _Input(NamedTuple):
    """One input at measured variances: alpha_k, E[s^2], what the series cuts off from it."""

    alpha: jax.Array
    square: NDArray[Any]
    rest: NDArray[Any]


@dataclass(frozen=True)
class LayerSeries:
    """The expectations of a layer at measured ``variances`` of its inputs, the last axis, and their error."""

    activation: Expr
    variances: NDArray[Any]
    weight: float

    def singles(self, i: int, j: int) -> tuple[tuple[NDArray[Any]], tuple[NDArray[Any]]]:
        """E_uu and E_vv for two inputs."""
        return (self._input(i).square,), (self._input(j).square,)

    def pair(self, i: int, j: int, a: NDArray[Any], b: NDArray[Any], c: NDArray[Any]) -> tuple[NDArray[Any]]:
        """E_uv for two inputs of covariance [[a, c], [c, b]]."""
        with float64():
            return (np.asarray(_combined(self._input(i).alpha, self._input(j).alpha, a, b, c)),)

    def require_small(self, i: int, j: int, c: NDArray[Any], factor: NDArray[Any]) -> None:
        """Raises InputError where the error of E_uu + 2 E_uv + E_vv, times the factor, is not small.

        It is the stated one of `Series.error`: a bound of what is cut off, an allowance for rounding.
        """
        first, second = self._input(i), self._input(j)
        rho = np.abs(c) / np.sqrt(_positive(self.variances[..., i] * self.variances[..., j]))
        cut = rho ** series_of(self.activation).order * np.sqrt(first.rest * second.rest)
        rounding = _rounding(self.activation) * (np.sqrt(first.square) + np.sqrt(second.square)) ** 2
        found = self.weight * float(np.mean(factor * (2 * cut + rounding)))
        if not found <= SERIES_MARGIN:
            raise InputError(
                f"the series of {self.activation} may move a mean ratio by {found:.1e}, more than the "
                f"{SERIES_MARGIN:.1e} that the claim declares"
            )

    def _input(self, place: int) -> _Input:
        chosen = _positive(self.variances[..., place])
        return _measured(self.activation, chosen.tobytes(), chosen.shape)


def _positive(variances: NDArray[Any]) -> NDArray[Any]:
    """A variance of 0, where a network died, is left out by who asks."""
    return np.where(variances > 0, variances, 1.0)


@lru_cache(maxsize=12)
def _measured(activation: Expr, variances: bytes, shape: tuple[int, ...]) -> _Input:
    """Kept, since all mutants of a map are tried on the same networks."""
    with float64():
        alpha, square = _coefficients(activation)(jnp.asarray(np.frombuffer(variances)))
        rest = jnp.maximum(square - jnp.sum(alpha**2, axis=-1), 0)
        return _Input(
            alpha.reshape(*shape, -1), *(np.asarray(part).reshape(shape) for part in (square, rest))
        )


@lru_cache(maxsize=32)
def _coefficients(activation: Expr) -> Any:
    """alpha and E[s^2] alone, E[s'^2] is not computed; by blocks that stay in cache."""
    series = series_of(activation)  # outside of what is traced: it is compared with balls

    def one(variance: jax.Array) -> tuple[jax.Array, jax.Array]:
        alpha, square, _ = series.coefficients(variance)
        return alpha, square

    return jax.jit(lambda variances: jax.lax.map(one, variances, batch_size=_BLOCK))


@jax.jit
def _combined(left: jax.Array, right: jax.Array, a: jax.Array, b: jax.Array, c: jax.Array) -> jax.Array:
    return combine(left, right, a, b, c)[0]


@lru_cache(maxsize=32)
def _rounding(activation: Expr) -> float:
    """The allowance relative to E[s^2]: the error at correlation 0, where nothing is cut off."""
    series = series_of(activation)
    with float64():
        return float(series.error(1.0, 1.0, 0.0)[0] / series.coefficients(1.0).square)


def require_certified(value: float, ball: Any, resolution: float) -> None:
    """Raises InputError where a prediction is not shown to be far nearer than the resolution."""
    error = float(abs(ball - value).upper())
    if not error <= NARROW * resolution:
        raise InputError(
            f"a prediction is certified to {error:.1e} only, which is not small beside the resolution "
            f"{resolution:.1e}: rescale the activation"
        )
