"""The closed forms: Hessian inertia of a critical point from its index set and the sizes alone."""

from __future__ import annotations

from typing import NamedTuple


class Inertia(NamedTuple):
    """Numbers of negative, zero and positive eigenvalues."""

    negative: int
    zero: int
    positive: int


class Sizes(NamedTuple):
    """Sizes of L(A, B) = |Y - A B X|^2 / 2.

    outputs, inputs, hidden
        A is outputs x hidden, B is hidden x inputs.
    rank
        The rank of Sigma_YX, which is the number of non-zero eigenvalues of Sigma.
    """

    outputs: int
    inputs: int
    hidden: int
    rank: int


def negative(sizes: Sizes, chosen: int, inversions: int) -> int:
    """(p - r)(rho - r) + inv(S), for r chosen non-zero eigenvalues."""
    return (sizes.hidden - chosen) * (sizes.rank - chosen) + inversions


def zero(sizes: Sizes, chosen: int, ties: int = 0, extra_columns: int = 0, extra_rows: int = 0) -> int:
    """r^2 + 2 r e + e (m - rho) + e (n - rho) - [v (n - rho) + z (m - rho) - v z] + ties, with e = p - r.

    ties
        Pairs of a chosen and an equal eigenvalue that is not chosen.
    extra_columns (z), extra_rows (v)
        Rank of the columns of A in the kernel of Sigma, and of the rows of B in the kernel of Sigma_YX
        (in coordinates that whiten the inputs). z = 0 whenever Sigma is invertible.
    """
    left, right = sizes.outputs - sizes.rank, sizes.inputs - sizes.rank
    idle = sizes.hidden - chosen
    moved = extra_rows * left + extra_columns * right - extra_rows * extra_columns
    return chosen**2 + 2 * chosen * idle + idle * (left + right) - moved + ties


def inertia(
    sizes: Sizes, chosen: int, inversions: int, ties: int = 0, extra_columns: int = 0, extra_rows: int = 0
) -> Inertia:
    """The three numbers; they add up to p (n + m)."""
    below = negative(sizes, chosen, inversions)
    level = zero(sizes, chosen, ties, extra_columns, extra_rows)
    return Inertia(below, level, sizes.hidden * (sizes.outputs + sizes.inputs) - below - level)
