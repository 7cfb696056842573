"""The same critical points in float64: inertia from ranks of products, and by counting eigenvalues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from jaxtyping import Float
from sympy import QQ
from sympy.polys.matrices import DomainMatrix

from proofs_checks.linear_landscape.deep_exact import points
from proofs_checks.linear_landscape.linear_inertia import linear_inertia
from theory import rational_matrices as rational
from theory.linear_landscape.deep_points import DeepPoint
from theory.linear_landscape.formulas import Inertia

RELATIVE_TOLERANCE = 1e-6  # of the largest eigenvalue: a usual choice, and too coarse for unbalanced layers

Matrix = Float[np.ndarray, "rows columns"]


def miscounts(
    seed: int,
    *,
    widths: Sequence[int],
    levels: Sequence[int],
    stretch: int,
    method: Literal["ranks", "eigenvalues"],
) -> float:
    """Exact points whose inertia float64 gets wrong, or does not vouch for, after the layers are unbalanced.

    Every hidden node is stretched by 1, ``stretch``, 1, ``stretch``, ... along its units, which changes no
    product W_H ... W_1 and no inertia.
    """
    count = {"ranks": _by_ranks, "eigenvalues": _by_eigenvalues}[method]
    found = (stretched(point, stretch) for point in points(seed, tuple(widths), tuple(levels)))
    return float(sum(count(point) != point.predicted_inertia for point in found))


def stretched(point: DeepPoint, stretch: int) -> DeepPoint:
    """The same critical point in other coordinates of the hidden nodes."""
    scales = [rational.diagonal([stretch ** (k % 2) for k in range(d)], d, d) for d in point.widths[1:-1]]
    outer = [*scales, rational.identity(point.widths[-1])]
    inner = [rational.identity(point.widths[0]), *(scale.inv() for scale in scales)]
    moved = tuple(
        (after * layer * before).to_dense()
        for after, layer, before in zip(outer, point.layers, inner, strict=True)
    )
    return replace(point, layers=moved)


def _by_ranks(point: DeepPoint) -> Inertia | None:
    inputs, targets = (to_floats(matrix).T for matrix in (point.problem.X, point.problem.Y))
    found = linear_inertia([to_floats(layer) for layer in point.layers], inputs, targets)
    return None if found.ranks.doubtful else found.inertia


def _by_eigenvalues(point: DeepPoint) -> Inertia:
    eigenvalues = np.linalg.eigvalsh(to_floats(point.hessian()))
    zero = np.abs(eigenvalues) <= RELATIVE_TOLERANCE * np.abs(eigenvalues).max(initial=0.0)
    negative = int(np.sum(~zero & (eigenvalues < 0)))
    return Inertia(negative, int(zero.sum()), len(eigenvalues) - negative - int(zero.sum()))


def to_floats(matrix: DomainMatrix) -> Matrix:
    """The nearest doubles."""
    rows = [[float(QQ.to_sympy(entry)) for entry in row] for row in matrix.to_list()]
    return np.array(rows, dtype=np.float64).reshape(matrix.shape)
