r"""How much of the energy of an input reaches depth L: He's networks, tight frames, random convolutions.

Covered: fully connected ReLU networks without biases, whose logarithm drifts by an exact finite sum of
digammas; frames; one layer of linear circular convolution in one dimension or two. Strides, and several
convolutions in a row, are not.
"""

from __future__ import annotations

from random import Random

from sympy import (
    QQ,
    And,
    Derivative,
    Eq,
    Expr,
    Integer,
    MatrixSymbol,
    Max,
    Product,
    Rational,
    Sum,
    Symbol,
    Trace,
    binomial,
    digamma,
    log,
    loggamma,
    polygamma,
    symbols,
)
from sympy.polys.matrices import DomainMatrix

from theory.derivation import Derivation, Row
from theory.gaussian import single_expectation
from theory.gaussian.expectation import A
from theory.gaussian.rows import GaussianRules, Independence, Mean, SameFunction
from theory.kernels.finite_width import HANIN_NICA
from theory.kernels.two_layer_ntk import RELU, Z
from theory.parameters import Parameter, positive_integers
from theory.proving import Citation, Consequence, Definition, Given, Identity, Induction
from theory.proving.matrix_words import MatrixWords
from theory.random_layers.units import WIDTH, unit_rows, variance_law
from theory.statement import Hypothesis, Source, Statement

PARAMETERS = (
    Parameter("widths", "neurons of every hidden layer", "12", positive_integers(1, 64)),
    Parameter("depth", "number of hidden layers", "4", positive_integers(1, 64)),
    Parameter("taps", "length of the filters", "5", positive_integers(1, 16)),
    Parameter("channels", "number of filters", "2", positive_integers(1, 64)),
)

HE = Source("K. He, X. Zhang, S. Ren and J. Sun", "Delving deep into rectifiers", 2015, "Section 2.2")

# One neuron of a layer: Y = 2 rho(g)^2 for a standard Gaussian g; r is the mean of n of them.
NEURON, SPREAD, LAYER = Symbol("Y", real=True), Symbol("V_m", real=True), Symbol("r", real=True)
DEPTH = Symbol("L", integer=True, positive=True)
SECOND, LOG_MEAN = Symbol("M_L", positive=True), Symbol("D_L", real=True)
SQUARES = Eq(SECOND, (1 + 5 / WIDTH) ** DEPTH)
# Convolution: energy |x|^2 = e, tau = tr R^2, k taps, c channels.
ENERGY, TAU, RELATIVE = symbols("e tau S", positive=True)
TAPS, CHANNELS = symbols("k c", integer=True, positive=True)
MEAN_ENERGY, TOTAL = Symbol("E_c", positive=True), Symbol("W_c", positive=True)
TAP_VARIANCE = Symbol("v", positive=True)
FILTERS = Eq(RELATIVE, 2 * TAU / (TAPS**2 * CHANNELS * ENERGY**2))


def log_gain(count: Expr, width: Expr) -> Expr:
    """E ln r of a layer of which ``count`` of ``width`` neurons are active: n r/2 is chi-squared."""
    return digamma(count / 2) + log(4 / width)


def drift(width: Expr, depth: Expr) -> Expr:
    """E ln q_L, where no layer is dead: each has a binomial number of active neurons, at least one."""
    j = Symbol("j", integer=True, positive=True)
    return depth * Sum(binomial(width, j) * log_gain(j, width), (j, 1, width)) / (2**width - 1)


def log_moments(width: int) -> tuple[Expr, Expr]:
    """E ln r and Var ln r of one layer that is not dead."""
    weights = [Rational(binomial(width, j), 2**width - 1) for j in range(1, width + 1)]
    means = [log_gain(Integer(j), Integer(width)) for j in range(1, width + 1)]
    mean = sum(w * m for w, m in zip(weights, means, strict=True))
    squares = sum(
        w * (polygamma(1, Rational(j, 2)) + m**2)
        for j, w, m in zip(range(1, width + 1), weights, means, strict=True)
    )
    return mean, squares - mean**2


def _first(values: tuple[int, ...] | int) -> int:
    return values if isinstance(values, int) else values[0]


