"""Rows that theorems on random layers share: mean and variance of a mean over m independent units."""

from __future__ import annotations

from sympy import Eq, Expr, Sum, Symbol, symbols

from theory.derivation import Row
from theory.gaussian import single_expectation
from theory.gaussian.expectation import A, B, GaussianExpectation, pair_expectation
from theory.gaussian.rows import Independence, Mean
from theory.proving import Consequence, Definition, Identity

WIDTH = Symbol("m", integer=True, positive=True)


def variance_law(unit: Symbol, variance: Symbol, mean: Expr) -> Eq:
    """m V_m = E unit^2 - mean^2."""
    return Eq(WIDTH * variance, Mean(unit**2) - mean**2, evaluate=False)


def unit_rows(unit: Symbol, variance: Symbol, mean: Expr, what: str) -> tuple[Row, ...]:
    """From one unit to the mean over m units: its mean, and m V_m = E unit^2 - mean^2 (the last row).

    ``mean`` is the letter of the mean of one unit, ``variance`` that of the variance V_m, ``what`` the LaTeX
    of the mean over the units.
    """
    r, s = symbols("r s", integer=True, positive=True)
    one, other = symbols(f"{unit.name}_1 {unit.name}_2", real=True)
    pairs = Sum(Mean(unit**2), (r, 1, WIDTH)) + 2 * Sum(Sum(mean**2, (s, 1, r - 1)), (r, 1, WIDTH))
    law = Eq(variance, pairs / WIDTH**2 - mean**2)
    return (
        Row(
            Eq(Sum(mean / WIDTH, (r, 1, WIDTH)), mean),
            rf"the mean of {what} is that of one unit, at every width",
            Identity(),
        ),
        Row(
            Eq(Mean(one * other), Mean(one) * Mean(other)),
            "two different units are independent: the mean of their product is the square of the mean",
            Independence(((one,), (other,))),
        ),
        Row(
            law,
            rf"the variance of {what}: the square of a sum of $m$ units has $m$ squares and twice the pairs "
            r"$s < r$",
            Definition(),
        ),
        Row(
            variance_law(unit, variance, mean),
            "hence $m$ times it is the variance of one unit, at every width",
            Consequence((law,)),
        ),
    )


def moment(activation: Expr, left: int, right: int, variable: Symbol) -> GaussianExpectation:
    """E[s(u)^left s(v)^right], a mean over one variable where the other power is 0."""
    if right == 0:
        return single_expectation(activation**left, variable, A)
    if left == 0:
        return single_expectation(activation**right, variable, B)
    return pair_expectation(activation**left, activation**right, variable)
