r"""A random layer as a map of metric spaces: mean and variance of distances at every width, exactly."""

from __future__ import annotations

from functools import lru_cache

from sympy import (
    And,
    Eq,
    Expr,
    Function,
    Integral,
    Lt,
    Rational,
    Symbol,
    acos,
    cos,
    exp,
    log,
    pi,
    sign,
    sin,
    sqrt,
    symbols,
)

from theory.derivation import Derivation, Row
from theory.errors import InputError, OutsideClass
from theory.gaussian import (
    GaussianExpectation,
    PriceEquation,
    heaviside_form,
    pair_expectation,
    read,
    require_closed_form,
    single_expectation,
)
from theory.gaussian.activation_rows import form_rows
from theory.gaussian.expectation import A, B, C
from theory.gaussian.rows import (
    GaussianRules,
    Independence,
    Mean,
    MehlerEnclosure,
    enclose_terms,
)
from theory.kernels.two_layer_ntk import DOMAIN, INSTANCE, RELU, Z
from theory.parameters import Parameter, expression_in
from theory.proving import Antiderivative, Consequence, Definition, Given, Identity
from theory.random_layers.units import WIDTH, moment, unit_rows, variance_law
from theory.statement import Domain, Hypothesis, Source, Statement

PARAMETERS = (Parameter("activation", "activation, an expression in z", "max(z, 0)", expression_in("z")),)

GIRYES = Source(
    "R. Giryes, G. Sapiro and A. M. Bronstein",
    "Deep neural networks with random Gaussian weights: a universal classification strategy?",
    2016,
    "Theorem 3",
    "arXiv:1504.08291",
)
GULCU_GUNGOR = Source(
    "T. C. Gulcu and A. Gungor",
    "Comments on 'Deep neural networks with random Gaussian weights: a universal classification strategy?'",
    2019,
    "abstract: they find Theorem 3 of the former inaccurate",
    "arXiv:1901.02182",
)
DASGUPTA_GUPTA = Source(
    "S. Dasgupta and A. Gupta", "An elementary proof of a theorem of Johnson and Lindenstrauss", 2003
)

DISTANCE, INNER = Function("Delta")(A, B, C), Function("K")(A, B, C)
# One unit: its activations p = s(u) and q = s(v), and its share X = (p - q)^2 of the squared distance.
P, Q, SHARE, VARIANCE = symbols("p q X V_m", real=True)
SIGN_PRODUCT = Symbol("s", real=True)
DIFFER, NORM_VARIANCE = Symbol("p_m", positive=True), Symbol("W_m", positive=True)
COSINE = C / (sqrt(A) * sqrt(B))
ANGLE = acos(COSINE)
# (left power, right power, coefficient) of (p - q)^4
QUARTIC = ((4, 0, 1), (3, 1, -4), (2, 2, 6), (1, 3, -4), (0, 4, 1))
UNIT = Eq(SHARE, (P - Q) ** 2)
LAW = Eq(WIDTH * VARIANCE, sum(k * Mean(P**i * Q**j) for i, j, k in QUARTIC) - DISTANCE**2, evaluate=False)
SIGNS = Eq(DIFFER, ANGLE / pi)
NORMS = Eq(WIDTH * NORM_VARIANCE, 2 * A**2)
TILT, EPSILON = symbols("theta epsilon", positive=True)
BELOW_ONE = Domain({A: (Rational(1, 10), Rational(9, 10))})


def psi(cosine: Expr) -> Expr:
    """(sin theta - theta cos theta)/pi, of cos theta."""
    return (sqrt(1 - cosine**2) - cosine * acos(cosine)) / pi


def relu_distance(direction: int = -1) -> Expr:
    """|x - y|^2/2 - |x| |y| psi(theta); with ``direction`` = 1 the formula with the opposite sign."""
    return (A + B - 2 * C) / 2 + direction * sqrt(A) * sqrt(B) * psi(COSINE)


@lru_cache(maxsize=64)
def inner_product(activation: Expr) -> Expr:
    """E[s(u) s(v)] in closed form. Raises InputError for a constant and OutsideClass."""
    heaviside_form(activation, Z)
    if not activation.has(Z):
        raise InputError(f"{activation} is a constant: it maps all inputs to one point")
    return pair_expectation(activation, activation, Z).doit()


