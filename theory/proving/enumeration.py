"""A relation over a finite set of cases, proved by going through all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from sympy import Basic, Eq, Integer, S, Symbol, ceiling, floor

from theory.proving.exactness import ROUNDED, rounded
from theory.proving.normal_form import is_zero
from theory.proving.outcome import Answer, Outcome, Status
from theory.statement import Domain

MAXIMUM_CASES = 100_000


@dataclass(frozen=True)
class Enumeration:
    """Proves a relation for every combination of the listed values of its symbols.

    The domain must say that there are no other values: each symbol is an integer with a range, and every
    point of these ranges that satisfies the constraints must be a case. Other symbols may remain: each case
    is then an identity in them. An empty list of cases proves nothing.
    """

    cases: Mapping[Symbol, Sequence[Any]]
    earns: Status = Status.PROVED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if every case holds, NO at the first that fails, UNKNOWN if one is undecided or missing."""
        count = prod(len(values) for values in self.cases.values())
        if not 0 < count <= MAXIMUM_CASES:
            return Outcome(Answer.UNKNOWN, f"{count} cases: between 1 and {MAXIMUM_CASES} can be enumerated")
        if rounded(relation, *(value for values in self.cases.values() for value in values)):
            return Outcome(Answer.UNKNOWN, ROUNDED)
        for values in product(*self.cases.values()):
            case = dict(zip(self.cases, values, strict=True))
            answer = holds(relation.subs(case).doit())
            if answer is not Answer.YES:
                word = "fails" if answer is Answer.NO else "is undecided"
                return Outcome(answer, f"the case {case} {word}")
        missing = self._missing(domain or Domain({}))
        if missing:
            return Outcome(Answer.UNKNOWN, f"the {count} listed cases hold, but {missing}")
        return Outcome(Answer.YES, f"all {count} cases were checked", points=count)

    def _missing(self, domain: Domain) -> str:
        """What the list of cases leaves out of the domain; empty if nothing."""
        for symbol in self.cases:
            if symbol not in domain.box or not symbol.is_integer:
                return f"the domain does not say that {symbol} is an integer of a finite range"
        listed = {tuple(map(Integer, values)) for values in product(*self.cases.values())}
        for number, point in enumerate(self._points(domain)):
            if number > MAXIMUM_CASES:
                return "the domain has too many points"
            if tuple(point.values()) not in listed and not _excluded(point, domain):
                return f"the domain contains {point}"
        return ""

    def _points(self, domain: Domain) -> Iterator[dict[Symbol, Integer]]:
        ranges = [
            range(int(ceiling(domain.box[symbol][0])), int(floor(domain.box[symbol][1])) + 1)
            for symbol in self.cases
        ]
        for values in product(*ranges):
            yield dict(zip(self.cases, map(Integer, values), strict=True))


def _excluded(point: Mapping[Symbol, Integer], domain: Domain) -> bool:
    return any(constraint.subs(point) == S.false for constraint in domain.constraints)


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