def statement(
    widths: tuple[int, ...] = (12,),
    depth: tuple[int, ...] = (4,),
    taps: tuple[int, ...] = (5,),
    channels: tuple[int, ...] = (2,),
) -> Statement:
    """h_l = rho(W_l h_{l-1}) with weights N(0, 2/m); frames W^T W = I; filters N(0, 1/(k c))."""
    return Statement(
        id="kernels.energy_propagation",
        title="The energy that random layers pass on",
        summary=(
            r"In a ReLU network with weights of variance $2/m$ the energy $q_L = |h_L|^2 / |h_0|^2$ has "
            r"mean 1 "
            r"and second moment $(1 + 5/m)^L$, and its logarithm drifts downwards by an amount known "
            r"exactly. "
            r"Tight frames preserve energy, with both signs of a ReLU exactly so, with one only on average. "
            r"Random circular filters preserve it in the mean; how much it fluctuates depends on the "
            r"autocorrelation of the signal: for smooth signals long filters do not help. Measured with "
            rf"{_first(depth)} layers of width {_first(widths)}, {_first(taps)} taps and {_first(channels)} "
            r"channels."
        ),
        hypotheses=_hypotheses(),
        conclusion=And(SQUARES, Eq(LOG_MEAN, drift(WIDTH, DEPTH)), FILTERS),
        regime="exact",
        sources=(HE, HANIN_NICA),
        instance={
            WIDTH: _first(widths),
            DEPTH: _first(depth),
            TAPS: _first(taps),
            CHANNELS: _first(channels),
        },
    )


def _hypotheses() -> tuple[Hypothesis, ...]:
    return (
        Hypothesis(
            r"the weights are independent and $N(0, 2/m)$, there are no biases; $M_L = E q_L^2$, and "
            r"$D_L$ "
            r"is the mean of $\ln q_L$ where no layer is dead"
        ),
        Hypothesis(
            r"$y_i = w_i * x$ is the circular convolution of $x$ with the filter $w_i$, whose $k$ "
            r"taps are "
            r"independent and $N(0, 1/(k c))$, on a circle or on a torus of two dimensions; $x$ is at least "
            r"as long as the filters on every side"
        ),
        Hypothesis(
            r"$e = |x|^2$, $\tau = \mathrm{tr} R^2$ with the $k \times k$ autocorrelation $R$ of $x$; "
            r"$S$ "
            r"is the variance of $\sum_i |y_i|^2 / e$ over the $c$ filters"
        ),
    )


def derivation(
    widths: tuple[int, ...] = (12,),
    depth: tuple[int, ...] = (4,),
    taps: tuple[int, ...] = (5,),
    channels: tuple[int, ...] = (2,),
) -> Derivation:
    """One neuron, one layer, L layers, their logarithm; frames; one filter, c filters."""
    rows = (*_neuron_rows(), *_depth_rows(), *_logarithm_rows(), *_frame_rows(), *_filter_rows())
    white = FILTERS.rhs.subs(TAU, TAPS * ENERGY**2)
    j = Symbol("j", integer=True, positive=True)
    limiting = Row(
        Eq(CHANNELS * Sum(2 / (TAPS * CHANNELS) ** 2, (j, 1, TAPS)), white),
        r"a white signal, $R = e I$ and $\tau = k e^2$: the energy is a mean of $k c$ independent squares, "
        r"each of variance 2",
        Identity(),
    )
    return Derivation(statement(widths, depth, taps, channels), rows, limiting)


def _neuron_rows() -> tuple[Row, ...]:
    second, fourth = (single_expectation(RELU**k, Z) for k in (2, 4))
    letter = Symbol("mu", real=True)
    known = Eq(letter, 1), Eq(Mean(NEURON**2), 6)
    law = variance_law(NEURON, SPREAD, letter)
    square = Eq(WIDTH * Mean(LAYER**2), WIDTH * SPREAD + WIDTH * letter**2)
    five = Eq(WIDTH * SPREAD, 5)
    units = unit_rows(NEURON, SPREAD, letter, "$r$")
    mean = units[0].relation
    return (
        Row(
            Eq(2 * second, A),
            r"given $h_{l-1}$, a preactivation of layer $l$ is $N(0, 2 |h_{l-1}|^2 / m)$: the energy "
            r"grows by "
            r"the factor $r$, the mean over the neurons of $Y = 2 \rho(g)^2$ with $g \sim N(0, a)$, $a = 1$",
            GaussianRules((A,)),
        ),
        Row(Eq(4 * fourth, 6 * A**2), r"and its square", GaussianRules((A,))),
        Row(known[0], r"hence $\mu = E Y = 1$", Given()),
        Row(known[1], r"and $E Y^2 = 6$", Given()),
        *units,
        Row(
            Eq(mean.lhs, 1, evaluate=False),
            "a layer keeps the energy in the mean: $E r = 1$",
            Consequence((mean, known[0])),
        ),
        Row(five, "inserted", Consequence((law, *known))),
        Row(square, r"the second moment of $r$", Definition()),
        Row(
            Eq(WIDTH * Mean(LAYER**2), WIDTH + 5),
            r"$E r^2 = 1 + 5/m$",
            Consequence((square, five, known[0])),
        ),
    )


