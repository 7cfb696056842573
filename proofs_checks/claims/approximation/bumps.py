"""Explicit networks on trial: certified errors, agreement in float64, trained rivals, and what must fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from sympy import Expr, Rational, sqrt

from proofs_checks.bump_networks import attacks, bounds, cases, classes, tents, trained
from proofs_checks.challenge import ClosedForm
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Bound, Identity
from proofs_checks.experiment import on_host
from proofs_checks.profile import Profile
from theory.bump_networks import NAMED

PLANE = {"function": "sin(2*x)*cos(y)", "box": "0,1;0,1", "epsilon": "1/8"}
WAVE = {"function": "sin(x)", "box": "0,6", "epsilon": "1/50"}
RISING = {"function": "5*x/8", "box": "0,2", "epsilon": "1/50"}
TILTED = {"function": "x/4 + 5*y/8", "box": "0,1;0,2", "epsilon": "1/8"}
TOWERS = {"function": "1 + 3*sin(2*x)*cos(y)/10", "box": "0,1;0,1"}

# Cells of the networks for a class of functions; of each kind the widest wave has at least five cells.
CELLS = 24
# N and f are sums of at most CELLS terms of size 2 |f| |x|/h; over the bound, of at least |f| h^2/8 or less
# of it, (CELLS + 8) roundings of 2^-53 come to less than this.
CLASS_ROUNDING = 1e-9
# Over the class the units of the logistic are never all at their worst at once.
CLASS_TIGHTNESS = 0.85
# At the top of a tent sum 2/(1 + exp((2m - 1) u)) units of L h are attained: 0.62 of the bound at u = 1/4.
SHALLOW_TIGHTNESS = 0.55

Case = dict[str, Any]
Box = tuple[tuple[Expr, Expr], ...]


def claims(
    profile: Profile, function: Expr, box: Box, epsilon: Rational, activation: Expr
) -> tuple[Claim, ...]:
    """Claims and controls for the user's function, and for fixed examples in one and two dimensions."""
    own = {
        "function": str(function),
        "box": ";".join(f"{low},{high}" for low, high in box),
        "epsilon": str(epsilon),
    }
    chosen = next((name for name, known in NAMED.items() if known == activation), str(activation))
    tried = [
        {**own, "activation": chosen},
        *({**WAVE, "activation": name} for name in NAMED if name != chosen),
        *({**PLANE, "activation": name} for name in NAMED),
    ]
    if profile.name != "quick":
        tried += [{**WAVE, "activation": name} for name in ("atan(z)", "erf(z)", "z/(1 + abs(z))")]
    rival = own if len(box) == 1 else WAVE
    return (
        *_certified(tried),
        _over_a_class(profile),
        _shallow(),
        *_float(profile, tried),
        *_trained(profile, rival),
        *_controls(),
    )


class _Sharp(NamedTuple):
    """A function that a rule is sharpest for; constants are dyadic, so that L and M are exact, and unlike."""

    name: str
    case: Mapping[str, str]
    activation: str
    rule: str
    modulus: Callable[[Expr], Expr] | None = None

    @property
    def parameters(self) -> Case:
        return {**self.case, "activation": self.activation}

    @property
    def form(self) -> Expr:
        return bounds.main_term(self.case["box"].count(";") + 1, self.rule, self.activation, self.modulus)


# Attained but for the certificate's own width, and with logistic units up to what their tails may add at
# worst, where the worst units are not all at one place.
EXACT = (
    _Sharp("curvature", {**RISING, "function": "5*x**2/8"}, "relu", "curvature"),
    _Sharp(
        "curvature in the plane",
        {**TILTED, "function": "3*x**2/4 + x*y/4 + 5*y**2/16", "epsilon": "1/20"},
        "relu",
        "curvature",
    ),
    _Sharp("steps", RISING, "heaviside", "lipschitz"),
    _Sharp("towers", TILTED, "heaviside", "lipschitz"),
    _Sharp("modulus", {**RISING, "function": "sqrt(x)", "epsilon": "1/10"}, "heaviside", "modulus", sqrt),
)
LOGISTIC = (_Sharp("logistic", RISING, "logistic", "lipschitz"),)
CROSSING = (_Sharp("crossings", TILTED, "logistic", "lipschitz"),)


