"""An integral, proved by differentiating an antiderivative back and comparing the boundary values."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from random import Random

from sympy import Basic, Eq, Expr, Integral, Rational, Symbol, diff, srepr

from theory import balls
from theory.proving.continuity import continuous
from theory.proving.exactness import ROUNDED, rounded
from theory.proving.normal_form import is_zero
from theory.proving.outcome import Answer, Outcome, Status
from theory.proving.spot_check import spot_check
from theory.statement import Domain, EmptyDomain

POINTS = 3
_CELLS = 64

Values = dict[Symbol, Rational]


@dataclass(frozen=True)
class Antiderivative:
    """Proves ``Eq(Integral(f, (x, lo, hi)), value)`` from F' = f and F(hi) - F(lo) = value.

    F must be continuous on [lo, hi] for all values of the parameters; otherwise the fundamental theorem does
    not apply (1/x^2 on [-1, 1], or a step added to F). The second lock compares at random values of the
    parameters: f and F have finite enclosures on every cell of a subdivision, and the Riemann sum of the
    enclosures of f contains the value. Integrals whose limits are infinite or whose integrand is unbounded
    are left undecided.
    """

    antiderivative: Expr
    earns: Status = Status.PROVED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if derivative, boundary values and second lock agree; NO if an enclosure excludes the value.

        Raises BallsUnavailable without python-flint, since continuity cannot be shown then.
        """
        if not (isinstance(relation, Eq) and isinstance(relation.lhs, Integral)):
            return Outcome(Answer.UNKNOWN, "an antiderivative needs Eq(Integral(f, (x, lo, hi)), value)")
        if len(relation.lhs.limits) != 1 or len(relation.lhs.limits[0]) != 3:
            return Outcome(Answer.UNKNOWN, "an antiderivative needs one variable with two limits")
        if rounded(relation, self.antiderivative):
            return Outcome(Answer.UNKNOWN, ROUNDED)
        (variable, low, high), integrand = relation.lhs.limits[0], relation.lhs.function
        if not _may_lie_between(variable, low, high):
            how = f"{variable} takes values between {low} and {high} that its assumptions exclude"
            return Outcome(Answer.UNKNOWN, how)
        boundary = self.antiderivative.subs(variable, high) - self.antiderivative.subs(variable, low)
        algebra = (diff(self.antiderivative, variable) - integrand, boundary - relation.rhs)
        # Points refute in no time what the ladder of normal forms would try for many seconds.
        proved = not any(_contradicted(difference, domain) for difference in algebra) and all(
            is_zero(difference)[0] is Answer.YES for difference in algebra
        )
        lock = self._second_lock(relation, domain)
        if lock.answer is Answer.YES and not continuous(self.antiderivative, variable, low, high, domain):
            return Outcome(Answer.UNKNOWN, "the antiderivative was not shown to be continuous")
        if not proved and lock.answer is Answer.YES:
            return Outcome(Answer.UNKNOWN, "the derivative or the boundary values are not shown to agree")
        return lock

    def _second_lock(self, relation: Eq, domain: Domain | None) -> Outcome:
        where = (domain or Domain({})).extended_to(relation)
        random = Random(zlib.crc32(srepr(relation).encode()))
        for agreed in range(POINTS):
            try:
                answer = _riemann(relation, self.antiderivative, where.sample(random))
            except (balls.OutsideBalls, EmptyDomain) as reason:
                return Outcome(Answer.UNKNOWN, str(reason), agreed)
            if answer is Answer.NO:
                return Outcome(Answer.NO, "ball arithmetic excludes the value of the integral", agreed)
            if answer is Answer.UNKNOWN:
                return Outcome(Answer.UNKNOWN, "the antiderivative was not shown to be continuous", agreed)
        how = "the derivative of the antiderivative is the integrand and the boundary values agree"
        return Outcome(
            Answer.YES, f"{how}; so do enclosures of the integral at {POINTS} random points", POINTS
        )


def _contradicted(difference: Expr, domain: Domain | None) -> bool:
    """Whether ball arithmetic shows at some point that the difference is not 0."""
    if difference == 0:
        return False
    try:
        return spot_check(Eq(difference, 0, evaluate=False), domain).answer is Answer.NO
    except EmptyDomain:
        return False


def _may_lie_between(variable: Symbol, low: Expr, high: Expr) -> bool:
    """Whether the assumptions on the integration variable, which SymPy has used, allow what lies between."""
    if variable.is_integer:
        return False
    above = not variable.is_nonnegative or (low.is_nonnegative and high.is_nonnegative)
    below = not variable.is_nonpositive or (low.is_nonpositive and high.is_nonpositive)
    return bool(above and below)


def _riemann(relation: Eq, primitive: Expr, point: Values) -> Answer:
    """Compare the value with the enclosure of the integral on equal cells."""
    (variable, low, high), integrand = relation.lhs.limits[0], relation.lhs.function
    start, stop = low.subs(point), high.subs(point)
    if not (start.is_Rational and stop.is_Rational):
        return Answer.UNKNOWN
    width, total = (stop - start) / _CELLS, balls.ball(0)
    for cell in range(_CELLS):
        ends = (start + cell * width, start + (cell + 1) * width)
        inside = {**point, variable: ends if width > 0 else ends[::-1]}
        if not balls.enclose(primitive, inside).is_finite():
            return Answer.UNKNOWN
        total += balls.ball(width) * balls.enclose(integrand, inside)
    if not total.is_finite():
        return Answer.UNKNOWN
    return Answer.YES if total.overlaps(balls.enclose(relation.rhs, point)) else Answer.NO
