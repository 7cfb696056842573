r"""The tangent kernel of a two-layer network for activations without closed form.

Mean, variance and training hold for any activation. What Price's equation gives in closed form for others
stays an expectation here, certified in ball arithmetic at one covariance; it is never called proved.
"""

from __future__ import annotations

import itertools
from functools import lru_cache

from sympy import Derivative, DiracDelta, Eq, Expr, Rational, Subs

from theory import balls
from theory.certified_expectations import CertifiedValues, Factor, enclose_line
from theory.certified_expectations.pieces import SWITCHING, pieces
from theory.certified_expectations.rows import CertifiedQuadrature, enclose_expression
from theory.derivation import Row
from theory.errors import InputError, OutsideClass
from theory.gaussian import GaussianExpectation, pair_expectation, single_expectation
from theory.gaussian.expectation import A, B, C
from theory.gaussian.rows import Mean
from theory.proving import Consequence, Given, Identity
from theory.two_layer import closed
from theory.two_layer.closed import MOMENTS, PLACE, interval
from theory.two_layer.terms import INSTANCE, LIMIT, SECOND, THETA, UNIT, UNIT_MEAN, D, S, Z

_ROUGH_BITS = 24
_RADIUS = Rational(16)  # kinks are looked for within it


@lru_cache(maxsize=64)
def outside(activation: Expr) -> bool:
    """Whether the kernel has no closed form here. Raises InputError for what is refused in the class."""
    try:
        closed.kernel(activation)
    except OutsideClass:
        return True
    return False


@lru_cache(maxsize=64)
def slope_of(activation: Expr) -> Expr:
    """s' almost everywhere, as SymPy differentiates.

    Raises InputError for an activation that was not shown to be continuous, to be analytic between kinks, or
    to have fourth moments; BallsUnavailable without python-flint.
    """
    if CertifiedValues(activation).jumps:
        raise InputError(
            f"{activation} jumps, or was not shown to be continuous: the tangent kernel needs a derivative "
            "that is a function"
        )
    slope = activation.diff(Z)
    if slope.has(Derivative, DiracDelta, Subs):
        raise OutsideClass(
            f"the derivative of {activation} was not found as a function: write it with max, min or abs"
        )
    for function, power in ((activation, 4), (slope, 4), (activation * slope, 2)):
        _require_moments(function, power)
    return slope


def _require_moments(function: Expr, power: int) -> None:
    """Raise where E[function^power] under N(0, 1) was not shown to be finite."""
    try:
        enclose_line((Factor(function),) * power, balls.ball(1), _ROUGH_BITS)
    except OutsideClass:
        raise
    except InputError as reason:
        raise InputError(
            f"E[{function}^{power}] was not shown to be finite under N(0, 1), and the variance law needs "
            f"fourth moments: {reason}"
        ) from None


@lru_cache(maxsize=64)
def kinked(activation: Expr) -> bool:
    """Whether s' jumps. Raises InputError where neither that nor its continuity was shown."""
    slope = slope_of(activation)
    if not CertifiedValues(slope).jumps:
        return False
    if _jump_shown(slope):
        return True
    raise InputError(
        f"it was not decided whether the derivative of {activation} jumps, which decides how the kernel "
        "moves in training: move its kinks to rational numbers"
    )


def _jump_shown(slope: Expr) -> bool:
    """Whether the limits from both sides differ at one of the points where the slope switches."""
    for before, after in itertools.pairwise(pieces((slope,), Z, _RADIUS)):
        change = before.functions[0] - after.functions[0]
        height = balls.lower_function(change, (Z,))([before.high.ball])
        if height > 0 or height < 0:
            return True
    return False


def limit(activation: Expr) -> Expr:
    """Theta = E[s s] + c E[s' s'], both unevaluated."""
    dual, moved = kernel_terms(activation)
    return dual + C * moved


def variance_terms(activation: Expr) -> tuple[GaussianExpectation, ...]:
    """E[S^2], E[S D] and E[D^2], unevaluated."""
    slope = slope_of(activation)
    return tuple(pair_expectation(f, f, Z) for f in (activation**2, activation * slope, slope**2))


def kernel_terms(activation: Expr) -> tuple[GaussianExpectation, GaussianExpectation]:
    """E[s s] and E[s' s'], unevaluated."""
    slope = slope_of(activation)
    return pair_expectation(activation, activation, Z), pair_expectation(slope, slope, Z)


def activation_rows(activation: Expr) -> tuple[Row, ...]:
    """The derivative, the limiting kernel as a sum of expectations, their values at one covariance."""
    dual, moved = kernel_terms(activation)
    means = tuple(Eq(Mean(name), value, evaluate=False) for name, value in ((S, dual), (D, moved)))
    total = limit(activation)
    return (
        Row(
            Eq(Derivative(activation, Z), slope_of(activation)),
            "its derivative, wherever there is one; the activation is continuous"
            if activation.has(*SWITCHING)
            else "its derivative",
            Identity(),
        ),
        Row(
            means[0],
            r"$S = \sigma(u) \sigma(v)$, and $w \sim N(0, I)$ gives $(u, v) \sim N(0, \Sigma)$; $\Sigma$ has "
            r"the entries $a, c, b$",
            Given(),
        ),
        Row(means[1], r"$D = \sigma'(u) \sigma'(v)$ likewise", Given()),
        Row(
            Eq(THETA, total),
            r"$\Theta = E S + c E D$, since $E \alpha^2 = 1$",
            Consequence((LIMIT, UNIT, UNIT_MEAN, SECOND, *means)),
        ),
        _certified_row(dual, r"E[\sigma \sigma]"),
        _certified_row(moved, r"E[\sigma' \sigma']"),
        _certified_row(total, r"\Theta"),
    )


def variance_rows(activation: Expr) -> tuple[Row, ...]:
    """The three moments of the variance law at one covariance."""
    return tuple(
        _certified_row(term, name) for term, name in zip(variance_terms(activation), MOMENTS, strict=True)
    )


def _certified_row(term: Expr, name: str) -> Row:
    here = term.subs(INSTANCE)
    middle = round(float(enclose_expression(here).mid()), 8)
    reason = rf"${name}$ has no closed form here: its value at {PLACE}"
    return Row(interval(here, middle), reason, CertifiedQuadrature())


def limiting_case(activation: Expr) -> Row:
    """Equal inputs: the kernel is an expectation in one variable."""
    single = single_expectation(activation**2, Z) + A * single_expectation(slope_of(activation) ** 2, Z)
    reason = (
        r"equal inputs, $y = x$: for $b = c = a$ the limiting kernel is "
        rf"$E[\sigma(u)^2] + a E[\sigma'(u)^2]$, at $a = {INSTANCE[A]}$"
    )
    pair = limit(activation).subs({B: A, C: A})
    return Row(interval((pair - single).subs(INSTANCE), 0), reason, CertifiedQuadrature())
