r"""Wide fully connected networks are Gaussian processes: the covariance recursion, and what is exact."""

from __future__ import annotations

from sympy import And, Eq, Expr, Integer, Lt, Rational, Sum, Symbol, exp, sqrt, symbols

from theory.deep_kernels.expectations import deep_row, limiting_row, outside, pair, single
from theory.deep_kernels.layers import (
    A_NEXT,
    B_NEXT,
    BIAS,
    C_NEXT,
    DOMAIN,
    INSTANCE,
    LEE,
    MATTHEWS,
    NETWORK,
    RELU,
    WEIGHT,
    affine_variance,
    check_moments,
    dual_rows,
    has_diagonal_limit,
)
from theory.deep_kernels.recursion import Z, diagonal, dual
from theory.derivation import Derivation, Row
from theory.gaussian import pair_expectation, single_expectation
from theory.gaussian.expectation import A, B, C
from theory.gaussian.rows import DiagonalLimit, GaussianRules, Independence, Mean
from theory.proving import Citation, Consequence, Definition, Given, Identity
from theory.statement import Hypothesis, Statement

PARAMETERS = NETWORK

# The covariance of the next layer is random in a finite network: it is a mean over the n neurons of this one.
WIDTH = Symbol("n", integer=True, positive=True)
EMPIRICAL, NEURON, VARIANCE = symbols("K_n S V_n", real=True)
CONDITIONAL = Eq(Mean(EMPIRICAL), BIAS**2 + WEIGHT**2 * Mean(NEURON))
LAW = Eq(WIDTH * VARIANCE, WEIGHT**4 * (Mean(NEURON**2) - Mean(NEURON) ** 2), evaluate=False)


def next_covariance(activation: Expr) -> tuple[Eq, ...]:
    """K^{l+1} at (x, x), (y, y) and (x, y) from K^l = [[a, c], [c, b]]."""
    own = single(activation)
    values = (own, own.subs(A, B), pair(activation))
    entries = (A_NEXT, B_NEXT, C_NEXT)
    return tuple(
        Eq(entry, BIAS**2 + WEIGHT**2 * value, evaluate=False)
        for entry, value in zip(entries, values, strict=True)
    )


def exact_mean(activation: Expr) -> Eq:
    """E[K_n] given that this layer has the covariance [[a, c], [c, b]], at every width n."""
    return Eq(Mean(EMPIRICAL), BIAS**2 + WEIGHT**2 * pair(activation), evaluate=False)


def statement(
    activation: Expr = RELU,
    depth: int = 2,
    weight_variance: Expr = Integer(1),  # noqa: B008  SymPy numbers are immutable
    bias_variance: Expr = Integer(0),  # noqa: B008
) -> Statement:
    """z^{l+1} = sigma_b beta + sigma_w n^(-1/2) W s(z^l), z^1 = sigma_b beta + sigma_w d^(-1/2) W x."""
    check_moments(activation, depth, weight_variance + bias_variance)
    return Statement(
        id="kernels.nngp",
        title="Wide networks are Gaussian processes",
        summary=(
            r"Given the neurons of one layer, the preactivations of the next are independent Gaussians "
            r"with a "
            r"covariance $K_n$ that is a mean over $n$ neurons. Its mean and variance given the covariance "
            r"of "
            r"this layer are exact at every width; as layers become wide it follows the recursion "
            r"$K^{l+1} = \sigma_b^2 + \sigma_w^2 E[\sigma \sigma](K^l)$, and the output is a Gaussian "
            r"process. "
            rf"Measured with {depth} hidden layers, $\sigma_w^2 = {weight_variance}$ and "
            rf"$\sigma_b^2 = {bias_variance}$."
        ),
        hypotheses=_hypotheses(activation),
        conclusion=And(exact_mean(activation), LAW, *next_covariance(activation)),
        regime="asymptotic",
        sources=(LEE, MATTHEWS),
        instance={**INSTANCE, WEIGHT: sqrt(weight_variance), BIAS: sqrt(bias_variance)},
        domain=DOMAIN,
        error_term=1 / WIDTH,
    )


def _hypotheses(activation: Expr) -> tuple[Hypothesis, ...]:
    return (
        Hypothesis(
            r"$K^l$ has the entries $a = K^l(x, x)$, $b = K^l(y, y)$ and $c = K^l(x, y)$ with $c^2 < a b$; "
            r"$a_+$, $b_+$ and $c_+$ are those of $K^{l+1}$; $K^1 = \sigma_b^2 + \sigma_w^2 x \cdot y / d$",
            Lt(C**2, A * B),
        ),
        Hypothesis(
            r"all weights and biases are independent and $N(0, 1)$, multiplied by $\sigma_w / \sqrt{n}$ "
            r"($n$ the fan-in) and $\sigma_b$"
        ),
        Hypothesis(
            r"$S = \sigma(u) \sigma(v)$ is the contribution of one neuron, $V_n$ the variance of $K_n$ given "
            r"$K^l$"
        ),
        Hypothesis(
            r"$\sigma$ is continuous almost everywhere, has a fourth moment, and in networks with two or "
            r"more "
            r"hidden layers grows at most linearly"
        ),
    )