@lru_cache(maxsize=64)
def distance(activation: Expr) -> Expr:
    """E (s(u) - s(v))^2 in closed form. Raises as `inner_product` does."""
    left, right = (moment(activation, i, 2 - i, Z).doit() for i in (2, 0))
    return left + right - 2 * inner_product(activation)


def moments(activation: Expr) -> tuple[GaussianExpectation, ...]:
    """E[s(u)^i s(v)^j] in the order of ``QUARTIC``. Raises InputError without a fourth moment."""
    if any(4 * term.quadratic + 1 <= 0 for term, _ in read(activation, Z).terms):
        raise InputError(f"{activation} has no fourth moment under N(0, 1), which the variance law needs")
    return tuple(moment(activation, i, j, Z) for i, j, _ in QUARTIC)


def statement(activation: Expr = RELU) -> Statement:
    r"""h(x) = m^(-1/2) s(W x) with W_ij ~ N(0, 1); a = |x|^2, b = |y|^2, c = x . y.

    For a ReLU (or any other homogeneous activation) h(x) = s(M x) with M_ij ~ N(0, 1/m).
    """
    return Statement(
        id="kernels.metric_preservation",
        title="Random layers preserve distances up to angles",
        summary=(
            r"A layer $h(x) = m^{-1/2} \sigma(W x)$ of $m$ units with independent Gaussian weights changes "
            r"squared distances and inner products, in the mean over the weights, to functions of norms and "
            r"angle that do not depend on $m$; the variance of the squared distance is known at every "
            r"width. Before the activation, squared norms are chi-squared; after signs, Hamming distances "
            r"are binomial with the angle over $\pi$ as their probability."
        ),
        hypotheses=(
            Hypothesis(r"$a = |x|^2$, $b = |y|^2$, $c = x \cdot y$ with $c^2 < a b$", Lt(C**2, A * B)),
            Hypothesis(
                r"the entries of $W$ are independent and $N(0, 1)$; $u$ and $v$ are the preactivations of "
                r"one unit, $p = \sigma(u)$ and $q = \sigma(v)$"
            ),
            Hypothesis(
                r"$\Delta = E |h(x) - h(y)|^2$ and $K = E h(x) \cdot h(y)$; $V_m$ is the variance of "
                r"$|h(x) - h(y)|^2$, $W_m$ that of $|W x|^2 / m$, and $p_m$ the probability that a unit "
                r"gives $x$ and $y$ different signs"
            ),
            Hypothesis(r"$\sigma$ is no constant and has a fourth moment under $N(0, a)$ and $N(0, b)$"),
        ),
        conclusion=And(
            Eq(DISTANCE, distance(activation)), Eq(INNER, inner_product(activation)), LAW, SIGNS, NORMS
        ),
        regime="exact",
        sources=(GIRYES, GULCU_GUNGOR, DASGUPTA_GUPTA),
        instance=INSTANCE,
        domain=DOMAIN,
    )


def derivation(activation: Expr = RELU) -> Derivation:
    """One unit, m units, the expectations of this activation; signs; norms and their tails."""
    require_closed_form(activation, Z, "the variance of distances")
    rows = (
        *_unit_rows(),
        *_activation_rows(activation),
        *_moment_rows(activation),
        *(_relu_rows() if activation == RELU else ()),
        *_sign_rows(),
        *_norm_rows(),
        *_tail_rows(),
    )
    opposite = single_expectation((activation - activation.subs(Z, -Z)) ** 2, Z)
    limiting = Row(
        Eq(opposite, opposite.doit(), evaluate=False),
        "opposite inputs, $y = -x$: here $v = -u$, and one Gaussian variable is left",
        GaussianRules((A,)),
        DOMAIN,
    )
    return Derivation(statement(activation), rows, limiting)


def _unit_rows() -> tuple[Row, ...]:
    """The mean and the mean square of one unit's share, and what m units make of them."""
    both = Independence(((P, Q),))
    square = Eq(Mean((P - Q) ** 4), sum(k * Mean(P**i * Q**j) for i, j, k in QUARTIC))
    rows = unit_rows(SHARE, VARIANCE, DISTANCE, r"$|h(x) - h(y)|^2$")
    law = variance_law(SHARE, VARIANCE, DISTANCE)
    return (
        Row(UNIT, "the share of one unit: $|h(x) - h(y)|^2$ is the mean of $m$ of them", Definition()),
        Row(Eq(DISTANCE, Mean(SHARE)), "the mean of one unit", Definition()),
        Row(Eq(INNER, Mean(P * Q)), "inner products likewise", Definition()),
        Row(
            Eq(Mean((P - Q) ** 2), Mean(P**2) + Mean(Q**2) - 2 * Mean(P * Q)),
            "the mean is linear",
            both,
        ),
        Row(square, "the fourth power, which the variance needs, in the same way", both),
        *rows,
        Row(LAW, "both inserted", Consequence((law, UNIT, square))),
    )


