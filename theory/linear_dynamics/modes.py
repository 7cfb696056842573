"""Rows of the modes: how a deep linear network decouples, and the course of every mode by itself."""

from __future__ import annotations

from random import Random
from typing import Any

from sympy import (
    Derivative,
    Eq,
    Expr,
    Identity,
    Integer,
    Integral,
    Le,
    MatrixSymbol,
    Rational,
    Subs,
    Symbol,
    exp,
    log,
    sqrt,
    symbols,
    tanh,
)

from theory import rational_matrices as rational
from theory.derivation import Row
from theory.linear_landscape.letters import equation
from theory.proving import Antiderivative, Citation, Definition, Given, Nonnegativity
from theory.proving import Identity as ScalarIdentity
from theory.proving.matrix_words import MatrixWords
from theory.statement import Domain, Source

HAIRER = Source(
    "E. Hairer, C. Lubich and G. Wanner", "Geometric numerical integration, 2nd edition", 2006, "Chapter IX"
)

# --- the modes of a network of any depth, as words -----------------------------------------------------

n, m, p, q, k = symbols("n m p q k", integer=True, positive=True)
U, V = MatrixSymbol("U", n, k), MatrixSymbol("V", m, k)
R, Q = MatrixSymbol("R", p, k), MatrixSymbol("Q", q, k)
ABOVE, LAYER, BELOW = MatrixSymbol("A", n, p), MatrixSymbol("W_h", p, q), MatrixSymbol("B", q, m)
P_ABOVE, D, P_BELOW = MatrixSymbol("P_A", k, k), MatrixSymbol("D_h", k, k), MatrixSymbol("P_B", k, k)
S, M = MatrixSymbol("S", k, k), MatrixSymbol("M", k, k)
S_YX, S_XX = MatrixSymbol("Sigma_YX", n, m), MatrixSymbol("Sigma_XX", m, m)
W_1, W_2, Z = MatrixSymbol("W_1", p, m), MatrixSymbol("W_2", n, p), MatrixSymbol("Z", p, k)
V_1, V_2 = MatrixSymbol("Wdot_1", p, m), MatrixSymbol("Wdot_2", n, p)
DIAGONAL = (P_ABOVE, D, P_BELOW, S, M)

FRAMES = tuple(equation(frame.T * frame, Identity(k)) for frame in (U, V, R, Q))
DATA = (equation(S_YX * V, U * S), equation(S_YX.T * U, V * S), equation(S_XX * V, V * M))
ALIGNED = (
    equation(ABOVE, U * P_ABOVE * R.T),
    equation(LAYER, R * D * Q.T),
    equation(BELOW, Q * P_BELOW * V.T),
)
PUSHED = equation(ABOVE.T * S_YX * BELOW.T, R * P_ABOVE * S * P_BELOW * Q.T)
PULLED = equation(
    ABOVE.T * ABOVE * LAYER * BELOW * S_XX * BELOW.T, R * P_ABOVE * P_ABOVE * D * P_BELOW * M * P_BELOW * Q.T
)
SMALL = (equation(V_1, W_2.T * S_YX), equation(V_2, S_YX * W_1.T))

# --- one mode -------------------------------------------------------------------------------------------

RATE, VARIANCE, SEED = symbols("s mu u_0", positive=True)
TIME, STEP = symbols("t eta", positive=True)
VALUE, ROOT = symbols("u y", positive=True)
DEPTH = Symbol("N", integer=True, positive=True)
GAP, SHIFT = Symbol("c", positive=True), Symbol("k", real=True)

END = RATE / VARIANCE
GROWN = exp(2 * RATE * TIME)
# Two layers, balanced: the logistic curve.
CURVE = RATE * GROWN / (VARIANCE * (GROWN - 1) + RATE / SEED)
# Two layers, c = |a^2 - b^2|: u = c x / (1 - x^2).
SPEED = sqrt(VARIANCE**2 * GAP**2 + 4 * RATE**2)
ANGLE = (SPEED * tanh(SPEED * TIME / 2 + SHIFT) - VARIANCE * GAP) / (2 * RATE)
UNBALANCED = GAP * ANGLE / (1 - ANGLE**2)
# N layers: the pace of a balanced mode.
PACE = DEPTH * VALUE ** (2 - 2 / DEPTH) * (RATE - VARIANCE * VALUE)
# Descent of two layers: the first order in eta of the half-time.
HALF_TIME = log(END / SEED - 1) / (2 * RATE)
DELAY = log(VALUE) / 4 + log(RATE - VARIANCE * VALUE) / 2
HALF_DELAY = log(END / (2 * SEED)) / 4 + (log(RATE / 2) - log(RATE - VARIANCE * SEED)) / 2

