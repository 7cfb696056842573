"""The tangent kernel of two-layer networks on trial: exact at initialization, exponents in training."""

from __future__ import annotations

from functools import lru_cache

import sympy
from sympy import Expr, Rational

from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Exponent, Mean
from proofs_checks.profile import Profile
from proofs_checks.two_layer_networks import KernelAtInitialization, WidthExponents
from theory.gaussian import pair_expectation, single_expectation
from theory.gaussian.evaluation import expected_value
from theory.gaussian.expectation import A
from theory.kernels.two_layer_ntk import RELU, Z, kinked, slope_of, variance_terms

Vector = tuple[Rational, ...]

# Generic directions of norms below 1, so that every activation with a fourth moment has its expectations.
INPUTS: tuple[Vector, ...] = tuple(
    tuple(Rational(entry, 10) for entry in row)
    for row in ((6, 5, 5), (9, -1, 2), (-3, 7, 5), (2, -6, 7), (-8, 1, -4))
)
TARGETS = (0.8, -0.5, 0.3, -0.9, 0.6)
# Correlations 0.69, 0.50 and -0.28: with the first two, a wrong fourth moment moves the variance most.
PAIRS = ((0, 1), (0, 2), (1, 2))

WIDTH = 64
NETWORKS = 64
GAUSSIAN_FOURTH_MOMENT, RADEMACHER_FOURTH_MOMENT = 3, 1

WIDTHS = (256, 1024, 4096)
CONTROL_WIDTHS = (256, 1024)
STEPS = 24
# step_size times the largest eigenvalue: stable, and most of the loss is gone after STEPS steps
STABILITY = 0.3

MEAN_RESOLUTION = 0.04
FLOOR = 0.01
VARIANCE_RESOLUTION = 0.1
EXPONENT_RESOLUTION = 0.15
# The exponents are limits; what finite widths add is declared here and printed with the claim: assumptions
# about the data, which no theorem cited here supplies.
# Smooth: drift(m) = c m^p (1 + k m^(-1/2)) with |k| <= 3 moves the slope over these widths by at most 0.05.
SMOOTH_MARGIN = 0.05
# Kinks: the units that switch add a random part to the mean one, |drift|^2 = A^2 m^(-1) + B^2 m^(-3/2), whose
# local slope is -1/2 - w/4 with w the random share of |drift|^2; declared is an average share of at most 1/2.
RANDOM_SHARE = 0.5
KINK_MARGIN = RANDOM_SHARE / 4


def claims(profile: Profile, activation: Expr = RELU) -> tuple[Claim, ...]:
    """Mean and variance of the kernel at initialization, exponents in training, and their controls."""
    return (
        _mean(profile, activation),
        _variance(profile, activation, GAUSSIAN_FOURTH_MOMENT),
        _training(profile, activation),
        _fan_in_control(profile, activation),
        _variance(profile, activation, RADEMACHER_FOURTH_MOMENT),
        _mean_field_control(profile, activation),
    )


def _inner(i: int, j: int) -> Rational:
    return sum((p * q for p, q in zip(INPUTS[i], INPUTS[j], strict=True)), Rational(0))


@lru_cache(maxsize=16)
def limiting_kernel(activation: Expr) -> tuple[tuple[float, ...], ...]:
    """Theta on all pairs of inputs."""
    count = range(len(INPUTS))
    upper = {(i, j): _entry(activation, i, j) for i in count for j in count if i <= j}
    return tuple(tuple(upper[min(i, j), max(i, j)] for j in count) for i in count)


def _entry(activation: Expr, i: int, j: int) -> float:
    a, b, c = _inner(i, i), _inner(j, j), _inner(i, j)
    slope = slope_of(activation)
    if i == j:
        terms = [single_expectation(f**2, Z).doit().subs(A, a) for f in (activation, slope)]
        return float(sympy.N(terms[0] + a * terms[1], 20))
    first, second = (expected_value(pair_expectation(f, f, Z), a, b, c) for f in (activation, slope))
    return first + float(c) * second


@lru_cache(maxsize=16)
def variances(activation: Expr, fourth_moment: int) -> tuple[float, ...]:
    """m Var Theta_m on the pairs: E_ss + 2 c E_sd + mu_4 c^2 E_dd - Theta^2."""
    found = []
    for i, j in PAIRS:
        a, b, c = _inner(i, i), _inner(j, j), _inner(i, j)
        first, mixed, last = (expected_value(term, a, b, c) for term in variance_terms(activation))
        theta, c = limiting_kernel(activation)[i][j], float(c)
        found.append(first + 2 * c * mixed + fourth_moment * c**2 * last - theta**2)
    return tuple(found)


def _floats(rows: tuple[Vector, ...]) -> tuple[tuple[float, ...], ...]:
    """Tuples, which are hashable: equal parameters share one compiled program."""
    return tuple(tuple(float(entry) for entry in row) for row in rows)


def _at_initialization(activation: Expr, statistic: str, input_scaling: bool = False) -> dict[str, object]:
    kernel = limiting_kernel(activation)
    return {
        "inputs": _floats(INPUTS[:3]),
        "pairs": PAIRS,
        "centers": tuple(kernel[i][j] for i, j in PAIRS),
        "width": WIDTH,
        "networks": NETWORKS,
        "statistic": statistic,
        "input_scaling": input_scaling,
    }


