r"""The edge of chaos: fixed points of variance and correlation, their slopes, and the critical line."""

from __future__ import annotations

from typing import Any

from sympy import And, Derivative, Eq, Expr, Function, Lt, Product, Rational, Symbol, exp, log, symbols

from theory.certified_expectations.rows import enclose_expression
from theory.deep_kernels import edge_certified
from theory.deep_kernels.criticality import Z, critical_line, second_moment, slope_moment
from theory.deep_kernels.edge_rows import relu_rows
from theory.deep_kernels.expectations import limiting_row, outside, pair_slope, slope_of
from theory.deep_kernels.recursion import layer_map
from theory.derivation import Derivation, Row
from theory.errors import InputError
from theory.gaussian import derivative, pair_expectation, single_expectation
from theory.gaussian.activation_rows import kernel_rows
from theory.gaussian.expectation import A, B, C
from theory.gaussian.rows import (
    DiagonalLimit,
    GaussianRules,
    Independence,
    Mean,
)
from theory.gaussian.special import BivariateNormalCDF
from theory.grammar.sizes import shown
from theory.parameters import Parameter, expression_in, positive_integer, positive_rational
from theory.proving import Consequence, Definition, Given, Identity, Induction
from theory.statement import Domain, Hypothesis, Source, Statement

ERF = expression_in("z")("erf(z)")
STANDARD = Rational(4, 5)  # generic: at 1 a factor q would go unnoticed
SHALLOWEST, DEEPEST = 2, 8  # networks on which the theorem is measured; the rows hold for all depths


def _depth(value: object) -> int:
    depth = positive_integer()(value)
    if not SHALLOWEST <= depth <= DEEPEST:
        raise InputError(f"{shown(value)} is not allowed: give {SHALLOWEST} to {DEEPEST} hidden layers")
    return depth


PARAMETERS = (
    Parameter("activation", "activation, an expression in z", "erf(z)", expression_in("z")),
    Parameter("fixed_point", "variance q* of the preactivations", "4/5", positive_rational()),
    Parameter("depth", "number of hidden layers", 5, _depth),
)

POOLE = Source(
    "B. Poole, S. Lahiri, M. Raghu, J. Sohl-Dickstein and S. Ganguli",
    "Exponential expressivity in deep neural networks through transient chaos",
    2016,
    "Equations 3 to 8",
    "arXiv:1606.05340",
)
SCHOENHOLZ = Source(
    "S. S. Schoenholz, J. Gilmer, S. Ganguli and J. Sohl-Dickstein",
    "Deep information propagation",
    2017,
    "Sections 3 and 4",
    "arXiv:1611.01232",
)

WEIGHT, BIAS = Symbol("sigma_w", positive=True), Symbol("sigma_b", nonnegative=True)
CHI, CHI_ONE, LENGTH = symbols("chi chi_1 xi", positive=True)
SQUARE, SLOPES = symbols("m d", positive=True)
RHO = Symbol("rho", real=True)
MAP = Function("V")(A)
ENDS = (Rational(1, 5), Rational(9, 10))
DOMAIN = Domain({A: ENDS, B: ENDS, C: (-ENDS[1], ENDS[1])}, (Lt(C**2, A * B),))


class Dual(Function):
    """kappa(c) = E s(u) s(v) at variance q of both inputs and covariance c."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return Moved(self.args[0])

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return rf"\kappa\left({printer._print(self.args[0])}\right)"


class Moved(Function):
    """Its derivative E s'(u) s'(v)."""

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return rf"\kappa'\left({printer._print(self.args[0])}\right)"


def moments(activation: Expr) -> tuple[Any, Any]:
    """E s(u)^2 and E s'(u)^2, unevaluated."""
    square, slopes = (single_expectation(f**2, Z) for f in (activation, slope_of(activation)))
    return square, slopes


