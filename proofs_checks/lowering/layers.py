"""One layer of an infinitely wide network, lowered: what numerics.kernel_recursion takes as plain callables.

Kernels of ReLU-like activations are |x|^m |y|^n h(angle), and cancel where two inputs are nearly parallel or
antiparallel. There they, and 1 - (h / h(0))^2, which decides the next angle, become Taylor polynomials whose
coefficients are exact. Kernels without angle are well conditioned in c and stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import sympy
from sympy import Add, Expr, Integer, Mul, Poly, Pow, Symbol, atan, atan2, pi

from numerics.elementary import arctan2, root
from numerics.kernel_recursion import Layer, Pair
from proofs_checks.lowering.correlated import LEAST_NORM, MINUS, PLUS, arguments, separated
from proofs_checks.lowering.expressions import joint_evaluator
from proofs_checks.lowering.kernels import (
    AREA,
    SERIES_BELOW,
    SUPPLEMENT,
    C,
    P,
    Q,
    polar_form,
    stable_form,
    taylor,
)
from proofs_checks.lowering.nearby import rest
from theory.gaussian.expectation import A, B
from theory.gaussian.expectation import C as COVARIANCE

SQUARE = Symbol("area_squared", real=True)
SYMBOLS = (P, Q, C, SQUARE, AREA, SUPPLEMENT)
Coefficients = list[float]


def closed_layer(dual: Expr, slope: Expr) -> Layer:
    """The layer of closed forms in the symbols A, B, C of theory.gaussian.expectation.

    Raises OutsideClass for functions that have no JAX counterpart.
    """
    forms = [_deep_form(form) for form in (dual, slope)]
    evaluate = joint_evaluator(forms, SYMBOLS)
    diagonal = joint_evaluator([_on_diagonal(form) for form in forms], (P,))

    def at(p: jax.Array, q: jax.Array, c: jax.Array, square: jax.Array, area: jax.Array) -> Pair:
        dual, slope = evaluate(p, q, c, square, area, arctan2(area, -c))
        return _shaped(dual, c), _shaped(slope, c)

    def pair(p: jax.Array, q: jax.Array, c: jax.Array) -> Pair:
        square = (p * p) * (q * q) - c * c
        return at(p, q, c, square, root(square))

    def equal(variances: jax.Array) -> Pair:
        dual, slope = diagonal(root(variances))
        return _shaped(dual, variances), _shaped(slope, variances)

    return Layer(root, equal, pair, _careful(forms, at))


def correlated_layer(dual: Expr, slope: Expr, own_dual: Expr, own_slope: Expr, odd: bool) -> Layer:
    """The same for closed forms with bivariate normal distribution functions; ``odd`` activations or others.

    The last two forms are the kernels of equal inputs, in A: the closed forms of two inputs have no value
    there. With exponentials, as in ELU, terms of the size of exp(2 a) cancel: the error grows with them.
    """
    forms = [separated(form.xreplace({A: P**2, B: Q**2, COVARIANCE: C})) for form in (dual, slope)]
    evaluate = joint_evaluator([_deep_form(form) for form in forms], (*SYMBOLS, MINUS, PLUS))
    diagonal = joint_evaluator([form.xreplace({A: P**2}) for form in (own_dual, own_slope)], (P,))

    def at(p: jax.Array, q: jax.Array, c: jax.Array, area: jax.Array) -> Pair:
        p, q, area, minus, plus = arguments(p, q, c, area)
        dual, slope = evaluate(p, q, c, area * area, area, arctan2(area, -c), minus, plus)
        return _shaped(dual, c), _shaped(slope, c)

    def pair(p: jax.Array, q: jax.Array, c: jax.Array) -> Pair:
        return at(p, q, c, root((p * p) * (q * q) - c * c))

    def equal(variances: jax.Array) -> Pair:
        dual, slope = diagonal(jnp.maximum(root(variances), LEAST_NORM))
        return _shaped(dual, variances), _shaped(slope, variances)

    def careful(p: jax.Array, q: jax.Array, c: jax.Array, area: jax.Array) -> tuple[Any, Any, Any]:
        distance = rest(lambda *pair: at(*pair)[0], lambda norm: equal(norm * norm)[0], odd, p, q, c, area)
        return *at(p, q, c, area), distance

    return Layer(root, equal, pair, careful)


def _shaped(value: Any, like: jax.Array) -> jax.Array:
    return jnp.broadcast_to(jnp.asarray(value, like.dtype), like.shape)


def _deep_form(form: Expr) -> Expr:
    """Stable, with roots of products split, so that their factors cancel or belong to one input each."""
    stable = stable_form(form.xreplace({A: P**2, B: Q**2, COVARIANCE: C}))
    split = stable.replace(_is_root, lambda node: Pow(sympy.factor(node.base), node.exp))
    divided = split.xreplace({AREA**2: SQUARE}).replace(lambda node: isinstance(node, Mul), _divided)
    return divided.replace(atan, _of_quotient)


def _of_quotient(ratio: Expr) -> Expr:
    """atan of a quotient by a root as atan2, which needs one division less."""
    numerator, denominator = sympy.fraction(ratio)
    return atan2(numerator, denominator) if _is_root(denominator) else atan(ratio)


def _divided(term: Expr) -> Expr:
    """N / (D sqrt(R)^k) with N = q R + r as q sqrt(R)^(2-k) / D + r / (D sqrt(R)^k).

    Only where q and r have no negative coefficient, as N has none: then nothing cancels.
    """
    roots = [factor for factor in term.args if _is_root(factor) and factor.exp < 0]
    sums = [factor for factor in term.args if isinstance(factor, Add)]
    if len(roots) != 1 or len(sums) != 1:
        return term
    generators = (SQUARE, P, Q, C)  # divided by the highest power of the first
    radicand = roots[0].base
    if not (radicand.is_polynomial(*generators) and sums[0].is_polynomial(*generators)):
        return term
    (quotient,), rest = sympy.reduced(sums[0], [radicand], *generators)
    parts = [Poly(part, *generators) for part in (quotient, rest)]
    if quotient == 0 or any(
        coefficient.is_negative is not False for p in parts for coefficient in p.coeffs()
    ):
        return term
    others = term / sums[0]
    return others * radicand * sympy.factor(quotient) + others * sympy.factor(rest)


def _is_root(node: Any) -> bool:
    return isinstance(node, Pow) and node.exp.is_Rational and node.exp.q == 2 and node.base.is_Add


def _on_diagonal(form: Expr) -> Expr:
    return form.xreplace({Q: P, C: P**2, SQUARE: Integer(0), AREA: Integer(0), SUPPLEMENT: pi})


class _Angular(NamedTuple):
    """|x|^m |y|^n h(supplement), and h as a Taylor polynomial where it vanishes at antiparallel vectors."""

    degrees: tuple[int, int]
    near: Coefficients | None


def _careful(forms: list[Expr], at: Callable[..., Pair]) -> Any:
    """The layer's `careful`, where both kernels have an angle and are homogeneous; None otherwise."""
    found = [polar_form(form.xreplace({SQUARE: AREA**2})) for form in forms]
    polars = [polar for polar in found if polar is not None]
    if not forms[0].has(AREA, SUPPLEMENT) or len(polars) < len(forms):
        return None
    angulars = []
    for degrees, polynomial in polars:
        coefficients = taylor(polynomial)
        angulars.append(_Angular(degrees, None if coefficients[0] else coefficients))
    unit, around_zero, around_pi = _rests(forms[0].xreplace({SQUARE: AREA**2}))

    def careful(p: jax.Array, q: jax.Array, c: jax.Array, area: jax.Array) -> tuple[Any, Any, Any]:
        angle, supplement = arctan2(area, c), arctan2(area, -c)
        values = at(p, q, c, area * area, area)
        dual, slope = (
            _with_series(value, angular, p, q, supplement)
            for value, angular in zip(values, angulars, strict=True)
        )
        product = unit * (p * q) ** angulars[0].degrees[0]
        correlation = dual / jnp.where(product > 0, product, 1)
        rest = _near(1 - correlation**2, around_zero, angle)
        return dual, slope, rest if around_pi is None else _near(rest, around_pi, supplement)

    return careful


