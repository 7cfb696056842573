"""Inequalities: signs, slivers, edges of the box, clashes with assumptions."""

import sympy as sp
from sympy import Abs, Ge, Gt, Le, Lt, Max, Piecewise, Rational, exp, log, pi, sin, sqrt

from theory.derivation import Row
from theory.proving import Enclosure, Nonnegativity
from theory.statement import Domain

x, y = sp.symbols("x y", real=True)
p, q = sp.symbols("p q", positive=True)
z = sp.Symbol("z")
n = sp.Symbol("n", integer=True, positive=True)
below = sp.Symbol("s", negative=True)
plain_x = sp.Symbol("x")
f = sp.Function("f")
THIRD = Rational(1, 3)
SQUARES = (x - y) ** 2


def _signs(kind, false, true):
    """Of each: the relation's head and sides, and the certificate."""
    rows = ((false[:3], *false[3:]), (true[:3], *true[3:]))
    return (
        kind,
        *(Row(head(a, b, evaluate=False), "", Nonnegativity(*rest)) for (head, a, b), *rest in rows),
    )


def _boxes(kind, false, true):
    """Of each: the relation's head and sides, and the box."""
    rows = (false, true)
    return (
        kind,
        *(
            Row(head(a, b, evaluate=False), "", Enclosure(maximum_boxes=2000), Domain(box))
            for head, a, b, box in rows
        ),
    )


_SIGNS = [
    _signs("wrong factor", (Ge, x**2 + y**2, 3 * x * y, SQUARES), (Ge, x**2 + y**2, 2 * x * y, SQUARES)),
    _signs("equality is met", (Gt, x**2 + y**2, 2 * x * y, SQUARES), (Ge, x**2 + y**2, 2 * x * y, SQUARES)),
    _signs("false at one point", (Gt, x**2, 0), (Gt, x**2 + Rational(1, 10**40), 0)),
    _signs("false at one point", (Gt, Abs(x), 0), (Gt, Abs(x) + p, 0)),
    _signs("false at one end", (Gt, n - 1, 0), (Ge, n - 1, 0)),
    _signs("false in a sliver", (Ge, x**2 - Rational(1, 10**40), 0, x**2), (Ge, x**2, 0, x**2)),
    _signs(
        "false in a sliver",
        (Ge, x**2 - 2 * x * y + (1 - Rational(1, 10**20)) * y**2, 0, SQUARES),
        (Ge, x**2 - 2 * x * y + (1 + Rational(1, 10**20)) * y**2, 0, SQUARES + y**2 / 10**20),
    ),
    _signs(
        "floats",
        (Ge, x**2 - 2 * x * y + (1 - Rational(1, 10**20)) * y**2, 0, (1.0 * x - 1.0 * y) ** 2),
        (Ge, x**2 - 2 * x * y + y**2, 0, SQUARES),
    ),
    _signs("sign of a symbol", (Ge, p * y, 0), (Ge, p * q, 0)),
    _signs("sign of a symbol", (Ge, below * x**2, 0), (Le, below * x**2, 0)),
    _signs("complex values", (Ge, z**2 * p, 0), (Ge, x**2 * p, 0)),
    _signs("kinks", (Ge, Max(0, x), x + p, Max(0, x)), (Ge, Max(0, x), 0)),
    _signs("multiplied by a negative number", (Le, -p, -p - q, q), (Le, -p - q, -p, q)),
    _signs("branch cuts", (Ge, log(p), 0), (Ge, log(1 + p), 0)),
]

_BOXES = [
    _boxes("false at one end", (Lt, x, 1, {x: (0, 1)}), (Lt, x, 1, {x: (0, Rational(999, 1000))})),
    _boxes(
        "false at one end",
        (Le, x, 2 * THIRD - Rational(1, 10**40), {x: (THIRD, 2 * THIRD)}),
        (Lt, x, 2 * THIRD + Rational(1, 10**10), {x: (THIRD, 2 * THIRD)}),
    ),
    _boxes(
        "false at one end",
        (Gt, x, THIRD + Rational(1, 10**25), {x: (THIRD, 1)}),
        (Gt, x, THIRD - Rational(1, 10**10), {x: (THIRD, 1)}),
    ),
    _boxes(
        "false in a sliver",
        (Gt, (x - THIRD) ** 2, Rational(1, 10**14), {x: (0, 1)}),
        (Gt, (x - THIRD) ** 2, Rational(-1, 10**3), {x: (0, 1)}),
    ),
    _boxes(
        "false in a sliver", (Lt, sin(x), 1, {x: (0, 3)}), (Lt, sin(x), Rational(1001, 1000), {x: (0, 3)})
    ),
    _boxes("a pole inside", (Lt, 1 / x, 10, {x: (-1, 1)}), (Lt, 1 / x, 10, {x: (1, 2)})),
    _boxes("undefined inside", (Lt, log(x), 1, {x: (-1, 2)}), (Lt, log(x), 1, {x: (1, 2)})),
    _boxes("undefined inside", (Ge, Max(0, log(x)), 0, {x: (-2, -1)}), (Ge, Max(0, log(x)), 0, {x: (2, 3)})),
    _boxes(
        "undefined inside",
        (Gt, Piecewise((1, x < 0), (2, x > 0)), 0, {x: (-1, 1)}),
        (Gt, Piecewise((1, x < 0), (2, True)), 0, {x: (-1, 1)}),
    ),
    _boxes(
        "one point removed",
        (Gt, Piecewise((1, sp.Ne(x, 0)), (-1, True)), 0, {x: (-1, 1)}),
        (Gt, Piecewise((1, sp.Ne(x, 0)), (2, True)), 0, {x: (-1, 1)}),
    ),
    _boxes("kinks at 0", (Ge, sp.sign(x), 0, {x: (-1, 1)}), (Ge, sp.sign(x), 0, {x: (1, 2)})),
    _boxes(
        "near-equal constants",
        (Gt, exp(pi * sqrt(163)), 640320**3 + 744, {}),
        (Lt, exp(pi * sqrt(163)), 640320**3 + 744, {}),
    ),
    _boxes(
        "equal constants",
        (Lt, sqrt(2) + sqrt(3), sqrt(5 + 2 * sqrt(6)), {}),
        (Lt, sqrt(2) + sqrt(3), sqrt(5 + 2 * sqrt(6)) + Rational(1, 10**20), {}),
    ),
    _boxes("one name, two symbols", (Gt, x + 1, 0, {plain_x: (0, 1)}), (Gt, x + 1, 0, {x: (0, 1)})),
    _boxes("missing symbols", (Gt, x + y, -1, {x: (0, 1)}), (Gt, x + y, -1, {x: (0, 1), y: (0, 1)})),
    _boxes("unknown functions", (Ge, f(x) ** 2 + 1, 0, {x: (0, 1)}), (Ge, sin(x) ** 2 + 1, 0, {x: (0, 1)})),
]

PAIRS = _SIGNS + _BOXES