_FLOW = 2 * VALUE * (RATE - VARIANCE * VALUE)
_DEFECT = VALUE * (RATE - VARIANCE * VALUE) * (RATE - 3 * VARIANCE * VALUE)

# What the theorem concludes.
LOGISTIC = equation(Derivative(CURVE, TIME), 2 * CURVE * (RATE - VARIANCE * CURVE))
HYPERBOLIC = equation(Derivative(ANGLE, TIME), RATE * (1 - ANGLE**2) - VARIANCE * GAP * ANGLE)
DEEP = equation(
    Derivative(ROOT**DEPTH, ROOT) * ROOT ** (DEPTH - 1) * (RATE - VARIANCE * ROOT**DEPTH),
    PACE.subs(VALUE, ROOT**DEPTH),
)
DELAYED = equation(Derivative(DELAY, VALUE), _DEFECT / _FLOW**2)
# The seed stays below the end: the logarithms of the half-time are real.
BELOW_END = Domain({RATE: (Rational(3, 2), 3), VARIANCE: (Rational(1, 2), 1), SEED: (Rational(1, 9), 1),
                    VALUE: (Rational(1, 9), 1)})  # fmt: skip


def any_network(random: Random) -> dict[Any, Any]:
    """Aligned layers, moments that commute, and any two layers."""
    modes = random.randint(1, 2)
    outputs, inputs, upper, lower = (modes + random.randint(0, 1) for _ in range(4))
    frames = {
        letter: rational.columns_of(rational.orthogonal(random, size), range(modes))
        for letter, size in ((U, outputs), (R, upper), (Q, lower))
    }
    right = rational.orthogonal(random, inputs)
    frames[V] = rational.columns_of(right, range(modes))
    entries = {letter: _diagonal(random, modes) for letter in DIAGONAL}
    rest = [random.randint(1, 5) for _ in range(inputs - modes)]
    variances = [entries[M].to_list()[i][i] for i in range(modes)] + rest
    first, second = rational.general(random, upper, inputs), rational.general(random, outputs, upper)
    cross = frames[U] * entries[S] * frames[V].transpose()
    covariance = right * rational.diagonal(variances, inputs, inputs) * right.transpose()
    moved = second.transpose() * cross, cross * first.transpose()
    return {
        **frames,
        **entries,
        S_YX: cross,
        S_XX: covariance,
        ABOVE: frames[U] * entries[P_ABOVE] * frames[R].transpose(),
        LAYER: frames[R] * entries[D] * frames[Q].transpose(),
        BELOW: frames[Q] * entries[P_BELOW] * frames[V].transpose(),
        W_1: first,
        W_2: second,
        V_1: moved[0],
        V_2: moved[1],
    }


def _diagonal(random: Random, size: int) -> Any:
    return rational.diagonal([random.randint(1, 5) for _ in range(size)], size, size)


def _words(*rules: Eq) -> MatrixWords:
    # That diagonal letters commute is not needed, and would make many rules.
    return MatrixWords(any_network, rules, (S_XX, *DIAGONAL))


def decoupling_rows() -> tuple[Row, ...]:
    """Aligned layers stay aligned: the velocity of every layer has the form of the layer."""
    return (
        *(Row(rule, "common singular directions of the moments: they commute", Given()) for rule in DATA),
        *(
            Row(rule, "layers aligned with them; the columns of the frames are orthonormal", Given())
            for rule in ALIGNED
        ),
        Row(
            PUSHED,
            "the targets seen by layer $h$, with the product $A$ above and $B$ below it",
            _words(FRAMES[0], DATA[0], ALIGNED[0], ALIGNED[2]),
        ),
        Row(PULLED, "and the inputs", _words(*FRAMES, DATA[2], *ALIGNED)),
        Row(
            equation(
                ABOVE.T * (S_YX - ABOVE * LAYER * BELOW * S_XX) * BELOW.T,
                R * P_ABOVE * (S - P_ABOVE * D * P_BELOW * M) * P_BELOW * Q.T,
            ),
            "the velocity of layer $h$ in a network of any depth: again "
            r"$R (\ldots) Q^T$ with a diagonal matrix, so that the modes never mix and each is a product "
            r"$u = a_1 \cdots a_N$ of numbers with $\dot a_h = (s - \mu u) u / a_h$",
            _words(PUSHED, PULLED),
        ),
    )


