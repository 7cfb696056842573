"""The letters of the bump theorem."""

from __future__ import annotations

import sympy
from sympy import Expr, Function, Integer, Rational, Symbol, symbols

E = Symbol("E", nonnegative=True)
h, k, u, delta = symbols("h k u delta", positive=True)
n, p = symbols("n p", integer=True, positive=True)
j, m = symbols("j m", integer=True)
s, t, v = symbols("s t v", positive=True)
a, x, alpha = symbols("a x alpha", real=True)
rho, tau, D = symbols("rho tau D", nonnegative=True)
c, f, g, omega = map(Function, ("c", "f", "g", "omega"))
HALF = Rational(1, 2)


def axis_symbols(name: str, dimension: int) -> tuple[Symbol, ...]:
    """One positive symbol for each axis: h in one dimension, h_1, h_2, ... in more."""
    if dimension == 1:
        return (Symbol(name, positive=True),)
    return tuple(Symbol(f"{name}_{axis + 1}", positive=True) for axis in range(dimension))


def curvature_symbol(first: int, second: int, dimension: int) -> Symbol:
    """M in one dimension, M_kl with k <= l in more."""
    low, high = sorted((first + 1, second + 1))
    return Symbol("M" if dimension == 1 else f"M_{low}{high}", nonnegative=True)


def step_bound(dimension: int) -> Expr:
    """1/2 sum_k L_k h_k."""
    pairs = zip(axis_symbols("L", dimension), axis_symbols("h", dimension), strict=True)
    return sum((slope * width for slope, width in pairs), Integer(0)) / 2


def curvature_bound(dimension: int) -> Expr:
    """1/8 sum_kl M_kl h_k h_l."""
    widths = axis_symbols("h", dimension)
    total = sum(
        (
            curvature_symbol(first, second, dimension) * widths[first] * widths[second]
            for first in range(dimension)
            for second in range(dimension)
        ),
        Integer(0),
    )
    return sympy.expand(total / 8)
