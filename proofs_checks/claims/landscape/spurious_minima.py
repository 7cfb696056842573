"""Spurious minima on trial: networks trained from nearby end there, with the certified loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from sympy import Expr, Rational

from proofs_checks.certified_minima import relu, unit
from proofs_checks.challenge import ClosedForm
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Identity, Mean
from proofs_checks.experiment import on_host
from proofs_checks.profile import Profile
from theory.certified_minima import relu_teacher
from theory.certified_minima.minimum import PRECISION, RADIUS
from theory.landscape import spurious_minima as theorem

_BUDGET = Identity()
_DENOMINATOR = 97
_UNITS_OF_BUDGET = "difference in units of what the last gradient grants"
_SEEDS, _CONTROL_SEEDS, _SAMPLE_SEEDS = 6, 2, 64
_SAMPLE_RESOLUTION = 0.04  # relative
# Two vectors of lengths other than 1, at an acute and at an obtuse angle.
PAIRS = (([1.5, 0.25], [0.5, 2.0]), ([1.25, -0.5], [-0.5, 0.75]))


def claims(
    profile: Profile,
    units: int = theorem.DEFAULT_UNITS,
    radius: Rational = RADIUS,
    precision: int = PRECISION,
    far: Rational = theorem.DEFAULT_FAR,
    patterns: str = theorem.DEFAULT_PATTERNS,
    base: int = theorem.DEFAULT_BASE,
    examples: int = theorem.DEFAULT_EXAMPLES,
    inputs: int = theorem.DEFAULT_INPUTS,
) -> tuple[Claim, ...]:
    """Claims and controls. Raises NotCertified where radius or precision allow no certificate."""
    certificate = {"radius": str(radius), "precision": precision}
    return (
        *_linear(profile, float(far)),
        *_interior(profile, certificate),
        *_six(profile, patterns),
        *_certified_units(profile, base, examples, certificate),
        *_axes(profile, {"base": base, "examples": examples, "inputs": inputs, **certificate}),
        *_relu(profile, {"units": units, **certificate}),
    )


def _exact(profile: Profile, name: str, says: str, experiment: Callable[..., Any], point: Point) -> Claim:
    return Claim(name, says, _BUDGET, on_host(experiment), (point,), profile.scale(_SEEDS))


def _control(claim: Claim, profile: Profile, name: str, reason: str, **changed: object) -> Claim:
    """The same claim with one thing changed in the problem."""
    (point,) = claim.grid
    other = replace(point, parameters={**point.parameters, **changed})
    return replace(
        claim,
        name=name,
        grid=(other,),
        seeds=profile.scale(_CONTROL_SEEDS),
        expected="refuted",
        reason=reason,
        closed_forms=(),
    )


def _linear(profile: Profile, far: float) -> tuple[Claim, ...]:
    setting = {"far": far, "kind": unit.LINEAR}
    output = _exact(
        profile,
        "linear unit",
        f"descent from random weights ends at the output of the theorem at $x = 1$: {_UNITS_OF_BUDGET}",
        unit.brady_residual,
        Point(setting, 0.0, margin=1.0),
    )

    def restate(other: Expr) -> Claim:
        return replace(output, experiment=on_host(partial(unit.brady_residual, form=other)))

    def outside(random: Random) -> dict[Any, Rational]:
        return {theorem.m: Rational(random.randint(1, 2 * _DENOMINATOR), _DENOMINATOR)}

    form = ClosedForm("output at 1", theorem.output_at_one(), {"M above 3": outside}, restate)
    errs = _exact(
        profile,
        "linear unit errs",
        "the trained unit has the wrong sign at $x = 1$: 1 where it has",
        unit.brady_misses,
        Point(setting, 1.0),
    )
    return (
        replace(output, closed_forms=(form,)),
        errs,
        _control(
            errs,
            profile,
            "cross-entropy separates",
            "on separable data the cross-entropy has no finite minimum, and descent separates",
            kind=unit.CROSS_ENTROPY,
        ),
        _control(errs, profile, "nearer input", r"with $M < 3$ least squares has no error", far=2.0),
    )


def _interior(profile: Profile, certificate: dict[str, Any]) -> tuple[Claim, ...]:
    """Targets of modulus 1/2, which a tanh unit can exceed."""
    ends = _exact(
        profile,
        "interior targets",
        f"a tanh unit trained from moderate random weights ends at the certified loss: {_UNITS_OF_BUDGET}",
        unit.interior_residual,
        Point(certificate, 0.0, margin=1.0),
    )
    errs = _exact(
        profile,
        "interior targets err",
        "that unit has the wrong sign at $x = 1$: 1 where it has",
        unit.interior_misses,
        Point({}, 1.0),
    )
    reason = "with targets of modulus 1 no weights are critical, and descent separates"
    return (
        ends,
        errs,
        _control(ends, profile, "asymptotic targets", reason, target=1.0),
        _control(errs, profile, "asymptotic targets separate", reason, target=1.0),
    )


def _six(profile: Profile, patterns: str) -> tuple[Claim, ...]:
    setting = {"patterns": patterns, "kind": unit.TANH}
    ends = _exact(
        profile,
        "six instances",
        f"a tanh unit trained from near $w = 0$ ends at the loss 6: {_UNITS_OF_BUDGET}",
        unit.six_residual,
        Point(setting, 0.0, margin=1.0),
    )
    worse = _exact(
        profile,
        "six instances, better weights",
        "1 where the weights of the theorem have a lower loss than the end of descent",
        unit.six_worse,
        Point(setting, 1.0),
    )
    return (
        ends,
        worse,
        _control(
            ends, profile, "a target flipped", r"$\sum t x \ne 0$: $w = 0$ is not critical", flipped=True
        ),
        _control(
            worse,
            profile,
            "cross-entropy of six instances",
            "the cross-entropy is convex: $w = 0$ is critical for it too, and then it is the global minimum",
            kind=unit.CROSS_ENTROPY,
        ),
    )


def _certified_units(
    profile: Profile, base: int, examples: int, certificate: dict[str, Any]
) -> tuple[Claim, ...]:
    twelve = _exact(
        profile,
        "twelve instances",
        f"a tanh unit trained from near the certified minimum ends at its loss: {_UNITS_OF_BUDGET}",
        unit.twelve_residual,
        Point(certificate, 0.0, margin=1.0),
    )
    setting = {"base": base, "examples": examples, **certificate}
    logistic = _exact(
        profile,
        "logistic unit",
        f"trained from near each of its $n$ minima it ends at the certified loss: {_UNITS_OF_BUDGET}",
        unit.logistic_residuals,
        Point(setting, (0.0,) * examples, margin=1.0),
    )
    return (
        twelve,
        logistic,
        _control(
            twelve,
            profile,
            "ten instances",
            "with fewer repetitions of one example the loss is another one, and so are its minima",
            repeats=3,
        ),
        _control(
            logistic,
            profile,
            "realizable targets",
            "targets that the unit can produce leave a single critical point, with loss 0",
            realizable=True,
        ),
    )


def _axes(profile: Profile, setting: dict[str, Any]) -> tuple[Claim, ...]:
    ends = _exact(
        profile,
        "logistic unit, several inputs",
        r"trained from random weights it ends at the loss of one of the $n^d$ certified minima: "
        f"{_UNITS_OF_BUDGET}",
        unit.axes_residual,
        Point(setting, 0.0, margin=1.0),
    )
    return (
        ends,
        _control(
            ends,
            profile,
            "realizable targets, several inputs",
            "with targets that the unit can produce every start ends at the loss 0, at none of these minima",
            realizable=True,
        ),
    )


def _relu(profile: Profile, setting: dict[str, Any]) -> tuple[Claim, ...]:
    trapped = _exact(
        profile,
        "ReLU network",
        f"descent from near the certified minimum ends at the certified loss: {_UNITS_OF_BUDGET}",
        relu.trapped_residual,
        Point(setting, 0.0, margin=1.0),
    )
    return (
        trapped,
        _sampled(profile, setting),
        _two_units(profile),
        _control(
            trapped,
            profile,
            "one more unit",
            "a further unit of small weights opens a way down",
            further=True,
        ),
        _control(
            trapped,
            profile,
            "near the teacher",
            "the weights of the teacher are a minimum too, of loss 0: training ends there from nearby",
            teacher=True,
        ),
    )


def _sampled(profile: Profile, setting: dict[str, Any]) -> Claim:
    layer = relu.weights(**setting)
    value = relu.predicted_loss(layer)
    point = Point({"entries": layer.tolist()}, value, resolution=_SAMPLE_RESOLUTION * value)
    return Claim(
        "loss on samples",
        "the mean loss of the network with the certified weights, run on Gaussian inputs",
        Mean(),
        on_host(relu.sampled_loss),
        (point,),
        profile.scale(_SAMPLE_SEEDS),
    )


def _two_units(profile: Profile) -> Claim:
    def claim(kernel: Expr) -> Claim:
        points = tuple(_means_of(kernel, pair) for pair in PAIRS)
        says = "the mean product of two ReLU units over Gaussian inputs, for vectors that are no unit vectors"
        seeds = profile.scale(_SAMPLE_SEEDS)
        return Claim("two ReLU units", says, Mean(), on_host(relu.sampled_mean), points, seeds)

    form = ClosedForm("mean of two ReLU units", relu_teacher.kernel(), {"not parallel": _pair}, claim)
    return replace(claim(relu_teacher.kernel()), closed_forms=(form,))


def _means_of(kernel: Expr, pair: tuple[list[float], list[float]]) -> Point:
    size = relu.predicted_mean(relu_teacher.kernel(), *pair)
    predicted = relu.predicted_mean(kernel, *pair)
    return Point({"first": pair[0], "second": pair[1]}, predicted, resolution=_SAMPLE_RESOLUTION * size)


def _pair(random: Random) -> dict[Any, Rational]:
    """|w|^2, w^T v and |v|^2 of two vectors that are not parallel."""
    large = [1 + Rational(random.randint(1, _DENOMINATOR), _DENOMINATOR) for _ in range(2)]
    between = Rational(random.randint(-_DENOMINATOR + 1, _DENOMINATOR - 1), _DENOMINATOR)
    return dict(zip(relu_teacher.LETTERS, (large[0], between, large[1]), strict=True))
