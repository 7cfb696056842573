"""The report of one run: what was derived, what was judged, and whether all was as expected."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import proofs_checks
from proofs_checks.certificate import Certificate
from theory.printing.visible import visible

if TYPE_CHECKING:
    from theory.derivation import Derivation

AS_EXPECTED, UNEXPECTED, UNDECIDED = 0, 1, 3


class UnexpectedVerdict(AssertionError):
    """Raised by ``raise_if_unexpected``; the message names every claim and derivation concerned."""


class Numbers(NamedTuple):
    """One check in figures."""

    predicted: float
    estimate: float
    standard_error: float
    margin: float
    resolution: float
    seeds: int


@dataclass(frozen=True)
class ClaimReport:
    """One judged claim, read from its certificate."""

    certificate: Certificate

    @property
    def name(self) -> str:
        return self.certificate.claim

    @property
    def expected(self) -> str:
        return self.certificate.expected

    @property
    def verdict(self) -> str:
        return self.certificate.verdict.outcome

    @property
    def cause(self) -> str:
        return self.certificate.verdict.cause

    @property
    def comparator(self) -> str:
        return self.certificate.comparator

    @property
    def control(self) -> bool:
        return self.certificate.control

    @property
    def as_expected(self) -> bool:
        return self.certificate.as_expected

    @property
    def seeds(self) -> int:
        return self.certificate.seeds

    @property
    def seconds(self) -> float:
        return self.certificate.seconds

    @property
    def checks(self) -> tuple[Numbers, ...]:
        """Every check of every grid point, in order; NaN where nothing was measured."""
        return tuple(
            _numbers(point, component)
            for point in self.certificate.points
            for component in range(len(point.predicted))
        )

    @property
    def worst(self) -> Numbers:
        """The check that is farthest from its prediction in units of its resolution."""
        return max(self.checks, key=_distance)

    def to_dict(self) -> dict[str, Any]:
        """Plain data; a claim of one check has numbers where one of several has arrays."""
        columns = {name: [getattr(check, name) for check in self.checks] for name in Numbers._fields[:-1]}
        single = len(self.checks) == 1
        return {
            "name": self.name,
            "expected": self.expected,
            "verdict": self.verdict,
            "cause": self.cause,
            "comparator": self.comparator,
            **{
                name: _json(values[0]) if single else [*map(_json, values)]
                for name, values in columns.items()
            },
            "seeds": self.seeds,
            "seconds": round(self.seconds, 3),
            "control": self.control,
            "reason": self.certificate.reason,
        }


def _numbers(point: Any, component: int) -> Numbers:
    targets = (point.predicted[component], point.margin[component], point.resolution[component])
    found = next((one for one in point.primary if one.component == component), None)
    if found is None:
        return Numbers(targets[0], math.nan, math.nan, *targets[1:], 0)
    return Numbers(targets[0], found.estimate, found.standard_error, *targets[1:], found.count)


def _distance(check: Numbers) -> float:
    distance = abs(check.estimate - check.predicted) / check.resolution if check.resolution else 0.0
    return math.inf if math.isnan(distance) else distance


def _json(number: float) -> float | None:
    return number if math.isfinite(number) else None


@dataclass(frozen=True)
class TheoremReport:
    """One theorem: its derivation and the certificates of its claims and controls.

    ``audited`` says what the latest audit of the same code found, where a store was used.
    """

    id: str
    derivation: Derivation
    certificates: tuple[Certificate, ...]
    derivation_seconds: float
    audited: str | None = None

    @property
    def seconds(self) -> float:
        """Seconds of work on this theorem: its derivation and its measurements."""
        return self.derivation_seconds + sum(certificate.seconds for certificate in self.certificates)

    @property
    def claims(self) -> tuple[ClaimReport, ...]:
        return tuple(ClaimReport(certificate) for certificate in self.certificates)

    @property
    def status(self) -> str:
        """``derived``, ``open`` or ``not run``."""
        return self.derivation.status

    @property
    def counts(self) -> dict[str, int]:
        """Rows of the derivation by status."""
        return self.derivation.counts

    @property
    def as_expected(self) -> bool:
        """Whether the derivation is derived and every verdict is the expected one."""
        return self.status == "derived" and all(claim.as_expected for claim in self.claims)

    @property
    def exit_code(self) -> int:
        """0 as expected; 1 refuted, a control supported, or an open row; 3 undecided, invalid, not run."""
        if self.as_expected:
            return AS_EXPECTED
        opposite = any(
            not claim.as_expected and claim.verdict in ("refuted", "supported") for claim in self.claims
        )
        return UNEXPECTED if opposite or self.status == "open" else UNDECIDED

    def to_dict(self) -> dict[str, Any]:
        """Plain data, in the documented layout."""
        return {
            "id": self.id,
            "as_expected": self.as_expected,
            "seconds": round(self.seconds, 3),
            "derivation": {name.replace(" ", "_"): count for name, count in self.counts.items()},
            "claims": [claim.to_dict() for claim in self.claims],
            **({"audited": self.audited} if self.audited is not None else {}),
        }


@dataclass(frozen=True)
class Report:
    """What ``verify`` returns; displays as a table in notebooks.

    ``notes`` names the damaged records of the store that were measured anew.
    """

    profile: str
    theorems: tuple[TheoremReport, ...]
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def as_expected(self) -> bool:
        return all(theorem.as_expected for theorem in self.theorems)

    @property
    def exit_code(self) -> int:
        """The gravest of the theorems': 1 before 3 before 0."""
        codes = {theorem.exit_code for theorem in self.theorems}
        return next(code for code in (UNEXPECTED, UNDECIDED, AS_EXPECTED) if code in codes)

    @property
    def claims(self) -> tuple[ClaimReport, ...]:
        """The claims and controls of all theorems."""
        return tuple(claim for theorem in self.theorems for claim in theorem.claims)

    @property
    def unexpected(self) -> tuple[tuple[TheoremReport, ClaimReport], ...]:
        """Every claim whose verdict is not the expected one, with its theorem."""
        return tuple(
            (theorem, claim) for theorem in self.theorems for claim in theorem.claims if not claim.as_expected
        )

    def raise_if_unexpected(self) -> None:
        """Raise UnexpectedVerdict, naming everything that is not as expected."""
        lines = [
            f"{theorem.id}: the derivation is {theorem.status}"
            for theorem in self.theorems
            if theorem.status != "derived"
        ]
        lines += [
            f"{theorem.id}: {claim.name}: expected {claim.expected}, found {claim.verdict}: {claim.cause}"
            for theorem, claim in self.unexpected
        ]
        if lines:
            raise UnexpectedVerdict(visible("\n".join(lines)))

    def to_dict(self) -> dict[str, Any]:
        """Plain data, in the documented layout."""
        return {
            "provenet": proofs_checks.__version__,
            "profile": self.profile,
            "seconds": round(self.seconds, 3),
            "as_expected": self.as_expected,
            "theorems": [theorem.to_dict() for theorem in self.theorems],
        }

    def __repr__(self) -> str:
        from proofs_checks.report.terminal import as_text

        return as_text(self)

    def _repr_html_(self) -> str:
        from proofs_checks.report.notebook import table

        return table(self)
