"""The letters of the proof, the rules between them, and rational instances that satisfy the rules.

Sizes: A is n x p, B is p x m, X is m x N, Y is n x N; r is the rank of A.
"""

from __future__ import annotations

from functools import lru_cache
from random import Random
from typing import Any

from sympy import (
    BlockMatrix,
    Eq,
    Expr,
    Identity,
    Inverse,
    MatrixSymbol,
    Symbol,
    Trace,
    Transpose,
    ZeroMatrix,
    symbols,
)
from sympy.matrices.expressions.matexpr import MatrixExpr

from theory import rational_matrices as rational
from theory.linear_landscape.instances import CriticalPoint, RationalProblem

_POOL = 16

n, m, p, N, r = symbols("n m p N r", integer=True, positive=True)
t = Symbol("t", real=True)

A, B = MatrixSymbol("A", n, p), MatrixSymbol("B", p, m)
F, H = MatrixSymbol("F", n, p), MatrixSymbol("H", p, m)
X, Y = MatrixSymbol("X", m, N), MatrixSymbol("Y", n, N)
S_XX, S_YX = MatrixSymbol("Sigma_XX", m, m), MatrixSymbol("Sigma_YX", n, m)
S_YY, Sigma = MatrixSymbol("Sigma_YY", n, n), MatrixSymbol("Sigma", n, n)
A_plus, P = MatrixSymbol("A^+", p, n), MatrixSymbol("P", n, n)
U_S, U_C = MatrixSymbol("U_S", n, r), MatrixSymbol("U_C", n, n - r)
Lambda_S, Lambda_C = MatrixSymbol("Lambda_S", r, r), MatrixSymbol("Lambda_C", n - r, n - r)
U, Lambda = MatrixSymbol("U", n, n), MatrixSymbol("Lambda", n, n)
C_1, C_2 = MatrixSymbol("C_1", r, p), MatrixSymbol("C_2", p - r, p)
D_1, D_2 = MatrixSymbol("D_1", p, r), MatrixSymbol("D_2", p, p - r)
V = MatrixSymbol("V", p - r, m)

REGRESSION = S_YX * Inverse(S_XX)
GRADIENT_A = (A * B * S_XX - S_YX) * B.T
GRADIENT_B = A.T * (A * B * S_XX - S_YX)

SYMMETRIC = (S_XX, S_YY, Sigma, P)
DIAGONAL = (Lambda_S, Lambda_C, Lambda)


def equation(left: Any, right: Any) -> Eq:
    """The relation as it is written: SymPy would evaluate some of them away."""
    return Eq(left, right, evaluate=False)


def squared_norm(matrix: MatrixExpr) -> Expr:
    """|M|^2 = tr(M M^T), the sum of the squares of the entries."""
    return Trace(matrix * Transpose(matrix))


def loss(left: MatrixExpr, right: MatrixExpr) -> Expr:
    """L = |Y - A B X|^2 / 2."""
    return squared_norm(Y - left * right * X) / 2


MOMENTS = (equation(X * X.T, S_XX), equation(Y * X.T, S_YX), equation(Y * Y.T, S_YY))
SIGMA = (equation(Sigma, S_YX * Inverse(S_XX) * S_YX.T),)
PENROSE = (equation(P, A * A_plus), equation(A * A_plus * A, A), equation(A_plus.T * A.T, A * A_plus))
CRITICAL = (equation(A.T * A * B * S_XX, A.T * S_YX), equation(A * B * S_XX * B.T, S_YX * B.T))
EIGENVECTORS = (
    equation(U_S.T * U_S, Identity(r)),
    equation(U_C.T * U_C, Identity(n - r)),
    equation(U_C.T * U_S, ZeroMatrix(n - r, r)),
    equation(U_S * U_S.T + U_C * U_C.T, Identity(n)),
    equation(S_YX * Inverse(S_XX) * S_YX.T * U_S, U_S * Lambda_S),
)
FULL_BASIS = (
    equation(U.T * U, Identity(n)),
    equation(U * U.T, Identity(n)),
    equation(Sigma * U, U * Lambda),
)
INVERSE_PAIR = (
    equation(C_1 * D_1, Identity(r)),
    equation(C_1 * D_2, ZeroMatrix(r, p - r)),
    equation(C_2 * D_1, ZeroMatrix(p - r, r)),
    equation(C_2 * D_2, Identity(p - r)),
    equation(D_1 * C_1 + D_2 * C_2, Identity(p)),
)
CONSTRUCTION = (
    equation(A, U_S * C_1),
    equation(B, D_1 * U_S.T * REGRESSION + D_2 * V),
    equation(U_C.T * S_YX * V.T, ZeroMatrix(n - r, p - r)),
)
# The same construction as it is printed.
CONSTRUCTED_A = BlockMatrix([[U_S, ZeroMatrix(n, p - r)]]) * BlockMatrix([[C_1], [C_2]])
CONSTRUCTED_B = BlockMatrix([[D_1, D_2]]) * BlockMatrix([[U_S.T * REGRESSION], [V]])


