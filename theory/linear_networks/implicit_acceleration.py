"""Balanced deep linear networks: the flow of the product is preconditioned by the product itself."""

from __future__ import annotations

from sympy import And, Rational, symbols

from theory.derivation import Derivation, Row
from theory.linear_flow.balanced import BalancedFlow, SingleOutput, a, b
from theory.linear_flow.chain import Chain, equation
from theory.linear_networks.conservation_laws import (
    ARORA_COHEN_HAZAN,
    DEFAULT_STEP,
    read_widths,
    step_size,
)
from theory.parameters import Parameter
from theory.proving.identity import Identity
from theory.statement import Hypothesis, Statement

DEFAULT_WIDTHS = (4, 2, 5, 3)  # the product lacks rank, where fractional powers need care

PARAMETERS = (
    Parameter("widths", "inputs, hidden units of every layer, outputs", DEFAULT_WIDTHS, read_widths),
    Parameter("step_size", "of the descent that is measured", DEFAULT_STEP, step_size),
)


def statement(widths: tuple[int, ...] = DEFAULT_WIDTHS, step_size: Rational = DEFAULT_STEP) -> Statement:
    """The velocity of the product of balanced layers, with the roots A and B that precondition it.

    The conclusion has the derivative of tr(F^T W) along the flow for every F, A^H = W W^T and B^H = W^T W,
    and what the preconditioner does to u v^T for singular vectors u and v of W, with singular values a^H and
    b^H. Nothing is said about which depth trains fastest: that depends on loss and start.
    """
    flow = BalancedFlow(Chain(len(widths) - 1))
    return Statement(
        id="linear_networks.implicit_acceleration",
        title="The preconditioner of balanced linear networks",
        summary=(
            r"$W = W_H \cdots W_1$ with any loss of $W$, its gradient $G$ there, and balanced layers. Along "
            r"gradient flow $dW/dt = -\sum_j (W W^T)^{(H - j)/H} G (W^T W)^{(j - 1)/H}$: in the singular "
            r"bases of $W$ the entry $(r, q)$ of the gradient is multiplied by "
            r"$\sum_j \sigma_r^{2 (H - j) / H} \sigma_q^{2 (j - 1) / H}$, also where $W$ lacks rank "
            r"($0^0 = 1$). For one output $dw/dt = -|w|^{2 - 2/H} (g + (H - 1) g w^T w / |w|^2)$: the "
            r"gradient along $w$ is amplified $H$ times more than across. Whether that is faster depends on "
            r"the loss and the start: no race is claimed."
        ),
        hypotheses=(
            Hypothesis("the loss is a differentiable function of the product alone, with gradient $G$ there"),
            Hypothesis("the layers are balanced at the start: $W_{h+1}^T W_{h+1} = W_h W_h^T$"),
            Hypothesis("$u$ and $v$ are singular vectors of $W$ with singular values $a^H$ and $b^H$"),
        ),
        conclusion=And(flow.flowing, *flow.powers, flow.gains),
        regime="exact",
        sources=(ARORA_COHEN_HAZAN,),
        instance={a: Rational(2), b: Rational(1)},
    )


def derivation(widths: tuple[int, ...] = DEFAULT_WIDTHS, step_size: Rational = DEFAULT_STEP) -> Derivation:
    """From balanced layers to the preconditioner, for every size at this depth."""
    depth = len(widths) - 1
    flow = BalancedFlow(Chain(depth))
    return Derivation(
        statement(widths, step_size),
        (*flow.root_rows(), *flow.flow_rows(), *SingleOutput(depth).rows()),
        _limiting_case(depth),
    )


def _limiting_case(depth: int) -> Row:
    """Layers of one unit and one weight u each: the product u^H moves by H u^{2(H-1)} times its gradient."""
    weight = symbols("u", positive=True)
    return Row(
        equation(
            (weight**depth).diff(weight) * weight ** (depth - 1),
            depth * (weight**depth) ** (2 - Rational(2, depth)),
        ),
        r"all layers the same number $u$: $w = u^H$ moves by $d w / d u$ times the gradient $u^{H-1}$ in $u$",
        Identity(),
    )