def statement(activation: Expr = ERF, fixed_point: Rational = STANDARD, depth: int = 5) -> Statement:
    """sigma_w^2(q*), sigma_b^2(q*) on the critical line, with q* = a, and the slope of the correlation map.

    Raises InputError where the line has a negative bias variance at this fixed point.
    """
    value = _bias_at(activation, fixed_point)
    if value < 0 and not _nonnegative(activation, fixed_point):
        raise InputError(
            f"no network of {activation} is critical with variance {fixed_point}: the bias variance would be "
            f"{float(value):.4g}; give another fixed_point"
        )
    return Statement(
        id="kernels.edge_of_chaos",
        title="The edge of chaos of deep networks",
        summary=(
            r"Through the layers of a wide network the variance follows $q \mapsto V(q) = \sigma_b^2 + "
            r"\sigma_w^2 E \sigma(u)^2$, and at $q = V(q)$ the correlation follows $R(\rho) = (\sigma_b^2 + "
            r"\sigma_w^2 E \sigma(u) \sigma(v))/q$. Gradients grow and equal inputs part like $\chi_1 = R'(1)"
            r" = \sigma_w^2 E \sigma'(u)^2$ for each layer; here is the line $\chi_1 = 1$, $q$ along it."
        ),
        hypotheses=(
            Hypothesis(
                r"$(u, v) \sim N(0, \Sigma)$ with the entries $a, c, b$ and $c^2 < a b$", Lt(C**2, A * B)
            ),
            Hypothesis(r"$a$ is a fixed point of the variance: $V(a) = a$"),
            Hypothesis(r"criticality: $\chi_1 = \sigma_w^2 E \sigma'(u)^2 = 1$"),
            Hypothesis(
                r"$\sigma$ is continuous, and $\sigma_b^2 \ge 0$",
                holds=lambda instance: _nonnegative(activation, instance[A]),
            ),
        ),
        conclusion=And(*_parts(activation)),
        regime="exact",
        sources=(POOLE, SCHOENHOLZ),
        instance={A: fixed_point, B: fixed_point, C: fixed_point / 2},
        domain=DOMAIN,
    )


def _bias_at(activation: Expr, q: Expr) -> Expr:
    """sigma_b^2 on the critical line, a number."""
    if outside(activation):
        return edge_certified.number(edge_certified.bias_at(activation, q))
    return critical_line(activation).bias_variance.subs(A, q).evalf(30)


def _nonnegative(activation: Expr, q: Expr) -> bool:
    """Up to rounding in closed form, where it may be 0 as for ReLU; outside the class certified."""
    if outside(activation):
        return bool(enclose_expression(edge_certified.bias_at(activation, q)) >= 0)
    return bool(_bias_at(activation, q) > -(Rational(10) ** -25))


def _parts(activation: Expr) -> tuple[Eq, Eq, Eq]:
    if outside(activation):
        square, slopes = moments(activation)
        return (
            Eq(WEIGHT**2, 1 / slopes),
            Eq(BIAS**2, A - square / slopes),
            Eq(CHI, pair_slope(activation) / slopes, evaluate=False),
        )
    weight, bias = critical_line(activation)
    slope = layer_map(activation).derivative
    return (
        Eq(WEIGHT**2, weight),
        Eq(BIAS**2, bias),
        Eq(CHI, WEIGHT**2 * slope),
    )


def derivation(activation: Expr = ERF, fixed_point: Rational = STANDARD, depth: int = 5) -> Derivation:
    """The two maps, the closed forms of this activation, the critical line, correlation length, gradients."""
    rows = (
        *_map_rows(),
        *_activation_rows(activation),
        *_line_rows(activation),
        *_slope_rows(activation),
        *_length_rows(depth),
        *_gradient_rows(depth),
        *_own_rows(activation, fixed_point),
    )
    return Derivation(
        statement(activation, fixed_point, depth), rows, _limiting_case(activation, fixed_point)
    )


def _own_rows(activation: Expr, q: Rational) -> tuple[Row, ...]:
    """Of ReLU its rate; outside the class the numbers at q, certified."""
    if not outside(activation):
        return relu_rows(activation)
    values = edge_certified.value_rows(activation, q)
    return (*values, *edge_certified.correlation_rows(activation, q))


