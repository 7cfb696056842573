"""The judge: seal the designs, have the cells measured, decide, certify."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from proofs_checks.certificate import Certificate, JudgedPoint
from proofs_checks.claim import Claim
from proofs_checks.design import Design, design
from proofs_checks.engine import Engine, InProcess, Measured, Request
from proofs_checks.environment import environment
from proofs_checks.precision import float64
from proofs_checks.store import Store
from proofs_checks.trial import Requests, Trial
from proofs_checks.verdict import combine


class Event(NamedTuple):
    """What is about to be measured: ``seeds`` of one seed set at one look of one grid point."""

    theorem: str
    claim: str
    point: int
    points: int
    look: int
    looks: int
    stage: int
    seeds: int


Progress = Callable[[Event], None]


class Case(NamedTuple):
    """A claim to be judged; ``inputs`` are the parameters of the theorem, recorded and sealed."""

    theorem: str
    claim: Claim
    seed: int = 0
    inputs: Mapping[str, Any] | None = None


def judge(
    claim: Claim,
    *,
    theorem: str,
    store: Store,
    seed: int = 0,
    progress: Progress | None = None,
    inputs: Mapping[str, Any] | None = None,
    engine: Engine | None = None,
) -> Certificate:
    """Put a claim on trial and return its certificate, which the store keeps too.

    The design is sealed in the store before the first sample. Cells that the store already holds under the
    same seal are not measured again. What goes wrong inside an experiment is the outcome ``invalid``,
    never an exception.
    """
    case = Case(theorem, claim, seed, inputs)
    return judge_all([case], store=store, engine=engine, progress=progress)[0]


def judge_all(
    cases: Sequence[Case],
    *,
    store: Store,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> tuple[Certificate, ...]:
    """Put claims on trial, with as many cells outstanding as the engine has room for.

    Only this process writes to the store: every cell when it is measured, every certificate when the last
    point of its claim is decided. The verdicts do not depend on the engine.
    """
    with float64():
        hearings = [_open(case, store) for case in cases]
        _Court(store, engine or InProcess(), progress or _silent).hear(hearings)
    return tuple(hearing.certificate() for hearing in hearings)


def _silent(event: Event) -> None:
    """The progress of a trial that nobody watches."""


@dataclass
class _Hearing:
    """One claim under its seal, with the points decided so far."""

    sealed: Design
    points: dict[int, JudgedPoint] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        return len(self.points) == len(self.sealed.claim.grid)

    def certificate(self) -> Certificate:
        claim, points = self.sealed.claim, tuple(self.points[index] for index in sorted(self.points))
        return Certificate(
            theorem=self.sealed.theorem,
            claim=claim.name,
            statement=claim.statement,
            expected=claim.expected,
            reason=claim.reason,
            comparator=claim.comparator.name,
            design=self.sealed.document,
            seal=self.sealed.seal,
            points=points,
            verdict=combine(point.verdict for point in points),
            seed=self.sealed.seed,
            seconds=self.seconds,
        )


def _open(case: Case, store: Store) -> _Hearing:
    """Fix the design and seal it in the store."""
    started = time.perf_counter()
    sealed = design(case.claim, case.theorem, case.seed, environment(), case.inputs)
    store.seal(sealed.seal, sealed.document)
    return _Hearing(sealed, seconds=time.perf_counter() - started)


@dataclass
class _Point:
    """A grid point being heard, and where its verdict goes."""

    hearing: _Hearing
    index: int
    requests: Requests[JudgedPoint]


class _Court:
    """Hears grid points in order, several at once where the engine has room."""

    def __init__(self, store: Store, engine: Engine, progress: Progress) -> None:
        self._store, self._engine, self._progress = store, engine, progress
        self._outstanding: dict[int, _Point] = {}  # by identity of the request

    def hear(self, hearings: Sequence[_Hearing]) -> None:
        """Decide every grid point of every claim."""
        waiting = deque(
            (hearing, index) for hearing in hearings for index in range(len(hearing.sealed.claim.grid))
        )
        while waiting or self._outstanding:
            while waiting and len(self._outstanding) < self._engine.capacity:
                hearing, index = waiting.popleft()
                trial = Trial(hearing.sealed, self._store, index)
                self._advance(_Point(hearing, index, trial.hearing()), None)
            if self._outstanding:
                measured = self._engine.finished()
                point = self._outstanding.pop(id(measured.request))
                point.hearing.seconds += measured.seconds
                self._advance(point, measured)

    def _advance(self, point: _Point, measured: Measured | None) -> None:
        """Go on to the next cell that must be measured, or to the verdict."""
        started, hearing = time.perf_counter(), point.hearing
        try:
            request = point.requests.send(measured)  # type: ignore[arg-type]  # None starts a generator
        except StopIteration as end:
            hearing.points[point.index] = end.value
            hearing.seconds += time.perf_counter() - started
            if hearing.complete:
                self._store.add(hearing.certificate())
            return
        hearing.seconds += time.perf_counter() - started
        self._progress(_event(request, hearing.sealed))
        self._outstanding[id(request)] = point
        self._engine.submit(request)


def _event(request: Request, sealed: Design) -> Event:
    claim, seeds = request.claim, request.stop - request.start
    place = (request.theorem, claim.name, request.point, len(claim.grid))
    return Event(*place, request.look, sealed.levels.looks, request.stage, seeds)
