"""Deep factorization: the singular values of a balanced product, one by one, and why its rank is kept low."""

from __future__ import annotations

from sympy import And, Derivative, Rational

from theory.derivation import Derivation
from theory.linear_flow.chain import equation
from theory.linear_flow.singular_values import (
    limiting_case,
    potential,
    rate,
    sigma,
    singular_value,
    size,
    velocity,
)
from theory.linear_networks.conservation_laws import DEFAULT_STEP, read_widths, step_size
from theory.parameters import Parameter
from theory.statement import Hypothesis, Source, Statement

DEFAULT_WIDTHS = (5, 4, 5, 4)

PARAMETERS = (
    Parameter("widths", "inputs, hidden units of every layer, outputs", DEFAULT_WIDTHS, read_widths),
    Parameter("step_size", "of the descent that is measured", DEFAULT_STEP, step_size),
)

ARORA_COHEN_HU_LUO = Source(
    "S. Arora, N. Cohen, W. Hu and Y. Luo",
    "Implicit regularization in deep matrix factorization",
    2019,
    identifier="arXiv:1905.13655",
)


def statement(widths: tuple[int, ...] = DEFAULT_WIDTHS, step_size: Rational = DEFAULT_STEP) -> Statement:
    """The velocity of one singular value of the product, and the function of it that moves evenly.

    nu is the velocity of sigma, gamma the component u^T G v of the gradient of the loss at the product. Which
    rank a training ends with is not stated: it depends on the loss.
    """
    depth = len(widths) - 1
    return Statement(
        id="linear_networks.implicit_rank",
        title="Singular values of deep matrix factorization",
        summary=(
            r"$W = W_H \cdots W_1$ with balanced layers, a differentiable loss of $W$ and its gradient $G$. "
            r"Along gradient flow each singular value moves by $d \sigma_r / dt = -H (\sigma_r^2)^{1 - 1/H} "
            r"\gamma_r$, $\gamma_r = u_r^T G v_r$: small ones hardly move, the less the deeper the "
            r"factorization, and those that are 0 stay 0. The decomposition is the analytic one: singular "
            r"values have signs and may cross."
        ),
        hypotheses=(
            Hypothesis("the loss is a differentiable function of the product alone, with gradient $G$ there"),
            Hypothesis("the layers are balanced at the start: $W_{h+1}^T W_{h+1} = W_h W_h^T$"),
            Hypothesis(
                "the product has an analytic singular value decomposition along the flow, as it does where "
                "the loss is analytic"
            ),
        ),
        conclusion=And(
            equation(rate, velocity(depth)),
            equation(Derivative(potential(depth), size), size ** (Rational(2, depth) - 2)),
        ),
        regime="exact",
        sources=(ARORA_COHEN_HU_LUO,),
        instance={sigma: Rational(1, 8)},
    )


def derivation(widths: tuple[int, ...] = DEFAULT_WIDTHS, step_size: Rational = DEFAULT_STEP) -> Derivation:
    """From the preconditioned flow of the product to its singular values, for every size at this depth."""
    depth = len(widths) - 1
    return Derivation(statement(widths, step_size), singular_value(depth).rows(widths), limiting_case(depth))
