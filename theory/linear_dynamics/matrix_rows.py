"""Rows of the matrix solution: from the loss to Riccati's equation and its closed form, for every size."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from sympy import (
    BlockMatrix,
    Derivative,
    Eq,
    Identity,
    Integral,
    Inverse,
    Le,
    MatrixSymbol,
    Subs,
    Symbol,
    Trace,
    ZeroMatrix,
    exp,
    symbols,
)

from theory.derivation import Row
from theory.linear_dynamics import letters as w
from theory.linear_landscape.letters import equation, squared_norm
from theory.proving import Antiderivative, Citation, Definition, Given
from theory.proving import Identity as ScalarIdentity
from theory.proving.matrix_words import MatrixWords
from theory.statement import Source

TESCHL = Source("G. Teschl", "Ordinary differential equations and dynamical systems", 2012)

TIME = Symbol("t", positive=True)
RATE = Symbol("f", real=True, nonzero=True)
# Along an eigenvector of F with eigenvalue f: e^{F t}, and the integral of e^{2 F t}.
GROWTH = exp(RATE * TIME)
GAIN = (exp(2 * RATE * TIME) - 1) / (2 * RATE)
# What weights that are not balanced change: |Q - Q_balanced| after a time, f the largest eigenvalue of F.
FASTEST, SPREAD, SIZE = symbols("f_1 d q", positive=True)
DRIFT = SPREAD * TIME * exp((FASTEST + SPREAD / 2) * TIME) * SIZE / 2


def words(
    *rules: Eq,
    point: Callable[[Random], dict[Any, Any]] = w.any_network,
    symmetric: tuple[MatrixSymbol, ...] = (),
) -> MatrixWords:
    """Matrix words with the letters of this proof."""
    return MatrixWords(point, rules, symmetric)


def flow_rows() -> tuple[Row, ...]:
    """The loss, its gradient with white inputs, the flow, and what it conserves."""
    first = squared_norm(w.Y - w.W_2 * (w.W_1 + w.t * w.H_1) * w.X) / 2
    second = squared_norm(w.Y - (w.W_2 + w.t * w.H_2) * w.W_1 * w.X) / 2
    drift = w.V_2.T * w.W_2 + w.W_2.T * w.V_2 - w.V_1 * w.W_1.T - w.W_1 * w.V_1.T
    return (
        Row(
            equation(Symbol("L"), squared_norm(w.Y - w.W_2 * w.W_1 * w.X) / 2),
            "the loss, summed over the examples",
            Definition(),
        ),
        Row(w.WHITE[0], "white inputs", Given()),
        Row(w.WHITE[1], "the cross moment of outputs and inputs", Definition()),
        Row(
            equation(Subs(Derivative(first, w.t), w.t, 0), -Trace((w.W_2.T * w.RESIDUAL).T * w.H_1)),
            "matrix calculus: the coefficient of every direction $H_1$ is the gradient in $W_1$",
            words(*w.WHITE),
        ),
        Row(
            equation(Subs(Derivative(second, w.t), w.t, 0), -Trace((w.RESIDUAL * w.W_1.T).T * w.H_2)),
            "likewise for $W_2$",
            words(*w.WHITE),
        ),
        *(Row(rule, "gradient flow", Definition()) for rule in w.FLOW),
        Row(
            equation(drift, ZeroMatrix(w.h, w.h)),
            r"so $W_2^T W_2 - W_1 W_1^T$ does not change",
            words(*w.FLOW),
        ),
        Row(w.BALANCED, r"it is $\lambda I$ at the start, hence always", Given()),
    )


def riccati_rows() -> tuple[Row, ...]:
    """Both layers stacked satisfy one equation, and their Gram matrix Riccati's."""
    quadratic = w.GENERATOR * w.STACKED - w.STACKED * w.STACKED.T * w.STACKED / 2
    squared = BlockMatrix(
        [
            [w.S.T * w.S + w.balance**2 / 4 * Identity(w.m), ZeroMatrix(w.m, w.n)],
            [ZeroMatrix(w.n, w.m), w.S * w.S.T + w.balance**2 / 4 * Identity(w.n)],
        ]
    )
    gram = BlockMatrix([[w.W_1.T * w.W_1, w.W_1.T * w.W_2.T], [w.W_2 * w.W_1, w.W_2 * w.W_2.T]])
    return (
        Row(
            equation(w.STACKED_VELOCITY, quadratic),
            r"$W_1^T W_2^T W_2 = (W_1^T W_1 W_1^T + W_1^T W_2^T W_2 + \lambda W_1^T) / 2$, likewise below",
            words(*w.FLOW, w.BALANCED),
        ),
        Row(w.STACK_FLOW, "the same in the letters $Q = [W_1^T; W_2]$ and $F$", Definition()),
        Row(
            equation(w.GENERATOR.T, w.GENERATOR),
            "$F$ is symmetric",
            words(),
        ),
        Row(
            equation(w.GENERATOR * w.GENERATOR, squared),
            r"its eigenvalues are $\pm\sqrt{s_i^2 + \lambda^2 / 4}$, and $\mp\lambda / 2$ where $S$ "
            "has a kernel",
            words(),
        ),
        Row(equation(w.STACKED * w.STACKED.T, gram), "the network is the block below left", words()),
        Row(w.GRAM, "the Gram matrix of the stack", Definition()),
        Row(w.GRAM_VELOCITY, "the product rule", Definition()),
        Row(
            w.GRAM_FLOW,
            "insert the flow of $Q$",
            words(w.STACK_FLOW, w.GRAM, w.GRAM_VELOCITY, symmetric=(w.F,)),
        ),
    )


