"""The judge: seal the design, look, decide or ask for more seeds, certify."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any, NamedTuple

import numpy as np

from proofs_checks.certificate import Certificate, JudgedPoint
from proofs_checks.claim import Claim
from proofs_checks.comparators.moments import summarize_moments
from proofs_checks.comparators.protocol import Summary, Target, Values
from proofs_checks.design import Design, design
from proofs_checks.environment import environment
from proofs_checks.measurement import InvalidMeasurement, Measurement
from proofs_checks.observation import Observation
from proofs_checks.precision import float64
from proofs_checks.store import Store
from proofs_checks.verdict import Outcome, Verdict, combine


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


def judge(
    claim: Claim,
    *,
    theorem: str,
    store: Store,
    seed: int = 0,
    progress: Progress | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> Certificate:
    """Put a claim on trial and return its certificate, which the store keeps too.

    The design is sealed in the store before the first sample. Cells that the store already holds under the
    same seal are not measured again. What goes wrong inside an experiment is the outcome ``invalid``,
    never an exception. ``inputs`` are the parameters of the theorem, recorded and sealed.
    """
    started = time.perf_counter()
    with float64():
        sealed = design(claim, theorem, seed, environment(), inputs)
        store.seal(sealed.seal, sealed.document)
        points = tuple(
            _Trial(sealed, store, progress or _silent, index).judged() for index in range(len(claim.grid))
        )
    certificate = Certificate(
        theorem=theorem,
        claim=claim.name,
        statement=claim.statement,
        expected=claim.expected,
        reason=claim.reason,
        comparator=claim.comparator.name,
        design=sealed.document,
        seal=sealed.seal,
        points=points,
        verdict=combine(point.verdict for point in points),
        seed=seed,
        seconds=time.perf_counter() - started,
    )
    store.add(certificate)
    return certificate


def _silent(event: Event) -> None:
    """The progress of a trial that nobody watches."""


@dataclass(frozen=True)
class _Decision:
    """What was decided on one check, with the observations behind it."""

    outcome: Outcome
    cause: str
    observations: tuple[Observation, ...] = ()


class _Trial:
    """One grid point: looks, seed sets and checks."""

    def __init__(self, sealed: Design, store: Store, progress: Progress, index: int) -> None:
        self.design, self.store, self.progress, self.index = sealed, store, progress, index
        self.claim = sealed.claim
        self.comparator = sealed.claim.comparator
        self.point = sealed.claim.grid[index]
        self.targets = sealed.targets[index]
        columns = len(self.targets) * self.comparator.columns
        self.measurement = Measurement(self.claim.experiment, self.point.parameters, columns)
        self.cells: dict[tuple[int, int], Values] = {}

    def judged(self) -> JudgedPoint:
        """Look until every check is decided, one is refuted, or no look is left."""
        decisions: dict[int, _Decision] = {}
        latest: dict[int, _Decision] = {}
        try:
            for look in range(1, self.design.levels.looks + 1):
                for check in range(len(self.targets)):
                    if check not in decisions:
                        latest[check] = self._look(check, look)
                        if latest[check].outcome != "undecided":
                            decisions[check] = latest[check]
                if len(decisions) == len(self.targets) or _any_refuted(decisions):
                    break
        except InvalidMeasurement as error:
            decisions |= {
                check: _Decision("invalid", str(error))
                for check in range(len(self.targets))
                if check not in decisions
            }
        return self._record({**latest, **decisions})

    def _look(self, check: int, look: int) -> _Decision:
        """One check at one look: refuted, supported, invalid, or undecided so far."""
        target, levels = self.targets[check], self.design.levels
        first, summary = self._observe(check, 1, look)
        if cause := self.comparator.invalid(summary, target):
            return _Decision("invalid", cause, (first,))
        observed = [first]
        sign = self.comparator.rejects(summary, target, levels)
        if sign:
            signs = [sign]
            for stage in range(2, levels.stages + 1):
                again, repeated = self._observe(check, stage, look)
                observed.append(again)
                if cause := self.comparator.invalid(repeated, target):
                    return _Decision("invalid", cause, tuple(observed))
                signs.append(self.comparator.rejects(repeated, target, levels))
                if signs[-1] != sign:
                    break
            if signs == [sign] * levels.stages:
                return _Decision("refuted", self._refutation(summary, target, sign), tuple(observed))
        if self.comparator.supports(summary, target, levels):
            return _Decision("supported", self.comparator.figures(summary, target), tuple(observed))
        return _Decision("undecided", self.comparator.hesitates(summary, target, levels), tuple(observed))

    def _observe(self, check: int, stage: int, look: int) -> tuple[Observation, Summary]:
        """All values of a seed set up to a look, as an observation and as the comparator's summary."""
        width = self.comparator.columns
        values = np.concatenate([self._cell(stage, early) for early in range(1, look + 1)])
        if not np.all(np.isfinite(values)):
            bad = int(np.sum(~np.all(np.isfinite(values), axis=1)))
            raise InvalidMeasurement(f"{bad} of {len(values)} values are not finite (NaN or infinite)")
        own = values[:, check * width : (check + 1) * width]
        summary = self.comparator.summarize(own, self.targets[check], self.point.parameters)
        return _observation(own[:, 0], summary, check, stage, look), summary

    def _cell(self, stage: int, look: int) -> Values:
        """The values that one look adds to a seed set: from memory, from the store, or measured now."""
        if (stage, look) not in self.cells:
            name = self.design.cell(self.index, stage, look)
            found = self.store.get(name)
            self.cells[stage, look] = found if found is not None else self._measure(name, stage, look)
        return self.cells[stage, look]

    def _measure(self, name: str, stage: int, look: int) -> Values:
        start, stop = self.design.seeds_at(look)
        place = (self.design.theorem, self.claim.name, self.index, len(self.claim.grid))
        self.progress(Event(*place, look, self.design.levels.looks, stage, stop - start))
        values = self.measurement.run(self.design.stream(self.index, stage), start, stop)
        header = {
            "seal": self.design.seal,
            "point": self.index,
            "stage": stage,
            "look": look,
            "seeds": [start, stop],
        }
        self.store.put(name, header, values)
        return values

    def _refutation(self, summary: Summary, target: Target, sign: int) -> str:
        stages = self.design.levels.stages
        sets = f", in {stages} independent seed sets" if stages > 1 else ""
        return f"{self.comparator.figures(summary, target)}: too {'large' if sign > 0 else 'small'}{sets}"

    def _record(self, decisions: Mapping[int, _Decision]) -> JudgedPoint:
        ordered = [decisions[check] for check in sorted(decisions)]
        alpha = self.design.levels.alpha if self.comparator.stages > 1 else 0.0
        beta = self.design.levels.beta if self.comparator.looks > 1 else 0.0
        return JudgedPoint(
            parameters=self.point.parameters,
            predicted=tuple(target.predicted for target in self.targets),
            upper=tuple(target.upper for target in self.targets),
            margin=tuple(target.margin for target in self.targets),
            resolution=tuple(target.resolution for target in self.targets),
            outcomes=tuple(decision.outcome for decision in ordered),
            verdict=combine(Verdict(one.outcome, one.cause, alpha, beta) for one in ordered),
            observations=tuple(found for one in ordered for found in one.observations),
        )


def _any_refuted(decisions: Mapping[int, _Decision]) -> bool:
    return any(decision.outcome == "refuted" for decision in decisions.values())


def _observation(values: Values, summary: Summary, check: int, stage: int, look: int) -> Observation:
    moments = summarize_moments(values)
    return Observation(
        component=check,
        stage=stage,
        look=look,
        estimate=moments["mean"],
        standard_error=moments["deviation"] / sqrt(moments["count"]),
        count=len(values),
        seeds=(0, len(values)),
        skewness=moments["skewness"],
        minimum=moments["minimum"],
        maximum=moments["maximum"],
        summary=dict(summary),
    )
