"""Rows of the proof: at a critical point every layer is the identity on r directions beside a matrix Z_h.

One layer W_h is enough, between node h - 1, where a letter has no prime, and node h, where it has one.
"""

from __future__ import annotations

from random import Random
from typing import Any

from sympy import BlockMatrix, Identity, MatrixSymbol, Symbol, ZeroMatrix, symbols

from theory import rational_matrices as rational
from theory.derivation import Row
from theory.linear_landscape.letters import equation
from theory.proving.definition import Citation
from theory.proving.matrix_words import MatrixWords
from theory.statement import Source

ACHOUR = Source(
    "E. M. Achour, F. Malgouyres and S. Gerchinovitz",
    "The loss landscape of deep linear neural networks: a second-order analysis",
    2024,
    identifier="arXiv:2107.13289",
)
BASIS = Source("R. A. Horn and C. R. Johnson", "Matrix Analysis, 2nd edition", 2012, "Section 0.1")

kept = Symbol("r", integer=True, positive=True)  # r as a size of matrices
n, m, before, after = symbols("n m d_{h-1} d_h", integer=True, positive=True)
left, right = symbols("k_{h-1} k_h", integer=True, positive=True)

U, Q = MatrixSymbol("U_S", n, kept), MatrixSymbol("Q_S", m, kept)
T_S, W = MatrixSymbol("T_S", kept, kept), MatrixSymbol("w", n, m)
W_h = MatrixSymbol("W_h", after, before)
L, C, N = (
    MatrixSymbol("L_{h-1}", kept, before),
    MatrixSymbol("C_{h-1}", before, kept),
    MatrixSymbol("N_{h-1}", before, left),
)
L_next, C_next, K = (
    MatrixSymbol("L_h", kept, after),
    MatrixSymbol("C_h", after, kept),
    MatrixSymbol("K_h", right, after),
)

PRODUCT = equation(W, U * T_S * Q.T)
ORTHONORMAL = (equation(U.T * U, Identity(kept)), equation(Q.T * Q, Identity(kept)))
LAYER = (equation(L_next * W_h, L), equation(W_h * C, C_next))
BASES = (
    equation(L * C, Identity(kept)),
    equation(L * N, ZeroMatrix(kept, left)),
    equation(K * C_next, ZeroMatrix(right, kept)),
)
FORM = BlockMatrix([[Identity(kept), ZeroMatrix(kept, left)], [ZeroMatrix(right, kept), K * W_h * N]])


def rows() -> tuple[Row, ...]:
    """The product, bases of the hidden nodes, and a layer in them."""
    return (
        Row(
            PRODUCT,
            "at a critical point of any depth the product is the regression, projected onto chosen singular "
            "vectors, as linear_networks.critical_points derives; $w$ is $W$ in whitened coordinates",
            Citation(ACHOUR),
        ),
        Row(
            equation(U.T * W * Q, T_S),
            r"so $L_h = U_S^T W_H \cdots W_{h+1}$ and $C_h = W_h \cdots w_1 Q_S T_S^{-1}$ satisfy "
            "$L_h C_h = I$ at every hidden node",
            MatrixWords(_ends, (PRODUCT, *ORTHONORMAL), (), (T_S,)),
        ),
        Row(
            BASES[0],
            "the columns of $C_h$ are completed to a basis by a basis $N_h$ of the kernel of $L_h$; "
            "$[L_h; K_h]$ is the inverse of $[C_h, N_h]$",
            Citation(BASIS),
        ),
        Row(
            equation(BlockMatrix([[L_next], [K]]) * W_h * BlockMatrix([[C, N]]), FORM),
            "$L_h W_h = L_{h-1}$ and $W_h C_{h-1} = C_h$: in these bases a layer is the identity beside "
            "$Z_h = K_h W_h N_{h-1}$; the bases of inputs and outputs are singular vectors",
            MatrixWords(_layer, (*LAYER, *BASES)),
        ),
    )


def _ends(random: Random) -> dict[Any, Any]:
    """A product of rank r, by its singular value decomposition."""
    rank = random.randint(1, 2)
    sizes = (rank + random.randint(0, 1) for _ in range(2))
    first, second = (rational.columns_of(rational.orthogonal(random, size), range(rank)) for size in sizes)
    values = rational.diagonal([random.randint(1, 5) for _ in range(rank)], rank, rank)
    return {U: first, Q: second, T_S: values, W: first * values * second.transpose()}


def _layer(random: Random) -> dict[Any, Any]:
    """A layer of that form in random bases, and the bases."""
    rank, idle, idle_after = (random.randint(1, 2) for _ in range(3))
    start, end = (rational.unimodular(random, rank + k) for k in (idle, idle_after))
    Z = rational.general(random, idle_after, idle)
    dual, dual_after = (basis.inv().transpose() for basis in (start, end))
    chosen = range(rank)
    return {
        W_h: end * rational.direct_sum(rational.identity(rank), Z) * start.inv(),
        L: rational.columns_of(dual, chosen).transpose(),
        C: rational.columns_of(start, chosen),
        N: rational.columns_of(start, range(rank, rank + idle)),
        L_next: rational.columns_of(dual_after, chosen).transpose(),
        C_next: rational.columns_of(end, chosen),
        K: rational.columns_of(dual_after, range(rank, rank + idle_after)).transpose(),
    }
