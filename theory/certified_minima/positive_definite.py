"""Positive definiteness and the smallest eigenvalue of symmetric matrices of balls.

A matrix of balls stands for every symmetric matrix whose entries lie in them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from theory.balls import Ball, flint

Rows = Sequence[Sequence[Ball]]

_SLACK = 1 - 2.0**-10  # the eigenvalue of float64 is lowered by this factor before it is certified


def positive_definite(matrix: Rows) -> bool:
    """Whether all pivots of L D L^T are shown to be positive; False says that this was not shown."""
    work = [list(row) for row in matrix]
    for k in range(len(work)):
        if not work[k][k] > 0:
            return False
        for i in range(k + 1, len(work)):
            ratio = work[i][k] / work[k][k]
            for j in range(k + 1, i + 1):
                work[i][j] -= ratio * work[j][k]
    return True


def smallest_eigenvalue(matrix: Rows) -> Ball | None:
    """A ball with the smallest eigenvalue of every matrix in the balls where it is positive, else None.

    From below by L D L^T of H - t; from above by the Rayleigh quotient of an approximate eigenvector. The
    approximations are made in float64; what they give is checked in balls.
    """
    if not all(entry.is_finite() for row in matrix for entry in row):
        return None
    values, vectors = np.linalg.eigh(np.array([[float(entry.mid()) for entry in row] for row in matrix]))
    lower = flint.arb(float(values[0]) * _SLACK)
    if not lower > 0 or not positive_definite(_shifted(matrix, lower)):
        return None
    return lower.union(_rayleigh(matrix, vectors[:, 0]))


def _shifted(matrix: Rows, shift: Ball) -> list[list[Ball]]:
    return [
        [entry - shift if i == j else entry for j, entry in enumerate(row)] for i, row in enumerate(matrix)
    ]


def _rayleigh(matrix: Rows, vector: np.ndarray) -> Ball:
    direction = [flint.arb(float(one)) for one in vector]
    column = flint.arb_mat([[one] for one in direction])
    squares = sum((one * one for one in direction), flint.arb(0))
    return (column.transpose() * flint.arb_mat([list(row) for row in matrix]) * column)[0, 0] / squares
