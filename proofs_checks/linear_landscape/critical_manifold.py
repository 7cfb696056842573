"""The dimension of the set of critical points of one index set of a two-layer network, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from random import Random

from sympy import QQ, Expr
from sympy.polys.matrices import DomainMatrix

from proofs_checks.insertion import value_of
from proofs_checks.linear_landscape.formulas import counts_at
from theory import rational_matrices as rational
from theory.linear_landscape.instances import CriticalPoint, RationalProblem


def dimension_exceptions(seed: int, *, widths: Sequence[int], levels: Sequence[int], nullity: Expr) -> float:
    """1.0 if the tangent space of the critical points of an index set has another dimension.

    With Sigma of full rank the parametrization A = [U_S, 0] C, B = C^-1 [..; V] is onto; its derivative at a
    point moves A by A K and B by -K B + D_2 V', K any p x p matrix and V' with U_{S^c}^T Sigma_YX V'^T = 0.
    """
    random = Random(seed)
    inputs, hidden, outputs = widths
    problem = RationalProblem.random(random, (inputs, hidden, outputs), levels)
    sets = (
        chosen
        for size in range(min(len(levels), hidden) + 1)
        for chosen in combinations(range(len(levels)), size)
    )
    points = (CriticalPoint.random(problem, chosen, random, 0, random.randint(0, 2)) for chosen in sets)
    return float(
        any(rational.rank(_tangents(point)) != value_of(nullity, counts_at(point)) for point in points)
    )


def _tangents(point: CriticalPoint) -> DomainMatrix:
    """One row for each tangent vector: the entries of the changes of A and B."""
    hidden, problem = point.A.shape[1], point.problem
    rows = []
    for i in range(hidden):
        for j in range(hidden):
            K = _unit(hidden, hidden, i, j)
            rows.append([*(point.A * K).to_dense().to_list_flat(), *(-K * point.B).to_dense().to_list_flat()])
    left = [k for k in range(problem.sizes.outputs) if k not in point.chosen]
    seen = rational.columns_of(problem.U, left).transpose() * problem.cross_covariance
    free, idle = rational.null_space(seen).transpose(), rational.null_space(point.A)
    for column in range(idle.shape[1]):
        for row in range(free.shape[0]):
            moved = (
                rational.columns_of(idle, [column]) * rational.columns_of(free.transpose(), [row]).transpose()
            )
            rows.append([QQ(0)] * (point.A.shape[0] * hidden) + moved.to_dense().to_list_flat())
    size = point.A.shape[0] * hidden + hidden * point.B.shape[1]
    return DomainMatrix(rows, (len(rows), size), QQ).to_dense()


def _unit(rows: int, columns: int, row: int, column: int) -> DomainMatrix:
    entries = [[QQ(int((i, j) == (row, column))) for j in range(columns)] for i in range(rows)]
    return DomainMatrix(entries, (rows, columns), QQ).to_dense()
