"""Exact binomial tails and Clopper-Pearson limits."""

from __future__ import annotations

from scipy.special import bdtr, bdtrc, betaincinv


def least(successes: float, count: float, probability: float) -> float:
    """P(X >= successes) for X binomial(count, probability)."""
    return 1.0 if successes <= 0 else float(bdtrc(successes - 1, int(count), probability))


def most(successes: float, count: float, probability: float) -> float:
    """P(X <= successes) for X binomial(count, probability)."""
    return float(bdtr(successes, int(count), probability))


def upper_limit(successes: float, count: float, level: float) -> float:
    """One-sided Clopper-Pearson limit: the probability at which ``most`` equals ``level``.

    Clopper and Pearson 1934, The use of confidence or fiducial limits illustrated in the case of the
    binomial, Biometrika 26.
    """
    if successes >= count:
        return 1.0
    return float(betaincinv(successes + 1, count - successes, 1 - level))
