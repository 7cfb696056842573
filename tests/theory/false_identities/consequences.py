"""Consequences of earlier rows: divisions by zero, lost solutions, capture, order of a chain."""

import sympy as sp
from sympy import Derivative, Eq, Ge, Integral, Le, Lt, Or, Rational, Sum, exp, log, sqrt

from theory.derivation import Row
from theory.proving import Consequence

x, y, t = sp.symbols("x y t", real=True)
p = sp.Symbol("p", positive=True)
z, w = sp.symbols("z w")
n, k = sp.symbols("n k", integer=True, positive=True)
f = sp.Function("f")


def _equal(left, right):
    return Eq(left, right, evaluate=False)


def _pair(kind, false, true):
    """Of each: the premises, then the relation."""
    return (kind, *(Row(relation, "", Consequence(premises)) for *premises, relation in (false, true)))


PAIRS = [
    _pair(
        "cancelled zero divisors", (_equal(x * y, x * t), _equal(y, t)), (_equal(y, t), _equal(x * y, x * t))
    ),
    _pair(
        "cancelled zero divisors",
        (_equal(x, y), _equal(1 / (x - y), 2 / (x - y))),
        (_equal(x, y + 1), _equal(1 / (x - y), 1)),
    ),
    _pair("dropped solutions", (_equal(x**2, x), _equal(x, 1)), (_equal(x, 1), _equal(x**2, x))),
    _pair("dropped solutions", (_equal(x * y, 0), _equal(x, 0)), (_equal(x, 0), _equal(x * y, 0))),
    _pair(
        "dropped solutions",
        (Or(Eq(x, 1), Eq(x, 2)), _equal(x, 1)),
        (_equal(x, 1), Or(Eq(x, 1), Eq(x, 2)), _equal(x + 1, 2)),
    ),
    _pair("signs of roots", (_equal(x**2, y**2), _equal(x, y)), (_equal(x, -y), _equal(x**2, y**2))),
    _pair("signs of roots", (_equal(x**2, y), _equal(x, sqrt(y))), (_equal(x, sqrt(p)), _equal(x**2, p))),
    _pair(
        "branch cuts",
        (_equal(exp(z), w), _equal(exp(z / 2), sqrt(w))),
        (_equal(exp(z), w), _equal(exp(2 * z), w**2)),
    ),
    _pair(
        "branch cuts",
        (_equal(log(z), w), _equal(log(z**2), 2 * w)),
        (_equal(log(z), w), _equal(log(z) ** 2, w**2)),
    ),
    _pair(
        "capture",
        (_equal(y, k), _equal(Sum(y, (k, 1, n)), n * (n + 1) / 2)),
        (_equal(y, 2), _equal(Sum(y, (k, 1, n)), 2 * n)),
    ),
    _pair(
        "capture",
        (_equal(y, x), _equal(Integral(y, (x, 0, 1)), Rational(1, 2))),
        (_equal(y, 2), _equal(Integral(y, (x, 0, 1)), 2)),
    ),
    _pair(
        "capture",
        (_equal(f(x), 0), _equal(Integral(f(x), (x, 0, 1)), 0)),
        (_equal(f(x), 0), _equal(f(x) * Integral(f(x), (x, 0, 1)), 0)),
    ),
    _pair(
        "a value is no function",
        (_equal(f(x), 0), _equal(Derivative(f(x), x), 0)),
        (_equal(Derivative(f(x), x), 0), _equal(2 * Derivative(f(x), x), 0)),
    ),
    _pair(
        "wrong quantifier", (_equal(f(0), 0), _equal(f(x), 0)), (_equal(f(x), 0), _equal(f(x) + f(0), f(0)))
    ),
    _pair(
        "wrong quantifier",
        (_equal(f(1), 1), _equal(f(2), 2), _equal(f(n), n)),
        (_equal(f(1), 1), _equal(f(2), 2), _equal(f(1) + f(2), 3)),
    ),
    _pair("order of a chain", (Ge(x, y), Le(x, y)), (Ge(x, y), Le(y, x))),
    _pair("order of a chain", (Le(x, y), Le(t, y), Le(x, t)), (Le(x, y), Le(y, t), Le(x, t))),
    _pair("strictness", (Le(x, y), Le(y, t), Lt(x, t)), (Le(x, y), Lt(y, t), Lt(x, t))),
    _pair("multiplied by a negative number", (Le(x, y), Le(-x, -y)), (_equal(t, -x), Le(t, y), Le(-x, y))),
    _pair("inequalities squared", (Le(x, y), Le(x**2, y**2)), (_equal(x, y), Le(x**2, t), Le(y**2, t))),
    _pair(
        "missing premises",
        (_equal(f(x), x + 1), Le(f(x), y)),
        (_equal(f(x), x + 1), Le(x + 1, y), Le(f(x), y)),
    ),
    _pair(
        "premises that contradict each other",
        (_equal(x, 1), _equal(x, 2), _equal(t, y)),
        (_equal(x, 1), _equal(y, 1), _equal(x, y)),
    ),
    _pair("floats", (_equal(y, x / 10), _equal(y, 0.1 * x)), (_equal(y, x / 10), _equal(10 * y, x))),
    _pair(
        "wrong consequence",
        (_equal(f(x), x + 1), _equal(f(x) ** 2, x**2 + 1)),
        (_equal(f(x), x + 1), _equal(f(x) ** 2, (x + 1) ** 2)),
    ),
]
