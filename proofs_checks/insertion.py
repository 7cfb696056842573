"""Numbers inserted in a closed form: exactly where the result is rational."""

from __future__ import annotations

from collections.abc import Mapping

import sympy
from sympy import Expr, Rational, Symbol

from theory.errors import InputError

DIGITS = 40  # of a value that is not rational
_LONG = (
    1000  # SymPy looks for roots in p^(a/b) through p^(a mod b): hours and gigabytes for an a of 16 digits
)


def value_of(expression: Expr, values: Mapping[Symbol, Rational]) -> Rational:
    """The expression at rational values, exactly where it is rational, else to 40 digits.

    Raises InputError where it is no finite real number.
    """
    found = _without_long_exponents(expression, values).xreplace(dict(values)).doit()
    if isinstance(found, Rational):
        return found
    try:
        number = sympy.N(found, DIGITS, chop=True)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise InputError(f"{expression} has no value at {dict(values)}") from error
    if not (number.is_Number and number.is_real and number.is_finite):
        raise InputError(f"{expression} is {number} at {dict(values)}, which is no finite real number")
    return Rational(number)


def _without_long_exponents(expression: Expr, values: Mapping[Symbol, Rational]) -> Expr:
    """The expression with floats in place of exponents that become fractions of large numbers."""

    def floated(power: Expr) -> Expr:
        exponent = power.exp.xreplace(dict(values))
        long = isinstance(exponent, Rational) and exponent.q > 1 and max(abs(exponent.p), exponent.q) > _LONG
        return sympy.Pow(power.base, sympy.Float(exponent, 2 * DIGITS)) if long else power

    if not any(power.exp.free_symbols for power in expression.atoms(sympy.Pow)):
        return expression
    return expression.replace(lambda part: part.is_Pow, floated)