def _depth_rows() -> tuple[Row, ...]:
    before, factor = symbols("Q r", real=True)
    layer = Symbol("l", integer=True, positive=True)
    product = Product(1 + 5 / WIDTH, (layer, 1, DEPTH))
    grown = Eq(SECOND, product)
    closed = Eq(product, (1 + 5 / WIDTH) ** DEPTH, evaluate=False)
    return (
        Row(
            Eq(Mean(before**2 * factor**2), Mean(before**2) * Mean(factor**2)),
            r"the law of $r$ does not depend on $h_{l-1}$: the factors are independent",
            Independence(((before,), (factor,))),
        ),
        Row(grown, r"hence $E q_L^2$ is a product over the layers (and $E q_L = 1$)", Definition()),
        Row(closed, "all of them equal", Induction(DEPTH)),
        Row(SQUARES, "the second moment at every width and depth", Consequence((grown, closed))),
    )


def _logarithm_rows() -> tuple[Row, ...]:
    s, count = symbols("s j", positive=True)
    cumulants = s * log(2) + loggamma(count / 2 + s) - loggamma(count / 2)
    one = Eq(Mean(log(LAYER)), drift(WIDTH, Integer(1)))
    added = Eq(LOG_MEAN, DEPTH * Mean(log(LAYER)))
    return (
        Row(
            Eq(Symbol("kappa_s"), cumulants),
            r"$m r / 2$ is chi-squared with $j$ degrees of freedom, $j$ the number of active neurons; "
            r"$\kappa_s = \ln E (m r / 2)^s$",
            Citation(HANIN_NICA),
        ),
        Row(
            Eq(Derivative(cumulants, s), log(2) + digamma(count / 2 + s)),
            r"its derivative at $s = 0$ is $E \ln (m r / 2) = \psi(j/2) + \ln 2$",
            Identity(),
        ),
        Row(
            Eq(Derivative(cumulants, s, 2), polygamma(1, count / 2 + s)),
            r"the second one is the variance, $\psi_1(j/2)$",
            Identity(),
        ),
        Row(
            one,
            r"each sign is a fair coin: $j$ is binomial, and a layer is dead with probability $2^{-m}$",
            Definition(),
        ),
        Row(added, r"the logarithms of $L$ layers add up", Definition()),
        Row(
            Eq(LOG_MEAN, drift(WIDTH, DEPTH)),
            r"the drift of the logarithm: below that of the mean, since the logarithm is concave",
            Consequence((added, one)),
        ),
    )


def _frame_rows() -> tuple[Row, ...]:
    n, d = symbols("n d", integer=True, positive=True)
    frame, x = MatrixSymbol("W", n, d), MatrixSymbol("x", d, 1)
    tight = Eq(frame.T * frame, _identity(d))

    def instance(random: Random) -> dict[object, object]:
        rows = [[2, -1, 2], [2, 2, -1], [-1, 2, 2]]  # 3 times an orthogonal matrix
        point = [[random.randint(-9, 9)] for _ in range(3)]
        return {
            frame: DomainMatrix([[QQ(entry, 3) for entry in row] for row in rows], (3, 3), QQ),
            x: DomainMatrix([[QQ(entry) for entry in row] for row in point], (3, 1), QQ),
        }

    positive, negative = RELU**2, Max(-Z, 0) ** 2
    return (
        Row(
            Eq(x.T * frame.T * frame * x, x.T * x),
            r"a tight frame, $W^T W = I$, preserves the energy",
            MatrixWords(instance, (tight,)),
        ),
        Row(
            Eq(positive + negative, Z**2, evaluate=False),
            r"with both signs kept, $|\rho(W x)|^2 + |\rho(-W x)|^2 = |W x|^2$, entry by entry; so one sign "
            r"alone keeps half of it on average over $x$ and $-x$",
            SameFunction(Z),
        ),
    )


def _identity(size: Expr) -> Expr:
    from sympy import Identity as Unit

    return Unit(size)


