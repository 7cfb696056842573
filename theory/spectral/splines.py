"""Kernels of ReLU networks with random knots in one dimension: integrals, splines, ends, waves."""

from __future__ import annotations

from functools import cache
from random import Random

from sympy import (
    QQ,
    Abs,
    Derivative,
    Eq,
    Expr,
    Function,
    Integer,
    Integral,
    MatrixSymbol,
    Rational,
    Symbol,
    ZeroMatrix,
    cos,
    diff,
    expand,
    integrate,
    pi,
    sin,
    symbols,
)
from sympy.polys.matrices import DomainMatrix

from theory.derivation import Row
from theory.proving import Antiderivative, Consequence, Definition, Identity
from theory.proving.matrix_words import MatrixWords

X, Y, KNOT = symbols("x y l", real=True)
GAP = Symbol("h", nonnegative=True)  # |x - y|
HALF = Symbol("B", positive=True)  # the knots are uniform on [-B, B]
FREQUENCY = Symbol("omega", positive=True)
MODE = Symbol("k", integer=True, nonnegative=True)

READOUTS = (Rational(2, 3) * HALF**3 + 2 * HALF * X * Y + Abs(X - Y) ** 3 / 6) / (4 * HALF)
KNOTS = (2 * HALF - Abs(X - Y)) / (4 * HALF)
K_A, K_B = (Function(name)(X, X + GAP) for name in ("K_a", "K_b"))
R_A, L_A, R_B, L_B = (Function(name)(X) for name in ("r_a", "l_a", "r_b", "l_b"))
T_A, T_B = Function("T_a")(X), Function("T_b")(X)
# Of K_b with respect to the uniform measure on [-B, B], at omega = (2 k + 1) pi / (2 B).
ANGULAR = (2 * MODE + 1) * pi / (2 * HALF)
EIGENVALUE = 1 / ((2 * MODE + 1) ** 2 * pi**2)


def piece(kernel: Expr, side: int) -> Expr:
    """The polynomial in x that the kernel is for x > y (``side`` 1) or x < y (-1)."""
    return kernel.subs(Abs(X - Y), side * (X - Y))


KERNELS = (Eq(K_A, READOUTS.subs(Y, X + GAP)), Eq(K_B, KNOTS.subs(Y, X + GAP)))
PIECES = tuple(
    Eq(name, piece(kernel, side))
    for name, kernel, side in ((R_A, READOUTS, 1), (L_A, READOUTS, -1), (R_B, KNOTS, 1), (L_B, KNOTS, -1))
)
JUMPS = (Eq(R_A - L_A, (X - Y) ** 3 / (12 * HALF)), Eq(R_B - L_B, -(X - Y) / (2 * HALF)))


def _ends(kernel: Expr, multiple: Expr) -> Eq:
    """The sum of both outer pieces, and a multiple of derivatives of the right one that equals it."""
    return Eq(piece(kernel, 1) + piece(kernel, -1), multiple, evaluate=False)


def _derivative(kernel: Expr, order: int) -> Expr:
    return Derivative(piece(kernel, 1), (X, order))


ENDS = (
    _ends(
        READOUTS,
        4 * HALF**3 * _derivative(READOUTS, 3) / 3
        - 4 * HALF * X * (_derivative(READOUTS, 2) - X * _derivative(READOUTS, 3)),
    ),
    _ends(KNOTS, -4 * HALF * _derivative(KNOTS, 1)),
)


def by_parts(polynomial: Expr, wave: Expr, variable: Symbol) -> Expr:
    """An antiderivative of the product of a polynomial and a sine or cosine."""
    total, sign = Integer(0), 1
    while polynomial != 0:
        wave = integrate(wave, variable)
        total, polynomial, sign = total + sign * polynomial * wave, diff(polynomial, variable), -sign
    return total


def _integral(integrand: Expr, variable: Symbol, low: Expr, high: Expr) -> tuple[Eq, Expr]:
    """The integral of a polynomial with its value, and the antiderivative."""
    primitive = integrate(expand(integrand), variable)
    value = expand(primitive.subs(variable, high) - primitive.subs(variable, low))
    return Eq(Integral(integrand, (variable, low, high)), value), primitive