def balance_rows() -> tuple[Row, ...]:
    """Two layers: what does not change, and the pace of their product."""
    a, b = symbols("a b", positive=True)
    force, moment = RATE - VARIANCE * a * b, Symbol("h", real=True)
    changed = (a + moment * b * force) ** 2 - (b + moment * a * force) ** 2
    return (
        Row(
            equation(Subs(Derivative(changed, moment), moment, 0), Integer(0)),
            r"so $a^2 - b^2$ of two layers does not change",
            ScalarIdentity(),
        ),
        Row(
            equation(b * b * force + a * a * force, (a**2 + b**2) * force),
            r"the product rule for $u = a b$",
            ScalarIdentity(),
        ),
        Row(
            equation((a**2 + b**2) ** 2, (a**2 - b**2) ** 2 + 4 * (a * b) ** 2),
            r"hence $\dot u = \sqrt{c^2 + 4 u^2} (s - \mu u)$ with $c = |a^2 - b^2|$",
            ScalarIdentity(),
        ),
    )


def two_layer_rows() -> tuple[Row, ...]:
    """The logistic curve, its half-time, and the curve from layers of different size."""
    x = Symbol("x", positive=True)
    substituted = GAP * x / (1 - x**2)
    return (
        Row(LOGISTIC, r"balanced: the closed form satisfies $\dot u = 2 u (s - \mu u)$", ScalarIdentity()),
        Row(
            equation(
                CURVE - SEED,
                SEED * (RATE - VARIANCE * SEED) * (GROWN - 1) / (VARIANCE * SEED * (GROWN - 1) + RATE),
            ),
            "and starts at $u_0$",
            ScalarIdentity(),
        ),
        Row(
            equation(CURVE.subs(TIME, HALF_TIME), END / 2),
            "half-time: $t = \\ln(s / (\\mu u_0) - 1) / (2 s)$",
            ScalarIdentity(),
            BELOW_END,
        ),
        Row(
            equation((GAP * (1 + x**2) / (1 - x**2)) ** 2, GAP**2 + 4 * substituted**2),
            r"not balanced: with $u = c x / (1 - x^2)$, $x = \tanh(\theta / 2)$, the root is rational",
            ScalarIdentity(),
        ),
        Row(
            equation(
                Derivative(substituted, x) * (RATE * (1 - x**2) - VARIANCE * GAP * x),
                GAP * (1 + x**2) / (1 - x**2) * (RATE - VARIANCE * substituted),
            ),
            r"and the equation becomes $\dot x = s (1 - x^2) - \mu c x$",
            ScalarIdentity(),
        ),
        Row(
            HYPERBOLIC,
            r"which $x = (K \tanh(K t / 2 + k) - \mu c) / (2 s)$, $K^2 = \mu^2 c^2 + 4 s^2$, satisfies",
            ScalarIdentity(),
        ),
    )


def deep_rows() -> tuple[Row, ...]:
    """Balanced modes of N layers: their pace, their plateau, and infinite depth."""
    extra = Symbol("r", integer=True, positive=True)  # N - 2
    first, last = symbols("y_0 y_1", positive=True)
    endless = VARIANCE / RATE**2 * log(VALUE / (RATE - VARIANCE * VALUE)) - 1 / (RATE * VALUE)
    whole = 1 / (ROOT ** (DEPTH - 1) * (RATE - VARIANCE * ROOT**DEPTH))
    rest = VARIANCE / RATE * ROOT / (RATE - VARIANCE * ROOT**DEPTH)
    return (
        Row(
            DEEP,
            r"$u = y^N$ with $\dot y = y^{N - 1} (s - \mu y^N)$: $\dot u = N u^{2 - 2 / N} (s - \mu u)$",
            ScalarIdentity(),
        ),
        Row(
            equation(whole, 1 / (RATE * ROOT ** (DEPTH - 1)) + rest),
            "the time that $y$ takes is that of the plateau and a rest, finite for small $y$",
            ScalarIdentity(),
        ),
        Row(
            equation(
                Integral(ROOT ** (-1 - extra), (ROOT, first, last)),
                (first ** (-extra) - last ** (-extra)) / extra,
            ),
            "three layers and more, $r = N - 2$: a plateau lasts a power of the initial weights",
            Antiderivative(-(ROOT ** (-extra)) / extra),
        ),
        Row(
            equation(PACE, DEPTH * VALUE**2 * (RATE - VARIANCE * VALUE) * exp(-2 * log(VALUE) / DEPTH)),
            r"$N \to \infty$: in units of $1 / N$ the pace tends to $u^2 (s - \mu u)$",
            ScalarIdentity(),
        ),
        Row(
            equation(Derivative(endless, VALUE), 1 / (VALUE**2 * (RATE - VARIANCE * VALUE))),
            "whose time is elementary",
            ScalarIdentity(),
            BELOW_END,
        ),
    )


