"""Mean: the expected value of the statistic of one block equals the prediction."""

from __future__ import annotations

from dataclasses import dataclass

from proofs_checks.comparators.student import StudentTests
from proofs_checks.comparators.targets import LARGEST_MARGIN


@dataclass(frozen=True)
class Mean(StudentTests):
    """abs(theta) <= margin, theta = E[value] - predicted; the margin is at most a quarter of the resolution.

    Refuted when abs(theta) <= margin is rejected; supported when abs(theta) < margin + resolution is shown
    (two one-sided tests). Values: (count,) for one check, (count, k) for k.
    """

    name = "mean"
    largest_margin = LARGEST_MARGIN