_MEASURED = (
    r"units with $s = 1$ are active at both inputs where $l < x$",
    r"units with $s = -1$ where $l > x + h$",
    "the derivative of a unit in its knot is $-a s$ where it is active, with $E a^2 = 1$: it remains "
    "to measure these knots",
    "and those",
)
_SIDES = (
    r"$K_a(x, y)$ for $x > y$, by symmetry",
    "for $x < y$",
    r"$K_b(x, y)$ for $x > y$",
    "for $x < y$",
)


def kernel_rows() -> tuple[Row, ...]:
    """The two kernels from the units that are active at both inputs."""
    right = X + GAP
    left_units = _integral((X - KNOT) * (right - KNOT), KNOT, -HALF, X)
    right_units = _integral((KNOT - X) * (KNOT - right), KNOT, right, HALF)
    left_count, right_count = (_integral(Integer(1), KNOT, *ends) for ends in ((-HALF, X), (right, HALF)))
    means = tuple(
        Eq(name, (first.lhs + second.lhs) / (4 * HALF))
        for name, (first, _), (second, _) in (
            (K_A, left_units, right_units),
            (K_B, left_count, right_count),
        )
    )
    integrals = (left_units, right_units, left_count, right_count)
    return (
        Row(
            means[0],
            r"the mean of $\rho(s (x - l)) \rho(s (x + h - l))$ over signs and knots, by the units that are "
            "active at both inputs; the others add nothing",
            Definition(),
        ),
        Row(means[1], "the same for the derivatives in the knots", Definition()),
        *(
            Row(relation, reason, Antiderivative(primitive))
            for (relation, primitive), reason in zip(integrals, _MEASURED, strict=True)
        ),
        Row(
            KERNELS[0],
            "the kernel of the readout weights",
            Consequence((means[0], left_units[0], right_units[0])),
        ),
        Row(
            KERNELS[1],
            "the kernel of the knots, and of the biases $-s l$ as well",
            Consequence((means[1], left_count[0], right_count[0])),
        ),
    )


def spline_rows() -> tuple[Row, ...]:
    """Both pieces of a kernel, their difference, and what holds at the ends."""
    third = Eq(Derivative((X - Y) ** 3 / (12 * HALF), (X, 3)), 1 / (2 * HALF), evaluate=False)
    return (
        *(Row(one, name, Definition()) for one, name in zip(PIECES, _SIDES, strict=True)),
        Row(
            JUMPS[0],
            r"across $x = y$ value, slope and curvature are continuous: $\sum_i c_i K_a(x, x_i)$ is a cubic "
            "spline with its knots at the data",
            Consequence(PIECES[:2]),
        ),
        Row(
            third,
            r"its third derivative jumps by $c_i / (2 B)$, so $K_a'''' = \delta(x - y) / (2 B)$",
            Identity(),
        ),
        Row(
            JUMPS[1],
            r"$\sum_i c_i K_b(x, x_i)$ is continuous and linear between the data, and its slope jumps by "
            r"$-c_i / (2 B)$: $-K_b'' = \delta(x - y) / (2 B)$. Between the data the interpolant is the "
            "polygon through them",
            Consequence(PIECES[2:]),
        ),
        Row(
            ENDS[0],
            r"the conditions at the ends, with $r''$ and $r^{(3)}$ of the right outer piece: "
            r"$r + l = (4/3) B^3 r^{(3)} - 4 B x (r'' - x r^{(3)})$ for all $x$, four linear conditions. "
            "They hold for each $y$, so for every sum; the curvature at the ends need not vanish",
            Identity(),
        ),
        Row(
            ENDS[1],
            "the two conditions of the polygon, $r + l = -4 B r'$, which fix its outer slopes",
            Identity(),
        ),
    )


@cache
def _natural() -> tuple[Eq, MatrixWords]:
    count = Symbol("n", integer=True, positive=True)
    c, one, data = (MatrixSymbol(name, count, 1) for name in ("c", "e", "X"))
    rules = tuple(Eq(c.T * other, ZeroMatrix(1, 1), evaluate=False) for other in (one, data))

    def instance(random: Random) -> dict[object, object]:
        low, gap, size = (random.randint(1, 9) for _ in range(3))
        columns = {c: (size, -2 * size, size), one: (1, 1, 1), data: (low, low + gap, low + 2 * gap)}
        matrices = {
            letter: DomainMatrix([[QQ(entry)] for entry in column], (3, 1), QQ)
            for letter, column in columns.items()
        }
        return {**matrices, X: QQ(low, size), HALF: QQ(gap)}

    bend = Eq(c.T * (X * one - data) / (4 * HALF), ZeroMatrix(1, 1), evaluate=False)
    return bend, MatrixWords(instance, rules)