def any_point(random: Random) -> dict[Any, Any]:
    """Random A, B, directions and data; the moments are those of the data, A may lack rank."""
    outputs, inputs, hidden = (random.randint(1, 4) for _ in range(3))
    examples = inputs + random.randint(0, 2)
    inside = random.randint(1, hidden)
    x, y = rational.of_full_rank(random, inputs, examples), rational.general(random, outputs, examples)
    left = rational.general(random, outputs, inside) * rational.general(random, inside, hidden)
    inverse = rational.pseudo_inverse(left)
    return {
        **_data_letters(x, y),
        A: left,
        B: rational.general(random, hidden, inputs),
        F: rational.general(random, outputs, hidden),
        H: rational.general(random, hidden, inputs),
        A_plus: inverse,
        P: left * inverse,
    }


def any_critical_point(random: Random) -> dict[Any, Any]:
    """One of a fixed pool of critical points of random data with rational eigenvectors, all letters included.

    Many have a V block, and the spectrum may be tied or lack rank. A pool, because the rows share them.
    """
    return _critical_point(random.randrange(_POOL))


@lru_cache
def _critical_point(seed: int) -> dict[Any, Any]:
    random = Random(seed)
    inputs, hidden, outputs = (random.randint(2, 4) for _ in range(3))
    count = random.randint(1, min(inputs, outputs))
    values = sorted((random.randint(1, 5) for _ in range(count)), reverse=True)
    problem = RationalProblem.random(random, (inputs, hidden, outputs), values)
    chosen = sorted(random.sample(range(count), random.randint(1, min(count, hidden))))
    point = CriticalPoint.random(problem, chosen, random, columns=0, rows=random.randint(0, 2))
    return critical_letters(problem, point)


def critical_letters(problem: RationalProblem, point: CriticalPoint) -> dict[Any, Any]:
    """The letters at a point whose A has the chosen eigenvectors as its range."""
    chosen, outputs = point.chosen, problem.sizes.outputs
    rest = [k for k in range(outputs) if k not in chosen]
    squares = [value**2 for value in problem.singular_values] + [0] * outputs
    basis = rational.columns_of(problem.U, chosen)
    first = basis.transpose() * point.A
    second = rational.null_space(first).transpose()  # rows that complete those of A to a basis
    inverse = rational.above(first, second).inv()
    hidden = problem.hidden
    return {
        **_data_letters(problem.X, problem.Y),
        A: point.A,
        B: point.B,
        A_plus: rational.pseudo_inverse(point.A),
        P: point.A * rational.pseudo_inverse(point.A),
        U_S: basis,
        U_C: rational.columns_of(problem.U, rest),
        Lambda_S: rational.diagonal([squares[k] for k in chosen], len(chosen), len(chosen)),
        Lambda_C: rational.diagonal([squares[k] for k in rest], len(rest), len(rest)),
        U: problem.U,
        Lambda: rational.diagonal(squares[:outputs], outputs, outputs),
        C_1: first,
        C_2: second,
        D_1: rational.columns_of(inverse, range(len(chosen))),
        D_2: rational.columns_of(inverse, range(len(chosen), hidden)),
        V: second * point.B,
    }


def _data_letters(x: Any, y: Any) -> dict[Any, Any]:
    """X, Y and their moments. X has full row rank."""
    covariance, cross = x * x.transpose(), y * x.transpose()
    return {
        X: x,
        Y: y,
        S_XX: covariance,
        S_YX: cross,
        S_YY: y * y.transpose(),
        Sigma: cross * covariance.inv() * cross.transpose(),
    }
