r"""The tangent kernel of a two-layer network: exact mean and variance at every width, gradient flow."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from sympy import (
    And,
    Derivative,
    Eq,
    Expr,
    Function,
    IndexedBase,
    Integral,
    Lt,
    Rational,
    Sum,
    Symbol,
    exp,
    sqrt,
    symbols,
)

from theory.certified_expectations import CertifiedValues
from theory.derivation import Derivation, Row
from theory.gaussian import read, single_expectation
from theory.gaussian.expectation import A, B, C
from theory.gaussian.rows import GaussianRules, Independence, Mean
from theory.parameters import Parameter, expression_in
from theory.proving import Antiderivative, Citation, Consequence, Definition, Given, Identity, Induction
from theory.statement import Hypothesis, Source, Statement
from theory.two_layer import certified, closed
from theory.two_layer.closed import kernel as kernel  # this and the aliases below: part of this module
from theory.two_layer.closed import slope_of as slope_of
from theory.two_layer.terms import DOMAIN as DOMAIN
from theory.two_layer.terms import (
    FOURTH_MOMENT,
    LAW,
    LIMIT,
    READOUT,
    SECOND,
    THETA,
    UNIT,
    UNIT_MEAN,
    VARIANCE,
    WIDTH,
    Z_UNIT,
    D,
    S,
)
from theory.two_layer.terms import INSTANCE as INSTANCE
from theory.two_layer.terms import RELU as RELU
from theory.two_layer.terms import Z as Z

PARAMETERS = (Parameter("activation", "activation, an expression in z", "max(z, 0)", expression_in("z")),)

JACOT = Source(
    "A. Jacot, F. Gabriel and C. Hongler",
    "Neural tangent kernel: convergence and generalization in neural networks",
    2018,
    "Theorems 1 and 2",
    "arXiv:1806.07572",
)
CHO_SAUL = Source("Y. Cho and L. K. Saul", "Kernel methods for deep learning", 2009, identifier="NIPS 22")
DU = Source(
    "S. S. Du, X. Zhai, B. Poczos and A. Singh",
    "Gradient descent provably optimizes over-parameterized neural networks",
    2019,
    "Lemmas 3.2 and 3.3",
    "arXiv:1810.02054",
)
HUANG_YAU = Source(
    "J. Huang and H.-T. Yau",
    "Dynamics of deep neural networks and neural tangent hierarchy",
    2020,
    identifier="arXiv:1909.08156",
)


class Sigma(Function):
    """An unspecified activation."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return SigmaPrime(self.args[0])

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return _applied(r"\sigma", self.args[0], printer, exp)

    def _pretty(self, printer: Any) -> Any:
        return printer._print(Function("σ")(*self.args))


class SigmaPrime(Function):
    """Its derivative."""

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return _applied(r"\sigma'", self.args[0], printer, exp)

    def _pretty(self, printer: Any) -> Any:
        return printer._print(Function("σ′")(*self.args))


def _applied(name: str, argument: Expr, printer: Any, power: str | None) -> str:
    applied = rf"{name}\left({printer._print(argument)}\right)"
    return rf"{applied}^{{{power}}}" if power else applied


def kinked(activation: Expr) -> bool:
    """Whether s' jumps: then the kernel drifts like m^(-1/2) in training, otherwise like 1/m."""
    if certified.outside(activation):
        return certified.kinked(activation)
    return not read(activation, Z).derivative().continuous()


def _form(activation: Expr) -> ModuleType:
    """Where the rows of this activation come from: with the closed form, or certified without one."""
    return certified if certified.outside(activation) else closed


def _continuous(activation: Expr) -> bool:
    if certified.outside(activation):
        return not CertifiedValues(activation).jumps
    return read(activation, Z).continuous()