def _map_rows() -> tuple[Row, ...]:
    step = (BIAS**2 + WEIGHT**2 * Dual(A * RHO)) / A
    return (
        Row(
            Eq(MAP, BIAS**2 + WEIGHT**2 * SQUARE),
            r"the variance of the next layer, with $m = E \sigma(u)^2$: given a layer, the next "
            r"preactivations are Gaussian",
            Definition(),
        ),
        Row(
            Eq(Function("R")(RHO), step),
            r"the correlation of the next layer at $V(a) = a$, with "
            r"$\kappa(c) = E \sigma(u) \sigma(v)$ at $b = a$",
            Definition(),
        ),
        Row(
            Eq(Derivative(step, RHO), WEIGHT**2 * Moved(A * RHO)),
            r"its slope, by the chain rule; by Price, below, $\kappa' = E \sigma'(u) \sigma'(v)$",
            Identity(),
        ),
        Row(
            Eq(CHI_ONE, WEIGHT**2 * SLOPES),
            r"at equal inputs, with $d = E \sigma'(u)^2$",
            Definition(),
        ),
    )


def _activation_rows(activation: Expr) -> tuple[Row, ...]:
    if outside(activation):
        return (*edge_certified.kernel_rows(activation), *_named_moments(activation))
    slope, closed = derivative(activation, Z), layer_map(activation)
    return (
        *kernel_rows(activation, slope, closed.dual, closed.derivative, Z, DOMAIN),
        *_diagonal_rows(activation),
    )


def _diagonal_rows(activation: Expr) -> tuple[Row, ...]:
    """E s^2 and E s'^2: where the normal form has the limit, that of the kernels at equal inputs."""
    named = ((SQUARE, "m", second_moment(activation)), (SLOPES, "d", slope_moment(activation)))
    rows: list[Row] = []
    for (name, letter, value), term, closed in zip(
        named, moments(activation), layer_map(activation), strict=True
    ):
        limit = not closed.has(BivariateNormalCDF)
        method = DiagonalLimit(closed) if limit else GaussianRules((A,))
        reason = "closed form" + (r", and the limit $b = a$, $c \to a$ of the kernel above" if limit else "")
        rows += [
            Row(Eq(name, term, evaluate=False), f"${letter}$, as above", Definition()),
            Row(Eq(term, value, evaluate=False), reason, method, DOMAIN),
        ]
    return tuple(rows)


def _named_moments(activation: Expr) -> tuple[Row, ...]:
    pairs = zip((SQUARE, SLOPES), ("m", "d"), moments(activation), strict=True)
    return tuple(
        Row(Eq(name, term, evaluate=False), f"${letter}$, as above", Definition())
        for name, letter, term in pairs
    )


def _line_rows(activation: Expr) -> tuple[Row, ...]:
    step, chi = Eq(MAP, BIAS**2 + WEIGHT**2 * SQUARE), Eq(CHI_ONE, WEIGHT**2 * SLOPES)
    still, critical = Eq(MAP, A), Eq(CHI_ONE, 1)
    weight_in, bias_in = Eq(WEIGHT**2, CHI_ONE / SLOPES), Eq(BIAS**2, MAP - WEIGHT**2 * SQUARE)
    weight, bias = Eq(WEIGHT**2, 1 / SLOPES), Eq(BIAS**2, A - SQUARE / SLOPES)
    square, slopes = moments(activation)
    values = (Eq(SQUARE, square, evaluate=False), Eq(SLOPES, slopes, evaluate=False), *_closed(activation))
    first, second, _ = _parts(activation)
    return (
        Row(still, "the fixed point", Given()),
        Row(critical, "criticality", Given()),
        Row(weight_in, r"solved for $\sigma_w^2$", Consequence((chi,))),
        Row(bias_in, r"solved for $\sigma_b^2$", Consequence((step,))),
        Row(weight, r"at $\chi_1 = 1$", Consequence((weight_in, critical))),
        Row(bias, r"at the fixed point", Consequence((bias_in, still, weight))),
        Row(
            Eq(BIAS**2 + WEIGHT**2 * SQUARE, A),
            "conversely: these two make $a$ a fixed point",
            Consequence((bias, weight)),
        ),
        Row(Eq(WEIGHT**2 * SLOPES, 1), r"and $\chi_1 = 1$", Consequence((weight,))),
        Row(first, "the critical line of this activation: weights", Consequence((weight, *values))),
        Row(second, "biases", Consequence((bias, *values))),
    )