def _certified(tried: list[Case]) -> tuple[Claim, ...]:
    return (
        Claim(
            "certified error",
            "The certified supremum of $|f - N|$ on the whole box, in units of $\\varepsilon$, is at most 1.",
            Bound(exhaustive=True),
            on_host(cases.certified_error),
            tuple(Point(case, 1.0) for case in tried),
            seeds=1,
            attack=attacks.IN_THE_BOX["epsilon"],
        ),
        _sharp("sharp bound", EXACT, 0.99),
        _sharp("sharp bound of logistic units", LOGISTIC, 0.92),
        _sharp("sharp bound at crossings", CROSSING, 0.86),
    )


def _sharp(name: str, chosen: tuple[_Sharp, ...], tightness: float) -> Claim:
    claim = Claim(
        name,
        "On functions it is sharpest for, the closed-form bound holds and is attained up to a factor of "
        f"{tightness:g}: certified upper bound of the error, less what rounding and tails may add, and lower "
        "bound, in units of it.",
        Bound(exhaustive=True, tightness=tightness),
        on_host(bounds.sharpness),
        # Ratios of rationals, rounded once to the nearest double.
        tuple(Point({**one.parameters, "rule": one.rule}, (1.0, 1.0), margin=2.0**-50) for one in chosen),
        seeds=1,
        attack=attacks.IN_THE_BOX["closed form"],
    )
    forms = tuple(_form(claim, place, one) for place, one in enumerate(chosen))
    return replace(claim, closed_forms=forms)


def _form(claim: Claim, place: int, sharp: _Sharp) -> ClosedForm:
    """The closed form of one grid point: another one is predicted in units of it."""

    def restate(other: Expr) -> Claim:
        share = bounds.ratio(other, sharp.form, **sharp.parameters)
        points = list(claim.grid)
        points[place] = replace(points[place], predicted=(share, share))
        return replace(claim, grid=tuple(points))

    return ClosedForm(sharp.name, sharp.form, bounds.regimes(sharp.form, steep=True), restate)


def _shallow() -> Claim:
    """The bound where the tails are most of it; units as shallow as u = 1/4, and two unlike grids."""
    grid = tuple(
        Point({"slope": slope, "width": width, "steepness": u, "cells": 61}, 1.0, margin=CLASS_ROUNDING)
        for slope, width, u in (("5/8", "1/17", "1/4"), ("7/4", "3/2", "1/3"))
    )
    claim = Claim(
        "bound of shallow units",
        "The error of logistic units of any steepness on a tent, in units of the closed-form bound, is at "
        f"most 1, and more than {SHALLOW_TIGHTNESS:g} at its top.",
        Bound(exhaustive=True, tightness=SHALLOW_TIGHTNESS),
        on_host(tents.largest),
        grid,
        seeds=1,
        attack=tents.ON_A_TENT,
    )

    def restate(other: Expr) -> Claim:
        cases = [{key: one.parameters[key] for key in ("slope", "width", "steepness")} for one in grid]
        shares = [tents.ratio(other, **case) for case in cases]
        points = [replace(one, predicted=share) for one, share in zip(grid, shares, strict=True)]
        return replace(claim, grid=tuple(points))

    regimes = bounds.regimes(tents.FORM, steep=False)
    return replace(claim, closed_forms=(ClosedForm("logistic", tents.FORM, regimes, restate),))


def _over_a_class(profile: Profile) -> Claim:
    return Claim(
        "bound over a class",
        "For $f(x) = \\sum_k a_k \\sin(k x + \\varphi_k)$ the error of the network on a fixed grid, in units "
        "of the closed-form bound with $L = \\sum_k k |a_k|$ and $M = \\sum_k k^2 |a_k|$, is at most 1.",
        Bound(tightness=CLASS_TIGHTNESS),
        on_host(classes.largest),
        tuple(
            Point({"activation": one, "rule": rule, "cells": CELLS}, 1.0, margin=CLASS_ROUNDING)
            for one, rule in (("relu", "curvature"), ("heaviside", "lipschitz"), ("logistic", "lipschitz"))
        ),
        seeds=profile.scale(128),
        attack=classes.OVER_THE_CLASS,
    )


