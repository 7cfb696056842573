"""Numbers inserted in a closed form: exactly where the result is rational."""

from __future__ import annotations

from collections.abc import Mapping

import sympy
from sympy import Expr, Rational, Symbol

from theory.errors import InputError

DIGITS = 40  # of a value that is not rational


def value_of(expression: Expr, values: Mapping[Symbol, Rational]) -> Rational:
    """The expression at rational values, exactly where it is rational, else to 40 digits.

    Raises InputError where it is no finite real number.
    """
    found = expression.xreplace(dict(values)).doit()
    if isinstance(found, Rational):
        return found
    try:
        number = sympy.N(found, DIGITS, chop=True)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise InputError(f"{expression} has no value at {dict(values)}") from error
    if not (number.is_Number and number.is_real and number.is_finite):
        raise InputError(f"{expression} is {number} at {dict(values)}, which is no finite real number")
    return Rational(number)
