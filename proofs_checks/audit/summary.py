"""The report of an audit: what was planted, what was noticed, and what would have slipped through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

import proofs_checks
from proofs_checks.audit.mutants import MutantsRow
from proofs_checks.audit.planted import PlantedRow, Undisplaced

if TYPE_CHECKING:
    from proofs_checks.audit.attack import Attempt
    from proofs_checks.audit.derivations import DerivationAudit

GOALS_MET, DEFECT, OPEN = 0, 1, 3


@dataclass(frozen=True)
class Undeclared:
    """A claim without a closed form to mutate."""

    claim: str
    reason: str = "no closed form declared"

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return dict(vars(self))


@dataclass(frozen=True)
class TheoremAudit:
    """The audit of one theorem.

    toothless
        Sentences on claims whose tolerance is so wide that nothing need fail.
    source
        The digest of the code that was audited.
    """

    id: str
    planted: tuple[PlantedRow | Undisplaced, ...]
    mutants: tuple[MutantsRow | Undeclared, ...]
    toothless: tuple[str, ...]
    derivation: DerivationAudit
    attacks: tuple[Attempt, ...]
    source: str
    seconds: float

    @property
    def judged_mutants(self) -> tuple[MutantsRow, ...]:
        """The closed forms whose mutants were judged."""
        return tuple(row for row in self.mutants if isinstance(row, MutantsRow))

    @property
    def defects(self) -> tuple[str, ...]:
        """What would slip through, a sentence each."""
        found = [*self.toothless, *map(_of_planted, self._rows("missed")), *self._of_mutants("missed")]
        found += [f"derivation: {line}" for line in self.derivation.defects]
        found += [_of_attack(one) for one in self.attacks if one.broken or one.vacuous]
        return tuple(found)

    @property
    def doubts(self) -> tuple[str, ...]:
        """What the trials do not show, a sentence each."""
        return (*map(_of_planted, self._rows("undecided")), *self._of_mutants("undecided"))

    @property
    def exit_code(self) -> int:
        """0 all goals met, 1 a defect, 3 only undecided."""
        return DEFECT if self.defects else (OPEN if self.doubts else GOALS_MET)

    @property
    def line(self) -> str:
        """The audit in one line, for the report of a verification."""
        graded = [row for row in self.planted if isinstance(row, PlantedRow) and row.goal and not row.true]
        rows = self.judged_mutants
        killed, killable = (sum(getattr(row, name) for row in rows) for name in ("killed", "killable"))
        refuted, planted = sum(row.refuted for row in graded), sum(row.trials * row.checks for row in graded)
        parts = [
            f"{killed} of {killable} mutants refuted" if rows else "no closed form to mutate",
            f"{refuted} of {planted} planted errors refuted",
            f"{self.derivation.caught} of {self.derivation.planted} row faults caught",
        ]
        return ", ".join(parts) + (f"; {len(self.defects)} defects" if self.defects else "")

    def _rows(self, status: str) -> list[PlantedRow]:
        return [row for row in self.planted if isinstance(row, PlantedRow) and row.status == status]

    def _of_mutants(self, status: str) -> Iterator[str]:
        for row in self.judged_mutants:
            if row.status == status:
                yield from _about_mutants(row)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "id": self.id,
            "goals_met": self.exit_code == GOALS_MET,
            "exit_code": self.exit_code,
            "line": self.line,
            "defects": list(self.defects),
            "doubts": list(self.doubts),
            "planted": [row.to_dict() for row in self.planted],
            "mutants": [row.to_dict() for row in self.mutants],
            "derivation": self.derivation.to_dict(),
            "attacks": [one.to_dict() for one in self.attacks],
            "source": self.source,
            "seconds": round(self.seconds, 3),
        }


def _of_planted(row: PlantedRow) -> str:
    if row.true:
        return f"{row.claim}: the true claim was refuted {row.refuted} times in {row.trials} trials"
    shares = f"{row.weakest} of {row.trials} times refuted, up to {row.likeliest} times supported"
    return f"{row.claim}: the planted error {row.error!r} was {shares}"


def _about_mutants(row: MutantsRow) -> Iterator[str]:
    where = f"{row.claim}: {row.closed_form}"
    if not row.faithful:
        yield f"{where}: restated with itself it is judged otherwise, so its mutants say nothing"
    if row.toothless:
        yield f"{where}: nothing can fail: the tolerance lets all {row.judged - row.refused} mutants through"
    for one in row.survivors:
        if one.killable:
            how = f"survives, {one.outcome}: {one.reason}: {one.detail}"
            yield f"{where}: {one.change} ({one.operator}) {how}"


def _of_attack(one: Attempt) -> str:
    where = f"{one.claim}, point {one.point + 1}, component {one.component + 1}"
    if one.broken:
        return f"{where}: the bound {one.bound:.6g} is broken: {one.best:.6g} was reached"
    return f"{where}: the bound {one.bound:.6g} is vacuous: its twin {one.twin:.6g} survives as well"


@dataclass(frozen=True)
class AuditReport:
    """What ``audit`` returns."""

    profile: str
    seed: int
    theorems: tuple[TheoremAudit, ...]
    seconds: float

    @property
    def exit_code(self) -> int:
        """The gravest of the theorems': 1 before 3 before 0."""
        codes = {theorem.exit_code for theorem in self.theorems}
        return next(code for code in (DEFECT, OPEN, GOALS_MET) if code in codes)

    @property
    def goals_met(self) -> bool:
        return self.exit_code == GOALS_MET

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        document = {
            "provenet": proofs_checks.__version__,
            "profile": self.profile,
            "seed": self.seed,
            "seconds": round(self.seconds, 3),
            "goals_met": self.goals_met,
            "theorems": [theorem.to_dict() for theorem in self.theorems],
        }
        return finite(document)

    def __repr__(self) -> str:
        from proofs_checks.report.audits import as_text

        return as_text(self)


def finite(value: Any) -> Any:
    """The same with None for numbers that JSON does not know, and tuples as lists."""
    if isinstance(value, dict):
        return {name: finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    return None if isinstance(value, float) and not isfinite(value) else value
