r"""Initial condensation: from small weights, the first motion of a network aligns its neurons."""

from __future__ import annotations

from functools import lru_cache

from sympy import (
    And,
    Derivative,
    Eq,
    Expr,
    Rational,
    Subs,
    Symbol,
    cos,
    cosh,
    exp,
    limit,
    sin,
    sinh,
    symbols,
    tan,
    tanh,
)

from theory.derivation import Derivation, Row
from theory.errors import InputError
from theory.kernels.two_layer_ntk import Z
from theory.parameters import Parameter, expression_in
from theory.proving import Definition, Identity
from theory.statement import Domain, Hypothesis, Source, Statement

PARAMETERS = (Parameter("activation", "activation, an expression in z", "tanh(z)", expression_in("z")),)
HIGHEST_MULTIPLICITY = 6

ZHOU = Source(
    "H. Zhou, Q. Zhou, T. Luo, Y. Zhang and Z.-Q. J. Xu",
    "Towards understanding the condensation of neural networks at initial training",
    2022,
    identifier="arXiv:2105.11686",
)
LUO = Source(
    "T. Luo, Z.-Q. J. Xu, Z. Ma and Y. Zhang",
    "Phase diagram for two-layer ReLU neural networks at infinite-width limit",
    2021,
    identifier="arXiv:2007.07497",
)

A0, P0 = symbols("a_0 p_0", real=True)
RATE, TIME = symbols("kappa t", positive=True)
# The solution of a' = kappa p, p' = kappa a: the readout weight and the component along v.
READOUT = A0 * cosh(RATE * TIME) + P0 * sinh(RATE * TIME)
ALONG = P0 * cosh(RATE * TIME) + A0 * sinh(RATE * TIME)
FLOW = Eq(Derivative(READOUT, TIME), RATE * ALONG), Eq(Derivative(ALONG, TIME), RATE * READOUT)
CONSERVED = Eq(ALONG**2 - READOUT**2, P0**2 - A0**2)
ANGLE, FIRST, OTHER = Symbol("phi", positive=True), Symbol("x", real=True), Symbol("x_2", real=True)
ACUTE = Domain({ANGLE: (Rational(1, 10), Rational(15, 10))})


@lru_cache(maxsize=64)
def taylor(activation: Expr, order: int) -> Expr:
    """The derivative of this order at 0, which must be the same from both sides.

    Raises InputError for an activation without it.
    """
    found = activation.diff(Z, order) if order else activation
    left, right = (limit(found, Z, 0, side) for side in "-+")
    if left != right or not left.is_finite:
        raise InputError(f"{activation} has no derivative of order {order} at 0: give a smooth activation")
    return left


@lru_cache(maxsize=64)
def multiplicity(activation: Expr) -> int:
    """The least p with s^(p)(0) != 0.

    Raises InputError where s(0) != 0, where s is not smooth at 0, and for a multiplicity above 6.
    """
    if taylor(activation, 0) != 0:
        raise InputError(f"{activation} is not 0 at 0: small weights then do not give small outputs")
    for order in range(1, HIGHEST_MULTIPLICITY + 1):
        if taylor(activation, order) != 0:
            return order
    raise InputError(f"{activation} has no multiplicity up to {HIGHEST_MULTIPLICITY}")


def error_exponent(activation: Expr) -> int:
    """Of the relative error of the linearized flow in the size eps of the weights, for multiplicity 1.

    The next term of the Taylor series has degree q: relative size eps^(q - 1). What the network has learned
    is of order eps^2.
    """
    return 1 if taylor(activation, 2) != 0 else 2


def angular_form(order: int) -> Expr:
    """The derivative in the angle of ((cos phi) x + (sin phi) x_2)^p, by t = tan phi."""
    slope = tan(ANGLE)
    return order * cos(ANGLE) ** order * (FIRST + slope * OTHER) ** (order - 1) * (OTHER - slope * FIRST)


def angular_law(order: int) -> Eq:
    """d/dphi ((cos phi) x + (sin phi) x_2)^p = p cos^p phi times a polynomial of degree p in tan phi."""
    power = (cos(ANGLE) * FIRST + sin(ANGLE) * OTHER) ** order
    return Eq(Derivative(power, ANGLE), angular_form(order))


