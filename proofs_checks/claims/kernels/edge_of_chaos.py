"""The edge of chaos on trial: one layer exactly, many layers with terms of order 1/n extrapolated away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from math import sqrt
from random import Random
from typing import Any

import sympy
from sympy import Expr, Integer, Rational, Symbol

from proofs_checks.challenge import ClosedForm, Sampler
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Mean
from proofs_checks.deep_kernels.edge_networks import OneHiddenLayer, ThroughDepth
from proofs_checks.deep_kernels.edge_trial import Trial
from proofs_checks.deep_kernels.formulas import variances
from proofs_checks.experiment import batched
from proofs_checks.insertion import value_of
from proofs_checks.profile import Profile
from proofs_checks.two_layer_formulas import covariances, single_variances
from theory.deep_kernels.edge_certified import CHAOS
from theory.deep_kernels.edge_rows import RELU
from theory.errors import InputError
from theory.gaussian.expectation import A, B, C
from theory.kernels.edge_of_chaos import BIAS, ERF, STANDARD, WEIGHT

# One hidden layer: two inputs of different lengths, in units of q*, and a generic correlation.
FIRST, SECOND, CORRELATION = Rational(3, 5), Rational(7, 5), Rational(4, 5)
WIDTH, NETWORKS = 16, 16
LAYER_RESOLUTION = 0.03

# Many layers: widths n and 2 n, n = DEPTH_WIDTH. What is of order 1/n cancels; of the next order the theorem
# says nothing. It is declared to be at most (depth/n)^2, relative: a product of depth factors 1 + c/n of
# which the terms of order 1/n are removed leaves (c depth/n)^2/4, and the largest c met is that of the
# fourth moment of ReLU, 5, whose second moment has c = 0.
DEPTH_WIDTH = 64
DEPTH_NETWORKS = 16
# Of chi_1^depth: an error of 1.6 % in chi_1 moves it by as much at depth 5.
DEPTH_RESOLUTION = 0.08
VARIANCE_RESOLUTION = 0.045
ORDER = Rational(7, 10)
FAR = 3  # in units of q*: where the variances start that must find it
DEPTH = Symbol("L", integer=True, positive=True)


def claims(
    profile: Profile, activation: Expr = ERF, fixed_point: Rational = STANDARD, depth: int = 5
) -> tuple[Claim, ...]:
    """One layer, the line, depth on and off the line, the correlation length where there is chaos."""
    trial = Trial(profile, activation, fixed_point, depth)
    layer, line, deep = _one_layer(trial), _line(trial), _gradients(trial)
    chaotic = trial.chaos()
    return (
        layer,
        line,
        deep,
        _convergence(trial),
        *((_length(trial, chaotic),) if chaotic is not None else ()),
        *_controls(trial, layer, deep, chaotic),
    )


def _margin(trial: Trial) -> float:
    """What is declared for the order 1/n^2, relative."""
    return (trial.depth / DEPTH_WIDTH) ** 2


def _number(expression: Expr) -> float:
    return float(value_of(expression, {}))


def _predicting(claim: Claim, *predicted: tuple[float, ...]) -> Claim:
    points = (replace(point, predicted=values) for point, values in zip(claim.grid, predicted, strict=True))
    return replace(claim, grid=tuple(points))


def _covariance(trial: Trial) -> dict[Symbol, Expr]:
    """a, b and c of the two inputs; the correlation enters as a rational times sqrt(a b)."""
    a, b = FIRST * trial.q, SECOND * trial.q
    return {A: a, B: b, C: Rational(str(round(float(CORRELATION * sympy.sqrt(a * b)), 8)))}


def _one_layer(trial: Trial) -> Claim:
    at = _covariance(trial)
    a, b, c = (float(at[symbol]) for symbol in (A, B, C))
    pair = trial.at(*at.values())
    forms = {
        "second moment": (trial.square, A, trial.at(at[A])),
        "second moment of the slope": (trial.slopes, A, trial.at(at[B])),
        "kernel": (trial.dual, None, pair),
        "slope of the kernel": (trial.moved, None, pair),
    }
    predicted = tuple(float(value_of(form, place)) for form, _, place in forms.values())
    sizes = (predicted[0], predicted[1], max(abs(predicted[2]), predicted[0] / 4), predicted[3])
    point = Point(
        {
            "a": a,
            "b": b,
            "rho": c / sqrt(a * b),
            "width": WIDTH,
            "networks": NETWORKS,
            "entries": (0, 1, 2, 3),
        },
        predicted,
        resolution=tuple(trial.finer(LAYER_RESOLUTION) * max(abs(size), predicted[0] / 50) for size in sizes),
    )
    assert isinstance(point.resolution, tuple)
    for (form, _, place), resolution in zip(forms.values(), point.resolution, strict=True):
        trial.require(form, place, resolution)
    claim = Claim(
        "one layer",
        r"$E \sigma(u)^2$, $E \sigma'(v)^2$, $E \sigma(u) \sigma(v)$ and $E \sigma'(u) \sigma'(v)$, which "
        r"make $V$, $\chi_1$, $R$ and $R'$: products of outputs and tangents of real networks of width "
        rf"{WIDTH}, exactly at every width",
        Mean(),
        batched(OneHiddenLayer(trial.activation)),
        (point,),
        trial.profile.scale(768),
    )
    # Outside the class the expectations are numbers here: there is no formula to mutate.
    return claim if trial.outside else replace(claim, closed_forms=_layer_forms(claim, trial, forms))


def _layer_forms(
    claim: Claim, trial: Trial, forms: Mapping[str, tuple[Expr, Any, Mapping[Symbol, Expr]]]
) -> tuple[ClosedForm, ...]:
    (point,) = claim.grid
    assert isinstance(point.predicted, tuple)
    known = point.predicted

    def restate(form: Expr, place: int, at: Mapping[Symbol, Expr]) -> Claim:
        values = list(known)
        values[place] = float(value_of(form, at))
        return _predicting(claim, tuple(values))

    return tuple(
        ClosedForm(
            name,
            form,
            single_variances(trial.activation) if single else covariances(trial.activation),
            partial(restate, place=place, at=at),
        )
        for place, (name, (form, single, at)) in enumerate(forms.items())
        if form.free_symbols
    )


def _places(trial: Trial) -> tuple[Rational, ...]:
    """Fixed points along the line."""
    return tuple(scale * trial.q for scale in (Rational(1, 2), Rational(1), Rational(3, 2)))


def _line(trial: Trial) -> Claim:
    weight, bias = trial.line()
    claim = _line_claim(trial, weight, bias)

    def restate(weight: Expr, bias: Expr) -> Claim:
        return _predicting(claim, *(_on_the_line(trial, weight, bias, q) for q in _places(trial)))

    regimes = _named_variances(trial)
    forms = [ClosedForm("weight variance", weight, regimes, partial(restate, bias=bias))]
    if bias.free_symbols:
        forms.append(ClosedForm("bias variance", bias, regimes, partial(restate, weight)))
    return replace(claim, closed_forms=tuple(forms))


def _line_claim(trial: Trial, weight: Expr, bias: Expr) -> Claim:
    """1/sigma_w^2 = E s'^2 and (q - sigma_b^2)/sigma_w^2 = E s^2 at several q along the line."""
    places = _places(trial)
    predicted = tuple(_on_the_line(trial, weight, bias, q) for q in places)
    for q, values in zip(places, predicted, strict=True):
        for form, value in zip((trial.slopes, trial.square), values, strict=True):
            trial.require(form, trial.at(q), trial.finer(LAYER_RESOLUTION) * value)
    return Claim(
        "critical line",
        r"$E \sigma'(u)^2 = 1/\sigma_w^2$ and $E \sigma(u)^2 = (q - \sigma_b^2)/\sigma_w^2$ along the line, "
        rf"in real networks of width {WIDTH}, exactly at every width",
        Mean(),
        batched(OneHiddenLayer(trial.activation)),
        tuple(
            Point(
                {
                    "a": float(q),
                    "b": float(q),
                    "rho": float(CORRELATION),
                    "width": WIDTH,
                    "networks": NETWORKS,
                    "entries": (1, 0),
                },
                values,
                resolution=tuple(trial.finer(LAYER_RESOLUTION) * value for value in values),
            )
            for q, values in zip(places, predicted, strict=True)
        ),
        trial.profile.scale(512),
    )


