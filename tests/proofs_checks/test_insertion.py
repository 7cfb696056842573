"""Numbers inserted in closed forms."""

from fractions import Fraction

import mpmath
import pytest
from sympy import Integer, Rational, Symbol, sqrt

from proofs_checks.insertion import value_of
from theory.errors import InputError

X, Y = Symbol("x", positive=True), Symbol("y", real=True)


def test_rational_values_are_exact():
    assert value_of(X**Y / 3, {X: Rational(4, 9), Y: Rational(3, 2)}) == Rational(8, 81)


def test_fractional_powers_of_many_digits_are_numbers_at_once():
    exponent = Fraction(0.7234567890123456)
    found = value_of(sqrt(X) + X**Y, {X: Integer(31), Y: Rational(exponent.numerator, exponent.denominator)})
    with mpmath.workdps(50):
        power = mpmath.mpf(exponent.numerator) / exponent.denominator
        expected = mpmath.sqrt(31) + mpmath.power(31, power)
        assert mpmath.almosteq(
            mpmath.mpf(int(found.p)) / int(found.q), expected, rel_eps=mpmath.mpf(10) ** -38
        )


def test_what_is_no_real_number_is_refused():
    with pytest.raises(InputError, match="no finite real number"):
        value_of(sqrt(Y), {Y: Integer(-1)})
