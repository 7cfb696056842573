r"""The edge of chaos of activations without closed form: numbers in ball arithmetic, and rows that say them.

At the fixed point q of the variance, with chi_1 = sigma_w^2 E s'(u)^2 given and m = E s(u)^2, d = E s'(u)^2,

    sigma_w^2 = chi_1/d,    sigma_b^2 = q - sigma_w^2 m,
    q (R(rho) - rho) = q (1 - rho) - sigma_w^2 (m - kappa(q rho)).

A fixed correlation rho* < 1 is enclosed by Newton's method for intervals: R' < 1 on all of an interval
about r, and R(r) - r is too small for the fixed point to lie outside it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sympy import Abs, Derivative, Eq, Expr, Lt, Rational, S, Symbol, log

from theory import balls
from theory.certified_expectations import Factor, enclose_pair
from theory.certified_expectations.rows import CertifiedQuadrature, Enclosable, enclose_expression
from theory.deep_kernels.expectations import (
    certified_row,
    enclosing,
    pair,
    pair_slope,
    single,
    single_slope,
    slope_of,
)
from theory.deep_kernels.recursion import Z
from theory.derivation import Row
from theory.errors import InputError
from theory.gaussian.expectation import A, B, C
from theory.proving import Citation, Identity
from theory.statement import Source

CHAOS = Rational(6, 5)  # chi_1 of the chaotic phase that is enclosed, where biases make room for it
FEEBLE = Rational(1, 20)  # a phase less than this from the edge is not told apart from it
HALF_WIDTH = Rational(1, 10**6)  # of the interval about a fixed correlation
_STEPS = 40
_DIGITS = 12  # of a correlation on the way
_BITS = 48
_SLOPE_SHARE, _LENGTH_SHARE = Rational(1, 10**4), Rational(1, 10**2)

PRICE = Source(
    "R. Price",
    "A useful theorem for nonlinear devices having Gaussian inputs",
    1958,
    "Equation 2",
    "doi:10.1109/TIT.1958.1057444",
)


@lru_cache(maxsize=256)
def number(expression: Expr) -> Rational:
    """The middle of the enclosure of an expression in expectations at rational covariances."""
    return Rational(float(enclose_expression(expression).mid()))


def square_at(activation: Expr, q: Rational) -> Expr:
    """E s(u)^2 at variance q, unevaluated."""
    return single(activation).subs(A, q)


def slopes_at(activation: Expr, q: Rational) -> Expr:
    """E s'(u)^2 at variance q, unevaluated."""
    return single_slope(activation).subs(A, q)


def bias_at(activation: Expr, q: Rational, chi: Rational = S.One) -> Expr:
    """sigma_b^2 with the fixed point q and this chi_1."""
    return q - chi * square_at(activation, q) / slopes_at(activation, q)


@lru_cache(maxsize=64)
def chaos(activation: Expr, q: Rational) -> Rational | None:
    """chi_1 of a chaotic phase with this q, or None where biases cannot make room for one: sigma_b^2 >= 0."""
    most = q * number(slopes_at(activation, q) / square_at(activation, q))
    chi = min(CHAOS, Rational(str(round(float(1 + most) / 2, 3))))
    return chi if chi > 1 + FEEBLE else None


def excess(activation: Expr, q: Rational, chi: Rational, rho: Rational) -> Expr:
    """q (R(rho) - rho), which vanishes at a fixed correlation."""
    dual = pair(activation).subs({A: q, B: q, C: q * rho})
    return q * (1 - rho) - chi / slopes_at(activation, q) * (square_at(activation, q) - dual)


@lru_cache(maxsize=64)
def fixed_correlation(activation: Expr, q: Rational, chi: Rational) -> Rational:
    """rho* = R(rho*) < 1 by Newton's method from 0, which climbs to it since R is convex on [0, 1].

    A decimal: certified is that there is one fixed point within HALF_WIDTH of it (`correlation_rows`).
    Raises InputError where it does not settle.
    """
    rho = S.Zero
    for _ in range(_STEPS):
        gap = number(excess(activation, q, chi, rho)) / q
        moved = pair_slope(activation).subs({A: q, B: q, C: q * rho})
        step = gap / (1 - number(chi * moved / slopes_at(activation, q)))
        rho = Rational(str(round(float(rho + step), _DIGITS)))
        if abs(step) < HALF_WIDTH / 100:
            return rho
    raise InputError(f"no fixed correlation was found for {activation} at variance {q}")


