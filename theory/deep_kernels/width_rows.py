r"""Deep linear and ReLU networks of given widths: a product of independent factors, one for each layer.

With Gaussian weights of variance C_W/fan-in and no biases, R = (|h^L|^2/n_L) / (|x|^2/n_0) is the product of
r_l = (1/n) sum xi_i^2 (linear, C_W = 1) or (2/n) sum g_i xi_i^2 (ReLU, C_W = 2) with n = n_l, independent
standard normal xi_i and independent fair gates g_i in {0, 1}.

Sources: Hanin and Nica (2020), theorem 1 and section 4; Hanin (2018), theorem 5.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from sympy import (
    Derivative,
    Eq,
    Expr,
    Heaviside,
    Integer,
    Product,
    Rational,
    S,
    Subs,
    Sum,
    Symbol,
    binomial,
    exp,
    gamma,
    log,
    loggamma,
    polygamma,
    symbols,
)

from theory.derivation import Row
from theory.gaussian import pair_expectation, single_expectation
from theory.gaussian.expectation import A, B
from theory.gaussian.rows import GaussianRules, Independence, Mean, SameFunction
from theory.proving import Consequence, Definition, Enumeration, Given, Identity, Induction
from theory.statement import Domain

Z = Symbol("z", real=True)
WIDTH = Symbol("n", integer=True, positive=True)
INPUTS = Symbol("n_0", integer=True, positive=True)
LINEAR, RELU, DEAD = symbols("R_lin R_relu p_dead", positive=True)
ENTRY = Symbol("J_pq", real=True)
POWER = Symbol("s", positive=True)
_ACTIVE = Symbol("k", integer=True, positive=True)
HALF = Rational(1, 2)


def widths(depth: int) -> tuple[Symbol, ...]:
    """n_1, ..., n_L."""
    return symbols(f"n_1:{depth + 1}", integer=True, positive=True)


def linear_second_moment(depth: int) -> Expr:
    """E R^2 of a deep linear network."""
    return prod((1 + 2 / n for n in widths(depth)), start=S.One)


def relu_second_moment(depth: int) -> Expr:
    """E R^2 of a ReLU network, and of |J u|^2/|u|^2 times n_0/n_L."""
    return prod((1 + 5 / n for n in widths(depth)), start=S.One)


def dead_probability(depth: int) -> Expr:
    """The probability that a layer has no active unit: the output is then 0."""
    return 1 - prod((1 - Integer(2) ** -n for n in widths(depth)), start=S.One)


def linear_log_mean(depth: int) -> Expr:
    """E log R of a deep linear network."""
    return sum((polygamma(0, n / 2) + log(2 / n) for n in widths(depth)), start=S.Zero)


def linear_log_variance(depth: int) -> Expr:
    """Var log R of a deep linear network."""
    return sum((polygamma(1, n / 2) for n in widths(depth)), start=S.Zero)


def linear_transform(depth: int) -> Expr:
    """E R^s of a deep linear network: it determines the law of R."""
    return prod((_chi_square_power(n / 2) * (2 / n) ** POWER for n in widths(depth)), start=S.One)


def relu_transform(depth: int) -> Expr:
    """E R^s of a ReLU network; its limit at s = 0 is the probability that the network is not dead."""
    return prod((_thinned_power(n) for n in widths(depth)), start=S.One)


def _chi_square_power(half: Expr) -> Expr:
    return gamma(half + POWER) / gamma(half)


def _thinned_power(n: Symbol) -> Expr:
    term = binomial(n, _ACTIVE) * _chi_square_power(_ACTIVE / 2)
    return (4 / n) ** POWER / 2**n * Sum(term, (_ACTIVE, 1, n))


def conclusions(depth: int) -> tuple[Eq, ...]:
    """What the theorem says of these two architectures."""
    return (
        Eq(Mean(LINEAR**2), linear_second_moment(depth)),
        Eq(Mean(RELU), 1),
        Eq(Mean(RELU**2), relu_second_moment(depth)),
        Eq(DEAD, dead_probability(depth)),
        Eq(Mean(ENTRY**4), 3 / INPUTS**2 * relu_second_moment(depth)),
        Eq(Mean(LINEAR**POWER), linear_transform(depth)),
        Eq(Mean(RELU**POWER), relu_transform(depth)),
    )


def moment_rows() -> tuple[Row, ...]:
    """One layer: chi-square moments and logarithms, the gates, and their independence of the squares."""
    return (*_chi_square_rows(), *_logarithm_rows(), *_gate_rows())


def _chi_square_rows() -> tuple[Row, ...]:
    x, rest, total = symbols("x p X", positive=True)
    k, j = Symbol("k", integer=True, positive=True), Symbol("j", integer=True, nonnegative=True)
    second, fourth = (single_expectation(Z**power, Z) for power in (2, 4))
    step = (x**2 + rest) ** k + 2 * k * x**2 * (x**2 + rest) ** (k - 1)
    return (
        Row(Eq(second, A), "given a layer, the next preactivations are Gaussian: second moment", _gauss()),
        Row(Eq(fourth, 3 * A**2), "fourth moment", _gauss()),
        Row(
            Eq(Derivative(x * (x**2 + rest) ** k, x), step),
            r"for $X = \sum_i \xi_i^2$ and one neuron $x$, with $p$ the other squares; by Stein "
            r"$E \xi_i \xi_i X^k = E \partial_i (\xi_i X^k)$",
            Identity(),
        ),
        Row(
            Eq(WIDTH * total**k + 2 * k * total * total ** (k - 1), (WIDTH + 2 * k) * total**k),
            r"summed over the neurons: $E X^{k+1} = (n + 2 k) E X^k$",
            Identity(),
        ),
        Row(
            Eq(Product(WIDTH + 2 * j - 2, (j, 1, k)), 2**k * gamma(WIDTH / 2 + k) / gamma(WIDTH / 2)),
            r"hence $E X^k$, which is that of $\chi^2_n$",
            Induction(k),
        ),
    )


def _gauss() -> GaussianRules:
    return GaussianRules((A,))


def _logarithm_rows() -> tuple[Row, ...]:
    t, y = symbols("t y", positive=True)
    density = y ** (WIDTH / 2 - 1) * exp(-y / 2) / (2 ** (WIDTH / 2) * gamma(WIDTH / 2))
    shape = WIDTH / 2 + t
    euler = y ** (shape - 1) * exp(-y) / gamma(shape)
    cumulants = t * log(2) + loggamma(shape) - loggamma(WIDTH / 2) - t * log(WIDTH)
    return (
        Row(
            Eq((2 * y) ** t * density.subs(y, 2 * y) * 2, 2**t * gamma(shape) / gamma(WIDTH / 2) * euler),
            r"real powers: $x^t$ times the density of $\chi^2_n$ at $x = 2 y$ is a density in $y$ (Euler's "
            r"integral) times a constant, which is $E X^t$",
            Identity(),
        ),
        Row(
            Eq(
                Subs(Derivative(cumulants, t), t, 0),
                polygamma(0, WIDTH / 2) + log(2 / WIDTH),
                evaluate=False,
            ),
            r"the derivative of $\log E (X/n)^t$ at $t = 0$ is $E \log(X/n)$",
            Identity(),
        ),
        Row(
            Eq(Subs(Derivative(cumulants, (t, 2)), t, 0), polygamma(1, WIDTH / 2), evaluate=False),
            r"the second one its variance; both add up over the layers",
            Identity(),
        ),
    )


def _gate_rows() -> tuple[Row, ...]:
    gate, index = Heaviside(Z), Symbol("i", integer=True, positive=True)
    square, fourth = (pair_expectation(gate, Z**power, Z) for power in (2, 4))
    return (
        Row(
            Eq(gate + Heaviside(-Z), 1, evaluate=False),
            r"gates $g = 1\{u > 0\}$: the reflection $(u, v) \to (-u, -v)$ keeps the Gaussian law and every "
            r"even function of $v$ and turns $g$ into $1 - g$. So $g$ is a fair coin, independent of $v^2$, "
            r"whatever the covariance: $v = u$ for signals, $v$ a tangent for the Jacobian $J$",
            SameFunction(Z),
        ),
        Row(Eq(square, B / 2), r"for example $E g v^2$", GaussianRules()),
        Row(Eq(fourth, 3 * B**2 / 2), r"and $E g v^4$, without $a$ and $c$", GaussianRules()),
        Row(
            Eq(Product(HALF, (index, 1, WIDTH)), Integer(2) ** -WIDTH),
            "the probability that no unit of a layer is active",
            Induction(WIDTH),
        ),
    )


def layer_rows(depth: int) -> tuple[Row, ...]:
    """The product over the layers, whose factors are independent since no law depends on the layer before."""
    first, second, gated, silent, readout, linear, thinned = conclusions(depth)
    return (
        *_product(depth, LINEAR, "r", 2, _squares(Integer(3), S.One), first),
        *_product(depth, RELU, "s", 1, lambda n: 2 / n * _sum(HALF, n), second),
        *_product(depth, RELU, "s", 2, lambda n: 4 * _squares(3 * HALF, HALF)(n), gated),
        *_dead_rows(depth, silent),
        *_readout_rows(gated, readout),
        *_power_rows(depth, LINEAR, lambda n: _chi_square_power(n / 2) * (2 / n) ** POWER, linear),
        *_power_rows(depth, RELU, _thinned_power, thinned),
    )


def _power_rows(
    depth: int, whole: Symbol, factor: Callable[[Symbol], Expr], conclusion: Eq
) -> tuple[Row, ...]:
    """E R^s for real s > 0: the transform of Mellin, which determines the law of R."""
    kind = "linear" if whole == LINEAR else "ReLU"
    powers = symbols(f"t_1:{depth + 1}", nonnegative=True)
    named = Eq(Mean(whole**POWER), Mean(prod(powers)), evaluate=False)
    split = Eq(Mean(prod(powers)), prod(Mean(one) for one in powers))
    layers = tuple(
        Eq(Mean(one), factor(n), evaluate=False) for one, n in zip(powers, widths(depth), strict=True)
    )
    what = (
        r"Euler's integral" if whole == LINEAR else r"Euler's integral for $\chi^2_k$, $k$ of $n$ gates open"
    )
    return (
        Row(named, rf"{kind}: real powers $t_l$ of the factors, with the exponent $s > 0$", Definition()),
        *_apart(split, powers, "functions of independent factors"),
        *(Row(layer, f"layer {number}: {what}", Definition()) for number, layer in enumerate(layers, 1)),
        Row(
            conclusion,
            rf"the transform of $R$ ({kind}); known for all $s > 0$ it determines the law",
            Consequence((named, *_said(split), *layers)),
        ),
    )


def _sum(term: Expr, n: Symbol) -> Expr:
    return Sum(term, (Symbol("i", integer=True, positive=True), 1, n))


def _squares(square: Expr, mean: Expr) -> Callable[[Symbol], Expr]:
    """E of the square of a mean of n independent terms: n squares, and twice the pairs j < i."""
    i, j = symbols("i j", integer=True, positive=True)

    def moment(n: Symbol) -> Expr:
        return (_sum(square, n) + 2 * Sum(Sum(mean**2, (j, 1, i - 1)), (i, 1, n))) / n**2

    return moment


def _product(
    depth: int, whole: Symbol, letter: str, power: int, moment: Callable[[Symbol], Expr], conclusion: Eq
) -> tuple[Row, ...]:
    factors = symbols(f"{letter}_1:{depth + 1}", positive=True)
    named = Eq(Mean(whole**power), Mean(prod(factors) ** power), evaluate=False)
    split = Eq(Mean(prod(factors) ** power), prod(Mean(factor**power) for factor in factors))
    what = "squares, and pairs of independent neurons" if power == 2 else "the mean of a neuron"
    layers = tuple(
        Eq(Mean(factor**power), moment(n), evaluate=False)
        for factor, n in zip(factors, widths(depth), strict=True)
    )
    kind = "linear" if whole == LINEAR else "ReLU"
    whole_row = Row(named, rf"{kind}: the whole is the product of the factors ${letter}_l$", Definition())
    return (
        whole_row,
        *_apart(
            split, factors, "given a layer, the next factor has one law, whatever the layer: independence"
        ),
        *(
            Row(layer, f"layer {number}: {what}", Definition())
            for number, layer in enumerate(layers, start=1)
        ),
        Row(conclusion, f"the sums evaluated ({kind})", Consequence((named, *_said(split), *layers))),
    )


def _said(relation: Eq) -> tuple[Eq, ...]:
    """With one layer there is nothing to split: the two sides are the same."""
    return () if relation == S.true else (relation,)


def _apart(split: Eq, factors: tuple[Symbol, ...], reason: str) -> tuple[Row, ...]:
    method = Independence(tuple((factor,) for factor in factors))
    return tuple(Row(relation, reason, method) for relation in _said(split))


def _dead_rows(depth: int, conclusion: Eq) -> tuple[Row, ...]:
    alive = symbols(f"alive_1:{depth + 1}", nonnegative=True)
    index = Symbol("i", integer=True, positive=True)
    named = Eq(DEAD, 1 - Mean(prod(alive)))
    split = Eq(Mean(prod(alive)), prod(Mean(one) for one in alive))
    layers = tuple(
        Eq(Mean(one), 1 - Product(HALF, (index, 1, n)), evaluate=False)
        for one, n in zip(alive, widths(depth), strict=True)
    )
    return (
        Row(named, r"$\mathrm{alive}_l$ indicates an active unit in layer $l$", Definition()),
        *_apart(split, alive, "in layers that are reached, independently"),
        *(Row(layer, f"layer {number}", Definition()) for number, layer in enumerate(layers, start=1)),
        Row(conclusion, "the probability of a dead network", Consequence((named, *_said(split), *layers))),
    )


def _readout_rows(second: Eq, conclusion: Eq) -> tuple[Row, ...]:
    weight = Symbol("w", real=True)
    named = Eq(Mean(ENTRY**4), Mean(weight**4 * RELU**2) / INPUTS**2, evaluate=False)
    split = Eq(Mean(weight**4 * RELU**2), Mean(weight**4) * Mean(RELU**2))
    fourth = Eq(Mean(weight**4), 3)
    return (
        Row(
            named,
            r"an entry of the input-output Jacobian, readout variance $1/n_L$: given the hidden layers it is "
            r"Gaussian with variance $|J e_q|^2/n_L$, which has the law of $R_{relu}/n_0$",
            Definition(),
        ),
        Row(split, "the readout is independent of the layers", Independence(((weight,), (RELU,)))),
        Row(fourth, "a standard normal variable", Given()),
        Row(conclusion, "the fourth moment of the entry", Consequence((named, split, fourth, second))),
    )


def relu_log_mean(depth: int) -> Expr:
    """E log R of a ReLU network that is not dead: chi-square laws of B > 0 active units."""
    return sum((_log_mean(n) + log(4 / n) for n in widths(depth)), start=S.Zero)


def relu_log_variance(depth: int) -> Expr:
    """Var log R of a ReLU network that is not dead."""
    k = _ACTIVE
    spread = polygamma(1, k / 2) + polygamma(0, k / 2) ** 2
    return sum((_given_active(spread, n) - _log_mean(n) ** 2 for n in widths(depth)), start=S.Zero)


def _log_mean(n: Symbol) -> Expr:
    return _given_active(polygamma(0, _ACTIVE / 2), n)


def _given_active(term: Expr, n: Symbol) -> Expr:
    """The mean of a function of B given B > 0."""
    return Sum(binomial(n, _ACTIVE) * term, (_ACTIVE, 1, n)) / (Integer(2) ** n - 1)


def active_rows(largest: int) -> tuple[Row, ...]:
    """The weights of B > 0 add up, at every width up to the largest one here."""
    total = Sum(binomial(WIDTH, _ACTIVE), (_ACTIVE, 1, WIDTH))
    return (
        Row(
            Eq(total, Integer(2) ** WIDTH - 1),
            r"$P(B = k | B > 0) = \binom{n}{k} / (2^n - 1)$, with which $\log R$ has the mean and the "
            r"variance of a mixture of $\log \chi^2_k$ in every layer of a network that is not dead",
            Enumeration({WIDTH: range(1, largest + 1)}),
            Domain({WIDTH: (1, largest)}),
        ),
    )