def _float(profile: Profile, tried: list[Case]) -> tuple[Claim, ...]:
    return (
        Claim(
            "agreement in float64",
            "The JAX network agrees with the exact one at random points: the difference in units of its own "
            "rounding-error budget is at most 1.",
            Identity(),
            on_host(cases.agreement),
            tuple(Point(case, 0.0, margin=1.0) for case in tried),
            seeds=profile.scale(8),
        ),
        Claim(
            "sampled error",
            "No float64 error, at random points and after climbing from the worst of them, exceeds "
            "the certificate: "
            "the largest in units of the certified bound plus rounding is at most 1.",
            Identity(),
            on_host(cases.sampled_excess),
            tuple(Point({**case, "points": 512}, 0.0, margin=1.0) for case in tried),
            seeds=profile.scale(4),
            attack=attacks.IN_THE_BOX["certificate"],
        ),
    )


def _trained(profile: Profile, own: Case) -> tuple[Claim, ...]:
    return (
        Claim(
            "trained rival",
            "A ReLU network of the same size trained by Adam on a sine carries no guarantee, but "
            "its error is certified "
            "too: in units of the error of the best constant it is at most 1.",
            Bound(exhaustive=True),
            on_host(trained.trained_error),
            (Point(WAVE, 1.0),),
            seeds=profile.scale(2),
            attack=attacks.IN_THE_BOX["constant"],
        ),
        Claim(
            "certificate of the rival",
            "No float64 error on a fresh sample of a network of the same size trained on this "
            "function exceeds its "
            "certificate: the largest in units of the certified bound plus rounding is at most 1.",
            Identity(),
            on_host(trained.sampled_over_certified),
            (Point({**own, "points": 20_000}, 0.0, margin=1.0),),
            seeds=profile.scale(4),
        ),
    )


def _controls() -> tuple[Claim, ...]:
    return (*_spoiled_numbers(), *_spoiled_networks())


def _spoiled_numbers() -> tuple[Claim, ...]:
    return (
        Claim(
            "weights in float32",
            "Rounding the weights to float32 stays within the rounding-error budget of float64.",
            Identity(),
            on_host(cases.single_precision),
            (Point({**WAVE, "activation": "relu"}, 0.0, margin=1.0),),
            seeds=4,
            expected="refuted",
            reason="Weights with a relative error of 6e-8 instead of 1e-16; the budget would not "
            "notice if it were loose.",
        ),
        Claim(
            "understated epsilon",
            "The error is at most 0.9 times the largest seen on a dense sample.",
            Bound(exhaustive=True),
            on_host(cases.understated_epsilon),
            tuple(Point({**WAVE, "activation": name, "points": 4096}, 1.0) for name in NAMED),
            seeds=1,
            expected="refuted",
            reason="An epsilon below the true supremum: the certified lower bound at the witness exceeds it.",
        ),
    )


def _spoiled_networks() -> tuple[Claim, ...]:
    return (
        Claim(
            "perturbed weight",
            "With one outer weight changed the error is still at most $\\varepsilon$.",
            Bound(exhaustive=True),
            on_host(cases.perturbed_weight),
            tuple(Point({**WAVE, "activation": name}, 1.0) for name in NAMED),
            seeds=1,
            expected="refuted",
            reason="The weight that acts on the cell of the witness, moved by twice what is "
            "missing to epsilon there.",
        ),
        Claim(
            "plain sigmoid towers",
            "Towers of sigmoids converge in supremum norm in two dimensions, as orthants do: the "
            "error is at most 1/4.",
            Bound(exhaustive=True),
            on_host(cases.tower_error),
            tuple(Point({**TOWERS, "cells": cells}, 0.25) for cells in (4, 8, 16)),
            seeds=1,
            expected="refuted",
            reason="At a corner of the grid each of the four towers sees a sum below its "
            "threshold, so the network is near 0 there "
            "and the error near |f|, for every number of cells and every steepness.",
        ),
    )
