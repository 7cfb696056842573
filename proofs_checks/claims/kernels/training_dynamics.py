"""Training of wide networks on trial: their linearization exactly, ensembles, distances, and controls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import sqrt

import numpy as np
from sympy import Expr, Integer, Rational

from proofs_checks.challenge import ClosedForm
from proofs_checks.claim import Claim, Point
from proofs_checks.claims.kernels.deep_ntk import maps_of
from proofs_checks.comparators import Bound, Exponent, Identity, Mean
from proofs_checks.deep_kernels.formulas import Architecture, Vector
from proofs_checks.experiment import batched
from proofs_checks.insertion import value_of
from proofs_checks.linearized_training.formulas import GAIN, Law, Matrices, gains, law, matrices
from proofs_checks.linearized_training.networks import (
    Distances,
    Ensemble,
    LinearizedAgainstFormula,
    LogarithmOfDistance,
)
from proofs_checks.profile import Profile
from proofs_checks.two_layer_formulas import constant_sampler
from theory.deep_kernels.layers import RELU
from theory.kernels.training_dynamics import drift
from theory.kernels.two_layer_ntk import kinked

# Four training inputs and two test inputs, generic, |x|^2 near the dimension.
INPUTS: tuple[Vector, ...] = tuple(
    tuple(Rational(entry, 10) for entry in row)
    for row in ((13, 9, 5), (8, -2, 13), (-12, 8, -9), (-3, -14, 6), (6, 12, -5), (10, 3, 9))
)
TARGETS = (0.8, -0.5, 0.3, -0.9)
STEPS = 8
STABILITY = 0.6  # step size times the largest eigenvalue
UNSTABLE, UNSTABLE_STEPS, UNSTABLE_WIDTH, UNSTABLE_RUNS = 2.5, 6, 32, 8

NARROW, LINEARIZED = 16, 4
# Terms in 1/m are extrapolated away; those in 1/m^2 are far below the resolution at these widths.
WIDTHS, NETWORKS, UNTRAINED = (32, 64), (8, 16), 32
# Of the largest root mean square prediction, and of the mean square at the same input.
MEAN_RESOLUTION, VARIANCE_RESOLUTION = 0.06, 0.15
# The exponents are limits; what finite widths add is declared here, since the theorems cited give no
# constant: A m^p (1 + k m^(-1/2)) with |k| <= 3 (kinks, from width 256 on), or A m^p (1 + k/m) with |k| <= 10
# (smooth, from width 64 on) moves the slope over these widths by at most 0.1.
KINKED_SIZES = (256, 1024), (128, 64)
SMOOTH_SIZES, DEEP_SMOOTH_SIZES = ((256, 1024), (16, 16)), ((64, 256), (8, 8))
EXPONENT_MARGIN, EXPONENT_RESOLUTION = 0.1, 0.12


@dataclass(frozen=True)
class Setting:
    """The networks on trial."""

    activation: Expr
    depth: int
    weight_variance: Rational
    bias_variance: Rational

    @property
    def architecture(self) -> Architecture:
        """Of the limit: the width does not enter."""
        return Architecture(self.depth, 1, self.weight_variance, self.bias_variance)

    def parameters(self, widths: tuple[int, ...], networks: tuple[int, ...]) -> dict[str, object]:
        """Of every experiment."""
        return {
            "inputs": tuple(tuple(float(entry) for entry in row) for row in INPUTS),
            "targets": TARGETS,
            "depth": self.depth,
            "widths": widths,
            "networks": networks,
            "weight_variance": float(self.weight_variance),
            "bias_variance": float(self.bias_variance),
            "step_size": step_size(self),
            "steps": STEPS,
        }


@lru_cache(maxsize=16)
def limits(setting: Setting) -> Matrices:
    """K and Theta on all inputs."""
    return matrices(maps_of(setting.activation, setting.architecture), INPUTS, setting.architecture)


def largest_eigenvalue(setting: Setting) -> float:
    """Of Theta(X, X)."""
    count = len(TARGETS)
    return float(np.linalg.eigvalsh(limits(setting).tangent[:count, :count])[-1])


def step_size(setting: Setting) -> float:
    """A stable step, with most of the loss gone after STEPS."""
    return STABILITY / largest_eigenvalue(setting)


def prediction(setting: Setting, formula: Expr = GAIN, *, steps: int = STEPS, step: float = 0.0) -> Law:
    """Mean and variances of the prediction after n steps."""
    process, tangent = limits(setting)
    return law(formula, process, tangent, TARGETS, step or step_size(setting), steps)


def claims(
    profile: Profile,
    activation: Expr = RELU,
    depth: int = 2,
    weight_variance: Expr = Integer(1),  # noqa: B008  SymPy numbers are immutable
    bias_variance: Expr = Integer(0),  # noqa: B008
) -> tuple[Claim, ...]:
    """The linearized network, the ensemble of trained networks, the distance between them; controls."""
    setting = Setting(activation, depth, Rational(weight_variance), Rational(bias_variance))
    return (
        _linearized(profile, setting),
        _ensemble(profile, setting),
        _distance(profile, setting),
        _wrong_time(profile, setting),
        _wrong_kernel(profile, setting),
        _unstable(profile, setting),
        _mean_field(profile, setting),
    )


def _linearized(profile: Profile, setting: Setting) -> Claim:
    def with_gain(formula: Expr) -> Claim:
        prediction(setting, formula)  # refuses a formula without finite real values
        return Claim(
            "linearized network",
            r"$n$ steps on the parameters of the linearized network give "
            r"$f_0 + \Theta(x, X) \Theta^{-1} (1 - (1 - \eta \Theta)^n)(y - f_0)$ with its empirical kernel, "
            r"at training and test inputs, in units of $n \varepsilon N$ times the largest output",
            Identity(),
            batched(LinearizedAgainstFormula(setting.activation, formula)),
            (Point(setting.parameters((NARROW,), (LINEARIZED,)), 0.0, margin=1.0),),
            profile.scale(4),
        )

    return replace(with_gain(GAIN), closed_forms=(ClosedForm("gain", GAIN, gains(), with_gain),))


def _ensemble(profile: Profile, setting: Setting) -> Claim:
    reference = prediction(setting)
    parameters = {
        **setting.parameters(WIDTHS, NETWORKS),
        "gain": tuple(tuple(map(float, row)) for row in reference.gain),
        "center": tuple(map(float, reference.mean)),
        "untrained": UNTRAINED,
    }
    size = reference.mean**2 + reference.variance
    finer = sqrt(profile.factor)
    means = np.full(size.shape, MEAN_RESOLUTION * np.sqrt(size.max()))
    resolution = (*means / finer, *VARIANCE_RESOLUTION * size / finer)
    claim = Claim(
        "ensemble of trained networks",
        r"over initializations the outputs of trained networks at test inputs have the mean $A y$ and the "
        r"variances of the linearized limit ($1/m$ extrapolated away)",
        Mean(),
        Ensemble(setting.activation),
        (Point(parameters, _moments(reference, reference), resolution=tuple(map(float, resolution))),),
        profile.scale(112),
    )

    def restate(formula: Expr) -> Claim:
        return _predicting(claim, _moments(prediction(setting, formula), reference))

    return replace(claim, closed_forms=(ClosedForm("gain", GAIN, gains(), restate),))


def _moments(found: Law, reference: Law) -> tuple[float, ...]:
    """Means, and mean squares about the reference mean, which the experiment has fixed."""
    return tuple(map(float, (*found.mean, *(found.variance + (found.mean - reference.mean) ** 2))))


def _predicting(claim: Claim, predicted: tuple[float, ...]) -> Claim:
    (point,) = claim.grid
    return replace(claim, grid=(replace(point, predicted=predicted),))


def _wrong_time(profile: Profile, setting: Setting) -> Claim:
    return replace(
        _predicting(
            _ensemble(profile, setting), _moments(prediction(setting, steps=2 * STEPS), prediction(setting))
        ),
        name="wrong time scale",
        closed_forms=(),
        seeds=profile.scale(56),
        expected="refuted",
        reason="the loss has the factor 1/2; without it time runs twice as fast",
    )


def _wrong_kernel(profile: Profile, setting: Setting) -> Claim:
    process, _ = limits(setting)
    wrong = law(GAIN, process, process, TARGETS, step_size(setting), STEPS)
    return replace(
        _predicting(_ensemble(profile, setting), _moments(wrong, prediction(setting))),
        name="covariance in place of the tangent kernel",
        closed_forms=(),
        seeds=profile.scale(28),
        expected="refuted",
        reason="the kernel of the Gaussian process lacks what the hidden layers learn",
    )


def _unstable(profile: Profile, setting: Setting) -> Claim:
    """Above 2/lambda_max the linearized network diverges, and a network does not follow it."""
    shallow = replace(setting, depth=1)
    step = UNSTABLE / largest_eigenvalue(shallow)
    return Claim(
        "step above the edge of stability",
        rf"with $\eta = {UNSTABLE} / \lambda_{{\max}}$ networks of width {UNSTABLE_WIDTH} are within 1 of "
        rf"their linearization after {UNSTABLE_STEPS} steps: $\log_{{10}}$ of the distance is at most 0",
        Bound(),
        batched(LogarithmOfDistance(setting.activation, GAIN)),
        (
            Point(
                {
                    **shallow.parameters((UNSTABLE_WIDTH,), (UNSTABLE_RUNS,)),
                    "step_size": step,
                    "steps": UNSTABLE_STEPS,
                },
                0.0,
            ),
        ),
        profile.scale(8),
        expected="refuted",
        reason="the linearized network diverges like (eta lambda_max - 1)^n; a network leaves it",
    )


def _distance(profile: Profile, setting: Setting) -> Claim:
    """Exponent of the distance of a network from its own linearization."""
    exponent, _ = drift(setting.activation)
    # With kinks the terms m^(-1/2) and 1/m of deeper networks do not separate at widths that can be afforded.
    measured = replace(setting, depth=1) if kinked(setting.activation) else setting
    layers = "one hidden layer" if measured.depth == 1 else f"{measured.depth} hidden layers"
    claim = Claim(
        "distance from the linearization",
        rf"trained networks with {layers} of width $m$ differ from their own linearization like "
        rf"$m^{{{float(exponent):g}}}$"
        + (", in the mean over networks" if kinked(setting.activation) else ""),
        Exponent(),
        batched(Distances(setting.activation, GAIN)),
        (_distance_point(profile, measured),),
        profile.scale(24),
    )
    form = ClosedForm(
        "exponent",
        exponent,
        constant_sampler(),
        lambda other: _predicting(claim, (float(value_of(other, {})),)),
    )
    return replace(claim, closed_forms=(form,))


def _distance_point(profile: Profile, setting: Setting, **more: object) -> Point:
    kinks, exponent = kinked(setting.activation), float(drift(setting.activation)[0])
    smooth = SMOOTH_SIZES if setting.depth == 1 else DEEP_SMOOTH_SIZES
    sizes = KINKED_SIZES if kinks else smooth
    distance = "mean" if kinks else "typical"
    parameters = {**setting.parameters(*sizes), "distance": distance, **more}
    resolution = max(EXPONENT_RESOLUTION / sqrt(profile.factor), EXPONENT_MARGIN)
    return Point(parameters, exponent, margin=EXPONENT_MARGIN, resolution=resolution)


def _mean_field(profile: Profile, setting: Setting) -> Claim:
    exponent, _ = drift(setting.activation)
    shallow = replace(setting, depth=1)
    return Claim(
        "mean-field parametrization",
        rf"networks with one hidden layer differ from their linearization like $m^{{{float(exponent):g}}}$ "
        r"with the readout scaled by $1/m$ and the step by $m$",
        Exponent(),
        batched(Distances(setting.activation, GAIN)),
        (
            _distance_point(
                profile, shallow, parametrization="mean_field", networks=(8, 4), distance="typical"
            ),
        ),
        profile.scale(24),
        expected="refuted",
        reason="with the readout scaled by 1/m each weight moves by order 1: the kernel changes for all m",
    )
