"""The letters of a network of given depth, and rational instances of them.

The sizes d_0, ..., d_H are symbols: what is proved with these letters holds for every width. A loss of the
product W = W_H ... W_1 enters through its gradient G at W alone, so that it holds for every loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import pairwise
from random import Random
from typing import Any

from sympy import QQ, Eq, Expr, MatrixSymbol, Symbol, Trace, symbols
from sympy.matrices.expressions.matexpr import MatrixExpr
from sympy.polys.matrices import DomainMatrix

from theory import rational_matrices as rational

LARGEST_SIZE = 3  # of the random instances

eta = Symbol("eta", positive=True)
decay = Symbol("lambda", nonnegative=True)
s = Symbol("s", real=True)
N = Symbol("N", integer=True, positive=True)


def equation(left: Any, right: Any) -> Eq:
    """As it is written."""
    return Eq(left, right, evaluate=False)


def chained(factors: list[MatrixExpr]) -> MatrixExpr:
    """The product of one factor or more, written from the left."""
    return reduce(lambda left, right: left * right, factors)


@dataclass(frozen=True)
class Chain:
    """Layers W_1, ..., W_H and what belongs to each; every tuple starts with layer 1."""

    depth: int

    @cached_property
    def sizes(self) -> tuple[Symbol, ...]:
        """d_0, ..., d_H."""
        return symbols(f"d_:{self.depth + 1}", integer=True, positive=True)

    def letters(self, name: str) -> tuple[MatrixSymbol, ...]:
        """Letters of the shapes of the layers: ``name`` is formatted with their number."""
        shapes = enumerate(pairwise(self.sizes), start=1)
        return tuple(MatrixSymbol(name.format(h), after, before) for h, (before, after) in shapes)

    def inner(self, name: str) -> tuple[MatrixSymbol, ...]:
        """Square letters of the sizes d_1, ..., d_{H-1}, one between each layer and the next."""
        inner = enumerate(self.sizes[1:-1], start=1)
        return tuple(MatrixSymbol(name.format(h), size, size) for h, size in inner)

    @cached_property
    def layers(self) -> tuple[MatrixSymbol, ...]:
        """W_h."""
        return self.letters("W_{}")

    @cached_property
    def directions(self) -> tuple[MatrixSymbol, ...]:
        """F_h, any direction of layer h."""
        return self.letters("F_{}")

    @cached_property
    def slopes(self) -> tuple[MatrixSymbol, ...]:
        """G_h, the gradient in layer h."""
        return self.letters("G_{}")

    @cached_property
    def gradient(self) -> MatrixSymbol:
        """G, the gradient of the loss at the product."""
        return MatrixSymbol("G", self.sizes[-1], self.sizes[0])

    @cached_property
    def direction(self) -> MatrixSymbol:
        """F, any direction of the product."""
        return MatrixSymbol("F", self.sizes[-1], self.sizes[0])

    @property
    def product(self) -> MatrixExpr:
        """W_H ... W_1."""
        return self.product_of(self.layers)

    @staticmethod
    def product_of(layers: tuple[MatrixExpr, ...]) -> MatrixExpr:
        """The product of other layers."""
        return chained(list(reversed(layers)))

    def slope_word(self, layer: int) -> MatrixExpr:
        """(W_H ... W_{h+1})^T G (W_{h-1} ... W_1)^T for h = ``layer``, counted from 1."""
        above = [one.T for one in self.layers[layer:]]
        below = [one.T for one in self.layers[: layer - 1]]
        return chained([*above, self.gradient, *below])

    @cached_property
    def slope_rules(self) -> tuple[Eq, ...]:
        """G_h by its word."""
        return tuple(equation(G, self.slope_word(h)) for h, G in enumerate(self.slopes, start=1))

    def moved(self, layer: int, direction: MatrixExpr) -> MatrixExpr:
        """The product with W_h + s F in the place of layer h, counted from 1."""
        layers = list(self.layers)
        layers[layer - 1] = layers[layer - 1] + s * direction
        return self.product_of(tuple(layers))

    def data(self) -> tuple[MatrixSymbol, MatrixSymbol]:
        """Inputs X and targets Y, one column an example."""
        return MatrixSymbol("X", self.sizes[0], N), MatrixSymbol("Y", self.sizes[-1], N)

    def squared_loss(self, product: MatrixExpr) -> Expr:
        """|Y - W X|^2 / 2."""
        X, Y = self.data()
        return Trace((Y - product * X) * (Y - product * X).T) / 2

    def instance(self, random: Random) -> dict[Any, Any]:
        """Random layers, directions, gradient and data, of random sizes; G_h by propagation, not by words."""
        sizes = [random.randint(1, LARGEST_SIZE) for _ in self.sizes]
        shapes = [(after, before) for before, after in pairwise(sizes)]
        layers = [rational.general(random, *shape) for shape in shapes]
        gradient = rational.general(random, sizes[-1], sizes[0])
        examples = random.randint(1, LARGEST_SIZE)
        X, Y = self.data()
        drawn = [rational.general(random, *shape) for shape in shapes]
        return {
            **dict(zip(self.layers, layers, strict=True)),
            **dict(zip(self.directions, drawn, strict=True)),
            **dict(zip(self.slopes, layer_gradients(layers, gradient), strict=True)),
            self.gradient: gradient,
            self.direction: rational.general(random, sizes[-1], sizes[0]),
            X: rational.general(random, sizes[0], examples),
            Y: rational.general(random, sizes[-1], examples),
            eta: fraction(random, 1),
            decay: fraction(random, 0),
        }


def layer_gradients(layers: list[DomainMatrix], gradient: DomainMatrix) -> list[DomainMatrix]:
    """G_1, ..., G_H from the gradient at the product, exactly."""
    found = []
    for layer in range(len(layers)):
        above = reduce(lambda held, one: one.transpose() * held, reversed(layers[layer + 1 :]), gradient)
        found.append(reduce(lambda held, one: held * one.transpose(), layers[:layer], above))
    return found


def fraction(random: Random, least: int) -> Any:
    """A small fraction, at least ``least`` of its numerator."""
    return QQ.to_sympy(QQ(random.randint(least, 7), random.randint(5, 9)))
