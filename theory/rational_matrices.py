"""Random matrices with rational entries that satisfy a structure exactly; exact inertia."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from random import Random

from sympy import QQ
from sympy.polys.matrices import DomainMatrix

from theory.linear_landscape.formulas import Inertia

_LARGEST = 4  # of numerators and denominators: exact arithmetic stays short


def general(random: Random, rows: int, columns: int) -> DomainMatrix:
    """A rows x columns matrix of small fractions."""
    entries = [[_fraction(random) for _ in range(columns)] for _ in range(rows)]
    return _matrix(entries, rows, columns)


def invertible(random: Random, size: int) -> DomainMatrix:
    """An invertible matrix, drawn until it is one."""
    return of_full_rank(random, size, size)


def of_full_rank(random: Random, rows: int, columns: int) -> DomainMatrix:
    """A rows x columns matrix of the largest rank possible."""
    while True:
        drawn = general(random, rows, columns)
        if rank(drawn) == min(rows, columns):
            return drawn


def symmetric(random: Random, size: int) -> DomainMatrix:
    """M + M^T."""
    drawn = general(random, size, size)
    return drawn + drawn.transpose()


def orthogonal(random: Random, size: int) -> DomainMatrix:
    """The Cayley transform (I - K)(I + K)^-1 of a skew-symmetric K."""
    drawn = general(random, size, size)
    skew = drawn - drawn.transpose()
    unit = identity(size)
    if size == 0:
        return unit
    return (unit - skew) * (unit + skew).inv()


def unimodular(random: Random, size: int) -> DomainMatrix:
    """An invertible matrix of small integers, and so is its inverse: products with it stay short."""
    lower, upper = ([[_corner(random, i, j) for j in range(size)] for i in range(size)] for _ in range(2))
    return _matrix(lower, size, size) * _matrix(upper, size, size).transpose()


def integers(random: Random, rows: int, columns: int) -> DomainMatrix:
    """A rows x columns matrix of -1, 0 and 1."""
    entries = [[QQ(random.randint(-1, 1)) for _ in range(columns)] for _ in range(rows)]
    return _matrix(entries, rows, columns)


def diagonal(values: Sequence[object], rows: int, columns: int) -> DomainMatrix:
    """The rows x columns matrix with ``values`` on its diagonal and zeros elsewhere."""
    padded = [*values, *([0] * (min(rows, columns) - len(values)))]
    entries = [[QQ.convert(padded[i]) if i == j else QQ(0) for j in range(columns)] for i in range(rows)]
    return _matrix(entries, rows, columns)


def identity(size: int) -> DomainMatrix:
    """I."""
    return diagonal([1] * size, size, size)


def zeros(rows: int, columns: int) -> DomainMatrix:
    """0."""
    return diagonal([], rows, columns)


def columns_of(matrix: DomainMatrix, chosen: Sequence[int]) -> DomainMatrix:
    """The chosen columns, in the given order."""
    rows = matrix.to_list()
    return _matrix([[row[j] for j in chosen] for row in rows], matrix.shape[0], len(chosen))


def beside(*blocks: DomainMatrix) -> DomainMatrix:
    """[a, b, ...]."""
    return blocks[0].hstack(*blocks[1:])


def above(*blocks: DomainMatrix) -> DomainMatrix:
    """[a; b; ...]."""
    return blocks[0].vstack(*blocks[1:])


def direct_sum(first: DomainMatrix, second: DomainMatrix) -> DomainMatrix:
    """[a, 0; 0, b]."""
    top = beside(first, zeros(first.shape[0], second.shape[1]))
    return above(top, beside(zeros(second.shape[0], first.shape[1]), second))


def null_space(matrix: DomainMatrix) -> DomainMatrix:
    """A matrix whose columns are a basis of {x : matrix x = 0}."""
    if 0 in matrix.shape:
        return identity(matrix.shape[1])
    return matrix.to_dense().nullspace().transpose().to_dense()


def rank(matrix: DomainMatrix) -> int:
    """The exact rank."""
    return 0 if 0 in matrix.shape else int(matrix.to_dense().rank())


def pseudo_inverse(matrix: DomainMatrix) -> DomainMatrix:
    """The Moore-Penrose inverse, from a full-rank factorization F G: G^T (F^T M G^T)^-1 F^T."""
    rows, columns = matrix.shape
    if rank(matrix) == 0:
        return zeros(columns, rows)
    reduced, pivots = matrix.to_dense().rref()
    left = columns_of(matrix, pivots)
    right = _matrix(reduced.to_list()[: len(pivots)], len(pivots), columns)
    core = left.transpose() * matrix * right.transpose()
    return right.transpose() * core.inv() * left.transpose()


def inertia(matrix: DomainMatrix) -> Inertia:
    """The inertia of a symmetric rational matrix, exactly, from its characteristic polynomial.

    Descartes' rule of signs is an equality for polynomials whose roots are all real.
    Raises ValueError if the matrix is not symmetric.
    """
    if matrix != matrix.transpose():
        raise ValueError("the inertia of a matrix that is not symmetric was asked for")
    size = matrix.shape[0]
    coefficients = matrix.to_dense().charpoly() if size else [QQ(1)]
    signs = [(coefficient > 0) - (coefficient < 0) for coefficient in coefficients]
    zero = next(k for k, sign in enumerate(reversed(signs)) if sign)
    positive = _sign_changes(signs)
    return Inertia(size - zero - positive, zero, positive)


def _corner(random: Random, row: int, column: int) -> object:
    """Of a lower triangular matrix with ones on its diagonal."""
    return QQ(random.randint(-1, 1) if row > column else int(row == column))


def _sign_changes(signs: Sequence[int]) -> int:
    nonzero = [sign for sign in signs if sign]
    return sum(a != b for a, b in pairwise(nonzero))


def _fraction(random: Random) -> object:
    return QQ(random.randint(-_LARGEST, _LARGEST), random.randint(1, _LARGEST))


def _matrix(entries: list[list[object]], rows: int, columns: int) -> DomainMatrix:
    return DomainMatrix(entries, (rows, columns), QQ).to_dense()