def _mean_point(activation: Expr, input_scaling: bool) -> Point:
    kernel = limiting_kernel(activation)
    predicted = tuple(kernel[i][j] for i, j in PAIRS)
    # an entry between nearly uncorrelated inputs may be close to 0, so that it needs an absolute scale
    resolution = tuple(
        max(MEAN_RESOLUTION * abs(kernel[i][j]), FLOOR * (kernel[i][i] * kernel[j][j]) ** 0.5)
        for i, j in PAIRS
    )
    return Point(_at_initialization(activation, "mean", input_scaling), predicted, resolution=resolution)


def _mean(profile: Profile, activation: Expr) -> Claim:
    return Claim(
        "mean at initialization",
        r"$E \Theta_m = E[\sigma \sigma] + x \cdot y E[\sigma' \sigma']$ at finite width, exactly",
        Mean(),
        KernelAtInitialization(activation),
        (_mean_point(activation, False),),
        profile.scale(64),
    )


def _fan_in_control(profile: Profile, activation: Expr) -> Claim:
    return Claim(
        "wrong fan-in scaling",
        r"$E \Theta_m = E[\sigma \sigma] + x \cdot y E[\sigma' \sigma']$ "
        r"for first-layer weights of variance $1/d$",
        Mean(),
        KernelAtInitialization(activation),
        (_mean_point(activation, True),),
        profile.scale(64),
        expected="refuted",
        reason="the first layer is scaled by 1/sqrt(d), so that its preactivations have covariance x.y/d",
    )


def _variance(profile: Profile, activation: Expr, fourth_moment: int) -> Claim:
    predicted = variances(activation, fourth_moment)
    control = fourth_moment != GAUSSIAN_FOURTH_MOMENT
    point = Point(
        _at_initialization(activation, "variance"),
        predicted,
        resolution=tuple(VARIANCE_RESOLUTION * value for value in predicted),
    )
    return Claim(
        "variance with a wrong fourth moment" if control else "variance at initialization",
        r"$m \mathrm{Var} \Theta_m = E[\sigma^2 \sigma^2] + 2 x \cdot y E[\sigma \sigma' \sigma \sigma'] "
        rf"+ {fourth_moment} (x \cdot y)^2 E[\sigma'^2 \sigma'^2] - \Theta^2$",
        Mean(),
        KernelAtInitialization(activation),
        (point,),
        profile.scale(96),
        expected="refuted" if control else "supported",
        reason="Gaussian readout weights have fourth moment 3; 1 is that of random signs" if control else "",
    )


def _in_training(activation: Expr, parametrization: str, statistics: int) -> dict[str, object]:
    kernel = limiting_kernel(activation)
    largest = max(sympy.Matrix(kernel).evalf(20).eigenvals(multiple=True), key=sympy.re)
    return {
        "inputs": _floats(INPUTS),
        "targets": TARGETS,
        "kernel": kernel,
        "widths": WIDTHS,
        "step_size": STABILITY / float(sympy.re(largest)),
        "steps": STEPS,
        "parametrization": parametrization,
        "statistics": statistics,
    }


def _drift(activation: Expr) -> tuple[float, float]:
    """Exponent of the kernel's drift, and its finite-size margin."""
    return (-0.5, KINK_MARGIN) if kinked(activation) else (-1.0, SMOOTH_MARGIN)


def _declared(activation: Expr) -> str:
    """The finite-size term behind the margin, in words."""
    if kinked(activation):
        return rf"the random share of the squared drift averages at most {RANDOM_SHARE:g}"
    return "the relative correction is at most $3 m^{-1/2}$"


def _training(profile: Profile, activation: Expr) -> Claim:
    exponent, margin = _drift(activation)
    return Claim(
        "training is kernel regression",
        rf"trained networks of width $m$: the kernel drifts like $m^{{{exponent:g}}}$, and the "
        r"outputs differ from kernel regression $f_0 + (1 - (1 - \eta K)^n)(y - f_0)$ like $m^{-1/2}$; "
        rf"declared for these widths: {_declared(activation)}",
        Exponent(),
        WidthExponents(activation),
        (
            Point(
                _in_training(activation, "ntk", 2),
                (exponent, -0.5),
                margin=(margin, SMOOTH_MARGIN),
                resolution=EXPONENT_RESOLUTION,
            ),
        ),
        profile.scale(24),
    )


def _mean_field_control(profile: Profile, activation: Expr) -> Claim:
    exponent, margin = _drift(activation)
    setting = {**_in_training(activation, "mean_field", 1), "widths": CONTROL_WIDTHS}
    point = Point(setting, exponent, margin=margin, resolution=EXPONENT_RESOLUTION)
    return Claim(
        "mean-field parametrization",
        rf"the kernel drifts like $m^{{{exponent:g}}}$ with the readout scaled by $1/m$ and the step by $m$",
        Exponent(),
        WidthExponents(activation),
        (point,),
        profile.scale(12),
        expected="refuted",
        reason="with the readout scaled by 1/m each weight moves by order 1: the kernel changes for all m",
    )
