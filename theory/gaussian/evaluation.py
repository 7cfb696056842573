"""Numbers: an expectation at rational covariances, in closed form or by quadrature."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import mpmath
import sympy
from sympy import Rational

from theory import balls
from theory.errors import OutsideClass
from theory.gaussian.element import Element
from theory.gaussian.expectation import A, B, C, GaussianExpectation
from theory.gaussian.mehler import enclose_expectation

DIGITS = 30
RADIUS = Rational(1, 10**7)
_REACH = 13  # standard deviations: beyond, the Gaussian weight is below 1e-36
_NODES = 6


def expected_value(term: GaussianExpectation, a: Rational, b: Rational, c: Rational) -> float:
    """E[f(u) g(v)] at a rational covariance: from the closed form where there is one.

    Outside the class the value is the midpoint of a certified Mehler enclosure of radius 1e-7; without
    python-flint it is a two-dimensional Gauss-Legendre sum, which is not certified.
    """
    try:
        return float(sympy.N(_closed(term).subs({A: a, B: b, C: c}), DIGITS))
    except OutsideClass:
        f, g = term.elements()
        if balls.available():
            return float(enclose_expectation(f, g, a, b, c, RADIUS).mid())
        return quadrature(f, g, a, b, c)


@lru_cache(maxsize=256)
def _closed(term: GaussianExpectation) -> Any:
    return term.doit()


def quadrature(f: Element, g: Element, a: Rational, b: Rational, c: Rational) -> float:
    """E[f(u) g(v)] with u = sqrt(a) z and v = c/a u + sqrt(b - c^2/a) w, panel by panel between kinks."""
    z = sympy.Symbol("z", real=True)
    first, second = (sympy.lambdify(z, h.as_expr(z), "mpmath") for h in (f, g))
    deviation, slope, rest = mpmath.sqrt(a), mpmath.mpf(c) / a, mpmath.sqrt(b - c**2 / a)
    kinks = [_kinks(h) for h in (f, g)]

    def inner(u: Any) -> Any:
        panels = _panels([(kink - slope * u) / rest for kink in kinks[1]])
        return mpmath.quad(lambda w: second(slope * u + rest * w) * mpmath.npdf(w), panels, maxdegree=_NODES)

    panels = _panels([kink / deviation for kink in kinks[0]])
    outer = lambda x: first(deviation * x) * inner(deviation * x) * mpmath.npdf(x)  # noqa: E731
    return float(mpmath.quad(outer, panels, maxdegree=_NODES))


def _kinks(element: Element) -> list[Any]:
    steps = {f.shift for term, _ in element.terms for f in term.factors if f.kind == "step"}
    return [mpmath.mpf(sympy.N(step, DIGITS)) for step in sorted(steps)]


def _panels(kinks: list[Any]) -> list[Any]:
    inside = [kink for kink in kinks if abs(kink) < _REACH]
    return sorted([-_REACH, -4, 0, 4, _REACH, *inside])
