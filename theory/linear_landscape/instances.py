"""Exact rational instances: data whose eigenvectors are rational, and every kind of critical point of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any

from sympy import QQ
from sympy.polys.matrices import DomainMatrix

from theory import rational_matrices as rational
from theory.linear_landscape import formulas
from theory.linear_landscape.formulas import Inertia, Sizes


@dataclass(frozen=True)
class RationalProblem:
    """L(A, B) = |Y - A B X|^2 / 2 with Sigma_YX = U D Q^T R and Sigma_XX = R^2, all rational.

    U (outputs x outputs) and Q (inputs x inputs) are orthogonal, R is symmetric and invertible, D is
    rectangular with the singular values on its diagonal; the eigenvalues of Sigma are their squares.
    """

    X: DomainMatrix
    Y: DomainMatrix
    U: DomainMatrix
    Q: DomainMatrix
    R: DomainMatrix
    singular_values: tuple[Any, ...]
    hidden: int

    @classmethod
    def random(
        cls, random: Random, widths: tuple[int, int, int], singular_values: Sequence[int], spare: int = 1
    ) -> RationalProblem:
        """A random problem of widths (inputs, hidden, outputs) with inputs + ``spare`` examples.

        ``singular_values`` are the non-zero ones in decreasing order; repeated values are ties.
        """
        inputs, hidden, outputs = widths
        examples = inputs + spare
        frame = rational.orthogonal(random, examples)
        inside = rational.columns_of(frame, range(inputs)).transpose()
        outside = rational.columns_of(frame, range(inputs, examples)).transpose()
        U, Q = rational.orthogonal(random, outputs), rational.orthogonal(random, inputs)
        R = _symmetric_invertible(random, inputs)
        D = rational.diagonal(list(singular_values), outputs, inputs)
        noise = rational.general(random, outputs, spare)
        Y = U * D * Q.transpose() * inside + noise * outside
        return cls(R * inside, Y, U, Q, R, tuple(singular_values), hidden)

    @property
    def sizes(self) -> Sizes:
        """Sizes, with the rank of Sigma_YX."""
        return Sizes(self.Y.shape[0], self.X.shape[0], self.hidden, len(self.singular_values))

    @cached_property
    def covariance(self) -> DomainMatrix:
        """Sigma_XX = X X^T."""
        return self.X * self.X.transpose()

    @cached_property
    def cross_covariance(self) -> DomainMatrix:
        """Sigma_YX = Y X^T."""
        return self.Y * self.X.transpose()

    @cached_property
    def regression(self) -> DomainMatrix:
        """Sigma_YX Sigma_XX^-1, the least-squares solution."""
        return self.cross_covariance * self.covariance.inv()

    @property
    def total(self) -> Any:
        """tr Sigma_YY."""
        return _squared_norm(self.Y)

    def loss(self, A: DomainMatrix, B: DomainMatrix) -> Any:
        """|Y - A B X|^2 / 2."""
        return _squared_norm(self.Y - A * B * self.X) / 2

    def gradient(self, A: DomainMatrix, B: DomainMatrix) -> tuple[DomainMatrix, DomainMatrix]:
        """(A B Sigma_XX - Sigma_YX) B^T and A^T (A B Sigma_XX - Sigma_YX)."""
        error = A * B * self.covariance - self.cross_covariance
        return error * B.transpose(), A.transpose() * error

    def hessian(self, A: DomainMatrix, B: DomainMatrix) -> DomainMatrix:
        """The matrix of the second variation in the entries of A, row by row, then those of B.

        H[(F, G)] = ((F B + A G) Sigma_XX B^T + E G^T, A^T (F B + A G) Sigma_XX + F^T E), E = A B Sigma_XX
        - Sigma_YX: one column for each coordinate direction (F, G).
        """
        error = A * B * self.covariance - self.cross_covariance
        rows = []
        for F, G in _directions(A.shape, B.shape):
            moved = (F * B + A * G) * self.covariance
            first = moved * B.transpose() + error * G.transpose()
            second = A.transpose() * moved + F.transpose() * error
            rows.append([entry for block in (first, second) for row in block.to_list() for entry in row])
        size = len(rows)
        return DomainMatrix(rows, (size, size), QQ).to_dense()


@dataclass(frozen=True)
class CriticalPoint:
    """A = [U_S, Z] C, B = C^-1 [U_S^T Sigma_YX Sigma_XX^-1; V] with Z in the kernel of Sigma.

    chosen
        S: which singular values are chosen, from 0.
    extra_columns, extra_rows
        The ranks of Z and of V in whitened coordinates.
    """

    problem: RationalProblem
    chosen: tuple[int, ...]
    A: DomainMatrix
    B: DomainMatrix
    extra_columns: int
    extra_rows: int

    @classmethod
    def random(
        cls, problem: RationalProblem, chosen: Sequence[int], random: Random, columns: int = 0, rows: int = 0
    ) -> CriticalPoint:
        """A random critical point of the class S, with Z of rank ``columns`` and V of rank ``rows``.

        Both are cut down to what the sizes leave room for: rank Z + rank V <= p - |S| because Z V = 0.
        """
        sizes, idle = problem.sizes, problem.hidden - len(chosen)
        columns = min(columns, sizes.outputs - sizes.rank, idle)
        rows = min(rows, sizes.inputs - sizes.rank, idle - columns)
        Z, V = _kernel_blocks(problem, random, idle, columns, rows)
        U_S = rational.columns_of(problem.U, chosen)
        lean = rational.general(random, idle, len(chosen))  # rows of V along the chosen directions are free
        top = U_S.transpose() * problem.regression
        C = rational.invertible(random, problem.hidden)
        if columns == 0:
            V = V + lean * top
        A = rational.beside(U_S, Z) * C
        B = C.inv() * rational.above(top, V)
        return cls(problem, tuple(chosen), A, B, columns, rows)

    @property
    def product(self) -> DomainMatrix:
        """A B."""
        return self.A * self.B

    @property
    def gradient(self) -> tuple[DomainMatrix, DomainMatrix]:
        """That of the loss, in A and in B."""
        return self.problem.gradient(self.A, self.B)

    @property
    def predicted_loss(self) -> Any:
        """(tr Sigma_YY - sum of lambda_i over S) / 2."""
        values = self.problem.singular_values
        return (self.problem.total - sum(QQ(values[k]) ** 2 for k in self.chosen)) / 2

    @property
    def predicted_inertia(self) -> Inertia:
        """The closed form, with ties and the ranks of Z and V."""
        values = self.problem.singular_values
        left = [k for k in range(len(values)) if k not in self.chosen]
        pairs = [(values[k], values[i]) for k in self.chosen for i in left]
        inversions = sum(other > mine for mine, other in pairs)
        ties = sum(other == mine for mine, other in pairs)
        extra = (self.extra_columns, self.extra_rows)
        return formulas.inertia(self.problem.sizes, len(self.chosen), inversions, ties, *extra)


def _kernel_blocks(
    problem: RationalProblem, random: Random, idle: int, columns: int, rows: int
) -> tuple[DomainMatrix, DomainMatrix]:
    """Z (outputs x idle) and V (idle x inputs) with Z V = 0: they use different hidden units."""
    rank, (outputs, inputs) = problem.sizes.rank, (problem.Y.shape[0], problem.X.shape[0])
    kernel = rational.columns_of(problem.U, range(rank, outputs))
    cokernel = rational.columns_of(problem.Q, range(rank, inputs)).transpose() * problem.R.inv()
    Z = kernel * rational.of_full_rank(random, outputs - rank, columns)
    V = rational.of_full_rank(random, rows, inputs - rank) * cokernel
    Z_wide = rational.beside(Z, rational.zeros(outputs, idle - columns))
    return Z_wide, rational.above(rational.zeros(idle - rows, inputs), V)


def _symmetric_invertible(random: Random, size: int) -> DomainMatrix:
    while True:
        drawn = rational.symmetric(random, size)
        if rational.rank(drawn) == size:
            return drawn


def _directions(left: tuple[int, int], right: tuple[int, int]) -> list[tuple[DomainMatrix, DomainMatrix]]:
    zero_left, zero_right = rational.zeros(*left), rational.zeros(*right)
    first = [(_unit(left, i, j), zero_right) for i in range(left[0]) for j in range(left[1])]
    return first + [(zero_left, _unit(right, i, j)) for i in range(right[0]) for j in range(right[1])]


def _unit(shape: tuple[int, int], row: int, column: int) -> DomainMatrix:
    entries = [[QQ(int((i, j) == (row, column))) for j in range(shape[1])] for i in range(shape[0])]
    return DomainMatrix(entries, shape, QQ).to_dense()


def _squared_norm(matrix: DomainMatrix) -> Any:
    return sum((entry * entry for row in matrix.to_list() for entry in row), QQ(0))
