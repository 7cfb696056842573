"""Rows: the product of balanced layers moves by a preconditioned gradient, for any loss and every size.

Balanced means W_{h+1}^T W_{h+1} = W_h W_h^T. With A = W_H W_H^T and B = W_1^T W_1 then A^H = W W^T and B^H =
W^T W: A and B are the H-th roots, and no fractional power of a singular matrix is ever taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import pairwise
from random import Random
from typing import Any

from sympy import (
    QQ,
    Derivative,
    Eq,
    Expr,
    Identity,
    Integer,
    MatPow,
    MatrixSymbol,
    Rational,
    Subs,
    Symbol,
    Trace,
    symbols,
)
from sympy.matrices.expressions.matexpr import MatrixExpr

from theory import rational_matrices as rational
from theory.derivation import Row
from theory.linear_flow.chain import LARGEST_SIZE, Chain, chained, equation, layer_gradients, s
from theory.proving.definition import Citation, Definition, Given
from theory.proving.identity import Identity as ScalarIdentity
from theory.proving.matrix_words import MatrixWords
from theory.statement import Source

HORN_JOHNSON = Source("R. A. Horn and C. R. Johnson", "Matrix Analysis, 2nd edition", 2012, "Section 7.2")

a, b = symbols("a b", nonnegative=True)  # sigma_r^{1/H} and sigma_q^{1/H}
alpha = Symbol("alpha", positive=True)  # |w|^{2/H}
norm = Symbol("r", positive=True)  # |w|


def gain(depth: int) -> Expr:
    """What multiplies entry (r, q) of the gradient in the singular bases: sum of a^{2(H-j)} b^{2(j-1)}."""
    return sum((a ** (2 * (depth - j)) * b ** (2 * (j - 1)) for j in range(1, depth + 1)), Integer(0))


@dataclass(frozen=True)
class BalancedFlow:
    """The letters of balanced layers and the rows about their product."""

    chain: Chain

    @cached_property
    def roots(self) -> tuple[MatrixSymbol, MatrixSymbol]:
        """A (d_H, d_H) and B (d_0, d_0)."""
        first, last = self.chain.sizes[0], self.chain.sizes[-1]
        return MatrixSymbol("A", last, last), MatrixSymbol("B", first, first)

    @cached_property
    def vectors(self) -> tuple[MatrixSymbol, MatrixSymbol]:
        """u (d_H, 1) and v (d_0, 1), singular vectors of the product."""
        return MatrixSymbol("u", self.chain.sizes[-1], 1), MatrixSymbol("v", self.chain.sizes[0], 1)

    @cached_property
    def definitions(self) -> tuple[Eq, Eq]:
        """A and B by the last and the first layer."""
        (A, B), last, first = self.roots, self.chain.layers[-1], self.chain.layers[0]
        return equation(A, last * last.T), equation(B, first.T * first)

    @cached_property
    def balance(self) -> tuple[Eq, ...]:
        """W_{h+1}^T W_{h+1} = W_h W_h^T."""
        return tuple(equation(high.T * high, low * low.T) for low, high in pairwise(self.chain.layers))

    @cached_property
    def powers(self) -> tuple[Eq, Eq]:
        """A^H = W W^T and B^H = W^T W."""
        (A, B), W, H = self.roots, self.chain.product, self.chain.depth
        return equation(A**H, W * W.T), equation(B**H, W.T * W)

    @cached_property
    def eigenvectors(self) -> tuple[Eq, Eq]:
        """A u = a^2 u and B v = b^2 v."""
        (A, B), (u, v) = self.roots, self.vectors
        return equation(A * u, a**2 * u), equation(B * v, b**2 * v)

    def preconditioned(self, gradient: MatrixExpr) -> MatrixExpr:
        """The sum of A^{H-j} G B^{j-1}, j = 1, ..., H; the power 0 is the identity, of singular roots too."""
        terms = [self._term(gradient, j) for j in range(1, self.chain.depth + 1)]
        return reduce(lambda one, other: one + other, terms)

    def _term(self, gradient: MatrixExpr, j: int) -> MatrixExpr:
        (A, B), H = self.roots, self.chain.depth
        return chained([*[A] * (H - j), gradient, *[B] * (j - 1)])

    @cached_property
    def flowing(self) -> Eq:
        """The derivative of the product along the flow, through every tr(F^T W)."""
        chain = self.chain
        moved = tuple(W - s * G for W, G in zip(chain.layers, chain.slopes, strict=True))
        traced = Trace(chain.direction.T * chain.product_of(moved))
        rate = Trace(chain.direction.T * self.preconditioned(chain.gradient))
        return equation(Subs(Derivative(traced, s), s, 0), -rate)

    @cached_property
    def gains(self) -> Eq:
        """The preconditioner has the eigenvectors u v^T."""
        u, v = self.vectors
        return equation(self.preconditioned(u * v.T), gain(self.chain.depth) * u * v.T)

    def instance(self, random: Random) -> dict[Any, Any]:
        """Random balanced layers with rational singular values, at times zero, and singular vectors u, v."""
        chain = self.chain
        sizes = [random.randint(1, LARGEST_SIZE) for _ in chain.sizes]
        frames = [rational.orthogonal(random, size) for size in sizes]
        values = [QQ(random.randint(0, 4), random.randint(1, 3)) for _ in range(min(sizes))]
        layers = balanced_layers(frames, values)
        gradient, direction = (rational.general(random, sizes[-1], sizes[0]) for _ in range(2))
        rows, columns = random.randrange(sizes[-1]), random.randrange(sizes[0])
        padded = [*values, *[QQ(0)] * LARGEST_SIZE]
        last, first = layers[-1], layers[0]
        return {
            **dict(zip(chain.layers, layers, strict=True)),
            **dict(zip(chain.slopes, layer_gradients(layers, gradient), strict=True)),
            chain.gradient: gradient,
            chain.direction: direction,
            self.roots[0]: last * last.transpose(),
            self.roots[1]: first.transpose() * first,
            self.vectors[0]: rational.columns_of(frames[-1], [rows]),
            self.vectors[1]: rational.columns_of(frames[0], [columns]),
            a: QQ.to_sympy(padded[rows]),
            b: QQ.to_sympy(padded[columns]),
        }

    def words(self, *rules: Eq) -> MatrixWords:
        """Matrix words with these letters."""
        return MatrixWords(self.instance, rules)

    def root_rows(self) -> tuple[Row, ...]:
        """Balanced layers, and the roots of the product's second moments."""
        rules = (*self.balance, *self.definitions)
        (A, B), H = self.roots, self.chain.depth
        below = [chained([*reversed(self.chain.layers[:h])]) for h in range(1, H)]
        above = [chained([*reversed(self.chain.layers[h:])]) for h in range(1, H)]
        return (
            *(
                Row(one, "balanced at the start, hence always: the flow conserves the difference", Given())
                for one in self.balance
            ),
            *(Row(one, "notation", Definition()) for one in self.definitions),
            *(
                Row(equation(R.T * R, chained([B] * h)), "balance, layer by layer", self.words(*rules))
                for h, R in enumerate(below, start=1)
            ),
            *(
                Row(equation(L * L.T, chained([A] * (H - h))), "balance, layer by layer", self.words(*rules))
                for h, L in enumerate(above, start=1)
            ),
            *(Row(one, "balance, layer by layer", self.words(*rules)) for one in self.powers),
            *(
                Row(equation(root.T, root), "a second moment is symmetric", self.words(*self.definitions))
                for root in self.roots
            ),
            *(
                Row(
                    equation(root, MatPow(power.args[1], Rational(1, H))),
                    "a second moment is positive semidefinite, and such a root is unique",
                    Citation(HORN_JOHNSON),
                )
                for root, power in zip(self.roots, self.powers, strict=True)
            ),
        )

    def flow_rows(self) -> tuple[Row, ...]:
        """The velocity of the product, and what it does to one pair of singular vectors."""
        rules = (*self.chain.slope_rules, *self.balance, *self.definitions)
        H = self.chain.depth
        return (
            *(
                Row(rule, f"the gradient in layer {h}, by the chain rule", Definition())
                for h, rule in enumerate(self.chain.slope_rules, start=1)
            ),
            Row(
                self.flowing,
                r"along $dW_h/dt = -G_h$, for every matrix $F$: $dW/dt = -\sum_j A^{H-j} G B^{j-1}$",
                self.words(*rules),
            ),
            *(
                Row(one, "a singular vector of the product, by its root", Given())
                for one in self.eigenvectors
            ),
            Row(
                self.gains,
                "so that the gradient's component along $u v^T$ is multiplied by a number of its own",
                MatrixWords(self.instance, self.eigenvectors, self.roots),
            ),
            Row(
                equation((a**2 - b**2) * gain(H), a ** (2 * H) - b ** (2 * H)),
                r"telescoping: $\sum_j \sigma_r^{2 (H - j) / H} \sigma_q^{2 (j - 1) / H} = (\sigma_r^2 - "
                r"\sigma_q^2) / (\sigma_r^{2/H} - \sigma_q^{2/H})$ where $\sigma_r \ne \sigma_q$",
                ScalarIdentity(),
            ),
        )


