"""Finitely many cases and finitely many terms: index sets, quantifiers, bases, steps."""

import sympy as sp
from sympy import Eq, Ge, Heaviside, Ne, Or, Product, Rational, Sum

from theory.derivation import Row
from theory.proving import Enumeration, Induction
from theory.statement import Domain

x = sp.Symbol("x", real=True)
p, q = sp.symbols("p q", positive=True)
n, k = sp.symbols("n k", integer=True, positive=True)
m, j = sp.symbols("m j", integer=True, nonnegative=True)
i, s, b_1, b_2 = sp.symbols("i s b_1 b_2", integer=True)
f = sp.Function("f")
SIGNS = Domain({s: (-1, 1)}, (Ne(s, 0),))
ROOTS = (n - 1) * (n - 2) * (n - 3) * (n - 4)


def _equal(left, right):
    return Eq(left, right, evaluate=False)


def _cases(kind, false, true):
    return (
        kind,
        *(Row(relation, "", Enumeration(cases), domain) for relation, cases, domain in (false, true)),
    )


def _sums(kind, false, true):
    """Of each: relation, variable, start, and perhaps a domain."""
    return (
        kind,
        *(Row(relation, "", Induction(n_, start), *where) for relation, n_, start, *where in (false, true)),
    )


def _bits(*symbols):
    return {bit: (0, 1) for bit in symbols}


_CASES = [
    _cases(
        "wrong case",
        (_equal(s**n, 1), {s: (-1, 1), n: (1, 2)}, Domain({s: (-1, 1), n: (1, 2)}, (Ne(s, 0),))),
        (_equal(s**2, 1), {s: (-1, 1)}, SIGNS),
    ),
    _cases(
        "off-by-one index sets",
        (_equal(ROOTS, 0), {n: range(1, 5)}, Domain({n: (1, 5)})),
        (_equal(ROOTS, 0), {n: range(1, 5)}, Domain({n: (1, 4)})),
    ),
    _cases(
        "off-by-one index sets",
        (Or(Ne(i**3, i), Eq(i, 0), Eq(i, 1)), {i: (0, 1)}, Domain({i: (-1, 1)})),
        (Or(Ne(i**3, i), Eq(i, 0), Eq(i, 1), Eq(i, -1)), {i: (-1, 0, 1)}, Domain({i: (-1, 1)})),
    ),
    _cases(
        "wrong quantifier",
        (_equal(ROOTS, 0), {n: range(1, 5)}, None),
        (_equal(ROOTS, 0), {n: range(1, 5)}, Domain({n: (1, 4)})),
    ),
    _cases(
        "wrong quantifier",
        (_equal(x**2, x), {x: (0, 1)}, Domain({x: (0, 1)})),
        (_equal(i**2, i), {i: (0, 1)}, Domain({i: (0, 1)})),
    ),
    _cases(
        "empty domains",
        (_equal(n, n + 1), {n: ()}, Domain({n: (1, 4)})),
        (_equal(n * (n + 1) - n, n**2), {n: range(1, 5)}, Domain({n: (1, 4)})),
    ),
    _cases(
        "dropped cases",
        (_equal(s**2, 1), {s: (-1, 1)}, Domain({s: (-1, 1)})),
        (_equal(s**2, 1), {s: (-1, 1)}, SIGNS),
    ),
    _cases(
        "threshold off by one",
        (_equal(Heaviside(b_1 + b_2 - 1, 1), b_1 * b_2), _bits(b_1, b_2), Domain(_bits(b_1, b_2))),
        (_equal(Heaviside(b_1 + b_2 - Rational(3, 2)), b_1 * b_2), _bits(b_1, b_2), Domain(_bits(b_1, b_2))),
    ),
    _cases(
        "one name, two symbols",
        (
            _equal(ROOTS, 0),
            {sp.Symbol("n", integer=True): range(1, 5)},
            Domain({sp.Symbol("n", integer=True): (1, 4)}),
        ),
        (_equal(ROOTS, 0), {n: range(1, 5)}, Domain({n: (1, 4)})),
    ),
    _cases(
        "a case that is only an identity",
        (_equal(p**i, p), {i: (0, 1)}, Domain(_bits(i))),
        (_equal((p + q) ** i, p**i + q**i - (1 - i)), {i: (0, 1)}, Domain(_bits(i))),
    ),
    _cases(
        "inequality at one end",
        (Ge(5 * i, i**2 + 1), {i: range(1, 6)}, Domain({i: (1, 5)})),
        (Ge(5 * i, i**2 + 1), {i: range(1, 5)}, Domain({i: (1, 4)})),
    ),
]

