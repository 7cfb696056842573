"""An inequality, proved by writing the difference as a form that is visibly nonnegative."""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Basic, Expr, Ge, Gt, Le, Lt, S, factor

from theory.proving.exactness import ROUNDED, rounded
from theory.proving.identity import both_locks
from theory.proving.normal_form import is_zero
from theory.proving.outcome import Answer, Outcome, Status
from theory.statement import Domain


@dataclass(frozen=True)
class Nonnegativity:
    """Proves ``Le``, ``Lt``, ``Ge`` or ``Gt`` from an exact certificate.

    The larger side minus the smaller must equal ``certificate`` identically (default: its factorization),
    and the certificate must be nonnegative, or positive, term by term from the assumptions on its symbols:
    sums of squares and products of nonnegative symbols are.
    """

    certificate: Expr | None = None
    earns: Status = Status.PROVED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if the certificate equals the difference and its sign follows from the assumptions."""
        if relation == S.true:
            return Outcome(Answer.YES, "it holds by the assumptions on its symbols")
        if rounded(relation, self.certificate):
            return Outcome(Answer.UNKNOWN, ROUNDED)
        if not isinstance(relation, (Le, Lt, Ge, Gt)):
            return Outcome(Answer.UNKNOWN, f"an inequality is needed, not {type(relation).__name__}")
        return both_locks(lambda: self._signed(relation), relation, domain)

    def _signed(self, relation: Basic) -> tuple[Answer, str]:
        difference = relation.gts - relation.lts
        certificate = factor(difference) if self.certificate is None else self.certificate
        answer, _ = is_zero(difference - certificate)
        signed = certificate.is_positive if isinstance(relation, (Lt, Gt)) else certificate.is_nonnegative
        if not (answer is Answer.YES and signed is True):
            return Answer.UNKNOWN, "no certificate of nonnegativity was found"
        written = str(certificate).replace("**", "^")
        return (
            Answer.YES,
            f"the difference of the sides is {written}, which is nonnegative term by term",
        )
