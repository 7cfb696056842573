"""Exponent: the slope fitted within one block equals the predicted exponent."""

from __future__ import annotations

from dataclasses import dataclass

from proofs_checks.comparators.student import StudentTests


@dataclass(frozen=True)
class Exponent(StudentTests):
    """abs(E[slope] - predicted) <= margin, where each value is the slope fitted on one independent block.

    Independent slopes reduce the scaling law to a mean. The margin is the finite-size term that the theorem
    declares; a slope over a bounded range keeps such a term, so it may be as large as the resolution.
    """

    name = "exponent"
    largest_margin = 1.0