def letter_rows() -> tuple[Row, ...]:
    """The letters of the closed form, and why its bracket can be inverted."""
    return (
        Row(w.EXPONENTIAL[0], "$E = e^{F t}$", Definition()),
        Row(w.EXPONENTIAL[1], "a power series in $F$ commutes with $F$", Given()),
        Row(w.INTEGRAL, r"$G = \int_0^t e^{2 F \tau} d\tau$", Definition()),
        Row(w.BRACKET, "the bracket", Definition()),
        Row(w.BRACKET_VELOCITY, "its time derivative", Definition()),
        Row(
            equation(
                w.x.T * (Identity(w.h) + w.Q_0.T * w.E * w.E * w.Q_0) * w.x,
                w.x.T * w.x + (w.E * w.Q_0 * w.x).T * w.E * w.Q_0 * w.x,
            ),
            r"$B$ is positive definite, hence invertible: "
            r"$x^T B x = |x|^2 + \int |e^{F \tau} Q_0 x|^2 d\tau$",
            words(symmetric=(w.E,)),
        ),
        Row(
            w.INVERSE_VELOCITY,
            r"the product rule for $B B^{-1} = I$; $\dot C$ is the time derivative of "
            "$B^{-1}$",
            Definition(),
        ),
    )


def solution_rows() -> tuple[Row, ...]:
    """The closed form satisfies the same equation and starts at the same matrix."""
    inverses = words(w.INVERSE_VELOCITY, symmetric=(w.B,))
    solved = words(
        *w.EXPONENTIAL,
        w.INTEGRAL,
        w.BRACKET_VELOCITY,
        w.INVERSE_RULE,
        w.SOLUTION,
        w.SOLUTION_VELOCITY,
        symmetric=w.SYMMETRIC,
    )
    return (
        Row(w.INVERSE_RULE, "multiply by $B^{-1}$ on the left", inverses),
        Row(w.SOLUTION, "the closed form", Definition()),
        Row(w.SOLUTION_VELOCITY, "the product rule", Definition()),
        Row(w.SOLVED, "insert: the same equation as that of $M$", solved),
        Row(
            equation(
                Identity(w.SIZE)
                * w.Q_0
                * Inverse(Identity(w.h) + w.Q_0.T * ZeroMatrix(w.SIZE, w.SIZE) * w.Q_0)
                * w.Q_0.T,
                w.Q_0 * w.Q_0.T,
            ),
            "at $t = 0$: $E = I$, $G = 0$",
            words(),
        ),
        Row(
            w.EQUAL,
            "a polynomial differential equation has one solution through each point",
            Citation(TESCHL),
        ),
    )


def integral_rows() -> tuple[Row, ...]:
    """The integral along eigenvectors, and as a matrix where F is invertible."""
    tau = Symbol("tau", real=True)
    resolved = (w.E_dot * Inverse(w.F) * w.E + w.E * Inverse(w.F) * w.E_dot) / 2
    return (
        Row(
            equation(Integral(exp(2 * RATE * tau), (tau, 0, TIME)), GAIN),
            "$G$ along an eigenvector of $F$; where $f = 0$, as there is whenever $m \\ne n$ and "
            r"$\lambda = 0$, it is $t$",
            Antiderivative(exp(2 * RATE * tau) / (2 * RATE)),
        ),
        Row(equation(Derivative(GROWTH, TIME), RATE * GROWTH), "$E$ along it", ScalarIdentity()),
        Row(
            equation(resolved, w.E * w.E),
            r"where $F$ is invertible: $G = (E F^{-1} E - F^{-1}) / 2$, by its derivative",
            words(*w.EXPONENTIAL, point=w.any_invertible, symmetric=(w.F, w.E)),
        ),
    )


def imbalance_rows() -> tuple[Row, ...]:
    """Weights that are not balanced, as small random ones: what their imbalance adds and where it leads."""
    generator = BlockMatrix([[ZeroMatrix(w.m, w.m), w.S.T], [w.S, ZeroMatrix(w.n, w.n)]])
    added = BlockMatrix([[w.W_1.T * w.D], [-w.W_2 * w.D]])
    quadratic = generator * w.STACKED - w.STACKED * w.STACKED.T * w.STACKED / 2
    return (
        Row(w.IMBALANCE, "any weights; $D$ does not change along the flow", Definition()),
        Row(
            equation(w.STACKED_VELOCITY, quadratic - added / 2),
            r"$W_2^T W_2 = (Q^T Q + D) / 2$ and $W_1 W_1^T = (Q^T Q - D) / 2$; here $F$ is that of "
            r"$\lambda = 0$",
            words(*w.FLOW, w.IMBALANCE),
        ),
        Row(
            Le(Symbol("delta", nonnegative=True), DRIFT, evaluate=False),
            r"Gronwall's inequality: with $d = |D|$, $q = |Q_0|$ and $f_1$ the largest eigenvalue of $F$ the "
            r"flow is within $\delta$ of the solution with $\lambda = 0$ from the same weights. $F Q$ "
            "stretches differences by at most $f_1$, and $Q Q^T Q / 2$, the gradient of the convex "
            "$|Q^T Q|^2 / 8$, by none",
            Citation(TESCHL),
        ),
    )
