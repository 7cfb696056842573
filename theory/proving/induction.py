"""A sum or product with a symbolic number of terms, proved by induction on that number."""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Basic, Eq, Expr, Product, Sum, Symbol

from theory.proving.exactness import ROUNDED, rounded
from theory.proving.identity import both_locks
from theory.proving.normal_form import is_zero
from theory.proving.outcome import Answer, Outcome, Status
from theory.statement import Domain


@dataclass(frozen=True)
class Induction:
    """Proves ``Eq(Sum(f(k), (k, lo, n)), g(n))`` for every integer n >= start, likewise a Product.

    Base: the relation at n = start. Step: g(n + 1) - g(n) = f(n + 1), a quotient for a product. The number
    lo is at most start + 1 (the empty sum), f must not contain n, and the assumptions on n or the domain
    must exclude every n < start.
    """

    variable: Symbol
    start: int = 1
    earns: Status = Status.PROVED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if both base and step have normal form 0."""
        if not (isinstance(relation, Eq) and isinstance(relation.lhs, (Sum, Product))):
            return Outcome(
                Answer.UNKNOWN, "induction needs Eq(Sum(...), closed form) or Eq(Product(...), ...)"
            )
        summation, closed = relation.lhs, relation.rhs
        unfit = ROUNDED if rounded(relation) else self._unfit(summation) or self._unfit_variable(domain)
        if unfit:
            return Outcome(Answer.UNKNOWN, unfit)
        return both_locks(lambda: self._base_and_step(summation, closed), relation, domain)

    def _base_and_step(self, summation: Sum | Product, closed: Expr) -> tuple[Answer, str]:
        index, term = summation.limits[0][0], summation.function
        following, last = closed.subs(self.variable, self.variable + 1), term.subs(index, self.variable + 1)
        expected = closed + last if isinstance(summation, Sum) else closed * last
        base = (summation - closed).subs(self.variable, self.start).doit()
        answers = (is_zero(base)[0], is_zero(following - expected)[0])
        if not all(answer is Answer.YES for answer in answers):
            return Answer.UNKNOWN, "base or step has no normal form 0"
        base_case = f"{self.variable} = {self.start}"
        return (
            Answer.YES,
            f"induction on {self.variable}: the base {base_case} and the step have normal form 0",
        )

    def _unfit(self, summation: Sum | Product) -> str:
        """Why the step does not apply to this sum; empty if it does."""
        if len(summation.limits) != 1 or summation.limits[0][2] != self.variable:
            return f"the one upper limit must be the variable {self.variable}"
        index, low, _ = summation.limits[0]
        if summation.function.has(self.variable):
            return f"the term contains {self.variable}: from {self.variable} to the next all terms change"
        if not (low.is_Integer and low <= self.start + 1):
            return f"the lower limit {low} is no number up to {self.start + 1}"
        signs = (index.is_nonnegative and low < 0) or (index.is_positive and low < 1) or index.is_nonpositive
        return f"the index {index} takes values that its assumptions exclude" if signs else ""

    def _unfit_variable(self, domain: Domain | None) -> str:
        """Why the induction does not reach exactly the values of the variable; empty if it does."""
        variable, start = self.variable, self.start
        if not isinstance(start, int) or not variable.is_integer or (variable.is_positive and start < 1):
            return f"{variable} must be an integer that may equal {start}"
        low = domain.box[variable][0] if domain is not None and variable in domain.box else None
        if (variable - start).is_nonnegative or (low is not None and low >= start):
            return ""
        return f"{variable} may be less than {start}, where the induction starts"
