"""A relation that follows from earlier rows by inserting equations and chaining inequalities."""

from __future__ import annotations

from dataclasses import dataclass

from sympy import And, Basic, Derivative, Dummy, Eq, Expr, Ge, Gt, Le, Lt, preorder_traversal

from theory.proving.exactness import ROUNDED, rounded
from theory.proving.normal_form import is_zero
from theory.proving.outcome import Answer, Outcome, Status
from theory.proving.spot_check import spot_check
from theory.statement import Domain, EmptyDomain

_ORDERS = (Le, Lt, Ge, Gt)


@dataclass(frozen=True)
class Consequence:
    """Proves a relation from ``premises``, each of which must be the relation of an earlier row.

    The left sides of equations are replaced by their right sides, in the order given. An equation then holds
    if the difference of its sides has normal form 0 and ball arithmetic does not contradict it; an
    inequality if the smaller side leads to the larger one through the inequalities among the premises, in
    the order given. A conjunction is proved part by part. The derivation refuses premises that no earlier
    row establishes.

    What a premise says of a letter it says of that letter alone: it is not inserted where the letter is the
    index of a sum, the variable of an integral, or that of a derivative.
    """

    premises: tuple[Basic, ...]
    earns: Status = Status.PROVED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if every part follows; never NO, since other premises might do."""
        if rounded(relation, *self.premises):
            return Outcome(Answer.UNKNOWN, ROUNDED)
        parts = relation.args if isinstance(relation, And) else (relation,)
        if all(self._follows(part, domain) for part in parts):
            count = len(self.premises)
            return Outcome(Answer.YES, f"it follows from {count} earlier step" + ("s" if count != 1 else ""))
        return Outcome(
            Answer.UNKNOWN, "it does not follow from the premises by substitution and transitivity"
        )

    def _follows(self, relation: Basic, domain: Domain | None) -> bool:
        if relation in self.premises:
            return True
        if isinstance(relation, Eq):
            return _equal(self._inserted(relation.lhs), self._inserted(relation.rhs), domain)
        return isinstance(relation, _ORDERS) and self._chained(relation, domain)

    def _inserted(self, expression: Expr) -> Expr:
        for premise in self.premises:
            if isinstance(premise, Eq):
                expression = _replaced(expression, premise)
        return expression

    def _chained(self, relation: Basic, domain: Domain | None) -> bool:
        """Whether the smaller side climbs to the larger; a strict claim needs one strict step."""
        reached, strict = self._inserted(relation.lts), False
        for premise in self.premises:
            if isinstance(premise, _ORDERS) and _equal(reached, self._inserted(premise.lts), domain):
                reached = self._inserted(premise.gts)
                strict = strict or isinstance(premise, (Lt, Gt))
        arrived = _equal(reached, self._inserted(relation.gts), domain)
        return arrived and (strict or isinstance(relation, (Le, Ge)))


def _replaced(expression: Expr, premise: Eq) -> Expr:
    """The left side of the premise replaced, without capturing a bound letter or being captured by one."""
    old, new = premise.args
    letters = old.free_symbols | new.free_symbols
    if letters & _bound(expression):
        expression = expression.as_dummy()
    derivatives = [node for node in expression.atoms(Derivative) if letters & set(node.variables)]
    kept = {node: Dummy(f"derivative_{number}") for number, node in enumerate(derivatives) if node != old}
    restored = {dummy: node for node, dummy in kept.items()}
    return expression.xreplace(kept).subs(old, new).xreplace(restored)


def _bound(expression: Expr) -> set[Basic]:
    nodes = preorder_traversal(expression)
    return {letter for node in nodes for letter in getattr(node, "bound_symbols", ())}


def _equal(left: Expr, right: Expr, domain: Domain | None) -> bool:
    """Whether the sides are shown to be equal; the second lock first, which refutes in no time."""
    try:
        refuted = spot_check(Eq(left, right, evaluate=False), domain).answer is Answer.NO
    except EmptyDomain:
        return False
    return not refuted and is_zero(left - right)[0] is Answer.YES