def _on_the_line(trial: Trial, weight: Expr, bias: Expr, q: Rational) -> tuple[float, float]:
    scale, shift = (value_of(entry, trial.at(q)) for entry in (weight, bias))
    if scale == 0:
        raise InputError("a weight variance of 0 has no inverse")
    return float(1 / scale), float((q - shift) / scale)


def _named_variances(trial: Trial) -> Mapping[str, Sampler]:
    """Samplers of a, or outside the class of a and the expectations that have names."""
    return variances() if trial.outside else single_variances(trial.activation)


def _setting(trial: Trial, chi: Rational, width: int = DEPTH_WIDTH) -> dict[str, Any]:
    weight, bias = trial.variances(chi)
    return {
        "width": width,
        "depth": trial.depth,
        "networks": DEPTH_NETWORKS,
        "weight_variance": _number(weight),
        "bias_variance": max(_number(bias), 0.0),  # 0 up to rounding for ReLU
    }


def _first(q: float) -> tuple[tuple[float, ...], ...]:
    """Two independent inputs of variance q, and a tangent of variance 1."""
    return (q, 0.0, 0.0), (0.0, q, 0.0), (0.0, 0.0, 1.0)


def _gradients(trial: Trial) -> Claim:
    """A tangent's variance starts at 1 and is chi_1^L after L layers; that of a preactivation stays q*."""
    q = float(trial.q)
    # Where biases make little room for chaos a layer more or less does not show there.
    phases = (Rational(1), CHAOS if trial.chaos() == CHAOS else ORDER)
    growth = (WEIGHT**2 * trial.slopes) ** DEPTH

    def predicted(growth: Expr, chi: Rational) -> tuple[float, float]:
        at = {WEIGHT: sympy.sqrt(trial.variances(chi)[0]), DEPTH: Integer(trial.depth)}
        return q, float(value_of(growth, {**at, **trial.at(trial.q)}))

    values = tuple(predicted(growth, chi) for chi in phases)
    claim = Claim(
        "gradients through depth",
        r"at $q = V(q)$ the variance stays and a tangent is multiplied by $\chi_1^L$, on the critical line "
        rf"and off it: networks of widths {DEPTH_WIDTH} and {2 * DEPTH_WIDTH}, extrapolated; declared: "
        r"relative terms of order $1/n^2$ are at most $(L/n)^2$",
        Mean(),
        batched(ThroughDepth(trial.activation)),
        tuple(
            Point(
                {
                    "first": _first(q),
                    "entries": ((1, 1), (2, 2)),
                    **_setting(trial, chi),
                },
                value,
                margin=tuple(_margin(trial) * one for one in value),
                resolution=tuple(_coarse(trial, DEPTH_RESOLUTION) * one for one in value),
            )
            for chi, value in zip(phases, values, strict=True)
        ),
        trial.profile.scale(192),
    )

    def restate(other: Expr) -> Claim:
        return _predicting(claim, *(predicted(other, chi) for chi in phases))

    form = ClosedForm("growth of gradients", growth, _growth_values(trial), restate)
    return replace(claim, closed_forms=(form,))


