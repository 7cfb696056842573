"""Bottlenecks and arbitrary losses on trial: curvatures of the network, and where its training ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from sympy import Expr, Rational

from proofs_checks.challenge import ClosedForm
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Identity
from proofs_checks.experiment import on_host
from proofs_checks.linear_minima import weighted
from proofs_checks.profile import Profile
from theory.errors import InputError
from theory.linear_networks import arbitrary_loss as theorem
from theory.linear_networks.arbitrary_loss import DEFAULT_VALUES, DEFAULT_WEIGHT

_BUDGET = Identity()
_DENOMINATOR = 97
SLOWEST = Rational(1, 100)  # curvature in units of (1 + omega) s_1: STEPS shrink an error by e^12


def claims(
    profile: Profile,
    singular_values: tuple[Rational, Rational] = DEFAULT_VALUES,
    weight: Rational = DEFAULT_WEIGHT,
) -> tuple[Claim, ...]:
    """Claims and controls for problems with these singular values and weight, and up to a tenth above.

    Raises InputError where descent would take longer than is measured.
    """
    theorem.check(singular_values, weight)
    _check_speed(singular_values, weight)
    setting = {"values": [float(value) for value in singular_values], "weight": float(weight)}
    return (
        _curvatures(profile, setting),
        _trapped(profile, setting),
        _ends(profile, setting, 1, r"ends at $s_1^2 / 2$ or $s_2^2 / 2$"),
        _ends(profile, setting, 2, "ends at loss 0"),
        *_controls(profile, setting),
    )


def _check_speed(singular_values: tuple[Rational, Rational], weight: Rational) -> None:
    larger, smaller = singular_values
    settling = (weight * smaller - larger) / ((1 + weight) * larger)
    leaving = (larger - smaller) / (2 * larger)  # the saddle of the squared loss
    if min(settling, leaving) < SLOWEST:
        raise InputError(
            f"s_1 = {larger}, s_2 = {smaller} and omega = {weight} are so near s_1 = s_2 or omega s_2 = s_1 "
            "that descent takes longer than is measured; give values farther apart"
        )


def _curvatures(profile: Profile, setting: dict[str, Any]) -> Claim:
    forms = theorem.curvatures()
    claim = Claim(
        "curvatures at the point",
        r"eigenvalues of the network's Hessian at $u = v = \sqrt{s_2} e_2$, less $\omega s_2 \pm s_1$, "
        r"$2 s_2$ and 0, in units of rounding",
        _BUDGET,
        on_host(weighted.curvature_residual),
        (Point(setting, (0.0,) * 4, margin=1.0),),
        profile.scale(8),
    )

    def restated(position: int, other: Expr) -> Claim:
        changed = (*forms[:position], other, *forms[position + 1 :])
        return replace(claim, experiment=on_host(partial(weighted.curvature_residual, forms=changed)))

    return replace(
        claim,
        closed_forms=tuple(
            ClosedForm(f"curvature {k + 1}", form, {"a minimum": _problem}, partial(restated, k))
            for k, form in enumerate(forms[:3])
        ),
    )


def _trapped(profile: Profile, setting: dict[str, Any]) -> Claim:
    claim = Claim(
        "trapped",
        r"descent from near $\sqrt{s_2} e_2$ ends at the loss $s_1^2 / 2$: difference in units of what the "
        "last gradient grants",
        _BUDGET,
        on_host(weighted.trapped_residual),
        (Point(setting, 0.0, margin=1.0),),
        profile.scale(8),
    )

    def restate(other: Expr) -> Claim:
        return replace(claim, experiment=on_host(partial(weighted.trapped_residual, form=other)))

    form = ClosedForm("loss of the local minimum", theorem.value(), {"a minimum": _problem}, restate)
    return replace(claim, closed_forms=(form,))


def _ends(profile: Profile, setting: dict[str, Any], units: int, where: str) -> Claim:
    name = "one hidden unit" if units == 1 else "two hidden units"
    return Claim(
        name,
        f"descent from random weights {where}: number of runs that do not",
        _BUDGET,
        on_host(weighted.stray_ends),
        (Point({**setting, "units": units}, 0.0),),
        profile.scale(8),
    )


def _controls(profile: Profile, setting: dict[str, Any]) -> tuple[Claim, ...]:
    plain = {**setting, "weight": 1.0}
    return (
        _control(
            profile,
            "the squared loss",
            r"descent from near $\sqrt{s_2} e_2$ ends at the loss $s_1^2 / 2$ with $\omega = 1$",
            weighted.trapped_residual,
            Point(plain, 0.0, margin=1.0),
            r"$\omega s_2 < s_1$: the point is a strict saddle, and descent leaves it for $s_2^2 / 2$",
        ),
        _control(
            profile,
            "curvatures of the squared loss",
            r"the eigenvalues there are those with $\omega = 1$",
            weighted.curvature_residual,
            Point({**setting, "claimed": 1.0}, (0.0,) * 4, margin=1.0),
            r"two of the four eigenvalues grow with $\omega$",
        ),
    )


def _control(
    profile: Profile, name: str, claim: str, experiment: Callable[..., Any], point: Point, reason: str
) -> Claim:
    found = on_host(experiment)
    return Claim(name, claim, _BUDGET, found, (point,), profile.scale(2), expected="refuted", reason=reason)


def _problem(random: Random) -> dict[Any, Rational]:
    """s_1 > s_2 and omega s_2 > s_1."""
    smaller = Rational(random.randint(1, _DENOMINATOR), _DENOMINATOR)
    larger = smaller + Rational(random.randint(1, _DENOMINATOR), _DENOMINATOR)
    weight = larger / smaller + Rational(random.randint(1, 3 * _DENOMINATOR), _DENOMINATOR)
    return {theorem.s_1: larger, theorem.s_2: smaller, theorem.omega: weight}