def _activation_rows(activation: Expr) -> tuple[Row, ...]:
    """The closed forms of this activation, and the first two parts of the conclusion."""
    pair, closed = moment(activation, 1, 1, Z), inner_product(activation)
    left, right = moment(activation, 2, 0, Z), moment(activation, 0, 2, Z)
    named = tuple(
        Eq(Mean(power), value, evaluate=False)
        for power, value in ((P * Q, pair), (P**2, left), (Q**2, right))
    )
    summed = Eq(left + right - 2 * pair, distance(activation), evaluate=False)
    expanded = _unit_rows()[3].relation
    dual = Eq(pair, closed, evaluate=False)
    why = (r"$(u, v) \sim N(0, \Sigma)$ with the entries $a, c, b$", "one variable alone", "the other one")
    return (
        *form_rows(activation, Z),
        Row(dual, "Price's equation, and its value at $c = 0$", PriceEquation(), DOMAIN),
        Row(summed, "the mean of the squared difference", GaussianRules(), DOMAIN),
        *(Row(relation, reason, Given()) for relation, reason in zip(named, why, strict=True)),
        Row(
            Eq(INNER, closed),
            "the inner product of this activation",
            Consequence((Eq(INNER, Mean(P * Q)), named[0], dual)),
        ),
        Row(
            Eq(DISTANCE, distance(activation)),
            "the squared distance of this activation",
            Consequence((Eq(DISTANCE, Mean(SHARE)), UNIT, expanded, *named, summed)),
        ),
    )


def _moment_rows(activation: Expr) -> tuple[Row, ...]:
    return tuple(
        _moment_row(term, f"E[p^{i} q^{j}]")
        for term, (i, j, _) in zip(moments(activation), QUARTIC, strict=True)
    )


def _moment_row(term: GaussianExpectation, name: str) -> Row:
    """A closed form where the class reaches, otherwise a certified value at the instance."""
    try:
        closed = term.doit()
    except OutsideClass:
        return _certified_row(term, name)
    method = PriceEquation() if len(term.variables) == 2 else GaussianRules(term.entries())
    return Row(Eq(term, closed, evaluate=False), rf"${name}$ in closed form", method, DOMAIN)


def _certified_row(term: GaussianExpectation, name: str) -> Row:
    here = term.subs(INSTANCE)
    middle = Rational(str(round(float(enclose_terms(here, {}).mid()), 8)))
    width = Rational(1, 10**6)
    relation = And(Lt(middle - width, here), Lt(here, middle + width))
    reason = rf"${name}$ leaves the class (an orthant in four dimensions): its value at the instance"
    return Row(relation, reason, MehlerEnclosure())


def _relu_rows() -> tuple[Row, ...]:
    """The form in which it was published, and how far the opposite sign is off."""
    t = Symbol("t", positive=True)
    exact = distance(RELU)
    off = 2 * sqrt(A) * sqrt(B) * (COSINE * ANGLE - sqrt(1 - COSINE**2)) / pi
    return (
        Row(
            Eq(exact, relu_distance(), evaluate=False),
            r"the same as $|x - y|^2 / 2 - |x| |y| \psi$ with "
            r"$\psi = (\sin \theta - \theta \cos \theta) / \pi$ and $\cos \theta = c / \sqrt{a b}$",
            GaussianRules(),
            DOMAIN,
        ),
        Row(
            Eq(inner_product(RELU), sqrt(A) * sqrt(B) * (COSINE + psi(COSINE)) / 2, evaluate=False),
            r"and $K = |x| |y| (\cos \theta + \psi) / 2$",
            GaussianRules(),
            DOMAIN,
        ),
        Row(
            Eq(exact - relu_distance(1), off, evaluate=False),
            r"with the opposite sign of $\psi$ the formula would be off by "
            r"$2 |x| |y| (\theta \cos \theta - \sin \theta) / \pi$",
            GaussianRules(),
            DOMAIN,
        ),
        Row(
            Eq(Integral(t * sin(t), (t, 0, TILT)), sin(TILT) - TILT * cos(TILT)),
            r"which vanishes at no angle: $\pi \psi$ is the integral of $t \sin t > 0$. Hence the mean "
            r"squared distance is below $|x - y|^2 / 2$",
            Antiderivative(sin(t) - t * cos(t)),
            Domain({TILT: (Rational(1, 10), Rational(31, 10))}),
        ),
    )


