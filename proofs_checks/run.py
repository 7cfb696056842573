"""One run: derive, measure, judge, report; and derivations by themselves."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from proofs_checks.catalogue import Theorem, catalogue, find
from proofs_checks.profile import Profile, ProfileName
from proofs_checks.report.summary import Report, TheoremReport
from theory.errors import InputError
from theory.suggestions import suggest

if TYPE_CHECKING:
    from proofs_checks.certificate import Certificate
    from proofs_checks.claim import Claim
    from proofs_checks.design import ErrorPool
    from proofs_checks.judge import Event
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
    from proofs_checks.design import ErrorPool
    from proofs_checks.precision import float64
    from proofs_checks.store import open_store

    with open_store(store, fresh=fresh) as kept, float64():
        run = _Run(level, seed, kept, ErrorPool(), progress or _silent)
        reports = tuple(
            run.verify(theorem, derivation, settings[theorem.id])
            for theorem, derivation in zip(chosen, derivations, strict=True)
        )
        notes = tuple(kept.notes)
    return Report(level.name, reports, time.perf_counter() - started, notes)


def resolve_all(chosen: Sequence[Theorem], given: Mapping[str, object]) -> dict[str, dict[str, Any]]:
    """The parameters of every chosen theorem; each given name must belong to at least one of them."""
    names = {theorem.id: {p.name for p in theorem.parameters} for theorem in chosen}
    known = set().union(*names.values())
    for name in given:
        if name not in known:
            raise InputError(f"unknown parameter {name!r}: {suggest(name, known)}")
    return {
        theorem.id: theorem.resolve({k: v for k, v in given.items() if k in names[theorem.id]})
        for theorem in chosen
    }


@dataclass(frozen=True)
class _Run:
    """What all theorems of one run share."""

    profile: Profile
    seed: int
    store: Store
    pool: ErrorPool
    progress: Progress

    def verify(
        self, theorem: Theorem, derivation: Derivation, parameters: Mapping[str, Any]
    ) -> TheoremReport:
        """Discharge the rows of one theorem, then judge its claims one after the other."""
        started = time.perf_counter()
        self.progress(theorem.id, "derivation", 0, 1)
        _ = derivation.checked
        derived = time.perf_counter() - started
        claims = theorem.claims(self.profile, parameters)
        for claim in claims:
            self.pool.allocate(theorem.id, claim)
        certificates = tuple(
            self._judge(theorem, claim, parameters, position, len(claims) + 1)
            for position, claim in enumerate(claims, start=1)
        )
        self.progress(theorem.id, "done", len(claims) + 1, len(claims) + 1)
        return TheoremReport(theorem.id, derivation, certificates, derived, time.perf_counter() - started)

    def _judge(
        self, theorem: Theorem, claim: Claim, parameters: Mapping[str, Any], position: int, steps: int
    ) -> Certificate:
        from proofs_checks.judge import judge

        def watch(event: Event) -> None:
            doing = f"{claim.name}, point {event.point + 1} of {event.points}, look {event.look}"
            self.progress(theorem.id, doing, position, steps)

        return judge(
            claim, theorem=theorem.id, store=self.store, seed=self.seed, progress=watch, inputs=parameters
        )


def _silent(theorem: str, doing: str, finished: int, steps: int) -> None:
    """The progress of a run that nobody watches."""
