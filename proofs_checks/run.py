"""One run: derive, measure, judge, report; and derivations by themselves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from proofs_checks.catalogue import Theorem, catalogue, find
from proofs_checks.profile import Profile, ProfileName
from proofs_checks.report.summary import Report, TheoremReport
from theory.errors import InputError
from theory.grammar.sizes import shown
from theory.suggestions import suggest

if TYPE_CHECKING:
    from proofs_checks.certificate import Certificate
    from proofs_checks.judge import Case, Event
    from proofs_checks.store import Store
    from theory.derivation import Derivation

Progress = Callable[[str, str, int, int], None]
"""Called with the theorem, what is being done, and how many of how many of its steps are finished."""


def derive(theorem: str, **parameters: object) -> Derivation:
    """Build the derivation of a theorem for these parameters and discharge every row.

    ``theorem`` is an id of the catalogue or the path of a file; ``parameters`` have the names of
    ``--set``. Raises InputError for unknown names and values a theorem does not take.
    """
    found = find(theorem)
    derivation = found.derivation(found.resolve(parameters))
    _ = derivation.checked  # discharge now, so that errors and waiting happen here
    return derivation


def verify(
    *theorems: str,
    profile: str = "quick",
    seed: int = 0,
    store: str | Path | None = None,
    fresh: bool = False,
    progress: Progress | None = None,
    **parameters: object,
) -> Report:
    """Derive, measure and judge the named theorems, or the whole catalogue when none is named.

    store
        A file that keeps every finished measurement: an interrupted run continues from it. Without one
        nothing is kept.
    fresh
        Repeat measurements that the store already holds.

    Raises InputError before anything is run or written.
    """
    started = time.perf_counter()
    chosen = [find(name) for name in theorems] or list(catalogue().values())
    if not chosen:
        raise InputError("the catalogue is empty: name a file with a theorem")
    settings = resolve_all(chosen, parameters)
    level = Profile(cast(ProfileName, profile))  # which refuses other words
    derivations = [theorem.derivation(settings[theorem.id]) for theorem in chosen]  # refuses bad values
    from proofs_checks.environment import environment
    from proofs_checks.precision import float64
    from proofs_checks.store import open_store

    with open_store(store, fresh=fresh) as kept, float64():
        run = _Run(level, seed, kept, progress or _silent)
        reports = run.verify(
            [
                _Matter(theorem, derivation, settings[theorem.id])
                for theorem, derivation in zip(chosen, derivations, strict=True)
            ]
        )
        kept.name_strangers(environment())
        notes = tuple(kept.notes)
    return Report(level.name, reports, time.perf_counter() - started, notes)


def resolve_all(chosen: Sequence[Theorem], given: Mapping[str, object]) -> dict[str, dict[str, Any]]:
    """The parameters of every chosen theorem; each given name must belong to at least one of them."""
    names = {theorem.id: {p.name for p in theorem.parameters} for theorem in chosen}
    known = set().union(*names.values())
    for name in given:
        if name not in known:
            raise InputError(f"unknown parameter {shown(name)}: {suggest(name, known)}")
    return {
        theorem.id: theorem.resolve({k: v for k, v in given.items() if k in names[theorem.id]})
        for theorem in chosen
    }


class _Matter(NamedTuple):
    """One theorem of a run."""

    theorem: Theorem
    derivation: Derivation
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class _Run:
    """What all theorems of one run share."""

    profile: Profile
    seed: int
    store: Store
    progress: Progress

    def verify(self, matters: Sequence[_Matter]) -> tuple[TheoremReport, ...]:
        """Discharge the rows of all theorems, then judge all their claims."""
        derived = [self._discharge(matter) for matter in matters]
        cases = [self._cases(matter) for matter in matters]
        certificates = self._judge([case for group in cases for case in group])
        return tuple(
            TheoremReport(
                matter.theorem.id,
                matter.derivation,
                tuple(islice(certificates, len(group))),
                seconds,
                self._audited(matter),
            )
            for matter, group, seconds in zip(matters, cases, derived, strict=True)
        )

    def _audited(self, matter: _Matter) -> str | None:
        """What the latest audit in the store says of this theorem; None without a store."""
        if self.store.path is None:
            return None
        from proofs_checks.audit.stored import latest

        return latest(self.store, matter.theorem, matter.parameters) or "not audited"

    def _discharge(self, matter: _Matter) -> float:
        """Discharge the rows of one derivation; returns the seconds that took."""
        started = time.perf_counter()
        self.progress(matter.theorem.id, "derivation", 0, 1)
        _ = matter.derivation.checked
        return time.perf_counter() - started

    def _cases(self, matter: _Matter) -> list[Case]:
        from proofs_checks.judge import Case

        claims = matter.theorem.claims(self.profile, matter.parameters)
        return [Case(matter.theorem.id, claim, self.seed, matter.parameters) for claim in claims]

    def _judge(self, cases: Sequence[Case]) -> Iterator[Certificate]:
        from proofs_checks.design import ErrorPool
        from proofs_checks.judge import judge_all

        pool = ErrorPool()
        for case in cases:
            pool.allocate(case.theorem, case.claim)
        certificates = judge_all(cases, store=self.store, progress=self._watch(cases))
        return iter(certificates)

    def _watch(self, cases: Sequence[Case]) -> Callable[[Event], None]:
        """The progress of each theorem in steps: its derivation, then its claims."""
        claims: dict[str, list[str]] = {}
        for case in cases:
            claims.setdefault(case.theorem, []).append(case.claim.name)

        def watch(event: Event) -> None:
            names = claims[event.theorem]
            doing = f"{event.claim}, point {event.point + 1} of {event.points}, look {event.look}"
            self.progress(event.theorem, doing, names.index(event.claim) + 1, len(names) + 1)

        return watch


def _silent(theorem: str, doing: str, finished: int, steps: int) -> None:
    """The progress of a run that nobody watches."""