def _sign_rows() -> tuple[Row, ...]:
    both = pair_expectation(sign(Z), sign(Z), Z)
    price = Eq(both, both.doit(), evaluate=False)
    half, mean = Eq(DIFFER, (1 - Mean(SIGN_PRODUCT)) / 2), Eq(Mean(SIGN_PRODUCT), both, evaluate=False)
    return (
        Row(
            half,
            r"signs: their product $s$ is $-1$ where they differ and $1$ elsewhere",
            Definition(),
        ),
        Row(mean, r"$s = \mathrm{sgn}(u) \mathrm{sgn}(v)$", Given()),
        Row(price, "its mean, by Price's equation", PriceEquation(), DOMAIN),
        Row(
            SIGNS,
            r"hence $p_m = \theta / \pi$; the units are independent, so the Hamming distance of the signs is "
            r"binomial with $m$ trials of this probability",
            Consequence((half, mean, price)),
            DOMAIN,
        ),
    )


def _norm_rows() -> tuple[Row, ...]:
    """|W x|^2 is a times a chi-squared variable of m degrees of freedom."""
    square, letter = symbols("U mu", real=True)
    second, fourth = (single_expectation(Z**k, Z) for k in (2, 4))
    law = variance_law(square, NORM_VARIANCE, letter)
    known = Eq(letter, A), Eq(Mean(square**2), 3 * A**2)
    rows = unit_rows(square, NORM_VARIANCE, letter, r"$|W x|^2 / m$")
    return (
        Row(
            Eq(second, A),
            r"norms: $u \sim N(0, a)$, so $|W x|^2 / a$ is a sum of $m$ squares of independent standard "
            r"Gaussians, which is what chi-squared with $m$ degrees of freedom means",
            GaussianRules((A,)),
        ),
        Row(Eq(fourth, 3 * A**2), r"with $U = u^2$", GaussianRules((A,))),
        Row(known[0], r"the mean of $U$ is $\mu$", Given()),
        Row(known[1], r"$E U^2 = E u^4$", Given()),
        *rows,
        Row(NORMS, "the variance of the squared norm", Consequence((law, *known))),
    )


def _tail_rows() -> tuple[Row, ...]:
    """Chernoff's bound of the upper tail, with the constants of Dasgupta and Gupta."""
    t = Symbol("t", positive=True)
    tilt = EPSILON / (1 + EPSILON)
    tilted = single_expectation(exp(Z**2 / 2), Z)
    return (
        Row(
            Eq(tilted, (1 - A) ** Rational(-1, 2)),
            r"Johnson and Lindenstrauss: a unit with $u^2 = a g^2$ has $E e^{a g^2 / 2} = (1 - a)^{-1/2}$ "
            r"for $0 < a < 1$",
            GaussianRules((A,)),
            BELOW_ONE,
        ),
        Row(
            Eq(
                (1 - tilt) ** (-WIDTH / 2) * exp(-tilt * WIDTH * (1 + EPSILON) / 2),
                exp(-WIDTH * (EPSILON - log(1 + EPSILON)) / 2),
            ),
            r"$P(|W x|^2 \geq (1 + \epsilon) m |x|^2)$ is at most "
            r"$(1 - a)^{-m/2} e^{-a m (1 + \epsilon) / 2}$ (an indicator is below the exponential), least at "
            r"$a = \epsilon / (1 + \epsilon)$",
            Identity(),
        ),
        Row(
            Eq(
                Integral(t**3 / (1 + t), (t, 0, EPSILON)),
                EPSILON - log(1 + EPSILON) - EPSILON**2 / 2 + EPSILON**3 / 3,
            ),
            r"the integrand is positive, so the exponent is below $-m (\epsilon^2 / 4 - \epsilon^3 / 6)$",
            Antiderivative(t - log(1 + t) - t**2 / 2 + t**3 / 3),
        ),
    )
