r"""ReLU at its critical point: equal inputs attract each other like 1/l^2."""

from __future__ import annotations

from sympy import Derivative, Eq, Expr, Max, Rational, Subs, Symbol, cos, pi, sin, sqrt, symbols

from theory.derivation import Row
from theory.gaussian import read
from theory.proving import Citation, Consequence, Definition, Identity
from theory.statement import Source

Z = Symbol("z", real=True)
RELU = Max(Z, 0)
THETA = Symbol("theta", positive=True)
# 1 - R at the angle theta of two inputs, R(cos theta) = (sin theta + (pi - theta) cos theta)/pi
DEVIATION = 1 - (sin(THETA) + (pi - THETA) * cos(THETA)) / pi
HAYOU = Source(
    "S. Hayou, A. Doucet and J. Rousseau",
    "On the impact of the activation function on deep neural networks training",
    2019,
    "Proposition 1",
    "arXiv:1902.06853",
)


def is_relu(activation: Expr) -> bool:
    """Whether the activation is max(z, 0), however it is written."""
    return (read(activation, Z) - read(RELU, Z)).terms == ()


def relu_rows(activation: Expr) -> tuple[Row, ...]:
    """1 - rho_l ~ 9 pi^2/(2 l^2) for ReLU; nothing for other activations."""
    return (*_series_rows(), *_rate_rows()) if is_relu(activation) else ()


def _series_rows() -> tuple[Row, ...]:
    """The Taylor coefficients of 1 - R(cos theta) up to the third, and of 1 - cos theta."""
    orders = ((1, 0, 0), (2, 1, 1), (3, -2 / pi, 0))
    return tuple(
        Row(
            Eq(Subs(Derivative(function, (THETA, order)), THETA, 0), value, evaluate=False),
            rf"derivative {order} at $\theta = 0$ of {name}",
            Identity(),
        )
        for order, after, before in orders
        for function, value, name in (
            (DEVIATION, after, r"$1 - R(\cos \theta)$"),
            (1 - cos(THETA), before, r"$1 - \cos \theta$"),
        )
    )


def _rate_rows() -> tuple[Row, ...]:
    """u = (1 - rho)^(-1/2) grows by a constant for each layer, so that 1 - rho is its inverse square."""
    gain, rate, layer, angle = symbols("g r l theta", positive=True)
    after = (angle**2 / 2 - angle**3 / (3 * pi)) ** Rational(-1, 2)
    scaled = sqrt(2) * (1 - 2 * angle / (3 * pi)) ** Rational(-1, 2)
    growth = Eq(gain, sqrt(2) / (3 * pi))
    law = Eq(rate, 1 / (gain * layer) ** 2)
    return (
        Row(
            Eq(after, scaled / angle),
            r"$u_{l+1} = (1 - \rho_{l+1})^{-1/2}$ up to the third order in the angle",
            Identity(),
        ),
        Row(
            Eq(Subs(Derivative(scaled, angle), angle, 0), sqrt(2) / (3 * pi), evaluate=False),
            r"and $u_l = (1 - \cos \theta)^{-1/2} = \sqrt{2}/\theta + O(\theta)$: "
            r"the gain $u_{l+1} - u_l$ tends to this derivative",
            Identity(),
        ),
        Row(growth, "the limit of the gains", Definition()),
        Row(law, r"hence $u_l / l$ tends to it as well, and $1 - \rho_l = u_l^{-2}$", Citation(HAYOU)),
        Row(
            Eq(rate, 9 * pi**2 / (2 * layer**2)),
            r"equal inputs attract each other like $1/l^2$",
            Consequence((law, growth)),
        ),
    )