class SlopeOfCorrelations(Enclosable):
    r"""chi = R'(rho) on [low, high]: sigma_w^2 E s'(u) s'(v) as a ball that contains all its values there.

    Arguments: the activation in z, q, chi_1, low, high.
    """

    @property
    def free_symbols(self) -> set[Any]:
        return set()

    def ball(self) -> Any:
        _, q, _, low, high = self.args
        if not (q > 0 and -1 < low <= high < 1 and high - low <= 4 * HALF_WIDTH):
            raise InputError(
                f"variance {q}, correlations {low} to {high}: q > 0, a short interval within (-1, 1)"
            )
        return _slope_ball(*self.args)

    def _latex(self, printer: Any) -> str:
        return r"\chi"

    def _sympystr(self, printer: Any) -> str:
        return "chi"

    def _pretty(self, printer: Any) -> Any:
        return printer._print(Symbol("chi"))


def slope_about(activation: Expr, q: Rational, chi: Rational, rho: Rational) -> Expr:
    """R' within HALF_WIDTH of a fixed correlation."""
    return SlopeOfCorrelations(activation, q, chi, rho - HALF_WIDTH, rho + HALF_WIDTH)


@lru_cache(maxsize=64)
def _slope_ball(activation: Expr, q: Rational, chi: Rational, low: Rational, high: Rational) -> Any:
    with balls.flint.ctx.workprec(_BITS):
        variance = balls.ball(q)
        covariance = balls.ball((q * low, q * high))
        moved = enclose_pair(Factor(activation, 1), variance, variance, covariance)
        return balls.ball(chi) * moved / enclose_expression(slopes_at(activation, q))


def kernel_rows(activation: Expr) -> tuple[Row, ...]:
    """The derivative, and the slope of the kernel."""
    return (
        Row(
            Eq(Derivative(activation, Z), slope_of(activation)),
            "the derivative of the activation, wherever there is one; the activation is continuous",
            Identity(),
        ),
        Row(
            Eq(Derivative(pair(activation), C), pair_slope(activation)),
            r"Price: $\partial_c E[\sigma \sigma] = E[\sigma' \sigma']$",
            Citation(PRICE),
        ),
    )


def value_rows(activation: Expr, q: Rational) -> tuple[Row, ...]:
    """The moments at q, and the point of the critical line that belongs to it."""
    at = {A: q}
    slopes = single_slope(activation)
    named = (
        (single(activation), r"E \sigma^2"),
        (slopes, r"E \sigma'^2"),
        (1 / slopes, r"\sigma_w^2 = 1/E \sigma'^2"),
        (A - single(activation) / slopes, r"\sigma_b^2 = a - E \sigma^2 / E \sigma'^2"),
    )
    return tuple(certified_row(term, name, at) for term, name in named)


def correlation_rows(activation: Expr, q: Rational) -> tuple[Row, ...]:
    """Beyond the edge, with the same q: the fixed correlation, the slope there, the correlation length."""
    chi = chaos(activation, q)
    if chi is None:
        return ()
    rho = fixed_correlation(activation, q, chi)
    slope, method = slope_about(activation, q, chi, rho), CertifiedQuadrature()
    bound = Rational(str(round(float(1 - enclose_expression(slope).upper()), 2))) * HALF_WIDTH / 2
    return (
        Row(
            enclosing(slope, _SLOPE_SHARE),
            rf"the chaotic phase with $\chi_1 = {chi}$ at $q = {q}$: $\chi = R'(\rho)$ for all $\rho$ within "
            rf"{HALF_WIDTH} of $r = {float(rho):.6f}$",
            method,
        ),
        Row(
            Lt(Abs(excess(activation, q, chi, rho) / q), bound),
            rf"$R(r) - r$: less than {HALF_WIDTH} times $1 - R'$, so that by the mean value theorem $R$ has "
            r"exactly one fixed point $\rho^*$ there; it is stable, and $\chi = R'(\rho^*)$",
            method,
        ),
        Row(
            enclosing(-1 / log(slope), _LENGTH_SHARE),
            r"the correlation length $\xi = -1/\log \chi$, in layers",
            method,
        ),
    )
