"""A relation that follows from earlier rows by inserting equations and chaining inequalities."""

from __future__ import annotations

from dataclasses import dataclass

from sympy import And, Basic, Eq, Expr, Ge, Gt, Le, Lt

from theory.proving.normal_form import is_zero
from theory.proving.outcome import Answer, Outcome, Status
from theory.statement import Domain

_ORDERS = (Le, Lt, Ge, Gt)


@dataclass(frozen=True)
class Consequence:
    """Proves a relation from ``premises``, each of which must be the relation of an earlier row.

    The left sides of equations are replaced by their right sides, in the order given. An equation then holds
    if the difference of its sides has normal form 0; an inequality if the smaller side leads to the larger
    one through the inequalities among the premises, in the order given. A conjunction is proved part by
    part. The derivation refuses premises that no earlier row establishes.
    """

    premises: tuple[Basic, ...]
    earns: Status = Status.PROVED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if every part follows; never NO, since other premises might do."""
        parts = relation.args if isinstance(relation, And) else (relation,)
        if all(self._follows(part) for part in parts):
            count = len(self.premises)
            return Outcome(Answer.YES, f"it follows from {count} earlier step" + ("s" if count != 1 else ""))
        return Outcome(
            Answer.UNKNOWN, "it does not follow from the premises by substitution and transitivity"
        )

    def _follows(self, relation: Basic) -> bool:
        if relation in self.premises:
            return True
        if isinstance(relation, Eq):
            return _equal(self._inserted(relation.lhs), self._inserted(relation.rhs))
        return isinstance(relation, _ORDERS) and self._chained(relation)

    def _inserted(self, expression: Expr) -> Expr:
        for premise in self.premises:
            if isinstance(premise, Eq):
                expression = expression.subs(premise.lhs, premise.rhs)
        return expression

    def _chained(self, relation: Basic) -> bool:
        """Whether the smaller side climbs to the larger; a strict claim needs one strict step."""
        reached, strict = self._inserted(relation.lts), False
        for premise in self.premises:
            if isinstance(premise, _ORDERS) and _equal(reached, self._inserted(premise.lts)):
                reached = self._inserted(premise.gts)
                strict = strict or isinstance(premise, (Lt, Gt))
        return _equal(reached, self._inserted(relation.gts)) and (strict or isinstance(relation, (Le, Ge)))


def _equal(left: Expr, right: Expr) -> bool:
    return is_zero(left - right)[0] is Answer.YES
