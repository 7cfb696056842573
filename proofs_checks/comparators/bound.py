"""Bound: an inequality, with the twin that shows that it is not vacuous."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from proofs_checks.comparators.binomial import least, upper_limit
from proofs_checks.comparators.protocol import Levels, Summary, Target, Values
from proofs_checks.comparators.targets import probability_targets
from theory.errors import InputError


@dataclass(frozen=True)
class Bound:
    """P(value > predicted + margin) <= probability.

    probability
        p0, the violations that the theorem allows; with p0 = 0 one violation refutes.
    tightness
        t: the twin ``t * predicted + margin`` must be violated by at least one value, else the bound is
        undecided as vacuous. It must be the stricter one: t < 1 for positive, t > 1 for negative predictions.
    exhaustive
        Each value is itself a proof over a whole domain, so no statement about unseen samples is needed.

    Supported when the Clopper-Pearson limit of P(violation) is below p0 + resolution (a probability, by
    default 0.05).
    """

    probability: float = 0.0
    tightness: float | None = None
    exhaustive: bool = False

    name = "bound"
    columns = 1

    def __post_init__(self) -> None:
        if not 0.0 <= self.probability < 1.0:
            raise InputError(f"the probability of a violation must lie in [0, 1), got {self.probability!r}")
        if self.exhaustive and self.probability > 0:
            raise InputError("an exhaustive bound allows no violation: leave probability at 0")
        if self.tightness is not None and not (np.isfinite(self.tightness) and self.tightness > 0):
            raise InputError(f"the tightness must be a positive ratio, got {self.tightness!r}")

    @property
    def looks(self) -> int:
        return 1 if self.exhaustive else 4

    @property
    def stages(self) -> int:
        return 3 if self.probability > 0 else 1

    def targets(
        self,
        predicted: tuple[float, ...],
        margin: tuple[float, ...],
        resolution: tuple[float, ...] | None,
    ) -> tuple[Target, ...]:
        if self.tightness is not None:
            for value in predicted:
                if not self.tightness * value < value:
                    raise InputError(
                        f"the twin {self.tightness:g} * {value:g} is not stricter than the bound {value:g}: "
                        "take t < 1 for a positive, t > 1 for a negative bound"
                    )
        found = probability_targets(predicted, margin, resolution)
        for target in found:
            if self.probability + target.resolution >= 1.0:
                raise InputError("probability + resolution must be below 1: such a bound excludes nothing")
        return found

    def _twin(self, target: Target) -> float:
        ratio = 1.0 if self.tightness is None else self.tightness
        return ratio * target.predicted + target.margin

    def summarize(self, values: Values, target: Target, parameters: Mapping[str, Any]) -> Summary:
        column = values[:, 0]
        return {
            "count": float(column.size),
            "violations": float(np.sum(column > target.predicted + target.margin)),
            "twin_violations": float(np.sum(column > self._twin(target))),
            "largest": float(np.max(column)),
        }

    def invalid(self, summary: Summary, target: Target) -> str | None:
        return None

    def rejects(self, summary: Summary, target: Target, levels: Levels) -> int:
        if self.probability == 0.0:
            return 1 if summary["violations"] > 0 else 0
        tail = least(summary["violations"], summary["count"], self.probability)
        return 1 if tail <= levels.stage_level else 0

    def _vacuous(self, summary: Summary) -> bool:
        return self.tightness is not None and summary["twin_violations"] == 0

    def supports(self, summary: Summary, target: Target, levels: Levels) -> bool:
        if self._vacuous(summary):
            return False
        if self.exhaustive:
            return summary["violations"] == 0
        limit = upper_limit(summary["violations"], summary["count"], levels.support_level)
        return limit < self.probability + target.resolution

    def figures(self, summary: Summary, target: Target) -> str:
        return (
            f"{summary['violations']:.0f} of {summary['count']:.0f} values above "
            f"{target.predicted + target.margin:.6g}, the largest {summary['largest']:.6g}"
        )

    def hesitates(self, summary: Summary, target: Target, levels: Levels) -> str:
        if self._vacuous(summary):
            return (
                f"vacuous: no value above the twin bound {self._twin(target):.6g} "
                f"(largest {summary['largest']:.6g}, tightness {self.tightness:g})"
            )
        limit = upper_limit(summary["violations"], summary["count"], levels.support_level)
        allowed = self.probability + target.resolution
        return f"P(violation) is only known to be below {limit:.3g}, not below {allowed:.3g}: more seeds"

    def describe(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "probability": self.probability,
            "tightness": self.tightness,
            "exhaustive": self.exhaustive,
        }
