r"""Order, chaos and the edge between them: what depth does to the variance and the correlation of two inputs.

In wide networks the preactivations of layer l at two inputs have variance q_l and correlation rho_l with

    q_{l+1} = V(q_l),     V(q) = sigma_b^2 + sigma_w^2 E s(u)^2,                  u ~ N(0, q),
    rho_{l+1} = R(rho_l), R(rho) = (sigma_b^2 + sigma_w^2 E s(u) s(v)) / q*,     cov(u, v) = q* rho,

at the fixed point q* = V(q*). Its slope R'(rho) = sigma_w^2 E s'(u) s'(v) = chi_rho is chi_1 at rho = 1, for
equal inputs: below 1 they attract their neighbors (order), above 1 they repel them (chaos). Everything
here is a closed form in the variance q, or its value.

Sources: Poole et al. (2016), equations 3 to 8; Schoenholz et al. (2017), sections 3 and 4.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import sympy
from sympy import Expr, Rational, Symbol

from theory.deep_kernels.recursion import diagonal, layer_map
from theory.errors import InputError
from theory.gaussian import derivative
from theory.gaussian.expectation import A, B, C

Z = Symbol("z", real=True)
DIGITS = 30
_STEPS = 200
_LARGEST = 10**12


class CriticalLine(NamedTuple):
    """sigma_w^2 and sigma_b^2 for which chi_1 = 1 at the fixed point q*, as functions of q* (the symbol a).

    Points with a negative bias variance belong to no network.
    """

    weight_variance: Expr
    bias_variance: Expr


def second_moment(activation: Expr) -> Expr:
    """E s(u)^2 for u ~ N(0, a). Raises InputError, OutsideClass."""
    return diagonal(activation)


@lru_cache(maxsize=64)
def slope_moment(activation: Expr) -> Expr:
    """E s'(u)^2 for u ~ N(0, a). Raises InputError, also for an activation that jumps, and OutsideClass."""
    slope = derivative(activation, Z)
    if slope.has(sympy.DiracDelta):
        raise InputError(f"{activation} jumps: chi_1 = sigma_w^2 E s'^2 is infinite")
    return diagonal(slope)


def variance_map(activation: Expr, weight_variance: Expr, bias_variance: Expr) -> Expr:
    """V(a) = sigma_b^2 + sigma_w^2 E s(u)^2."""
    return bias_variance + weight_variance * second_moment(activation)


def critical_line(activation: Expr) -> CriticalLine:
    """sigma_w^2 = 1 / E s'^2 and sigma_b^2 = q - E s^2 / E s'^2 at q = a.

    Raises InputError for a constant activation. For erf: sigma_w^2 = pi sqrt(1 + 4 q) / 4 and sigma_b^2 =
    q - sigma_w^2 (2/pi) asin(2 q/(1 + 2 q)).
    """
    slopes = slope_moment(activation)
    if slopes == 0:
        raise InputError(f"{activation} is constant: chi_1 is 0 for every weight variance")
    return CriticalLine(1 / slopes, A - second_moment(activation) / slopes)


def fixed_point(
    activation: Expr, weight_variance: Expr, bias_variance: Expr, start: Expr = sympy.S.One
) -> sympy.Float:
    """q* = V(q*) that the variances tend to from ``start``, to 30 digits (Steffensen's iteration).

    Raises InputError where they grow without bound.
    """
    closed = variance_map(activation, weight_variance, bias_variance)
    q = sympy.Float(start, DIGITS)
    for _ in range(_STEPS):
        first = _at(closed, q)
        second = _at(closed, first)
        curvature = second - 2 * first + q
        if abs(first - q) <= abs(q) * Rational(10) ** (3 - DIGITS):
            return first
        jump = second if curvature == 0 else q - (first - q) ** 2 / curvature
        q = jump if jump > 0 and abs(jump - second) <= abs(second) else second
        if q > _LARGEST:
            break
    raise InputError(
        f"the variances of {activation} have no finite limit at sigma_w^2 = {weight_variance}, sigma_b^2 = "
        f"{bias_variance} from {start}: take a smaller weight variance"
    )


def correlation_slope(activation: Expr, variance: Expr, correlation: Expr, weight_variance: Expr) -> Expr:
    """chi_rho = sigma_w^2 E s'(u) s'(v) at correlation rho; chi_1 at rho = 1."""
    if correlation is sympy.S.One:
        return weight_variance * slope_moment(activation).subs(A, variance)
    return weight_variance * _at_correlation(layer_map(activation).derivative, variance, correlation)


def correlation_map(
    activation: Expr, variance: Expr, correlation: Expr, weight_variance: Expr, bias_variance: Expr
) -> Expr:
    """R(rho) = (sigma_b^2 + sigma_w^2 E s(u) s(v)) / q at the variance q of both inputs."""
    dual = _at_correlation(layer_map(activation).dual, variance, correlation)
    return (bias_variance + weight_variance * dual) / variance


def fixed_correlation(activation: Expr, variance: Expr, weight_variance: Expr, bias_variance: Expr) -> Expr:
    """rho* = R(rho*), stable: the number 1 in the ordered phase and at its edge, less in the chaotic phase.

    R is a power series with nonnegative coefficients, hence convex on [0, 1], where it has one fixed point
    below 1 if its slope chi_1 at 1 exceeds 1. Newton's method climbs to it from 0.
    """
    if sympy.N(correlation_slope(activation, variance, sympy.S.One, weight_variance), DIGITS) <= 1:
        return sympy.S.One
    rho = sympy.Float(0, DIGITS)
    for _ in range(_STEPS):
        value = sympy.N(correlation_map(activation, variance, rho, weight_variance, bias_variance), DIGITS)
        slope = sympy.N(correlation_slope(activation, variance, rho, weight_variance), DIGITS)
        step = (value - rho) / (1 - slope)
        rho += step
        if abs(step) <= Rational(10) ** (3 - DIGITS):
            return rho
    raise InputError(f"no fixed correlation was found for {activation} at variance {variance}")


def correlation_length(activation: Expr, variance: Expr, weight_variance: Expr, bias_variance: Expr) -> Expr:
    """xi = -1 / log chi_rho* in layers: correlations approach rho* as exp(-l/xi). Infinite at the edge."""
    rho = fixed_correlation(activation, variance, weight_variance, bias_variance)
    slope = sympy.N(correlation_slope(activation, variance, rho, weight_variance), DIGITS)
    return sympy.oo if (slope - 1).is_zero else -1 / sympy.log(slope)


def _at(closed: Expr, variance: Any) -> sympy.Float:
    return sympy.N(closed.subs(A, variance), DIGITS)


def _at_correlation(closed: Expr, variance: Expr, correlation: Expr) -> Expr:
    return closed.subs({A: variance, B: variance, C: variance * correlation})
