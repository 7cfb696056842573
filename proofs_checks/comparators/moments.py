"""Tests of a mean with a skewness-corrected critical value.

For a self-normalized sum of n independent terms with skewness g, uniformly for 0 <= z = o(sqrt(n)),

    P(T > z) / (1 - Phi(z)) -> exp(-g z^3 / (3 sqrt(n))),

so the tail on the side away from the skew is the heavier one (Jing, Shao and Wang 2003, Self-normalized
Cramer-type large deviations for independent random variables, Annals of Probability 31, Theorem 2.1).
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from scipy.special import stdtrit

from proofs_checks.comparators.protocol import Levels, Summary, Target, Values

# A spread below this many units of rounding of the largest value is rounding, not randomness.
_ROUNDING_UNITS = 64.0


def summarize_moments(values: Values) -> Summary:
    """Count, mean, standard deviation (n - 1), skewness and range of a sample."""
    count = values.size
    mean = float(np.mean(values))
    centered = values - mean
    variance = float(np.mean(centered**2))
    skewness = float(np.mean(centered**3)) / variance**1.5 if variance > 0 else 0.0
    deviation = sqrt(variance * count / (count - 1)) if count > 1 else 0.0
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


def critical_value(count: float, skewness: float, level: float) -> float:
    """Student's quantile at ``level``, moved outwards where the skew makes the tail heavier.

    ``skewness`` is signed towards the lighter tail; a negative one changes nothing, since only an increase of
    the critical value is safe when the skewness itself is an estimate.
    """
    quantile = -float(stdtrit(count - 1, level))
    return quantile * (1 + max(skewness, 0.0) * quantile / (3 * sqrt(count)))


def abstains(summary: Summary, level: float) -> bool:
    """Whether there are too few values for the corrected tail: n < 4 g^2 z^2, or n < 2."""
    count = summary["count"]
    if count < 2:
        return True
    quantile = -float(stdtrit(count - 1, level))
    return bool(count < 4 * summary["skewness"] ** 2 * quantile**2)


def _standardized(summary: Summary, null: float) -> float:
    """The t statistic of the sample against a null mean."""
    return (summary["mean"] - null) * sqrt(summary["count"]) / summary["deviation"]


def rejected_sign(summary: Summary, target: Target, levels: Levels) -> int:
    """+1 or -1 where abs(theta) <= margin is rejected at the stage level, else 0."""
    level = levels.stage_level
    if abstains(summary, level):
        return 0
    for sign in (1, -1):
        critical = critical_value(summary["count"], -sign * summary["skewness"], level)
        if sign * _standardized(summary, target.predicted + sign * target.margin) > critical:
            return sign
    return 0


def equivalent(summary: Summary, target: Target, levels: Levels) -> bool:
    """Whether two one-sided tests show abs(theta) < margin + resolution at the support level."""
    level = levels.support_level
    if abstains(summary, level):
        return False
    reach = target.margin + target.resolution
    return all(
        -sign * _standardized(summary, target.predicted + sign * reach)
        > critical_value(summary["count"], sign * summary["skewness"], level)
        for sign in (1, -1)
    )


def reason_to_hesitate(summary: Summary, target: Target, levels: Levels) -> str:
    if abstains(summary, levels.support_level):
        return (
            f"too skewed for {summary['count']:.0f} seeds (skewness {summary['skewness']:.3g}): "
            "take more seeds, or test a logarithm"
        )
    error = summary["deviation"] / sqrt(summary["count"])
    return (
        f"estimate {summary['mean']:.6g} +- {error:.2g} against {target.predicted:.6g}: neither equivalence "
        f"within {target.margin + target.resolution:.3g} nor a discrepancy was shown; take more seeds"
    )
