"""Homogeneous networks on trial: every layer's degree, every step of a unit, certified minima."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from sympy import Expr, Integer, Rational

from proofs_checks.challenge import ClosedForm
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Identity
from proofs_checks.experiment import on_host
from proofs_checks.homogeneity import networks
from proofs_checks.profile import Profile
from theory.homogeneity import rows as theorem
from theory.landscape.positive_homogeneity import DEFAULT_DECAY, DEFAULT_WIDTHS

POWERS = (1, 2)
PENALTY = 0.5  # decay of factored matrices, whose singular values are of order 1 to 5
# The share of the objective that the certificate has to leave open at most. ReLU minima lie on kinks, around
# which descent chatters: 60,000 steps with a step that shrinks a hundredfold leave 3 %.
RELU_MARGIN, FACTOR_MARGIN = 0.05, 1e-3

_BUDGET = Identity()
_DENOMINATOR = 97


def claims(
    profile: Profile, widths: tuple[int, ...] = DEFAULT_WIDTHS, weight_decay: Rational = DEFAULT_DECAY
) -> tuple[Claim, ...]:
    """Claims and controls: Euler's identity for networks of these widths, training with this decay."""
    decay = float(weight_decay)
    return (
        _euler(profile, widths),
        _conserved(profile, decay),
        _certified(profile, "ReLU networks", networks.relu_gap, decay, RELU_MARGIN),
        _certified(profile, "factored matrices", networks.factor_gap, PENALTY, FACTOR_MARGIN),
        *_controls(profile, widths, decay),
    )


def _euler(profile: Profile, widths: tuple[int, ...]) -> Claim:
    depth = len(widths) - 1
    forms = theorem.degrees(depth)
    claim = Claim(
        "degree of every layer",
        r"$\langle W_l, \partial f / \partial W_l \rangle - q^{H - l} f$ for ReLU ($q = 1$) and its "
        r"square, in "
        "units of rounding",
        _BUDGET,
        on_host(networks.euler_residual),
        tuple(
            Point({"widths": list(widths), "power": power}, (0.0,) * depth, margin=1.0) for power in POWERS
        ),
        profile.scale(8),
    )

    def restate(layer: int, other: Expr) -> Claim:
        changed = (*forms[:layer], other, *forms[layer + 1 :])
        return replace(claim, experiment=on_host(partial(networks.euler_residual, forms=changed)))

    # the last layer's degree is the number 1
    return replace(
        claim,
        closed_forms=tuple(
            ClosedForm(f"degree of layer {layer + 1}", form, {"powers": _power}, partial(restate, layer))
            for layer, form in enumerate(forms[:-1])
        ),
    )


def _conserved(profile: Profile, decay: float) -> Claim:
    claim = Claim(
        "every step of every unit",
        r"$\|w\|^2 - \|a\|^2$ of 12 ReLU units after each of 200 steps on minibatches of 6: the largest "
        r"error in "
        "units of rounding",
        _BUDGET,
        on_host(networks.step_residual),
        tuple(Point({"decay": one}, 0.0, margin=1.0) for one in (0.0, decay)),
        profile.scale(4),
    )

    def restate(other: Expr) -> Claim:
        return replace(claim, experiment=on_host(partial(networks.step_residual, form=other)))

    form = ClosedForm("step", networks.stepped(), {"steps": _step}, restate)
    return replace(claim, closed_forms=(form,))


def _certified(
    profile: Profile, name: str, experiment: Callable[..., float], decay: float, margin: float
) -> Claim:
    return Claim(
        f"certified minima of {name}",
        f"wide networks trained with decay (ReLU: the best of three trainings): at most {margin:.1%} of the "
        "loss above the global minimum over all widths, by weak duality",
        _BUDGET,
        on_host(experiment),
        (Point({"units": networks.WIDE, "decay": decay}, 0.0, margin=margin),),
        profile.scale(4),
    )


def _controls(profile: Profile, widths: tuple[int, ...], decay: float) -> tuple[Claim, ...]:
    curved = {"widths": list(widths), "power": 1, "curved": 1.0}
    euler = Point(curved, (0.0,) * (len(widths) - 1), margin=1.0)
    momentum = Point({"decay": decay, "momentum": 0.5}, 0.0, margin=1.0)
    tanh = Point({"decay": decay, "curved": 1.0}, 0.0, margin=1.0)
    narrow = Point({"units": 2, "decay": decay}, 0.0, margin=RELU_MARGIN)
    matrix = Point({"units": 2, "decay": PENALTY}, 0.0, margin=FACTOR_MARGIN)
    control = partial(_control, profile.scale(2))
    return (
        control("tanh units", networks.euler_residual, euler),
        control("steps with momentum", networks.step_residual, momentum),
        control("steps of tanh units", networks.step_residual, tanh),
        control("narrow ReLU networks", networks.relu_gap, narrow),
        control("matrices of rank 2", networks.factor_gap, matrix),
    )


_LAW = r"$\|w\|^2 - \|a\|^2$ follows its law"
_MANY = "two units are certified like many"
# What each control claims, and why it fails.
_FAULTS = {
    "tanh units": ("each layer has its degree", "tanh is not homogeneous"),
    "steps with momentum": (_LAW, "the step is no multiple of the gradient: terms of first order stay"),
    "steps of tanh units": (_LAW, r"the slopes along $w$ and $a$ differ without homogeneity"),
    "narrow ReLU networks": (
        _MANY,
        "a minimum of a narrow network need not be global: some direction still pays for its decay",
    ),
    "matrices of rank 2": (_MANY, "the next singular value is above the decay"),
}


def _control(seeds: int, name: str, experiment: Callable[..., Any], point: Point) -> Claim:
    claim, reason = _FAULTS[name]
    found = on_host(experiment)
    return Claim(name, claim, _BUDGET, found, (point,), seeds, expected="refuted", reason=reason)


def _power(random: Random) -> dict[Any, Rational]:
    return {theorem.q: Integer(random.choice(POWERS))}


def _step(random: Random) -> dict[Any, Rational]:
    drawn = [Rational(random.randint(-2 * _DENOMINATOR, 2 * _DENOMINATOR), _DENOMINATOR) for _ in range(2)]
    sizes = [Rational(random.randint(1, _DENOMINATOR), 10 * _DENOMINATOR) for _ in range(2)]
    letters = (networks.KEPT, networks.MOVED, theorem.eta, theorem.decay)
    return dict(zip(letters, (*drawn, *sizes), strict=True))