def derivation(
    activation: Expr = RELU,
    depth: int = 2,
    weight_variance: Expr = Integer(1),  # noqa: B008
    bias_variance: Expr = Integer(0),  # noqa: B008
) -> Derivation:
    """One neuron, n neurons, their limit; the expectation of this activation."""
    found = statement(activation, depth, weight_variance, bias_variance)
    rows = (
        *_neuron_rows(),
        *_width_rows(),
        *_activation_rows(activation),
        *_limit_rows(activation),
        *_affine_rows(activation),
        *_through_depth(activation, depth, (weight_variance, bias_variance)),
    )
    return Derivation(found, rows, _limiting_case(activation))


def _through_depth(activation: Expr, depth: int, variances: tuple[Expr, Expr]) -> tuple[Row, ...]:
    """Outside the class: the kernel of the output at one first covariance."""
    return (deep_row(activation, depth, variances, INSTANCE, tangent=False),) if outside(activation) else ()


def _neuron_rows() -> tuple[Row, ...]:
    """Given this layer, a preactivation of the next is Gaussian; neuron by neuron its covariance adds up."""
    s, t, weight, h, k = symbols("s t W h k", real=True)
    q, r, angle, step = symbols("q r tau delta", positive=True)
    one_more = Mean((s + step * weight * h) * (t + step * weight * k))
    product = (
        Mean(s * t) + step * (h * Mean(t) + k * Mean(s)) * Mean(weight) + step**2 * h * k * Mean(weight**2)
    )
    means = Eq(Mean(weight), 0), Eq(Mean(weight**2), 1)
    both = exp(-q * angle**2 / 2) * exp(-r * angle**2 / 2)
    return (
        Row(
            Eq(both, exp(-(q + r) * angle**2 / 2)),
            "independent Gaussians add up to a Gaussian: characteristic functions multiply, variances add; "
            "by "
            "induction over the neurons every linear combination of the next preactivations is Gaussian",
            Identity(),
        ),
        Row(
            Eq(one_more, product),
            r"one more neuron: $s$ and $t$ are the preactivation at $x$ and $y$ without it, $h$ and $k$ its "
            r"activations, and $\delta = \sigma_w / \sqrt{n}$",
            Independence(((s, t), (weight,))),
        ),
        Row(means[0], "hypothesis on the weights", Given()),
        Row(means[1], "hypothesis on the weights", Given()),
        Row(
            Eq(one_more, Mean(s * t) + step**2 * h * k),
            r"hence the covariance given this layer is "
            r"$K_n = \sigma_b^2 + \sigma_w^2 n^{-1} \sum_j h_j k_j$, "
            "by induction over the neurons, and two neurons of the next layer, with different weights, are "
            "independent",
            Consequence((Eq(one_more, product), *means)),
        ),
    )


def _width_rows() -> tuple[Row, ...]:
    """Mean and variance of K_n given the covariance of this layer, at every width."""
    r, s = symbols("r s", integer=True, positive=True)
    one, other, mean, square = symbols("S_1 S_2 mu nu", real=True)
    named = Eq(mean, Mean(NEURON)), Eq(square, Mean(NEURON**2))
    pairs = Sum(square, (r, 1, WIDTH)) + 2 * Sum(Sum(mean**2, (s, 1, r - 1)), (r, 1, WIDTH))
    variance = Eq(VARIANCE, WEIGHT**4 * (pairs / WIDTH**2 - mean**2))
    summed = Eq(Mean(EMPIRICAL), BIAS**2 + WEIGHT**2 * Sum(mean / WIDTH, (r, 1, WIDTH)))
    return (
        Row(named[0], "the mean of one neuron", Definition()),
        Row(named[1], "its mean square", Definition()),
        Row(summed, r"$K_n$ is a mean over the neurons of this layer", Definition()),
        Row(
            CONDITIONAL,
            r"the mean of $K_n$ is that of one neuron, at every width",
            Consequence((summed, *named)),
        ),
        Row(
            Eq(Mean(one * other), Mean(one) * Mean(other)),
            r"given $K^l$ two neurons are independent: this mean is $\mu^2$",
            Independence(((one,), (other,))),
        ),
        Row(
            variance,
            r"$V_n$: the square of the sum has $n$ squares and twice the pairs $s < r$",
            Definition(),
        ),
        Row(
            LAW,
            r"hence $n V_n$ is the variance of one neuron, at every width",
            Consequence((variance, *named)),
        ),
    )


