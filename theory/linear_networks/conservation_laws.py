"""Deep linear networks: what gradient flow conserves, and by how much gradient descent misses it."""

from __future__ import annotations

from sympy import And, Ge, Gt, Rational, symbols

from theory.derivation import Derivation, Row
from theory.errors import InputError
from theory.linear_flow.balance import Balance
from theory.linear_flow.chain import Chain, decay, equation, eta
from theory.parameters import Parameter, as_rational, layer_widths
from theory.proving.identity import Identity
from theory.statement import Hypothesis, Source, Statement

DEEPEST = 6  # layers: the words of the last steps grow with the depth
LARGEST_WIDTH = 32
DEFAULT_WIDTHS = (4, 3, 5, 2)
# Measured networks start near singular values 1, where descent is stable up to several times as much.
LARGEST_STEP = Rational(1, 10)
LARGEST_DECAY = Rational(1)
DEFAULT_STEP, DEFAULT_DECAY = Rational(1, 20), Rational(1, 10)

ARORA_COHEN_HAZAN = Source(
    "S. Arora, N. Cohen and E. Hazan",
    "On the optimization of deep networks: implicit acceleration by overparameterization",
    2018,
    identifier="arXiv:1802.06509",
)
DU_HU_LEE = Source(
    "S. S. Du, W. Hu and J. D. Lee",
    "Algorithmic regularization in learning deep homogeneous models: layers are automatically balanced",
    2018,
    identifier="arXiv:1806.00900",
)


read_widths = layer_widths(LARGEST_WIDTH, DEEPEST)


def step_size(value: object) -> Rational:
    """Read a step size above 0, at most LARGEST_STEP; raises InputError on others."""
    number = as_rational(value)
    if not 0 < number <= LARGEST_STEP:
        raise InputError(f"{number} is not allowed: give a number above 0, at most {LARGEST_STEP}")
    return number


def weight_decay(value: object) -> Rational:
    """Read a decay from 0 to LARGEST_DECAY; raises InputError on others."""
    number = as_rational(value)
    if not 0 <= number <= LARGEST_DECAY:
        raise InputError(f"{number} is not allowed: give a number from 0 to {LARGEST_DECAY}")
    return number


PARAMETERS = (
    Parameter("widths", "inputs, hidden units of every layer, outputs", DEFAULT_WIDTHS, read_widths),
    Parameter("step_size", "of the descent that is measured", DEFAULT_STEP, step_size),
    Parameter("weight_decay", "lambda in what is measured", DEFAULT_DECAY, weight_decay),
)


def statement(
    widths: tuple[int, ...] = DEFAULT_WIDTHS,
    step_size: Rational = DEFAULT_STEP,
    weight_decay: Rational = DEFAULT_DECAY,
) -> Statement:
    """D_h = W_{h+1}^T W_{h+1} - W_h W_h^T under flow and under descent with weight decay lambda.

    The conclusion has the derivative of tr(K^T D_h) along the flow for every K, and D_h after one step of
    descent, whatever the step size and the decay: the given ones are those of the instance. The loss is any
    differentiable function of the product; nothing is averaged over examples.
    """
    balance = Balance(Chain(len(widths) - 1))
    return Statement(
        id="linear_networks.conservation_laws",
        title="Conservation laws of deep linear networks",
        summary=(
            r"$W = W_H \cdots W_1$ with any loss of $W$. Gradient flow conserves $D_h = W_{h+1}^T W_{h+1} - "
            r"W_h W_h^T$, and with weight decay $D_h(t) = e^{-2 \lambda t} D_h(0)$. A step of descent misses "
            r"it by $\eta^2 (G_{h+1}^T G_{h+1} - G_h G_h^T)$ exactly: over a time $T$ the drift is $\eta$ "
            r"times the integral of $G_{h+1}^T G_{h+1} - G_h G_h^T$, up to second order. $G_h$ is the "
            r"gradient of the loss in $W_h$, $V_h = -G_h - \lambda W_h$ its velocity, $K_h$ any matrix."
        ),
        hypotheses=(
            Hypothesis("the loss is a differentiable function of the product alone, with gradient $G$ there"),
            Hypothesis(r"the step size is $\eta > 0$", relation=Gt(eta, 0, evaluate=False)),
            Hypothesis(
                r"weight decay $\lambda \ge 0$ is the same in every layer",
                relation=Ge(decay, 0, evaluate=False),
            ),
        ),
        conclusion=And(*balance.flowing, *balance.descended),
        regime="exact",
        sources=(ARORA_COHEN_HAZAN, DU_HU_LEE),
        instance={eta: step_size, decay: weight_decay},
    )


def derivation(
    widths: tuple[int, ...] = DEFAULT_WIDTHS,
    step_size: Rational = DEFAULT_STEP,
    weight_decay: Rational = DEFAULT_DECAY,
) -> Derivation:
    """From the gradient at the product to flow, descent and drift, for every size at this depth."""
    balance = Balance(Chain(len(widths) - 1))
    return Derivation(
        statement(widths, step_size, weight_decay),
        (
            *balance.gradient_rows(),
            *balance.balance_rows(),
            *balance.flow_rows(),
            *balance.descent_rows(),
            *balance.drift_rows(),
        ),
        _limiting_case(),
    )


def _limiting_case() -> Row:
    """Two scalar layers: w_2^2 - w_1^2 is constant on hyperbolas, which descent leaves by a factor."""
    first, second, slope = symbols("w_1 w_2 g", real=True)
    after = (second - eta * slope * first) ** 2 - (first - eta * slope * second) ** 2
    return Row(
        equation(after, (1 - eta**2 * slope**2) * (second**2 - first**2)),
        "two layers of one unit each: the flow stays on a hyperbola, and descent shrinks it by a factor",
        Identity(),
    )
