"""Certified bounds of a function and its network: another function, another letter, too small a number."""

from fractions import Fraction

from sympy import Abs, Derivative, Le, Rational, exp, sin, symbols

from theory.bump_networks.activation import LOGISTIC, RELU, Z, sigmoid
from theory.bump_networks.methods import DerivativeBound, ErrorBound, ModulusBound, TailBound
from theory.bump_networks.problem import pose
from theory.bump_networks.rows.symbols import E, h, omega
from theory.derivation import Row

x = symbols("x", real=True)
PROBLEM = pose(sin(x), ((0, 1),), Fraction(1, 10))
UNIT = TailBound(sigmoid(LOGISTIC), "slope")


def _pair(kind, method, false, true):
    return (kind, *(Row(Le(*sides, evaluate=False), "", method) for sides in (false, true)))


def _slope(function, *times):
    return Abs(Derivative(function, *(times or (x,)), evaluate=False))


ANOTHER = (_slope(2 * sin(x)), Rational(3, 2))
PAIRS = [
    _pair("another function", DerivativeBound(PROBLEM), ANOTHER, (_slope(sin(x)), Rational(3, 2))),
    _pair("another function", DerivativeBound(PROBLEM), (_slope(exp(x)), 2), (_slope(sin(x)), 2)),
    _pair(
        "off by one derivative",
        DerivativeBound(PROBLEM),
        (_slope(sin(x)), Rational(9, 10)),
        (_slope(sin(x), x, x), Rational(9, 10)),
    ),
    _pair(
        "off by one derivative",
        DerivativeBound(PROBLEM),
        (_slope(sin(x), x, x, x), Rational(9, 10)),
        (_slope(sin(x), x, x), Rational(9, 10)),
    ),
    _pair(
        "another window",
        ModulusBound(PROBLEM, 4),
        (omega(Rational(1, 2)), Rational(3, 10)),
        (omega(Rational(1, 4)), Rational(3, 10)),
    ),
    _pair(
        "another window",
        ModulusBound(PROBLEM, 4),
        (2 * omega(Rational(1, 4)), Rational(3, 10)),
        (omega(Rational(1, 4)), Rational(3, 10)),
    ),
    _pair(
        "wrong factor",
        UNIT,
        (_slope(2 * LOGISTIC, Z), Rational(3, 10)),
        (_slope(LOGISTIC, Z), Rational(3, 10)),
    ),
    _pair("another quantity", UNIT, (Abs(LOGISTIC), Rational(3, 10)), (_slope(LOGISTIC, Z), Rational(3, 10))),
    _pair("another letter", ErrorBound(PROBLEM, RELU), (h, Rational(1, 10)), (E, Rational(1, 10))),
    _pair("too small a number", ErrorBound(PROBLEM, RELU), (E, Rational(1, 10**6)), (E, Rational(1, 10))),
]
