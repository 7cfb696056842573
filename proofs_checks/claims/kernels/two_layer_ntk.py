"""The tangent kernel of two-layer networks on trial: exact at initialization, exponents in training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from math import prod, sqrt

import sympy
from sympy import Expr, Integer, Rational, Symbol

from proofs_checks.challenge import ClosedForm
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Exponent, Mean
from proofs_checks.experiment import batched
from proofs_checks.insertion import value_of
from proofs_checks.profile import Profile
from proofs_checks.two_layer_formulas import (
    COUNT,
    KERNEL,
    KERNEL_LAW,
    MIXED,
    RATE,
    REGRESSION,
    SLOPES,
    SQUARE,
    START,
    STEP,
    TARGET,
    Moment,
    Vector,
    certified_kernel,
    certified_radius,
    constant_sampler,
    covariances,
    diagonal,
    inner_products,
    kernel_law_values,
    law_values,
    moments,
    require_narrow,
    single_variances,
    tangent,
    tempered,
    training_values,
    variance_law,
)
from proofs_checks.two_layer_networks import KernelAtInitialization, MomentsOfOneUnit
from proofs_checks.two_layer_training import WidthExponents
from theory.gaussian.expectation import C
from theory.kernels.two_layer_ntk import RELU, kinked
from theory.two_layer.certified import outside

Pairs = tuple[tuple[int, int], ...]


def _tenths(*rows: tuple[int, int, int]) -> tuple[Vector, ...]:
    return tuple(tuple(Rational(entry, 10) for entry in row) for row in rows)


# Generic: five different norms below 1, so that every activation with a fourth moment has its expectations.
INPUTS = _tenths((7, 6, 3), (8, -1, 2), (-4, 4, -3), (2, -1, 7), (-2, -7, 3))
TARGETS = (0.8, -0.5, 0.3, -0.9, 0.6)
# Correlations 0.70, -0.79 and 0.41: of both signs, and none where the kernel of ReLU, GELU, abs, erf or sin
# is small beside its noise.
PAIRS: Pairs = ((0, 1), (1, 2), (0, 3))
EQUAL: Pairs = ((1, 1), (2, 2))
# Long inputs with correlations -0.92 and 0.92: there the terms of higher order of GELU and erf show.
POINTS = INPUTS[:4] + _tenths((15, -9, 4), (-12, 5, 2), (12, -3, 7))
FAR: Pairs = ((4, 5), (4, 6))
FAR_EQUAL: Pairs = ((5, 5),)

# The mean and the variance hold at every width.
WIDTH, NETWORKS = 64, 64
VARIANCE_NETWORKS = {16: 256, 64: 64}  # of each width; equal numbers of units
UNITS = 4096
GAUSSIAN_FOURTH_MOMENT, RADEMACHER_FOURTH_MOMENT = 3, 1
POWERS = {SQUARE: (2, 0), MIXED: (1, 1), SLOPES: (0, 2)}  # of S and D

WIDTHS = (256, 1024, 4096)
CONTROL_WIDTHS = (256, 1024)
STEPS = 12
# step_size times the largest eigenvalue: stable, and most of the loss is gone after STEPS steps
STABILITY = 0.5

# Of the quick profile; profiles with more seeds resolve more finely. The floor is in units of
# sqrt(Theta(x, x) Theta(y, y)), for an activation whose kernel nearly vanishes on a pair.
MEAN_RESOLUTION = 0.03
EQUAL_RESOLUTION = 0.015
VARIANCE_RESOLUTION = 0.04
MOMENT_RESOLUTION = 0.025
KERNEL_FLOOR = 0.0025
MOMENT_FLOOR = 0.01
EXPONENT_RESOLUTION = 0.1
# The exponents are limits; what finite widths add is declared here and printed with the claim, since the
# theorems cited give no constant: A m^p (1 + k m^(-1/2)) with |k| <= 3 moves the slope over these widths by
# at most 0.05. Kinks: units whose preactivation changes sign change the kernel by order m^(-1/2) in the mean
# over networks, all else by order 1/m. The random part of the former is of order m^(-3/4), which would spoil
# the slope of one network's drift (at these widths it is most of the squared drift), and is zero in the mean.
EXPONENT_MARGIN = 0.05
MEAN_NETWORKS = (64, 32, 16)  # their noise in the mean is then alike at all widths, in units of the mean
SINGLE_NETWORKS = (4, 4, 4)


def claims(profile: Profile, activation: Expr = RELU) -> tuple[Claim, ...]:
    """Mean and variance of the kernel at initialization, exponents in training, and their controls."""
    return (
        _mean(profile, activation),
        _variance(profile, activation),
        _moments(profile, activation),
        _training(profile, activation),
        _fan_in_control(profile, activation),
        _fourth_moment_control(profile, activation),
        _mean_field_control(profile, activation),
    )


def _entry(pairwise: Expr, single: Expr, x: Vector, y: Vector) -> float:
    return float(value_of(single if x == y else pairwise, inner_products(x, y)))


def _theta(activation: Expr, x: Vector, y: Vector) -> float:
    if outside(activation):
        return certified_kernel(activation, KERNEL_LAW, inner_products(x, y))
    return _entry(tangent(activation), diagonal(activation), x, y)


@lru_cache(maxsize=16)
def limiting_kernel(activation: Expr) -> tuple[tuple[float, ...], ...]:
    """Theta on all pairs of the training inputs."""
    return tuple(tuple(_theta(activation, x, y) for y in INPUTS) for x in INPUTS)


def _on_pairs(pairwise: Expr, single: Expr, pairs: Pairs) -> tuple[float, ...]:
    """A kernel from its formula for different and for equal inputs."""
    return tuple(_entry(pairwise, single, POINTS[i], POINTS[j]) for i, j in pairs)


@lru_cache(maxsize=64)
def centers(activation: Expr, pairs: Pairs) -> tuple[float, ...]:
    """Theta on pairs of points."""
    return tuple(_theta(activation, POINTS[i], POINTS[j]) for i, j in pairs)


def mean_pairs(activation: Expr) -> Pairs:
    """Where the mean is tested: long inputs only where the activation has moments there."""
    return PAIRS + EQUAL + (FAR + FAR_EQUAL if tempered(activation) else ())


def moment_pairs(activation: Expr, moment: Moment) -> Pairs:
    """Where a moment is tested.

    Of the long inputs those with positive correlation, since S^2 of ReLU is hardly ever positive on the
    others, and where the moment has a closed form: an enclosure takes longest there.
    """
    return PAIRS + (FAR[1:] if moment.closed is not None and tempered(activation) else ())


@lru_cache(maxsize=64)
def moment_values(activation: Expr) -> Mapping[Symbol, tuple[float, ...]]:
    """E[S^2], E[S D] and E[D^2], each on its pairs."""
    return {
        moment.symbol: tuple(
            moment.value(inner_products(POINTS[i], POINTS[j])) for i, j in moment_pairs(activation, moment)
        )
        for moment in moments(activation)
    }


def variances(activation: Expr, law: Expr) -> tuple[float, ...]:
    """m Var Theta_m on the pairs, from a law that combines the moments."""
    known = moment_values(activation)
    found = []
    for place, ((i, j), theta) in enumerate(zip(PAIRS, centers(activation, PAIRS), strict=True)):
        exact = {symbol: Rational(values[place]) for symbol, values in known.items()}
        correlation = inner_products(POINTS[i], POINTS[j])[C]
        found.append(float(value_of(law, {**exact, C: correlation, KERNEL: Rational(theta)})))
    return tuple(found)


def _floats(rows: tuple[Vector, ...]) -> tuple[tuple[float, ...], ...]:
    """Tuples, which are hashable: equal parameters share one compiled program."""
    return tuple(tuple(float(entry) for entry in row) for row in rows)


def _finer(profile: Profile, resolution: float) -> float:
    """Resolution improves as the square root of the number of seeds."""
    return resolution / sqrt(profile.factor)


def _predicting(claim: Claim, *predicted: tuple[float, ...]) -> Claim:
    """The claim with other predictions; one tuple for each grid point."""
    points = (replace(point, predicted=values) for point, values in zip(claim.grid, predicted, strict=True))
    return replace(claim, grid=tuple(points))


def _at_initialization(
    activation: Expr, pairs: Pairs, width: int, networks: int, statistic: str
) -> dict[str, object]:
    return {
        "inputs": _floats(POINTS),
        "pairs": pairs,
        "centers": centers(activation, pairs),
        "width": width,
        "networks": networks,
        "statistic": statistic,
    }


def _mean(profile: Profile, activation: Expr) -> Claim:
    claim, pairs = _mean_claim(profile, activation), mean_pairs(activation)
    forms = _law_of_mean if outside(activation) else _forms_of_mean
    return replace(claim, closed_forms=forms(claim, activation, pairs))


def _forms_of_mean(claim: Claim, activation: Expr, pairs: Pairs) -> tuple[ClosedForm, ...]:
    pairwise, single = tangent(activation), diagonal(activation)

    def restate(different: Expr, equal: Expr) -> Claim:
        return _predicting(claim, _on_pairs(different, equal, pairs))

    return (
        ClosedForm("limiting kernel", pairwise, covariances(activation), partial(restate, equal=single)),
        ClosedForm(
            "limiting kernel of equal inputs",
            single,
            single_variances(activation),
            partial(restate, pairwise),
        ),
    )


def _law_of_mean(claim: Claim, activation: Expr, pairs: Pairs) -> tuple[ClosedForm, ...]:
    """Where there is no closed form: what the certified E[S] and E[D] are combined to."""
    points = tuple(inner_products(POINTS[i], POINTS[j]) for i, j in pairs)

    def restate(law: Expr) -> Claim:
        return _predicting(claim, tuple(certified_kernel(activation, law, point) for point in points))

    return (ClosedForm("limiting kernel", KERNEL_LAW, kernel_law_values(), restate),)


def _mean_claim(profile: Profile, activation: Expr) -> Claim:
    pairs = mean_pairs(activation)
    predicted = centers(activation, pairs)
    resolution = tuple(_finer(profile, _mean_resolution(activation, pair)) for pair in pairs)
    if outside(activation):
        places = (inner_products(POINTS[i], POINTS[j]) for i, j in pairs)
        require_narrow((certified_radius(activation, place) for place in places), resolution)
    return Claim(
        "mean at initialization",
        r"$E \Theta_m = E[\sigma \sigma] + x \cdot y E[\sigma' \sigma']$ at finite width, exactly",
        Mean(),
        KernelAtInitialization(activation),
        (
            Point(
                _at_initialization(activation, pairs, WIDTH, NETWORKS, "mean"),
                predicted,
                resolution=resolution,
            ),
        ),
        profile.scale(192),
    )


def _mean_resolution(activation: Expr, pair: tuple[int, int]) -> float:
    (theta,) = centers(activation, (pair,))
    i, j = pair
    if i == j:
        return EQUAL_RESOLUTION * theta
    size = sqrt(prod(centers(activation, ((i, i), (j, j)))))
    return max(MEAN_RESOLUTION * abs(theta), KERNEL_FLOOR * size)


def _fan_in_control(profile: Profile, activation: Expr) -> Claim:
    claim = _mean_claim(profile, activation)
    (point,) = claim.grid
    return replace(
        claim,
        name="wrong fan-in scaling",
        statement=r"$E \Theta_m = E[\sigma \sigma] + x \cdot y E[\sigma' \sigma']$ "
        r"for first-layer weights of variance $1/d$",
        grid=(replace(point, parameters={**point.parameters, "input_scaling": True}),),
        seeds=profile.scale(64),
        expected="refuted",
        reason="the first layer is scaled by 1/sqrt(d), so that its preactivations have covariance x.y/d",
    )


def _variance(profile: Profile, activation: Expr) -> Claim:
    claim = _variance_claim(profile, activation)

    def restate(law: Expr) -> Claim:
        return _predicting(claim, *(variances(activation, law),) * len(claim.grid))

    law = variance_law(activation, GAUSSIAN_FOURTH_MOMENT)
    return replace(claim, closed_forms=(ClosedForm("variance of one unit", law, law_values(), restate),))


def _variance_claim(profile: Profile, activation: Expr) -> Claim:
    predicted = variances(activation, variance_law(activation, GAUSSIAN_FOURTH_MOMENT))
    resolution = tuple(_finer(profile, VARIANCE_RESOLUTION * value) for value in predicted)
    return Claim(
        "variance at initialization",
        _variance_statement(GAUSSIAN_FOURTH_MOMENT),
        Mean(),
        KernelAtInitialization(activation),
        tuple(
            Point(
                _at_initialization(activation, PAIRS, width, networks, "variance"),
                predicted,
                resolution=resolution,
            )
            for width, networks in VARIANCE_NETWORKS.items()
        ),
        profile.scale(512),
    )


def _variance_statement(fourth_moment: int) -> str:
    return (
        r"$m \mathrm{Var} \Theta_m = E[\sigma^2 \sigma^2] + 2 x \cdot y E[\sigma \sigma' \sigma \sigma'] "
        rf"+ {fourth_moment} (x \cdot y)^2 E[\sigma'^2 \sigma'^2] - \Theta^2$"
    )


def _fourth_moment_control(profile: Profile, activation: Expr) -> Claim:
    claim = _variance_claim(profile, activation)
    wrong = variances(activation, variance_law(activation, RADEMACHER_FOURTH_MOMENT))
    return replace(
        _predicting(replace(claim, grid=claim.grid[-1:], seeds=profile.scale(96)), wrong),
        name="variance with a wrong fourth moment",
        statement=_variance_statement(RADEMACHER_FOURTH_MOMENT),
        expected="refuted",
        reason="Gaussian readout weights have fourth moment 3; 1 is that of random signs",
    )


def _moments(profile: Profile, activation: Expr) -> Claim:
    """The parts of the variance one by one; a moment of a constant is none that could be measured."""
    random = tuple(moment for moment in moments(activation) if not moment.constant)
    values = moment_values(activation)
    entries = tuple((POWERS[one.symbol], pair) for one in random for pair in moment_pairs(activation, one))
    resolution = tuple(_finer(profile, value) for value in _moment_resolution(values, random))
    places = (
        (one, inner_products(*(POINTS[k] for k in p)))
        for one in random
        for p in moment_pairs(activation, one)
    )
    require_narrow((one.radius(place) for one, place in places), resolution)
    point = Point(
        {"inputs": _floats(POINTS), "entries": entries, "units": UNITS},
        tuple(value for moment in random for value in values[moment.symbol]),
        resolution=resolution,
    )
    claim = Claim(
        "moments of one unit",
        r"$E[\sigma^2 \sigma^2]$, $E[\sigma \sigma' \sigma \sigma']$ and $E[\sigma'^2 \sigma'^2]$, "
        + _origin(random),
        Mean(),
        MomentsOfOneUnit(activation),
        (point,),
        profile.scale(512),
    )
    return replace(claim, closed_forms=_moment_forms(claim, activation, random))


def _moment_resolution(
    values: Mapping[Symbol, tuple[float, ...]], random: tuple[Moment, ...]
) -> Iterator[float]:
    """Relative; E[S D] may vanish, and is measured against the bound (E[S^2] E[D^2])^(1/2) too."""
    for moment in random:
        for place, value in enumerate(values[moment.symbol]):
            small = moment.symbol == MIXED and place < len(PAIRS)
            bound = sqrt(values[SQUARE][place] * values[SLOPES][place]) if small else 0.0
            yield max(MOMENT_RESOLUTION * abs(value), MOMENT_FLOOR * bound)


def _origin(random: tuple[Moment, ...]) -> str:
    """Where the predicted moments come from."""
    closed = sum(moment.closed is not None for moment in random)
    if closed == len(random):
        return "in closed form"
    enclosed = "by certified quadrature"
    return f"{closed} of them in closed form, the others {enclosed}" if closed else enclosed


def _moment_forms(claim: Claim, activation: Expr, random: tuple[Moment, ...]) -> tuple[ClosedForm, ...]:
    known = moment_values(activation)

    def restate(form: Expr, changed: Moment) -> Claim:
        points = (inner_products(POINTS[i], POINTS[j]) for i, j in moment_pairs(activation, changed))
        values = {**known, changed.symbol: tuple(float(value_of(form, point)) for point in points)}
        return _predicting(claim, tuple(value for moment in random for value in values[moment.symbol]))

    return tuple(
        ClosedForm(
            f"{moment.symbol}", moment.closed, covariances(activation), partial(restate, changed=moment)
        )
        for moment in random
        if moment.closed is not None
    )


def _in_training(activation: Expr, statistics: int) -> dict[str, object]:
    kernel = limiting_kernel(activation)
    largest = max(sympy.Matrix(kernel).evalf(20).eigenvals(multiple=True), key=sympy.re)
    mean = kinked(activation)
    return {
        "inputs": _floats(INPUTS),
        "targets": TARGETS,
        "kernel": kernel,
        "widths": WIDTHS,
        "networks": MEAN_NETWORKS if mean else SINGLE_NETWORKS,
        "step_size": STABILITY / float(sympy.re(largest)),
        "steps": STEPS,
        "drift": "mean" if mean else "root_mean_square",
        "parametrization": "ntk",
        "statistics": statistics,
    }


def _exponent(activation: Expr) -> Rational:
    """Of the kernel's drift in the width."""
    return Rational(-1, 2) if kinked(activation) else Integer(-1)


