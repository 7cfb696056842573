"""A row about the value, or the smallest curvature, at a certified minimum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sympy import Basic, Ge, Gt, Le, Lt, Symbol

from theory import balls
from theory.certified_minima.minimum import CertifiedMinimum, NotCertified
from theory.proving.exactness import ROUNDED, rounded
from theory.proving.outcome import Answer, Outcome, Status
from theory.statement import Domain


@dataclass(frozen=True)
class AtCertifiedMinimum:
    """Certifies an inequality between numbers and what is enclosed at a strict local minimum.

    find
        Finds and certifies the minimum; NotCertified leaves the row undecided.
    value, curvature
        The letters that stand in the relation for the value there and the smallest eigenvalue of the Hessian.
    others
        Further letters, each with a function of the coordinates of the minimum.
    """

    find: Callable[[], CertifiedMinimum]
    value: Symbol
    curvature: Symbol
    others: tuple[tuple[Symbol, balls.BallFunction], ...] = ()
    earns: Status = Status.CERTIFIED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES or NO where the balls decide the inequality. Raises BallsUnavailable without python-flint."""
        if rounded(relation):
            return Outcome(Answer.UNKNOWN, ROUNDED)
        if not isinstance(relation, (Ge, Gt, Le, Lt)):
            return Outcome(Answer.UNKNOWN, "an inequality is needed")
        try:
            found = self.find()
        except NotCertified as reason:
            return Outcome(Answer.UNKNOWN, str(reason))
        known = {self.value: found.value, self.curvature: found.curvature}
        known |= {letter: function(found.box) for letter, function in self.others}
        if relation.free_symbols - set(known):
            return Outcome(Answer.UNKNOWN, f"only {sorted(map(str, known))} are known")
        return _decided(
            balls.enclose(relation.gts - relation.lts, known), found, isinstance(relation, (Ge, Le))
        )


def _decided(difference: balls.Ball, found: CertifiedMinimum, equal_too: bool) -> Outcome:
    if bool(difference < 0):
        return Outcome(Answer.NO, "the balls at the certified minimum contradict it")
    if bool(difference > 0) or (equal_too and bool(difference >= 0)):
        how = (
            f"Krawczyk's test encloses the only critical point within {float(found.radius):.0e} of a point "
            f"of {len(found.box)} coordinates, L D L^T shows its Hessian positive definite; the "
            f"value there is {found.value.str(12, radius=False)}"
        )
        return Outcome(Answer.YES, how, points=1)
    return Outcome(Answer.UNKNOWN, "the balls at the certified minimum do not decide it")
