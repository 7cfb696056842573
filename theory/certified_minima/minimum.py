"""A strict local minimum: existence and uniqueness by Krawczyk's test, positive definiteness by L D L^T."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sympy import Rational

from theory.balls import Ball, ball, flint
from theory.certified_minima.functions import Smooth
from theory.certified_minima.krawczyk import krawczyk, newton
from theory.certified_minima.positive_definite import smallest_eigenvalue

PRECISION = 120  # bits
RADIUS = Rational(1, 10**13)
PRECISIONS = (64, 2000)


class NotCertified(ValueError):
    """No strict local minimum was shown to be there; there may be one all the same."""


@dataclass(frozen=True)
class CertifiedMinimum:
    """A strict local minimum and what encloses it.

    box
        Balls, one a coordinate, with the minimum in them.
    radius
        Within this distance (maximum norm) of the midpoints there is no other critical point.
    value
        A ball with the value there.
    curvature
        A ball with the smallest eigenvalue of the Hessian there; it is positive.
    """

    box: tuple[Ball, ...]
    radius: Rational
    value: Ball
    curvature: Ball

    @property
    def point(self) -> tuple[float, ...]:
        """The midpoints, in float64."""
        return tuple(float(one.mid()) for one in self.box)


def certify(
    function: Smooth, start: Sequence[object], radius: Rational = RADIUS, precision: int = PRECISION
) -> CertifiedMinimum:
    """The strict local minimum that Newton's method finds from ``start``, certified.

    Raises NotCertified, saying which step failed: Newton's method did not settle, Krawczyk's test did not
    hold, or the Hessian is not positive definite on the box. Raises BallsUnavailable without python-flint.
    """
    first = [ball(one) for one in start]
    center = newton(function, first, precision)
    if center is None:
        raise NotCertified("Newton's method does not settle from the given start")
    with flint.ctx.workprec(precision):
        box = krawczyk(function, center, ball(radius), precision)
        if box is None:
            raise NotCertified(f"Krawczyk's test does not hold at radius {radius} and {precision} bits")
        curvature = smallest_eigenvalue(function.hessian(box))
        if curvature is None:
            raise NotCertified("the Hessian is not shown to be positive definite at the critical point")
        return CertifiedMinimum(tuple(box), radius, function.value(box), curvature)