_TRIANGULAR = _equal(Sum(k, (k, 1, n)), n * (n + 1) / 2)
_SUMS = [
    _sums("wrong base", (_equal(Sum(k, (k, 1, n)), n * (n + 1) / 2 + 1), n, 1), (_TRIANGULAR, n, 1)),
    _sums(
        "wrong base",
        (_equal(Sum(k**2, (k, 1, n)), n * (n + 1) * (2 * n + 1) / 6 + Rational(1, 10**30)), n, 1),
        (_equal(Sum(k**2, (k, 1, n)), n * (n + 1) * (2 * n + 1) / 6), n, 1),
    ),
    _sums(
        "wrong base",
        (_equal(Product(1 + 1 / k, (k, 1, n)), 2 * n + 2), n, 1),
        (_equal(Product(1 + 1 / k, (k, 1, n)), n + 1), n, 1),
    ),
    _sums("wrong step", (_equal(Sum(k, (k, 1, n)), n**2), n, 1), (_TRIANGULAR, n, 1)),
    _sums(
        "wrong step",
        (_equal(Sum(2 * k - 1, (k, 1, n)), n * (3 * n - 1) / 2), n, 1),
        (_equal(Sum(2 * k - 1, (k, 1, n)), n**2), n, 1),
    ),
    _sums(
        "off-by-one index sets",
        (_equal(Sum(q**j, (j, 0, m)), (q**m - 1) / (q - 1)), m, 0),
        (_equal(Sum(q**j, (j, 0, m)), (q ** (m + 1) - 1) / (q - 1)), m, 0),
    ),
    _sums("off-by-one index sets", (_equal(Sum(k, (k, 1, n)), n * (n - 1) / 2), n, 1), (_TRIANGULAR, n, 1)),
    _sums(
        "off-by-one index sets",
        (_equal(Sum(f(i) - f(i - 1), (i, 1, n)), f(n) - f(1)), n, 1),
        (_equal(Sum(f(i) - f(i - 1), (i, 1, n)), f(n) - f(0)), n, 1),
    ),
    _sums(
        "off-by-one index sets",
        (_equal(Product(k, (k, 1, n)), sp.factorial(n - 1)), n, 1),
        (_equal(Product(k, (k, 1, n)), sp.factorial(n)), n, 1),
    ),
    _sums(
        "empty sums",
        (_equal(Sum(i, (i, 5, n)), n * (n + 1) / 2 - 10), n, 1),
        (_equal(Sum(i, (i, 1, n)), n * (n + 1) / 2), n, 1),
    ),
    _sums(
        "starts too late",
        (_equal(Product(i - 2, (i, 1, m)), 0), m, 2),
        (_equal(Product(i - 2, (i, 1, n)), 0), n, 2, Domain({n: (2, 9)})),
    ),
    _sums("starts too late", (_equal(Sum(k, (k, 1, i)), i * (i + 1) / 2), i, 1), (_TRIANGULAR, n, 1)),
    _sums(
        "terms that change",
        (_equal(Sum(i + n, (i, 1, n)), n**2 + 1), n, 1),
        (_equal(Sum(i + p, (i, 1, n)), n * (n + 1) / 2 + n * p), n, 1),
    ),
    _sums("terms that change", (_equal(Sum(i, (i, n, n)), n * (n + 1) / 2), n, 1), (_TRIANGULAR, n, 1)),
    _sums("wrong variable", (_equal(Sum(i, (i, 1, m)), n * (n + 1) / 2), n, 1), (_TRIANGULAR, n, 1)),
    _sums(
        "assumptions on the index",
        (_equal(Sum(0**k, (k, 0, m)), 0), m, 0),
        (_equal(Sum(2 * j, (j, 0, m)), m * (m + 1)), m, 0),
    ),
    _sums("not an integer", (_equal(Sum(i, (i, 1, p)), p * (p + 1) / 2), p, 1), (_TRIANGULAR, n, 1)),
]

PAIRS = _CASES + _SUMS
