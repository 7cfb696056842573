"""Eigenvalues of Sigma = Sigma_YX Sigma_XX^+ Sigma_XY: exact counts and enclosed values, or enclosures alone.

For inputs X (N, d) and targets Y (N, k), rows examples: Sigma_XX = X^T X, Sigma_XY = X^T Y, and Sigma (k, k)
holds the squared singular values of Y after projection on the columns of X.

Exact: for whole numbers. Ranks and multiplicities are those of rational matrices and of the characteristic
polynomial; its roots are isolated and enclosed. Balls: for any numbers, if the columns of X are independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from theory import balls
from theory.errors import BallsUnavailable

PRECISION = 256  # bits
Rows = Sequence[Sequence[Any]]


@dataclass(frozen=True)
class CertifiedSpectrum:
    """Decreasing eigenvalues with a bound on their error, and how often each occurs.

    values, error
        Each true eigenvalue is within ``error`` of its value.
    multiplicities
        Exact ones, or 1 throughout, for balls that may overlap.
    total
        |Y|^2, within ``error`` too.
    input_rank
        The rank of X, exactly.
    inverse_norm
        An upper bound on the norm of (X^T X)^-1 over independent columns; None if not computed.
    """

    values: tuple[Fraction, ...]
    multiplicities: tuple[int, ...]
    total: Fraction
    error: Fraction
    input_rank: int
    inverse_norm: float | None = None


def exact(gram: Rows, cross: Rows, total: int) -> CertifiedSpectrum:
    """From X^T X, X^T Y and |Y|^2 in whole numbers; zero eigenvalues are left out.

    Raises BallsUnavailable without python-flint.
    """
    flint = _flint()
    whole = flint.fmpz_mat([list(row) for row in gram])
    pivots = _pivots(whole)
    if not pivots:
        return CertifiedSpectrum((), (), Fraction(total), Fraction(0), 0)
    core = flint.fmpz_mat([[gram[i][j] for j in pivots] for i in pivots])
    sides = flint.fmpz_mat([list(cross[i]) for i in pivots])
    sigma = flint.fmpq_mat(sides.transpose()) * core.solve(sides)
    with flint.ctx.workprec(PRECISION):
        roots = sigma.charpoly().numer().complex_roots()
        found = sorted(((*_enclosed(root.real), count) for root, count in roots), reverse=True)
    kept = [one for one in found if one[0] or one[1]]
    values, errors, counts = zip(*kept, strict=True) if kept else ((), (), ())
    largest = max(errors, default=Fraction(0))
    return CertifiedSpectrum(values, counts, Fraction(total), largest, len(pivots))


def enclosed(inputs: Rows, targets: Rows) -> CertifiedSpectrum | None:
    """From data taken at their exact values; None if the balls do not show that the columns are independent.

    Raises BallsUnavailable without python-flint.
    """
    flint = _flint()
    with flint.ctx.workprec(PRECISION):
        x, y = flint.arb_mat(inputs), flint.arb_mat(targets)
        gram, cross = x.transpose() * x, x.transpose() * y
        try:
            inverse = gram.inv()
            sigma = cross.transpose() * inverse * cross
            found = [_enclosed(root.real) for root in flint.acb_mat(sigma).eig(multiple=True)]
        except (ZeroDivisionError, ValueError):
            return None
        total, total_error = _enclosed((y.transpose() * y).trace())
        norm = float(sum(entry**2 for entry in inverse.entries()).sqrt().upper())
    values = tuple(sorted((value for value, _ in found), reverse=True))
    error = max(total_error, *(radius for _, radius in found))
    return CertifiedSpectrum(values, (1,) * len(values), total, error, gram.nrows(), norm)


def _flint() -> Any:
    if not balls.available():
        raise BallsUnavailable("python-flint is not installed: pip install python-flint")
    return balls.flint


def _pivots(matrix: Any) -> list[int]:
    """Columns that are a basis of all columns."""
    echelon, _, rank = matrix.rref()
    return [next(j for j in range(matrix.ncols()) if echelon[i, j] != 0) for i in range(rank)]


def _enclosed(ball: Any) -> tuple[Fraction, Fraction]:
    """Middle and radius, exactly."""
    return _fraction(ball.mid()), _fraction(ball.rad())


def _fraction(number: Any) -> Fraction:
    mantissa, exponent = number.man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
