"""Initial condensation on trial: trained networks follow the linear law, and directions are counted."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from sympy import Expr, Rational, Symbol, cos, tanh

from proofs_checks.challenge import ClosedForm
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Bound, Exponent
from proofs_checks.experiment import on_host
from proofs_checks.profile import Profile
from proofs_checks.random_layers.condensing import LinearizationExponent, critical_directions
from theory.kernels.condensation import (
    A0,
    ALONG,
    P0,
    RATE,
    READOUT,
    TIME,
    error_exponent,
    multiplicity,
    taylor,
)
from theory.kernels.two_layer_ntk import Z

TANH = tanh(Z)
# A slope over these sizes of the weights: the relative corrections are of order (eps e^DURATION)^2 times the
# number of neurons, 0.02 at the larger size, which moves the slope by at most 0.02/ln 4.
SIZES, LARGE_SIZES = (0.008, 0.002), (1.0, 0.25)
DURATION = 1.0
NEURONS = 8
# Generic, with |v| = 0.38: the time 1/kappa is then of order 1.
INPUTS = ((0.7, 0.6, 0.3), (0.8, -0.1, 0.2), (-0.4, 0.4, -0.3), (0.2, -0.1, 0.7), (-0.2, -0.7, 0.3))
TARGETS = (1.0, 0.6, -0.5, 0.4, -0.7)
SEEDS, CONTROL_SEEDS = 48, 32
MARGIN, RESOLUTION = 0.02, 0.1
ORDERS = (3,)
DIRECTION_SEEDS = 128


def claims(profile: Profile, activation: Expr = TANH) -> tuple[Claim, ...]:
    """The linear law where the multiplicity is 1, the count of directions, and controls."""
    order = multiplicity(activation)
    directions = _directions(profile, order)
    linear = _linear(profile, activation) if order == 1 else ()
    return (*linear, directions, _fewer_directions(directions))


def _linear(profile: Profile, activation: Expr) -> tuple[Claim, ...]:
    claim = _linear_claim(profile, activation)
    forms = tuple(
        ClosedForm(name, form, {"all times": _times}, partial(_restated, claim, activation, field))
        for field, name, form in (
            ("readout", "readout weight", READOUT),
            ("along", "component along v", ALONG),
        )
    )
    return (replace(claim, closed_forms=forms), _large_weights(claim), _other_multiplicity(claim))


def _times(rng: random.Random) -> Mapping[Symbol, Rational]:
    return {
        A0: Rational(rng.randint(-99, 99), 37),
        P0: Rational(rng.randint(-99, 99), 37),
        RATE: Rational(rng.randint(10, 99), 37),
        TIME: Rational(rng.randint(10, 99), 37),
    }


def _restated(claim: Claim, activation: Expr, field: str, form: Expr) -> Claim:
    return replace(claim, experiment=LinearizationExponent(activation, **{field: form}))


def _linear_claim(profile: Profile, activation: Expr) -> Claim:
    exponent = error_exponent(activation)
    parameters = {
        "sizes": SIZES,
        "inputs": INPUTS,
        "targets": TARGETS,
        "neurons": NEURONS,
        "duration": DURATION,
        "slope": float(taylor(activation, 1)),
    }
    return Claim(
        "linear law of the first motion",
        rf"in trained networks with weights of size $\varepsilon$ all weights follow the linear law until "
        rf"$\kappa t = {DURATION:g}$, up to a relative error of order $\varepsilon^{{{exponent}}}$",
        Exponent(),
        LinearizationExponent(activation),
        (Point(parameters, float(exponent), margin=MARGIN, resolution=RESOLUTION),),
        profile.scale(SEEDS),
    )


def _large_weights(claim: Claim) -> Claim:
    (point,) = claim.grid
    return replace(
        claim,
        name="weights that are not small",
        grid=(replace(point, parameters={**point.parameters, "sizes": LARGE_SIZES}),),
        seeds=4 * claim.seeds,  # the slopes are skewed here
        expected="refuted",
        reason="the weights are of order 1: the network is nonlinear from the start, and no power of the "
        "size "
        "describes the error",
        closed_forms=(),
    )


def _other_multiplicity(claim: Claim) -> Claim:
    return replace(
        claim,
        name="law of multiplicity 1 for multiplicity 2",
        experiment=LinearizationExponent(cos(Z) - 1),
        seeds=claim.seeds * CONTROL_SEEDS // SEEDS,
        expected="refuted",
        reason="cos(z) - 1 has multiplicity 2: its neurons hardly move in the time in which those of "
        "multiplicity 1 align, and the relative error is of order 1 at every size",
        closed_forms=(),
    )


def _directions(profile: Profile, order: int) -> Claim:
    orders = tuple(sorted({order, *ORDERS}))
    return Claim(
        "critical directions",
        r"for multiplicity $p$ and inputs in the plane at most $2p$ directions are critical, for $p$ among "
        + ", ".join(map(str, orders)),
        Bound(tightness=0.9),
        on_host(critical_directions),
        tuple(Point({"order": p, "samples": 2 * p + 1}, 2.0 * p) for p in orders),
        profile.scale(DIRECTION_SEEDS),
    )


def _fewer_directions(claim: Claim) -> Claim:
    grid = tuple(replace(point, predicted=point.predicted / 2) for point in claim.grid)  # type: ignore[operator]
    return replace(
        claim,
        name="half as many directions",
        statement="at most $p$ directions are critical",
        comparator=Bound(),
        seeds=16,
        grid=grid,
        expected="refuted",
        reason="every zero of the polynomial in the tangent belongs to two opposite directions",
    )