def _growth_values(trial: Trial) -> Mapping[str, Sampler]:
    """sigma_w of both phases and between them, at the depth and the variance of the trial."""

    def sample(rng: Random) -> Mapping[Symbol, Rational]:
        chi = ORDER + (CHAOS - ORDER) * Rational(rng.randint(1, 999), 1000)
        weight = value_of(sympy.sqrt(trial.variances(chi)[0]), {})
        scale = Rational(rng.randint(500, 1500), 1000)
        return {WEIGHT: weight, **trial.at(trial.q * scale), DEPTH: Integer(trial.depth)}

    return {"all phases": sample}


def _coarse(trial: Trial, resolution: float) -> float:
    """Finer with more seeds, down to four times the margin."""
    return max(trial.finer(resolution), 4 * _margin(trial))


def _convergence(trial: Trial) -> Claim:
    """From FAR q* towards q* in the ordered phase: V applied depth times."""
    weight, bias = trial.variances(ORDER)
    closed = BIAS**2 + WEIGHT**2 * trial.square
    constants = {WEIGHT: sympy.sqrt(weight), BIAS: sympy.sqrt(bias)}

    def predicted(step: Expr) -> tuple[float]:
        return (_iterated(trial, step.subs(constants)),)

    value = predicted(closed)
    resolution = _coarse(trial, VARIANCE_RESOLUTION) * value[0]
    trial.require_iterated(FAR * trial.q, (weight, bias), value[0], resolution)
    claim = Claim(
        "variances find the fixed point",
        rf"from $q = {float(FAR * trial.q):g}$ the variance after $L$ layers is $V$ applied $L$ times, on "
        rf"its way to $q^* = {float(trial.q):g}$; widths and declared terms as for the gradients",
        Mean(),
        batched(ThroughDepth(trial.activation)),
        (
            Point(
                {
                    "first": _first(float(FAR * trial.q)),
                    "entries": ((0, 0),),
                    **_setting(trial, ORDER),
                },
                value,
                margin=_margin(trial) * value[0],
                resolution=resolution,
            ),
        ),
        trial.profile.scale(96),
    )

    def restate(step: Expr) -> Claim:
        return _predicting(claim, predicted(step))

    form = ClosedForm("variance map", closed, _step_values(trial), restate)
    return replace(claim, closed_forms=(form,))


