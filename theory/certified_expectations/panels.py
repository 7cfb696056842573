r"""Gauss-Legendre quadrature on panels, with an error bound from the complex plane.

Let f be analytic in the Bernstein ellipse E_r of [-1, 1], r > 1, with |f| <= M there. Its Chebyshev
coefficients are at most 2 M r^-k. A rule of n nodes integrates T_k exactly for k < 2n, and T_k of odd k by
symmetry; for even k >= 2 the integral of T_k is -2/(k^2 - 1), and the rule gives at most 2, so that each
error is at most 8/3. Summing over even k >= 2n,

    |integral - rule| <= (16/3) M r^(-2n) / (1 - r^-2).

The ellipse of a panel is covered by complex balls, on which the integrand is evaluated: a finite value proves
that it is analytic there. Source: Trefethen, Approximation Theory and Approximation Practice (2013), theorems
8.1 and 19.3, the latter with the constant 64/15 and a longer argument.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from sympy import Expr, Symbol

from theory.certified_expectations.complex_balls import ComplexFunction, complex_function
from theory.errors import OutsideClass

try:
    import flint
except ImportError:  # balls says so when it is needed
    flint: Any = None  # type: ignore[no-redef]  # untyped module

_ELLIPSES = (1.25, 1.5, 1.9, 2.4, 3.1, 4.0, 5.5, 8.0)  # the parameters r that are tried
_ALONG, _ACROSS = 10, 4  # balls that cover the upper half of an ellipse
_BOUND_BITS = 64
_STEP = 8  # numbers of nodes are multiples of it: panels of one kind share their matrices
_MOST_HALVINGS = 30
_MOST_PANELS = 3000


class Weight(NamedTuple):
    """|weight(x + i y)| <= exp(-decay x^2 + swell y^2), for real x and y."""

    decay: Any
    swell: Any


@dataclass(frozen=True)
class Panel:
    """[middle - half, middle + half] with a rule of ``count`` nodes, of which ``error`` bounds the error."""

    function: ComplexFunction
    middle: Any
    half: Any
    count: int
    error: Any

    @property
    def kind(self) -> tuple[str, int]:
        """Panels of one kind differ by a shift."""
        return self.half.str(more=True), self.count

    def nodes(self) -> Iterator[tuple[Any, Any]]:
        """Nodes in the panel, and weights times the values of the function there."""
        for node, weight in rule(self.count, flint.ctx.prec):
            place = self.middle + self.half * node
            yield place, self.half * weight * self.function(flint.acb(place)).real


@lru_cache(maxsize=256)
def rule(count: int, precision: int) -> tuple[tuple[Any, Any], ...]:
    """Nodes and weights on [-1, 1] as balls."""
    with flint.ctx.workprec(precision):
        return tuple(flint.arb.legendre_p_root(count, k, weight=True) for k in range(count))


def panels(
    function: Expr, variable: Symbol, low: Any, high: Any, weight: Weight, tolerance: Any, largest: float
) -> list[Panel]:
    """Panels of half width at most ``largest`` on [low, high], each with an error of at most ``tolerance``.

    They integrate the function times a weight that is bounded as given. Raises OutsideClass where the
    function is not analytic near the real axis.
    """
    compiled = complex_function(function, variable)
    budget = float(-tolerance.log().mid())
    most = _STEP * math.ceil((16 + 0.75 * max(budget, 0.0)) / _STEP)
    count = max(1, math.ceil(float((high - low).mid()) / (2 * largest)))
    half = (high - low) / (2 * count)
    waiting = [(low + half * (2 * k + 1), half, 0) for k in range(count)][::-1]
    done: list[Panel] = []
    while waiting:
        middle, half, halvings = waiting.pop()
        found = _rated(compiled, middle, half, weight, tolerance, most)
        if found is not None:
            done.append(found)
            continue
        if halvings == _MOST_HALVINGS or len(done) > _MOST_PANELS:
            raise OutsideClass(
                f"it is singular near {variable} = {float(middle.mid()):.3g}, or too steep there: no error "
                "bound was found"
            )
        waiting += [(middle + half / 2, half / 2, halvings + 1), (middle - half / 2, half / 2, halvings + 1)]
    return done


def _rated(
    function: ComplexFunction, middle: Any, half: Any, weight: Weight, tolerance: Any, most: int
) -> Panel | None:
    """The panel with the smallest number of nodes that reaches the tolerance, None if ``most`` do not."""
    with flint.ctx.workprec(_BOUND_BITS):
        best: tuple[int, Any] | None = None
        for parameter in _ELLIPSES:
            largest = _largest(function, middle, half, parameter, weight)
            if not largest.is_finite():
                break  # larger ellipses contain this one
            factor = largest * half * 16 / 3 / (1 - flint.arb(parameter) ** -2)
            count = _needed(factor, parameter, tolerance, best[0] if best else most)
            if count is not None:
                best = count, (factor * flint.arb(parameter) ** (-2 * count)).abs_upper()
    return None if best is None else Panel(function, middle, half, *best)


def _needed(factor: Any, parameter: float, tolerance: Any, most: int) -> int | None:
    """The smallest multiple of the step, at most ``most``, with factor parameter^(-2 n) <= tolerance."""
    if factor <= tolerance:
        return min(_STEP, most)
    excess = float((factor / tolerance).log().mid()) / (2 * math.log(parameter))
    count = _STEP * math.ceil((excess + 0.01) / _STEP)
    reached = factor * flint.arb(parameter) ** (-2 * count) <= tolerance
    return count if count <= most and reached else None


def _largest(function: ComplexFunction, middle: Any, half: Any, parameter: float, weight: Weight) -> Any:
    """An upper bound of |function weight| in the ellipse; not finite where it is not known to be analytic.

    Functions and weights are real on the real axis: the upper half of the ellipse is enough.
    """
    long, short = (half * (parameter + sign / parameter) / 2 for sign in (1, -1))
    width, height = long / _ALONG, short / (2 * _ACROSS)
    largest = flint.arb(0)
    for j in range(_ACROSS):
        imaginary = height * (2 * j + 1) + height * flint.arb(0, 1)
        for i in range(_ALONG):
            if _outside(i, j):
                continue
            real = middle + width * (2 * i + 1 - _ALONG) + width * flint.arb(0, 1)
            size = abs(function(flint.acb(real, imaginary))).abs_upper()
            nearest, highest = real.abs_lower(), imaginary.abs_upper()
            exponent = weight.swell * highest * highest - weight.decay * nearest * nearest
            largest = largest.max((size * exponent.exp()).abs_upper())
            if not largest.is_finite():
                return flint.arb.pos_inf()
    return largest


def _outside(i: int, j: int) -> bool:
    """Whether a ball of the cover lies outside the ellipse."""
    inner = max(0, abs(2 * i + 1 - _ALONG) - 1) / _ALONG
    return inner**2 + (j / _ACROSS) ** 2 >= 1
