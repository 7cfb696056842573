"""Explicit networks on trial: certified errors, agreement in float64, trained rivals, and what must fail."""

from __future__ import annotations

from typing import Any

from sympy import Expr, Rational

from proofs_checks.bump_networks import cases, trained
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Bound, Identity
from proofs_checks.experiment import on_host
from proofs_checks.profile import Profile
from theory.bump_networks import NAMED

PLANE = {"function": "sin(2*x)*cos(y)", "box": "0,1;0,1", "epsilon": "1/8"}
WAVE = {"function": "sin(x)", "box": "0,6", "epsilon": "1/50"}
STRAIGHT = {"box": "0,1", "epsilon": "1/50"}
TOWERS = {"function": "1 + 3*sin(2*x)*cos(y)/10", "box": "0,1;0,1"}
SQUARE = {"function": "x**2", **STRAIGHT}
RISING = {"function": "x", **STRAIGHT}
TILTED = {"function": "x + y", "box": "0,1;0,1", "epsilon": "1/8"}

# The closed-form bound is attained up to this factor on the functions it is sharpest for: whole numbers of
# cells, and the share of it that tails and rounding take, leave at most a tenth unused.
TIGHTNESS = 0.9

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
    return (*_certified(tried), *_float(profile, tried), *_trained(profile, rival), *_controls())


def _certified(tried: list[Case]) -> tuple[Claim, ...]:
    sharp = [
        {**SQUARE, "activation": "relu"},
        {**RISING, "activation": "heaviside"},
        {**RISING, "activation": "logistic"},
        {**TILTED, "activation": "heaviside"},
    ]
    return (
        Claim(
            "certified error",
            "The certified supremum of $|f - N|$ on the whole box, in units of $\\varepsilon$, is at most 1.",
            Bound(exhaustive=True),
            on_host(cases.certified_error),
            tuple(Point(case, 1.0) for case in tried),
            seeds=1,
        ),
        Claim(
            "sharp bound",
            "On the functions it is sharpest for, the closed-form bound is attained up to a tenth: "
            "certified upper and "
            "lower bounds of the error in units of it.",
            Bound(exhaustive=True, tightness=TIGHTNESS),
            on_host(cases.sharpness),
            # Ratios of rationals, rounded once to the nearest double.
            tuple(Point(case, (1.0, 1.0), margin=2.0**-50) for case in sharp),
            seeds=1,
        ),
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