def _near(value: jax.Array, coefficients: Coefficients, variable: jax.Array) -> jax.Array:
    small = variable < SERIES_BELOW
    return jnp.where(small, _polynomial(coefficients, jnp.where(small, variable, 0.5)), value)


def _with_series(
    value: jax.Array, angular: _Angular, p: jax.Array, q: jax.Array, supplement: jax.Array
) -> jax.Array:
    if angular.near is None:
        return value
    m, n = angular.degrees
    small = supplement < SERIES_BELOW
    series = _polynomial(angular.near, jnp.where(small, supplement, 0.5))
    return jnp.where(small, p**m * q**n * series, value)


def _polynomial(coefficients: Coefficients, variable: jax.Array) -> jax.Array:
    value = jnp.zeros_like(variable)
    for coefficient in reversed(coefficients):
        value = value * variable + coefficient
    return value


def _rests(dual: Expr) -> tuple[float, Coefficients, Coefficients | None]:
    """h(0), and 1 - (h / h(0))^2 as Taylor polynomials at angle 0, and at pi where it vanishes there."""
    angle = Symbol("angle", real=True)
    turned = dual.xreplace({C: -C, SUPPLEMENT: pi - angle}).xreplace({angle: SUPPLEMENT})
    from_zero, from_pi = (polar_form(form) for form in (turned, dual))
    assert from_zero is not None
    assert from_pi is not None
    at_zero, at_pi = taylor(from_zero[1]), taylor(from_pi[1])
    vanishes = abs(abs(at_pi[0] / at_zero[0]) - 1) < 1e-15
    unit = at_zero[0]
    return unit, _complement(at_zero, unit), _complement(at_pi, unit) if vanishes else None


def _complement(coefficients: Coefficients, unit: float) -> Coefficients:
    """1 - (series / unit)^2 for a series that begins with +-unit."""
    ratios = [coefficient / unit for coefficient in coefficients]
    squares = [sum(ratios[i] * ratios[k - i] for i in range(k + 1)) for k in range(len(ratios))]
    return [0.0, *(-square for square in squares[1:])]


def series_layer(activation: Expr) -> Layer:
    """The layer of an activation without closed form by Mehler's series.

    Raises InputError and OutsideClass as `lower_series`.
    """
    from proofs_checks.lowering.series import combine, lower_series

    series = lower_series(activation)

    def prepare(variances: jax.Array) -> tuple[jax.Array, jax.Array]:
        return variances, series.coefficients(variances).alpha.astype(variances.dtype)

    def diagonal(variances: jax.Array) -> Pair:
        found = series.coefficients(variances)
        return found.square.astype(variances.dtype), found.slope_square.astype(variances.dtype)

    def pair(ours: Any, theirs: Any, c: jax.Array) -> Pair:
        return combine(ours[1], theirs[1], ours[0], theirs[0], c)

    return Layer(prepare, diagonal, pair)
