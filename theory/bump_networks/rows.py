"""The rows of the bump theorem: what step, sigmoidal and ReLU constructions share, and what each adds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import sympy
from sympy import (
    Abs,
    Eq,
    Expr,
    Function,
    Ge,
    Gt,
    Heaviside,
    Integer,
    Integral,
    Le,
    Rational,
    Sum,
    Symbol,
    exp,
    sinh,
    symbols,
    tanh,
)

from theory.derivation import Row
from theory.proving import Antiderivative, Citation, Enumeration, Identity, Induction, Nonnegativity
from theory.statement import Source

E = Symbol("E", nonnegative=True)
h, k, u, delta, eta = symbols("h k u delta eta", positive=True)
n, p = symbols("n p", integer=True, positive=True)
j, m = symbols("j m", integer=True)
s, t, v = symbols("s t v", positive=True)
a, x = symbols("a x", real=True)
alpha = Symbol("alpha", real=True)
c, g = Function("c"), Function("g")
HALF = Rational(1, 2)

LEBOURG = Source("Clarke, F. H.", "Optimization and Nonsmooth Analysis", 1983, "Theorem 2.3.7 (Lebourg)")
CALCULUS = Source("Rudin, W.", "Principles of Mathematical Analysis", 1976, "Theorem 6.21")


def axis_symbols(name: str, dimension: int) -> tuple[Symbol, ...]:
    """One positive symbol for each axis: h in one dimension, h_1, h_2, ... in more."""
    if dimension == 1:
        return (Symbol(name, positive=True),)
    return tuple(Symbol(f"{name}_{axis + 1}", positive=True) for axis in range(dimension))


def curvature_symbol(first: int, second: int, dimension: int) -> Symbol:
    """M in one dimension, M_kl with k <= l in more."""
    low, high = sorted((first + 1, second + 1))
    return Symbol("M" if dimension == 1 else f"M_{low}{high}", nonnegative=True)


def telescoping() -> list[Row]:
    """Step, bump, tower: a sum of steps is the value of the cell."""
    return [
        Row(
            Eq(Sum(c(j) - c(j - 1), (j, 1, p)), c(p) - c(0)),
            "Telescoping: on the cell number $p$ exactly the steps $1, \\dots, p$ are on, so the "
            "bias $c(0)$ and "
            "the steps $c(j) - c(j-1)$ add up to the value $c(p)$ of the cell, for every number of cells.",
            Induction(p),
        ),
        Row(
            Ge(h**2 / 4 - (h * s / (s + t) - h / 2) ** 2, 0),
            "Every point of the closed cell, at the fraction $s/(s+t)$ of its width $h$, is within "
            "$h/2$ of its "
            "center; the closed cell is what both values of the step at a knot need.",
            Nonnegativity(h**2 * s * t / (s + t) ** 2),
        ),
    ]


def gates(dimension: int) -> list[Row]:
    """The outer threshold of a tower is a logical and of its inner steps."""
    bits = [Symbol(f"b_{axis + 1}", integer=True) for axis in range(dimension)]
    return [
        Row(
            Eq(Heaviside(sum(bits, Integer(0)) - dimension + HALF), sympy.Mul(*bits)),
            "The outer unit is on exactly where all inner ones are: a tower is the indicator of its cell, an "
            "orthant that of all cells above its corner.",
            Enumeration({bit: (Integer(0), Integer(1)) for bit in bits}),
        )
    ]


def mean_value(dimension: int) -> list[Row]:
    """The Lipschitz estimate, and the width of a cell put into it."""
    slopes, widths = axis_symbols("L", dimension), axis_symbols("h", dimension)
    parts = [Symbol(f"f_{axis}" if dimension > 1 else "f_c", real=True) for axis in range(dimension)]
    return [
        Row(
            Le(
                Abs(Function("f")(x) - Function("f")(a)),
                sum(L * Abs(part) for L, part in zip(slopes, parts, strict=True)),
            ),
            "Mean value theorem on the segment from $a$ to $x$, whose components are the last "
            "factors; with Clarke's "
            "gradient it holds for every Lipschitz function, kinks included.",
            Citation(LEBOURG),
        ),
        Row(
            Eq(
                sum((L * (w / 2) for L, w in zip(slopes, widths, strict=True)), Integer(0)),
                step_bound(dimension),
            ),
            "Each component is at most half a cell: the error of the step network.",
            Identity(),
        ),
    ]


def step_bound(dimension: int) -> Expr:
    """1/2 sum_k L_k h_k."""
    pairs = zip(axis_symbols("L", dimension), axis_symbols("h", dimension), strict=True)
    return sum((L * w for L, w in pairs), Integer(0)) / 2


def logistic() -> list[Row]:
    """The logistic in one dimension: a convex combination at the nearest knot, and a geometric tail."""
    return [
        Row(
            Eq((1 - alpha) * (h / 2 + s) + alpha * (h / 2 - s), h / 2 + s * (1 - 2 * alpha)),
            "At distance $s$ behind the nearest knot the network is, up to the other units, a "
            "convex combination "
            "with weights $1 - \\alpha$ and $\\alpha$ of the two values beside it, whose centers are at the "
            "distances $h/2 + s$ and $h/2 - s$.",
            Identity(),
        ),
        Row(
            Eq(1 - 2 / (1 + exp(-v)), -tanh(v / 2)),
            "For the logistic function $\\alpha$ is its value at $v = k s$.",
            Identity(),
        ),
        Row(
            Gt(s * tanh(k * s / 2), 0),
            "So the last term only helps, and by symmetry before the knot as well: the nearest "
            "unit costs at most "
            "$L h/2$, as the step does.",
            Nonnegativity(),
        ),
        Row(
            Le(1 - 1 / (1 + exp(-t)), exp(-t)),
            "Every other unit is exponentially close to its limit.",
            Nonnegativity(exp(-2 * t) / (1 + exp(-t))),
        ),
        Row(
            Eq(Sum(2 * exp(-(2 * m - 1) * u), (m, 1, n)), (1 - exp(-2 * n * u)) / sinh(u)),
            "The other knots lie at distances of at least $(2m - 1) h/2$, $m = 1, 2, \\dots$, on "
            "both sides; with "
            "$u = k h/2$ their tails form a geometric sum, for every number $n$ of them.",
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
    r = Symbol("r", nonnegative=True)
    L = Symbol("L", positive=True)
    return [
        Row(
            Eq(Abs(1 + r) + Abs(-r), 1 + 2 * r),
            "Within $\\eta$ of a knot the unit may lie by $r \\le s$ below 0: the "
            "absolute weights of the two values beside it then sum to this.",
            Identity(),
        ),
        Row(
            Eq(Abs(1 - (1 + r)) + Abs(1 + r), 1 + 2 * r),
            "The same for a unit that lies by $r$ above 1.",
            Identity(),
        ),
        Row(
            Eq(Sum(L * h * delta, (j, 1, n)), n * L * h * delta),
            "Each unit farther away than $\\eta$ is within "
            "$\\delta$ of its limit, and its weight is at most $L h$.",
            Induction(n),
        ),
    ]


def orthants(dimension: int) -> list[Row]:
    """Sigmoids in d >= 2: where transition zones cross, the values are coupled comonotonically."""
    gates_ = [Symbol(f"g_{axis + 1}", real=True) for axis in range(dimension)]
    corners = {
        bits: Symbol("c_" + "".join(map(str, bits)), real=True) for bits in product((0, 1), repeat=dimension)
    }
    total, least = Integer(0), Integer(0)
    for bits in corners:
        chosen = [axis for axis in range(dimension) if bits[axis]]
        difference = sum(
            (
                (-1) ** (sum(bits) - sum(lower)) * corners[lower]
                for lower in corners
                if all(low <= high for low, high in zip(lower, bits, strict=True))
            ),
            Integer(0),
        )
        # With g_1 >= g_2 >= ... the least of the chosen gates is the last one.
        total += difference * (gates_[chosen[-1]] if chosen else 1)
    path = [tuple(1 if axis < size else 0 for axis in range(dimension)) for size in range(dimension + 1)]
    ends = [Integer(1), *gates_, Integer(0)]
    least = sum(
        ((ends[size] - ends[size + 1]) * corners[path[size]] for size in range(dimension + 1)), Integer(0)
    )
    first, second = axis_symbols("h", dimension)[:2]
    M, L = curvature_symbol(0, 1, dimension), axis_symbols("L", dimension)[0]
    f = Function("f")
    y1, y2 = symbols("y_1 y_2", real=True)
    return [
        Row(
            Eq(total, least),
            "Where the zones of several knots cross, the orthants that meet there contribute mixed "
            "differences of "
            "the values. Were the gate of a set of axes the least of its axes' gates ($g_1 \\ge "
            "g_2 \\ge \\dots$), the "
            "network would be this convex combination of the values around the corner.",
            Identity(),
        ),
        Row(
            Eq(ends[1] - ends[2] + (1 - ends[1]) + ends[2], 1)
            if dimension == 2
            else Eq(sum((ends[size] - ends[size + 1] for size in range(dimension + 1)), Integer(0)), 1),
            "Its weights sum to one, and each axis keeps its own gate as marginal: it costs at "
            "most half a cell and "
            "the half-width of a zone along each axis.",
            Identity(),
        ),
        Row(
            Eq(
                Integral(Integral(sympy.Derivative(f(y1, y2), y1, y2), (y1, 0, first)), (y2, 0, second)),
                f(first, second) - f(0, second) - f(first, 0) + f(0, 0),
            ),
            "The gates differ from the least by at most one, and a mixed difference is an integral "
            "of the mixed "
            "derivative, so it is at most $M_{12} h_1 h_2$; without second derivatives it is at "
            "most $2 L_k h_k$ for "
            "any of its axes. This is what crossing zones add.",
            Citation(CALCULUS),
        ),
        Row(
            Le(M * first * second - M * first * second / 2, M * first * second),
            "The exact gates are at most that far from the least, whatever the steepness.",
            Nonnegativity(M * first * second / 2),
        ),
        Row(
            Eq(Abs(L * first) + Abs(-L * first), 2 * L * first),
            "The difference of two Lipschitz steps.",
            Identity(),
        ),
    ]


def interpolation(dimension: int) -> list[Row]:
    """ReLU: linear interpolation on the Kuhn simplices, and its remainder of order two."""
    q, r = symbols("alpha_k alpha_l", nonnegative=True)
    rows = [
        Row(
            Eq(
                Sum((c(j + 1) - 2 * c(j) + c(j - 1)) / h * (x - a - j * h), (j, 1, n)),
                c(n) + (c(n + 1) - c(n)) / h * (x - a - n * h) - c(0) - (c(1) - c(0)) / h * (x - a),
            ),
            "On the cell number $n$ the units of the knots before it are linear and the others 0: "
            "their second "
            "differences add up to the broken line through the values, along every axis.",
            Induction(n),
        )
    ]
    if dimension > 1:
        rows += _hats(dimension)
    rows += [
        Row(
            Eq(
                sympy.Derivative((1 - t) * sympy.Derivative(g(t), t) + g(t), t),
                (1 - t) * sympy.Derivative(g(t), (t, 2)),
            ),
            "Integrated over $[0, 1]$ this is Taylor's formula with its remainder, $g(1) = g(0) + "
            "g'(0) + \\int_0^1 "
            "(1 - t) g''(t) dt$; applied on the segments from $x$ to the vertices of its simplex, "
            "weighted with the "
            "barycentric coordinates of $x$, the first-order terms cancel.",
            Identity(),
        ),
        Row(
            Eq(Integral(1 - t, (t, 0, 1)), HALF), "The weight of the remainder.", Antiderivative(t - t**2 / 2)
        ),
        Row(
            Eq((1 - alpha) * (alpha * h) ** 2 + alpha * ((1 - alpha) * h) ** 2, h**2 * alpha * (1 - alpha)),
            "Along each axis a vertex lies at the lower or the upper end of the cell, with total "
            "weights $1 - \\alpha$ "
            "and $\\alpha$ ($\\alpha$ the coordinate of $x$ in the cell): the mean square of its distance.",
            Identity(),
        ),
        Row(
            Le(alpha * (1 - alpha), Rational(1, 4)),
            "It is largest in the middle of the cell.",
            Nonnegativity((alpha - HALF) ** 2),
        ),
    ]
    if dimension > 1:
        rows.append(
            Row(
                Le(q * r, (q**2 + r**2) / 2),
                "Mixed second derivatives meet products of two such distances, in units of the cell.",
                Nonnegativity((q - r) ** 2 / 2),
            )
        )
    widths = axis_symbols("h", dimension)
    pairs = list(product(range(dimension), repeat=2))
    terms = sum(
        (curvature_symbol(i, q, dimension) * widths[i] * widths[q] * HALF / 4 for i, q in pairs), Integer(0)
    )
    rows.append(
        Row(
            Eq(terms, curvature_bound(dimension)),
            "Together: one half from Taylor, one quarter from the cell.",
            Identity(),
        )
    )
    return rows


def curvature_bound(dimension: int) -> Expr:
    """1/8 sum_kl M_kl h_k h_l."""
    widths = axis_symbols("h", dimension)
    pairs = list(product(range(dimension), repeat=2))
    total = sum((curvature_symbol(i, q, dimension) * widths[i] * widths[q] for i, q in pairs), Integer(0))
    return sympy.expand(total / 8)


def lipschitz_interpolation() -> list[Row]:
    """ReLU without second derivatives."""
    return [
        Row(
            Eq((1 - alpha) * (alpha * h) + alpha * ((1 - alpha) * h), 2 * alpha * (1 - alpha) * h),
            "Where f has no second derivative: the mean distance of a vertex along an axis is at "
            "most $h/2$ by the row "
            "on the middle of the cell, and the mean value theorem gives $L h/2$.",
            Identity(),
        )
    ]


def _hats(dimension: int) -> list[Row]:
    """The nodal function of the triangulation from maxima, on every order of the local coordinates."""
    values = [Symbol(f"u_{axis + 1}", real=True) for axis in range(dimension)]
    first, second = values[0], values[1]
    maximum = sympy.Max
    return [
        Row(
            Eq(maximum(0, first) + maximum(0, second - maximum(0, first)), maximum(0, first, second)),
            "Maxima by ReLU units, one coordinate after the other; the hat of a node is $\\mathrm{ReLU}(1 - "
            "\\max(0, u_1, \\dots) - \\max(0, -u_1, \\dots))$ in the coordinates $u = x/h - m$, "
            "checked on a grid "
            "that meets every order of the arguments, between whose kinks both sides are linear.",
            Enumeration({first: _grid(), second: _grid()}),
        )
    ]


def _grid() -> Sequence[Integer]:
    # Both sides are positively homogeneous and linear on the cones cut out by u_1 = 0, u_2 = 0, u_1 = u_2,
    # whose edges are the directions (+-1, 0), (0, +-1), +-(1, 1): agreement on them proves the identity.
    return (Integer(-1), Integer(0), Integer(1))
