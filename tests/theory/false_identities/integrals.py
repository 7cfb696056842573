"""Integrals by their antiderivative: limits, constants, jumps, poles, convergence, signs."""

import sympy as sp
from sympy import Abs, Eq, Integral, Piecewise, Rational, atan, exp, log, pi, sin, sqrt

from theory.derivation import Row
from theory.proving import Antiderivative
from theory.statement import Domain

x, y, c = sp.symbols("x y c", real=True)
p = sp.Symbol("p", positive=True)
below = sp.Symbol("s", negative=True)
k = sp.Symbol("k", integer=True)


def _pair(kind, false, true, domain=None, true_domain=None):
    rows = ((false, domain), (true, true_domain or domain))
    return (
        kind,
        *(
            Row(Eq(Integral(f, limits), value, evaluate=False), "", Antiderivative(primitive), where)
            for (primitive, f, limits, value), where in rows
        ),
    )


square, cube = (x, 0, p), x**3 / 3
PAIRS = [
    _pair(
        "wrong limits of integration", (cube, x**2, (x, 0, 2 * p), p**3 / 3), (cube, x**2, square, p**3 / 3)
    ),
    _pair(
        "wrong limits of integration",
        (x**2 / 2, x, (x, 1, 0), Rational(1, 2)),
        (x**2 / 2, x, (x, 1, 0), Rational(-1, 2)),
    ),
    _pair("wrong factor", (cube, x**2, square, p**3 / 2), (cube, x**2, square, p**3 / 3)),
    _pair(
        "wrong constant of integration",
        (cube + p, x**2, square, p**3 / 3 + p),
        (cube + p, x**2, square, p**3 / 3),
    ),
    _pair(
        "wrong constant of integration",
        (cube, x**2, square, p**3 / 3 + Rational(1, 10**30)),
        (cube + 10**30, x**2, square, p**3 / 3),
    ),
    _pair("not an antiderivative", (x**3, x**2, square, p**3), (cube, x**2, square, p**3 / 3)),
    _pair(
        "a small jump",
        (x**2 / 2 + Piecewise((0, x < 1), (Rational(1, 1000), True)), x, (x, 0, 2), 2 + Rational(1, 1000)),
        (x**2 / 2, x, (x, 0, 2), 2),
    ),
    _pair(
        "a jump of a branch",
        (
            2 * atan(sp.tan(x / 2) / 1000) / 1000 + x,
            1 + sp.diff(2 * atan(sp.tan(x / 2) / 1000) / 1000, x),
            (x, 0, 6),
            6 + 2 * atan(sp.tan(3) / 1000) / 1000,
        ),
        (atan(x), 1 / (1 + x**2), (x, -1, 1), pi / 2),
    ),
    _pair(
        "a jump of a branch",
        (atan(1 / x), -1 / (1 + x**2), (x, -1, 1), pi / 2),
        (atan(x), 1 / (1 + x**2), (x, 0, 1), pi / 4),
    ),
    _pair("a pole inside", (-1 / x, x**-2, (x, -1, 1), -2), (-1 / x, x**-2, (x, 1, 2), Rational(1, 2))),
    _pair("a pole inside", (log(Abs(x)), 1 / x, (x, -1, 1), 0), (log(x), 1 / x, (x, 1, p + 1), log(p + 1))),
    _pair(
        "a pole for some parameters",
        (-1 / (x - c), (x - c) ** -2, (x, -1, 1), 2 / (c**2 - 1)),
        (-1 / (x - c), (x - c) ** -2, (x, -1, 1), 2 / (c**2 - 1)),
        Domain({c: (Rational(1, 2), 40)}),
        Domain({c: (2, 4)}),
    ),
    _pair("dropped convergence conditions", (-1 / x, x**-2, (x, 0, 1), -1), (x**2, 2 * x, (x, 0, 1), 1)),
    _pair(
        "dropped convergence conditions",
        (-exp(-c * x) / c, exp(-c * x), (x, 0, sp.oo), 1 / c),
        (-exp(-p * x) / p, exp(-p * x), (x, 0, 1), (1 - exp(-p)) / p),
    ),
    _pair(
        "sign of a Beta-type integral",
        (x**3 / 3 - x**4 / 4, x**2 * (1 - x), (x, 0, 1), Rational(-1, 12)),
        (x**3 / 3 - x**4 / 4, x**2 * (1 - x), (x, 0, 1), Rational(1, 12)),
    ),
    _pair(
        "sign of a Beta-type integral",
        (-2 * (1 - x) ** Rational(3, 2) / 3, sqrt(1 - x), (x, 0, Rational(1, 2)), -2 * (1 - sqrt(2) / 4) / 3),
        (-2 * (1 - x) ** Rational(3, 2) / 3, sqrt(1 - x), (x, 0, Rational(1, 2)), 2 * (1 - sqrt(2) / 4) / 3),
    ),
    _pair("kinks at 0", (x**2 / 2, Abs(x), (x, -1, 1), 0), (x * Abs(x) / 2, Abs(x), (x, -1, 1), 1)),
    _pair(
        "assumptions on the variable",
        (p**2 / 2, sqrt(p**2), (p, -1, 1), 0),
        (p**2 / 2, sqrt(p**2), (p, 0, 1), Rational(1, 2)),
    ),
    _pair(
        "assumptions on the variable",
        (-(below**2) / 2, sqrt(below**2), (below, -1, 1), 0),
        (-(below**2) / 2, sqrt(below**2), (below, -1, 0), Rational(1, 2)),
    ),
    _pair(
        "assumptions on the variable",
        (sp.cos(pi * k) * k, sp.cos(pi * k), (k, 0, 1), -1),
        (sin(pi * x) / pi, sp.cos(pi * x), (x, 0, 1), 0),
    ),
    _pair("capture", (x * y, y, (x, 0, y), y**2 / 2), (x * y, y, (x, 0, y), y**2)),
    _pair(
        "floats",
        (0.3333333333333333 * x**3, x**2, (x, 0, 1), 0.3333333333333333),
        (cube, x**2, (x, 0, 1), Rational(1, 3)),
    ),
]