def _closed(activation: Expr) -> tuple[Eq, ...]:
    """The closed forms of both moments; none outside the class."""
    if outside(activation):
        return ()
    square, slopes = moments(activation)
    return (
        Eq(square, second_moment(activation), evaluate=False),
        Eq(slopes, slope_moment(activation), evaluate=False),
    )


def _slope_rows(activation: Expr) -> tuple[Row, ...]:
    slope = slope_of(activation)
    moved = pair_expectation(slope, slope, Z)
    named = Eq(CHI, WEIGHT**2 * moved, evaluate=False)
    return (
        Row(
            named,
            r"the slope at other correlations, $\chi = R'(\rho)$ at $c = a \rho$, $b = a$",
            Definition(),
        ),
        _slope_row(activation, named),
    )


def _slope_row(activation: Expr, named: Eq) -> Row:
    """Outside the class on the critical line, where sigma_w^2 = 1/E s'^2."""
    weight, _, slope = _parts(activation)
    if outside(activation):
        return Row(slope, "on the critical line", Consequence((named, weight)))
    closed = Eq(named.rhs / WEIGHT**2, layer_map(activation).derivative, evaluate=False)
    return Row(slope, "in closed form", Consequence((named, closed)))


def _length_rows(layers: int) -> tuple[Row, ...]:
    length = Eq(LENGTH, -1 / log(CHI))
    return (
        Row(
            length, r"the correlation length, where $\chi = R'(\rho^*)$ at $\rho^* = R(\rho^*)$", Definition()
        ),
        Row(
            Eq(CHI**layers, exp(-layers / LENGTH)),
            r"each layer multiplies a small deviation $\rho - \rho^*$ by $\chi$, to first order",
            Consequence((length,)),
        ),
    )


def _gradient_rows(depth: int) -> tuple[Row, ...]:
    """A tangent t at right angles to the input is independent of u, and stays so in the mean."""
    value, slope, tangent = symbols("s p t", real=True)
    apart = Independence(((value, slope), (tangent,)))
    centered = Eq(Mean(tangent), 0)
    layer, layers = symbols("k L", integer=True, positive=True)
    product = Eq(Mean(value * slope * tangent), Mean(value * slope) * Mean(tangent))
    return (
        Row(centered, r"a tangent $t$ of the preactivation $u$ is centered", Given()),
        Row(
            Eq(Mean(slope**2 * tangent**2), Mean(slope**2) * Mean(tangent**2)),
            r"with $t$ independent of $s = \sigma(u)$ and $p = \sigma'(u)$ the next tangent has the variance "
            r"$\sigma_w^2 E p^2 t^2 = \chi_1 E t^2$",
            apart,
        ),
        Row(product, "its covariance with the next preactivation", apart),
        Row(
            Eq(Mean(value * slope * tangent), 0),
            "they are uncorrelated in the next layer too",
            Consequence((product, centered)),
        ),
        Row(
            Eq(Product(CHI_ONE, (layer, 1, layers)), CHI_ONE**layers),
            rf"hence tangents, and gradients, grow by $\chi_1^L$ in $L$ layers; here $L = {depth}$",
            Induction(layers),
        ),
    )


def _limiting_case(activation: Expr, q: Rational) -> Row:
    if outside(activation):
        return limiting_row(slope_of(activation), {A: q, B: q})
    slope = derivative(activation, Z)
    means = single_expectation(slope, Z, A) * single_expectation(slope, Z, B)
    closed = layer_map(activation).derivative.subs(C, 0)
    reason = r"uncorrelated inputs, $c = 0$: $R'(0) = \sigma_w^2 (E \sigma'(u))^2$"
    return Row(Eq(means, closed, evaluate=False), reason, GaussianRules(), DOMAIN)
