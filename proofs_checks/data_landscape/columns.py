"""Columns of the inputs that add nothing to a linear network, or that stand for a bias."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Columns(NamedTuple):
    """Positions, from 0.

    kept
        Columns that are neither zero nor equal to one before them: they span the same space as all.
    zero, constant
        Columns of zeros, and of one other number throughout.
    repeated
        (column, the equal one before it).
    """

    kept: tuple[int, ...]
    zero: tuple[int, ...]
    constant: tuple[int, ...]
    repeated: tuple[tuple[int, int], ...]


def columns(matrix: Float[np.ndarray, "N d"]) -> Columns:
    """Look at every column; equality is that of all bits but the sign of zero."""
    high, low = matrix.max(axis=0), matrix.min(axis=0)
    zero = np.flatnonzero((high == 0) & (low == 0))
    constant = np.flatnonzero((high == low) & (high != 0))
    repeated = _repeated(matrix, high, low)
    dropped = {*zero.tolist(), *(column for column, _ in repeated)}
    kept = tuple(column for column in range(matrix.shape[1]) if column not in dropped)
    return Columns(kept, tuple(zero.tolist()), tuple(constant.tolist()), repeated)


def _repeated(
    matrix: Float[np.ndarray, "N d"], high: Float[np.ndarray, " d"], low: Float[np.ndarray, " d"]
) -> tuple[tuple[int, int], ...]:
    """Only columns with the same extremes and the same first entries are compared as a whole."""
    seen: dict[tuple[float, ...], list[int]] = {}
    found = []
    for column in np.flatnonzero((high != 0) | (low != 0)).tolist():
        label = (float(high[column]), float(low[column]), *(matrix[:16, column] + 0.0).tolist())
        earlier = seen.setdefault(label, [])
        same = next((one for one in earlier if np.array_equal(matrix[:, one], matrix[:, column])), None)
        if same is None:
            earlier.append(column)
        else:
            found.append((column, same))
    return tuple(found)
