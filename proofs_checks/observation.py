"""Observation: a measured estimate with its standard error, sample count and seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Observation:
    """One component of one grid point, measured on one seed set up to the look that decided it.

    component, stage, look
        Which component, which of the independent seed sets (from 1), at which look (from 1).
    estimate, standard_error
        Mean over the seeds and its standard error.
    count, seeds
        Number of seeds, and the half-open range of their indices within the seed set.
    skewness, minimum, maximum
        Of the values; infinite or undefined numbers make the verdict invalid.
    summary
        The sufficient statistics of the comparator: enough to decide again without the samples.
    """

    component: int
    stage: int
    look: int
    estimate: float
    standard_error: float
    count: int
    seeds: tuple[int, int]
    skewness: float
    minimum: float
    maximum: float
    summary: Mapping[str, float] = field(default_factory=dict)
