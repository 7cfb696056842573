r"""The tangent kernel of deep networks: its recursion, and what is exact at every width."""

from __future__ import annotations

from sympy import (
    And,
    Derivative,
    Eq,
    Expr,
    Function,
    IndexedBase,
    Integer,
    Lt,
    Sum,
    Symbol,
    sqrt,
    symbols,
)

from theory.deep_kernels.expectations import (
    continuous,
    deep_row,
    limiting_row,
    outside,
    pair,
    pair_slope,
    tangent_slope,
)
from theory.deep_kernels.layers import (
    BIAS,
    DOMAIN,
    INSTANCE,
    NETWORK,
    PARAMETRIZATION,
    RELU,
    WEIGHT,
    check_moments,
    constant_slope,
    dual_rows,
    slope_rows,
)
from theory.deep_kernels.recursion import Z, layer_map
from theory.derivation import Derivation, Row
from theory.gaussian import derivative, pair_expectation, tangent_kernel
from theory.gaussian.expectation import A, B, C
from theory.gaussian.rows import GaussianRules, Independence, Mean, SameFunction
from theory.kernels.two_layer_ntk import JACOT, Sigma, SigmaPrime
from theory.proving import Citation, Consequence, Definition, Given, Identity
from theory.statement import Hypothesis, Source, Statement

PARAMETERS = (*NETWORK, PARAMETRIZATION)

ARORA = Source(
    "S. Arora, S. S. Du, W. Hu, Z. Li, R. Salakhutdinov and R. Wang",
    "On exact computation with an infinitely wide neural net",
    2019,
    "Theorem 3.1",
    "arXiv:1904.11955",
)
YANG = Source(
    "G. Yang",
    "Tensor programs II: neural tangent kernel for any architecture",
    2020,
    identifier="arXiv:2006.14548",
)
STANDARD = Source(
    "J. Sohl-Dickstein, R. Novak, S. S. Schoenholz and J. Lee",
    "On the infinite width limit of neural networks with a standard parameterization",
    2020,
    identifier="arXiv:2001.07301",
)

WIDTH = Symbol("n", integer=True, positive=True)
# One neuron: S = s(u) s(v), D = s'(u) s'(v), and R, the tangent kernel of its preactivation.
S, D, R = symbols("S D R", real=True)
EMPIRICAL, TANGENT, TANGENT_NEXT = symbols("Theta_n Theta Theta_+", real=True)


def standard_or_ntk(parametrization: str, bias_variance: Expr) -> tuple[Expr, Expr]:
    """What the weights and the biases of one layer add: the factor of E[S], and the constant."""
    if parametrization == "standard":
        return WIDTH, Integer(bias_variance != 0)
    return WEIGHT**2, BIAS**2


def recursion(activation: Expr, parametrization: str, bias_variance: Expr) -> Expr:
    """Theta^{l+1} from K^l = [[a, c], [c, b]] and Theta^l."""
    factor, constant = standard_or_ntk(parametrization, bias_variance)
    return constant + factor * pair(activation) + WEIGHT**2 * pair_slope(activation) * TANGENT


def statement(
    activation: Expr = RELU,
    depth: int = 2,
    weight_variance: Expr = Integer(1),  # noqa: B008  SymPy numbers are immutable
    bias_variance: Expr = Integer(0),  # noqa: B008
    parametrization: str = "ntk",
) -> Statement:
    """The parametrizations of Sohl-Dickstein et al.; the first layer has the scale sigma_w/sqrt(d)."""
    tangent_slope(activation)
    check_moments(activation, depth, weight_variance + bias_variance)
    closed = recursion(activation, parametrization, bias_variance)
    return Statement(
        id="kernels.deep_ntk",
        title="The tangent kernel of deep networks",
        summary=(
            r"The tangent kernel of a layer is that of its own weights and biases plus $\sigma_w^2 D$ times "
            r"the one it inherits, $D = \sigma' \sigma'$. With one hidden layer its mean is what this "
            r"recursion gives, at every width; with more, wide layers follow it. "
            rf"Measured with {depth} hidden layers, $\sigma_w^2 = {weight_variance}$, "
            rf"$\sigma_b^2 = {bias_variance}$, in the {parametrization} parametrization."
        ),
        hypotheses=_hypotheses(activation, parametrization),
        conclusion=And(Eq(Mean(EMPIRICAL), closed, evaluate=False), Eq(TANGENT_NEXT, closed, evaluate=False)),
        regime="asymptotic",
        sources=(JACOT, ARORA, YANG, STANDARD),
        instance={**INSTANCE, WEIGHT: sqrt(weight_variance), BIAS: sqrt(bias_variance), TANGENT: INSTANCE[C]},
        domain=DOMAIN,
        error_term=1 / WIDTH,
    )


