"""Letters of the matrix solution, the rules between them, and rational instances that satisfy the rules.

Sizes: W_1 is h x m, W_2 is n x h, X is m x N, Y is n x N. Letters with a dot are time derivatives.
"""

from __future__ import annotations

from random import Random
from typing import Any

from sympy import (
    QQ,
    BlockMatrix,
    Identity,
    Inverse,
    MatrixSymbol,
    Rational,
    Symbol,
    symbols,
)
from sympy.polys.matrices import DomainMatrix

from theory import rational_matrices as rational
from theory.linear_landscape.letters import equation

n, m, h, N = symbols("n m h N", integer=True, positive=True)
t, balance = Symbol("t", real=True), Symbol("lambda", real=True)
SIZE = m + n

W_1, W_2 = MatrixSymbol("W_1", h, m), MatrixSymbol("W_2", n, h)
V_1, V_2 = MatrixSymbol("Wdot_1", h, m), MatrixSymbol("Wdot_2", n, h)
H_1, H_2 = MatrixSymbol("H_1", h, m), MatrixSymbol("H_2", n, h)
X, Y, S = MatrixSymbol("X", m, N), MatrixSymbol("Y", n, N), MatrixSymbol("S", n, m)
Q, Q_0, Q_dot = (MatrixSymbol(name, SIZE, h) for name in ("Q", "Q_0", "Qdot"))
F, E, E_dot = (MatrixSymbol(name, SIZE, SIZE) for name in ("F", "E", "Edot"))
G, G_dot = MatrixSymbol("G", SIZE, SIZE), MatrixSymbol("Gdot", SIZE, SIZE)
M, M_dot = MatrixSymbol("M", SIZE, SIZE), MatrixSymbol("Mdot", SIZE, SIZE)
P, P_dot = MatrixSymbol("P", SIZE, SIZE), MatrixSymbol("Pdot", SIZE, SIZE)
D = MatrixSymbol("D", h, h)
B, B_dot, C_dot = (MatrixSymbol(name, h, h) for name in ("B", "Bdot", "Cdot"))
x = MatrixSymbol("x", h, 1)

SYMMETRIC = (F, E, G, B)

STACKED = BlockMatrix([[W_1.T], [W_2]])
STACKED_VELOCITY = BlockMatrix([[V_1.T], [V_2]])
GENERATOR = BlockMatrix([[-balance / 2 * Identity(m), S.T], [S, balance / 2 * Identity(n)]])
RESIDUAL = S - W_2 * W_1

WHITE = (equation(X * X.T, Identity(m)), equation(Y * X.T, S))
FLOW = (equation(V_1, W_2.T * RESIDUAL), equation(V_2, RESIDUAL * W_1.T))
BALANCED = equation(W_2.T * W_2, W_1 * W_1.T + balance * Identity(h))
IMBALANCE = equation(D, W_2.T * W_2 - W_1 * W_1.T)
STACK_FLOW = equation(Q_dot, F * Q - Q * Q.T * Q / 2)
GRAM = equation(M, Q * Q.T)
GRAM_VELOCITY = equation(M_dot, Q_dot * Q.T + Q * Q_dot.T)
EXPONENTIAL = (equation(E_dot, F * E), equation(E * F, F * E))
INTEGRAL = equation(G_dot, E * E)
BRACKET = equation(B, Identity(h) + Q_0.T * G * Q_0)
BRACKET_VELOCITY = equation(B_dot, Q_0.T * G_dot * Q_0)
INVERSE_VELOCITY = equation(B * C_dot, -B_dot * Inverse(B))
INVERSE_RULE = equation(C_dot, -Inverse(B) * B_dot * Inverse(B))
SOLUTION = equation(P, E * Q_0 * Inverse(B) * Q_0.T * E)
SOLUTION_VELOCITY = equation(
    P_dot,
    E_dot * Q_0 * Inverse(B) * Q_0.T * E
    + E * Q_0 * C_dot * Q_0.T * E
    + E * Q_0 * Inverse(B) * Q_0.T * E_dot.T,
)
# What the theorem concludes.
GRAM_FLOW = equation(M_dot, F * M + M * F - M * M)
SOLVED = equation(P_dot, F * P + P * F - P * P)
EQUAL = equation(M, P)


