"""Spectral bias on trial: modes of the kernel at initialization, their decay in training, silent modes."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from math import log, sqrt

import numpy as np
from sympy import Expr, Integer, Rational

from proofs_checks.challenge import ClosedForm
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Exponent, Identity, Mean
from proofs_checks.experiment import batched
from proofs_checks.insertion import value_of
from proofs_checks.profile import Profile
from proofs_checks.spectral.formulas import (
    COUNT,
    DECAY,
    RATE,
    STEP,
    angles,
    biased,
    circle_values,
    decays,
    halves,
    on_grid,
    on_icosahedron,
    sphere_values,
    spheres,
)
from proofs_checks.spectral.modes import CircleModes, SphereModes
from proofs_checks.spectral.training import POINTS, SilentModes, TrainedModes
from proofs_checks.two_layer_formulas import constant_sampler
from theory.kernels.spectral_bias import profile, slope_profile
from theory.kernels.two_layer_ntk import RELU, Z
from theory.spectral.circle import EVEN, ODD_WITH_BIAS, RELU_KERNEL
from theory.spectral.sphere import even_eigenvalue
from theory.spectral.training import odd_slope

GRID, WIDTH, NETWORKS = 32, 64, 32
LOW, ODD_MODES = (0, 1, 2, 3, 4), (3, 5)
# On S^4 every factor of the closed form shows; on S^3 Gamma((q + 1)/2) is 1.
SPHERES, SPHERE_MODES, NODES = (4,), (2, 4), 16
# A floor for the resolution of eigenvalues that are small beside the largest.
SMALLEST = 0.02
# A mode is trained if its eigenvalue has this share of the largest one: the number of steps is the inverse.
TRAINED_SHARE = 0.009
CIRCLE_MODES, SPHERE_TRAINED = tuple(range(7)), (0, 1, 2, 3)  # up to what the points of training tell apart
SLOW_RATE, SLOW_LEFT, BETWEEN = 0.05, 0.7, 0.6  # of eta lambda_k, and what tells the two kinds apart
FEW_STEPS = 4  # below, a mode is a fast one
STEP_SHARE = 0.6  # step size times the largest eigenvalue
LEFT = 0.5  # of a mode when it is measured
# The lazy condition is |y| / sqrt(m) << 1 in the norm of the kernel's space, where a mode counts with
# lambda_k^(-1/2): at this amplitude what the kernel moves is far below the resolution.
AMPLITUDE = 1e-3
HIGH, HIGH_GRID = (16, 24, 32), 256  # where the power law has set in, and a grid that hardly aliases it
POWER = Integer(-2)  # -d on the circle, d = 2

SPECTRUM_RESOLUTION = 0.03
SPHERE_RESOLUTION = 0.011
# The fastest modes are the noisiest: they fall by half in one step, and with them all that the width leaves.
TRAINING_RESOLUTION, FAST_RESOLUTION, SLOW_RESOLUTION = 0.045, 0.09, 0.033
POWER_RESOLUTION = 0.08


def claims(profile_: Profile, activation: Expr = RELU) -> tuple[Claim, ...]:
    """Modes of the kernel at initialization; in training; and their controls."""
    found = [
        _kernel_modes(profile_, activation),
        _decay(profile_, activation),
        _permuted(profile_, activation),
    ]
    if odd_slope(activation, Z) is not None:
        found += [_silent(profile_, activation), _heard(profile_, activation)]
    if activation == RELU:
        found += [
            _odd_modes(profile_),
            _sphere(profile_),
            _power(profile_),
            _wrong_power(profile_),
            _wrong_biases(profile_),
        ]
    return tuple(found)


def _finer(profile_: Profile, resolution: float) -> float:
    return resolution / sqrt(profile_.factor)


def _predicting(claim: Claim, *predicted: tuple[float, ...]) -> Claim:
    """The claim with other predictions, margin and resolution as they were."""
    points = (replace(point, predicted=values) for point, values in zip(claim.grid, predicted, strict=True))
    return replace(claim, grid=tuple(points))


def _resolutions(profile_: Profile, share: float, predicted: tuple[float, ...]) -> tuple[float, ...]:
    """Relative, with a floor for eigenvalues that are 0 or small beside the largest."""
    largest = max(map(abs, predicted))
    return tuple(_finer(profile_, share) * max(abs(value), SMALLEST * largest) for value in predicted)


@lru_cache(maxsize=16)
def grid_eigenvalues(kernel: Expr, points: int, frequencies: tuple[int, ...]) -> tuple[float, ...]:
    """Of the kernel matrix of equispaced points, divided by their number."""
    return on_grid(kernel, points, frequencies)


def _spoken(activation: Expr) -> tuple[int, ...]:
    """Low frequencies whose eigenvalue is not 0."""
    values = grid_eigenvalues(profile(activation), GRID, LOW)
    return tuple(k for k, value in zip(LOW, values, strict=True) if value > 1e-3 * max(values))


def _kernel_modes(profile_: Profile, activation: Expr) -> Claim:
    """The closed form of the kernel in the angle, through its low modes; of ReLU that of even modes too."""
    claim = _spectrum(profile_, activation, profile(activation), _spoken(activation))
    frequencies = _spoken(activation)
    form = ClosedForm(
        "kernel on the circle",
        profile(activation),
        angles(),
        lambda kernel: _predicting(claim, on_grid(kernel, GRID, frequencies)),
    )
    if activation != RELU:
        return replace(claim, closed_forms=(form,))
    return replace(claim, closed_forms=(form, _eigenvalue_form(claim, EVEN, False)))


def _odd_modes(profile_: Profile) -> Claim:
    claim = _spectrum(profile_, RELU, biased(RELU_KERNEL, True), ODD_MODES)
    return replace(
        claim,
        name="odd modes with biases",
        closed_forms=(_eigenvalue_form(claim, ODD_WITH_BIAS, True),),
    )


def _spectrum(profile_: Profile, activation: Expr, kernel: Expr, frequencies: tuple[int, ...]) -> Claim:
    predicted = grid_eigenvalues(kernel, GRID, frequencies)
    setting = {
        "points": GRID,
        "frequencies": frequencies,
        "width": WIDTH,
        "networks": NETWORKS,
        "biases": kernel == biased(RELU_KERNEL, True),
    }
    return Claim(
        "modes of the kernel",
        r"the mean of $v^T \Theta_m v / (n |v|^2)$ for $v = \cos(k \phi_i)$ is the eigenvalue of the "
        "limiting kernel on the grid, at every width: that of the circle and its aliases",
        Mean(),
        CircleModes(activation),
        (Point(setting, predicted, resolution=_resolutions(profile_, SPECTRUM_RESOLUTION, predicted)),),
        profile_.scale(64),
    )


def _eigenvalue_form(claim: Claim, formula: Expr, biases: bool) -> ClosedForm:
    """A formula for the frequencies above 1 of one parity, with what the grid adds by aliasing."""
    kernel, (point,) = biased(RELU_KERNEL, biases), claim.grid
    frequencies: tuple[int, ...] = point.parameters["frequencies"]
    low = sum(k < 2 for k in frequencies)

    def restate(other: Expr) -> Claim:
        values = circle_values(other, formula, kernel, GRID, frequencies[low:])
        return _predicting(claim, grid_eigenvalues(kernel, GRID, frequencies)[:low] + values)

    return ClosedForm("eigenvalue", formula, halves(), restate)


def _sphere(profile_: Profile) -> Claim:
    def values(formula: Expr) -> tuple[tuple[float, ...], ...]:
        return tuple(sphere_values(formula, sphere, NODES, SPHERE_MODES) for sphere in SPHERES)

    points = tuple(
        Point(
            {
                "sphere": sphere,
                "nodes": NODES,
                "frequencies": SPHERE_MODES,
                "width": WIDTH,
                "networks": 32 * NETWORKS,
            },
            predicted,
            resolution=tuple(
                _finer(profile_, share) * value
                for share, value in zip((SPHERE_RESOLUTION, 4 * SPHERE_RESOLUTION), predicted, strict=True)
            ),
        )
        for sphere, predicted in zip(SPHERES, values(even_eigenvalue()), strict=True)
    )
    claim = Claim(
        "modes on spheres",
        r"the closed form of $\lambda_k$ on $S^4$, as quadrature sees it, is the mean of "
        r"$\sum_i w_i P_k(t_i) \Theta_m(x, y_i)$ with $x \cdot y_i = t_i$",
        Mean(),
        SphereModes(RELU),
        points,
        profile_.scale(64),
    )
    form = ClosedForm(
        "eigenvalue on the sphere",
        even_eigenvalue(),
        spheres(),
        lambda other: _predicting(claim, *values(other)),
    )
    return replace(claim, closed_forms=(form,))


def _with_biases(activation: Expr, biases: bool) -> Expr:
    return profile(activation) + slope_profile(activation) if biases else profile(activation)


def _training_eigenvalues(
    activation: Expr, sphere: int, biases: bool, frequencies: tuple[int, ...]
) -> tuple[float, ...]:
    kernel = _with_biases(activation, biases)
    if sphere == 2:
        return on_icosahedron(kernel, frequencies)
    return grid_eigenvalues(kernel, POINTS, frequencies)


def _left_of(rate: float) -> float:
    """What is left of a mode when it is measured: of slow ones more, which halves the time of training."""
    return LEFT if rate > SLOW_RATE else SLOW_LEFT


def _training_setting(
    activation: Expr, sphere: int, biases: bool
) -> tuple[dict[str, object], tuple[float, ...]]:
    """Setting of the trained networks, and the eigenvalues of the modes that are measured."""
    frequencies = SPHERE_TRAINED if sphere == 2 else CIRCLE_MODES
    every = _training_eigenvalues(activation, sphere, biases, frequencies)
    largest, second = sorted(every, reverse=True)[:2]
    smallest = min(TRAINED_SHARE * largest, second)  # one mode alone could not be confused with another
    found = [(k, value) for k, value in zip(frequencies, every, strict=True) if value >= smallest]
    kept, rates = (tuple(column) for column in zip(*found, strict=True))
    step = STEP_SHARE / largest
    steps = tuple(max(1, round(log(_left_of(step * rate)) / log(1 - step * rate))) for rate in rates)
    setting = {
        "sphere": sphere,
        "frequencies": kept,
        "steps": steps,
        "step_size": step,
        "amplitude": AMPLITUDE,
        "biases": biases,
    }
    return setting, rates


def _left(formula: Expr, setting: dict[str, object], rates: tuple[float, ...]) -> tuple[float, ...]:
    """What is left of every mode by a formula in eta, lambda_k and t."""
    step, steps = setting["step_size"], setting["steps"]
    values = (
        {STEP: Rational(step), RATE: Rational(rate), COUNT: Integer(count)}
        for rate, count in zip(rates, steps, strict=True)  # type: ignore[call-overload]  # a tuple of integers
    )
    return tuple(float(value_of(formula, one)) for one in values)


SETTINGS = ((1, False), (1, True), (2, False), (2, True))  # sphere, and whether biases are trained
PERMUTED = 2  # without biases on S^2, where few steps do


def _decay(profile_: Profile, activation: Expr) -> Claim:
    settings = [_training_setting(activation, *case) for case in SETTINGS]

    def predict(formula: Expr) -> tuple[tuple[float, ...], ...]:
        return tuple(_left(formula, setting, rates) for setting, rates in settings)

    points = tuple(
        Point(setting, values, resolution=_trained_resolution(profile_, setting, values))
        for (setting, _), values in zip(settings, predict(DECAY), strict=True)
    )
    claim = Claim(
        "decay of modes in training",
        r"after $t$ steps of gradient descent $(1 - \eta \hat\lambda_k)^t$ is left of mode $k$ of the "
        r"residual of wide networks ($1/m$ extrapolated away), $k \le 6$ on 16 points of the circle and "
        r"$k \le 3$ on the icosahedron in $S^2$, without and with biases",
        Mean(),
        batched(TrainedModes(activation)),
        points,
        profile_.scale(64),
    )
    form = ClosedForm("decay of a mode", DECAY, decays(), lambda other: _predicting(claim, *predict(other)))
    return replace(claim, closed_forms=(form,))


def _trained_resolution(
    profile_: Profile, setting: dict[str, object], predicted: tuple[float, ...]
) -> tuple[float, ...]:
    steps: tuple[int, ...] = setting["steps"]  # type: ignore[assignment]  # a tuple of integers
    shares = (
        FAST_RESOLUTION if count < FEW_STEPS else TRAINING_RESOLUTION if value < BETWEEN else SLOW_RESOLUTION
        for count, value in zip(steps, predicted, strict=True)
    )
    return tuple(
        _finer(profile_, share) * max(abs(value), SMALLEST)
        for share, value in zip(shares, predicted, strict=True)
    )


def _permuted(profile_: Profile, activation: Expr) -> Claim:
    claim = _decay(profile_, activation)
    setting, rates = _training_setting(activation, *SETTINGS[PERMUTED])
    wrong = _left(DECAY, setting, (*rates[1:], rates[0]))  # reversed, one of three would keep its place
    return replace(
        _predicting(replace(claim, grid=(claim.grid[PERMUTED],)), wrong),
        name="permuted frequencies",
        closed_forms=(),
        seeds=profile_.scale(20),
        expected="refuted",
        reason="every mode is given the rate of another frequency",
    )


def _silence(activation: Expr, biases: bool) -> tuple[Point, Point]:
    def point(sphere: int, frequencies: tuple[int, ...]) -> Point:
        largest = max(_training_eigenvalues(activation, sphere, False, LOW[:3]))
        setting = {
            "sphere": sphere,
            "frequencies": frequencies,
            "width": WIDTH,
            "steps": 50,
            "step_size": STEP_SHARE / (largest + 1),
            "biases": biases,
        }
        return Point(setting, (0.0,) * len(frequencies), margin=1.0)

    return point(1, ODD_MODES), point(2, ODD_MODES[:1])


def _silent(profile_: Profile, activation: Expr) -> Claim:
    return Claim(
        "odd modes are never learnt",
        r"without biases a trained network of any width has no component along $\cos k \phi$, odd $k \ge 3$, "
        r"and on the icosahedron none along $P_3$, in units of the rounding error $n \varepsilon m \max |f|$",
        Identity(),
        batched(SilentModes(activation)),
        _silence(activation, False),
        profile_.scale(4),
    )


def _heard(profile_: Profile, activation: Expr) -> Claim:
    return replace(
        _silent(profile_, activation),
        name="odd modes of networks with biases",
        statement=r"with biases too a trained network has no component along $\cos k \phi$, odd $k \ge 3$",
        grid=_silence(activation, True),
        expected="refuted",
        reason="a unit with a bias is no longer a linear function plus an even one",
    )


def _power(profile_: Profile) -> Claim:
    setting = {"points": HIGH_GRID, "frequencies": HIGH, "width": 128, "networks": 8, "slope": True}
    x = np.log(np.asarray(HIGH, dtype=float))
    x = x - x.mean()
    exact = np.log(grid_eigenvalues(RELU_KERNEL, HIGH_GRID, HIGH)) @ x / (x @ x)
    predicted = float(POWER)
    claim = Claim(
        "power of the frequency",
        r"$\lambda_k$ falls like $k^{-d}$, $d = 2$; the margin is what the closed form and its aliases add "
        "to the slope over these frequencies",
        Exponent(),
        CircleModes(RELU),
        (Point(setting, predicted, margin=abs(float(exact) - predicted), resolution=POWER_RESOLUTION),),
        profile_.scale(48),
    )
    form = ClosedForm(
        "power", POWER, constant_sampler(), lambda other: _predicting(claim, (float(value_of(other, {})),))
    )
    return replace(claim, closed_forms=(form,))


def _wrong_power(profile_: Profile) -> Claim:
    return replace(
        _predicting(_power(profile_), (float(POWER - 1),)),
        name="power one less",
        statement=r"$\lambda_k$ falls like $k^{-(d + 1)}$",
        closed_forms=(),
        expected="refuted",
        reason="the power of a kernel with the kink of ReLU is -d; -(d + 1) belongs to a smoother one",
    )


def _wrong_biases(profile_: Profile) -> Claim:
    claim = _kernel_modes(profile_, RELU)
    frequencies = _spoken(RELU)
    wrong = grid_eigenvalues(biased(RELU_KERNEL, True), GRID, frequencies)
    return replace(
        _predicting(claim, wrong),
        name="formula with biases for networks without",
        statement=r"$\lambda_0 = 3/\pi^2 + 1/4$ and $\lambda_1 = 1/4 + 1/\pi^2$ without biases",
        closed_forms=(),
        seeds=profile_.scale(20),
        expected="refuted",
        reason="trained biases add E[s' s'] to the kernel; these networks have none",
    )
