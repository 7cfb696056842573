"""One run: derive, measure, judge, report; and derivations by themselves."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
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
    from proofs_checks.cluster.engine import Cluster
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
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Progress | None = None,
    **parameters: object,
) -> Report:
    """Derive, measure and judge the named theorems, or the whole catalogue when none is named.

    store
        A file that keeps every finished measurement: an interrupted run continues from it. Without one
        nothing is kept.
    fresh
        Repeat measurements that the store already holds.
    workers, scheduler
        Measure in this many processes of this machine, or on the workers of the Dask scheduler at this
        address (extra ``cluster``). The verdicts are the same.

    Raises InputError before anything is run or written.
    """
    started = time.perf_counter()
    chosen = [find(name) for name in theorems] or list(catalogue().values())
    if not chosen:
        raise InputError("the catalogue is empty: name a file with a theorem")
    settings = resolve_all(chosen, parameters)
    level = Profile(cast(ProfileName, profile))  # which refuses other words
    matters = [_matter(theorem, settings[theorem.id]) for theorem in chosen]  # refuses bad values
    from proofs_checks.cluster import connected, subjects

    watch = _Watch(progress or _silent)
    places = subjects(theorems or tuple(catalogue()), chosen, level.name, settings)
    with connected(places, workers=workers, scheduler=scheduler, say=watch.say) as engine:
        reports, notes = _Run(level, seed, watch.step, engine).verify(matters, store, fresh)
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


def _matter(theorem: Theorem, parameters: Mapping[str, Any]) -> _Matter:
    return _Matter(theorem, theorem.derivation(parameters), parameters)


def _audited(store: Store, matter: _Matter) -> str | None:
    """What the latest audit in a store says of a theorem; None where nothing is kept."""
    if store.path is None:
        return None
    from proofs_checks.audit.stored import latest

    return latest(store, matter.theorem, matter.parameters) or "not audited"


@dataclass(frozen=True)
class _Run:
    """What all theorems of one run share."""

    profile: Profile
    seed: int
    progress: Progress
    engine: Cluster | None

    def verify(
        self, matters: Sequence[_Matter], path: str | Path | None, fresh: bool
    ) -> tuple[tuple[TheoremReport, ...], tuple[str, ...]]:
        """Discharge the rows of all theorems, then judge all their claims; the reports, and notes."""
        from proofs_checks.environment import environment
        from proofs_checks.precision import float64
        from proofs_checks.store import open_store

        with open_store(path, fresh=fresh) as store, float64():
            derived = [self._discharge(matter) for matter in matters]
            cases = [self._cases(matter) for matter in matters]
            certificates = self._judge([case for group in cases for case in group], store)
            store.name_strangers(environment())
            notes = (*store.notes, *(self.engine.notes if self.engine else ()))
            notes += devices_note(store, certificates)
            audits = [_audited(store, matter) for matter in matters]
        remaining = iter(certificates)
        reports = tuple(
            TheoremReport(
                matter.theorem.id, matter.derivation, tuple(islice(remaining, len(group))), seconds, audited
            )
            for matter, group, seconds, audited in zip(matters, cases, derived, audits, strict=True)
        )
        return reports, notes

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

    def _judge(self, cases: Sequence[Case], store: Store) -> tuple[Certificate, ...]:
        from proofs_checks.design import ErrorPool
        from proofs_checks.judge import judge_all

        pool = ErrorPool()
        for case in cases:
            pool.allocate(case.theorem, case.claim)
        return judge_all(cases, store=store, engine=self.engine, progress=self._watch(cases))

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


def devices_note(store: Store, certificates: Sequence[Certificate]) -> tuple[str, ...]:
    """Where the cells of these claims were measured, unless all were where their designs were sealed."""
    counts = store.devices(certificate.seal for certificate in certificates)
    own = {certificate.design["environment"]["device"] for certificate in certificates}
    if set(counts) <= own:
        return ()
    *some, most = sorted(counts, key=lambda device: (counts[device], device))
    if not some:
        return (f"all {counts[most]} cells were measured on {most}, the design was sealed on {own.pop()}",)
    parts = ", ".join(f"{counts[device]} cells were measured on {device}" for device in some)
    return (f"{parts}, the others on {most}",)


class _Watch:
    """Reports the steps of a run, and between them what it waits for."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._place = ("", 0, 1)

    def step(self, theorem: str, doing: str, finished: int, steps: int) -> None:
        self._place = (theorem, finished, steps)
        self._progress(theorem, doing, finished, steps)

    def say(self, text: str) -> None:
        theorem, finished, steps = self._place
        self._progress(theorem, text, finished, steps)


def _silent(theorem: str, doing: str, finished: int, steps: int) -> None:
    """The progress of a run that nobody watches."""
