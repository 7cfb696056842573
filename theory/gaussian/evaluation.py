"""Numbers: an expectation at rational covariances, in closed form or by quadrature."""

from __future__ import annotations

import itertools
import math
from functools import lru_cache
from typing import Any

import sympy
from sympy import Rational

from theory import balls
from theory.errors import OutsideClass
from theory.gaussian.element import Element
from theory.gaussian.expectation import A, B, C, GaussianExpectation
from theory.gaussian.mehler import enclose_expectation

DIGITS = 30
RADIUS = Rational(1, 10**7)
_MARKS = (-10, -5, -2, 0, 2, 5, 10)  # panels in standard deviations; 1e-23 of the weight lies beyond
_NODES = 40


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
    """E[f(u) g(v)] by Gauss-Legendre panels in u and v, split at their kinks; not certified."""
    import numpy as np

    (u, left), (v, right) = (_rule(h, math.sqrt(variance)) for h, variance in ((f, a), (g, b)))
    determinant, mixed = float(a * b - c**2), float(c)
    form = float(b) * u[:, None] ** 2 - 2 * mixed * u[:, None] * v[None] + float(a) * v[None] ** 2
    density = np.exp(-form / (2 * determinant)) / (2 * math.pi * math.sqrt(determinant))
    return float((left * _values(f, u)) @ density @ (right * _values(g, v)))


def _rule(element: Element, deviation: float) -> tuple[Any, Any]:
    """Nodes and weights of the panels."""
    import numpy as np

    steps = {float(f.shift) for term, _ in element.terms for f in term.factors if f.kind == "step"}
    marks = sorted({*(deviation * mark for mark in _MARKS), *steps})
    edges = [mark for mark in marks if abs(mark) <= deviation * _MARKS[-1]]
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    middles = [(low + high) / 2 for low, high in itertools.pairwise(edges)]
    halves = [(high - low) / 2 for low, high in itertools.pairwise(edges)]
    places = np.concatenate([m + h * nodes for m, h in zip(middles, halves, strict=True)])
    return places, np.concatenate([h * weights for h in halves])


def _values(element: Element, x: Any) -> Any:
    import numpy as np

    total = np.zeros_like(x, dtype=complex)
    for term, value in element.terms:
        p, r = complex(term.quadratic), complex(term.linear)
        part = complex(value) * x**term.power * np.exp(-p * x**2 / 2 + r * x)
        for factor in term.factors:
            scale, shift = float(factor.scale), float(factor.shift)
            if factor.kind == "step":
                part = part * (x > shift)
            else:
                part = part * [math.erfc(-(scale * one + shift) / math.sqrt(2)) / 2 for one in x]
        total += part
    return total.real
