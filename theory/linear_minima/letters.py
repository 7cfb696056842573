"""Letters of the proof for decayed weights, and rational points that satisfy the rules between them.

Units in which both decays are 1: M is n x m, A is n x p, B is p x m. At a critical point of rank r the
singular values of M that are chosen are T = I + D^2, with singular vectors U (n x r) and Q (m x r), and O
(p x r) has orthonormal columns.
"""

from __future__ import annotations

from random import Random
from typing import Any

from sympy import Expr, MatrixSymbol, Rational, Symbol, Trace, Transpose, symbols
from sympy.matrices.expressions.matexpr import MatrixExpr

from theory import rational_matrices as rational

n, m, p, r = symbols("n m p r", integer=True, positive=True)
N = Symbol("N", integer=True, positive=True)
t = Symbol("t", real=True)
x, y = symbols("x y", positive=True)  # roots of the decays of B and of A

A, B, M = MatrixSymbol("A", n, p), MatrixSymbol("B", p, m), MatrixSymbol("M", n, m)
F, H = MatrixSymbol("F", n, p), MatrixSymbol("H", p, m)
X, Y = MatrixSymbol("X", m, N), MatrixSymbol("Y", n, N)
U, Q, R = MatrixSymbol("U", n, r), MatrixSymbol("Q", m, r), MatrixSymbol("O", p, r)
U_C, Q_C = MatrixSymbol("U_C", n, n - r), MatrixSymbol("Q_C", m, m - r)
T_C = MatrixSymbol("T_C", n - r, m - r)
D, D_inverse, T = MatrixSymbol("D", r, r), MatrixSymbol("J", r, r), MatrixSymbol("T", r, r)

LARGEST = 3  # of the sizes of rational instances


def squared_norm(matrix: MatrixExpr) -> Expr:
    """|M|^2 = tr(M M^T)."""
    return Trace(matrix * Transpose(matrix))


def penalized(target: MatrixExpr, left: MatrixExpr, right: MatrixExpr, a: Any = 1, b: Any = 1) -> Expr:
    """(|target - left right|^2 + a |left|^2 + b |right|^2) / 2."""
    fit = squared_norm(target - left * right)
    return (fit + a * squared_norm(left) + b * squared_norm(right)) / 2


def any_point(random: Random) -> dict[Any, Any]:
    """Random factors, directions and target, and data with orthonormal inputs."""
    rows, inputs, hidden = (random.randint(1, LARGEST) for _ in range(3))
    examples = inputs + random.randint(0, 2)
    frame = rational.columns_of(rational.orthogonal(random, examples), range(inputs)).transpose()
    targets = rational.general(random, rows, examples)
    return {
        A: rational.general(random, rows, hidden),
        B: rational.general(random, hidden, inputs),
        F: rational.general(random, rows, hidden),
        H: rational.general(random, hidden, inputs),
        X: frame,
        Y: targets,
        M: targets * frame.transpose(),
        x: Rational(random.randint(1, 9), 4),
        y: Rational(random.randint(1, 9), 4),
    }


def any_frames(random: Random) -> dict[Any, Any]:
    """Random factors, and any orthonormal columns U and Q."""
    rows, inputs, hidden = (random.randint(1, LARGEST) for _ in range(3))
    count = random.randint(1, min(rows, inputs))
    return {
        A: rational.general(random, rows, hidden),
        B: rational.general(random, hidden, inputs),
        U: rational.columns_of(rational.orthogonal(random, rows), range(count)),
        Q: rational.columns_of(rational.orthogonal(random, inputs), range(count)),
    }


def any_critical_point(random: Random) -> dict[Any, Any]:
    """A critical point with both decays 1, rational because T = I + D^2 with a rational D."""
    chosen, others = random.randint(1, 2), random.randint(0, 2)
    rows, inputs = (chosen + others + random.randint(0, 1) for _ in range(2))
    hidden = chosen + random.randint(0, 2)
    roots = random.sample(range(1, 6), chosen)
    left, right = rational.orthogonal(random, rows), rational.orthogonal(random, inputs)
    units = rational.columns_of(rational.orthogonal(random, hidden), range(chosen))
    above = [1 + root**2 for root in roots]
    levels = [*above, *(random.randint(0, 9) for _ in range(others))]
    root = rational.diagonal(roots, chosen, chosen)
    first, second = (rational.columns_of(one, range(chosen)) for one in (left, right))
    return {
        M: left * rational.diagonal(levels, rows, inputs) * right.transpose(),
        A: first * root * units.transpose(),
        B: units * root * second.transpose(),
        U: first,
        Q: second,
        R: units,
        D: root,
        D_inverse: root.inv(),
        T: rational.diagonal(above, chosen, chosen),
    }