def vanishing_rows() -> tuple[Row, ...]:
    """Vanishing weights: modes are learned one after the other, at times in the ratio of 1 / s."""
    delta, tau = symbols("delta tau", positive=True)
    grown, small, left = symbols("E epsilon kappa", positive=True)
    scaled = exp(2 * RATE * delta * tau - 2 * delta)
    value = RATE * scaled / (VARIANCE * (scaled - exp(-2 * delta)) + RATE)
    rate = VARIANCE * small + left
    bounded = rate * grown / (VARIANCE * grown + left)
    return (
        Row(
            equation(CURVE.subs({SEED: exp(-2 * delta), TIME: delta * tau}), value),
            r"weights $e^{-\delta}$, time in units of $\delta$",
            ScalarIdentity(),
        ),
        Row(
            equation(rate * grown / (VARIANCE * (grown - small) + rate), bounded),
            r"$E = e^{2 \delta (s \tau - 1)}$, $\epsilon = e^{-2 \delta}$, $\kappa = s - \mu \epsilon$",
            ScalarIdentity(),
        ),
        Row(
            Le(bounded, rate / left * grown, evaluate=False),
            r"before $\tau = 1 / s$ the mode is as small as $E$",
            Nonnegativity(rate * grown * VARIANCE * grown / (left * (VARIANCE * grown + left))),
        ),
        Row(
            Le(rate / VARIANCE - bounded, rate * left / (VARIANCE**2 * grown), evaluate=False),
            r"after $\tau = 1 / s$ it is within $1 / E$ of its end: one mode after the other",
            Nonnegativity(rate * left**2 / (VARIANCE**2 * grown * (VARIANCE * grown + left))),
        ),
    )


def descent_rows() -> tuple[Row, ...]:
    """Descent instead of flow: growth, and the first order of the delay."""
    count = Symbol("n", integer=True, positive=True)
    side = Symbol("a", positive=True)
    stepped = VALUE * (1 + STEP * (RATE - VARIANCE * VALUE)) ** 2
    flowed = VALUE + STEP * _FLOW + STEP**2 / 2 * _FLOW * _expanded_slope()
    return (
        Row(
            equation((side + STEP * side * (RATE - VARIANCE * side**2)) ** 2, stepped.subs(VALUE, side**2)),
            r"a step of descent of a balanced mode, $u = a^2$",
            ScalarIdentity(),
        ),
        Row(
            equation((1 + STEP * RATE) ** count, exp(count * STEP * (log(1 + STEP * RATE) / STEP))),
            r"small weights grow at the rate $\ln(1 + \eta s) / \eta$ instead of $s$",
            ScalarIdentity(),
        ),
        Row(
            equation(flowed - stepped, STEP**2 * _DEFECT),
            r"a step falls short of the flow, expanded to $\eta^2$, by $\eta^2 g$",
            ScalarIdentity(),
        ),
        Row(
            DELAYED,
            r"descent follows $\dot u = f - \eta g$; it is late by $\eta \int g / f^2 du$",
            ScalarIdentity(),
            BELOW_END,
        ),
        Row(
            equation(DELAY.subs(VALUE, END / 2) - DELAY.subs(VALUE, SEED), HALF_DELAY),
            "at half-time",
            ScalarIdentity(),
            BELOW_END,
        ),
        Row(
            equation(Symbol("T"), HALF_TIME + STEP * HALF_DELAY),
            r"the half-time of descent to $O(\eta^2)$, by backward error analysis",
            Citation(HAIRER),
        ),
    )


def seed_rows() -> tuple[Row, ...]:
    """Small random weights: what grows, and hence the effective seed."""
    return (
        *(Row(rule, "small weights: the flow without its cubic terms", Definition()) for rule in SMALL),
        Row(
            equation(Z, (W_2.T * U + W_1 * V) / 2),
            "in every mode, the half of both layers that agrees",
            Definition(),
        ),
        Row(
            equation((V_2.T * U + V_1 * V) / 2, (W_2.T * U + W_1 * V) / 2 * S),
            r"it grows like $e^{s t}$, and the other half falls: a mode rises as from $u_0 = |z|^2$",
            _words(*SMALL, *DATA[:2]),
        ),
    )


def _expanded_slope() -> Expr:
    """df/du of f = 2 u (s - mu u)."""
    return 2 * RATE - 4 * VARIANCE * VALUE
