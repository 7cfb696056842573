"""A sum or product with a symbolic number of terms, proved by induction on that number."""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Basic, Eq, Product, Sum, Symbol

from theory.proving.identity import both_locks
from theory.proving.normal_form import is_zero
from theory.proving.outcome import Answer, Outcome, Status
from theory.statement import Domain


@dataclass(frozen=True)
class Induction:
    """Proves ``Eq(Sum(f(k), (k, lo, n)), g(n))`` for every integer n >= start, likewise a Product.

    Base: the relation at n = start. Step: g(n + 1) - g(n) = f(n + 1), a quotient for a product.
    """

    variable: Symbol
    start: int = 1
    earns: Status = Status.PROVED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if base and step both have normal form 0."""
        if not (isinstance(relation, Eq) and isinstance(relation.lhs, (Sum, Product))):
            return Outcome(
                Answer.UNKNOWN, "induction needs Eq(Sum(...), closed form) or Eq(Product(...), ...)"
            )
        summation, closed = relation.lhs, relation.rhs
        (index, _low, high), term = summation.limits[0], summation.function
        if high != self.variable or len(summation.limits) != 1:
            return Outcome(Answer.UNKNOWN, f"the upper limit {high} is not the variable {self.variable}")
        if not self.variable.is_integer or (self.variable.is_positive and self.start < 1):
            return Outcome(Answer.UNKNOWN, f"{self.variable} must be an integer that may equal {self.start}")
        following, last = closed.subs(self.variable, self.variable + 1), term.subs(index, self.variable + 1)
        expected = closed + last if isinstance(summation, Sum) else closed * last
        base = (summation - closed).subs(self.variable, self.start).doit()
        answers = (is_zero(base)[0], is_zero(following - expected)[0])
        proved = all(answer is Answer.YES for answer in answers)
        base_case = f"{self.variable} = {self.start}"
        how = f"induction on {self.variable}: the base {base_case} and the step have normal form 0"
        answer = Answer.YES if proved else Answer.UNKNOWN
        return both_locks(answer, how if proved else "base or step has no normal form 0", relation, domain)
