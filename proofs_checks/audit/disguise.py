"""A comparator that sees the measured values through a disguise: how an error is planted in a law."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from proofs_checks.comparators.protocol import Comparator, Levels, Summary, Target, Values


@dataclass(frozen=True)
class Disguised:
    """The comparator on ``disguise(values)``; what is measured stays the same.

    Its distribution function is then that at disguised values, its order that of disguised events.
    """

    comparator: Comparator
    disguise: Callable[[Values], Values]
    label: str

    @property
    def name(self) -> str:
        return self.comparator.name

    @property
    def looks(self) -> int:
        return self.comparator.looks

    @property
    def stages(self) -> int:
        return self.comparator.stages

    @property
    def columns(self) -> int:
        return self.comparator.columns

    def targets(
        self,
        predicted: tuple[float, ...],
        margin: tuple[float, ...],
        resolution: tuple[float, ...] | None,
    ) -> tuple[Target, ...]:
        return self.comparator.targets(predicted, margin, resolution)

    def summarize(self, values: Values, target: Target, parameters: Mapping[str, Any]) -> Summary:
        return self.comparator.summarize(self.disguise(values), target, parameters)

    def invalid(self, summary: Summary, target: Target) -> str | None:
        return self.comparator.invalid(summary, target)

    def rejects(self, summary: Summary, target: Target, levels: Levels) -> int:
        return self.comparator.rejects(summary, target, levels)

    def supports(self, summary: Summary, target: Target, levels: Levels) -> bool:
        return self.comparator.supports(summary, target, levels)

    def figures(self, summary: Summary, target: Target) -> str:
        return self.comparator.figures(summary, target)

    def hesitates(self, summary: Summary, target: Target, levels: Levels) -> str:
        return self.comparator.hesitates(summary, target, levels)

    def describe(self) -> dict[str, Any]:
        return {**self.comparator.describe(), "disguise": self.label}
