"""Exact rational critical points: how often gradient, loss or inertia differ from the closed form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import combinations, product
from random import Random

from sympy import Expr, Integer, Rational, Symbol

from proofs_checks.insertion import value_of
from proofs_checks.linear_landscape import deep_exact
from proofs_checks.linear_landscape.formulas import (
    INDEX,
    NULLITY,
    counts_at,
    critical_value,
    loss_at,
    rational,
)
from theory import rational_matrices
from theory.linear_landscape.instances import CriticalPoint, RationalProblem
from theory.linear_landscape.second_order import inv

LARGEST_WIDTH = 5  # exact characteristic polynomials beyond it take seconds each


def first_order_mismatches(
    seed: int, *, widths: Sequence[int], levels: Sequence[int], value: Expr | None = None
) -> tuple[float, float]:
    """Critical points of all index sets with a non-zero gradient, and with another loss than predicted.

    ``value`` is a form of 2 L in the letters of the theorem, by default its own.
    """
    form = critical_value(len(levels)) if value is None else value
    squares = [Integer(level) ** 2 for level in levels]
    gradients = losses = 0
    for critical, chosen, total, loss in _losses(seed, tuple(widths), tuple(levels)):
        gradients += not critical
        losses += loss != loss_at(form, total, squares, chosen)
    return float(gradients), float(losses)


def inertia_mismatches(
    seed: int,
    *,
    widths: Sequence[int],
    levels: Sequence[int],
    inversions: bool = True,
    index: Expr = INDEX,
    nullity: Expr = NULLITY,
) -> float:
    """Critical points of all index sets whose exact Hessian has another inertia than the closed forms.

    ``inversions=False`` takes inv(S) as 0.
    """
    wrong = 0
    for negative, zero, counts in _inertias(seed, tuple(widths), tuple(levels)):
        inserted = counts if inversions else {**counts, inv: Integer(0)}
        wrong += (negative, zero) != (value_of(index, inserted), value_of(nullity, inserted))
    return float(wrong)


@lru_cache(maxsize=64)
def _losses(
    seed: int, widths: tuple[int, ...], levels: tuple[int, ...]
) -> list[tuple[bool, tuple[int, ...], Rational, Rational]]:
    """Whether the gradient vanishes, the index set, tr Sigma_YY, and the loss, of each point."""
    found = []
    points = _points if len(widths) == 3 else deep_exact.points
    for point in points(seed, widths, levels):
        critical = all(slope.is_zero_matrix for slope in point.gradient)
        loss = point.problem.loss(point.product, rational_matrices.identity(widths[0]))
        found.append((critical, point.chosen, rational(point.problem.total), rational(loss)))
    return found


@lru_cache(maxsize=64)
def _inertias(
    seed: int, widths: tuple[int, ...], levels: tuple[int, ...]
) -> list[tuple[int, int, dict[Symbol, Rational]]]:
    """Index and nullity of the Hessian, and the numbers in the closed forms, of each point."""
    found = []
    for point in _points(seed, widths, levels):
        inertia = rational_matrices.inertia(point.problem.hessian(point.A, point.B))
        found.append((inertia.negative, inertia.zero, counts_at(point)))
    return found


def _points(seed: int, widths: Sequence[int], levels: Sequence[int]) -> Iterator[CriticalPoint]:
    """A random critical point of every index set of one random problem, with kernel blocks of every rank."""
    random = Random(seed)
    inputs, hidden, outputs = widths
    problem = RationalProblem.random(random, (inputs, hidden, outputs), levels)
    for size in range(min(len(levels), hidden) + 1):
        for chosen in combinations(range(len(levels)), size):
            for columns, rows in _kernel_ranks(outputs - len(levels), inputs - len(levels), hidden - size):
                yield CriticalPoint.random(problem, chosen, random, columns, rows)


def _kernel_ranks(left: int, right: int, idle: int) -> list[tuple[int, int]]:
    """The ranks of Z and V that there is room for."""
    both = product(range(min(left, idle) + 1), range(min(right, idle) + 1))
    return [(columns, rows) for columns, rows in both if columns + rows <= idle]
