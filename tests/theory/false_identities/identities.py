"""Equations for every value of their symbols: branch cuts, signs, kinks, rounding, unlucky points."""

import sympy as sp
from sympy import Abs, Eq, Function, I, Max, Min, Rational, acos, asin, atan, cos, exp, log, pi, sin, sqrt

from theory.derivation import Row
from theory.proving import Identity
from theory.statement import Domain

x, y, c = sp.symbols("x y c", real=True)
p, q = sp.symbols("p q", positive=True)
z, w = sp.symbols("z w")
n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
below = sp.Symbol("s", negative=True)
f = Function("f")
plain_x, positive_x = sp.Symbol("x"), sp.Symbol("x", positive=True)

UNIT = Domain({c: (Rational(-9, 10), Rational(9, 10))})
ACROSS = Domain({z: (-2, 2), w: (-2, 2)})
TINY = Rational(1, 10**30)
LUCKY = x * (x - 1) * (x + 1) * (x - 2) * (2 * x - 1)  # 0 wherever a person would try


def _pair(kind, false, true, domain=None, true_domain=None):
    rows = ((false, domain), (true, true_domain or domain))
    return (kind, *(Row(Eq(*sides, evaluate=False), "", Identity(), where) for sides, where in rows))


PAIRS = [
    _pair("sqrt(x^2)", (sqrt(x**2), x), (sqrt(p**2), p)),
    _pair("sqrt(x^2)", (sqrt(z**2), z), (sqrt(x**2), Abs(x)), ACROSS),
    _pair("sqrt(x^2)", (sqrt(x**2), x), (sqrt(x**2), Abs(x)), Domain({x: (0, 1)})),
    _pair("sqrt(x^2)", ((x**4) ** Rational(1, 4), x), ((p**4) ** Rational(1, 4), p)),
    _pair("branch cuts: sqrt", (sqrt(x) * sqrt(y), sqrt(x * y)), (sqrt(p) * sqrt(q), sqrt(p * q))),
    _pair("branch cuts: sqrt", (sqrt(1 / z), 1 / sqrt(z)), (sqrt(1 / p), 1 / sqrt(p)), ACROSS),
    _pair(
        "branch cuts: sqrt",
        (sqrt(x**2 - 1), sqrt(x - 1) * sqrt(x + 1)),
        (sqrt(p * (p + 2)), sqrt(p) * sqrt(p + 2)),
    ),
    _pair(
        "branch cuts: sqrt",
        (sqrt(p + below), sqrt(p) + sqrt(below)),
        ((sqrt(p) + sqrt(q)) ** 2, p + q + 2 * sqrt(p * q)),
    ),
    _pair("branch cuts: powers", ((x**3) ** Rational(1, 3), x), ((p**3) ** Rational(1, 3), p)),
    _pair("branch cuts: powers", ((-p) ** Rational(1, 3), -(p ** Rational(1, 3))), (((-p) ** 3) ** 2, p**6)),
    _pair("branch cuts: powers", ((z**2) ** w, z ** (2 * w)), ((p**2) ** x, p ** (2 * x))),
    _pair("branch cuts: powers", (z**x * w**x, (z * w) ** x), (p**x * q**x, (p * q) ** x), ACROSS),
    _pair("branch cuts: powers", (p ** (n + 1), p + p**n), (p ** (n + 1), p * p**n)),
    _pair("branch cuts: log", (log(x**2), 2 * log(x)), (log(p**2), 2 * log(p)), Domain({x: (-2, -1)})),
    _pair("branch cuts: log", (log(z * w), log(z) + log(w)), (log(p * q), log(p) + log(q))),
    _pair("branch cuts: log", (log(exp(z)), z), (log(exp(x)), x + 0 * y)),
    _pair("branch cuts: log", (log(-p), -log(p)), (log(1 / p), -log(p))),
    _pair("branch cuts: asin", (asin(sin(x)), x), (sin(asin(c)), c), Domain({x: (2, 3)}), UNIT),
    _pair("branch cuts: acos", (acos(cos(x)), x), (cos(acos(c)), c), None, UNIT),
    _pair("branch cuts: acos", (acos(-c), acos(c)), (acos(-c), pi - acos(c)), UNIT),
    _pair("branch cuts: acos", (acos(c), pi / 2 + asin(c)), (acos(c), pi / 2 - asin(c)), UNIT),
    _pair("branch cuts: atan", (atan(sp.tan(x)), x), (sp.tan(atan(x)), x)),
    _pair("branch cuts: atan", (atan(x) + atan(y), atan((x + y) / (1 - x * y))), (atan(x) + atan(-x), 0)),
    _pair("branch cuts: atan", (sp.atan2(x, y), atan(x / y)), (sin(atan(x)), x / sqrt(1 + x**2))),
    _pair("branch cuts: acosh", (sp.acosh(sp.cosh(x)), x), (sp.cosh(sp.acosh(p + 1)), p + 1)),
    _pair("complex values", (sp.re(z), z), (sp.re(x + I * y), x)),
    _pair("complex values", (sp.conjugate(z) * z, z**2), (sp.conjugate(x) * x, x**2)),
    _pair("kinks", (Abs(x + y), Abs(x) + Abs(y)), (Abs(p + q), Abs(p) + Abs(q))),
    _pair("kinks", (Max(x, -x), x), (Max(x, y) + Min(x, y), x + y)),
    _pair("kinks", (Max(0, x) + Max(0, -x), x), (Max(0, x) - Max(0, -x), x)),
    _pair("kinks at 0", (sp.sign(x) ** 2, 1), (sp.sign(p) ** 2 * p, p)),
    _pair(
        "kinks at 0",
        (sp.Heaviside(x, 0), sp.Heaviside(x, 1)),
        (sp.Heaviside(x, 0) ** 2 - 1, (sp.Heaviside(x, 0) - 1) * (sp.Heaviside(x, 0) + 1)),
    ),
    _pair("kinks at 0", (sp.Derivative(Abs(x), x), 1), (sp.Derivative(Abs(p), p), 1)),
    _pair(
        "kinks at 0",
        (sp.Derivative(Max(0, x), x), sp.Heaviside(x, 0)),
        (sp.Derivative(Max(0, x), x), sp.Heaviside(x)),
    ),
    _pair("kinks at integers", (sp.floor(x) + 1, sp.ceiling(x)), (sp.floor(x + 1), sp.floor(x) + 1)),
    _pair(
        "one point removed",
        (sp.Piecewise((1, sp.Ne(x, 0)), (0, True)), 1),
        (sp.Piecewise((1, sp.Ne(x, 0)), (0, True)), 1 - sp.Piecewise((0, sp.Ne(x, 0)), (1, True))),
    ),
    _pair("cancelled zero divisors", ((x**2 + 1) / (x - 1), x + 1), ((x**2 - 1) / (x - 1), x + 1)),
    _pair(
        "cancelled zero divisors",
        (sp.cos(2 * x) / (cos(x) - sin(x)), cos(x) - sin(x)),
        ((cos(x) ** 2 - sin(x) ** 2) / (cos(x) - sin(x)), cos(x) + sin(x)),
    ),
    _pair(
        "cancelled zero divisors",
        ((x**2 - 1) / (x - 1), x + 1),
        ((x**2 - 1) / (x - 1), x + 1),
        Domain({x: (1, 1)}),
        Domain({x: (1, 2)}),
    ),
    _pair(
        "cancelled zero divisors",
        (1 / (sqrt(p + 1) - 1), sqrt(p + 1) / p),
        (1 / (sqrt(p + 1) - 1), (sqrt(p + 1) + 1) / p),
    ),
    _pair(
        "empty domains",
        ((x + 1) ** 2, x**2 + 2 * x + 1),
        ((x + 1) ** 2, x**2 + 2 * x + 1),
        Domain({x: (0, 1)}, (x > 2,)),
        Domain({x: (0, 3)}, (x > 2,)),
    ),
    _pair("near-equal constants", (pi, 3), (pi, 4 * atan(1))),
    _pair("near-equal constants", (pi, Rational(355, 113)), (sp.E ** log(pi), pi)),
    _pair("near-equal constants", (exp(pi * sqrt(163)), 640320**3 + 744), (exp(2 * log(163)), 163**2)),
    _pair(
        "near-equal constants",
        (sqrt(5 + 2 * sqrt(6)), sqrt(2) + sqrt(3) + TINY),
        (sqrt(5 + 2 * sqrt(6)), sqrt(2) + sqrt(3)),
    ),
    _pair(
        "near-equal constants",
        (16 * atan(Rational(1, 5)) - 4 * atan(Rational(1, 239)), pi + TINY),
        (16 * atan(Rational(1, 5)) - 8 * atan(Rational(1, 5)), 8 * atan(Rational(1, 5))),
    ),
    _pair("the 30th digit", (sin(x) ** 2 + cos(x) ** 2, 1 + TINY), (sin(x) ** 2 + cos(x) ** 2, 1)),
    _pair(
        "huge cancellation",
        ((x + 10**40) ** 2 - 10**80 - 2 * 10**40 * x, x**2 + TINY),
        ((x + 10**40) ** 2 - 10**80 - 2 * 10**40 * x, x**2),
    ),
    _pair("zero at common points", (sqrt(x**2), x + LUCKY), (x + LUCKY - LUCKY.expand(), x)),
    _pair("zero at common points", (sp.expand(LUCKY * (x - 3) * (x - 4)), 0), (sp.expand(LUCKY) - LUCKY, 0)),
    _pair(
        "equal at small integers",
        (n**2 - n + 41, n**2 - n + 41 + sp.Product(n - sp.Symbol("k"), (sp.Symbol("k"), 1, 6))),
        (n * (n - 1) + 41, n**2 - n + 41),
    ),
    _pair("equal at small integers", (sin(pi * i / 2), 0), (sin(pi * i), sp.tan(pi * i))),
    _pair("equal at small integers", ((-1) ** i, 1), ((-1) ** (i + 2), (-1) ** i)),
    _pair("trigonometry", (sin(x) ** 2, (1 + cos(2 * x)) / 2), (sin(x) ** 2, (1 - cos(2 * x)) / 2)),
    _pair("exponentials", (exp(2 * x) + 1, (exp(x) + 1) ** 2), (exp(2 * x) - 1, (exp(x) - 1) * (exp(x) + 1))),
    _pair("exponentials", (2 / (exp(p) + exp(-p)), 1 / sp.sinh(p)), (2 / (exp(p) - exp(-p)), 1 / sp.sinh(p))),
    _pair("Beta and Gamma", (sp.gamma(p + 1), (p + 1) * sp.gamma(p)), (sp.gamma(p + 1), p * sp.gamma(p))),
    _pair(
        "Beta and Gamma",
        (sp.gamma(p) * sp.gamma(1 - p), -pi / sin(pi * p)),
        (sp.gamma(p + 2) / sp.gamma(p), p * (p + 1)),
        Domain({p: (Rational(1, 8), Rational(7, 8))}),
    ),
    _pair(
        "one name, two symbols",
        (plain_x + positive_x, 2 * positive_x),
        (positive_x + positive_x + x, 2 * positive_x + x),
    ),
    _pair("one name, two symbols", (sqrt(plain_x**2), positive_x), (sqrt(positive_x**2), positive_x)),
    _pair("floats", (x * 0.1, x / 10), (x * Rational(1, 10), x / 10)),
    _pair("floats", (x + 0.1 + 0.2, x + 0.3), (x + Rational(3, 10), x + Rational(1, 10) + Rational(1, 5))),
    _pair(
        "unknown functions",
        (f(x + y), f(x) + f(y)),
        (f(x + y) ** 2 - f(x) ** 2, (f(x + y) - f(x)) * (f(x + y) + f(x))),
    ),
    _pair(
        "unknown functions",
        (sp.Derivative(f(x) ** 2, x), 2 * f(x)),
        (sp.Derivative(f(x) ** 2, x), 2 * f(x) * sp.Derivative(f(x), x)),
    ),
    _pair(
        "dropped convergence conditions",
        (sp.Sum(c**i, (i, 0, sp.oo)), 1 / (1 - c)),
        ((1 - c) * (1 + c + c**2), 1 - c**3),
        Domain({c: (1, 2)}),
    ),
    _pair(
        "dropped convergence conditions",
        (sp.Integral(exp(-c * p), (p, 0, sp.oo)), 1 / c),
        (sp.Derivative(-exp(-c * x) / c, x), exp(-c * x)),
    ),
    _pair("unevaluated objects", (sp.Integral(x**-2, (x, -1, 1)), -2), (sp.Sum(i**2, (i, -1, 1)), 2)),
    _pair("unevaluated objects", (sp.Limit(sin(x) / x, x, 0), 0), (sp.Sum(i, (i, 1, 4)), 10)),
]