def _iterated(trial: Trial, step: Expr) -> float:
    """The variance map applied ``depth`` times from FAR q*."""
    q = FAR * trial.q
    for _ in range(trial.depth):
        q = value_of(step, trial.at(q))
    return float(q)


def _step_values(trial: Trial) -> Mapping[str, Sampler]:
    def sample(rng: Random) -> Mapping[Symbol, Rational]:
        weight, bias, scale = (Rational(rng.randint(500, 2000), 1000) for _ in range(3))
        return {WEIGHT: weight, BIAS: bias, **trial.at(trial.q * scale)}

    return {"all variances": sample}


def _length(trial: Trial, chi: Rational) -> Claim:
    """At (q*, q*, rho*) the derivative of the correlation by depth is chi_rho*^L."""
    rho, slope = trial.fixed_correlation(chi)
    turned = float(sympy.sqrt(1 - rho**2)) * float(trial.q)
    q, c = float(trial.q), float(rho * trial.q)
    value = float(turned * slope**trial.depth)
    return Claim(
        "correlation length",
        rf"chaotic phase, $\chi_1 = {float(chi):.4g}$: a turn of one input is felt after $L$ layers by "
        rf"$\chi^L = e^{{-L/\xi}}$, $\chi = R'(\rho^*) = {float(slope):.4g}$ at $\rho^* = {float(rho):.4g}$, "
        "which stays; widths and declared terms as for the gradients",
        Mean(),
        batched(ThroughDepth(trial.activation)),
        (
            Point(
                {
                    "first": ((q, c, turned), (c, q, 0.0), (turned, 0.0, q)),
                    "entries": ((0, 2), (0, 1)),
                    **_setting(trial, chi),
                },
                (value, c),
                margin=(_margin(trial) * value, _margin(trial) * c),
                resolution=tuple(_coarse(trial, DEPTH_RESOLUTION) * one for one in (value, c)),
            ),
        ),
        trial.profile.scale(160),
    )


