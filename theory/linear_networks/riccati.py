"""The exact course of training of two-layer linear networks from lambda-balanced weights (Riccati)."""

from __future__ import annotations

from sympy import And, Expr, Integer, MatrixSymbol, Rational, Symbol, exp, eye

from theory.derivation import Derivation, Row
from theory.errors import InputError
from theory.linear_dynamics import letters as w
from theory.linear_dynamics import matrix_rows
from theory.linear_landscape.letters import equation
from theory.parameters import Parameter, as_rational, positive_integers
from theory.proving import Identity
from theory.statement import Hypothesis, Source, Statement

LARGEST_WIDTH = 16
LARGEST_BALANCE = 4

FUKUMIZU = Source("K. Fukumizu", "Effect of batch learning in multilayer neural networks", 1998)
BRAUN = Source(
    "L. Braun, C. Domine, J. Fitzgerald and A. Saxe",
    "Exact learning dynamics of deep linear networks with prior knowledge",
    2022,
)
DOMINE = Source(
    "C. Domine, N. Anguita, A. Proca, L. Braun, D. Kunin, P. Mediano and A. Saxe",
    "From lazy to rich: exact learning dynamics in deep linear networks",
    2024,
    identifier="arXiv:2409.14623",
)


def _balance(value: object) -> Rational:
    level = as_rational(value)
    if abs(level) > LARGEST_BALANCE:
        raise InputError(
            f"{level} is not allowed: give a balance from -{LARGEST_BALANCE} to {LARGEST_BALANCE}"
        )
    return level


PARAMETERS = (
    Parameter(
        "widths", "inputs, hidden units, outputs", (4, 3, 5), positive_integers(3, maximum=LARGEST_WIDTH)
    ),
    Parameter("balance", "lambda in W_2^T W_2 - W_1 W_1^T = lambda I", "7/10", _balance),
)


def statement(
    widths: tuple[int, int, int] = (4, 3, 5),
    balance: Rational = Rational(7, 10),  # noqa: B008
) -> Statement:
    """dM/dt = F M + M F - M^2 for M = Q Q^T, Q = [W_1^T; W_2], and its solution E Q_0 B^-1 Q_0^T E.

    W_1: hidden x inputs, W_2: outputs x hidden, loss |Y - W_2 W_1 X|^2 / 2, white inputs X X^T = I. The
    conclusion holds for every size; widths and balance say which networks are trained, and are checked:
    lambda > 0 needs at most as many hidden units as outputs, lambda < 0 as inputs.
    """
    _check(widths, balance)
    white = MatrixSymbol("X", widths[0], widths[0])
    return Statement(
        id="linear_networks.riccati",
        title="Exact training of two-layer linear networks",
        summary=(
            r"Gradient flow on $|Y - W_2 W_1 X|^2 / 2$ with white inputs and balanced weights is a matrix "
            r"Riccati equation: with $Q = [W_1^T; W_2]$ and "
            r"$F = [-\lambda I / 2, S^T; S, \lambda I / 2]$, $S = Y X^T$, "
            r"$Q Q^T(t) = e^{F t} Q_0 [I + Q_0^T \int_0^t e^{2 F \tau} d\tau\, Q_0]^{-1} Q_0^T e^{F t}$. "
            r"The network $W_2 W_1$ is its block below left, so that the whole course of training is known, "
            r"from small or large weights, in every direction. Measured with "
            rf"widths {widths} and $\lambda = {balance}$."
        ),
        hypotheses=(
            Hypothesis("the inputs are white, $X X^T = I$", holds=lambda found: _is_white(found[white])),
            Hypothesis(
                r"$W_2^T W_2 - W_1 W_1^T = \lambda I$ at the start (for $\lambda > 0$ there are at most "
                r"as many hidden units as outputs, for $\lambda < 0$ as inputs)"
            ),
            Hypothesis("gradient flow: steps so small that descent follows it"),
        ),
        conclusion=And(w.GRAM_FLOW, w.SOLVED, w.EQUAL),
        regime="exact",
        sources=(FUKUMIZU, BRAUN, DOMINE),
        instance={white: eye(widths[0])},
    )


def derivation(
    widths: tuple[int, int, int] = (4, 3, 5),
    balance: Rational = Rational(7, 10),  # noqa: B008
) -> Derivation:
    """From the loss to the flow, its conserved balance, Riccati's equation and the closed form."""
    return Derivation(
        statement(widths, balance),
        (
            *matrix_rows.flow_rows(),
            *matrix_rows.riccati_rows(),
            *matrix_rows.letter_rows(),
            *matrix_rows.solution_rows(),
            *matrix_rows.integral_rows(),
            *matrix_rows.imbalance_rows(),
        ),
        _one_mode(),
    )


def _check(widths: tuple[int, int, int], balance: Rational) -> None:
    inputs, hidden, outputs = widths
    most, side = (outputs, "outputs") if balance > 0 else (inputs, "inputs")
    if balance != 0 and hidden > most:
        raise InputError(
            f"balance {balance} with {hidden} hidden units and {most} {side}: no such weights exist; give at "
            f"most {most} hidden units, or balance 0"
        )


def _is_white(inputs: object) -> bool:
    return bool(inputs == eye(inputs.shape[0]))  # type: ignore[attr-defined]


def _one_mode() -> Row:
    """One unit, one input, one output, lambda = 0: the logistic curve."""
    s, seed, time = (Symbol(name, positive=True) for name in ("s", "u_0", "t"))
    grown: Expr = exp(s * time)
    gain = (exp(2 * s * time) - 1) / (2 * s)
    # Q_0 = (a, a) with a^2 = u_0 is an eigenvector of F = [0, s; s, 0] with eigenvalue s.
    matrix_form = grown * seed * grown / (1 + 2 * seed * gain)
    return Row(
        equation(matrix_form, s * exp(2 * s * time) / (exp(2 * s * time) - Integer(1) + s / seed)),
        "one mode from equal weights $a = b$, $u_0 = a b$: the logistic curve",
        Identity(),
    )
