"""Certified eigenvalues on the circle for any activation of the class: two independent enclosures.

One is validated quadrature (Arb) of the closed form of the kernel. The other is the power series of the
kernel in the cosine, Theta = sum_n (n + 1) c_n^2 cos^n with the Hermite coefficients c_n of the activation:

    lambda_k = sum_(n >= k, n = k mod 2) (n + 1) c_n^2 2^-n binomial(n, (n - k)/2),

whose terms are >= 0, so that a partial sum is a lower bound; the rest of E[s^2] + E[s'^2] bounds the tail.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import comb
from typing import Any

import sympy
from sympy import Basic, Expr, Gt, Integral, Lt, Rational

from theory import balls
from theory.gaussian import read
from theory.gaussian.mehler import integrate
from theory.proving.outcome import Answer, Outcome, Status
from theory.spectral.circle import ANGLE, coefficient
from theory.statement import Domain

try:
    import flint
except ImportError:  # balls says so when it is needed
    flint: Any = None  # type: ignore[no-redef]  # untyped module

_BITS = 80
_TERMS = 16  # of the power series
_EVALUATIONS = 20_000

_ENTIRE = {sympy.sin: "sin", sympy.cos: "cos", sympy.exp: "exp", sympy.erf: "erf"}
_ON_DISK = {sympy.asin: "asin", sympy.acos: "acos"}  # branch cuts outside (-1, 1)
_OFF_NEGATIVE = {sympy.log: "log"}  # branch cut on the negative half line


def enclose_eigenvalue(kernel: Expr, frequency: int) -> Any:
    """A ball that contains lambda_k of a closed form in s. Raises OutsideBalls, BallsUnavailable."""
    return _integrated(coefficient(kernel, sympy.Integer(frequency)).function)


@lru_cache(maxsize=64)
def _integrated(integrand: Expr) -> Any:
    if not balls.available():
        raise balls.BallsUnavailable("python-flint is missing")
    with flint.ctx.workprec(_BITS):
        ends = (flint.acb(0), flint.acb(1))
        return flint.acb.integral(
            lambda s, analytic: _value(integrand, s, analytic), *ends, eval_limit=_EVALUATIONS
        ).real


def enclose_by_series(activation: Expr, variable: sympy.Symbol, frequency: int) -> Any:
    """A ball that contains lambda_k, from Hermite coefficients of the activation alone."""
    shares, total = _shares(activation, variable)
    with flint.ctx.workprec(_BITS):
        places = range(frequency, _TERMS, 2)
        found = sum((shares[n] * _weight(n, frequency) for n in places), flint.arb(0))
        tail = (total - sum(shares, flint.arb(0))).abs_upper() * _weight(_TERMS, _TERMS % 2)
        return found + balls.ball((0, 1)) * tail


@lru_cache(maxsize=16)
def _shares(activation: Expr, variable: sympy.Symbol) -> tuple[tuple[Any, ...], Any]:
    """(n + 1) c_n^2, and what they add up to: E[s^2] + E[s'^2]."""
    element, one = read(activation, variable), Rational(1)
    slope = element.derivative()
    squares = (integrate(f * f, one, None) for f in (element, slope))
    coefficients = [integrate(element, one, n) for n in range(_TERMS)]
    # python-flint squares a ball around 0 to nan, so multiply
    return tuple((n + 1) * c * c for n, c in enumerate(coefficients)), sum(squares)


def _weight(power: int, frequency: int) -> Any:
    """The eigenvalue 2^-n binomial(n, (n - k)/2) of cos^n: largest at k = n mod 2, falling with n."""
    return balls.ball(Rational(comb(power, (power - frequency) // 2), 2**power))


def _value(node: Basic, s: Any, analytic: bool) -> Any:
    """The expression at a complex ball; not a number where it is not shown to be analytic and must be."""
    if node == ANGLE:
        return s
    if isinstance(node, Expr) and not node.free_symbols:
        return flint.acb(balls.ball(node))
    values = [_value(one, s, analytic) for one in node.args]
    if node.is_Add:
        return sum(values, flint.acb(0))
    if node.is_Mul:
        return sympy.prod(values, flint.acb(1))
    if node.is_Pow and node.args[1].is_Integer:
        return values[0] ** int(node.args[1])
    if node.is_Pow and node.args[1].is_Rational:
        return _guarded(values[0], analytic, _meets_negative(values[0])) ** values[1]
    return _function(node, values[0], analytic)


def _function(node: Basic, value: Any, analytic: bool) -> Any:
    kind = type(node)
    if kind in _ENTIRE:
        return getattr(value, _ENTIRE[kind])()
    if kind in _ON_DISK:
        return getattr(_guarded(value, analytic, _leaves_disk(value)), _ON_DISK[kind])()
    if kind in _OFF_NEGATIVE:
        return _guarded(value, analytic, _meets_negative(value)).log()
    raise balls.OutsideBalls(f"{kind.__name__} has no complex ball arithmetic")


def _guarded(value: Any, analytic: bool, doubtful: bool) -> Any:
    return flint.acb(flint.arb.nan()) if analytic and doubtful else value


def _meets_negative(value: Any) -> bool:
    return bool(value.imag.contains(0)) and not bool(value.real > 0)


def _leaves_disk(value: Any) -> bool:
    return bool(value.imag.contains(0)) and not bool(abs(value.real) < 1)


@dataclass(frozen=True)
class EigenvalueEnclosure:
    """Certifies a bound of lambda_k, an eigenvalue of the kernel of an activation in closed form."""

    activation: Expr
    variable: sympy.Symbol
    frequency: int
    earns: Status = Status.CERTIFIED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if quadrature lies within the bound and the power series agrees; NO if it lies outside.

        Raises BallsUnavailable without python-flint.
        """
        integrals = [side for side in relation.args if isinstance(side, Integral)]
        if len(integrals) != 1 or not isinstance(relation, Gt | Lt):
            return Outcome(Answer.UNKNOWN, "an enclosure needs one bound of one integral")
        (integral,) = integrals
        if integral.limits != (sympy.Tuple(ANGLE, 0, 1),) or integral.free_symbols:
            return Outcome(Answer.UNKNOWN, "the integral is no eigenvalue on the circle")
        value = _integrated(integral.function)
        sides = (value if side == integral else balls.ball(side) for side in (relation.gts, relation.lts))
        difference = next(sides) - next(sides)
        if not difference > 0:
            answer = Answer.NO if difference < 0 else Answer.UNKNOWN
            return Outcome(answer, f"validated quadrature gives {value}")
        if not value.overlaps(enclose_by_series(self.activation, self.variable, self.frequency)):
            return Outcome(Answer.NO, "the power series of the kernel contradicts it")
        return Outcome(Answer.YES, "validated quadrature, and the power series of the kernel agrees", 1)
