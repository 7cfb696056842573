"""Exact critical points of linear networks of any depth: every pattern of strings, in rational arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from random import Random
from typing import Any

from sympy import QQ
from sympy.polys.matrices import DomainMatrix

from theory import rational_matrices as rational
from theory.linear_landscape import paths
from theory.linear_landscape.formulas import Inertia
from theory.linear_landscape.instances import RationalProblem
from theory.linear_landscape.strings import String, random_strings, shift


@dataclass(frozen=True)
class DeepPoint:
    """Layers (W_1, ..., W_H), inputs first, with the singular values S chosen, and what they were built from.

    W_H = [U_S, K_H Z_H] G^-1, W_h = G (I + Z_h) G^-1 and W_1 = G [D_S Q_S^T; Z_1 K_0^-1] R^-1 in the
    letters of RationalProblem, with + the direct sum, an invertible G at every hidden node, and bases K_H
    of the outputs' and K_0 of the inputs' idle directions that T^T takes to each other.
    """

    problem: RationalProblem
    layers: tuple[DomainMatrix, ...]
    chosen: tuple[int, ...]
    strings: tuple[String, ...]

    @classmethod
    def random(
        cls,
        problem: RationalProblem,
        hidden: Sequence[int],
        chosen: Sequence[int],
        random: Random,
        silence: float,
    ) -> DeepPoint:
        """A random point of the class S; with ``silence`` 1 no string is longer than it has to be."""
        size, taken = problem.sizes, len(chosen)
        idle = [size.inputs - taken, *(width - taken for width in hidden), size.outputs - taken]
        strings = random_strings(random, idle, size.rank - taken, silence)
        plain = _in_string_bases(problem, chosen, strings, len(hidden) + 1, random)
        return cls(problem, _mixed(plain, random), tuple(chosen), tuple(strings))

    @property
    def widths(self) -> tuple[int, ...]:
        """(d_0, ..., d_H)."""
        return (self.layers[0].shape[1], *(layer.shape[0] for layer in self.layers))

    @property
    def product(self) -> DomainMatrix:
        """W_H ... W_1."""
        return self.path(0, len(self.layers))

    def path(self, before: int, after: int) -> DomainMatrix:
        """W_after ... W_{before + 1}, the identity where they are equal."""
        return self._paths[before, after]

    @cached_property
    def _paths(self) -> dict[tuple[int, int], DomainMatrix]:
        nodes = range(len(self.layers) + 1)
        found = {(node, node): rational.identity(self.widths[node]) for node in nodes}
        for before, after in combinations(nodes, 2):
            found[before, after] = self.layers[after - 1] * found[before, after - 1]
        return found

    def forward(self, before: int, after: int) -> int:
        """rank(W_after ... W_{before + 1})."""
        return rational.rank(self.path(before, after))

    def around(self, before: int, after: int) -> int:
        """rank(W_after ... W_1 Sigma_XY W_H ... W_{before + 1})."""
        data = self.problem.cross_covariance.transpose()
        return rational.rank(self.path(0, after) * data * self.path(before, len(self.layers)))

    @cached_property
    def gradient(self) -> tuple[DomainMatrix, ...]:
        """(W_H ... W_{h+1})^T (W Sigma_XX - Sigma_YX) (W_{h-1} ... W_1)^T, one for each layer."""
        count = len(self.layers)
        return tuple(
            self.path(h, count).transpose() * self._error * self.path(0, h - 1).transpose()
            for h in range(1, count + 1)
        )

    @cached_property
    def _error(self) -> DomainMatrix:
        return self.product * self.problem.covariance - self.problem.cross_covariance

    @property
    def pairs(self) -> tuple[int, int]:
        """Pairs of a chosen and a larger, and of a chosen and an equal singular value that is not chosen."""
        values = self.problem.singular_values
        left = [value for k, value in enumerate(values) if k not in self.chosen]
        pairs = [(values[k], other) for k in self.chosen for other in left]
        return sum(other > mine for mine, other in pairs), sum(other == mine for mine, other in pairs)

    @property
    def predicted_inertia(self) -> Inertia:
        """The closed form, from the ranks of the products of the layers."""
        return paths.inertia(self.widths, len(self.chosen), *self.pairs, self.forward, self.around)

    def hessian(self) -> DomainMatrix:
        """The matrix of the second variation in the entries of D_1, ..., D_H, each row by row.

        |sum_h W_H..D_h..W_1|^2 + 2 <E, sum_{h<k} W_H..D_k..D_h..W_1>, where the square is taken with
        Sigma_XX and E = W Sigma_XX - Sigma_YX.
        """
        numbers = range(1, len(self.layers) + 1)
        return rational.above(*(rational.beside(*(self._block(h, k) for k in numbers)) for h in numbers))

    def _block(self, h: int, k: int) -> DomainMatrix:
        """Second derivatives in the entries of D_h (rows) and D_k (columns)."""
        if h > k:
            return self._block(k, h).transpose()
        count, covariance = len(self.layers), self.problem.covariance
        after_h, after_k = self.path(h, count), self.path(k, count)
        before_h, before_k = self.path(0, h - 1), self.path(0, k - 1)
        left = after_h.transpose() * after_k
        square = kronecker(left, before_h * covariance * before_k.transpose())
        if h == k:
            return square
        # tr(D_h P D_k N): the entry (i, j) of D_h meets the entry (q, m) of D_k with P_jq N_mi.
        P, N = before_h * self._error.transpose() * after_k, self.path(h, k - 1)
        return square + _twisted(P, N)


def kronecker(left: DomainMatrix, right: DomainMatrix) -> DomainMatrix:
    """The matrix whose entry ((i, j), (k, m)) is left_ik right_jm."""
    a, b = left.to_list(), right.to_list()
    rows = [[x * y for x in first for y in second] for first in a for second in b]
    return _matrix(rows, left.shape[0] * right.shape[0], left.shape[1] * right.shape[1])


def _twisted(P: DomainMatrix, N: DomainMatrix) -> DomainMatrix:
    """The matrix whose entry ((i, j), (k, m)) is P_jk N_mi."""
    p, n = P.to_list(), N.to_list()
    (rows_p, columns_p), (rows_n, columns_n) = P.shape, N.shape
    rows = [
        [p[j][k] * n[m][i] for k in range(columns_p) for m in range(rows_n)]
        for i in range(columns_n)
        for j in range(rows_p)
    ]
    return _matrix(rows, columns_n * rows_p, columns_p * rows_n)


def _in_string_bases(
    problem: RationalProblem, chosen: Sequence[int], strings: Sequence[String], layers: int, random: Random
) -> list[DomainMatrix]:
    """The layers with the strings as bases of the hidden nodes, and bases of inputs and outputs as drawn."""
    outer, inner = _frames(problem, chosen, strings, layers, random)
    shifts = [shift(strings, layers, h) for h in range(1, layers + 1)]
    values = [problem.singular_values[k] for k in chosen]
    eye = rational.identity(len(chosen))
    first = rational.columns_of(problem.Q, chosen) * rational.diagonal(values, len(chosen), len(chosen))
    rest = shifts[0] * inner.inv() if inner.shape[0] else shifts[0]
    left = [k for k in range(problem.Q.shape[0]) if k not in chosen]
    idle = rest * rational.columns_of(problem.Q, left).transpose()
    bottom = rational.above(first.transpose(), idle) * problem.R.inv()
    kept = [k for k in range(problem.U.shape[0]) if k not in chosen]
    top = rational.columns_of(problem.U, kept) * outer * shifts[-1]
    middle = [rational.direct_sum(eye, shift) for shift in shifts[1:-1]]
    return [bottom, *middle, rational.beside(rational.columns_of(problem.U, chosen), top)]


def _frames(
    problem: RationalProblem, chosen: Sequence[int], strings: Sequence[String], layers: int, random: Random
) -> tuple[DomainMatrix, DomainMatrix]:
    """K_H and K_0, column by column the strings through these nodes, in the singular vectors not chosen.

    A string from H to 0 has T^T of its vector at H as its vector at 0. What T^T does not see is free.
    """
    values = [v for k, v in enumerate(problem.singular_values) if k not in chosen]
    count, size = len(values), problem.sizes
    mix = rational.unimodular(random, count)
    wrapped = [s for s in strings if s.has(layers + 1, layers, 2)]
    places = {id(s): k for k, s in enumerate(wrapped)}
    silent_out = rational.unimodular(random, size.outputs - len(chosen) - count)
    silent_in = rational.unimodular(random, size.inputs - len(chosen) - count)
    scaled = rational.diagonal(values, count, count) * mix
    lean_out = rational.integers(random, silent_out.shape[0], count)
    lean_in = rational.integers(random, count, silent_in.shape[0])
    outer = rational.above(
        rational.beside(mix, rational.zeros(count, silent_out.shape[0])),
        rational.beside(lean_out, silent_out),
    )
    inner = rational.above(
        rational.beside(scaled, lean_in),
        rational.beside(rational.zeros(silent_in.shape[0], count), silent_in),
    )
    return (
        rational.columns_of(outer, _order(strings, layers, layers, places, count)),
        rational.columns_of(inner, _order(strings, layers, 0, places, count)),
    )


def _order(
    strings: Sequence[String], layers: int, node: int, places: dict[int, int], count: int
) -> list[int]:
    """Which column belongs to each string through a node: those that pass from H to 0 share theirs."""
    free = iter(range(count, len(strings) + count))
    through = [s for s in strings if s.has(layers + 1, node)]
    return [places[id(s)] if id(s) in places else next(free) for s in through]


def _mixed(layers: Sequence[DomainMatrix], random: Random) -> tuple[DomainMatrix, ...]:
    """G_h W_h G_{h-1}^-1 with G_0 = I, G_H = I and other bases at the hidden nodes."""
    bases = [rational.unimodular(random, layer.shape[0]) for layer in layers[:-1]]
    after = [basis * layer for basis, layer in zip(bases, layers[:-1], strict=True)] + [layers[-1]]
    before = [after[0], *(layer * basis.inv() for layer, basis in zip(after[1:], bases, strict=True))]
    return tuple(layer.to_dense() for layer in before)


def _matrix(rows: list[list[Any]], height: int, width: int) -> DomainMatrix:
    return DomainMatrix(rows, (height, width), QQ).to_dense()