def statement(activation: Expr = RELU) -> Statement:
    r"""f(x) = m^(-1/2) sum_r alpha_r s(w_r . x) with w_r ~ N(0, I) and independent readout weights alpha_r.

    a = |x|^2, b = |y|^2, c = x . y, so that (w . x, w . y) ~ N(0, [[a, c], [c, b]]).
    """
    limit = _form(activation).limit(activation)
    return Statement(
        id="kernels.two_layer_ntk",
        title="The tangent kernel of a two-layer network at every width",
        summary=(
            r"For $f(x) = m^{-1/2} \sum_r \alpha_r \sigma(w_r \cdot x)$ with $w_r \sim N(0, I)$ the tangent "
            r"kernel $\Theta_m(x, y)$ is a mean of $m$ independent terms. Its mean is the limiting kernel "
            r"$\Theta$ at every width, its variance is known exactly, and wide networks train as kernel "
            r"regression."
        ),
        hypotheses=(
            Hypothesis(r"$a = |x|^2$, $b = |y|^2$, $c = x \cdot y$ with $c^2 < a b$", Lt(C**2, A * B)),
            Hypothesis(r"$w_r \sim N(0, I)$, independent of $\alpha_r$; all units independent"),
            Hypothesis(
                r"$S = \sigma(u) \sigma(v)$ and $D = \sigma'(u) \sigma'(v)$ with $u = w_r \cdot x$ and "
                r"$v = w_r \cdot y$; $V_m$ is the variance of $\Theta_m(x, y)$"
            ),
            Hypothesis(r"$E \alpha_r = 0$, $E \alpha_r^2 = 1$, $E \alpha_r^4 = \mu_4$ (Gaussian: 3)"),
            Hypothesis(
                r"$\sigma$ is continuous, with derivative $\sigma'$ almost everywhere and a fourth moment",
                holds=lambda _: _continuous(activation),
            ),
        ),
        conclusion=And(Eq(THETA, limit), LAW),
        regime="exact",
        sources=(JACOT, CHO_SAUL),
        instance=INSTANCE,
        domain=DOMAIN,
    )


def derivation(activation: Expr = RELU) -> Derivation:
    """Unit by unit: gradients, mean, variance; the expectations of this activation; gradient flow."""
    form = _form(activation)
    rows = (
        *_unit_rows(),
        *_moment_rows(),
        *_width_rows(),
        _law_row(),
        *_readout_rows(),
        *form.activation_rows(activation),
        *form.variance_rows(activation),
        _joint_row(activation),
        *_training_rows(activation),
    )
    return Derivation(statement(activation), rows, form.limiting_case(activation))


def _unit_rows() -> tuple[Row, ...]:
    alpha, u = IndexedBase("alpha"), IndexedBase("u")
    r, f = Symbol("r", integer=True, positive=True), Function("f")
    x, y, w, p, q, weight = symbols("x_i y_i w_i p q alpha", real=True)
    first, second = weight * Sigma(w * x + p), weight * Sigma(w * y + q)
    network = Sum(alpha[r] * Sigma(u[r]), (r, 1, WIDTH)) / sqrt(WIDTH)
    moved = weight**2 * x * y * SigmaPrime(w * x + p) * SigmaPrime(w * y + q)
    return (
        Row(Eq(f(Symbol("x")), network), r"the network, with $u_r = w_r \cdot x$", Definition()),
        Row(
            Eq(Derivative(first, weight), Sigma(w * x + p)),
            r"gradient in the readout weight; $p = \sum_{j \neq i} w_j x_j$",
            Identity(),
        ),
        Row(
            Eq(Derivative(first, w), weight * x * SigmaPrime(w * x + p)),
            "gradient in one input weight, by the chain rule",
            Identity(),
        ),
        Row(
            Eq(Derivative(first, w) * Derivative(second, w), moved),
            r"product of the gradients at $x$ and $y$, with $q = \sum_{j \neq i} w_j y_j$",
            Identity(),
        ),
    )


def _moment_rows() -> tuple[Row, ...]:
    """One unit: its kernel Z, the mean of Z and of Z^2 over both layers."""
    layers = Independence(((S, D), (READOUT,)))
    square = Mean(S**2) + 2 * C * Mean(READOUT**2) * Mean(S * D) + C**2 * Mean(READOUT**4) * Mean(D**2)
    return (
        Row(
            UNIT,
            r"the tangent kernel of one unit, summed over its parameters, with $\sum_i x_i y_i = c$: "
            r"$\Theta_m = m^{-1} \sum_r Z_r$",
            Definition(),
        ),
        Row(LIMIT, "the limiting kernel is the mean of one unit", Definition()),
        Row(SECOND, "hypothesis on the readout weights", Given()),
        Row(FOURTH_MOMENT, "hypothesis on the readout weights", Given()),
        Row(
            UNIT_MEAN,
            r"$\alpha$ is independent of $(S, D)$, a function of the input weights",
            layers,
        ),
        Row(Eq(Mean(UNIT.rhs**2), square), "the mean square of one unit, in the same way", layers),
    )


