"""Derivations on trial: rows with planted errors must stay open, and hypotheses removed must be missed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from random import Random
from typing import Any, Literal

from sympy import And, Basic

from proofs_checks.audit.discharge import EARNED, Bench
from proofs_checks.audit.removals import Removal, removals, with_method
from proofs_checks.audit.truth import harmless, still_true
from proofs_checks.catalogue import Theorem
from proofs_checks.profile import Profile
from theory.derivation import Derivation, Row
from theory.proving.definition import Citation, Given
from theory.relation_mutants import Slip, committed, slips

Fate = Literal["caught", "still true", "missed"]
_USING = ("premises", "rules")


@dataclass(frozen=True)
class Extent:
    """How much is tried.

    faults
        Planted errors of each row.
    rows, first_need
        On how many rows a hypothesis is tried, and whether the first that needs it is enough.
    seconds
        The time limit of one discharge.
    """

    faults: int
    rows: int
    first_need: bool
    seconds: float


_EXTENTS = {
    "quick": Extent(2, 1, True, 5.0),
    "standard": Extent(10, 20, False, 10.0),
    "thorough": Extent(1_000_000, 1_000_000, False, 20.0),
}


@dataclass(frozen=True)
class Fault:
    """A planted error and its fate; of those that were caught, which are many, no text is kept.

    how
        By what it was caught, or why it is true.
    """

    operator: str
    change: str
    relation: str
    fate: Fate
    how: str


@dataclass(frozen=True)
class RowFaults:
    """The faults planted in one row, or in a definition or hypothesis that later rows use.

    row
        Its number, from 1, the limiting case last.
    possible
        How many slips there are; ``faults`` are those that were tried.
    """

    row: int
    reason: str
    method: str
    possible: int
    faults: tuple[Fault, ...]

    def count(self, fate: Fate) -> int:
        """How many came to this end."""
        return sum(fault.fate == fate for fault in self.faults)

    def to_dict(self) -> dict[str, Any]:
        """JSON values; of the faults only those that were not caught, which are few."""
        kept = [asdict(fault) for fault in self.faults if fault.fate != "caught"]
        counts = {"caught": self.count("caught"), "still_true": self.count("still true")}
        head = {"row": self.row, "reason": self.reason, "method": self.method, "possible": self.possible}
        return {**head, "tried": len(self.faults), **counts, "missed": self.count("missed"), "faults": kept}


@dataclass(frozen=True)
class HypothesisUse:
    """Which checked rows fail without a hypothesis.

    using, tried
        How many checked rows mention it, and how many of them were discharged without it.
    needed_by
        The numbers of the rows that failed then.
    """

    kind: str
    name: str
    using: int
    tried: int
    needed_by: tuple[int, ...]
    note: str

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {**asdict(self), "needed_by": list(self.needed_by)}


@dataclass(frozen=True)
class DerivationAudit:
    """What the derivation of a theorem would have let through, and what it rests on."""

    theorem: str
    profile: str
    seed: int
    faults: tuple[RowFaults, ...]
    hypotheses: tuple[HypothesisUse, ...]
    seconds: float

    @property
    def caught(self) -> int:
        """Planted errors that were not discharged."""
        return sum(row.count("caught") for row in self.faults)

    @property
    def planted(self) -> int:
        """Planted errors that make a row false: caught or missed."""
        return self.caught + sum(row.count("missed") for row in self.faults)

    @property
    def still_true(self) -> int:
        """Changes after which the row is shown to be true."""
        return sum(row.count("still true") for row in self.faults)

    @property
    def unneeded(self) -> tuple[HypothesisUse, ...]:
        """Hypotheses that no row needed, of those that were tried."""
        return tuple(one for one in self.hypotheses if not one.needed_by)

    @property
    def defects(self) -> tuple[str, ...]:
        """The errors that would slip through, a sentence each."""
        return tuple(
            f"row {row.row} ({row.method}): with {fault.change} ({fault.operator}) it is still discharged"
            for row in self.faults
            for fault in row.faults
            if fault.fate == "missed"
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "planted": self.planted,
            "caught": self.caught,
            "still_true": self.still_true,
            "defects": list(self.defects),
            "rows": [row.to_dict() for row in self.faults],
            "hypotheses": [one.to_dict() for one in self.hypotheses],
            "unneeded": [one.name for one in self.unneeded],
            "profile": self.profile,
            "seed": self.seed,
            "seconds": round(self.seconds, 3),
        }


def audit_derivation(
    theorem: Theorem, parameters: Mapping[str, Any], profile: Profile, seed: int
) -> DerivationAudit:
    """Plant errors in the rows of a derivation and take its hypotheses away, one at a time.

    Raises InputError for parameters that the theorem refuses.
    """
    started = time.perf_counter()
    trial = _Trial(theorem.derivation(parameters), _EXTENTS[profile.name], f"{theorem.id}:{seed}")
    faults, hypotheses = tuple(trial.faults()), tuple(trial.hypotheses())
    return DerivationAudit(theorem.id, profile.name, seed, faults, hypotheses, time.perf_counter() - started)


class _Trial:
    def __init__(self, derivation: Derivation, extent: Extent, seed: str) -> None:
        self.derivation, self.extent, self.seed = derivation, extent, seed
        self.rows = (*derivation.rows, derivation.limiting_case)
        self.bench = Bench(extent.seconds)
        domain = derivation.statement.domain
        self.checked = {
            number: row
            for number, row in enumerate(self.rows, start=1)
            if row.method.earns in EARNED and self.bench.discharge(row, domain).earned
        }

    def faults(self) -> Iterator[RowFaults]:
        """Of every row that was discharged, and of every other that a discharged row uses."""
        for number, row in enumerate(self.rows, start=1):
            if number in self.checked:
                yield self._planted(number, row, self._fate)
            elif self._using(row.relation):
                yield self._planted(number, row, self._fate_of_premise)

    def _planted(self, number: int, row: Row, fate: Callable[[Row, Basic], tuple[Fate, str]]) -> RowFaults:
        possible = slips(row.relation)
        tried: list[Fault] = []
        seen: set[Basic] = set()
        for slip in _drawn(possible, Random(f"{self.seed}:{number}")):
            if len(tried) == self.extent.faults:
                break
            relation = committed(row.relation, slip)
            if relation is not None and relation not in seen:
                seen.add(relation)
                found, how = fate(row, relation)
                written = ("", "") if found == "caught" else (slip.change, str(relation))
                tried.append(Fault(slip.operator, *written, found, how))
        return RowFaults(number, row.reason, type(row.method).__name__, len(possible), tuple(tried))

    def _fate(self, row: Row, relation: Basic) -> tuple[Fate, str]:
        planted, domain = replace(row, relation=relation), self.derivation.statement.domain
        found = self.bench.discharge(planted, domain)
        if not found.earned:
            return "caught", found.how
        true = still_true(row, relation, domain, self.seed)
        return ("still true", true) if true else ("missed", found.how)

    def _fate_of_premise(self, row: Row, relation: Basic) -> tuple[Fate, str]:
        """A wrong definition or hypothesis must open a row that uses it."""
        reasons = []
        domain = self.derivation.statement.domain
        for number, user in self._using(row.relation):
            if not self.bench.discharge(_with_premise(user, row.relation, relation), domain).earned:
                return "caught", f"row {number} opens"
            reasons.append(harmless(row, relation, user, domain, self.seed))
        if all(reasons):
            return "still true", reasons[0]
        return "missed", "every row that uses it is discharged all the same"

    def _using(self, relation: Basic) -> list[tuple[int, Row]]:
        return [
            (number, row)
            for number, row in self.checked.items()
            if any(relation in getattr(row.method, name, ()) for name in _USING)
        ]

    def hypotheses(self) -> Iterator[HypothesisUse]:
        """Each hypothesis that rows can use, removed; then those that are prose."""
        for removal in removals(self.derivation):
            yield self._removed(removal)
        for hypothesis in self.derivation.statement.hypotheses:
            parts = And.make_args(hypothesis.relation) if hypothesis.relation is not None else ()
            if hypothesis.relation is None:
                note = "prose: only cited rows and definitions can rest on it"
            elif all(part in self._represented for part in parts):
                continue  # it was removed above, as a constraint of the domain or as a given row
            else:
                note = "its relation is no given row and no constraint: only the prose can rest on it"
            yield HypothesisUse("hypothesis", hypothesis.text, 0, 0, (), note)

    @property
    def _represented(self) -> set[Basic]:
        domains = [self.derivation.statement.domain, *(row.domain for row in self.rows)]
        constraints = {one for domain in domains if domain is not None for one in domain.constraints}
        return constraints | {row.relation for row in self.rows if isinstance(row.method, Given)}

    def _removed(self, removal: Removal) -> HypothesisUse:
        domain = self.derivation.statement.domain
        using = [number for number, row in self.checked.items() if removal.uses(row, domain)]
        tried = using
        if len(using) > self.extent.rows:
            tried = sorted(Random(f"{self.seed}:{removal.name}").sample(using, self.extent.rows))
        needed: list[int] = []
        for count, number in enumerate(tried, start=1):
            if not self._survives(removal, self.checked[number]):
                needed.append(number)
                if self.extent.first_need:
                    tried = tried[:count]
                    break
        note = self._note(removal, using)
        return HypothesisUse(removal.kind, removal.name, len(using), len(tried), tuple(needed), note)

    def _survives(self, removal: Removal, row: Row) -> bool:
        try:
            changed, domain = removal.change(row, self.derivation.statement.domain)
        except (TypeError, ValueError):
            return False  # without the hypothesis the row cannot even be written
        return self.bench.discharge(changed, domain).earned

    def _note(self, removal: Removal, using: list[int]) -> str:
        if using:
            return "declared; no row states it in this form" if removal.unstated else ""
        cited = [
            number
            for number, row in enumerate(self.rows, start=1)
            if isinstance(row.method, Citation) and removal.uses(row, self.derivation.statement.domain)
        ]
        return (
            f"only cited rows mention it: {', '.join(map(str, cited))}"
            if cited
            else "no checked row mentions it"
        )


def _with_premise(user: Row, old: Basic, new: Basic) -> Row:
    changed = {
        name: tuple(new if one == old else one for one in getattr(user.method, name))
        for name in _USING
        if old in getattr(user.method, name, ())
    }
    return with_method(user, **changed)


def _drawn(possible: tuple[Slip, ...], random: Random) -> Iterator[Slip]:
    """All slips in random order, one of each operator before a second of any."""
    shuffled = random.sample(possible, len(possible))
    rounds: dict[str, int] = {}
    ranked = []
    for slip in shuffled:
        rounds[slip.operator] = rounds.get(slip.operator, 0) + 1
        ranked.append((rounds[slip.operator], slip))
    yield from (slip for _, slip in sorted(ranked, key=lambda one: one[0]))
