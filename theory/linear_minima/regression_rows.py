"""Rows of the proof: by what any linear network exceeds reduced-rank regression (Eckart, Young)."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from sympy import Expr, Identity, Inverse, MatrixSymbol, Rational, Symbol, Trace, Transpose, cos, sin, symbols

from theory import rational_matrices as rational
from theory.derivation import Row
from theory.linear_landscape import letters as w
from theory.linear_landscape.instances import RationalProblem
from theory.linear_landscape.letters import equation, squared_norm
from theory.linear_landscape.minimum import M, R, W, minimum_rows
from theory.proving.definition import Citation, Definition
from theory.proving.identity import Identity as ScalarIdentity
from theory.proving.matrix_words import MatrixWords
from theory.statement import Source

SPECTRAL = Source("R. A. Horn and C. R. Johnson", "Matrix Analysis, 2nd edition", 2012, "Section 2.5")

j = Symbol("j", integer=True, positive=True)  # the rank of the product
K, Z = MatrixSymbol("K", w.n, j), MatrixSymbol("Z", w.n, w.m)
Gamma, e = MatrixSymbol("Gamma", w.n, w.n), MatrixSymbol("e", w.n, 1)

WHITENED = (equation(M, w.S_YX * Inverse(R)), equation(Z, W * R))
COLUMNS = (equation(K.T * K, Identity(j)), equation(K * K.T * Z, Z))
EIGENBASIS = (
    equation(M * M.T, w.U * w.Lambda * w.U.T),
    equation(w.U.T * w.U, Identity(w.n)),
    equation(w.U * w.U.T, Identity(w.n)),
)
SHARES = equation(Gamma, w.U.T * K * K.T * w.U)
DISTANCE = squared_norm(Z - K * K.T * M)
CAPTURED = Trace(w.Lambda * Gamma)
_INSIDE = Trace(K.T * M * M.T * K)

SQUARE, _, ONLY_STRICT_SADDLES = minimum_rows()
IN_WHITENED = equation(SQUARE.relation.rhs, Trace(w.S_YY) - squared_norm(M) + squared_norm(Z - M))
PROJECTED = equation(squared_norm(Z - M), DISTANCE + squared_norm(M) - _INSIDE)
SEEN = equation(_INSIDE, CAPTURED)


def excess_rows() -> tuple[Row, ...]:
    """The loss of any product W, of rank j, in terms of its column space."""
    words = MatrixWords(any_product, (*COLUMNS, SHARES, *EIGENBASIS), (), (w.Lambda,))
    return (
        SQUARE,
        *(Row(one, "whitened regression and product", Definition()) for one in WHITENED),
        Row(IN_WHITENED, "the same in whitened letters", MatrixWords(any_product, WHITENED, (R, w.S_YY))),
        *(Row(one, "$K$ is an orthonormal basis of the columns of $Z$", Definition()) for one in COLUMNS),
        Row(
            PROJECTED,
            "Pythagoras: the error inside the column space of the product, and what that space leaves out",
            MatrixWords(any_product, COLUMNS),
        ),
        *(Row(one, r"eigenvectors of $\Sigma = M M^T$", Citation(SPECTRAL)) for one in EIGENBASIS),
        Row(SHARES, "the column space seen from the eigenvectors", Definition()),
        Row(SEEN, r"only the diagonal of $\Gamma$ counts", words),
        Row(equation(Gamma * Gamma, Gamma), r"$\Gamma$ is an orthogonal projector", words),
        Row(
            equation(Trace(Gamma), Trace(K.T * K)),
            r"of trace $j$: $\sum \pi_i \le j \le k$ for its diagonal $\pi_i$, the eigenvectors' shares",
            words,
        ),
        Row(
            equation(Transpose(e) * Gamma * e, Transpose(Gamma * e) * (Gamma * e)),
            r"$\pi_i \ge 0$, with the $i$-th unit vector for $e$",
            words,
        ),
        Row(
            equation(
                Transpose(e) * e - Transpose(e) * Gamma * e,
                Transpose(e - Gamma * e) * (e - Gamma * e),
            ),
            r"$\pi_i \le 1$, likewise",
            words,
        ),
    )


def bound_row(levels: Sequence[Symbol], shares: Sequence[Symbol], rank: int) -> Row:
    """What any shares leave of the largest eigenvalues, as a sum of terms that are not negative."""
    best = sum(levels[:rank])
    taken = sum(level * share for level, share in zip(levels, shares, strict=True))
    return Row(
        equation(best - taken, missed(levels, shares, rank)),
        r"what the shares miss of the $k$ largest eigenvalues: no term is negative, since "
        r"$0 \le \pi_i \le 1$, $\sum \pi_i \le k$ and eigenvalues decrease",
        ScalarIdentity(),
    )


def missed(levels: Sequence[Symbol], shares: Sequence[Symbol], rank: int) -> Expr:
    """The sum of (lambda_i - lambda_k)(1 - pi_i), i < k, (lambda_k - lambda_i) pi_i, i > k, and the rest."""
    last = levels[rank - 1]
    kept = sum((levels[i] - last) * (1 - shares[i]) for i in range(rank - 1))
    strayed = sum((last - levels[i]) * shares[i] for i in range(rank, len(levels)))
    return kept + strayed + last * (rank - sum(shares))


def attained_row() -> Row:
    """The product that projects the regression on chosen eigenvectors."""
    best = w.U_S * w.U_S.T * w.REGRESSION
    known = (*w.MOMENTS, *w.EIGENVECTORS)
    return Row(
        equation(squared_norm(w.Y - best * w.X), Trace(w.S_YY) - Trace(w.Lambda_S)),
        r"$A B = U_S U_S^T \Sigma_{YX} \Sigma_{XX}^{-1}$ attains it with the first $k$ eigenvectors; the "
        r"terms of the excess vanish nowhere else if $\lambda_k > \lambda_{k + 1}$: the product is unique",
        MatrixWords(w.any_critical_point, known, w.SYMMETRIC, w.DIAGONAL),
    )


def tie_row() -> Row:
    """A tie at the cut: every direction between the two eigenvectors captures as much."""
    level, angle = symbols("lambda_k phi", positive=True)
    return Row(
        equation(level * cos(angle) ** 2 + level * sin(angle) ** 2, level),
        r"where $\lambda_k = \lambda_{k + 1}$, the eigenvector turned by $\phi$ into the next one captures "
        "as much: many products, one loss",
        ScalarIdentity(),
    )


def any_product(random: Random) -> dict[Any, Any]:
    """Random data with rational eigenvectors, and any product of rank j at most."""
    inputs, outputs = random.randint(1, 4), random.randint(1, 4)
    levels = [3, 2, 1][: min(inputs, outputs)]
    problem = RationalProblem.random(random, (inputs, 1, outputs), levels)
    count = random.randint(1, outputs)
    basis = rational.columns_of(rational.orthogonal(random, outputs), range(count))
    product = basis * rational.general(random, count, inputs)
    squares = [Rational(level**2) for level in levels]
    target = problem.cross_covariance * problem.R.inv()
    return {
        w.S_YX: problem.cross_covariance,
        w.S_YY: problem.Y * problem.Y.transpose(),
        R: problem.R,
        M: target,
        W: product * problem.R.inv(),
        Z: product,
        K: basis,
        w.U: problem.U,
        w.Lambda: rational.diagonal(squares, outputs, outputs),
        Gamma: problem.U.transpose() * basis * basis.transpose() * problem.U,
        e: rational.general(random, outputs, 1),
    }
