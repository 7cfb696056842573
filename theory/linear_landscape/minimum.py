"""Rows of the proof: the minimum is reduced-rank regression, and small gradients mean quantized losses."""

from __future__ import annotations

from math import comb
from random import Random
from typing import Any

from sympy import (
    Eq,
    Ge,
    Integer,
    Inverse,
    MatrixSymbol,
    Or,
    Sum,
    Symbol,
    Trace,
    Transpose,
    binomial,
    symbols,
)

from theory import rational_matrices as rational
from theory.derivation import Row
from theory.linear_landscape import letters as w
from theory.linear_landscape.instances import RationalProblem
from theory.linear_landscape.letters import equation, squared_norm
from theory.proving.definition import Citation, Definition
from theory.proving.enumeration import Enumeration
from theory.proving.identity import Identity as ScalarIdentity
from theory.proving.matrix_words import MatrixWords
from theory.proving.nonnegativity import Nonnegativity
from theory.statement import Source

ATTAINED = Source("R. T. Rockafellar and R. J.-B. Wets", "Variational Analysis", 1998, "Theorem 1.9")
IZENMAN = Source(
    "A. J. Izenman",
    "Reduced-rank regression for the multivariate linear model",
    1975,
    "Theorem 1",
    "doi:10.1016/0047-259X(75)90042-1",
)
LARGEST_ENUMERATION = 5

a, b, M = MatrixSymbol("a", w.n, w.p), MatrixSymbol("b", w.p, w.m), MatrixSymbol("M", w.n, w.m)
W, R = MatrixSymbol("W", w.n, w.m), MatrixSymbol("R", w.m, w.m)
G_a, G_b = MatrixSymbol("G_a", w.n, w.p), MatrixSymbol("G_b", w.p, w.m)
_GRADIENTS = (equation(G_a, (a * b - M) * b.T), equation(G_b, a.T * (a * b - M)))


def minimum_rows() -> tuple[Row, ...]:
    """The minimum is attained, hence critical, hence the best class."""
    loss = squared_norm(w.Y - W * w.X)
    explained = Trace(w.S_YX * Inverse(R) * Inverse(R) * w.S_YX.T)
    data = (equation(w.X * w.X.T, R * R), equation(w.Y * w.X.T, w.S_YX), equation(w.Y * w.Y.T, w.S_YY))
    first, second = symbols("x y", nonnegative=True)
    return (
        Row(
            equation(loss, Trace(w.S_YY) - explained + squared_norm(W * R - w.S_YX * Inverse(R))),
            "completing the square in $W = A B$: the loss grows in every direction of $W$",
            MatrixWords(_whitened, data, (R, w.S_YY)),
        ),
        Row(
            equation(W, w.A * w.B),
            "a continuous function that grows in every direction attains its minimum on a closed "
            "set, here the "
            "matrices of rank at most $p$; a factorization of the minimizer is a critical point",
            Citation(ATTAINED),
        ),
        Row(
            Ge((1 + first) * (1 + second) - 1, 0),
            r"$(p - r)(\rho - r) \ge 1$ for $r < \min(p, \rho)$, with $p - r = 1 + x$, $\rho - r = 1 + y$: a "
            r"minimum, where no direction is negative, has $r = \min(p, \rho)$ and $\mathrm{inv}(S) = 0$, "
            r"which is $S = \{1, ..., r\}$, reduced-rank regression",
            Nonnegativity(),
        ),
    )


