r"""Initial condensation: from small weights, the first motion of a network aligns its neurons."""

from __future__ import annotations

from functools import lru_cache

from sympy import (
    Add,
    And,
    Derivative,
    Eq,
    Expr,
    Ge,
    Max,
    Piecewise,
    Rational,
    Subs,
    Symbol,
    cos,
    cosh,
    exp,
    limit,
    log,
    sin,
    sinh,
    sqrt,
    symbols,
    tan,
    tanh,
)

from theory.derivation import Derivation, Row
from theory.errors import InputError
from theory.kernels.two_layer_ntk import Z
from theory.parameters import Parameter, expression_in
from theory.proving import Definition, Identity, Nonnegativity
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
# Multiplicity 2, in an eigenbasis of M = n^-1 sum y x x^T: |w_1|, |w_2| and their eigenvalues.
FIRST_WEIGHT, SECOND_WEIGHT = symbols("w_1 w_2", positive=True)
FIRST_EIGENVALUE, SECOND_EIGENVALUE = symbols("mu_1 mu_2", real=True, nonzero=True)
QUADRATIC = FIRST_EIGENVALUE * log(SECOND_WEIGHT) - SECOND_EIGENVALUE * log(FIRST_WEIGHT)
# f = m^-gamma sum_r a_r max(w_r . x, 0): the relative change of the weights is of order m^CHANGE.
WIDTH, DECAY = symbols("m gamma", positive=True)
CHANGE = Piecewise((DECAY - 1, DECAY < 1), ((DECAY - 1) / 2, True))
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
    """Of the relative error of the leading-order flow in the size eps of the weights.

    With multiplicity p the next term of the Taylor series, of degree q, is of relative size eps^(q - p), and
    what the network has learned is of order eps^(p + 1).
    """
    order = multiplicity(activation)
    following = range(order + 1, 2 * order + 1)
    return next((q - order for q in following if taylor(activation, q) != 0), order + 1)


def angular_form(order: int) -> Expr:
    """The derivative in the angle of ((cos phi) x + (sin phi) x_2)^p, by t = tan phi."""
    slope = tan(ANGLE)
    return order * cos(ANGLE) ** order * (FIRST + slope * OTHER) ** (order - 1) * (OTHER - slope * FIRST)


def angular_law(order: int) -> Eq:
    """d/dphi ((cos phi) x + (sin phi) x_2)^p = p cos^p phi times a polynomial of degree p in tan phi."""
    power = (cos(ANGLE) * FIRST + sin(ANGLE) * OTHER) ** order
    return Eq(Derivative(power, ANGLE), angular_form(order))


def statement(activation: Expr = tanh(Z)) -> Statement:  # noqa: B008  SymPy expressions are immutable
    """f(x) = sum_r a_r s(w_r . x), gradient flow of sum_i (f(x_i) - y_i)^2/(2n), small weights."""
    order = multiplicity(activation)
    return Statement(
        id="kernels.condensation",
        title="Neurons condense on few directions at the start of training",
        summary=(
            rf"The activation has multiplicity $p = {order}$: its first Taylor coefficient that is not 0. "
            r"From small weights every neuron moves, to leading order, by itself. With $p = 1$ its motion is "
            r"linear and aligns it with $\pm v$, $v = n^{-1} \sum_i y_i x_i$; in general its direction "
            r"follows $P = \sum_i y_i (\hat w \cdot x_i)^p$, which for inputs in the plane has at most $2p$ "
            r"critical directions, of which the local maxima of $|P|$ attract. In front of a wide ReLU "
            r"network it is the power of the width that decides whether its weights count as small."
        ),
        hypotheses=(
            Hypothesis(
                r"the weights are of order $\varepsilon \to 0$, and $\sigma$ is smooth at 0 with $\sigma(0) "
                r"= 0$",
                holds=lambda _: multiplicity(activation) >= 1,
            ),
            Hypothesis(
                r"for $p = 1$: $\kappa = \sigma'(0) |v|$, and $p(t)$ is the component of $w$ along $v$ "
                r"(along $-v$ where $\sigma'(0) < 0$)"
            ),
            Hypothesis(
                r"for the directions: the inputs are in the plane, $(x, x_2)$, and $P$ is not constant on "
                r"its unit circle"
            ),
        ),
        conclusion=And(*FLOW, CONSERVED, angular_law(order)),
        regime="asymptotic",
        sources=(ZHOU, LUO),
        instance={A0: 1, P0: Rational(1, 2), RATE: 1, TIME: 1, FIRST: 1, OTHER: 2, ANGLE: 1},
        domain=ACUTE,
        error_term=Symbol("epsilon") ** error_exponent(activation),
    )


