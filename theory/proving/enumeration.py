"""A relation over a finite set of cases, proved by going through all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from sympy import Basic, Eq, S, Symbol

from theory.proving.normal_form import is_zero
from theory.proving.outcome import Answer, Outcome, Status
from theory.statement import Domain

MAXIMUM_CASES = 100_000


@dataclass(frozen=True)
class Enumeration:
    """Proves a relation for every combination of the listed values of its symbols.

    Other symbols may remain: each case is then an identity in them. An empty list of cases proves nothing.
    """

    cases: Mapping[Symbol, Sequence[Any]]
    earns: Status = Status.PROVED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if every case holds, NO at the first that fails, UNKNOWN if one is undecided."""
        count = prod(len(values) for values in self.cases.values())
        if not 0 < count <= MAXIMUM_CASES:
            return Outcome(Answer.UNKNOWN, f"{count} cases: between 1 and {MAXIMUM_CASES} can be enumerated")
        for values in product(*self.cases.values()):
            case = dict(zip(self.cases, values, strict=True))
            answer = holds(relation.subs(case).doit())
            if answer is not Answer.YES:
                word = "fails" if answer is Answer.NO else "is undecided"
                return Outcome(answer, f"the case {case} {word}")
        return Outcome(Answer.YES, f"all {count} cases were checked", points=count)


def holds(relation: Basic) -> Answer:
    """Three-valued truth of one evaluated case."""
    if relation == S.true:
        return Answer.YES
    if relation == S.false:
        return Answer.NO
    if isinstance(relation, Eq):
        answer, _ = is_zero(relation.lhs - relation.rhs)
        return answer
    return Answer.UNKNOWN