def class_rows(outputs: int, inputs: int, hidden: int) -> tuple[Row, ...]:
    """For the given widths: the number of classes, and that only the best one has index 0.

    Left out where 2^rho index sets are too many to go through; the rows for every size remain.
    """
    rank = min(outputs, inputs)
    if rank > LARGEST_ENUMERATION:
        return ()
    chi = symbols(f"chi_1:{rank + 1}", integer=True, nonnegative=True)
    best, total = min(rank, hidden), sum(chi)
    inversions = sum((1 - chi[i]) * chi[k] for k in range(rank) for i in range(k))
    index = (hidden - total) * (rank - total) + inversions
    size = Symbol("j", integer=True, nonnegative=True)
    found = sum(comb(rank, chosen) for chosen in range(best + 1))
    gaps = symbols(f"g_1:{rank + 1}", positive=True)
    levels = [sum(gaps[k:]) for k in range(rank)]
    taken = sum(one * level for one, level in zip(chi, levels, strict=True))
    cases = {symbol: (0, 1) for symbol in chi}
    return (
        Row(
            equation(Sum(binomial(rank, size), (size, 0, best)), Integer(found)),
            f"number of index sets with at most {best} of {rank} eigenvalues, by their size",
            ScalarIdentity(),
        ),
        Row(
            Or(total > best, Ge(sum(levels[:best]), taken, evaluate=False)),
            r"with $\lambda_k = g_k + ... + g_\rho$, decreasing: no index set takes more from $2L$ than the "
            f"first {best} eigenvalues",
            Enumeration(cases),
        ),
        Row(
            Or(total > best, index >= 1, Eq(sum(chi[:best]), best)),
            f"every index set but the first {best} eigenvalues has a negative direction: all other critical "
            "points are strict saddles",
            Enumeration(cases),
        ),
    )


def quantization_rows() -> tuple[Row, ...]:
    """How far from a critical value a loss can be where the gradient is small but not zero."""
    product_, moment = a * b, M * M.T
    gram = product_ * Transpose(product_)
    small = -product_ * b.T * G_b * M.T - gram * a * G_a.T
    x, level = symbols("G_ii lambda_i", real=True)
    anywhere = MatrixWords(_anywhere, _GRADIENTS)
    return (
        *_whitened_gradients(),
        Row(
            equation(gram * (moment - gram), small),
            r"with $G = a b b^T a^T$: $G (\Lambda - G) = \tau$ is as small as the gradient",
            anywhere,
        ),
        Row(
            equation(gram * moment - moment * gram, small - Transpose(small)),
            r"hence off the diagonal, in the eigenbasis, $G_{ij} (\lambda_j - \lambda_i) = "
            r"\tau_{ij} - \tau_{ji}$",
            anywhere,
        ),
        Row(
            Ge(x**2 + (level - x) ** 2, level**2 / 2),
            r"on the diagonal $G_{ii} (\lambda_i - G_{ii}) = \tau_{ii} + \sum_{j \ne i} "
            r"G_{ij}^2$, and of two squares that add up to $\lambda_i^2 / 2$ or more the larger is at least "
            r"$\lambda_i^2 / 4$: so $G_{ii}$ is "
            r"within $2 |\tau_{ii} + \sum_{j \ne i} G_{ij}^2| / \lambda_i$ of 0 or of $\lambda_i$",
            Nonnegativity(2 * (x - level / 2) ** 2),
        ),
        Row(
            equation(squared_norm(M - a * b), Trace(moment) - Trace(gram) + 2 * Trace(G_a.T * a)),
            r"so that $2L$, which differs from the left-hand side by a constant, "
            r"is within the sum of these distances and $2 |\mathrm{tr}(G_a^T a)|$ of "
            r"a critical value",
            anywhere,
        ),
    )


def _whitened_gradients() -> tuple[Row, ...]:
    whitened = equation(M, w.S_YX * Inverse(R))
    return (
        Row(whitened, r"whitened regression, $\Lambda = M M^T$, $a = A$, $b = B R$", Definition()),
        Row(_GRADIENTS[0], "the gradient in $a$, small on a plateau", Definition()),
        Row(_GRADIENTS[1], "the gradient in $b$", Definition()),
    )


def _whitened(random: Random) -> dict[Any, Any]:
    inputs, outputs = random.randint(1, 4), random.randint(1, 4)
    problem = RationalProblem.random(random, (inputs, 1, outputs), [3, 2, 1][: min(inputs, outputs)])
    return {
        w.X: problem.X,
        w.Y: problem.Y,
        w.S_YX: problem.cross_covariance,
        w.S_YY: problem.Y * problem.Y.transpose(),
        R: problem.R,
        W: rational.general(random, outputs, inputs),
    }


def _anywhere(random: Random) -> dict[Any, Any]:
    outputs, inputs, hidden = (random.randint(1, 4) for _ in range(3))
    left, right = rational.general(random, outputs, hidden), rational.general(random, hidden, inputs)
    target = rational.general(random, outputs, inputs)
    error = left * right - target
    return {a: left, b: right, M: target, G_a: error * right.transpose(), G_b: left.transpose() * error}