def balanced_layers(frames: list[Any], values: list[Any]) -> list[Any]:
    """R_h diag(s) R_{h-1}^T for square orthogonal frames R_0, ..., R_H."""
    return [
        high * rational.diagonal(values, high.shape[0], low.shape[0]) * low.transpose()
        for low, high in pairwise(frames)
    ]


@dataclass(frozen=True)
class SingleOutput:
    """One output: the product is a row w, with w w^T = alpha^H, and its roots are explicit."""

    depth: int

    @cached_property
    def letters(self) -> tuple[MatrixSymbol, MatrixSymbol, MatrixSymbol]:
        """w (1, d_0), the gradient g (1, d_0), and B (d_0, d_0)."""
        size = Symbol("d_0", integer=True, positive=True)
        return MatrixSymbol("w", 1, size), MatrixSymbol("g", 1, size), MatrixSymbol("B", size, size)

    def instance(self, random: Random) -> dict[Any, Any]:
        """A rational row of rational length, and the root of w^T w."""
        size, root = random.randint(1, LARGEST_SIZE), QQ(random.randint(1, 4), random.randint(1, 3))
        unit = rational.columns_of(rational.orthogonal(random, size), [0]).transpose()
        w, g, B = self.letters
        return {
            w: unit * root**self.depth,
            g: rational.general(random, 1, size),
            B: unit.transpose() * unit * root**2,
            alpha: QQ.to_sympy(root**2),
        }

    @cached_property
    def velocity(self) -> Eq:
        """What the sum of A^{H-j} G B^{j-1} is for one output, A = alpha."""
        w, g, B = self.letters
        H = self.depth
        terms = [alpha ** (H - j) * chained([g, *[B] * (j - 1)]) for j in range(1, H + 1)]
        total = reduce(lambda one, other: one + other, terms)
        return equation(total, alpha ** (H - 1) * (g + (H - 1) * alpha**-H * g * w.T * w))

    def rows(self) -> tuple[Row, ...]:
        """The explicit form of the preconditioner."""
        (w, _, B), H = self.letters, self.depth
        length = equation(w * w.T, alpha**H * Identity(1))
        root = equation(B, alpha ** (1 - H) * w.T * w)
        return (
            Row(length, r"one output, $A = \alpha = |w|^{2/H}$", Definition()),
            Row(root, "the root of $w^T w$, a matrix of rank one", Definition()),
            Row(
                equation(chained([B] * H), w.T * w),
                "it is the root",
                MatrixWords(self.instance, (length, root)),
            ),
            Row(
                self.velocity,
                r"with $|w|^2 = \alpha^H$: $dw/dt = -|w|^{2 - 2/H} (g + (H - 1) g w^T w / |w|^2)$",
                MatrixWords(self.instance, (length, root)),
            ),
        )


def radial(depth: int) -> Expr:
    """H r^{2 - 2/H}, what multiplies the gradient along w."""
    return depth * norm ** (2 - Integer(2) / depth)


def tangential(depth: int) -> Expr:
    """r^{2 - 2/H}, what multiplies the gradient across w."""
    return norm ** (2 - Integer(2) / depth)
