"""What a claim lets through: how far a prediction may be displaced before the claim must notice."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from statistics import median
from typing import NamedTuple

import mpmath

from proofs_checks.certificate import JudgedPoint
from proofs_checks.claim import Claim
from proofs_checks.comparators import Bound, Distribution, Identity
from theory.equivalence import Comparison, Missing, Sample


class Displacement(NamedTuple):
    """Whether a prediction is displaced by more than is let through, and how far in resolutions."""

    beyond: bool
    units: float


class Slack:
    """The slack of one claim.

    Statistical claims let margin + resolution through, identities their margin, distributions that distance
    of the laws, and bounds the slack that they declare as tightness, in either direction: a bound without one
    lets everything through. Away from the grid the slack is relative, the median over the grid; a claim that
    predicts 0 everywhere compares a closed form within its experiment, and lets nothing through.
    """

    def __init__(self, claim: Claim) -> None:
        self._comparator = claim.comparator
        self._below, self._above = self._relative(claim)

    def _relative(self, claim: Claim) -> tuple[float, float]:
        comparator = claim.comparator
        targets = [target for point in claim.grid for target in point.targets(comparator)]
        if isinstance(comparator, Bound):
            ratio = comparator.tightness
            return (1 - min(ratio, 1 / ratio), max(ratio, 1 / ratio) - 1) if ratio else (inf, inf)
        if isinstance(comparator, Distribution):
            found = max(target.margin + target.resolution for target in targets)
            return found, found
        rho = 0 if isinstance(comparator, Identity) else 1
        shares = [
            (one.margin + rho * one.resolution) / abs(one.predicted) for one in targets if one.predicted
        ]
        found = median(shares) if shares else 0.0
        return found, found

    def at(self, point: JudgedPoint, check: int, shift: float) -> tuple[float, float]:
        """The unit of displacements at a check of the grid, and how much of a shift is let through there."""
        size, margin, resolution = abs(point.predicted[check]), point.margin[check], point.resolution[check]
        if isinstance(self._comparator, Bound):
            outward = (shift > 0) == (point.predicted[check] > 0)
            allowed = (self._above if outward else self._below) * size
            return allowed, allowed + margin
        if isinstance(self._comparator, Identity):
            return margin, margin
        return resolution, margin + resolution

    def exceeded_by(self, comparison: Comparison, points: Sequence[Sample]) -> bool:
        """Whether the other expression is displaced by more at a point of some regime, or undefined there."""
        for sample, value in zip(points, comparison.values, strict=True):
            if sample.regime not in comparison.regimes or value is Missing.UNKNOWN:
                continue
            if isinstance(value, Missing) or self._exceeds(sample.value, value):
                return True
        return comparison.kind == "undefined"

    def _exceeds(self, before: mpmath.mpf, after: mpmath.mpf) -> bool:
        size = 1 if isinstance(self._comparator, Distribution) else abs(before)
        shift = (after - before) * (1 if before >= 0 else -1)
        return bool(shift > self._above * size or -shift > self._below * size)
