"""The time to leave a saddle on trial: its law, its slope for networks, starts that stay, fixed lengths."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from sympy import Expr, Integer, Rational

from proofs_checks.challenge import ClosedForm
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Identity, Mean
from proofs_checks.experiment import on_host
from proofs_checks.insertion import value_of
from proofs_checks.profile import Profile
from proofs_checks.saddles import descent
from theory.landscape.strict_saddles import DEFAULT_STEP
from theory.saddles import rows as theorem

DEVIATION = 1e-3
RATIOS = (0.25, 1.0, 3.0)  # negative over positive curvature
# Relative error of the slope: half the square of what the second mode has grown to when the first one has
# left, (FIRST / REACHED)^(1/2) here, and as much again for the cubic terms, over ln(FIRST / LAST) = 18.
SLOPE_MARGIN = 1e-4

_BUDGET = Identity()
_DENOMINATOR = 97


def claims(profile: Profile, step_size: Rational = DEFAULT_STEP) -> tuple[Claim, ...]:
    """Claims and controls for descent with this step."""
    step = float(step_size)
    return (
        _ceiling(profile, step),
        _law(profile, step),
        _slope(profile, step),
        _avoided(profile, step),
        _fixed_length(profile, step),
        *_controls(profile, step),
    )


def _setting(step: float) -> dict[str, Any]:
    """Steps until all but one start in ten thousand have left."""
    return {"deviation": DEVIATION, "step_size": step, "steps": _steps(step, 1e-4)}


def _steps(step: float, share: float) -> int:
    """Where about this share of the starts is left: |Z| below it in probability."""
    return math.ceil(math.log(descent.RADIUS / (DEVIATION * share)) / math.log1p(step))


def _ceiling(profile: Profile, step: float) -> Claim:
    return Claim(
        "steps until the radius is left",
        r"$T = \lceil \ln(R / |x_0|) / \ln(1 + \eta \mu) \rceil$ for 4,096 Gaussian starts in four "
        r"dimensions: "
        "number of exceptions",
        _BUDGET,
        on_host(descent.ceiling_mismatches),
        (Point(_setting(step), 0.0),),
        profile.scale(4),
    )


def _law(profile: Profile, step: float) -> Claim:
    after = tuple(_steps(step, share) for share in (2.0, 0.7, 0.1))

    def claim(form: Expr) -> Claim:
        letters = {theorem.eta: Rational(step), theorem.mu: Integer(1), theorem.R: Integer(1)}
        letters[theorem.s] = Rational(DEVIATION)
        shares = tuple(float(value_of(form, {**letters, theorem.k: Integer(k)})) for k in after)
        return Claim(
            "law of the time",
            r"shares of starts with $T > k$: early, in the middle, late",
            Mean(),
            descent.survivors,
            (Point({**_setting(step), "after": tuple(map(float, after))}, shares, resolution=0.02),),
            profile.scale(16),
        )

    regimes = {"starts inside": _escape}
    form = ClosedForm("survival", theorem.survival(), regimes, claim)
    return replace(claim(theorem.survival()), closed_forms=(form,))


def _slope(profile: Profile, step: float) -> Claim:
    claim = Claim(
        "slope for a network",
        r"a two-layer linear network from $\delta$ times random weights: what $T$ gains for each e-fold of "
        r"$1 / \delta$, and its relative distance from $1 / \ln(1 + \eta s_1)$",
        _BUDGET,
        on_host(descent.slope_error),
        (Point({"step_size": step}, 0.0, margin=SLOPE_MARGIN),),
        profile.scale(4),
    )

    def restate(other: Expr) -> Claim:
        return replace(claim, experiment=on_host(partial(descent.slope_error, form=other)))

    form = ClosedForm("slope", descent.slope(), {"strict": _escape}, restate)
    return replace(claim, closed_forms=(form,))


def _avoided(profile: Profile, step: float) -> Claim:
    return Claim(
        "almost no start stays",
        r"random starts on $x^2 / 2 - y^2 / 2 + y^4 / 4$ that end near the saddle: none of $n$ bounds their "
        r"probability by $3 / n$ with 95 % confidence, $n = 4096$ a seed",
        _BUDGET,
        on_host(descent.stuck_starts),
        (Point({"step_size": step, "strict": 1.0}, 0.0),),
        profile.scale(4),
    )


def _fixed_length(profile: Profile, step: float) -> Claim:
    claim = Claim(
        "two steps of fixed length",
        r"what normalized descent multiplies $y$ by, relative to $(1 + \rho / \kappa)(1 + \rho / (1 - "
        r"\kappa))$, "
        r"in units of rounding",
        _BUDGET,
        on_host(descent.two_step_residual),
        tuple(
            Point({"step_size": length, "ratio": ratio}, 0.0, margin=1.0)
            for length in (step, step / 100)
            for ratio in RATIOS
        ),
        profile.scale(4),
    )

    def restate(other: Expr) -> Claim:
        return replace(claim, experiment=on_host(partial(descent.two_step_residual, form=other)))

    form = ClosedForm("factor", theorem.TWO_STEPS.rhs, {"straddled": _straddled}, restate)
    return replace(claim, closed_forms=(form,))


def _controls(profile: Profile, step: float) -> tuple[Claim, ...]:
    return (
        _control(
            profile,
            "a saddle that is not strict",
            r"no start ends near the saddle of $x^2 / 2 + y^3 / 3$",
            descent.stuck_starts,
            Point({"step_size": step, "strict": 0.0}, 0.0),
            "from one side it is approached, and left on the other only: half of the starts stay",
        ),
        _control(
            profile,
            r"steps above 1 / L",
            "no rational start ends at the strict maximum, with a step of 1 where the slope rises by 3/2",
            descent.steep_starts,
            Point({"step_size": "1"}, 0.0),
            "descent is not one-to-one: a step takes all of $[2, 3]$ to the maximum",
        ),
        _control(
            profile,
            "another singular value",
            r"the slope is $1 / \ln(1 + \eta s_1)$ for a target a tenth smaller",
            descent.slope_error,
            Point({"step_size": step, "flat": 0.1}, 0.0, margin=SLOPE_MARGIN),
            "the negative curvature at the origin is the largest singular value of the target",
        ),
        _control(
            profile,
            "plain steps",
            "two steps of plain descent multiply $y$ by the factor of normalized descent",
            descent.two_step_residual,
            Point({"step_size": step, "ratio": 1.0, "fixed_length": False}, 0.0, margin=1.0),
            "plain descent slows down with the gradient near the saddle",
        ),
    )


def _control(
    profile: Profile, name: str, claim: str, experiment: Callable[..., Any], point: Point, reason: str
) -> Claim:
    found = on_host(experiment)
    return Claim(name, claim, _BUDGET, found, (point,), profile.scale(2), expected="refuted", reason=reason)


def _escape(random: Random) -> dict[Any, Rational]:
    """A start well inside the radius, and a number of steps around the time it takes."""
    return {
        theorem.eta: Rational(random.randint(1, _DENOMINATOR), 4 * _DENOMINATOR),
        theorem.mu: Rational(random.randint(1, 2 * _DENOMINATOR), _DENOMINATOR),
        theorem.R: Integer(1),
        theorem.s: Rational(random.randint(1, _DENOMINATOR), 10 * _DENOMINATOR),
        theorem.k: Integer(random.randint(1, 20)),
    }


def _straddled(random: Random) -> dict[Any, Rational]:
    first, second, ratio = (Rational(random.randint(1, _DENOMINATOR), _DENOMINATOR) for _ in range(3))
    return {theorem.a: first, theorem.b: second, theorem.rho: ratio}
