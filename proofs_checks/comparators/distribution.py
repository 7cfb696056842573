"""Distribution: values follow a law with a known continuous distribution function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import log, sqrt
from typing import Any

import numpy as np
from scipy.special import smirnov

from proofs_checks.comparators.protocol import Levels, Summary, Target, Values
from proofs_checks.comparators.targets import LARGEST_MARGIN, probability_targets
from theory.errors import InputError


@dataclass(frozen=True)
class Distribution:
    """sup abs(F - cdf) <= margin, F the law of one value: exact one-sided Kolmogorov-Smirnov tests.

    cdf
        ``cdf(values, **some of the point's parameters)`` on a float64 array; it must be continuous. The
        parameters are those that its signature names.

    Supported when the empirical distance plus the Dvoretzky-Kiefer-Wolfowitz radius (Massart 1990, The tight
    constant in the DKW inequality) is below margin + resolution. The point predicts 0, the distance.
    """

    cdf: Callable[..., Any]

    name = "distribution"
    looks = 4
    stages = 3
    columns = 1

    def targets(
        self,
        predicted: tuple[float, ...],
        margin: tuple[float, ...],
        resolution: tuple[float, ...] | None,
    ) -> tuple[Target, ...]:
        if any(predicted):
            raise InputError(f"a distribution predicts the distance 0, got {predicted!r}")
        found = probability_targets(predicted, margin, resolution)
        for target in found:
            if target.margin > LARGEST_MARGIN * target.resolution:
                raise InputError(
                    f"margin {target.margin:g} is above a quarter of the resolution {target.resolution:g}"
                )
        return found

    def evaluate(self, values: Values, parameters: Mapping[str, Any]) -> Values:
        """The distribution function at these values, with those of the parameters that it names."""
        named = list(inspect.signature(self.cdf).parameters)[1:]
        chosen = {name: parameters[name] for name in named if name in parameters}
        return np.asarray(self.cdf(values, **chosen), dtype=np.float64)

    def summarize(self, values: Values, target: Target, parameters: Mapping[str, Any]) -> Summary:
        ordered = np.sort(values[:, 0])
        count = ordered.size
        law = self.evaluate(ordered, parameters)
        steps = np.arange(count)
        proper = law.shape == ordered.shape and bool(np.all((law >= 0) & (law <= 1)))
        return {
            "count": float(count),
            "proper": float(proper),
            "distinct": float(np.unique(ordered).size),
            "above": float(np.max((steps + 1) / count - law)) if proper else 1.0,
            "below": float(np.max(law - steps / count)) if proper else 1.0,
        }

    def invalid(self, summary: Summary, target: Target) -> str | None:
        if not summary["proper"]:
            return "the distribution function is not in [0, 1] at every value"
        if summary["count"] > 1 and summary["distinct"] == 1:
            return "zero variance: all values are equal, and the law is continuous"
        return None

    def rejects(self, summary: Summary, target: Target, levels: Levels) -> int:
        above, below = summary["above"] - target.margin, summary["below"] - target.margin
        # More mass at small values than predicted: the values are too small.
        sign, distance = (-1, above) if above > below else (1, below)
        tail = float(smirnov(int(summary["count"]), min(max(distance, 0.0), 1.0)))
        return sign if tail <= levels.stage_level else 0

    def _band(self, summary: Summary, levels: Levels) -> float:
        radius = sqrt(log(2 / levels.support_level) / (2 * summary["count"]))
        return max(summary["above"], summary["below"]) + radius

    def supports(self, summary: Summary, target: Target, levels: Levels) -> bool:
        return self._band(summary, levels) < target.margin + target.resolution

    def figures(self, summary: Summary, target: Target) -> str:
        distance = max(summary["above"], summary["below"])
        return f"distance {distance:.3g} between the laws, from {summary['count']:.0f} values"

    def hesitates(self, summary: Summary, target: Target, levels: Levels) -> str:
        allowed = target.margin + target.resolution
        return f"the distance is only known to be below {self._band(summary, levels):.3g}, not {allowed:.3g}"

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}
