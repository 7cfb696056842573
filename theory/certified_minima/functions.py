"""Functions with gradient and Hessian in ball arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Expr, Rational, Symbol

from theory.balls import Ball, ball, flint, lower_function

Point = Sequence[Ball]


@dataclass(frozen=True)
class Smooth:
    """A function of n balls: its value, its n slopes, its n x n second derivatives as rows.

    Each maps balls to enclosures at the precision set when it is called. Where the function may be undefined
    or not differentiable on its arguments, the enclosures are nan: then nothing is certified.
    """

    dimension: int
    value: Callable[[Point], Ball]
    gradient: Callable[[Point], list[Ball]]
    hessian: Callable[[Point], list[list[Ball]]]


def of_expression(expression: Expr, symbols: Sequence[Symbol]) -> Smooth:
    """The expression with the derivatives that SymPy finds. Raises OutsideBalls for unknown functions."""
    letters = tuple(symbols)
    slopes = [expression.diff(symbol) for symbol in letters]
    value = lower_function(expression, letters)
    gradient = [lower_function(slope, letters) for slope in slopes]
    curvatures = [
        [lower_function(slopes[i].diff(letters[j]), letters) for j in range(i + 1)]
        for i in range(len(letters))
    ]

    def hessian(point: Point) -> list[list[Ball]]:
        lower = [[entry(point) for entry in row] for row in curvatures]
        size = range(len(lower))
        return [[lower[max(i, j)][min(i, j)] for j in size] for i in size]

    return Smooth(len(letters), value, lambda point: [one(point) for one in gradient], hessian)


def summed(term: Expr, symbols: Sequence[Symbol], letter: Symbol, values: Sequence[Rational]) -> Smooth:
    """The sum of the term over values of one letter, differentiated once for all of them."""
    single, size = of_expression(term, (*symbols, letter)), len(symbols)

    def each(function: Callable[[Point], Any], point: Point) -> list[Any]:
        return [function([*point, ball(value)]) for value in values]

    def gradient(point: Point) -> list[Ball]:
        slopes = each(single.gradient, point)
        return [sum((one[i] for one in slopes), flint.arb()) for i in range(size)]

    def hessian(point: Point) -> list[list[Ball]]:
        rows = each(single.hessian, point)
        return [[sum((one[i][j] for one in rows), flint.arb()) for j in range(size)] for i in range(size)]

    return Smooth(size, lambda point: sum(each(single.value, point), flint.arb()), gradient, hessian)


def midpoints(balls: Sequence[Ball]) -> list[Ball]:
    """The exact midpoints of balls."""
    return [one.mid() for one in balls]


def around(center: Sequence[Ball], radius: Ball) -> list[Ball]:
    """The box of this radius in every coordinate."""
    return [one + flint.arb(0, radius) for one in center]