def _training(profile: Profile, activation: Expr) -> Claim:
    drift, distance = _exponent(activation), Rational(-1, 2)
    claim = Claim(
        "training is kernel regression",
        rf"trained networks of width $m$: {_drifting(activation)} like $m^{{{float(drift):g}}}$, and the "
        r"outputs differ from kernel regression $f_0 + (1 - (1 - \eta K)^n)(y - f_0)$ like $m^{-1/2}$; "
        r"declared for these widths: the relative corrections are at most $3 m^{-1/2}$",
        Exponent(),
        batched(WidthExponents(activation, REGRESSION)),
        (
            Point(
                _in_training(activation, 2),
                (float(drift), float(distance)),
                margin=EXPONENT_MARGIN,
                resolution=max(_finer(profile, EXPONENT_RESOLUTION), EXPONENT_MARGIN),
            ),
        ),
        profile.scale(20),
    )
    return replace(claim, closed_forms=_training_forms(claim, activation, drift, distance))


def _training_forms(
    claim: Claim, activation: Expr, drift: Rational, distance: Rational
) -> tuple[ClosedForm, ...]:
    def restate(first: Expr, second: Expr) -> Claim:
        return _predicting(claim, (float(value_of(first, {})), float(value_of(second, {}))))

    def with_regression(formula: Expr) -> Claim:
        example = {START: Rational(3, 10), TARGET: Rational(-2, 5), RATE: Rational(1, 2)}
        value_of(
            formula, {**example, STEP: Rational(1, 5), COUNT: Integer(STEPS)}
        )  # refuses a formula without finite real values
        return replace(claim, experiment=batched(WidthExponents(activation, formula)))

    exponents = constant_sampler()
    return (
        ClosedForm("exponent of the drift", drift, exponents, partial(restate, second=distance)),
        ClosedForm("exponent of the distance", distance, exponents, partial(restate, drift)),
        ClosedForm("kernel regression", REGRESSION, training_values(), with_regression),
    )


def _drifting(activation: Expr) -> str:
    return "the mean change of the kernel scales" if kinked(activation) else "the kernel drifts"


def _mean_field_control(profile: Profile, activation: Expr) -> Claim:
    exponent = float(_exponent(activation))
    setting = {
        **_in_training(activation, 1),
        "widths": CONTROL_WIDTHS,
        "networks": (4, 4),
        "parametrization": "mean_field",
    }
    point = Point(setting, exponent, margin=EXPONENT_MARGIN, resolution=EXPONENT_RESOLUTION)
    return Claim(
        "mean-field parametrization",
        rf"{_drifting(activation)} like $m^{{{exponent:g}}}$ with the readout scaled by $1/m$ and the step "
        r"by $m$",
        Exponent(),
        batched(WidthExponents(activation, REGRESSION)),
        (point,),
        profile.scale(20),
        expected="refuted",
        reason="with the readout scaled by 1/m each weight moves by order 1: the kernel changes for all m",
    )
