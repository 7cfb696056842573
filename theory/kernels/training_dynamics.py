r"""Wide networks of any depth train as kernel regression: outputs after n steps, law, corrections."""

from __future__ import annotations

from sympy import And, Expr, Identity, Integer, Rational, sqrt

from theory.deep_kernels.expectations import tangent_slope
from theory.deep_kernels.layers import (
    BIAS,
    INSTANCE,
    NETWORK,
    RELU,
    WEIGHT,
    check_moments,
    dual_rows,
    slope_rows,
)
from theory.derivation import Derivation, Row
from theory.kernels.two_layer_ntk import DU, HUANG_YAU, JACOT, kinked
from theory.linearized_training import rows as w
from theory.proving.matrix_words import MatrixWords
from theory.statement import Hypothesis, Source, Statement

PARAMETERS = NETWORK


def statement(
    activation: Expr = RELU,
    depth: int = 2,
    weight_variance: Expr = Integer(1),  # noqa: B008  SymPy numbers are immutable
    bias_variance: Expr = Integer(0),  # noqa: B008
) -> Statement:
    """The step of the induction from n to n + 1 at training and test inputs, and the covariance."""
    check_moments(activation, depth, weight_variance + bias_variance)
    tangent_slope(activation)
    return Statement(
        id="kernels.training_dynamics",
        title="Wide networks train as kernel regression",
        summary=(
            r"Gradient descent on $|f(X) - y|^2 / 2$ keeps a wide network near its linearization, whose "
            r"outputs after $n$ steps are "
            r"$f_0(x) + \Theta(x, X) \Theta^{-1} (1 - (1 - \eta \Theta)^n)(y - f_0)$; over initializations "
            r"they are Gaussian with mean $A y$ and covariance $S$. The conclusion is the step "
            r"from $n$ to $n + 1$ with $P = (1 - \eta \Theta)^n$, for all numbers of inputs, outputs and "
            rf"parameters. Measured with {depth} hidden layers, $\sigma_w^2 = {weight_variance}$ and "
            rf"$\sigma_b^2 = {bias_variance}$."
        ),
        hypotheses=(
            Hypothesis(r"$\Theta = J J^T$ is invertible, with the Jacobian $J$ at initialization"),
            Hypothesis(r"$f_0$ and $g_0$ are the outputs before training at training and test inputs"),
            Hypothesis("the network is linear in its parameters, or so wide that it is replaced by one"),
            Hypothesis(
                r"the parametrization is that of the tangent kernel: weights $N(0, 1)$ times $n^{-1/2}$"
            ),
        ),
        conclusion=And(w.TRAINED, w.PREDICTED, w.SPREAD),
        regime="exact",
        sources=(w.LEE, JACOT),
        instance={**INSTANCE, WEIGHT: sqrt(weight_variance), BIAS: sqrt(bias_variance)},
    )


def derivation(
    activation: Expr = RELU,
    depth: int = 2,
    weight_variance: Expr = Integer(1),  # noqa: B008
    bias_variance: Expr = Integer(0),  # noqa: B008
) -> Derivation:
    """The linearized network exactly; the kernels of this activation; what is known of finite widths."""
    exponent, source = drift(activation)
    kind = "has kinks" if kinked(activation) else "is smooth"
    rows = (
        *w.linear_rows(),
        *w.induction_rows(),
        *w.flow_rows(),
        *w.law_rows(),
        *dual_rows(activation),
        *slope_rows(activation),
        *w.limit_rows(exponent, source, kind),
    )
    return Derivation(statement(activation, depth, weight_variance, bias_variance), rows, _one_step())


def drift(activation: Expr) -> tuple[Rational, Source]:
    """The power of the width with which kernel and linearization are left, and who proved it."""
    return (Rational(-1, 2), DU) if kinked(activation) else (Rational(-1), HUANG_YAU)


def _one_step() -> Row:
    """n = 1: f_0 + eta Theta (y - f_0)."""
    unit = Identity(w.N)
    once = w.f_0 + (unit - (unit - w.eta * w.K)) * (w.y - w.f_0)
    return Row(
        w.equation(once, w.f_0 + w.eta * w.K * (w.y - w.f_0)),
        "one step: the gradient step itself",
        MatrixWords(w.instance, (), (w.K,)),
    )
