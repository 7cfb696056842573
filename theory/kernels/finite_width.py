"""Finite width: exact laws of deep linear and ReLU networks; the order 1/n of any activation."""

from __future__ import annotations

from sympy import And, Expr, Gt, Integer, Max, Rational, Symbol

from theory.deep_kernels.recursion import Z
from theory.deep_kernels.vertex_rows import (
    SHIFT,
    VERTEX,
    WEIGHTS,
    limiting_case,
    solved_rows,
    vertex_conclusions,
    vertex_rows,
)
from theory.deep_kernels.width_rows import INPUTS, active_rows, conclusions, layer_rows, moment_rows
from theory.deep_kernels.width_rows import widths as width_symbols
from theory.derivation import Derivation
from theory.errors import InputError
from theory.gaussian import require_closed_form
from theory.gaussian.expectation import A
from theory.grammar.sizes import shown
from theory.parameters import Parameter, expression_in, positive_integers
from theory.statement import Domain, Hypothesis, Source, Statement

RELU = Max(Symbol("z", real=True), 0)
WIDTHS = (8, 5, 6)
LARGEST_WIDTH, MOST_LAYERS, SMALLEST_WIDTH = 64, 8, 2


def _widths(value: object) -> tuple[int, ...]:
    widths = positive_integers(maximum=LARGEST_WIDTH)(value)
    if len(widths) > MOST_LAYERS or min(widths) < SMALLEST_WIDTH:
        raise InputError(
            f"{shown(value)} is not allowed: give up to {MOST_LAYERS} widths from {SMALLEST_WIDTH} to "
            f"{LARGEST_WIDTH}"
        )
    return widths


PARAMETERS = (
    Parameter("widths", "hidden widths", WIDTHS, _widths),
    Parameter("activation", "activation of the vertex, an expression in z", "max(z, 0)", expression_in("z")),
)

HANIN = Source(
    "B. Hanin",
    "Which neural net architectures give rise to exploding and vanishing gradients?",
    2018,
    identifier="arXiv:1801.03744",
)
HANIN_NICA = Source(
    "B. Hanin and M. Nica",
    "Products of many large random matrices and gradients in deep neural networks",
    2020,
    identifier="arXiv:1812.05994",
)
ROBERTS = Source(
    "D. A. Roberts, S. Yaida and B. Hanin",
    "The principles of deep learning theory",
    2022,
    "Section 4.3",
    "arXiv:2106.10165",
)


def statement(widths: tuple[int, ...] = WIDTHS, activation: Expr = RELU) -> Statement:
    """R = (|h^L|^2/n_L)/(|x|^2/n_0) at hidden widths n_1, ..., n_L; the vertex at kernel K = a."""
    symbols = width_symbols(len(widths))
    return Statement(
        id="kernels.finite_width",
        title="Deep networks of finite width",
        summary=(
            r"Gaussian weights of variance $C_W/n$, no biases. With $C_W = 1$ (linear) and $C_W = 2$ (ReLU) "
            r"the ratio $R = (|h^L|^2/n_L)/(|x|^2/n_0)$ is a product of $\chi^2_n/n$, of $(2/n) \chi^2_B$ "
            r"with $B \sim \mathrm{Bin}(n, 1/2)$, at every width and depth; for ReLU $|J u|^2$ has this law "
            r"too, for every direction $u$ of the input. For every activation the variance $V/n$ of the "
            r"kernel and its mean $K + \delta/n$ follow recursions at order $1/n$."
        ),
        hypotheses=(
            Hypothesis(r"weights $N(0, C_W/n_{l-1})$, all independent, and no biases"),
            Hypothesis(r"$x \neq 0$ and $u \neq 0$"),
            Hypothesis(r"$K = a > 0$ is the kernel of infinite width of the layer", Gt(A, 0, evaluate=False)),
        ),
        conclusion=And(*conclusions(len(widths)), *vertex_conclusions(activation)),
        regime="exact",
        sources=(HANIN_NICA, HANIN, ROBERTS),
        instance={A: Integer(1), INPUTS: Integer(3), **dict(zip(symbols, widths, strict=True))},
        domain=Domain(
            {
                A: (Rational(1, 5), Rational(9, 10)),
                WEIGHTS: (Rational(1, 2), Rational(2)),
                VERTEX: (Rational(1, 5), Rational(3)),
                SHIFT: (Rational(-2), Rational(2)),
            }
        ),
    )


def derivation(widths: tuple[int, ...] = WIDTHS, activation: Expr = RELU) -> Derivation:
    """One layer, the product over layers, and the expansion in 1/n for the activation."""
    require_closed_form(activation, Z, "the expansion in 1/n")
    rows = (
        *moment_rows(),
        *active_rows(max(widths)),
        *layer_rows(len(widths)),
        *vertex_rows(activation),
        *solved_rows(),
    )
    return Derivation(statement(widths, activation), rows, limiting_case())
