"""Enclosure: a measured interval meets the predicted one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from proofs_checks.comparators.protocol import Levels, Summary, Target, Values
from proofs_checks.comparators.targets import RELATIVE_RESOLUTION
from theory.errors import InputError


@dataclass(frozen=True)
class Enclosure:
    """Two rigorous intervals: disjoint refutes, a union narrower than the resolution supports.

    The experiment returns (lower, upper) and the point predicts (lower, upper); the margin is not used.
    """

    name = "enclosure"
    looks = 1
    stages = 1
    columns = 2

    def targets(
        self,
        predicted: tuple[float, ...],
        margin: tuple[float, ...],
        resolution: tuple[float, ...] | None,
    ) -> tuple[Target, ...]:
        if len(predicted) != 2 or predicted[0] > predicted[1]:
            raise InputError(f"an enclosure predicts (lower, upper), got {predicted!r}")
        rho = resolution[0] if resolution else RELATIVE_RESOLUTION * max(map(abs, predicted))
        if any(margin) or rho <= 0:
            raise InputError("an enclosure has no margin, and needs a resolution where it predicts (0, 0)")
        return (Target(predicted[0], 0.0, rho, upper=predicted[1]),)

    def summarize(self, values: Values, target: Target, parameters: Mapping[str, Any]) -> Summary:
        lower, upper = values[:, 0], values[:, 1]
        assert target.upper is not None
        return {
            "count": float(values.shape[0]),
            "reversed": float(np.sum(lower > upper)),
            "gap_above": float(np.max(lower) - target.upper),
            "gap_below": float(target.predicted - np.min(upper)),
            "union": float(max(np.max(upper), target.upper) - min(np.min(lower), target.predicted)),
        }

    def invalid(self, summary: Summary, target: Target) -> str | None:
        return "an enclosure has its lower end above its upper end" if summary["reversed"] else None

    def rejects(self, summary: Summary, target: Target, levels: Levels) -> int:
        return 1 if summary["gap_above"] > 0 else (-1 if summary["gap_below"] > 0 else 0)

    def supports(self, summary: Summary, target: Target, levels: Levels) -> bool:
        return summary["union"] < target.resolution

    def figures(self, summary: Summary, target: Target) -> str:
        gap = max(summary["gap_above"], summary["gap_below"])
        return f"disjoint by {gap:.3g}" if gap > 0 else f"the union is {summary['union']:.3g} wide"

    def hesitates(self, summary: Summary, target: Target, levels: Levels) -> str:
        return f"the union is {summary['union']:.3g} wide, not below the resolution {target.resolution:.3g}"

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}
