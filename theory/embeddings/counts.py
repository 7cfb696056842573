"""How many negative, zero and positive eigenvalues copies of a unit, and added units, bring."""

from __future__ import annotations

from sympy import Eq, Expr, Symbol, symbols

from theory.derivation import Row
from theory.embeddings.copies import d, m
from theory.linear_landscape.letters import equation
from theory.linear_landscape.second_order import INERTIA
from theory.proving.consequence import Consequence
from theory.proving.definition import Citation, Definition

k_n, k_0, k_p = symbols("k_- k_0 k_+", integer=True, nonnegative=True)
b_n, b_0, b_p = symbols("b_- b_0 b_+", integer=True, nonnegative=True)
a_n, a_0, a_p = symbols("a_- a_0 a_+", integer=True, nonnegative=True)
rank = Symbol("r", integer=True, nonnegative=True)
added, coupling = symbols("u c", integer=True, nonnegative=True)

NEGATIVE, ZERO, POSITIVE = symbols("#_- #_0 #_+")
ADDED_NEGATIVE, ADDED_ZERO, ADDED_POSITIVE = symbols("nu_- nu_0 nu_+")


def negative() -> Expr:
    """Of k = k_- + k_0 + k_+ copies: k_- weights are negative, k_0 zero; N^T B N has inertia b."""
    return (k_n + k_0 + k_p - 1) * rank + (k_p - 1) * b_n + k_n * b_p


def zero() -> Expr:
    """The zeros that the copies bring."""
    return (k_n + k_0 + k_p - 1) * (m - rank) + k_0 * (b_n + b_p) + (k_n + k_0 + k_p - 1) * b_0


def positive() -> Expr:
    """The positive ones."""
    return (k_n + k_0 + k_p - 1) * rank + (k_p - 1) * b_p + k_n * b_n


def copied() -> tuple[Eq, Eq, Eq]:
    """The three counts of the copies, as the theorem concludes them."""
    return equation(NEGATIVE, negative()), equation(ZERO, zero()), equation(POSITIVE, positive())


def joined() -> tuple[Eq, Eq, Eq]:
    """Those of u added units (0, 0): c is the rank of s'(0) sum of x l'^T."""
    return (
        equation(ADDED_NEGATIVE, added * coupling),
        equation(ADDED_ZERO, added * (d + m - 2 * coupling)),
        equation(ADDED_POSITIVE, added * coupling),
    )


def rows() -> tuple[Row, ...]:
    """From the blocks to the counts."""
    signs = equation(a_p, k_p - 1), equation(a_n, k_n), equation(a_0, k_0)
    blocks = a_n + a_0 + a_p
    below = equation(NEGATIVE, blocks * rank + a_p * b_n + a_n * b_p)
    above = equation(POSITIVE, blocks * rank + a_p * b_p + a_n * b_n)
    total = equation(ZERO, blocks * (rank + b_n + b_0 + b_p + m) - NEGATIVE - POSITIVE)
    cited = Citation(INERTIA)
    first, middle, last = copied()
    return (
        Row(signs[0], r"Sylvester: $D$ and $\mathrm{diag}(1, a)$ have as many positive eigenvalues", cited),
        Row(signs[1], "as many negative ones", cited),
        Row(signs[2], "and zeros", cited),
        Row(
            below,
            "the inertia of an orthogonal sum is the sum of the inertias: $N^T B N$ has $b_-$ negative and "
            "$b_+$ positive eigenvalues",
            cited,
        ),
        Row(above, "likewise", cited),
        Row(total, "each of the blocks has $d + m$ eigenvalues, $d = r + b_- + b_0 + b_+$", Definition()),
        Row(first, "insert the signs of $a$", Consequence((below, *signs))),
        Row(last, "likewise", Consequence((above, *signs))),
        Row(middle, "the others are zero", Consequence((total, below, above, *signs))),
    )


def added_rows() -> tuple[Row, ...]:
    """Added units are blocks with B = 0."""
    first, middle, last = joined()
    total = equation(ADDED_ZERO, added * (d + m) - ADDED_NEGATIVE - ADDED_POSITIVE)
    cited = Citation(INERTIA)
    return (
        Row(first, r"$u$ blocks with $B = 0$, so $c$ negative eigenvalues each", cited),
        Row(last, "and $c$ positive ones", cited),
        Row(total, "of $d + m$", Definition()),
        Row(middle, "the others are zero", Consequence((total, first, last))),
    )