def _filter_rows() -> tuple[Row, ...]:
    """w^T R w in the eigenbasis of R is a sum of independent terms lambda g^2."""
    rest, tap, weight = symbols("s g lambda", real=True)
    more = Independence(((rest,), (tap,)))
    mean = Eq(Mean(rest + weight * tap**2), Mean(rest) + weight * Mean(tap**2))
    square = Eq(
        Mean((rest + weight * tap**2) ** 2),
        Mean(rest**2) + 2 * weight * Mean(rest) * Mean(tap**2) + weight**2 * Mean(tap**4),
    )
    gauss = Eq(Mean(tap**2), TAP_VARIANCE), Eq(Mean(tap**4), 3 * TAP_VARIANCE**2)
    added = Eq(
        Mean((rest + weight * tap**2) ** 2) - Mean(rest + weight * tap**2) ** 2,
        Mean(rest**2) - Mean(rest) ** 2 + 2 * weight**2 * TAP_VARIANCE**2,
    )
    second, fourth = (single_expectation(Z**k, Z) for k in (2, 4))
    return (
        *_spectral_rows(),
        Row(Eq(second, A), "a tap has variance $v$ (here $a$)", GaussianRules((A,))),
        Row(Eq(fourth, 3 * A**2), "and the fourth moment $3 v^2$", GaussianRules((A,))),
        Row(mean, r"one more eigenvalue $\lambda$, with $s$ the sum so far", more),
        Row(square, "and its square", more),
        Row(gauss[0], "the second moment of a tap", Given()),
        Row(gauss[1], "the fourth", Given()),
        Row(
            added,
            r"each eigenvalue adds $v \lambda$ to the mean and $2 v^2 \lambda^2$ to the variance: in all "
            r"$v \, \mathrm{tr} R$ and $2 v^2 \mathrm{tr} R^2$",
            Consequence((square, mean, *gauss)),
        ),
        *_channel_rows(),
    )


def _channel_rows() -> tuple[Row, ...]:
    tap = Eq(TAP_VARIANCE, 1 / (TAPS * CHANNELS))
    mean = Eq(MEAN_ENERGY, CHANNELS * TAP_VARIANCE * TAPS * ENERGY)
    total = Eq(TOTAL, CHANNELS * 2 * TAP_VARIANCE**2 * TAU)
    relative = Eq(RELATIVE, TOTAL / ENERGY**2)
    return (
        Row(tap, "hypothesis on the filters", Given()),
        Row(mean, r"$c$ filters; shifts keep the energy, so $\mathrm{tr} R = k e$", Definition()),
        Row(Eq(MEAN_ENERGY, ENERGY), "energy is preserved in the mean", Consequence((mean, tap))),
        Row(total, "the variances of independent filters add up", Definition()),
        Row(relative, "the relative variance", Definition()),
        Row(FILTERS, "inserted", Consequence((relative, total, tap))),
        Row(
            Eq(FILTERS.rhs, 2 / CHANNELS * (TAU / (TAPS * ENERGY) ** 2), evaluate=False),
            r"$\tau$ lies between $k e^2$ (white signals) and $k^2 e^2$ (constant ones, $R_{st} = e$): "
            r"for the "
            r"latter the length of the filters does not help at all, and for smooth signals hardly",
            Identity(),
        ),
    )


def _spectral_rows() -> tuple[Row, ...]:
    size = Symbol("k", integer=True, positive=True)
    matrix, basis, values = (MatrixSymbol(name, size, size) for name in ("R", "Q", "Lambda"))
    rules = (
        Eq(matrix, basis * values * basis.T),
        Eq(basis.T * basis, _identity(size)),
        Eq(basis * basis.T, _identity(size)),
    )

    def instance(random: Random) -> dict[object, object]:
        q = DomainMatrix([[QQ(3, 5), QQ(-4, 5)], [QQ(4, 5), QQ(3, 5)]], (2, 2), QQ)
        diagonal = DomainMatrix(
            [[QQ(random.randint(1, 9)), QQ(0)], [QQ(0), QQ(random.randint(1, 9))]], (2, 2), QQ
        )
        return {basis: q, values: diagonal, matrix: q * diagonal * q.transpose()}

    words = MatrixWords(instance, rules, diagonal=(values,))
    return (
        Row(
            Eq(Trace(matrix), Trace(values)),
            r"$|w * x|^2 = w^T R w$ with $R_{st}$ the inner product of $x$ shifted by $s$ and by $t$. In the "
            r"eigenbasis $R = Q \Lambda Q^T$, where $Q^T w$ has the law of $w$",
            words,
        ),
        Row(Eq(Trace(matrix * matrix), Trace(values * values)), "the squares likewise", words),
    )
