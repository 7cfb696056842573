"""Rows of the proof: the Hessian of a deep linear network at any critical point falls into three parts.

In whitened coordinates the loss is |M - W_H ... W_1|^2 / 2 up to a constant. At a critical point of product
rank r every layer is the identity on r directions beside Z_h on the idle ones (the first has T_S, the
chosen singular values, in place of the identity), and the residual is T, which holds the others, between
idle directions. Directions of layer h are cut alike into P_h, A_h, B_h and F_h.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import combinations
from random import Random
from typing import Any

from sympy import (
    BlockMatrix,
    Derivative,
    Eq,
    Expr,
    Identity,
    MatrixSymbol,
    Subs,
    Symbol,
    Trace,
    ZeroMatrix,
    symbols,
)
from sympy.matrices.expressions.matexpr import MatrixExpr

from theory import rational_matrices as rational
from theory.derivation import Row
from theory.linear_landscape import deep_form, second_order
from theory.linear_landscape.deep_form import kept
from theory.linear_landscape.letters import equation, squared_norm
from theory.linear_landscape.strings import random_strings, shift
from theory.proving.definition import Given
from theory.proving.identity import Identity as ScalarIdentity
from theory.proving.matrix_words import MatrixWords

r = Symbol("r", integer=True, nonnegative=True)
t = Symbol("t", real=True)


@dataclass(frozen=True)
class DeepBlocks:
    """The letters for ``layers`` = H layers, and the rows about them; all sizes are symbols."""

    layers: int

    @cached_property
    def sizes(self) -> tuple[Symbol, ...]:
        """k_0, ..., k_H: how many directions of each node are idle."""
        return symbols(f"k_:{self.layers + 1}", integer=True, positive=True)

    @cached_property
    def Z(self) -> tuple[MatrixSymbol, ...]:
        """Z_1, ..., Z_H."""
        return self._letters("Z", self.sizes[1:], self.sizes[:-1])

    @cached_property
    def T(self) -> MatrixSymbol:
        """The residual, from the idle inputs to the idle outputs."""
        return MatrixSymbol("T", self.sizes[-1], self.sizes[0])

    @cached_property
    def directions(self) -> tuple[tuple[MatrixSymbol, ...], ...]:
        """(P_h), (A_h), (B_h), (F_h)."""
        same, after, before = (kept,) * self.layers, self.sizes[1:], self.sizes[:-1]
        shapes = {"P": (same, same), "A": (same, before), "B": (after, same), "F": (after, before)}
        return tuple(self._letters(name, *shape) for name, shape in shapes.items())

    def path(self, before: int, after: int) -> MatrixExpr:
        """Z_after ... Z_{before + 1}."""
        return chain([*reversed(self.Z[before:after])], self.sizes[before])

    @cached_property
    def critical(self) -> tuple[Eq, ...]:
        """The gradient in every layer vanishes, on the idle directions."""
        count = self.layers
        return tuple(
            equation(
                _word([*reversed(self.Z[: h - 1]), self.T.T, *reversed(self.Z[h:])]),
                ZeroMatrix(self.sizes[h - 1], self.sizes[h]),
            )
            for h in range(1, count + 1)
        )

    @staticmethod
    def _letters(name: str, rows: Sequence[Any], columns: Sequence[Any]) -> tuple[MatrixSymbol, ...]:
        shapes = enumerate(zip(rows, columns, strict=True), start=1)
        return tuple(MatrixSymbol(f"{name}_{h}", *shape) for h, shape in shapes)

    # --- rows -----------------------------------------------------------------------------------------

    def variation_rows(self) -> tuple[Row, ...]:
        """The second derivative of |M - W_H ... W_1|^2 / 2 in any direction, at any point."""
        nodes = symbols(f"d_:{self.layers + 1}", integer=True, positive=True)
        W = self._letters("W", nodes[1:], nodes[:-1])
        D = self._letters("D", nodes[1:], nodes[:-1])
        V, F, G, M, K = (MatrixSymbol(name, nodes[-1], nodes[0]) for name in "WFGMK")
        letters = (*W, *D, V, F, G, M, K)
        moved = Trace(
            K.T * _word([layer + t * step for layer, step in reversed(list(zip(W, D, strict=True)))])
        )
        once = _added([_exchanged(W, D, (h,)) for h in range(self.layers)])
        twice = _added([_exchanged(W, D, pair) for pair in combinations(range(self.layers), 2)])

        def instance(random: Random) -> dict[Any, Any]:
            shape = {node: random.randint(1, 2) for node in nodes}
            return {x: rational.general(random, *(shape[size] for size in x.shape)) for x in letters}

        return (
            Row(
                equation(_second(squared_norm(M - V - t * F - t**2 * G) / 2), _variation(F, V - M, G)),
                "matrix calculus; higher powers of $t$ in the product would add nothing",
                MatrixWords(instance),
            ),
            Row(
                equation(Subs(Derivative(moved, t), t, 0), Trace(K.T * once)),
                "the term of first order of the product in the direction $(D_1, ..., D_H)$, for every $K$",
                MatrixWords(instance),
            ),
            Row(
                equation(_second(moved) / 2, Trace(K.T * twice)),
                "and that of second order",
                MatrixWords(instance),
            ),
        )

    def split_rows(self) -> tuple[Row, ...]:
        """What is given of Z and T, the three parts, and the signs of the second one."""
        count = self.layers
        vanishing = equation(self.path(0, count), ZeroMatrix(self.sizes[-1], self.sizes[0]))
        given = (
            Row(vanishing, "the product has rank $r$", Given()),
            *(
                Row(one, f"a critical point is given: the gradient in layer {h} is zero", Given())
                for h, one in enumerate(self.critical, start=1)
            ),
        )
        x, y, s, u = symbols("x y s_k s_i", real=True)
        return (
            *given,
            Row(
                equation(self._variation(), self._pieces()),
                "the second variation there is a sum of three: of the directions between chosen directions, "
                "of those between chosen and idle ones, and of those between idle ones; every other product "
                "contains a gradient",
                MatrixWords(self._instance, self.critical, (), (self._T_S,)),
            ),
            Row(
                equation(x**2 + s**2 * y**2 - 2 * u * x * y, (x - u * y) ** 2 + (s**2 - u**2) * y**2),
                "chosen $k$, other $i$: an entry $x$ of $\\sum_h A_h Z_{h-1} \\cdots Z_1$ and one $y$ of "
                "$\\sum_h Z_H \\cdots Z_{h+1} B_h$, which take all values; one negative direction when "
                "$s_i > s_k$, one zero when they are equal",
                ScalarIdentity(),
            ),
        )

    @cached_property
    def _T_S(self) -> MatrixSymbol:
        return MatrixSymbol("T_S", kept, kept)

    def _variation(self) -> Expr:
        P, A, B, F = self.directions
        ends = [self._T_S, *([Identity(kept)] * (self.layers - 1))]
        W = [self._sum(one, Z) for one, Z in zip(ends, self.Z, strict=True)]
        turned = [B[0] * self._T_S, *B[1:]]
        D = [BlockMatrix([[p, a], [b, f]]) for p, a, b, f in zip(P, A, turned, F, strict=True)]
        residual = self._sum(ZeroMatrix(kept, kept), -self.T)
        first = _added([_exchanged(W, D, (h,)) for h in range(self.layers)])
        pairs = _added([_exchanged(W, D, pair) for pair in combinations(range(self.layers), 2)])
        return _variation(first, residual, pairs)

    def _sum(self, first: MatrixExpr, second: MatrixExpr) -> BlockMatrix:
        rows, columns = second.shape
        return BlockMatrix([[first, ZeroMatrix(kept, columns)], [ZeroMatrix(rows, kept), second]])

    def _pieces(self) -> Expr:
        P, A, B, F = self.directions
        count = self.layers
        layer = range(1, count + 1)
        chosen = _added([P[0], *(p * self._T_S for p in P[1:])])
        x = _added([_word([A[h - 1], *reversed(self.Z[: h - 1])]) for h in layer])
        y = _added([_word([*reversed(self.Z[h:]), B[h - 1]]) for h in layer])
        first = _added([_exchanged(self.Z, F, (h - 1,)) for h in layer])
        pairs = _added([_exchanged(self.Z, F, pair) for pair in combinations(range(count), 2)])
        between = squared_norm(x) + squared_norm(y * self._T_S) - 2 * Trace(self.T.T * y * x)
        return squared_norm(chosen) + between + squared_norm(first) - 2 * Trace(self.T.T * pairs)

    def _instance(self, random: Random) -> dict[Any, Any]:
        """A random point of the circle: Z_h and T in random bases, all directions random."""
        nodes, rank = self.layers + 1, random.randint(1, 2)
        idle = [random.randint(1, 2) for _ in range(nodes)]
        strings = random_strings(random, idle, random.randint(0, min(idle[0], idle[-1])), random.random())
        bases = [rational.unimodular(random, size) for size in idle]
        arrows = [bases[h] * shift(strings, self.layers, h) * bases[h - 1].inv() for h in range(nodes)]
        sizes = {**dict(zip(self.sizes, idle, strict=True)), kept: rank}
        letters = [letter for group in self.directions for letter in group]
        return {
            **{x: rational.general(random, *(sizes[size] for size in x.shape)) for x in letters},
            **dict(zip(self.Z, arrows[1:], strict=True)),
            self.T: arrows[0].transpose(),
            self._T_S: rational.diagonal([random.randint(1, 9) for _ in range(rank)], rank, rank),
        }


def rows(layers: int) -> tuple[Row, ...]:
    """All rows, from the whitened loss on."""
    blocks = DeepBlocks(layers)
    return (
        *second_order.variation_rows()[1:],
        *blocks.variation_rows(),
        *deep_form.rows(),
        *blocks.split_rows(),
    )


def chain(factors: list[Any], size: Any) -> MatrixExpr:
    """The product, or the identity of this size."""
    return _word(factors) if factors else Identity(size)


def _word(factors: Sequence[Any]) -> MatrixExpr:
    return reduce(lambda left, right: left * right, factors)


def _second(expression: Expr) -> Expr:
    return Subs(Derivative(expression, (t, 2)), t, 0)


def _variation(first: MatrixExpr, residual: MatrixExpr, pairs: MatrixExpr) -> Expr:
    """The second derivative of half the squared norm of the residual, by the terms of the product."""
    return squared_norm(first) + 2 * Trace(residual.T * pairs)


def _exchanged(W: Sequence[Any], D: Sequence[Any], places: tuple[int, ...]) -> MatrixExpr:
    """W_H ... W_1 with D in these places."""
    mixed = [D[h] if h in places else layer for h, layer in enumerate(W)]
    return _word(mixed[::-1])


def _added(terms: Sequence[Any]) -> MatrixExpr:
    return reduce(lambda left, right: left + right, terms)
