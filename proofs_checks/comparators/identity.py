"""Identity: every value agrees with the prediction within its own error budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from proofs_checks.comparators.protocol import Levels, Summary, Target, Values


@dataclass(frozen=True)
class Identity:
    """abs(value - predicted) <= margin for every value; deterministic, so one look and no error rate.

    Measure the residual in units of its own rounding-error budget (gamma_k times the condition number) and
    give margin 1, or count exact mismatches and give margin 0.
    """

    name = "identity"
    looks = 1
    stages = 1
    columns = 1

    def targets(
        self,
        predicted: tuple[float, ...],
        margin: tuple[float, ...],
        resolution: tuple[float, ...] | None,
    ) -> tuple[Target, ...]:
        # Nothing between inside and outside: the resolution of an identity is its margin.
        return tuple(map(Target, predicted, margin, margin))

    def summarize(self, values: Values, target: Target, parameters: Mapping[str, Any]) -> Summary:
        residual = values[:, 0] - target.predicted
        worst = int(np.argmax(np.abs(residual)))
        outside = int(np.sum(np.abs(residual) > target.margin))
        return {"count": float(values.shape[0]), "worst": float(residual[worst]), "outside": float(outside)}

    def invalid(self, summary: Summary, target: Target) -> str | None:
        return None

    def rejects(self, summary: Summary, target: Target, levels: Levels) -> int:
        return 0 if summary["outside"] == 0 else (1 if summary["worst"] > 0 else -1)

    def supports(self, summary: Summary, target: Target, levels: Levels) -> bool:
        return summary["outside"] == 0

    def figures(self, summary: Summary, target: Target) -> str:
        return (
            f"{summary['outside']:.0f} of {summary['count']:.0f} values outside {target.predicted:.6g} "
            f"+- {target.margin:.3g}, the worst off by {summary['worst']:.3g}"
        )

    def hesitates(self, summary: Summary, target: Target, levels: Levels) -> str:
        return "never: an identity is inside its budget or outside"

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}