def _hypotheses(activation: Expr, parametrization: str) -> tuple[Hypothesis, ...]:
    first = r"K^1" if parametrization == "ntk" else r"x \cdot y + 1_b"
    scale = (
        r"$N(0, 1)$, multiplied by $\sigma_w / \sqrt{n}$ ($n$ the fan-in) and $\sigma_b$"
        if parametrization == "ntk"
        else r"$N(0, \sigma_w^2 / n)$ ($n$ the fan-in) and $N(0, \sigma_b^2)$; $1_b$ is 1 with biases, else 0"
    )
    return (
        Hypothesis(
            r"$K^l$ has the entries $a = K^l(x, x)$, $b = K^l(y, y)$ and $c = K^l(x, y)$ with $c^2 < a b$; "
            r"$\Theta = \Theta^l(x, y)$ and $\Theta_+ = \Theta^{l+1}(x, y)$",
            Lt(C**2, A * B),
        ),
        Hypothesis(rf"$K^1 = \sigma_b^2 + \sigma_w^2 x \cdot y / d$, and $\Theta^1 = {first}$, not random"),
        Hypothesis(rf"all weights and biases are independent, {scale}"),
        Hypothesis(
            r"$S = \sigma(u) \sigma(v)$ and $D = \sigma'(u) \sigma'(v)$ at one neuron, $R$ the tangent "
            r"kernel of "
            r"its preactivation; $\Theta_n$ is the empirical kernel above $n$ neurons, its mean that given "
            r"$K^l$"
        ),
        Hypothesis(
            r"$\sigma$ is continuous, with derivative $\sigma'$ almost everywhere, and in networks with "
            r"two or "
            r"more hidden layers grows at most linearly",
            holds=lambda _: continuous(activation),
        ),
    )


def derivation(
    activation: Expr = RELU,
    depth: int = 2,
    weight_variance: Expr = Integer(1),  # noqa: B008
    bias_variance: Expr = Integer(0),  # noqa: B008
    parametrization: str = "ntk",
) -> Derivation:
    """Gradients layer by layer, their means; the expectations of this activation; the limit."""
    found = statement(activation, depth, weight_variance, bias_variance, parametrization)
    rows = (
        *_gradient_rows(parametrization),
        *_weight_rows(parametrization),
        *_width_rows(parametrization, bias_variance),
        *dual_rows(activation),
        *slope_rows(activation),
        *_exact_rows(activation, parametrization, bias_variance),
        *_limit_rows(activation, parametrization, bias_variance),
        *_flip_rows(activation),
        *_through_depth(activation, depth, (weight_variance, bias_variance)),
    )
    return Derivation(found, rows, _limiting_case(activation, parametrization, bias_variance))


def _through_depth(activation: Expr, depth: int, variances: tuple[Expr, Expr]) -> tuple[Row, ...]:
    """Outside the class: the kernel of the output at one first covariance, in the ``ntk`` parametrization."""
    return (deep_row(activation, depth, variances, INSTANCE, tangent=True),) if outside(activation) else ()


def _scales(parametrization: str) -> tuple[Expr, Expr]:
    """The multipliers of weights and biases in the network."""
    if parametrization == "standard":
        return Integer(1), Integer(1)
    return WEIGHT / sqrt(WIDTH), BIAS


def _gradient_rows(parametrization: str) -> tuple[Row, ...]:
    """The chain rule through one layer."""
    weights, neurons = IndexedBase("W"), IndexedBase("zeta")
    j = Symbol("j", integer=True, positive=True)
    weight, bias, other, theta = symbols("w beta p theta", real=True)
    below, output = Function("zeta")(theta), Function("z")
    gain, shift = _scales(parametrization)
    network = shift * bias + gain * Sum(weights[j] * Sigma(neurons[j]), (j, 1, WIDTH))
    part = gain * weight * Sigma(below) + other
    return (
        Row(Eq(output(Symbol("x")), network), "a preactivation above $n$ neurons", Definition()),
        Row(
            Eq(Derivative(part, weight), gain * Sigma(below)),
            "gradient in a weight of this layer; $p$ is all that does not contain it",
            Identity(),
        ),
        Row(Eq(Derivative(shift * bias + other, bias), shift), "gradient in its bias", Identity()),
        Row(
            Eq(Derivative(part, theta), gain * weight * SigmaPrime(below) * Derivative(below, theta)),
            r"gradient in a parameter $\theta$ of a layer below, through one neuron, by the chain rule",
            Identity(),
        ),
    )


