"""Gaussian expectations and certified bounds of networks: the methods that live beside theory.proving."""

import sympy as sp
from sympy import Derivative, DiracDelta, Eq, Gt, Heaviside, Lt, Max, Rational, acos, asin, pi, sqrt

from theory.derivation import Row
from theory.gaussian import PriceEquation, pair_expectation, single_expectation
from theory.gaussian.expectation import A, B, C
from theory.gaussian.rows import (
    ClosedFormDerivative,
    DiagonalLimit,
    DistributionalDerivative,
    GaussianRules,
    Independence,
    Mean,
    MehlerEnclosure,
    SameFunction,
)

z, s, d = sp.symbols("z s d", real=True)
relu, step = Max(z, 0), Heaviside(z)
ORTHANT = Rational(1, 4) + asin(C / sqrt(A * B)) / (2 * pi)
TINY = Rational(1, 10**30)


def _pair(kind, method, false, true, head=Eq):
    return (kind, *(Row(head(*sides, evaluate=False), "", method) for sides in (false, true)))


def _mean(f, g):
    return pair_expectation(f, g, z)


def _half(value):
    return value.subs({A: 1, B: 1, C: Rational(1, 2)})


PAIRS = [
    _pair("sqrt(x^2)", SameFunction(z), (sqrt(z**2), z), (sqrt(z**2), 2 * Max(z, 0) - z)),
    _pair("false in a sliver", SameFunction(z), (relu + Max(z - 1000, 0), relu), (relu - Max(-z, 0), z)),
    _pair(
        "kinks at 0",
        DistributionalDerivative(),
        (Derivative(relu, z), Heaviside(-z)),
        (Derivative(relu, z), step),
    ),
    _pair(
        "a jump is no constant",
        DistributionalDerivative(),
        (Derivative(step, z), sp.S.Zero),
        (Derivative(step, z), DiracDelta(z)),
    ),
    _pair(
        "off by one derivative",
        DistributionalDerivative(),
        (Derivative(z**3, (z, 2)), 3 * z**2),
        (Derivative(z**3, z), 3 * z**2),
    ),
    _pair(
        "off by one derivative",
        ClosedFormDerivative(),
        (Derivative(C**3, (C, 2)), 3 * C**2),
        (Derivative(C**3, C), 3 * C**2),
    ),
    _pair(
        "branch cuts: acos",
        PriceEquation(),
        (_mean(step, step), acos(C / sqrt(A * B)) / (2 * pi)),
        (_mean(step, step), acos(-C / sqrt(A * B)) / (2 * pi)),
    ),
    _pair(
        "the 30th digit", PriceEquation(), (_mean(step, step), ORTHANT + TINY), (_mean(step, step), ORTHANT)
    ),
    _pair("sqrt(x^2)", PriceEquation(), (_mean(z, z), sqrt(C**2)), (_mean(z, z), C)),
    _pair(
        "wrong factor",
        PriceEquation(),
        (_mean(z**2, z**2), A * B + C**2),
        (_mean(z**2, z**2), A * B + 2 * C**2),
    ),
    _pair(
        "zero at common points",
        GaussianRules((A,)),
        (single_expectation(relu**2, z, A), A / 2 + A * (5 * A - 2) * (20 * A - 19)),
        (single_expectation(relu**2, z, A), A / 2),
    ),
    _pair(
        "wrong factor",
        DiagonalLimit(C),
        (single_expectation(z**2, z, A), 2 * A),
        (single_expectation(z**2, z, A), A),
    ),
    _pair(
        "near-equal constants",
        MehlerEnclosure(),
        (_half(_mean(step, step)), Rational(1, 3) + TINY),
        (_half(_mean(step, step)), Rational(1, 3) - Rational(1, 10**6)),
        Gt,
    ),
    _pair(
        "an equation is no enclosure",
        MehlerEnclosure(),
        (_half(_mean(z, z)), Rational(1, 3)),
        (_half(_mean(z, z)), Rational(2, 3)),
        Lt,
    ),
    _pair(
        "not independent",
        Independence(((s, d),)),
        (Mean(s * d), Mean(s) * Mean(d)),
        (Mean(2 * s * d + s), 2 * Mean(s * d) + Mean(s)),
    ),
    _pair(
        "not independent",
        Independence(((s,), (d,))),
        (Mean((s * d) ** 2), Mean(s) ** 2 * Mean(d) ** 2),
        (Mean((s * d) ** 2), Mean(s**2) * Mean(d**2)),
    ),
    (
        "not independent",
        *(
            Row(Eq(Mean(s * other), Mean(s) * Mean(other)), "", Independence(((s,), (other,))))
            for other in (s, d)
        ),
    ),
]
