"""An integral, proved by differentiating an antiderivative back and comparing the boundary values."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from sympy import Basic, Eq, Expr, Integral, Symbol, diff, limit

from theory import balls
from theory.proving.identity import both_locks
from theory.proving.normal_form import is_zero
from theory.proving.outcome import Answer, Outcome, Status
from theory.statement import Domain
from theory.time_limit import run_with_time_limit

LIMIT_SECONDS = 10.0
_CELLS = 64


@dataclass(frozen=True)
class Antiderivative:
    """Proves ``Eq(Integral(f, (x, lo, hi)), value)`` from F' = f and F(hi) - F(lo) = value.

    F must be continuous on [lo, hi]; otherwise the fundamental theorem does not apply (1/x^2 on [-1, 1]).
    That is shown by enclosing f on every cell of a subdivision at sampled values of the parameters, so
    integrals whose limits are infinite or whose integrand is unbounded are left undecided.
    """

    antiderivative: Expr
    earns: Status = Status.PROVED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES only if the derivative, the boundary values and the continuity of F are all established."""
        if not (isinstance(relation, Eq) and isinstance(relation.lhs, Integral)):
            return Outcome(Answer.UNKNOWN, "an antiderivative needs Eq(Integral(f, (x, lo, hi)), value)")
        (variable, low, high), integrand = relation.lhs.limits[0], relation.lhs.function
        if is_zero(diff(self.antiderivative, variable) - integrand)[0] is not Answer.YES:
            return Outcome(Answer.UNKNOWN, "the derivative of the antiderivative is not the integrand")
        boundary = self._value_at(variable, high) - self._value_at(variable, low)
        answer, _ = is_zero(boundary - relation.rhs)
        if answer is not Answer.YES:
            return both_locks(answer, "the boundary values differ", Eq(boundary, relation.rhs), domain)
        if not _bounded(integrand, self.antiderivative, (variable, low, high), domain):
            return Outcome(Answer.UNKNOWN, "the antiderivative was not shown to be continuous")
        how = "the derivative of the antiderivative is the integrand and the boundary values agree"
        return both_locks(answer, how, Eq(boundary, relation.rhs), domain)

    def _value_at(self, variable: Symbol, bound: Expr) -> Expr:
        if bound.is_finite:
            return self.antiderivative.subs(variable, bound)
        return run_with_time_limit(limit, self.antiderivative, variable, bound, seconds=LIMIT_SECONDS)


def _bounded(
    integrand: Expr, primitive: Expr, limits: tuple[Symbol, Expr, Expr], domain: Domain | None
) -> bool:
    """Whether integrand and antiderivative have finite enclosures on all cells at one sampled point."""
    variable, low, high = limits
    point = (domain or Domain({})).extended_to(low + high + integrand).sample(Random(1))
    point.pop(variable, None)
    start, stop = low.subs(point), high.subs(point)
    if not (start.is_Rational and stop.is_Rational):
        return False
    width = (stop - start) / _CELLS
    cells = ((start + k * width, start + (k + 1) * width) for k in range(_CELLS))
    return all(
        balls.enclose(function, {**point, variable: cell}).is_finite()
        for cell in cells
        for function in (integrand, primitive)
    )
