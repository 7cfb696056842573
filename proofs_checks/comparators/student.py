"""What mean and exponent share: Student tests, corrected for skewness, of E[value] against a prediction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from proofs_checks.comparators import moments
from proofs_checks.comparators.protocol import Levels, Summary, Target, Values
from proofs_checks.comparators.targets import relative_targets


class StudentTests(ABC):
    """abs(theta) <= margin, theta = E[value] - predicted, by Student tests corrected for skewness.

    Refuted when abs(theta) <= margin is rejected; supported when abs(theta) < margin + resolution is shown
    (two one-sided tests). Values: (count,) for one check, (count, k) for k.
    """

    looks = 4
    stages = 3
    columns = 1

    @property
    @abstractmethod
    def name(self) -> str:
        """What certificates call the comparator."""

    @property
    @abstractmethod
    def largest_margin(self) -> float:
        """The largest margin allowed, in units of the resolution."""

    def targets(
        self,
        predicted: tuple[float, ...],
        margin: tuple[float, ...],
        resolution: tuple[float, ...] | None,
    ) -> tuple[Target, ...]:
        return relative_targets(predicted, margin, resolution, self.largest_margin)

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