def _weight_rows(parametrization: str) -> tuple[Row, ...]:
    """The mean over the weights of this layer: different neurons do not contribute."""
    first, second = symbols("W_1 W_2", real=True)
    d, e = symbols("d_1 d_2", real=True), symbols("e_1 e_2", real=True)
    inherited = Mean((first * d[0] + second * d[1]) * (first * e[0] + second * e[1]))
    crossed = Mean(first) * Mean(second) * (Mean(d[0] * e[1]) + Mean(d[1] * e[0]))
    split = Mean(first**2) * Mean(d[0] * e[0]) + Mean(second**2) * Mean(d[1] * e[1]) + crossed
    variance = WEIGHT**2 / WIDTH if parametrization == "standard" else Integer(1)
    centered = Eq(Mean(first), 0)
    squares = tuple(Eq(Mean(w**2), variance) for w in (first, second))
    return (
        Row(
            Eq(inherited, split),
            r"two neurons, with $d_j = \sigma'(\zeta_j) \partial_\theta \zeta_j$ at $x$ and $e_j$ at $y$: "
            r"the "
            "weights of this layer are independent of all below",
            Independence(((first,), (second,), (*d, *e))),
        ),
        Row(centered, "hypothesis on the weights; of two neurons one must have it", Given()),
        *(Row(relation, "hypothesis on the weights", Given()) for relation in squares),
        Row(
            Eq(inherited, variance * (Mean(d[0] * e[0]) + Mean(d[1] * e[1]))),
            r"each neuron by itself remains; summed over $\theta$, $d_j e_j$ is $D R$ of neuron $j$",
            Consequence((Eq(inherited, split), centered, *squares)),
        ),
    )


def _mean_of_kernel(parametrization: str, bias_variance: Expr, inherited: Expr) -> Eq:
    """E[Theta_n] with E[D R] as given."""
    factor, constant = standard_or_ntk(parametrization, bias_variance)
    return Eq(Mean(EMPIRICAL), constant + factor * Mean(S) + WEIGHT**2 * inherited)


def _width_rows(parametrization: str, bias_variance: Expr) -> tuple[Row, ...]:
    """n neurons alike: the mean of the kernel at every width."""
    j = Symbol("j", integer=True, positive=True)
    factor, constant = standard_or_ntk(parametrization, bias_variance)
    value, moved = symbols("mu rho", real=True)
    named = Eq(value, Mean(S)), Eq(moved, Mean(D * R))
    summed = Eq(
        Mean(EMPIRICAL),
        constant + Sum(factor * value / WIDTH, (j, 1, WIDTH)) + Sum(WEIGHT**2 * moved / WIDTH, (j, 1, WIDTH)),
    )
    return (
        Row(named[0], "the mean of one neuron", Definition()),
        Row(named[1], "and of what is inherited through it", Definition()),
        Row(summed, "weights, biases and inherited part of the $n$ neurons, which are alike", Definition()),
        Row(
            _mean_of_kernel(parametrization, bias_variance, Mean(D * R)),
            "the mean of the kernel, exact at every width and depth",
            Consequence((summed, *named)),
        ),
    )


def _exact_rows(activation: Expr, parametrization: str, bias_variance: Expr) -> tuple[Row, ...]:
    """Above the first layer, whose tangent kernel is not random."""
    value, moved = _terms(activation)
    start, split = Eq(R, TANGENT), Eq(Mean(D * TANGENT), TANGENT * Mean(D))
    means = Eq(Mean(S), value, evaluate=False), Eq(Mean(D), moved, evaluate=False)
    forms = _forms(activation)
    mean = _mean_of_kernel(parametrization, bias_variance, Mean(D * R))
    concluded = Eq(Mean(EMPIRICAL), recursion(activation, parametrization, bias_variance), evaluate=False)
    return (
        Row(means[0], r"$(u, v) \sim N(0, \Sigma)$ given $K^l$", Given()),
        Row(means[1], "likewise", Given()),
        Row(start, r"at the first hidden layer $R = \Theta^1$", Given()),
        Row(split, "which is not random", Independence(((D,),))),
        Row(
            concluded,
            "hence with one hidden layer the mean of the empirical kernel is this at every width",
            Consequence((mean, start, split, *means, *forms)),
        ),
    )