def _activation_rows(activation: Expr) -> tuple[Row, ...]:
    """The expectation of this activation, and with it the exact mean of K_n."""
    rows = dual_rows(activation)
    expectation = pair_expectation(activation, activation, Z)
    inserted = () if outside(activation) else (Eq(expectation, dual(activation), evaluate=False),)
    neuron = Eq(Mean(NEURON), expectation, evaluate=False)
    return (
        *rows,
        Row(neuron, r"$S = \sigma(u) \sigma(v)$, and $(u, v) \sim N(0, \Sigma)$ given $K^l$", Given()),
        Row(
            exact_mean(activation),
            r"the mean of $K_n$ given $K^l$, which for the first hidden layer is not random: with one "
            r"hidden layer "
            r"the covariance of the output is this at every width",
            Consequence((CONDITIONAL, neuron, *inserted)),
        ),
    )


def _limit_rows(activation: Expr) -> tuple[Row, ...]:
    """K_n -> K^{l+1}: Chebyshev and continuity from layer to layer; all layers at once is cited."""
    pair = pair_expectation(activation, activation, Z)
    second = single_expectation(activation**2, Z)
    limits = tuple(
        Eq(entry, BIAS**2 + WEIGHT**2 * value, evaluate=False)
        for entry, value in ((A_NEXT, second), (B_NEXT, second.subs(A, B)), (C_NEXT, pair))
    )
    reasons = (
        r"in the limit of wide layers: by Chebyshev $K_n$ is within $\epsilon$ of its mean given $K^l$ but "
        r"for a "
        r"probability $V_n / \epsilon^2$, which is of order $1/n$, and that mean is continuous in $K^l$, "
        r"so that "
        r"convergence passes on from layer to layer; for widths that grow together, and all inputs jointly",
        "the same at $y$",
        r"the same for two inputs: given converging covariances the preactivations converge to a Gaussian "
        r"process",
    )
    cited = tuple(
        Row(limit, reason, Citation(MATTHEWS)) for limit, reason in zip(limits, reasons, strict=True)
    )
    if outside(activation):  # the limits are the conclusion
        return cited
    closed = (
        Eq(second, diagonal(activation), evaluate=False),
        Eq(second.subs(A, B), diagonal(activation).xreplace({A: B}), evaluate=False),
        Eq(pair, dual(activation), evaluate=False),
    )
    other = Row(closed[1], "the expectation at $y$", GaussianRules((B,)), DOMAIN)
    concluded = tuple(
        Row(relation, "inserted", Consequence((limit, value)))
        for relation, limit, value in zip(next_covariance(activation), limits, closed, strict=True)
    )
    return (*cited, other, *concluded)


def _affine_rows(activation: Expr) -> tuple[Row, ...]:
    """Where E[s^2] is affine in the variance, deep networks have no bias at (x, x)."""
    if not affine_variance(activation):
        return ()
    slope = diagonal(activation).diff(A)
    start = diagonal(activation).subs(A, 0)
    mapped = BIAS**2 + WEIGHT**2 * (start + slope * EMPIRICAL)
    mean = BIAS**2 + WEIGHT**2 * (start + slope * Mean(EMPIRICAL))
    return (
        Row(
            Eq(Mean(mapped), mean),
            r"for this activation the map of $K(x, x)$ is affine: means pass through it, and $E K_n(x, x)$ "
            r"is the "
            "limit at every width and depth",
            Independence(((EMPIRICAL,),)),
        ),
    )


def _limiting_case(activation: Expr) -> Row:
    """Equal inputs, y = x, where the normal form has the limit; otherwise orthogonal ones."""
    if outside(activation):
        return limiting_row(activation, INSTANCE)
    closed = dual(activation)
    if has_diagonal_limit(closed):
        single = single_expectation(activation**2, Z)
        relation = Eq(single, diagonal(activation), evaluate=False)
        return Row(relation, r"equal inputs, $y = x$: $b = a$ and $c \to a$", DiagonalLimit(closed), DOMAIN)
    means = single_expectation(activation, Z, A) * single_expectation(activation, Z, B)
    orthogonal = Eq(means, closed.subs(C, Rational(0)), evaluate=False)
    return Row(orthogonal, r"orthogonal inputs, $c = 0$", GaussianRules(), DOMAIN)