def _width_rows() -> tuple[Row, ...]:
    """From one unit to m: the mean and the variance of Theta_m at every width."""
    r, s = symbols("r s", integer=True, positive=True)
    one, other = symbols("Z_1 Z_2", real=True)
    pairs = Sum(Mean(Z_UNIT**2), (r, 1, WIDTH)) + 2 * Sum(Sum(THETA**2, (s, 1, r - 1)), (r, 1, WIDTH))
    variance = Eq(VARIANCE, pairs / WIDTH**2 - THETA**2)
    return (
        Row(
            Eq(Sum(THETA / WIDTH, (r, 1, WIDTH)), THETA),
            r"the mean of $\Theta_m$ is that of one unit, at every width",
            Identity(),
        ),
        Row(
            Eq(Mean(one * other), Mean(one) * Mean(other)),
            r"two different units are independent: this mean is $\Theta^2$",
            Independence(((one,), (other,))),
        ),
        Row(
            variance,
            r"$V_m = E \Theta_m^2 - \Theta^2$: the square of the sum has $m$ squares and twice the pairs "
            r"$s < r$",
            Definition(),
        ),
        Row(
            Eq(WIDTH * VARIANCE, Mean(Z_UNIT**2) - THETA**2),
            r"hence $m V_m$ is the variance of one unit, at every width",
            Consequence((variance,)),
        ),
    )


def _law_row() -> Row:
    moments, units = _moment_rows(), _width_rows()
    premises = (units[-1].relation, UNIT, moments[-1].relation, SECOND, FOURTH_MOMENT)
    return Row(LAW, r"$E Z^2$ inserted", Consequence(premises))


def _readout_rows() -> tuple[Row, ...]:
    scale = Symbol("tau", positive=True)
    second, fourth = (single_expectation(READOUT**k, READOUT, scale) for k in (2, 4))
    return (
        Row(Eq(second, scale), "for Gaussian readout weights: second moment", GaussianRules((scale,))),
        Row(
            Eq(fourth, 3 * scale**2), r"fourth moment, so $\mu_4 = 3$ at $\tau = 1$", GaussianRules((scale,))
        ),
    )


def _joint_row(activation: Expr) -> Row:
    mean = Eq(THETA, _form(activation).limit(activation))
    return Row(And(mean, LAW), "mean and variance together", Consequence((mean, LAW)))


def _training_rows(activation: Expr) -> tuple[Row, ...]:
    t, u, rate, step, start, target, cross = symbols("t u lambda eta f_0 y k", positive=True)
    j, n = symbols("j n", integer=True, positive=True)
    train = start + (1 - exp(-rate * t)) * (target - start)
    force = cross * exp(-rate * u) * (target - start)
    moved = -cross / rate * exp(-rate * u) * (target - start)
    exponent, source = (Rational(-1, 2), DU) if kinked(activation) else (Rational(-1), HUANG_YAU)
    smooth = "has kinks" if kinked(activation) else "is smooth"
    return (
        Row(
            Eq(Derivative(train, t), rate * (target - train)),
            r"gradient flow with the kernel held fixed, $\dot f = K (y - f)$, along an eigenvector of "
            r"$K = \Theta(X, X)$ with eigenvalue $\lambda$: "
            r"the solution $f_0 + (1 - e^{-\lambda t})(y - f_0)$",
            Identity(),
        ),
        Row(
            Eq(Integral(force, (u, 0, t)), moved.subs(u, t) - moved.subs(u, 0)),
            r"a new input moves by $\int_0^t k (y - f_u) du$, with $k$ the component of $\Theta(x, X)$ "
            r"along that eigenvector; summed over eigenvectors: "
            r"$f_t(x) = f_0(x) + \Theta(x, X) K^{-1} (1 - e^{-K t})(y - f_0)$",
            Antiderivative(moved),
        ),
        Row(
            Eq(
                Sum(step * cross * (1 - step * rate) ** (j - 1), (j, 1, n)),
                cross / rate * (1 - (1 - step * rate) ** n),
            ),
            r"the same for $n$ steps of gradient descent of size $\eta$",
            Induction(n),
        ),
        Row(
            Eq(Symbol("p"), exponent),
            rf"$\sigma$ {smooth}: in training the kernel moves by at most an amount of order $m^p$",
            Citation(source),
        ),
    )
