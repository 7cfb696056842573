"""One audit: every theorem's rows, claims, closed forms and bounds are given errors to notice."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, cast

from proofs_checks.audit.attack import Attempt, attack_claim
from proofs_checks.audit.derivations import audit_derivation
from proofs_checks.audit.effort import Effort, effort
from proofs_checks.audit.mutants import MutantsRow, mutants_of
from proofs_checks.audit.planted import PlantedRow, Undisplaced, planted_errors
from proofs_checks.audit.stored import audited_source, keep
from proofs_checks.audit.summary import AuditReport, TheoremAudit, Undeclared
from proofs_checks.audit.tolerance import toothless
from proofs_checks.audit.trials import Bench
from proofs_checks.catalogue import Theorem, catalogue, find
from proofs_checks.claim import Claim
from proofs_checks.cluster.local import require_count
from proofs_checks.precision import float64
from proofs_checks.profile import Profile, ProfileName
from proofs_checks.run import Progress, resolve_all
from proofs_checks.store import open_store
from theory.errors import InputError
from theory.time_limit import side_by_side


def audit(
    *theorems: str,
    profile: str = "quick",
    seed: int = 0,
    store: str | Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    **parameters: object,
) -> AuditReport:
    """Plant errors in the named theorems, or in the whole catalogue, and report which are noticed.

    Planted errors and mutants of closed forms are judged as claims are, on seeds that no verification uses;
    controls are not audited. The claims are those of the quick profile, with which ``verify`` runs unless
    told otherwise; ``profile`` says how much is tried on them. With a ``store`` the result is kept there, and
    reports of ``verify`` mention it. With several ``workers`` as many theorems are audited at once, each in a
    process of this machine; what is tried is the same.

    Raises InputError before anything is run or written.
    """
    started = time.perf_counter()
    chosen = [find(name) for name in theorems] or list(catalogue().values())
    if not chosen:
        raise InputError("the catalogue is empty: name a file with a theorem")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InputError(f"the seed must be an integer of at least 0, got {seed!r}")
    settings = resolve_all(chosen, parameters)
    level = Profile(cast(ProfileName, profile))  # which refuses other words
    require_count(workers)
    names = theorems or tuple(catalogue())
    audits = [
        _Audit(name, theorem, settings[theorem.id], level, seed, progress or _silent)
        for name, theorem in zip(names, chosen, strict=True)
    ]
    found = _kept(audits, workers, store)
    return AuditReport(level.name, seed, found, time.perf_counter() - started)


def _kept(audits: Sequence[_Audit], workers: int, store: str | Path | None) -> tuple[TheoremAudit, ...]:
    """What is found on each theorem, in order, each kept in the store as soon as it is there."""
    found: dict[int, TheoremAudit] = {}
    with open_store(store) as kept, closing(_reports(audits, workers)) as reports:
        for index, report in reports:
            found[index] = report
            job = audits[index]
            keep(kept, report, job.parameters, job.profile.name, job.seed)
    return tuple(found[index] for index in sorted(found))


def _reports(audits: Sequence[_Audit], workers: int) -> Generator[tuple[int, TheoremAudit], None, None]:
    """What is found on each theorem, with its index, as soon as it is."""
    if min(workers, len(audits)) == 1:
        yield from ((index, audit.report()) for index, audit in enumerate(audits))
        return
    calls = [(audit.name, audit.parameters, audit.profile, audit.seed) for audit in audits]
    with closing(side_by_side(_audited, calls, workers)) as children:
        for index, report in children:
            audits[index].tell(
                "in a process of its own" if report is None else "done", int(report is not None), 1
            )
            if report is not None:
                yield index, report


def _audited(name: str, parameters: Mapping[str, Any], profile: Profile, seed: int) -> TheoremAudit:
    return _Audit(name, find(name), parameters, profile, seed, _silent).report()


def _silent(theorem: str, doing: str, finished: int, steps: int) -> None:
    """The progress of an audit that nobody watches."""


@dataclass(frozen=True)
class _Findings:
    """What came of one claim."""

    planted: tuple[PlantedRow | Undisplaced, ...]
    mutants: tuple[MutantsRow | Undeclared, ...]
    toothless: tuple[str, ...]
    attacks: tuple[Attempt, ...]


@dataclass(frozen=True)
class _Audit:
    """The audit of one theorem, which is found by its name."""

    name: str
    theorem: Theorem
    parameters: Mapping[str, Any]
    profile: Profile
    seed: int
    progress: Progress

    @property
    def effort(self) -> Effort:
        return effort(self.profile)

    def report(self) -> TheoremAudit:
        """Its derivation first, then its claims one after the other."""
        started = time.perf_counter()
        self.tell("derivation", 0, 1)
        with float64():
            return self._report(started)

    def _report(self, started: float) -> TheoremAudit:
        derivation = audit_derivation(self.theorem, self.parameters, self.profile, self.seed)
        claims = [one for one in self.theorem.claims(Profile(), self.parameters) if not one.control]
        findings = [self._claim(claim, k, len(claims) + 1) for k, claim in enumerate(claims, start=1)]
        self.tell("done", len(claims) + 1, len(claims) + 1)
        return TheoremAudit(
            id=self.theorem.id,
            planted=tuple(row for one in findings for row in one.planted),
            mutants=tuple(row for one in findings for row in one.mutants),
            toothless=tuple(line for one in findings for line in one.toothless),
            derivation=derivation,
            attacks=tuple(attempt for one in findings for attempt in one.attacks),
            source=audited_source(self.theorem),
            seconds=time.perf_counter() - started,
        )

    def tell(self, doing: str, finished: int, steps: int) -> None:
        """The progress of this audit."""
        self.progress(self.theorem.id, doing, finished, steps)

    def _claim(self, claim: Claim, position: int, steps: int) -> _Findings:
        """Planted errors and mutants of one claim share the measurements of the first trial."""

        def watch(doing: str) -> None:
            self.tell(doing, position, steps)

        bench = Bench(self.theorem.id, self.seed, self.parameters)
        with bench.trial(0) as first:
            planted = planted_errors(claim, bench, first, self.effort, watch)
            mutants: Sequence[MutantsRow | Undeclared] = [
                mutants_of(claim, form, first, self.seed, self.effort, watch) for form in claim.closed_forms
            ]
        watch(f"{claim.name}, attack")
        attacks = tuple(self._attacks(claim))
        undeclared = () if mutants else (Undeclared(claim.name),)
        return _Findings(planted, (*mutants, *undeclared), tuple(toothless(claim)), attacks)

    def _attacks(self, claim: Claim) -> Iterator[Attempt]:
        """The attempts against grid points of a claim, as many of them as the effort allows."""
        everywhere = range(len(claim.grid))
        drawn = Random(f"{self.seed}:{claim.name}").sample(
            everywhere, min(self.effort.attacked, len(everywhere))
        )
        for index in sorted(drawn):
            alone = replace(claim, grid=(claim.grid[index],))
            for attempt in attack_claim(alone, self.seed, self.effort.starts, self.effort.steps):
                yield replace(attempt, point=index)