def any_network(random: Random) -> dict[Any, Any]:
    """White inputs, targets, a lambda-balanced network, directions; everything that follows from them."""
    inputs, outputs = random.randint(1, 3), random.randint(1, 3)
    level = Rational(random.choice((-3, -2, 0, 1, 2)), 3)
    hidden = random.randint(1, min(inputs, outputs) if level else 3)
    return _letters(random, (inputs, hidden, outputs), level)


def any_invertible(random: Random) -> dict[Any, Any]:
    """The same with an invertible F."""
    while True:
        drawn = any_network(random)
        if rational.rank(drawn[F]) == drawn[F].shape[0]:
            return drawn


def balanced_pair(
    random: Random, widths: tuple[int, int, int], level: Rational
) -> tuple[DomainMatrix, DomainMatrix]:
    """W_1, W_2 with W_2^T W_2 - W_1 W_1^T = level I, exactly.

    W_1 = R D_1 V^T and W_2 = U D_2 R^T with d_2 - d_1 = level / k and d_2 + d_1 = k; a level other than 0
    needs hidden units no more than inputs and outputs.
    """
    inputs, hidden, outputs = widths
    sums = [Rational(random.randint(1, 5), 2) for _ in range(min(widths))]
    first = [QQ.convert((total - level / total) / 2) for total in sums]
    second = [QQ.convert((total + level / total) / 2) for total in sums]
    U, R, V = (rational.orthogonal(random, size) for size in (outputs, hidden, inputs))
    return (
        R * rational.diagonal(first, hidden, inputs) * V.transpose(),
        U * rational.diagonal(second, outputs, hidden) * R.transpose(),
    )


def _letters(random: Random, widths: tuple[int, int, int], level: Rational) -> dict[Any, Any]:
    inputs, hidden, outputs = widths
    examples = inputs + random.randint(0, 1)
    white = rational.columns_of(rational.orthogonal(random, examples), range(inputs)).transpose()
    targets = rational.general(random, outputs, examples)
    cross = targets * white.transpose()
    first, second = balanced_pair(random, widths, level)
    residual = cross - second * first
    known = {
        X: white,
        Y: targets,
        S: cross,
        W_1: first,
        W_2: second,
        V_1: second.transpose() * residual,
        V_2: residual * first.transpose(),
        H_1: rational.general(random, hidden, inputs),
        H_2: rational.general(random, outputs, hidden),
        x: rational.general(random, hidden, 1),
        D: second.transpose() * second - first * first.transpose(),
        t: Rational(random.randint(1, 9), 7),
        balance: level,
    }
    return known | _stacked_letters(random, known)


def _stacked_letters(random: Random, known: dict[Any, Any]) -> dict[Any, Any]:
    """Q, F and the letters of the solution; E and G are polynomials in F, so that they commute with it."""
    stack = rational.above(known[W_1].transpose(), known[W_2])
    velocity = rational.above(known[V_1].transpose(), known[V_2])
    generator = _generator(known[S], known[balance])
    unit = rational.identity(generator.shape[0])
    half = QQ(1, 2)
    power = unit + generator * half + generator * generator * QQ(1, 5)
    grown = power * power * half + unit  # positive definite, so that the bracket is invertible
    start = rational.general(random, *stack.shape)
    bracket = rational.identity(stack.shape[1]) + start.transpose() * grown * start
    moved = start.transpose() * power * power * start
    inverse = bracket.inv()
    turned = -(inverse * moved * inverse)
    outer, outer_velocity = power * start, generator * power * start
    return {
        Q: stack,
        Q_dot: velocity,
        F: generator,
        M: stack * stack.transpose(),
        M_dot: velocity * stack.transpose() + stack * velocity.transpose(),
        E: power,
        E_dot: generator * power,
        G: grown,
        G_dot: power * power,
        Q_0: start,
        B: bracket,
        B_dot: moved,
        C_dot: turned,
        P: outer * inverse * outer.transpose(),
        P_dot: outer_velocity * inverse * outer.transpose()
        + outer * turned * outer.transpose()
        + outer * inverse * outer_velocity.transpose(),
    }


def _generator(cross: DomainMatrix, level: Rational) -> DomainMatrix:
    """F = [-lambda / 2, S^T; S, lambda / 2]."""
    outputs, inputs = cross.shape
    half = QQ.convert(level / 2)
    top = rational.beside(-(rational.identity(inputs) * half), cross.transpose())
    return rational.above(top, rational.beside(cross, rational.identity(outputs) * half))
