"""Rows for ReLU: linear interpolation on the Kuhn simplices, and its remainder of order two."""

from __future__ import annotations

from sympy import Derivative, Eq, Integral, Le, Max, Rational, Sum, Symbol, symbols

from theory.bump_networks.rows.symbols import HALF, a, alpha, c, g, h, j, n, t, x
from theory.derivation import Row
from theory.proving import Antiderivative, Identity, Induction, Nonnegativity


def interpolation(dimension: int) -> list[Row]:
    """From the units to the broken line, and from Taylor's formula to h^2 M/8."""
    hats = _hats() if dimension > 1 else []
    mixed = _mixed() if dimension > 1 else []
    return [_broken_line(), *hats, *_taylor(), *_barycentric(), *mixed, *_without_second_derivatives()]


def _broken_line() -> Row:
    second = (c(j + 1) - 2 * c(j) + c(j - 1)) / h
    line = c(n) + (c(n + 1) - c(n)) / h * (x - a - n * h) - c(0) - (c(1) - c(0)) / h * (x - a)
    return Row(
        Eq(Sum(second * (x - a - j * h), (j, 1, n)), line),
        "ReLU: on the cell number $n$ the units of the knots before it are linear and the others 0; their "
        "second differences add up to the broken line through the values, along every axis.",
        Induction(n),
    )


def _hats() -> list[Row]:
    """The nodal function of the triangulation from maxima."""
    so_far, following = symbols("mu u_k", real=True)
    return [
        Row(
            Eq(so_far + Max(0, following - so_far), Max(so_far, following)),
            "Maxima by ReLU units, one coordinate $u_k$ after the other, $\\mu$ being the maximum so far, at "
            "first 0; the hat of a node is $\\mathrm{ReLU}(1 - "
            "\\max(0, u_1, \\dots) - \\max(0, -u_1, \\dots))$ in the coordinates $u = x/h - m$.",
            Identity(),
        )
    ]


def _taylor() -> list[Row]:
    return [
        Row(
            Eq(Derivative((1 - t) * Derivative(g(t), t) + g(t), t), (1 - t) * Derivative(g(t), (t, 2))),
            "Integrated over $[0, 1]$ this is Taylor's formula, $g(1) = g(0) + g'(0) + \\int_0^1 "
            "(1 - t) g''(t) "
            "dt$; applied on the segments from $x$ to the vertices of its simplex, weighted with the "
            "barycentric coordinates of $x$, the first-order terms cancel.",
            Identity(),
        ),
        Row(
            Eq(Integral(1 - t, (t, 0, 1)), HALF),
            "The weight of the remainder.",
            Antiderivative(t - t**2 / 2),
        ),
    ]


def _barycentric() -> list[Row]:
    return [
        Row(
            Eq((1 - alpha) * (alpha * h) ** 2 + alpha * ((1 - alpha) * h) ** 2, h**2 * alpha * (1 - alpha)),
            "Along each axis a vertex lies at the lower or the upper end of the cell, with total "
            "weights $1 - "
            "\\alpha$ and $\\alpha$ ($\\alpha$ the coordinate of $x$ in the cell): the mean square of its "
            "distance.",
            Identity(),
        ),
        Row(
            Le(alpha * (1 - alpha), Rational(1, 4)),
            "It is largest in the middle of the cell; one half from Taylor and one quarter from "
            "here make the "
            "eighth of the bound.",
            Nonnegativity((alpha - HALF) ** 2),
        ),
    ]


def _mixed() -> list[Row]:
    first, second = Symbol("alpha_k", nonnegative=True), Symbol("alpha_l", nonnegative=True)
    return [
        Row(
            Le(first * second, (first**2 + second**2) / 2),
            "Mixed second derivatives meet products of two such distances, in units of the cell: "
            "their mean is "
            "at most a quarter as well.",
            Nonnegativity((first - second) ** 2 / 2),
        )
    ]


def _without_second_derivatives() -> list[Row]:
    return [
        Row(
            Le((1 - alpha) * alpha * h + alpha * (1 - alpha) * h, h / 2),
            "Where $f$ has no second derivative: the mean distance of a vertex along an axis is on "
            "the left, and "
            "the mean value theorem gives $L h/2$.",
            Nonnegativity(2 * h * (alpha - HALF) ** 2),
        )
    ]
