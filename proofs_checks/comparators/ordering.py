"""Ordering: A comes before B with at least a claimed probability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from proofs_checks.comparators.binomial import least, most
from proofs_checks.comparators.protocol import Levels, Summary, Target, Values
from theory.errors import InputError


@dataclass(frozen=True)
class Ordering:
    """P(A before B) >= q + rho, by exact binomial tests; values are 1.0 (A before B) or 0.0.

    probability
        q: supported when P(A before B) <= q is rejected, refuted when >= q + rho is.

    The point predicts the probability that theory gives, at least q + rho; rho is by default the distance
    between the two. The margin is not used.
    """

    probability: float = 0.5

    name = "ordering"
    looks = 4
    stages = 3
    columns = 1

    def __post_init__(self) -> None:
        if not 0.0 <= self.probability < 1.0:
            raise InputError(f"the probability q of an ordering must lie in [0, 1), got {self.probability!r}")

    def targets(
        self,
        predicted: tuple[float, ...],
        margin: tuple[float, ...],
        resolution: tuple[float, ...] | None,
    ) -> tuple[Target, ...]:
        resolutions = resolution or tuple(value - self.probability for value in predicted)
        for value, rho in zip(predicted, resolutions, strict=True):
            # A rounding unit of slack: 0.5 + 0.4 against 0.9.
            if not 0.0 < rho <= value - self.probability + 1e-12 or value > 1.0:
                raise InputError(
                    f"an ordering predicts a probability of at least q + resolution = "
                    f"{self.probability + rho:g} and at most 1, got {value:g}"
                )
        if any(margin):
            raise InputError("an ordering has no margin: choose q and the resolution")
        return tuple(map(Target, predicted, margin, resolutions))

    def summarize(self, values: Values, target: Target, parameters: Mapping[str, Any]) -> Summary:
        column = values[:, 0]
        odd = np.sum((column != 0.0) & (column != 1.0))
        return {"count": float(column.size), "before": float(np.sum(column == 1.0)), "odd": float(odd)}

    def invalid(self, summary: Summary, target: Target) -> str | None:
        return f"{summary['odd']:.0f} values are neither 0 nor 1" if summary["odd"] else None

    def rejects(self, summary: Summary, target: Target, levels: Levels) -> int:
        claimed = min(self.probability + target.resolution, 1.0)
        return -1 if most(summary["before"], summary["count"], claimed) <= levels.stage_level else 0

    def supports(self, summary: Summary, target: Target, levels: Levels) -> bool:
        return least(summary["before"], summary["count"], self.probability) <= levels.support_level

    def figures(self, summary: Summary, target: Target) -> str:
        return (
            f"A came before B in {summary['before']:.0f} of {summary['count']:.0f}, for a probability above "
            f"{self.probability:g} (at least {self.probability + target.resolution:g} claimed)"
        )

    def hesitates(self, summary: Summary, target: Target, levels: Levels) -> str:
        return f"{self.figures(summary, target)}: more seeds are needed"

    def describe(self) -> dict[str, Any]:
        return {"name": self.name, "probability": self.probability}
