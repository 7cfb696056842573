"""An equation, proved because the difference of its sides has normal form zero."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sympy import Basic, Eq, S

from theory import balls
from theory.proving.exactness import ROUNDED, rounded
from theory.proving.normal_form import is_zero
from theory.proving.outcome import Answer, Outcome, Status
from theory.proving.spot_check import spot_check
from theory.statement import Domain, EmptyDomain


def both_locks(prove: Callable[[], tuple[Answer, str]], relation: Basic, domain: Domain | None) -> Outcome:
    """Join an algebraic answer with the second lock, which is tried first: it refutes in no time.

    A contradiction at a point overrules the algebra, and where the lock can be run it must have decided at
    one point at least.
    """
    try:
        points = spot_check(relation, domain)
    except EmptyDomain as empty:
        return Outcome(Answer.UNKNOWN, str(empty))
    if points.answer is Answer.NO:
        return points
    answer, how = prove()
    if answer is Answer.YES and points.answer is Answer.UNKNOWN and balls.available():
        return Outcome(Answer.UNKNOWN, f"{how}, but {points.how}")
    return Outcome(answer, f"{how}; {points.how}" if answer is Answer.YES else how, points.points)


@dataclass(frozen=True)
class Identity:
    """Proves ``Eq(left, right)`` by the ladder of normal forms, for all values where both are defined."""

    earns: Status = Status.PROVED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if a normal form of left - right is 0, NO if ball arithmetic separates the sides at a point."""
        if relation == S.true:
            return Outcome(Answer.YES, "both sides are the same expression")
        if relation == S.false:
            return Outcome(Answer.NO, "the two sides are different numbers")
        if rounded(relation):
            return Outcome(Answer.UNKNOWN, ROUNDED)
        if not isinstance(relation, Eq):
            return Outcome(Answer.UNKNOWN, f"an identity needs an equation, not {type(relation).__name__}")
        return both_locks(lambda: is_zero(relation.lhs - relation.rhs), relation, domain)
