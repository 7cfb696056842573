"""Rows of the proof: from the loss to all critical points and their values, for every size."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from sympy import (
    BlockMatrix,
    Derivative,
    Eq,
    Identity,
    MatrixSymbol,
    Subs,
    Symbol,
    Trace,
    Transpose,
    ZeroMatrix,
    symbols,
)

from theory.derivation import Row
from theory.linear_landscape import letters as w
from theory.linear_landscape.letters import equation
from theory.proving.definition import Citation, Definition, Given
from theory.proving.identity import Identity as ScalarIdentity
from theory.proving.matrix_words import MatrixWords
from theory.statement import Source

PENROSE = Source(
    "R. Penrose", "A generalized inverse for matrices", 1955, "Theorem 1", "doi:10.1017/S0305004100030401"
)
HORN_JOHNSON = Source("R. A. Horn and C. R. Johnson", "Matrix Analysis, 2nd edition", 2012, "Section 4.1")
BASIS = Source("R. A. Horn and C. R. Johnson", "Matrix Analysis, 2nd edition", 2012, "Section 0.1")
MOMENT_MATRICES = (w.S_XX, w.S_YY, w.Sigma)


def words(
    *rules: tuple[Eq, ...],
    point: Callable[[Random], dict[Any, Any]] = w.any_critical_point,
    symmetric: tuple[MatrixSymbol, ...] = w.SYMMETRIC,
) -> MatrixWords:
    """Matrix words with the letters of this proof."""
    flat = tuple(rule for group in rules for rule in group)
    return MatrixWords(point, flat, symmetric, w.DIAGONAL)


def gradient_rows() -> tuple[Row, ...]:
    """The loss, its moments, and its gradient by matrix calculus."""
    in_A = Subs(Derivative(w.loss(w.A + w.t * w.F, w.B), w.t), w.t, 0)
    in_B = Subs(Derivative(w.loss(w.A, w.B + w.t * w.H), w.t), w.t, 0)
    anywhere = words(w.MOMENTS, point=w.any_point)
    return (
        Row(equation(Symbol("L"), w.loss(w.A, w.B)), "the loss, summed over the examples", Definition()),
        *moment_rows(),
        Row(
            equation(in_A, Trace(w.GRADIENT_A.T * w.F)),
            "matrix calculus: the coefficient of every direction $F$ is the gradient in $A$",
            anywhere,
        ),
        Row(
            equation(in_B, Trace(w.GRADIENT_B.T * w.H)),
            "likewise for every direction $H$ of $B$",
            anywhere,
        ),
    )


def moment_rows() -> tuple[Row, ...]:
    """The second moments, and the part of the outputs that the inputs explain."""
    return (
        Row(equation(w.S_XX, w.X * w.X.T), "second moment of the inputs, not centered", Definition()),
        Row(equation(w.S_YX, w.Y * w.X.T), "cross moment of outputs and inputs", Definition()),
        Row(
            equation(w.Sigma, w.REGRESSION * w.S_YX.T),
            "the part of $Y Y^T$ that the inputs explain",
            Definition(),
        ),
    )


def necessity_rows() -> tuple[Row, ...]:
    """Every critical point projects the regression onto an invariant subspace of Sigma."""
    return (
        *projector_rows(),
        Row(equation(w.GRADIENT_B, ZeroMatrix(w.p, w.m)), "a critical point is given", Given()),
        Row(
            equation(w.A * w.B, w.P * w.REGRESSION),
            r"multiply the gradient in $B$ by $(A^+)^T$ on the left and by $\Sigma_{XX}^{-1}$ on the right",
            words(w.PENROSE, w.CRITICAL[:1], symmetric=MOMENT_MATRICES),
        ),
        Row(equation(w.GRADIENT_A, ZeroMatrix(w.n, w.p)), "a critical point is given", Given()),
        Row(
            equation(w.P * w.Sigma * w.P, w.Sigma * w.P),
            "multiply the gradient in $A$ by $A^T$ and insert $A B$",
            words(w.PENROSE, w.CRITICAL, w.SIGMA, symmetric=MOMENT_MATRICES),
        ),
        commuting_row(),
    )


def projector_rows() -> tuple[Row, ...]:
    """P projects orthogonally onto the columns of A."""
    # That P is symmetric is a row of its own: until then it is not a property of the letter.
    projector = words(w.PENROSE, point=w.any_point, symmetric=MOMENT_MATRICES)
    return (
        Row(
            equation(w.A * w.A_plus * w.A, w.A),
            "every matrix has a pseudo-inverse",
            Citation(PENROSE),
        ),
        Row(equation(Transpose(w.A * w.A_plus), w.A * w.A_plus), "$A A^+$ is symmetric", Citation(PENROSE)),
        Row(equation(w.P, w.A * w.A_plus), "the projector onto the columns of $A$", Definition()),
        Row(equation(w.P * w.P, w.P), "$A A^+ A = A$", projector),
        Row(equation(w.P.T, w.P), "$A A^+$ is symmetric", projector),
        Row(equation(w.P * w.A, w.A), "$A A^+ A = A$", projector),
    )


def commuting_row() -> Row:
    """P Sigma = Sigma P."""
    return Row(
        equation(w.P * w.Sigma, w.Sigma * w.P),
        "the left-hand side before was symmetric",
        words((equation(w.P * w.Sigma * w.P, w.Sigma * w.P),)),
    )


def eigenbasis_rows() -> tuple[Row, ...]:
    """A projector that commutes with Sigma is a sum of eigenprojectors."""
    U = BlockMatrix([[w.U_S, w.U_C]])
    return (*_rotated_projector(), *_entries(), *_assembled_projector(U))


def _rotated_projector() -> tuple[Row, ...]:
    """Pi = U^T P U in a common eigenbasis: it commutes with the eigenvalues and is a projector."""
    rotated = w.U.T * w.P * w.U
    commuting = words(w.FULL_BASIS, (equation(w.P * w.Sigma, w.Sigma * w.P), equation(w.P * w.P, w.P)))
    return (
        Row(
            equation(w.Sigma * w.U, w.U * w.Lambda),
            "commuting symmetric matrices have a common orthonormal eigenbasis $U$",
            Citation(HORN_JOHNSON),
        ),
        Row(
            equation(rotated * w.Lambda, w.Lambda * rotated),
            r"$\Pi = U^T P U$ commutes with the eigenvalues, in any eigenbasis $U$",
            commuting,
        ),
        Row(equation(rotated * rotated, rotated), r"$\Pi$ is a projector", commuting),
    )


def _entries() -> tuple[Row, ...]:
    """The two factorizations that make Pi diagonal with entries 0 and 1."""
    lambda_i, lambda_j, entry, diagonal = symbols("lambda_i lambda_j Pi_ij Pi_ii", real=True)
    return (
        Row(
            equation(diagonal**2 - diagonal, diagonal * (diagonal - 1)),
            r"factorization: where $\Pi$ is diagonal, as in the common eigenbasis, the left-hand side is 0 "
            r"by $\Pi^2 = \Pi$, and a product is 0 only if a factor is: $\Pi_{ii}$ is 0 or 1, and "
            "$U_S$ collects the eigenvectors where it is 1",
            ScalarIdentity(),
        ),
        Row(
            equation(entry * lambda_j - lambda_i * entry, entry * (lambda_j - lambda_i)),
            r"factorization: the left-hand side is entry $(i, j)$ of $\Pi \Lambda - \Lambda \Pi$, which "
            r"is 0, so that $\Pi_{ij} = 0$ wherever $\lambda_i \ne \lambda_j$",
            ScalarIdentity(),
        ),
    )


def _assembled_projector(U: BlockMatrix) -> tuple[Row, ...]:
    """P = U_S U_S^T, of rank r."""
    rest = w.n - w.r
    chosen = BlockMatrix(
        [[Identity(w.r), ZeroMatrix(w.r, rest)], [ZeroMatrix(rest, w.r), ZeroMatrix(rest, rest)]]
    )
    orthonormal = words(w.EIGENVECTORS[:4])
    return (
        Row(
            equation(U * chosen * U.T, w.U_S * w.U_S.T),
            r"$P = U \Pi U^T$ with $\Pi = [I, 0; 0, 0]$",
            orthonormal,
        ),
        Row(
            equation(Trace(w.U_S * w.U_S.T), w.r),
            "the rank of a projector is its trace: rank $A = $ rank $P = r$",
            orthonormal,
        ),
    )


def parametrization_rows() -> tuple[Row, ...]:
    """The form of A and B at a critical point, and the condition on V."""
    projector = (equation(w.P, w.U_S * w.U_S.T), equation(w.P * w.A, w.A))
    rows_of_A = equation(w.C_1, w.U_S.T * w.A)
    product = equation(w.A * w.B, w.P * w.REGRESSION)
    seen, unseen = equation(w.C_1 * w.B, w.U_S.T * w.REGRESSION), equation(w.C_2 * w.B, w.V)
    return (
        Row(rows_of_A, "coordinates of the columns of $A$", Definition()),
        Row(equation(w.A, w.U_S * w.C_1), "$P A = A$", words(projector, (rows_of_A,), w.EIGENVECTORS[:4])),
        Row(
            equation(
                BlockMatrix([[w.C_1], [w.C_2]]) * BlockMatrix([[w.D_1, w.D_2]]),
                BlockMatrix(
                    [
                        [Identity(w.r), ZeroMatrix(w.r, w.p - w.r)],
                        [ZeroMatrix(w.p - w.r, w.r), Identity(w.p - w.r)],
                    ]
                ),
            ),
            "$C_1$ has full row rank, so its rows can be completed to a basis: $C = [C_1; C_2]$, "
            "$C^{-1} = [D_1, D_2]$",
            Citation(BASIS),
        ),
        Row(equation(w.V, w.C_2 * w.B), "the rows of $C B$ that $A$ does not see", Definition()),
        Row(
            seen,
            "$U_S^T A B$, with $A B$ from above",
            words(projector[:1], (rows_of_A, product), w.EIGENVECTORS[:4]),
        ),
        Row(
            equation(w.B, w.CONSTRUCTED_B),
            "$B = C^{-1} C B$",
            words((seen, unseen), w.INVERSE_PAIR),
        ),
        Row(
            equation(w.U_C.T * w.S_YX * w.V.T, ZeroMatrix(w.n - w.r, w.p - w.r)),
            "multiply the gradient in $A$ by $U_C^T$ on the left and by $C_2^T$ on the right",
            words(projector[:1], (product, equation(w.V, w.C_2 * w.B)), w.CRITICAL[1:], w.EIGENVECTORS[:4]),
        ),
    )


def sufficiency_rows() -> tuple[Row, ...]:
    """Whatever has that form is critical, for every C and every admissible V; its product and value."""
    constructed = words(w.CONSTRUCTION, w.INVERSE_PAIR, w.EIGENVECTORS)
    valued = words(w.CONSTRUCTION, w.INVERSE_PAIR, w.EIGENVECTORS, w.MOMENTS)
    return (
        Row(equation(w.A, w.CONSTRUCTED_A), r"any invertible $C$", Definition()),
        Row(equation(w.B, w.CONSTRUCTED_B), r"any $V$ with $U_C^T \Sigma_{YX} V^T = 0$", Definition()),
        Row(
            equation(w.CONSTRUCTED_A * w.CONSTRUCTED_B, w.U_S * w.U_S.T * w.REGRESSION),
            "$C C^{-1} = I$",
            constructed,
        ),
        Row(
            equation(w.U_C.T * w.REGRESSION * w.S_YX.T * w.U_S, ZeroMatrix(w.n - w.r, w.r)),
            "eigenvectors are orthogonal",
            constructed,
        ),
        Row(equation(w.GRADIENT_B, ZeroMatrix(w.p, w.m)), "insert $A$ and $B$: $U_S^T U_S = I$", constructed),
        Row(
            equation(w.GRADIENT_A, ZeroMatrix(w.n, w.p)),
            r"insert $A$ and $B$: $U_C^T \Sigma U_S = 0$ and the condition on $V$",
            constructed,
        ),
        Row(
            equation(2 * w.loss(w.A, w.B), Trace(w.S_YY) - Trace(w.Lambda_S)),
            r"insert $A B$: $U_S^T \Sigma U_S = \Lambda_S$, the chosen eigenvalues",
            valued,
        ),
    )


def limiting_case() -> Row:
    """With every eigenvector chosen the network is the least-squares regression."""
    return Row(
        equation(2 * w.loss(w.REGRESSION, Identity(w.m)), Trace(w.S_YY) - Trace(w.Sigma)),
        "all eigenvectors chosen: the residual of ordinary least squares",
        words(w.MOMENTS, w.SIGMA, point=w.any_point),
    )
