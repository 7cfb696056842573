"""One grid point on trial: what is measured, look by look, and what it decides."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import TypeAlias, TypeVar

import numpy as np

from proofs_checks.certificate import JudgedPoint
from proofs_checks.comparators.moments import summarize_moments
from proofs_checks.comparators.protocol import Summary, Target, Values
from proofs_checks.design import Design
from proofs_checks.engine import Measured, Request
from proofs_checks.measurement import InvalidMeasurement, Measurement
from proofs_checks.observation import Observation
from proofs_checks.store import Store
from proofs_checks.verdict import Outcome, Verdict, combine

Result = TypeVar("Result")
Requests: TypeAlias = Generator[Request, Measured, Result]


@dataclass(frozen=True)
class _Decision:
    """What was decided on one check, with the observations behind it."""

    outcome: Outcome
    cause: str
    observations: tuple[Observation, ...] = ()


class Trial:
    """One grid point: looks, seed sets and checks."""

    def __init__(self, sealed: Design, store: Store, index: int) -> None:
        self.design, self.store, self.index = sealed, store, index
        self.claim = sealed.claim
        self.comparator = sealed.claim.comparator
        self.point = sealed.claim.grid[index]
        self.targets = sealed.targets[index]
        columns = len(self.targets) * self.comparator.columns
        # One object for all looks: the compiled program belongs to it.
        self.measurement = Measurement(self.claim.experiment, self.point.parameters, columns)
        self.cells: dict[tuple[int, int], Values] = {}

    def hearing(self) -> Requests[JudgedPoint]:
        """Look until every check is decided, one is refuted, or no look is left.

        A generator: it yields the cells that the store does not hold and is sent what was measured.
        """
        decisions: dict[int, _Decision] = {}
        latest: dict[int, _Decision] = {}
        try:
            for look in range(1, self.design.levels.looks + 1):
                for check in range(len(self.targets)):
                    if check not in decisions:
                        latest[check] = yield from self._look(check, look)
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

    def _look(self, check: int, look: int) -> Requests[_Decision]:
        """One check at one look: refuted, supported, invalid, or undecided so far."""
        target, levels = self.targets[check], self.design.levels
        first, summary = yield from self._observe(check, 1, look)
        if cause := self.comparator.invalid(summary, target):
            return _Decision("invalid", cause, (first,))
        observed = [first]
        sign = self.comparator.rejects(summary, target, levels)
        if sign:
            signs = [sign]
            for stage in range(2, levels.stages + 1):
                again, repeated = yield from self._observe(check, stage, look)
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

    def _observe(self, check: int, stage: int, look: int) -> Requests[tuple[Observation, Summary]]:
        """All values of a seed set up to a look, as an observation and as the comparator's summary."""
        width = self.comparator.columns
        for early in range(1, look + 1):
            if (stage, early) not in self.cells:
                self.cells[stage, early] = yield from self._cell(stage, early)
        values = np.concatenate([self.cells[stage, early] for early in range(1, look + 1)])
        own = values[:, check * width : (check + 1) * width]
        summary = self.comparator.summarize(own, self.targets[check], self.point.parameters)
        return _observation(own[:, 0], summary, check, stage, look), summary

    def _cell(self, stage: int, look: int) -> Requests[Values]:
        """The values that one look adds to a seed set: from the store, or measured now and kept there."""
        name = self.design.cell(self.index, stage, look)
        start, stop = self.design.seeds_at(look)
        found = self.store.get(name)
        # A store may come from anywhere: a cell of another shape is not what the design asks for.
        if found is not None and found.shape == (stop - start, len(self.targets) * self.comparator.columns):
            return found
        stream = self.design.stream(self.index, stage)
        measured = yield Request(
            self.design.theorem, self.claim, self.index, stage, look, stream, start, stop, self.measurement
        )
        if isinstance(measured.values, InvalidMeasurement):
            raise measured.values
        header = {
            "seal": self.design.seal,
            "point": self.index,
            "stage": stage,
            "look": look,
            "seeds": [start, stop],
            "device": measured.device,
        }
        self.store.put(name, header, measured.values)
        return measured.values

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
