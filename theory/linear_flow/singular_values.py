"""Rows: how a singular value of a balanced product moves, for any loss, every size, and either sign.

The singular value decomposition is the analytic one: W v = sigma u with unit vectors that move smoothly, so
that sigma may be negative and may cross others.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any

from sympy import (
    QQ,
    Abs,
    Derivative,
    Eq,
    Expr,
    Identity,
    Integer,
    MatrixSymbol,
    Rational,
    Subs,
    Symbol,
    Trace,
    ZeroMatrix,
    log,
    symbols,
)

from theory import rational_matrices as rational
from theory.derivation import Row
from theory.linear_flow.balanced import BalancedFlow, balanced_layers
from theory.linear_flow.chain import LARGEST_SIZE, Chain, equation, s
from theory.proving.consequence import Consequence
from theory.proving.definition import CitedStatement, Definition, Given
from theory.proving.identity import Identity as ScalarIdentity
from theory.proving.matrix_words import MatrixWords

sigma, rate, slope = symbols("sigma nu gamma", real=True)  # a singular value, its velocity, u^T G v
root = Symbol("a", nonnegative=True)  # |sigma|^{1/H}
size = Symbol("sigma", positive=True)  # of a singular value that is not zero


def velocity(depth: int) -> Expr:
    """-H (sigma^2)^{1 - 1/H} gamma."""
    return -depth * Abs(sigma) ** (2 - Rational(2, depth)) * slope


def potential(depth: int) -> Expr:
    """What grows at the rate -H gamma: log sigma for two layers, a power of sigma for more."""
    if depth == 2:
        return log(size)
    exponent = Rational(depth - 2, depth)
    return -(size**-exponent) / exponent


@dataclass(frozen=True)
class SingularValue:
    """The letters of one singular value of the product of balanced layers."""

    flow: BalancedFlow

    @cached_property
    def product(self) -> MatrixSymbol:
        """W, the product as one letter."""
        return self._like("W")

    @cached_property
    def moving(self) -> MatrixSymbol:
        """V, the velocity of the product."""
        return self._like("V")

    @cached_property
    def turning(self) -> tuple[MatrixSymbol, MatrixSymbol]:
        """x and y, the velocities of u and v."""
        u, v = self.flow.vectors
        return MatrixSymbol("x", u.shape[0], 1), MatrixSymbol("y", v.shape[0], 1)

    def _like(self, name: str) -> MatrixSymbol:
        return MatrixSymbol(name, self.flow.chain.sizes[-1], self.flow.chain.sizes[0])

    @cached_property
    def singular(self) -> tuple[Eq, ...]:
        """W v = sigma u, W^T u = sigma v, unit vectors, and velocities across them."""
        (u, v), (u_dot, v_dot), W = self.flow.vectors, self.turning, self.product
        return (
            equation(W * v, sigma * u),
            equation(W.T * u, sigma * v),
            equation(u.T * u, Identity(1)),
            equation(v.T * v, Identity(1)),
            equation(u.T * u_dot, ZeroMatrix(1, 1)),
            equation(v.T * v_dot, ZeroMatrix(1, 1)),
        )

    @cached_property
    def moved(self) -> Expr:
        """d/dt of u^T W v, the singular value itself."""
        (u, v), (u_dot, v_dot) = self.flow.vectors, self.turning
        traced = Trace((u + s * u_dot).T * (self.product + s * self.moving) * (v + s * v_dot))
        return Subs(Derivative(traced, s), s, 0)

    def instance(self, random: Random) -> dict[Any, Any]:
        """Balanced layers of rational singular values, one of them with its vectors, of either sign."""
        chain = self.flow.chain
        sizes = [random.randint(1, LARGEST_SIZE) for _ in chain.sizes]
        frames = [rational.orthogonal(random, size) for size in sizes]
        values = [QQ(random.randint(0, 4), random.randint(1, 3)) for _ in range(min(sizes))]
        layers = balanced_layers(frames, values)
        chosen, sign = random.randrange(len(values)), random.choice((1, -1))
        u, v = (rational.columns_of(frame, [chosen]) for frame in (frames[-1] * QQ(sign), frames[0]))
        gradient = rational.general(random, sizes[-1], sizes[0])
        A, B = layers[-1] * layers[-1].transpose(), layers[0].transpose() * layers[0]
        terms = [A ** (chain.depth - j) * gradient * B ** (j - 1) for j in range(1, chain.depth + 1)]
        turned = (rational.general(random, length, 1) for length in (sizes[-1], sizes[0]))
        return {
            **dict(zip(self.flow.roots, (A, B), strict=True)),
            **dict(zip(self.flow.vectors, (u, v), strict=True)),
            **{d: x - y * y.transpose() * x for d, x, y in zip(self.turning, turned, (u, v), strict=True)},
            chain.gradient: gradient,
            self.product: _product(layers),
            self.moving: -sum(terms[1:], terms[0]),
            sigma: QQ.to_sympy(values[chosen] ** chain.depth) * sign,
            root: QQ.to_sympy(values[chosen]),
        }

    def rows(self, widths: tuple[int, ...]) -> tuple[Row, ...]:
        """From the velocity of the product to that of its singular values."""
        (u, v), (A, B) = self.flow.vectors, self.flow.roots
        G, H = self.flow.chain.gradient, self.flow.chain.depth
        along, projected = Trace(u.T * self.moving * v), Trace(u.T * G * v)
        flowing = equation(self.moving, -self.flow.preconditioned(G))
        eigen = (equation(A * u, root**2 * u), equation(B * v, root**2 * v))
        only, known = equation(self.moved, along), equation(along, -H * root ** (2 * (H - 1)) * projected)
        analytic = "an analytic singular value decomposition: its vectors move across themselves"
        vectors = "$A^H = W W^T$, $B^H = W^T W$ and their roots have these vectors"
        return (
            *(Row(one, analytic, Given()) for one in self.singular),
            Row(
                only,
                "$u$, $W$, $v$ move at $x$, $V$, $y$; what the vectors do does not matter",
                MatrixWords(self.instance, self.singular),
            ),
            Row(
                flowing,
                "balanced layers: the preconditioned gradient",
                CitedStatement("linear_networks.implicit_acceleration", {"widths": widths}),
            ),
            *(Row(one, vectors, Given()) for one in eigen),
            Row(
                known,
                "every term of the sum gives the same number",
                MatrixWords(self.instance, (flowing, *eigen), (A, B)),
            ),
            *self._concluding_rows(only, known, projected),
        )

    def _concluding_rows(self, only: Eq, known: Eq, projected: Expr) -> tuple[Row, ...]:
        """Names for the numbers, the velocity in them, and what it means for the rank."""
        H = self.flow.chain.depth
        names = {
            equation(rate, self.moved): r"$\nu$ is the velocity of $\sigma = u^T W v$",
            equation(root, Abs(sigma) ** Rational(1, H)): "the root of its size",
            equation(projected, slope): "the component of the gradient",
        }
        moving, *others = names
        return (
            *(Row(name, reason, Definition()) for name, reason in names.items()),
            Row(
                equation(rate, velocity(H)),
                r"insert: $\nu = -H (\sigma^2)^{1 - 1/H} \gamma$ with $\gamma = u^T G v$",
                Consequence((moving, only, known, *others)),
            ),
            Row(
                equation(Derivative(potential(H), size), size ** (Rational(2, H) - 2)),
                r"so this function of a singular value $\sigma > 0$ moves at the rate $-H \gamma$; it has no "
                "finite value at 0, which no singular value reaches or leaves in finite time: the flow keeps "
                "the rank",
                ScalarIdentity(),
            ),
        )


def _product(layers: list[Any]) -> Any:
    found = layers[0]
    for layer in layers[1:]:
        found = layer * found
    return found


def limiting_case(depth: int) -> Row:
    """A scalar product w = u^H of equal weights, with loss w: the weights move by -u^{H-1}."""
    weight = Symbol("u", positive=True)
    moved = depth * weight ** (depth - 1) * -(weight ** (depth - 1))
    return Row(
        equation(moved, velocity(depth).subs({sigma: weight**depth, slope: Integer(1)})),
        "layers of one unit with equal weights $u$ and the loss $u^H$: the chain rule gives the same",
        ScalarIdentity(),
    )


def singular_value(depth: int) -> SingularValue:
    """The letters for this number of layers."""
    return SingularValue(BalancedFlow(Chain(depth)))
