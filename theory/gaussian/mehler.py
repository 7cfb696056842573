r"""Rigorous numerical Gaussian expectations by Mehler's series: ball arithmetic with its remainder.

For standard normal variables with correlation rho and orthonormal Hermite polynomials he_k,

    E[f(u) g(v)] = sum_k alpha_k beta_k rho^k,   alpha_k = E[f(sqrt(a) Z) he_k(Z)],

and by Bessel and Cauchy-Schwarz the terms after K are at most |rho|^(K+1) sqrt(T_K(f) T_K(g)), where
T_K(f) = E[f^2] - sum_{k <= K} alpha_k^2. The coefficients are integrals of piecewise entire functions by
Arb's validated quadrature; the tails are bounded with |he_k(z)| <= 1.0865 exp(z^2/4) (Cramer). None of the
rules of `moments` is used, so agreement with a closed form is independent evidence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy
from sympy import Expr, Rational, sqrt

from theory import balls
from theory.errors import InputError, OutsideClass
from theory.gaussian.element import Element, Factor

try:
    import flint
except ImportError:  # balls says so when it is needed
    flint: Any = None  # type: ignore[no-redef]  # untyped module

RADIUS = Rational(1, 10**9)
_BITS = 96  # guard bits: the integrands cancel, and quadrature that misses its goal subdivides for ever
_TOLERANCE = Rational(1, 10**16)
_CRAMER = Rational(10865, 10000)
_RADII = (13, 17, 23, 31, 41, 61)
_GROUP = 8  # Hermite coefficients are computed in groups of this many until the remainder is small
_MAXIMUM_ORDER = 160
_EVALUATIONS = 20_000  # an integral that needs more is returned as a wide ball

Integrand = Callable[[Any, bool], Any]


def enclose_expectation(
    f: Element, g: Element, a: Rational, b: Rational, c: Rational, radius: Rational = RADIUS
) -> Any:
    """A ball that contains E[f(u) g(v)] for (u, v) ~ N(0, [[a, c], [c, b]]).

    Terms are added until the remainder is below ``radius`` or the order reaches 160. Raises InputError
    for a covariance that is not positive definite, OutsideClass for point masses, BallsUnavailable without
    python-flint.
    """
    if not balls.available():
        raise balls.BallsUnavailable("python-flint is missing")
    if not (a > 0 and b > 0 and c**2 < a * b):
        raise InputError(f"the covariance [[{a}, {c}], [{c}, {b}]] is not positive definite")
    with flint.ctx.workprec(_BITS):
        rho = balls.ball(c) / balls.ball(a * b).sqrt()
        series, power, order = flint.arb(0), flint.arb(1), 0
        while True:
            left, right = (_expansion(h, v) for h, v in ((f, a), (g, b)))
            for k in range(order, order + _GROUP):
                series += power * left.coefficient(k) * right.coefficient(k)
                power *= rho
            order += _GROUP
            remainder = (abs(power) * (left.tail(order) * right.tail(order)).sqrt()).abs_upper()
            if remainder < balls.ball(radius) or order >= _MAXIMUM_ORDER:
                return series + flint.arb(0, remainder)


@lru_cache(maxsize=64)
def _expansion(element: Element, variance: Rational) -> _Expansion:
    return _Expansion(element, variance, {}, {})


@dataclass(frozen=True)
class _Expansion:
    """Hermite coefficients of f(sqrt(variance) Z), computed when asked for."""

    element: Element
    variance: Rational
    coefficients: dict[int, Any]
    tails: dict[int, Any]

    def coefficient(self, k: int) -> Any:
        """alpha_k."""
        if k not in self.coefficients:
            self.coefficients[k] = integrate(self.element, self.variance, k)
        return self.coefficients[k]

    def tail(self, order: int) -> Any:
        """An upper bound of E[f^2] less the squares of the first ``order`` coefficients."""
        if order not in self.tails:
            before = self.tails[order - _GROUP] if order > _GROUP else self._square()
            for k in range(order - _GROUP, order):
                # python-flint squares a ball around 0 to nan, so multiply
                before -= self.coefficient(k) * self.coefficient(k)
            self.tails[order] = before
        # the ball may reach below zero by its own width; the truth does not
        return self.tails[order].abs_upper()

    def _square(self) -> Any:
        return integrate(self.element * self.element, self.variance, None)


def integrate(element: Element, variance: Rational, k: int | None) -> Any:
    """A ball that contains E[f(sqrt(variance) Z) he_k(Z)]; k None leaves the polynomial out."""
    if element.has_points():
        raise OutsideClass("a point mass has no Mehler series")
    bound, radius = _tail(element, variance, k is not None)
    scale = balls.ball(variance).sqrt()
    kinks = sorted({factor.shift for t, _ in element.terms for factor in t.factors if factor.kind == "step"})
    edges = [-radius, *(balls.ball(kink) / scale for kink in kinks), radius]
    total = flint.arb(0, bound.abs_upper())
    for index in range(len(edges) - 1):
        function = _weighted(_piece(element, kinks[:index]), scale, k)
        low, high = (flint.acb(edge) for edge in edges[index : index + 2])
        total += flint.acb.integral(
            function, low, high, rel_tol=2.0**-48, abs_tol=2.0**-48, eval_limit=_EVALUATIONS
        ).real
    return total


def _weighted(piece: Integrand, scale: Any, k: int | None) -> Integrand:
    normalization = (2 * flint.arb.pi()).sqrt()
    roots = [flint.arb(j).sqrt() for j in range((k or 0) + 1)]

    def integrand(z: Any, analytic: bool) -> Any:
        before, now = flint.acb(0), flint.acb(1)
        for j in range(k or 0):
            before, now = now, (z * now - roots[j] * before) / roots[j + 1]
        return now * piece(z * scale, analytic) * (-z * z / 2).exp() / normalization

    return integrand


def _piece(element: Element, passed: list[Expr]) -> Integrand:
    """The entire function that equals the element between two neighboring jumps or kinks."""
    groups: dict[tuple[Expr, Expr, tuple[Factor, ...]], dict[int, Any]] = {}
    for term, value in element.terms:
        if any(factor.kind == "step" and factor.shift not in passed for factor in term.factors):
            continue
        normals = tuple(f for f in term.factors if f.kind == "normal")
        group = groups.setdefault((term.quadratic, term.linear, normals), {})
        group[term.power] = group.get(term.power, flint.acb(0)) + _complex(value)
    compiled = [_compiled(p, r, normals, polynomial) for (p, r, normals), polynomial in groups.items()]

    def function(x: Any, analytic: bool) -> Any:
        total = flint.acb(0)
        for part in compiled:
            total += part(x)
        return total

    return function


def _compiled(
    quadratic: Expr, linear: Expr, normals: tuple[Factor, ...], polynomial: dict[int, Any]
) -> Callable[[Any], Any]:
    p, r = _complex(quadratic) / 2, _complex(linear)
    trivial = quadratic == 0 and linear == 0
    arguments = [(_complex(f.scale / sqrt(2)), _complex(f.shift / sqrt(2))) for f in normals]
    descending = [polynomial.get(power, flint.acb(0)) for power in range(max(polynomial), -1, -1)]

    def function(x: Any) -> Any:
        value = descending[0]
        for coefficient in descending[1:]:
            value = value * x + coefficient
        if not trivial:
            value = value * (r * x - p * x * x).exp()
        for scale, shift in arguments:
            value = value * (1 + (scale * x + shift).erf()) / 2
        return value

    return function


def _complex(value: Expr) -> Any:
    real, imaginary = value.as_real_imag()
    return flint.acb(balls.ball(real), balls.ball(imaginary))


def _tail(element: Element, variance: Rational, with_hermite: bool) -> tuple[Any, Any]:
    """A bound of the integral beyond +-R, and R, chosen so that the bound is negligible."""
    bound = flint.arb(0)
    for radius in _RADII:
        bound = flint.arb(0)
        for term, value in element.terms:
            bound += _term_tail(term, value, variance, radius, with_hermite)
        if bound < balls.ball(_TOLERANCE):
            break
    return bound, flint.arb(radius)


def _term_tail(term: Any, value: Expr, variance: Rational, radius: int, with_hermite: bool) -> Any:
    """Two sided: z^k exp(-q z^2 + r z) decays beyond R at least like exp(-l (z - R)), l = 2 q R - r - k/R."""
    rate = (Rational(1, 4) if with_hermite else Rational(1, 2)) + term.quadratic * variance / 2
    q = balls.ball(rate)
    r = abs(balls.ball(sympy.re(term.linear))) * balls.ball(variance).sqrt()
    decay = 2 * q * radius - r - flint.arb(term.power) / radius
    if not decay > 0:
        return flint.arb.pos_inf()
    height = balls.integer_power(radius * balls.ball(variance).sqrt(), term.power)
    weight = _complex(value).abs_upper() * balls.ball(_CRAMER) / (2 * flint.arb.pi()).sqrt()
    return 2 * weight * height * (r * radius - q * (radius * radius)).exp() / decay
