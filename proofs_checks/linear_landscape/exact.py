"""Exact rational critical points: how often gradient, loss or inertia differ from the closed form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from random import Random

from theory import rational_matrices as rational
from theory.linear_landscape.instances import CriticalPoint, RationalProblem

LARGEST_WIDTH = 5  # exact characteristic polynomials beyond it take seconds each


def first_order_mismatches(seed: int, *, widths: Sequence[int], levels: Sequence[int]) -> tuple[float, float]:
    """Critical points of all index sets with a non-zero gradient, and with another loss than predicted."""
    gradients = losses = 0
    for point in _points(seed, widths, levels):
        slopes = point.problem.gradient(point.A, point.B)
        gradients += not all(slope.is_zero_matrix for slope in slopes)
        losses += point.problem.loss(point.A, point.B) != point.predicted_loss
    return float(gradients), float(losses)


def inertia_mismatches(
    seed: int, *, widths: Sequence[int], levels: Sequence[int], inversions: bool = True
) -> float:
    """Critical points of all index sets whose exact Hessian has another inertia than the closed form.

    ``inversions=False`` drops inv(S) from the prediction.
    """
    wrong = 0
    for point in _points(seed, widths, levels):
        found = rational.inertia(point.problem.hessian(point.A, point.B))
        expected = point.predicted_inertia
        below = expected.negative if inversions else expected.negative - _inversions(point)
        wrong += (found.negative, found.zero) != (below, expected.zero)
    return float(wrong)


def _inversions(point: CriticalPoint) -> int:
    values = point.problem.singular_values
    others = [k for k in range(len(values)) if k not in point.chosen]
    return sum(values[i] > values[k] for k in point.chosen for i in others)


def _points(seed: int, widths: Sequence[int], levels: Sequence[int]) -> Iterator[CriticalPoint]:
    """One random critical point of every index set of one random problem, with random kernel blocks."""
    random = Random(seed)
    inputs, hidden, outputs = widths
    problem = RationalProblem.random(random, (inputs, hidden, outputs), levels)
    for size in range(min(len(levels), hidden) + 1):
        for chosen in combinations(range(len(levels)), size):
            blocks = {"columns": random.randint(0, 1), "rows": random.randint(0, 2)}
            yield CriticalPoint.random(problem, chosen, random, **blocks)
