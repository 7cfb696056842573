"""The spectrum that decides the landscape of data: in rationals, in balls or in float64, by size.

Exact rationals where all entries are whole multiples of a power of two with exact moments, and few enough;
balls where the data are rounded or longer, and few enough; float64 with a stated error above that, and where
python-flint is missing. Data are taken as uncertain by their rounding, or by what the user says: eigenvalues
closer than that count as equal, smaller ones as zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from numerics.moments import exact_units, moments
from numerics.reduced_rank import explained_spectrum, tied_groups
from proofs_checks.data_files import Matrix
from proofs_checks.data_landscape.columns import Columns, columns

Arithmetic = Literal["exact rationals", "balls", "float64"]
Uncertainty = tuple[float, float]

LARGEST_EXACT = (256, 40)  # columns of X and of Y
LARGEST_BALLS = 10**8  # multiplications, N (d + k)^2: about 2 s
_UNIT = float(np.finfo(np.float64).eps) / 2


@dataclass(frozen=True)
class DataSpectrum:
    """Non-zero eigenvalues of Sigma in decreasing groups, and what is certain about them.

    values, multiplicities
        The mean of each group of eigenvalues that cannot be told apart, and its size.
    total
        |Y|^2.
    input_rank
        Of X, beyond the uncertainty.
    resolution
        Roots of eigenvalues closer than twice this count as equal, and below it as zero: the error of the
        computation and the effect of the uncertainty of the data together.
    loss_error
        Bound on the error of every critical value for the data as they are, in the arithmetic used.
    """

    arithmetic: Arithmetic
    values: tuple[Any, ...]
    multiplicities: tuple[int, ...]
    total: Any
    input_rank: int
    resolution: float
    loss_error: float
    columns: Columns

    @property
    def rank(self) -> int:
        """Of Sigma, multiplicities counted."""
        return sum(self.multiplicities)


def data_spectrum(inputs: Matrix, targets: Matrix, uncertainty: Uncertainty | None = None) -> DataSpectrum:
    """The spectrum of Y projected on the columns of X, rows examples; nothing is centered or scaled.

    ``uncertainty`` is how far off the entries of X and of Y may be, absolutely; without it, half a unit in
    the last place, and nothing for whole multiples of a power of two that are short enough for exact sums.
    """
    looked = columns(inputs.values)
    x, y = inputs.values, targets.values
    if len(looked.kept) < x.shape[1]:
        x = x[:, looked.kept]
    units = exact_units(x) if x.size else 1.0, exact_units(y)
    whole = None not in units and not any(uncertainty or ())
    moved = (0.0, 0.0) if whole else _moved(inputs, targets, uncertainty)
    found = None
    if _certified_available() and x.size:
        if whole and x.shape[1] <= LARGEST_EXACT[0] and y.shape[1] <= LARGEST_EXACT[1]:
            found = _exact(x, y, units)
        elif len(x) * (x.shape[1] + y.shape[1]) ** 2 <= LARGEST_BALLS and y.shape[1] <= LARGEST_EXACT[1]:
            found = _balls(x, y, moved)
    return _grouped(found or _floating(x, y, moved), looked)


@dataclass(frozen=True)
class _Found:
    """Decreasing eigenvalues; errors of eigenvalues, and of singular values with the data's uncertainty."""

    arithmetic: Arithmetic
    values: tuple[Any, ...]
    total: Any
    input_rank: int
    loss_error: float
    resolution: float
    exact_groups: tuple[int, ...] | None = None


def _moved(inputs: Matrix, targets: Matrix, uncertainty: Uncertainty | None) -> Uncertainty:
    """Bounds on |dX| and |dY| in the Frobenius norm."""
    if uncertainty is not None:
        return uncertainty[0] * inputs.values.size**0.5, uncertainty[1] * targets.values.size**0.5
    first, second = ((one.rounding * float(np.linalg.norm(one.values))) for one in (inputs, targets))
    return first, second


def _shift(moved: Uncertainty, smallest: float, norm: float) -> float:
    """How far singular values can move: a projector moves by |dX| / sigma_min (Stewart 1977)."""
    return moved[1] + (moved[0] / smallest * norm if moved[0] else 0.0)


def _certified_available() -> bool:
    from theory import balls

    return balls.available()


def _exact(x: Float[np.ndarray, "N d"], y: Float[np.ndarray, "N k"], units: Sequence[Any]) -> _Found:
    from theory.linear_data.spectra import exact

    sums = moments(x, y)
    first, second = units
    found = exact(
        _whole(sums.inputs / first**2), _whole(sums.cross / (first * second)), int(sums.total / second**2)
    )
    scale = Fraction(second) ** 2
    groups = found.multiplicities
    values = tuple(
        value * scale for value, size in zip(found.values, groups, strict=True) for _ in range(size)
    )
    error = float(len(values) * found.error * scale / 2)
    return _Found("exact rationals", values, found.total * scale, found.input_rank, error, 0.0, groups)


def _whole(matrix: Float[np.ndarray, "n m"]) -> list[list[int]]:
    return [[int(entry) for entry in row] for row in matrix]


def _balls(x: Float[np.ndarray, "N d"], y: Float[np.ndarray, "N k"], moved: Uncertainty) -> _Found | None:
    """None where the uncertainty, or the balls, leave open whether the columns of X are independent."""
    from theory.linear_data.spectra import enclosed

    found = enclosed(x.tolist(), y.tolist())
    if found is None or found.inverse_norm is None:
        return None
    smallest = found.inverse_norm**-0.5 - moved[0]
    if smallest <= moved[0]:
        return None
    error = float(found.error)
    # |sqrt(a) - sqrt(b)| <= sqrt(|a - b|)
    resolution = error**0.5 + _shift(moved, smallest, float(found.total) ** 0.5)
    return _Found(
        "balls",
        found.values,
        found.total,
        found.input_rank,
        len(found.values) * error / 2 + error,
        resolution,
    )


def _floating(x: Float[np.ndarray, "N d"], y: Float[np.ndarray, "N k"], moved: Uncertainty) -> _Found:
    found = explained_spectrum(x, y, cutoff=moved[0])
    values, error = found.singular_values, found.error
    rounding = 2 * _UNIT * len(y) * found.total
    loss_error = float(error * (values.sum() + values.size * error)) + rounding
    resolution = error + (_shift(moved, found.smallest, found.total**0.5) if found.input_rank else 0.0)
    squares = tuple(float(value) ** 2 for value in values)
    return _Found("float64", squares, found.total, found.input_rank, loss_error, resolution)


def _grouped(found: _Found, looked: Columns) -> DataSpectrum:
    """Eigenvalues that cannot be told apart become one group with their mean; those near 0 are 0."""
    singular = np.sqrt(np.maximum(0.0, np.array([float(value) for value in found.values])))
    kept = int((singular > found.resolution).sum())
    sizes = found.exact_groups
    if sizes is None:
        sizes = tuple(int(size) for size in tied_groups(singular[:kept], found.resolution))
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(int)
    means = tuple(sum(found.values[a:b]) / int(b - a) for a, b in pairwise(starts))
    spread = sum(
        abs(found.values[i] - m)
        for m, (a, b) in zip(means, pairwise(starts), strict=True)
        for i in range(a, b)
    )
    dropped = sum(abs(value) for value in found.values[starts[-1] :])
    error = found.loss_error + float(spread + dropped) / 2 + _UNIT * float(found.total)
    return DataSpectrum(
        found.arithmetic, means, sizes, found.total, found.input_rank, found.resolution, error, looked
    )
