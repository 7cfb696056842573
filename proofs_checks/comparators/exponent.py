"""Exponent: the slope fitted within one block equals the predicted exponent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proofs_checks.comparators import moments
from proofs_checks.comparators.protocol import Levels, Summary, Target, Values
from proofs_checks.comparators.targets import relative_targets


@dataclass(frozen=True)
class Exponent:
    """abs(E[slope] - predicted) <= margin, where each value is the slope fitted on one independent block.

    Independent slopes reduce the scaling law to a mean. The margin is the finite-size term that the theorem
    declares; a slope over a bounded range keeps such a term, so it may be as large as the resolution.
    """

    name = "exponent"
    looks = 4
    stages = 3
    columns = 1

    def targets(
        self,
        predicted: tuple[float, ...],
        margin: tuple[float, ...],
        resolution: tuple[float, ...] | None,
    ) -> tuple[Target, ...]:
        return relative_targets(predicted, margin, resolution, largest_margin=1.0)

    def summarize(self, values: Values, target: Target, parameters: Mapping[str, Any]) -> Summary:
        return moments.summarize_moments(values[:, 0])

    def invalid(self, summary: Summary, target: Target) -> str | None:
        return moments.constant(summary)

    def rejects(self, summary: Summary, target: Target, levels: Levels) -> int:
        return moments.rejected_sign(summary, target, levels)

    def supports(self, summary: Summary, target: Target, levels: Levels) -> bool:
        return moments.equivalent(summary, target, levels)

    def figures(self, summary: Summary, target: Target) -> str:
        return moments.figures(summary, target)

    def hesitates(self, summary: Summary, target: Target, levels: Levels) -> str:
        return moments.reason_to_hesitate(summary, target, levels)

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}
