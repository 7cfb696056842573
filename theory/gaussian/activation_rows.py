"""Rows that the theorems about kernels share: an activation, its derivative, their expectations."""

from __future__ import annotations

from sympy import Derivative, Eq, Expr, Symbol

from theory.derivation import Row
from theory.gaussian.expectation import C, heaviside_form, pair_expectation
from theory.gaussian.price import PriceEquation
from theory.gaussian.rows import ClosedFormDerivative, DistributionalDerivative, SameFunction
from theory.statement import Domain


def form_rows(activation: Expr, variable: Symbol) -> tuple[Row, ...]:
    """The activation in Heaviside form, where that differs from how it was given."""
    steps = heaviside_form(activation, variable)
    if steps == activation:
        return ()
    relation = Eq(activation, steps, evaluate=False)
    return (Row(relation, "the activation in Heaviside form", SameFunction(variable)),)


def slope_row(activation: Expr, slope: Expr, variable: Symbol) -> Row:
    """s' almost everywhere."""
    relation = Eq(Derivative(activation, variable), slope)
    return Row(relation, "its derivative, almost everywhere", DistributionalDerivative())


def dual_row(activation: Expr, closed: Expr, variable: Symbol, domain: Domain) -> Row:
    """E[s(u) s(v)] in closed form."""
    return Row(
        Eq(pair_expectation(activation, activation, variable), closed, evaluate=False),
        r"$\Sigma$ has the entries $a, c, b$; Price: $\partial_c E[\sigma \sigma] = E[\sigma' \sigma']$, "
        r"and $E[\sigma(u)] E[\sigma(v)]$ at $c = 0$",
        PriceEquation(),
        domain,
    )


def moved_row(slope: Expr, closed: Expr, variable: Symbol, domain: Domain) -> Row:
    """E[s'(u) s'(v)] in closed form."""
    return Row(
        Eq(pair_expectation(slope, slope, variable), closed, evaluate=False),
        "the derivative kernel, by Price again",
        PriceEquation(),
        domain,
    )


def kernel_rows(
    activation: Expr, slope: Expr, dual: Expr, moved: Expr, variable: Symbol, domain: Domain
) -> tuple[Row, ...]:
    """The derivative, and both expectations by two routes: Price's equation, and differentiation."""
    return (
        *form_rows(activation, variable),
        slope_row(activation, slope, variable),
        dual_row(activation, dual, variable, domain),
        Row(
            Eq(Derivative(dual, C), moved),
            "differentiating that closed form gives the derivative kernel",
            ClosedFormDerivative(),
            domain,
        ),
        moved_row(slope, moved, variable, domain),
    )
