"""Rows for sigmoids: nearest knot and geometric tail in one dimension, crossing zones in more."""

from __future__ import annotations

from itertools import product

from sympy import Abs, Derivative, Eq, Expr, Gt, Integer, Integral, Le, Sum, Symbol, exp, sinh, symbols, tanh

from theory.bump_networks.rows.symbols import alpha, axis_symbols, delta, f, h, j, k, m, n, s, t, u, v
from theory.derivation import Row
from theory.proving import Citation, Identity, Induction, Nonnegativity
from theory.statement import Source

CALCULUS = Source("Rudin, W.", "Principles of Mathematical Analysis", 1976, "Theorem 6.21")


def logistic() -> list[Row]:
    """The logistic in one dimension."""
    return [*_nearest_knot(), *_geometric_tail()]


def _nearest_knot() -> list[Row]:
    return [
        Row(
            Eq((1 - alpha) * (h / 2 + s) + alpha * (h / 2 - s), h / 2 + s * (1 - 2 * alpha)),
            "At distance $s$ behind the nearest knot the network is, up to the other units, a convex "
            "combination with weights $1 - \\alpha$ and $\\alpha$ of the two values beside it, whose centers "
            "are at the distances $h/2 + s$ and $h/2 - s$.",
            Identity(),
        ),
        Row(
            Eq(1 - 2 / (1 + exp(-v)), -tanh(v / 2)),
            "For the logistic function $\\alpha$ is its value at $v = k s$.",
            Identity(),
        ),
        Row(
            Gt(s * tanh(k * s / 2), 0, evaluate=False),
            "So the last term only helps, and by symmetry before the knot as well: the nearest unit costs at "
            "most $L h/2$, as the step does.",
            Nonnegativity(),
        ),
    ]


def _geometric_tail() -> list[Row]:
    return [
        Row(
            Le(1 - 1 / (1 + exp(-t)), exp(-t)),
            "Every other unit is exponentially close to its limit.",
            Nonnegativity(exp(-2 * t) / (1 + exp(-t))),
        ),
        Row(
            Eq(Sum(2 * exp(-(2 * m - 1) * u), (m, 1, n)), (1 - exp(-2 * n * u)) / sinh(u)),
            "The other knots lie at distances of at least $(2m - 1) h/2$, $m = 1, 2, \\dots$, on both sides; "
            "with $u = k h/2$ their tails form a geometric sum, for every number $n$ of them.",
            Induction(n),
        ),
        Row(
            Le((1 - exp(-2 * n * u)) / sinh(u), 1 / sinh(u)),
            "No number of units appears in the bound.",
            Nonnegativity(exp(-2 * n * u) / sinh(u)),
        ),
    ]


def zones() -> list[Row]:
    """Any other sigmoid in one dimension: overshoot within a zone around the knot, tails outside."""
    r, slope = Symbol("r", nonnegative=True), Symbol("L", positive=True)
    return [
        Row(
            Eq(Abs(1 + r) + Abs(-r), 1 + 2 * r, evaluate=False),
            "Within $h/64$ of a knot the unit may lie by $r \\le s$ below 0, $s$ its overshoot: the absolute "
            "weights of the two values beside it then sum to this.",
            Identity(),
        ),
        Row(
            Eq(Abs(1 - (1 + r)) + Abs(1 + r), 1 + 2 * r, evaluate=False),
            "The same for a unit that lies by $r$ above 1.",
            Identity(),
        ),
        Row(
            Eq(Sum(slope * h * delta, (j, 1, n)), n * slope * h * delta),
            "Each unit farther away is within $\\delta$ of its limit, and its weight is at most $L h$; the "
            "steepness is chosen so that $n \\delta$ is at most the last term of the bound.",
            Induction(n),
        ),
    ]


def orthants(dimension: int) -> list[Row]:
    """Sigmoids in d >= 2: where transition zones cross, the values are coupled comonotonically."""
    gates = [Symbol(f"g_{axis + 1}", real=True) for axis in range(dimension)]
    total, coupled = _crossing(gates)
    ends = [Integer(1), *gates, Integer(0)]
    weights = [ends[size] - ends[size + 1] for size in range(dimension + 1)]
    return [
        Row(
            Eq(total, coupled),
            "Where the zones of several knots cross, the orthants that meet there contribute mixed "
            "differences of the values. Were the gate of a set of axes the least of its axes' gates ($g_1 "
            "\\ge g_2 \\ge \\dots$), the network would be this convex combination of the values around the "
            "corner.",
            Identity(),
        ),
        Row(
            Eq(sum(weights[1:], Integer(0)), gates[0], evaluate=False),
            "Each axis keeps its own gate as the total weight of the cells beyond its knot, here the first: "
            "the combination costs at most half a cell and the half-width of a zone along each axis.",
            Identity(),
        ),
        _mixed_difference(dimension),
    ]


def _crossing(gates: list[Symbol]) -> tuple[Expr, Expr]:
    """The network at a crossing with the least gates, and the convex combination that it is."""
    size = len(gates)
    corners = {
        bits: Symbol("c_" + "".join(map(str, bits)), real=True) for bits in product((0, 1), repeat=size)
    }
    total: Expr = Integer(0)
    for bits in corners:
        below = [low for low in corners if all(i <= j for i, j in zip(low, bits, strict=True))]
        difference = sum(((-1) ** (sum(bits) - sum(low)) * corners[low] for low in below), Integer(0))
        chosen = [axis for axis in range(size) if bits[axis]]
        # With g_1 >= g_2 >= ... the least of the chosen gates is the last one.
        total += difference * (gates[chosen[-1]] if chosen else 1)
    ends = [Integer(1), *gates, Integer(0)]
    path = [tuple(int(axis < length) for axis in range(size)) for length in range(size + 1)]
    coupled = sum(((ends[i] - ends[i + 1]) * corners[bits] for i, bits in enumerate(path)), Integer(0))
    return total, coupled


def _mixed_difference(dimension: int) -> Row:
    first, second = axis_symbols("h", dimension)[:2]
    y1, y2 = symbols("y_1 y_2", real=True)
    inner = Integral(Derivative(f(y1, y2), y1, y2), (y1, 0, first))
    return Row(
        Eq(Integral(inner, (y2, 0, second)), f(first, second) - f(0, second) - f(first, 0) + f(0, 0)),
        "The gates differ from the least by at most one, whatever the steepness, and a mixed "
        "difference is an "
        "integral of the mixed derivative: at most $M_{12} h_1 h_2$; as a difference of two Lipschitz steps "
        "it is at most $2 L_k h_k$ for any of its axes. The sum of these over all sets of axes is $D$.",
        Citation(CALCULUS),
    )
