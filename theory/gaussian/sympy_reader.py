"""From a SymPy expression in the entries of a covariance back to the normal form."""

from __future__ import annotations

from collections.abc import Callable

import sympy
from sympy import Expr, I
from sympy.polys.fields import FracElement

from theory.gaussian.combination import (
    Combination,
    arc_sine,
    bivariate_probability,
    normal_probability,
)
from theory.gaussian.expectation import GaussianExpectation
from theory.gaussian.field import GaussianField, NotInField, Surd
from theory.gaussian.moments import constant
from theory.gaussian.special import BivariateNormalCDF

# Without symbols these are not constants of the field either.
_NEVER_CONSTANT = (BivariateNormalCDF, GaussianExpectation, sympy.asin, sympy.acos, sympy.atan)


def normal_form(expression: Expr, field: GaussianField) -> Combination:
    """The normal form of a closed form. Raises NotInField for what has none."""
    if not expression.has(*field.symbols) and not expression.has(*_NEVER_CONSTANT):
        return constant(field, expression)
    if expression.is_Add:
        parts = (pair for part in expression.args for pair in normal_form(part, field).terms.items())
        return Combination.collect(field, parts)
    if expression.is_Mul:
        product = Combination.rational(field, 1)
        for part in expression.args:
            product = product * normal_form(part, field)
        return product
    for kinds, reader in _READERS:
        if isinstance(expression, kinds):
            return reader(expression, field)
    try:
        return Combination.rational(field, field.element(expression))
    except NotInField:
        raise NotInField(f"{expression} has no normal form") from None


def _power(expression: Expr, field: GaussianField) -> Combination:
    base, exponent = expression.base, expression.exp
    if not (2 * exponent).is_Integer:
        raise NotInField(f"{expression} has no normal form")
    value = normal_form(base, field)
    if exponent.is_Integer and exponent > 0:
        return value ** int(exponent)
    if exponent.is_Integer:
        return _inverse(value, field) ** int(-exponent)
    root = Combination.of(field, field.sqrt(_rational(value, expression)))
    power = int(2 * exponent)
    return root**power if power > 0 else _inverse(root, field) ** (-power)


def _inverse(value: Combination, field: GaussianField) -> Combination:
    if len(value.terms) != 1:
        raise NotInField("the inverse of a sum of radicals has no normal form")
    [(monomial, coefficient)] = value.terms.items()
    if monomial.atoms:
        raise NotInField("the inverse of an arc sine has no normal form")
    surd = field.inverse(Surd(coefficient, monomial.radicals))
    return Combination.of(field, surd, -monomial.half_pi, -monomial.exponent)


def _surd(value: Combination, whole: Expr, field: GaussianField) -> Surd:
    if value.is_zero:
        return Surd(field.field(0), frozenset())
    [(monomial, coefficient), *rest] = value.terms.items()
    if rest or monomial.half_pi or monomial.exponent or monomial.atoms:
        raise NotInField(f"the argument of {whole} has no normal form")
    return Surd(coefficient, monomial.radicals)


def _rational(value: Combination, whole: Expr) -> FracElement:
    surd = _surd(value, whole, value.field)
    if surd.radicals:
        raise NotInField(f"the argument of {whole} has no normal form")
    return surd.coefficient


def _exponential(field: GaussianField, exponent: FracElement) -> Combination:
    return Combination.of(field, Surd(field.field(1), frozenset()), 0, exponent)


def _exp(expression: Expr, field: GaussianField) -> Combination:
    return _exponential(field, _rational(normal_form(expression.args[0], field), expression))


def _wave(even: bool, imaginary: bool) -> Callable[[Expr, GaussianField], Combination]:
    def reader(expression: Expr, field: GaussianField) -> Combination:
        argument = _rational(normal_form(expression.args[0], field), expression)
        unit = field.element(I) if imaginary else field.field(1)
        plus, minus = _exponential(field, unit * argument), _exponential(field, -unit * argument)
        return (plus + minus).scaled(field.field(1) / 2) if even else (plus - minus).scaled(1 / (2 * unit))

    return reader


def _argument(expression: Expr, field: GaussianField, index: int = 0) -> Surd:
    return _surd(normal_form(expression.args[index], field), expression, field)


def _asin(expression: Expr, field: GaussianField) -> Combination:
    return arc_sine(field, _argument(expression, field))


def _acos(expression: Expr, field: GaussianField) -> Combination:
    half_pi = Combination.of(field, Surd(field.field(1) / 2, frozenset()), 2)
    return half_pi - arc_sine(field, _argument(expression, field))


def _atan(expression: Expr, field: GaussianField) -> Combination:
    surd = _argument(expression, field)
    return arc_sine(field, field.multiply(surd, field.inverse(field.sqrt(1 + field.square(surd)))))


def _erf(expression: Expr, field: GaussianField) -> Combination:
    argument = field.multiply(_argument(expression, field), field.sqrt(field.field(2)))
    value = normal_probability(field, argument).scaled(field.field(2)) - Combination.rational(field, 1)
    return value if isinstance(expression, sympy.erf) else Combination.rational(field, 1) - value


def _bivariate(expression: Expr, field: GaussianField) -> Combination:
    return bivariate_probability(field, *(_argument(expression, field, index) for index in range(3)))


def _expectation(expression: Expr, field: GaussianField) -> Combination:
    return expression.value(field)


_READERS: tuple[tuple[type | tuple[type, ...], Callable[[Expr, GaussianField], Combination]], ...] = (
    (sympy.exp, _exp),
    (sympy.Pow, _power),
    (sympy.sinh, _wave(False, False)),
    (sympy.cosh, _wave(True, False)),
    (sympy.sin, _wave(False, True)),
    (sympy.cos, _wave(True, True)),
    (sympy.asin, _asin),
    (sympy.acos, _acos),
    (sympy.atan, _atan),
    ((sympy.erf, sympy.erfc), _erf),
    (BivariateNormalCDF, _bivariate),
    (GaussianExpectation, _expectation),
)
