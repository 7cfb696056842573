"""Rows of the proof: the minimum is reduced-rank regression, and small gradients mean quantized losses."""

from __future__ import annotations

from functools import partial
from math import comb
from random import Random
from typing import Any, NamedTuple

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
from theory.proving.consequence import Consequence
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
CLASSES = Symbol("#_S")

a, b, M = MatrixSymbol("a", w.n, w.p), MatrixSymbol("b", w.p, w.m), MatrixSymbol("M", w.n, w.m)
W, R = MatrixSymbol("W", w.n, w.m), MatrixSymbol("R", w.m, w.m)
G_b = MatrixSymbol("G_b", w.p, w.m)
IN_B = equation(G_b, a.T * (a * b - M))


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
    """For the given widths: only the best class has index 0.

    Left out where 2^rho index sets are too many to go through; the rows for every size remain.
    """
    rank = min(outputs, inputs)
    if rank > LARGEST_ENUMERATION:
        return ()
    chi, best = _indicators(rank), min(rank, hidden)
    total = sum(chi)
    inversions = sum((1 - chi[i]) * chi[k] for k in range(rank) for i in range(k))
    index = (hidden - total) * (rank - total) + inversions
    return (
        best_row(rank, hidden),
        Row(
            Or(total > best, index >= 1, Eq(sum(chi[:best]), best)),
            f"every index set but the first {best} eigenvalues has a negative direction: all other critical "
            "points are strict saddles",
            Enumeration({symbol: (0, 1) for symbol in chi}),
        ),
    )


def count_rows(rank: int, hidden: int) -> tuple[Row, ...]:
    """How many index sets there are, by their size."""
    best, size = min(rank, hidden), Symbol("j", integer=True, nonnegative=True)
    by_size = Sum(binomial(rank, size), (size, 0, best))
    counted = equation(CLASSES, by_size)
    added = equation(by_size, Integer(count(rank, hidden)))
    return (
        Row(counted, f"index sets of at most {best} of {rank} eigenvalues, by their size", Definition()),
        Row(added, "add the binomial coefficients", ScalarIdentity()),
        Row(equation(CLASSES, added.rhs), "insert the sum", Consequence((counted, added))),
    )


def count(rank: int, hidden: int) -> int:
    """The number of sets of at most ``hidden`` of ``rank`` eigenvalues."""
    return sum(comb(rank, chosen) for chosen in range(min(rank, hidden) + 1))


def best_row(rank: int, hidden: int) -> Row:
    """No index set takes more from 2 L than the largest eigenvalues do."""
    chi, best = _indicators(rank), min(rank, hidden)
    gaps = symbols(f"g_1:{rank + 1}", positive=True)
    levels = [sum(gaps[k:]) for k in range(rank)]
    taken = sum(one * level for one, level in zip(chi, levels, strict=True))
    return Row(
        Or(sum(chi) > best, Ge(sum(levels[:best]), taken, evaluate=False)),
        r"with $\lambda_k = g_k + ... + g_\rho$, decreasing: no index set takes more from $2L$ than the "
        f"first {best} eigenvalues",
        Enumeration({symbol: (0, 1) for symbol in chi}),
    )


def _indicators(rank: int) -> tuple[Symbol, ...]:
    found: tuple[Symbol, ...] = symbols(f"chi_1:{rank + 1}", integer=True, nonnegative=True)
    return found


class LastLayer(NamedTuple):
    """The product a b of whitened weights, cut in front of the last layer: c d, with the gradient in c.

    The first layer is b, all others are a. With two layers c = a and d = b.
    """

    c: MatrixSymbol
    d: MatrixSymbol
    gradient: MatrixSymbol


OF_TWO = LastLayer(a, b, MatrixSymbol("G_a", w.n, w.p))


def quantization_rows(last: LastLayer = OF_TWO) -> tuple[Row, ...]:
    """How far from a critical value a loss can be where the gradient is small but not zero."""
    product_, moment = a * b, M * M.T
    gram = product_ * Transpose(product_)
    small = -product_ * b.T * G_b * M.T - gram * last.c * last.gradient.T
    x, level = symbols("G_ii lambda_i", real=True)
    anywhere = _words(last)
    return (
        *_whitened_gradients(last),
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
            equation(
                squared_norm(M - a * b), Trace(moment) - Trace(gram) + 2 * Trace(last.gradient.T * last.c)
            ),
            r"so that $2L$, which differs from the left-hand side by a constant, is within the sum of these "
            rf"distances and $2 |\mathrm{{tr}}({last.gradient}^T {last.c})|$ of a critical value",
            anywhere,
        ),
    )


def _whitened_gradients(last: LastLayer) -> tuple[Row, ...]:
    whitened = equation(M, w.S_YX * Inverse(R))
    names = "$a = A$, $b = B R$" if last is OF_TWO else r"$a = W_H \cdots W_2$, $b = W_1 R$"
    in_c = Row(_in_last(last), f"the gradient in ${last.c}$, small on a plateau", Definition())
    cut = Row(_cut(last), "the same product, cut in front of the last layer", Definition())
    return (
        Row(whitened, rf"whitened regression, $\Lambda = M M^T$, {names}", Definition()),
        *([] if last is OF_TWO else [cut]),
        in_c,
        Row(IN_B, "the gradient in $b$", Definition()),
    )


def _in_last(last: LastLayer) -> Eq:
    return equation(last.gradient, (last.c * last.d - M) * last.d.T)


def _cut(last: LastLayer) -> Eq:
    return equation(last.c * last.d, a * b)


def _words(last: LastLayer) -> MatrixWords:
    cut = () if last is OF_TWO else (_cut(last),)
    return MatrixWords(partial(_anywhere, last), (_in_last(last), IN_B, *cut))


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


def _anywhere(last: LastLayer, random: Random) -> dict[Any, Any]:
    """Two layers, or three."""
    outputs, inputs, hidden = (random.randint(1, 4) for _ in range(3))
    late = hidden if last is OF_TWO else random.randint(1, 4)
    c, b_ = rational.general(random, outputs, late), rational.general(random, hidden, inputs)
    between = rational.identity(hidden) if last is OF_TWO else rational.general(random, late, hidden)
    target = rational.general(random, outputs, inputs)
    a_, d = c * between, between * b_
    error = a_ * b_ - target
    found = {a: a_, b: b_, M: target, last.gradient: error * d.transpose(), G_b: a_.transpose() * error}
    return {**found, last.c: c, last.d: d}