def statement(activation: Expr = tanh(Z)) -> Statement:  # noqa: B008  SymPy expressions are immutable
    """f(x) = sum_r a_r s(w_r . x), gradient flow of sum_i (f(x_i) - y_i)^2/(2n), weights of order eps -> "
    "0."""
    order = multiplicity(activation)
    return Statement(
        id="kernels.condensation",
        title="Neurons condense on few directions at the start of training",
        summary=(
            rf"The activation has multiplicity $p = {order}$: its first Taylor coefficient that is not 0. "
            rf"From "
            r"small weights every neuron moves, to leading order, by itself. With $p = 1$ its motion is "
            r"linear and aligns it with $\pm v$, $v = n^{-1} \sum_i y_i x_i$; in general its direction "
            r"follows "
            r"$P = \sum_i y_i (\hat w \cdot x_i)^p$, which for inputs in the plane has at most $2p$ critical "
            r"directions."
        ),
        hypotheses=(
            Hypothesis(
                r"the weights are of order $\varepsilon \to 0$, and $\sigma$ is smooth at 0 with "
                r"$\sigma(0) = 0$",
                holds=lambda _: multiplicity(activation) >= 1,
            ),
            Hypothesis(
                r"for $p = 1$: $\kappa = \sigma'(0) |v|$, and $p(t)$ is the component of $w$ along $v$ "
                r"(along "
                r"$-v$ where $\sigma'(0) < 0$)"
            ),
            Hypothesis(
                r"for the directions: the inputs are in the plane, $(x, x_2)$, and $P$ does not vanish on "
                r"all "
                r"of them"
            ),
        ),
        conclusion=And(*FLOW, CONSERVED, angular_law(order)),
        regime="asymptotic",
        sources=(ZHOU, LUO),
        instance={A0: 1, P0: Rational(1, 2), RATE: 1, TIME: 1, FIRST: 1, OTHER: 2, ANGLE: 1},
        domain=ACUTE,
        error_term=Symbol("epsilon") ** (error_exponent(activation) if order == 1 else 1),
    )


def derivation(activation: Expr = tanh(Z)) -> Derivation:  # noqa: B008
    """The multiplicity; the linear motion of one neuron; directions in the plane; two eigenvalues."""
    order = multiplicity(activation)
    rows = (
        *_taylor_rows(activation, order),
        *_linear_rows(),
        Row(
            angular_law(order),
            r"one summand of $P$ in the plane, $\hat w = (\cos \phi, \sin \phi)$. Summed over the data "
            r"this is "
            r"$\cos^p \phi$ times a polynomial of degree at most $p$ in $\tan \phi$, which has at most "
            r"$p$ zeros "
            r"if it is not 0; each belongs to two opposite directions",
            Identity(),
            ACUTE,
        ),
        *_quadratic_rows(),
    )
    limiting = Row(
        Eq((READOUT + ALONG).subs(P0, A0), 2 * A0 * exp(RATE * TIME)),
        r"a neuron that is aligned already, $p_0 = a_0$, grows exponentially",
        Identity(),
    )
    return Derivation(statement(activation), rows, limiting)


def _taylor_rows(activation: Expr, order: int) -> tuple[Row, ...]:
    return tuple(
        Row(
            Eq(Subs(Derivative(activation, (Z, k)), Z, 0), taylor(activation, k), evaluate=False),
            rf"the derivative of order {k} at 0" + (r", the first that is not 0" if k == order else ""),
            Identity(),
        )
        for k in range(1, order + 1)
    )


def _linear_rows() -> tuple[Row, ...]:
    """a' = kappa p and p' = kappa a, its solution, and what it does to the direction."""
    field, along, name = Symbol("a", real=True), Symbol("p", real=True), Symbol("F", real=True)
    return (
        Row(
            Eq(name, RATE * along * field),
            r"to leading order $f = 0$ and $\sigma(w \cdot x) = \sigma'(0) w \cdot x$: gradient flow is "
            r"$\dot a = \sigma'(0) w \cdot v$, $\dot w = \sigma'(0) a v$; along $v$ it reads "
            r"$\dot a = \kappa p$, $\dot p = \kappa a$, and the components across $v$ rest: the gradient "
            r"of $F$",
            Definition(),
        ),
        Row(FLOW[0], "the solution: the readout", Identity()),
        Row(FLOW[1], "and the component along $v$", Identity()),
        Row(CONSERVED, "a conserved quantity", Identity()),
        Row(
            Eq(ALONG - READOUT, (P0 - A0) * exp(-RATE * TIME)),
            r"$p - a$ dies out while $p + a$ grows like $e^{\kappa t}$: the neuron aligns with $v$ or "
            r"$-v$, by "
            r"the sign of $p_0 + a_0$",
            Identity(),
        ),
    )


def _quadratic_rows() -> tuple[Row, ...]:
    """Multiplicity 2 in an eigenbasis of M = n^-1 sum y x x^T."""
    mu, nu, w, z, a, c = symbols("mu_1 mu_2 w_1 w_2 a c", positive=True)
    first, second, size = symbols("b_1 b_2 epsilon", positive=True)
    moved = mu * (2 * c * a * nu * z) / z - nu * (2 * c * a * mu * w) / w
    return (
        Row(
            Eq(moved, 0, evaluate=False),
            r"multiplicity 2: $\dot w_i = 2 c a \mu_i w_i$ in the eigenbasis of $n^{-1} \sum_i y_i x_i "
            r"x_i^T$ "
            r"with eigenvalues $\mu_i$, so $\mu_1 \ln |w_2| - \mu_2 \ln |w_1|$ is conserved",
            Identity(),
        ),
        Row(
            Eq(
                ((size * second) ** mu / (size * first) ** nu) ** (1 / mu),
                size ** (1 - nu / mu) * second * first ** (-nu / mu),
            ),
            r"from $w_i = \varepsilon b_i$ until $w_1 = 1$: what is left across the leading direction is of "
            r"order $\varepsilon^{1 - \mu_2 / \mu_1}$",
            Identity(),
        ),
    )
