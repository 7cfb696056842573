"""Tests of a mean with a skewness-corrected critical value.

For a self-normalized sum of n independent terms with skewness g, uniformly for 0 <= z = o(sqrt(n)),

    P(T > z) / (1 - Phi(z)) -> exp(-g z^3 / (3 sqrt(n))),

so the tail on the side away from the skew is the heavier one. The correction is applied to both sides, since
the sign of a skewness is an estimate too (Jing, Shao and Wang 2003, Self-normalized
Cramer-type large deviations for independent random variables, Annals of Probability 31, Theorem 2.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

import numpy as np
from scipy.special import stdtrit

from proofs_checks.comparators.protocol import Levels, Summary, Target, Values

# A spread below this many units of rounding of the largest value is rounding, not randomness.
_ROUNDING_UNITS = 64.0


def summarize_moments(values: Values) -> Summary:
    """Count, mean, standard deviation (n - 1), skewness and range of a sample."""
    count = values.size
    scale = float(np.max(np.abs(values))) or 1.0  # so that no power over- or underflows
    scaled = values / scale
    mean = float(np.mean(scaled)) * scale
    centered = scaled - np.mean(scaled)
    variance = float(np.mean(centered**2))
    skewness = float(np.mean(centered**3)) / variance**1.5 if variance > 0 else 0.0
    deviation = scale * sqrt(variance * count / (count - 1)) if count > 1 else 0.0
    return {
        "count": float(count),
        "mean": mean,
        "deviation": deviation,
        "skewness": skewness,
        "minimum": float(np.min(values)),
        "maximum": float(np.max(values)),
    }


def constant(summary: Summary) -> str | None:
    """A sample without spread is no measurement of a mean."""
    scale = max(abs(summary["minimum"]), abs(summary["maximum"]))
    spread = summary["maximum"] - summary["minimum"]
    if summary["count"] > 1 and spread <= _ROUNDING_UNITS * float(np.finfo(np.float64).eps) * scale:
        return (
            f"zero variance: all {summary['count']:.0f} values are {summary['mean']!r} up to rounding; "
            "a constant is no measurement of a mean (compare exact numbers with Identity)"
        )
    return None


def cautious_skewness(summary: Mapping[str, Any]) -> Any:
    """An upper estimate of the absolute skewness: 1.25 abs(g) + sqrt(6 / n).

    A sample whose mean errs far against the skew also lacks the large values that show the skew, so the
    plain estimate fails exactly where it is needed: with it, a nominal 5e-4 test of lognormal values
    (sigma = 1, n = 32) fires at 2.5e-3. sqrt(6 / n) is the standard error of g for normal values; the factor
    was chosen by simulation on six distributions. Others, and where it fails, are in
    ``benchmarks/judge_levels.py``: values with a rare far component (1 % at 10 standard deviations) exceed
    the tail that the levels allow, since a sample without that component looks normal.
    """
    return 1.25 * np.abs(summary["skewness"]) + np.sqrt(6 / summary["count"])


def critical_value(summary: Mapping[str, Any], level: float) -> Any:
    """Student's quantile z, moved outwards for skewness by the factor 1 + u/3 + u^2/3, u = g z / sqrt(n).

    The first-order term inverts the tail factor above; the second keeps the remainder on the safe side.
    """
    quantile = -stdtrit(summary["count"] - 1, level)
    shift = cautious_skewness(summary) * quantile / np.sqrt(summary["count"])
    return quantile * (1 + shift / 3 + shift**2 / 3)


def abstains(summary: Mapping[str, Any], level: float) -> Any:
    """Whether the expansion may not be trusted: n < 4 g^2 z^2 (which for g = 0 asks for about 17 values)."""
    degrees = np.maximum(summary["count"] - 1, 1)
    needed = 4 * cautious_skewness(summary) ** 2 * stdtrit(degrees, level) ** 2
    return (summary["count"] < 2) | (summary["count"] < needed)


def rejected(summary: Mapping[str, Any], null: float, level: float, sign: int) -> Any:
    """Whether the mean lies above (+1) or below (-1) ``null``, at a one-sided level.

    As ``abstains`` and ``critical_value``, also for arrays of summaries.
    """
    statistic = (summary["mean"] - null) * np.sqrt(summary["count"]) / summary["deviation"]
    return (sign * statistic > critical_value(summary, level)) & ~abstains(summary, level)


def rejected_sign(summary: Summary, target: Target, levels: Levels) -> int:
    """+1 or -1 where abs(theta) <= margin is rejected at the stage level, else 0."""
    for sign in (1, -1):
        if rejected(summary, target.predicted + sign * target.margin, levels.stage_level, sign):
            return sign
    return 0


def equivalent(summary: Summary, target: Target, levels: Levels) -> bool:
    """Whether two one-sided tests show abs(theta) < margin + resolution at the support level."""
    reach = target.margin + target.resolution
    return all(
        bool(rejected(summary, target.predicted + sign * reach, levels.support_level, -sign))
        for sign in (1, -1)
    )


def figures(summary: Summary, target: Target) -> str:
    error = summary["deviation"] / sqrt(summary["count"])
    return (
        f"{summary['mean']:.6g} +- {error:.2g} against {target.predicted:.6g} "
        f"(margin {target.margin:.3g}, resolution {target.resolution:.3g})"
    )


def reason_to_hesitate(summary: Summary, target: Target, levels: Levels) -> str:
    if abstains(summary, levels.support_level):
        return (
            f"too few seeds for values of this skewness ({summary['count']:.0f} seeds, skewness "
            f"{summary['skewness']:.3g}): take more, average over blocks, or test a logarithm"
        )
    return f"{figures(summary, target)}: neither equivalence nor a discrepancy was shown; take more seeds"