def natural_rows() -> tuple[Row, ...]:
    """When the spline is the natural one."""
    curvature = Eq(Derivative(piece(READOUTS, 1), (X, 2)), (X - Y) / (4 * HALF), evaluate=False)
    bend, words = _natural()
    return (
        Row(
            curvature,
            "the curvature of the right outer piece; that of the left one is the opposite",
            Identity(),
        ),
        Row(
            bend,
            r"$e$ has the entries 1: with $\sum_i c_i = 0$ and $\sum_i c_i x_i = 0$, which hold if constants "
            "and linear functions are added without a penalty, both outer pieces are straight: this is the "
            "natural cubic spline. Without them it is not",
            words,
        ),
    )


def _wave(kernel: Expr, wave: Expr) -> tuple[tuple[Expr, Expr], ...]:
    """Integrands left and right of x with their antiderivatives in y."""
    sides = tuple(piece(kernel, side) for side in (1, -1))
    return tuple((side * wave, by_parts(expand(side), wave, Y)) for side in sides)


def _wave_rows(name: Expr, kernel: Expr, wave: Expr, result: Eq, why: str) -> tuple[Row, ...]:
    """The kernel applied to a wave: both sides of x, and their sum."""
    limits = ((-HALF, X), (X, HALF))
    rows = []
    for (integrand, primitive), (low, high) in zip(_wave(kernel, wave), limits, strict=True):
        value = primitive.subs(Y, high) - primitive.subs(Y, low)
        relation = Eq(Integral(integrand, (Y, low, high)), value)
        rows.append(Row(relation, f"the part $y {'<' if high == X else '>'} x$", Antiderivative(primitive)))
    named = Eq(name, sum(row.relation.lhs for row in rows), evaluate=False)
    premises = (named, *(row.relation for row in rows))
    return (Row(named, why, Definition()), *rows, Row(result, "in all", Consequence(premises)))


WAVES = (
    Eq(
        T_B,
        sin(FREQUENCY * X) / (2 * HALF * FREQUENCY**2) - X * cos(HALF * FREQUENCY) / (2 * HALF * FREQUENCY),
    ),
    Eq(
        T_A,
        cos(FREQUENCY * X) / (2 * HALF * FREQUENCY**4)
        + (X**2 / 4 + 5 * HALF**2 / 12 - 1 / (2 * FREQUENCY**2)) * sin(HALF * FREQUENCY) / FREQUENCY
        + (X**2 / 4 + HALF**2 / 4 - 1 / (2 * FREQUENCY**2)) * cos(HALF * FREQUENCY) / (HALF * FREQUENCY**2),
    ),
)
SINES = Eq(WAVES[0].rhs.subs(FREQUENCY, ANGULAR), 2 * HALF * EIGENVALUE * sin(ANGULAR * X), evaluate=False)


def wave_rows() -> tuple[Row, ...]:
    """Fourier multipliers 1/(2 B omega^2) and 1/(2 B omega^4), and exact eigenfunctions of K_b."""
    return (
        *_wave_rows(
            T_B,
            KNOTS,
            sin(FREQUENCY * Y),
            WAVES[0],
            r"$T_b$ is $K_b$ applied to the wave $\sin \omega y$ on $[-B, B]$",
        ),
        Row(
            SINES,
            r"at $\omega B = \pi / 2 + k \pi$ the linear part vanishes: these sines are eigenfunctions, and "
            r"divided by $2 B$, for the uniform measure, the eigenvalue is $1 / ((2 k + 1)^2 \pi^2)$",
            Identity(),
        ),
        *_wave_rows(
            T_A,
            READOUTS,
            cos(FREQUENCY * Y),
            WAVES[1],
            r"$T_a$ is $K_a$ applied to $\cos \omega y$",
        ),
    )
