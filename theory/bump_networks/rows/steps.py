"""Rows that all constructions share: step, bump, tower, and the mean value theorem."""

from __future__ import annotations

from sympy import Abs, Eq, Ge, Heaviside, Integer, Le, Mul, Sum, Symbol

from theory.bump_networks.rows.symbols import HALF, a, axis_symbols, c, f, h, j, p, s, t, x
from theory.derivation import Row
from theory.proving import Citation, Enumeration, Induction, Nonnegativity
from theory.statement import Domain, Source

LEBOURG = Source("Clarke, F. H.", "Optimization and Nonsmooth Analysis", 1983, "Theorem 2.3.7 (Lebourg)")


def telescoping() -> list[Row]:
    """A sum of steps is the value of the cell, and cells are small."""
    return [
        Row(
            Eq(Sum(c(j) - c(j - 1), (j, 1, p)), c(p) - c(0)),
            "Telescoping: on the cell number $p$ exactly the steps $1, \\dots, p$ are on, so the bias $c(0)$ "
            "and the steps $c(j) - c(j-1)$ add up to the value $c(p)$ of the cell, for every "
            "number of cells.",
            Induction(p),
        ),
        Row(
            Ge(h**2 / 4 - (h * s / (s + t) - h / 2) ** 2, 0),
            "Every point of the closed cell, at the fraction $s/(s+t)$ of its width $h$, is within $h/2$ of "
            "its center; the closed cell is what both values of the step at a knot need.",
            Nonnegativity(h**2 * s * t / (s + t) ** 2),
        ),
    ]


def gates(dimension: int) -> list[Row]:
    """The outer threshold of a tower is a logical and of its inner steps."""
    bits = [Symbol(f"b_{axis + 1}", integer=True) for axis in range(dimension)]
    return [
        Row(
            Eq(Heaviside(sum(bits, Integer(0)) - dimension + HALF), Mul(*bits)),
            "The outer unit is on exactly where all inner ones are: a tower is the indicator of its cell, an "
            "orthant that of all cells above its corner.",
            Enumeration({bit: (Integer(0), Integer(1)) for bit in bits}),
            Domain({bit: (0, 1) for bit in bits}),
        )
    ]


def mean_value(dimension: int) -> list[Row]:
    """The Lipschitz estimate, and the width of a cell put into it."""
    slopes = axis_symbols("L", dimension)
    names = [""] if dimension == 1 else [f"_{axis + 1}" for axis in range(dimension)]
    distances = [Symbol(f"d{name}", nonnegative=True) for name in names]
    rests = [Symbol(f"r{name}", nonnegative=True) for name in names]
    pairs = list(zip(slopes, distances, rests, strict=True))
    near = sum((slope * distance for slope, distance, _ in pairs), Integer(0))
    far = sum((slope * (distance + rest) for slope, distance, rest in pairs), Integer(0))
    return [
        Row(
            Le(Abs(f(x) - f(a)), near),
            "Mean value theorem on the segment from $a$ to $x$, whose distances along the axes are the last "
            "factors; with Clarke's gradient it holds for every Lipschitz function, kinks included.",
            Citation(LEBOURG),
        ),
        Row(
            Le(near, far, evaluate=False),
            "With $d + r = h/2$ along every axis: the error of the step network is at most half of $L h$, "
            "summed over the axes.",
            Nonnegativity(sum((slope * rest for slope, _, rest in pairs), Integer(0))),
        ),
    ]