def _limit_rows(activation: Expr, parametrization: str, bias_variance: Expr) -> tuple[Row, ...]:
    """Above deeper layers D and R are dependent; in wide ones R is constant. This is cited."""
    value, moved = _terms(activation)
    factor, constant = standard_or_ntk(parametrization, bias_variance)
    limit = Eq(TANGENT_NEXT, constant + factor * value + WEIGHT**2 * TANGENT * moved, evaluate=False)
    concluded = Eq(TANGENT_NEXT, recursion(activation, parametrization, bias_variance), evaluate=False)
    inserted = Row(concluded, "inserted", Consequence((limit, *_forms(activation))))
    return (
        Row(
            limit,
            r"above deeper layers $R$ is random and depends on $D$, so that finite networks are biased; as "
            r"the "
            r"layers become wide $R \to \Theta^l$ in probability"
            + (" (both sides over $n$)" if parametrization == "standard" else ""),
            Citation(JACOT if parametrization == "ntk" else YANG),
        ),
        *(() if outside(activation) else (inserted,)),  # outside the class that is the conclusion
    )


def _terms(activation: Expr) -> tuple[Expr, Expr]:
    """E[s s] and E[s' s'], unevaluated."""
    value, moved = (pair_expectation(f, f, Z) for f in (activation, tangent_slope(activation)))
    return value, moved


def _forms(activation: Expr) -> tuple[Eq, ...]:
    """Their closed forms, none outside the class."""
    if outside(activation):
        return ()
    pairs = zip(_terms(activation), layer_map(activation), strict=True)
    return tuple(Eq(term, closed, evaluate=False) for term, closed in pairs)


def _flip_rows(activation: Expr) -> tuple[Row, ...]:
    """Where s'(z)^2 + s'(-z)^2 is constant, D and R are uncorrelated at equal inputs."""
    total = constant_slope(activation)
    if total is None:
        return ()
    slope = derivative(activation, Z)
    constant = Eq(slope**2 + slope.subs(Z, -Z) ** 2, total, evaluate=False)
    flipped = Eq(Mean((total - D) * R), Mean(D * R))
    half = Eq(Mean(D * R), (Mean(D * R) + Mean((total - D) * R)) / 2, evaluate=False)
    joined = Eq(half.rhs, total * Mean(R) / 2)
    return (
        *(() if constant.lhs == constant.rhs else (Row(constant, "for this activation", SameFunction(Z)),)),
        Row(
            flipped,
            r"at equal inputs, $D = \sigma'(\zeta)^2$: with the signs of the weights and the bias of a "
            r"neuron "
            r"$\zeta$ changes its sign and $R$, a square of gradients, does not; both signs are alike in law",
            Given(),
        ),
        Row(half, "hence", Consequence((flipped,))),
        Row(joined, "the mean is linear", Independence(((D, R),))),
        Row(
            Eq(Mean(D * R), total * Mean(R) / 2),
            r"$D$ and $R$ are uncorrelated at equal inputs, and $E \sigma(\zeta)^2$ is affine in the "
            r"variance: "
            r"$E \Theta_n(x, x)$ follows the recursion at every width and depth",
            Consequence((half, joined)),
        ),
    )


def _limiting_case(activation: Expr, parametrization: str, bias_variance: Expr) -> Row:
    """One hidden layer without biases is the two-layer network: Theta = E[s s] + c E[s' s']."""
    _, constant = standard_or_ntk(parametrization, bias_variance)
    if outside(activation):
        return limiting_row(activation, INSTANCE, slopes=INSTANCE[C])
    deep = recursion(activation, parametrization, bias_variance) - constant
    shallow = deep.subs({TANGENT: C, WEIGHT: 1, BIAS: 0, WIDTH: 1})
    relation = Eq(shallow, tangent_kernel(activation, Z), evaluate=False)
    reason = r"one hidden layer, without biases, at $\sigma_w = 1$: the kernel of two-layer networks"
    if parametrization == "standard":
        reason += ", to which one neuron contributes"
    return Row(relation, reason, GaussianRules(), DOMAIN)
