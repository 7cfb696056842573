r"""The tangent kernel of a two-layer network in closed form, by Price's equation, and its proof."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from sympy import And, Basic, Eq, Expr, Gt, Lt, Rational

from theory.derivation import Row
from theory.errors import InputError, OutsideClass
from theory.gaussian import (
    PriceEquation,
    derivative,
    heaviside_form,
    pair_expectation,
    read,
    single_expectation,
    tangent_kernel,
)
from theory.gaussian.activation_rows import kernel_rows
from theory.gaussian.expectation import A, B, C
from theory.gaussian.rows import (
    DiagonalLimit,
    GaussianRules,
    Mean,
    MehlerEnclosure,
    enclose_terms,
)
from theory.gaussian.special import BivariateNormalCDF
from theory.proving import Consequence, Given
from theory.two_layer.terms import DOMAIN, INSTANCE, LIMIT, SECOND, THETA, UNIT, UNIT_MEAN, D, S, Z

MOMENTS = ("E[S^2]", "E[S D]", "E[D^2]")
PLACE = rf"$a = {INSTANCE[A]}$, $b = {INSTANCE[B]}$, $c = {INSTANCE[C]}$"
_WIDTH = Rational(1, 10**6)  # ten times the radius of Mehler's series


class Kernel(NamedTuple):
    """Closed forms: E[s s], E[s' s'], and Theta = E[s s] + c E[s' s']."""

    dual: Expr
    derivative: Expr
    tangent: Expr


def slope_of(activation: Expr) -> Expr:
    """s' in Heaviside form.

    Raises InputError for an activation that is not square integrable, whose variance law diverges, or that
    jumps: a point mass in s' makes the tangent kernel of a finite network meaningless. Raises OutsideClass.
    """
    heaviside_form(activation, Z)
    element = read(activation, Z)
    if not element.continuous():
        raise InputError(f"{activation} jumps: the tangent kernel needs a derivative that is a function")
    if any(4 * term.quadratic + 1 <= 0 for term, _ in element.terms):
        raise InputError(f"{activation} has no fourth moment under N(0, 1), which the variance law needs")
    return derivative(activation, Z)


@lru_cache(maxsize=64)
def kernel(activation: Expr) -> Kernel:
    """The closed forms for an activation. Raises as `slope_of` does."""
    slope = slope_of(activation)
    dual = pair_expectation(activation, activation, Z).doit()
    moved = pair_expectation(slope, slope, Z).doit()
    return Kernel(dual, moved, tangent_kernel(activation, Z))


def limit(activation: Expr) -> Expr:
    """Theta in closed form."""
    return kernel(activation).tangent


def variance_terms(activation: Expr) -> tuple[Expr, Expr, Expr]:
    """E[s^2 s^2], E[s s' s s'] and E[s'^2 s'^2] as unevaluated expectations."""
    slope = slope_of(activation)
    mixed = activation * slope
    return tuple(pair_expectation(f, f, Z) for f in (activation**2, mixed, slope**2))  # type: ignore[return-value]


def activation_rows(activation: Expr) -> tuple[Row, ...]:
    """The derivative, both expectations by Price's equation, and the limiting kernel."""
    slope, closed = slope_of(activation), kernel(activation)
    dual, moved = (pair_expectation(f, f, Z) for f in (activation, slope))
    return (
        *kernel_rows(activation, slope, closed.dual, closed.derivative, Z, DOMAIN),
        Row(
            Eq(dual + C * moved, closed.tangent, evaluate=False),
            "both added up",
            GaussianRules(),
            DOMAIN,
        ),
        *_conclusion_rows(activation),
    )


def _conclusion_rows(activation: Expr) -> tuple[Row, ...]:
    """The limiting kernel of this activation, from the mean of one unit."""
    dual, moved = (pair_expectation(f, f, Z) for f in (activation, slope_of(activation)))
    closed = kernel(activation).tangent
    means = tuple(Eq(Mean(name), value, evaluate=False) for name, value in ((S, dual), (D, moved)))
    summed = Eq(dual + C * moved, closed, evaluate=False)
    premises = (LIMIT, UNIT, UNIT_MEAN, SECOND, *means, summed)
    return (
        Row(
            means[0],
            r"$S = \sigma(u) \sigma(v)$, and $w \sim N(0, I)$ gives $(u, v) \sim N(0, \Sigma)$",
            Given(),
        ),
        Row(means[1], r"$D = \sigma'(u) \sigma'(v)$ likewise", Given()),
        Row(Eq(THETA, closed), r"$\Theta = E S + c E D$, since $E \alpha^2 = 1$", Consequence(premises)),
    )


def variance_rows(activation: Expr) -> tuple[Row, ...]:
    """The three moments of the variance law."""
    return tuple(
        _variance_row(term, name) for term, name in zip(variance_terms(activation), MOMENTS, strict=True)
    )


def _variance_row(term: Any, name: str) -> Row:
    """Price's equation where the class reaches, otherwise a certified value at the instance."""
    try:
        closed = term.doit()
    except OutsideClass:
        return _certified_row(term, name)
    return Row(Eq(term, closed, evaluate=False), rf"${name}$ in closed form", PriceEquation(), DOMAIN)


def _certified_row(term: Any, name: str) -> Row:
    here = term.subs(INSTANCE)
    reason = rf"${name}$ leaves the class (an orthant in four dimensions): its value at {PLACE}"
    return Row(interval(here, enclose_value(here)), reason, MehlerEnclosure())


def interval(term: Expr, middle: float) -> Basic:
    """The number lies within 10^-6 of the middle, which is taken as the decimal that is printed."""
    return And(Gt(term, Rational(str(middle)) - _WIDTH), Lt(term, Rational(str(middle)) + _WIDTH))


def enclose_value(term: Any) -> float:
    """The midpoint of the certified enclosure of an expectation at rational covariances."""
    return round(float(enclose_terms(term, {}).mid()), 8)


def limiting_case(activation: Expr) -> Row:
    """Equal inputs; orthogonal ones where the normal form has no limit."""
    slope, closed = slope_of(activation), kernel(activation)
    if closed.tangent.has(BivariateNormalCDF):  # terms like exp(-1/(a - c)) have no limit in the normal form
        means = single_expectation(activation, Z, A) * single_expectation(activation, Z, B)
        orthogonal = Eq(means, closed.tangent.subs(C, 0), evaluate=False)
        return Row(orthogonal, r"orthogonal inputs, $c = 0$", GaussianRules(), DOMAIN)
    single = single_expectation(activation**2, Z) + A * single_expectation(slope**2, Z)
    value = single.doit()
    return Row(
        Eq(single, value, evaluate=False),
        r"equal inputs, $y = x$: $b = a$ and $c \to a$",
        DiagonalLimit(closed.tangent),
        DOMAIN,
    )
