"""Rows of the proof: where idle units are silent, a curve leads down at order t^H, whatever the Hessian says.

Every layer is moved by t a_h b_{h-1}^T, with b_h^T a_h = 1 at the hidden nodes, where layers do not see the
idle directions: W_{h+1} a_h = 0 and b_h^T W_h = 0. Inputs are white: W stands for the product in whitened
coordinates, M for the regression; a_H = u and b_0 = q are singular vectors of M of s that are not chosen.
"""

from __future__ import annotations

from random import Random
from typing import Any

from sympy import Expr, Identity, Lt, MatrixSymbol, Rational, ZeroMatrix, symbols

from theory import rational_matrices as rational
from theory.derivation import Row
from theory.linear_landscape.letters import equation, squared_norm
from theory.proving.matrix_words import MatrixWords
from theory.proving.nonnegativity import Nonnegativity

n, m, before, here, after = symbols("n m d_{h-1} d_h d_{h+1}", integer=True, positive=True)
t, s, tau, room, reached = symbols("t s tau g theta", positive=True)
LATER, EARLIER = MatrixSymbol("W_{h+1}", after, here), MatrixSymbol("B_{h+1}", here, before)
a, b = MatrixSymbol("a_h", here, 1), MatrixSymbol("b_h", here, 1)
a_next, b_first = MatrixSymbol("a_{h+1}", after, 1), MatrixSymbol("b_0", before, 1)
E, u, q = MatrixSymbol("E", n, m), MatrixSymbol("u", n, 1), MatrixSymbol("q", m, 1)

_SILENT = (
    equation(b.T * a, Identity(1)),
    equation(LATER * a, ZeroMatrix(after, 1)),
    equation(b.T * EARLIER, ZeroMatrix(1, before)),
)

_SINGULAR = (
    equation(E * q, s * u),
    equation(E.T * u, s * q),
    equation(u.T * u, Identity(1)),
    equation(q.T * q, Identity(1)),
)


def drop(layers: int) -> Expr:
    """The change of L along the curve: t^(2 H) / 2 - s t^H."""
    return t ** (2 * layers) / 2 - s * t**layers


def rows() -> tuple[Row, ...]:
    """The product along the curve, the loss, and its sign: no such saddle is a local minimum."""
    moved = (LATER + t * a_next * b.T) * (EARLIER + reached * a * b_first.T)
    return (
        Row(
            equation(moved, LATER * EARLIER + t * reached * a_next * b_first.T),
            r"where idle units are silent, $W_{h+1} a_h = 0$, $b_h^T W_h = 0$ and $b_h^T a_h = 1$, and every "
            r"layer is moved by $t a_h b_{h-1}^T$: if the layers up to $h$ have added $\theta a_h b_0^T$ to "
            r"their product $B_{h+1}$, one more adds $t \theta a_{h+1} b_0^T$, and all of them $t^H a_H "
            r"b_0^T$",
            MatrixWords(_layers, _SILENT),
        ),
        Row(
            equation(squared_norm(E - tau * u * q.T), squared_norm(E) - 2 * s * tau + tau**2),
            r"with $a_H = u$ and $b_0 = q$, singular vectors of $s > 0$ that are not chosen, the error $E$ "
            r"of "
            r"the whitened product has $E q = s u$: $2 L$ along the curve, $\tau = t^H$",
            MatrixWords(_ends, _SINGULAR),
        ),
        Row(
            Lt(tau**2 - 2 * (tau / 2 + room) * tau, 0, evaluate=False),
            r"below its value at the saddle for $0 < \tau < 2 s$, $s = \tau / 2 + g$: with fewer than the "
            r"largest rank chosen no such point is a local minimum, its Hessian being positive "
            r"semidefinite or not",
            Nonnegativity(2 * tau * room),
        ),
    )


def _layers(random: Random) -> dict[Any, Any]:
    """A layer that does not see a_h behind layers that do not reach b_h."""
    seen, first, last = (random.randint(1, 3) for _ in range(3))
    basis = rational.invertible(random, seen + 1)
    dual = basis.inv()
    idle = rational.columns_of(basis, [seen])
    across = rational.columns_of(dual.transpose(), [seen])
    kept = rational.columns_of(dual.transpose(), range(seen)).transpose()
    return {
        LATER: rational.general(random, last, seen) * kept,
        EARLIER: rational.columns_of(basis, range(seen)) * rational.general(random, seen, first),
        a: idle,
        b: across,
        a_next: rational.general(random, last, 1),
        b_first: rational.general(random, first, 1),
        t: Rational(random.randint(1, 9), 4),
        reached: Rational(random.randint(1, 9), 4),
    }


def _ends(random: Random) -> dict[Any, Any]:
    """An error with singular vectors of s, and anything orthogonal to them."""
    rows_, columns = random.randint(1, 4), random.randint(1, 4)
    left, right = rational.orthogonal(random, rows_), rational.orthogonal(random, columns)
    level = Rational(random.randint(1, 9), 4)
    diagonal = rational.diagonal([random.randint(0, 5) for _ in range(min(rows_, columns))], rows_, columns)
    first, second = rational.columns_of(left, [0]), rational.columns_of(right, [0])
    rest = left * diagonal * right.transpose()
    rest = rest - first * first.transpose() * rest
    rest = rest - rest * second * second.transpose()
    scaled = first * rational.diagonal([level], 1, 1) * second.transpose()
    return {E: rest + scaled, u: first, q: second, s: level, tau: Rational(random.randint(1, 9), 4)}