def _controls(trial: Trial, layer: Claim, deep: Claim, chaotic: Rational | None) -> tuple[Claim, ...]:
    return (
        _off_the_line(trial, deep),
        *_wrong_slope(trial, layer),
        *((_wrong_length(trial, chaotic),) if chaotic is not None else ()),
        _half_of_he(trial),
    )


def _off_the_line(trial: Trial, deep: Claim) -> Claim:
    """The critical prediction for weights of a variance a fifth larger."""
    point = deep.grid[0]
    setting = {**point.parameters, "weight_variance": 1.2 * point.parameters["weight_variance"]}
    return replace(
        deep,
        name="off the critical line",
        statement=r"the same as on the line with $1.2 \sigma_w^2$",
        grid=(replace(point, parameters=setting),),
        seeds=trial.profile.scale(48),
        expected="refuted",
        reason="at larger weights the slope chi_1 exceeds 1 and so do gradients: the line is where it is 1",
        closed_forms=(),
    )


def _wrong_slope(trial: Trial, layer: Claim) -> tuple[Claim, ...]:
    """(E s')^2, the slope at correlation 0, in place of E s'^2; the same for linear activations."""
    (point,) = layer.grid
    wrong = trial.mean_slope(_covariance(trial)[B]) ** 2
    assert isinstance(point.predicted, tuple)
    right = point.predicted[1]
    if abs(wrong - right) < 0.1 * right:
        return ()
    one = replace(
        point,
        parameters={**point.parameters, "entries": (1,)},
        predicted=(wrong,),
        resolution=trial.finer(LAYER_RESOLUTION) * right,
    )
    return (
        replace(
            layer,
            name="wrong slope at equal inputs",
            statement=r"$\chi_1 = \sigma_w^2 (E \sigma'(u))^2$",
            grid=(one,),
            seeds=trial.profile.scale(64),
            expected="refuted",
            reason="the mean slope squared is R' at correlation 0; at equal inputs it is the mean square",
            closed_forms=(),
        ),
    )


def _wrong_length(trial: Trial, chi: Rational) -> Claim:
    claim = _length(trial, chi)
    (point,) = claim.grid
    assert isinstance(point.predicted, tuple)
    rho, _ = trial.fixed_correlation(chi)
    wrong = float(sympy.sqrt(1 - rho**2)) * float(trial.q) * float(chi) ** trial.depth
    return replace(
        claim,
        name="wrong correlation length",
        statement=r"a turn of one input is felt after $L$ layers by $\chi_1^L$",
        grid=(replace(point, predicted=(wrong, point.predicted[1])),),
        seeds=trial.profile.scale(96),
        expected="refuted",
        reason="chi_1 > 1 is the slope at equal inputs, which repel each other; at rho* < 1 it is below 1",
    )


def _half_of_he(trial: Trial) -> Claim:
    """ReLU with weights of variance 1/n, said to be critical."""
    return Claim(
        "ReLU with variance 1/n",
        r"ReLU networks are critical with weights of variance $1/n$: $E \sigma'(u)^2 = 1$",
        Mean(),
        batched(OneHiddenLayer(RELU)),
        (
            Point(
                {"a": 1.0, "b": 1.0, "rho": 0.4, "width": WIDTH, "networks": NETWORKS, "entries": (1,)},
                1.0,
                resolution=LAYER_RESOLUTION,
            ),
        ),
        trial.profile.scale(32),
        expected="refuted",
        reason="half of the units of a ReLU layer are silent: the variance must be 2/n",
    )