def derivation(activation: Expr = tanh(Z)) -> Derivation:  # noqa: B008
    """The multiplicity; the linear motion of one neuron; directions in the plane; two eigenvalues; widths."""
    order = multiplicity(activation)
    rows = (
        *_taylor_rows(activation, order),
        *_linear_rows(),
        *_direction_rows(order),
        *_attractor_rows(order),
        *_quadratic_rows(),
        *_width_rows(),
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
            r"$\dot a = \sigma'(0) w \cdot v$, $\dot w = \sigma'(0) a v$; along $v$ it reads $\dot a = "
            r"\kappa p$, $\dot p = \kappa a$, and the components across $v$ rest: the gradient of $F$",
            Definition(),
        ),
        Row(FLOW[0], "the solution: the readout", Identity()),
        Row(FLOW[1], "and the component along $v$", Identity()),
        Row(CONSERVED, "a conserved quantity", Identity()),
        Row(
            Eq(ALONG - READOUT, (P0 - A0) * exp(-RATE * TIME)),
            r"$p - a$ dies out while $p + a$ grows like $e^{\kappa t}$: the neuron aligns with $v$ or $-v$, "
            r"by the sign of $p_0 + a_0$",
            Identity(),
        ),
    )


def _coefficients(order: int) -> tuple[Symbol, ...]:
    return tuple(Symbol(f"c_{k}", real=True) for k in range(order + 1))


def _direction_rows(order: int) -> tuple[Row, ...]:
    """At most p critical directions, opposite ones counted once."""
    t, s = symbols("t s", real=True)
    coefficients = _coefficients(order)
    at_t, at_s = (Add(*(c * z**k for k, c in enumerate(coefficients))) for z in (t, s))
    quotient = Add(*(c * t**j * s ** (k - 1 - j) for k, c in enumerate(coefficients) for j in range(k)))
    return (
        Row(
            angular_law(order),
            r"one summand of $P$ in the plane, $\hat w = (\cos \phi, \sin \phi)$. Summed over the data this "
            r"is $\cos^p \phi$ times a polynomial of degree at most $p$ in $\tan \phi$",
            Identity(),
            ACUTE,
        ),
        Row(
            Eq(at_t, at_s + (t - s) * quotient),
            r"a polynomial that vanishes at $s$ is $t - s$ times one of lower degree (which the same "
            r"identity with leading coefficients 0 splits further): if it is not 0 and has degree $k$, it "
            r"has at most $k$ zeros. The direction $\cos \phi = 0$ is critical only where the coefficient of "
            r"$\tan^p \phi$ vanishes, so that $k < p$: with it there are at most $p$, and each belongs to "
            r"two opposite directions",
            Identity(),
        ),
    )


