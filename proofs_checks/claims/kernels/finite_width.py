"""Deep networks of finite width on trial: exact laws on real weight matrices, the order 1/n of a kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from random import Random

import jax.numpy as jnp
from sympy import Expr, Integer, Rational, Symbol

from numerics.gaussian_integrals import gaussian_mean
from proofs_checks.challenge import ClosedForm, Sampler
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Mean
from proofs_checks.deep_kernels.width_law import law_claims
from proofs_checks.deep_kernels.width_networks import CollapsedRelu, KernelShift, KernelSpread, NormRatios
from proofs_checks.experiment import batched
from proofs_checks.insertion import value_of
from proofs_checks.precision import float64
from proofs_checks.profile import Profile
from proofs_checks.two_layer_networks import lowered
from theory.deep_kernels.vertex_rows import (
    FOURTH,
    SHIFT,
    VERTEX,
    WEIGHTS,
    next_shift,
    next_vertex,
    vertex_forms,
)
from theory.deep_kernels.width_rows import (
    dead_probability,
    linear_log_mean,
    linear_log_variance,
    linear_second_moment,
    relu_log_mean,
    relu_log_variance,
    relu_second_moment,
)
from theory.deep_kernels.width_rows import widths as width_symbols
from theory.gaussian.expectation import A
from theory.kernels.finite_width import RELU, WIDTHS

NETWORKS = 64
# Of sizes: heavy tails are tested through logarithms, whose moments are tame.
LOG_RESOLUTION, NARROW_RESOLUTION = 0.04, 0.03
DEAD_RESOLUTION = 0.045
BIASED_WIDTHS = ((2, 3), (3, 2))  # of the Jacobian; even and odd, since (-2)^n is 2^n at even n
NARROW = (2, 3, 2)  # half of these are dead: where 2^-n is no small number, every term of a law shows
ONE_LAYER, SQUARE_RESOLUTION = (16,), 0.03

# The kernel of order 1/n. What is of order 1/n^2 relative to it is declared to be at most (layers/n)^2: for
# linear and ReLU networks it is zero at two layers, and a quarter of it at three.
KERNEL = Rational(4, 5)  # generic, and so are the weights: at 1, or at C_W = 2, factors would go unnoticed
OFF_CRITICAL = Rational(9, 10)
SPREAD_WIDTH, SPREAD_LAYERS, SPREAD_RESOLUTION = 24, 2, 0.04
SHIFT_WIDTH, SHIFT_NETWORKS, SHIFT_RESOLUTION = 32, 256, 0.04

SIGNAL, TANGENT = (0, 1, 2), (3, 4, 5)  # entries of NormRatios
Numbers = tuple[float, ...]


def claims(profile: Profile, widths: tuple[int, ...] = WIDTHS, activation: Expr = RELU) -> tuple[Claim, ...]:
    """Laws of linear and ReLU networks, of the Jacobian, of dead networks; the kernel at order 1/n."""
    trial = Trial(profile, widths, activation)
    signal, tangent, spread = _relu(trial), _jacobian(trial), _spread(trial)
    square = _one_layer(trial)
    return (
        _linear(trial),
        signal,
        tangent,
        _dead(trial),
        square,
        spread,
        *_shift(trial),
        *law_claims(profile, widths),
        _uniform_control(trial),
        _variance_control(trial, signal),
        _bias_control(trial, signal),
        _one_sided_control(trial, tangent),
        _linear_square_control(square),
        _frozen_control(trial, spread),
    )


@dataclass(frozen=True)
class Trial:
    """What is tried, with which effort."""

    profile: Profile
    widths: tuple[int, ...]
    activation: Expr

    @property
    def layers(self) -> int:
        return len(self.widths)

    def finer(self, resolution: float) -> float:
        """Resolution improves as the square root of the number of seeds."""
        return resolution / sqrt(self.profile.factor)


def at(expression: Expr, widths: Sequence[int]) -> float:
    """The value at these hidden widths."""
    symbols = width_symbols(len(widths))
    return float(value_of(expression, dict(zip(symbols, map(Integer, widths), strict=True))))


def _some_widths(layers: int) -> Mapping[str, Sampler]:
    def sample(rng: Random) -> Mapping[Symbol, Rational]:
        return {n: Integer(rng.randint(2, 12)) for n in width_symbols(layers)}

    return {"any widths": sample}


def _with_forms(
    claim: Claim, forms: Mapping[str, Expr], layers: int, predict: Callable[..., Sequence[Numbers]]
) -> Claim:
    """The claim that predicts ``predict(**forms)``, point by point; these forms are mutated one by one."""
    regimes = _some_widths(layers)

    def restating(name: str) -> Callable[[Expr], Claim]:
        return lambda other: _predicting(claim, *predict(**{**forms, name: other}))

    used = {name: form for name, form in forms.items() if form.free_symbols}
    return replace(
        claim,
        closed_forms=tuple(
            ClosedForm(name.replace("_", " "), form, regimes, restating(name)) for name, form in used.items()
        ),
    )


def _predicting(claim: Claim, *predicted: Numbers) -> Claim:
    points = (replace(point, predicted=values) for point, values in zip(claim.grid, predicted, strict=True))
    return replace(claim, grid=tuple(points))


def _setting(
    widths: Sequence[int], weight: float, center: float, entries: Sequence[int]
) -> dict[str, object]:
    return {
        "widths": tuple(widths),
        "networks": NETWORKS,
        "weight_variance": weight,
        "center": center,
        "entries": tuple(entries),
    }


def _linear(trial: Trial) -> Claim:
    forms = {"mean": linear_log_mean(trial.layers), "variance": linear_log_variance(trial.layers)}
    center = at(forms["mean"], trial.widths)

    def predict(mean: Expr, variance: Expr) -> tuple[Numbers, ...]:
        return ((at(mean, trial.widths), at(variance, trial.widths)),)

    (predicted,) = predict(**forms)
    claim = Claim(
        "deep linear networks",
        r"$\log R$ has the mean $\sum \psi(n_l/2) + \log(2/n_l)$ and the variance $\sum \psi_1(n_l/2)$, "
        rf"hidden widths {trial.widths}, real weight matrices, exactly",
        Mean(),
        batched(NormRatios("linear")),
        (
            Point(
                _setting(trial.widths, 1.0, center, SIGNAL[1:]),
                predicted,
                resolution=tuple(trial.finer(LOG_RESOLUTION) * abs(value) for value in predicted),
            ),
        ),
        trial.profile.scale(512),
    )
    return _with_forms(claim, forms, trial.layers, predict)


def _relu_forms(layers: int) -> dict[str, Expr]:
    return {
        "dead": dead_probability(layers),
        "mean": relu_log_mean(layers),
        "variance": relu_log_variance(layers),
    }


def _relu_numbers(widths: Sequence[int], dead: Expr, mean: Expr, variance: Expr) -> Numbers:
    alive = 1 - at(dead, widths)
    return alive * at(mean, widths), alive * at(variance, widths)


def _relu_point(trial: Trial, widths: Sequence[int], entries: Sequence[int], deviation: float) -> Point:
    forms = _relu_forms(len(widths))
    share = LOG_RESOLUTION if widths == trial.widths else NARROW_RESOLUTION
    predicted = _relu_numbers(widths, **forms)
    return Point(
        {**_setting(widths, 2.0, at(forms["mean"], widths), entries), "bias_deviation": deviation},
        predicted,
        resolution=tuple(trial.finer(share) * abs(value) for value in predicted),
    )


def _relu(trial: Trial) -> Claim:
    return Claim(
        "ReLU networks",
        r"$E[\log R; R > 0]$ and the spread of $\log R$ about its mean, for products of $(2/n) \chi^2_B$ "
        rf"with $B \sim \mathrm{{Bin}}(n, 1/2)$, hidden widths {trial.widths}, real weight matrices, exactly",
        Mean(),
        batched(NormRatios("ReLU")),
        (_relu_point(trial, trial.widths, SIGNAL[1:], 0.0),),
        trial.profile.scale(512),
    )


def _jacobian(trial: Trial) -> Claim:
    """Random biases keep the law: they are reflected together with the weights."""
    claim = Claim(
        "Jacobian of ReLU networks",
        r"$|J u|^2$ has the law of $R$ for a fixed direction $u$, also with Gaussian biases: the same two "
        rf"numbers, hidden widths {BIASED_WIDTHS}, real weight matrices, exactly",
        Mean(),
        batched(NormRatios("ReLU")),
        tuple(_relu_point(trial, widths, TANGENT[1:], 0.5) for widths in BIASED_WIDTHS),
        trial.profile.scale(1280),
    )

    def predict(**forms: Expr) -> tuple[Numbers, ...]:
        return tuple(_relu_numbers(widths, **forms) for widths in BIASED_WIDTHS)

    layers = len(BIASED_WIDTHS[0])
    return _with_forms(claim, _relu_forms(layers), layers, predict)


def _dead(trial: Trial) -> Claim:
    """Three narrow layers: of wide networks hardly any is dead."""
    form = dead_probability(len(NARROW))

    def predict(dead: Expr) -> tuple[Numbers, ...]:
        return ((at(dead, NARROW),),)

    (predicted,) = predict(form)
    claim = Claim(
        "dead networks",
        rf"$P(R = 0) = 1 - \prod (1 - 2^{{-n_l}})$, hidden widths {NARROW}, exactly",
        Mean(),
        batched(CollapsedRelu()),
        (
            Point(
                {"widths": NARROW, "networks": NETWORKS, "entries": (0,)},
                predicted,
                resolution=trial.finer(DEAD_RESOLUTION) * predicted[0],
            ),
        ),
        trial.profile.scale(256),
    )
    return _with_forms(claim, {"dead": form}, len(NARROW), predict)


def _one_layer(trial: Trial) -> Claim:
    """One layer alone: raw fourth moments of deep networks have heavy tails."""
    form = relu_second_moment(1)

    def predict(second: Expr) -> tuple[Numbers, ...]:
        return ((at(second, ONE_LAYER),),)

    (predicted,) = predict(form)
    claim = Claim(
        "second moment of one layer",
        rf"$E R^2 = 1 + 5/n$ at width {ONE_LAYER[0]} (ReLU), exactly",
        Mean(),
        batched(CollapsedRelu()),
        (
            Point(
                {"widths": ONE_LAYER, "networks": NETWORKS, "entries": (1,)},
                predicted,
                resolution=trial.finer(SQUARE_RESOLUTION) * predicted[0],
            ),
        ),
        trial.profile.scale(512),
    )
    return _with_forms(claim, {"second": form}, 1, predict)


def weight_variance(activation: Expr) -> Expr:
    """C_W: a tenth less than what would keep the kernel at KERNEL without biases."""
    return OFF_CRITICAL * KERNEL / vertex_forms(activation).square.subs(A, KERNEL)


def next_kernel(activation: Expr, kernel: Rational) -> Rational:
    """K_{l+1} = C_W M(K_l)."""
    return value_of(weight_variance(activation) * vertex_forms(activation).square, {A: kernel})


def fourth_moment(activation: Expr, kernel: Rational) -> Rational:
    """E s^4 by quadrature, for activations whose fourth power leaves the class."""
    with float64():
        mean = gaussian_mean(lambda u: lowered(activation)(u) ** 4, jnp.asarray(float(kernel)))
    return Rational(float(mean))


def vertices(activation: Expr, step: Expr, layers: int) -> Numbers:
    """V_2, V_3, ... from V_1 = 0 at K_1 = KERNEL."""
    kernel, vertex, found = KERNEL, Rational(0), []
    for _ in range(layers):
        known = {WEIGHTS: weight_variance(activation)}
        if step.has(FOURTH):
            known[FOURTH] = fourth_moment(activation, kernel)
        vertex = value_of(step.subs(known), {VERTEX: vertex, A: kernel})
        kernel = next_kernel(activation, kernel)
        found.append(float(vertex))
    return tuple(found)


def _spread(trial: Trial) -> Claim:
    step = next_vertex(trial.activation)
    predicted = vertices(trial.activation, step, SPREAD_LAYERS)
    margin = (SPREAD_LAYERS / SPREAD_WIDTH) ** 2
    margins = (0.0, *(margin * value for value in predicted[1:]))
    resolution = max(trial.finer(SPREAD_RESOLUTION), 4 * margin)
    claim = Claim(
        "spread of the kernel",
        r"$n \mathrm{Var} k_l \to V_l$, $l = 2, 3$: the covariance of the squares of two neurons, from "
        rf"widths {SPREAD_WIDTH} and {2 * SPREAD_WIDTH}, extrapolated; $V_2$ exactly, and declared for "
        r"$V_3$: relative terms of order $1/n^2$ are at most $(2/n)^2$",
        Mean(),
        batched(KernelSpread(trial.activation)),
        (
            Point(
                {
                    "kernel": float(KERNEL),
                    "weight_variance": float(weight_variance(trial.activation)),
                    "width": SPREAD_WIDTH,
                    "depth": SPREAD_LAYERS,
                    "networks": NETWORKS,
                },
                predicted,
                margin=margins,
                resolution=tuple(resolution * value for value in predicted),
            ),
        ),
        trial.profile.scale(1536),
    )

    def restate(other: Expr) -> Claim:
        return _predicting(claim, vertices(trial.activation, other, SPREAD_LAYERS))

    form = ClosedForm("vertex", step, _vertex_values(step), restate)
    return replace(claim, closed_forms=(form,))


def _vertex_values(step: Expr) -> Mapping[str, Sampler]:
    symbols = sorted(step.free_symbols, key=str)

    def sample(rng: Random) -> Mapping[Symbol, Rational]:
        return {symbol: Rational(rng.randint(200, 2000), 1000) for symbol in symbols}

    return {"all kernels": sample}


def _shift(trial: Trial) -> tuple[Claim, ...]:
    """delta_3 from delta_2 = 0; none where M is linear in K and nothing moves."""
    if vertex_forms(trial.activation).curvature == 0:
        return ()
    known = {
        WEIGHTS: weight_variance(trial.activation),
        A: next_kernel(trial.activation, KERNEL),
        VERTEX: Rational(vertices(trial.activation, next_vertex(trial.activation), 1)[0]),
    }
    step = next_shift(trial.activation).subs(SHIFT, 0)
    claim = _shift_claim(trial, float(value_of(step, known)))

    def restate(other: Expr) -> Claim:
        return _predicting(claim, (float(value_of(other, known)),))

    form = ClosedForm("correction", step, _vertex_values(step), restate)
    return (replace(claim, closed_forms=(form,)),)


def _shift_claim(trial: Trial, predicted: float) -> Claim:
    margin = (2 / SHIFT_WIDTH) ** 2
    setting = {
        "kernel": float(KERNEL),
        "weight_variance": float(weight_variance(trial.activation)),
        "width": SHIFT_WIDTH,
        "networks": SHIFT_NETWORKS,
    }
    resolution = max(trial.finer(SHIFT_RESOLUTION), 4 * margin) * abs(predicted)
    return Claim(
        "correction of the kernel",
        r"$n (E k_3 - K_3) \to \delta_3 = C_W M''(K_2) V_2 / 2$, from widths "
        rf"{SHIFT_WIDTH} and {2 * SHIFT_WIDTH}, extrapolated; declared: relative terms of order $1/n^2$ are "
        r"at most $(2/n)^2$",
        Mean(),
        batched(KernelShift(trial.activation, vertex_forms(trial.activation).square)),
        (Point(setting, (predicted,), margin=margin * abs(predicted), resolution=resolution),),
        trial.profile.scale(512),
    )


def _uniform_control(trial: Trial) -> Claim:
    """One-hot input: with a dense one a sum of many uniform weights is nearly Gaussian, which hides it."""
    widths = (3, 5)
    center = at(linear_log_mean(2), widths)
    predicted = (center, at(linear_log_variance(2), widths))
    return Claim(
        "uniform weights",
        rf"the law of deep linear networks of widths {widths} for uniform weights of the same variance, "
        "one-hot input",
        Mean(),
        batched(NormRatios("linear", uniform=True, one_hot=True)),
        (
            Point(
                _setting(widths, 1.0, center, SIGNAL[1:]),
                predicted,
                resolution=tuple(LOG_RESOLUTION * abs(value) for value in predicted),
            ),
        ),
        trial.profile.scale(128),
        expected="refuted",
        reason="a sum of squares of uniform weights is no chi-square: the law needs Gaussian weights",
    )


def _control(trial: Trial, claim: Claim, name: str, statement: str, reason: str, **changes: float) -> Claim:
    point = claim.grid[0]
    changed = replace(point, parameters={**point.parameters, **changes})
    return replace(
        claim,
        name=name,
        statement=statement,
        grid=(changed,),
        seeds=trial.profile.scale(96),
        expected="refuted",
        reason=reason,
        closed_forms=(),
    )


def _variance_control(trial: Trial, claim: Claim) -> Claim:
    return _control(
        trial,
        claim,
        "weights of variance 1.7/n",
        r"the law of ReLU networks with $C_W = 1.7$",
        "every layer loses the factor 0.85: the law holds for 2/n",
        weight_variance=1.7,
    )


def _bias_control(trial: Trial, claim: Claim) -> Claim:
    return _control(
        trial,
        claim,
        "signals with biases",
        "the law of ReLU networks with Gaussian biases, for the signal",
        "biases add to the variance of each preactivation: |h|^2 has the law without biases only",
        bias_deviation=0.5,
    )


def _one_sided_control(trial: Trial, claim: Claim) -> Claim:
    return _control(
        trial,
        claim,
        "gates with one-sided biases",
        "the law of the Jacobian with all biases equal to 1/2",
        "the reflection does not keep a bias of one sign: gates are open more often than not",
        bias_deviation=0.0,
        bias_mean=0.5,
    )


def _linear_square_control(claim: Claim) -> Claim:
    wrong = at(linear_second_moment(1), ONE_LAYER)
    return replace(
        claim,
        name="second moment without gates",
        statement=rf"$E R^2 = 1 + 2/n$ at width {ONE_LAYER[0]} (ReLU)",
        grid=tuple(replace(point, predicted=(wrong,)) for point in claim.grid),
        expected="refuted",
        reason="1 + 2/n is the chi-square of linear networks; the random number of active units adds 3/n",
        closed_forms=(),
    )


def _frozen_control(trial: Trial, claim: Claim) -> Claim:
    """The vertex as if every layer made it anew, without what the layer before left."""
    step = next_vertex(trial.activation).subs(VERTEX, 0)
    wrong = vertices(trial.activation, step, SPREAD_LAYERS)
    return replace(
        _predicting(claim, wrong),
        name="vertex without memory",
        statement=r"$n \mathrm{Var} k_l \to C_W^2 (E \sigma^4 - (E \sigma^2)^2)$ at every layer",
        seeds=trial.profile.scale(256),
        expected="refuted",
        reason="the fluctuation of a layer is passed on, multiplied by the square of the parallel slope",
        closed_forms=(),
    )