def _attractor_rows(order: int) -> tuple[Row, ...]:
    """Which critical directions attract; P = sum_k c_k w_1^(p - k) w_2^k stands for any data."""
    first, second = symbols("w_1 w_2", real=True)
    radius, rate = symbols("r K", positive=True)

    def form(x: Expr, y: Expr) -> Expr:
        return Add(*(c * x ** (order - k) * y**k for k, c in enumerate(_coefficients(order))))

    whole, circle = form(first, second), form(cos(ANGLE), sin(ANGLE))
    at = (first, second), (radius * cos(ANGLE), radius * sin(ANGLE))
    along, across = (Subs(Derivative(whole, weight), *at) for weight in (first, second))
    slope, speed = Derivative(circle, ANGLE), rate * radius ** (order - 2)
    growth = speed * circle.diff(ANGLE) ** 2
    return (
        Row(
            Eq(rate * (cos(ANGLE) * across - sin(ANGLE) * along) / radius, speed * slope),
            r"with $\dot w = K \nabla P(w)$, $K = a \sigma^{(p)}(0)/(p!\, n)$, the left side is $\dot \phi$ "
            r"at $w = r \hat w$ (here $K > 0$; for $K < 0$ take $-P$): the direction climbs $P$ on the "
            r"circle",
            Identity(),
            ACUTE,
        ),
        Row(
            Ge(growth, 0, evaluate=False),
            r"hence $\dot P = P'(\phi) \dot \phi$ on the circle is never negative, and 0 at critical "
            r"directions only",
            Nonnegativity(growth),
            ACUTE,
        ),
        Row(
            Eq(Derivative(speed * slope, ANGLE), speed * Derivative(circle, ANGLE, 2)),
            r"near a critical direction $\phi_0$ the deviation obeys, to first order, $\dot \delta = K "
            r"r^{p-2} P''(\phi_0) \delta$: where $P'' < 0$, at a local maximum, it dies out; at a minimum it "
            r"grows",
            Identity(),
            ACUTE,
        ),
        _euler_row(order, first, second, whole),
    )


def _euler_row(order: int, first: Symbol, second: Symbol, whole: Expr) -> Row:
    """Why K takes the sign of P, and what growth conserves."""
    return Row(
        Eq(first * Derivative(whole, first) + second * Derivative(whole, second), order * whole),
        r"since $\dot a$ has the sign of $\sigma^{(p)}(0) P(w)$, $K$ turns to the sign of $P$ as the "
        r"neuron grows: the attractors are local maxima of $P$ where $P > 0$, local minima where $P < "
        r"0$, in a word of $|P|$. By this identity of Euler $|w|^2 - p a^2$ is conserved",
        Identity(),
    )


def _quadratic_rows() -> tuple[Row, ...]:
    """Multiplicity 2 in an eigenbasis of M = n^-1 sum y x x^T."""
    mu, nu, w, z = FIRST_EIGENVALUE, SECOND_EIGENVALUE, FIRST_WEIGHT, SECOND_WEIGHT
    a, c = symbols("a c", real=True)
    first, second, size = symbols("b_1 b_2 epsilon", positive=True)
    moved = 2 * c * a * (mu * w * Derivative(QUADRATIC, w) + nu * z * Derivative(QUADRATIC, z))
    return (
        Row(
            Eq(moved, 0, evaluate=False),
            r"multiplicity 2: $\dot w_i = 2 c a \mu_i w_i$ in the eigenbasis of $n^{-1} \sum_i y_i x_i "
            r"x_i^T$ with eigenvalues $\mu_i$, so $\mu_1 \ln |w_2| - \mu_2 \ln |w_1|$ is conserved",
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


def _width_rows() -> tuple[Row, ...]:
    """When the weights of f = m^-gamma sum_r a_r max(w_r . x, 0), at first of order 1, count as small."""
    m, gamma = WIDTH, DECAY
    a, u = symbols("a u", real=True)
    scale = m ** ((gamma - 1) / 2)
    return (
        Row(
            Eq(m ** (-gamma) * (scale * a) * Max(0, scale * u), a * Max(0, u) / m),
            r"a ReLU network with $m^{-\gamma}$ in front and weights of order 1 is one with $1/m$ in front "
            r"and weights of order $\varepsilon = m^{(1-\gamma)/2}$: small where $\gamma > 1$. Trained "
            r"weights of order 1 (a scaling argument: this is not proved) have then changed by a factor of "
            r"order $1/\varepsilon = m^{(\gamma-1)/2}$",
            Identity(),
        ),
        Row(
            Eq(m ** (-gamma) * sqrt(m) / (m * m ** (-2 * gamma)) / sqrt(m), m ** (gamma - 1)),
            r"where $\gamma < 1$ training is linear (Luo et al.; not proved here): the relative change tends "
            r"to 0, and a count of powers says how fast: the change "
            r"is $J^T (J J^T)^{-1} (y - f)$ with $J$ of order $m^{-\gamma} \sqrt m$ and $J J^T$ of order "
            r"$m\, m^{-2 \gamma}$, in weights of norm $\sqrt m$",
            Identity(),
        ),
    )
