"""Initial condensation on trial: trained networks keep the laws of the first motion; phases; directions."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from math import exp, log, sqrt

from sympy import Expr, Rational, Symbol, cos, tanh

from proofs_checks.challenge import ClosedForm
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Bound, Exponent
from proofs_checks.experiment import batched, on_host
from proofs_checks.insertion import value_of
from proofs_checks.profile import Profile
from proofs_checks.random_layers.condensing import (
    ConservationExponent,
    LinearizationExponent,
    critical_directions,
)
from proofs_checks.random_layers.training_regimes import change_exponent
from theory.kernels.condensation import (
    A0,
    ALONG,
    CHANGE,
    DECAY,
    FIRST_EIGENVALUE,
    FIRST_WEIGHT,
    P0,
    QUADRATIC,
    RATE,
    READOUT,
    SECOND_EIGENVALUE,
    SECOND_WEIGHT,
    TIME,
    error_exponent,
    multiplicity,
    taylor,
)
from theory.kernels.two_layer_ntk import Z

TANH = tanh(Z)
EVEN = cos(Z) - 1  # of multiplicity 2
SIZES, LARGE_SIZES = (0.002, 0.0005), (1.0, 0.25)
DURATION = 1.0
NEURONS = 8
# Generic, with |v| = 0.38: the time 1/kappa is then of order 1.
INPUTS = ((0.7, 0.6, 0.3), (0.8, -0.1, 0.2), (-0.4, 0.4, -0.3), (0.2, -0.1, 0.7), (-0.2, -0.7, 0.3))
TARGETS = (1.0, 0.6, -0.5, 0.4, -0.7)
SEEDS, CONTROL_SEEDS = 48, 32
RESOLUTION = 0.1
QUADRATIC_DURATION, QUADRATIC_SEEDS = 3.0, 32
QUADRATIC_NEURONS = 32  # so many that the norm of their drifts is never small by chance
# Acute and of positive targets: one neuron can fit all, so that training does not end in a local minimum.
REGIME_INPUTS = ((1.0, 0.4, 0.2), (0.3, 1.0, 0.5), (0.5, 0.2, 1.0))
REGIME_TARGETS = (1.0, 0.8, 0.6)
WIDTHS = (128, 1024)
SMALL_LOSS = 1e-6  # the change of the weights is then what it would be at loss 0, up to 0.1 %
DECAYS = (Rational(1, 2), Rational(7, 4))  # on either side of 1, both below 2
REGIME_SEEDS = 16
ORDERS = (3,)
DIRECTION_SEEDS = 128


def claims(profile: Profile, activation: Expr = TANH) -> tuple[Claim, ...]:
    """The laws of multiplicities 1 and 2, the phases of wide networks, directions, and controls.

    Where the activation has not the multiplicity 2, that law is tried on cos(z) - 1; the law of multiplicity
    1 is tried only on an activation that has it.
    """
    order = multiplicity(activation)
    directions = _directions(profile, order)
    linear = _linear(profile, activation) if order == 1 else ()
    quadratic = _quadratic(profile, activation if order == 2 else EVEN)
    return (*linear, *quadratic, *_regimes(profile), directions, _fewer_directions(directions))


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
    return replace(claim, experiment=batched(LinearizationExponent(activation, **{field: form})))


def _slope_margin(sizes: tuple[float, float], duration: float, exponent: int) -> float:
    """What the next term of the expansion in eps adds to the slope between two sizes.

    Weights of size eps grow at most e^duration-fold, so that |theta|^2 is eps^2 e^(2 duration) times their
    number. The network has then learned |f| <= |x| |theta|^2/2, and each further order of the Taylor series
    brings a factor |w . x| <= |x| |theta|: the error is C eps^k (1 + O(|theta|^k)), k the exponent, and the
    slope between two sizes moves by at most the O over ln of their ratio.

    Assumed, not proved: the constant of that O, relative to C, is at most 1. It depends on the data and on
    the Taylor coefficients of the activation, and the claims say so. (A bound by Gronwall's inequality has
    the constant e^duration times these coefficients on top, and says nothing of C, which it would need from
    below: a relative statement does not follow from it.)
    """
    largest = sizes[0] * exp(duration) * sqrt(NEURONS * (len(INPUTS[0]) + 1))
    return largest**exponent / log(sizes[0] / sizes[1])


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
    margin = _slope_margin(SIZES, DURATION, exponent)
    return Claim(
        "linear law of the first motion",
        rf"in trained networks with weights of size $\varepsilon$ all weights follow the linear law until "
        rf"$\kappa t = {DURATION:g}$, up to a relative error of order $\varepsilon^{{{exponent}}}$; assumed "
        rf"for the margin: the next order has relative size at most $|\theta|^{{{exponent}}}$, with constant "
        "1",
        Exponent(),
        batched(LinearizationExponent(activation)),
        (Point(parameters, float(exponent), margin=margin, resolution=RESOLUTION),),
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
        "size describes the error",
        closed_forms=(),
    )


def _other_multiplicity(claim: Claim) -> Claim:
    return replace(
        claim,
        name="law of multiplicity 1 for multiplicity 2",
        experiment=batched(LinearizationExponent(EVEN)),
        seeds=claim.seeds * CONTROL_SEEDS // SEEDS,
        expected="refuted",
        reason="cos(z) - 1 has multiplicity 2: its neurons hardly move in the time in which those of "
        "multiplicity 1 align, and the relative error is of order 1 at every size",
        closed_forms=(),
    )


def _quadratic(profile: Profile, activation: Expr) -> tuple[Claim, Claim]:
    exponent = error_exponent(activation)
    parameters = {
        "sizes": SIZES,
        "inputs": INPUTS,
        "targets": TARGETS,
        "neurons": QUADRATIC_NEURONS,
        "duration": QUADRATIC_DURATION,
        "curvature": float(taylor(activation, 2)),
    }
    margin = _slope_margin(SIZES, QUADRATIC_DURATION, exponent)
    claim = Claim(
        "conserved quantity of multiplicity 2",
        rf"in networks with $\sigma = {activation}$, trained from weights of size $\varepsilon$, the change "
        r"of "
        r"$\mu_1 \ln |w_2| - \mu_2 \ln |w_1|$ in the neurons that grow is of order "
        rf"$\varepsilon^{{{exponent}}}$; assumed for the margin: the next order has relative size at most "
        rf"$|\theta|^{{{exponent}}}$, with constant 1",
        Exponent(),
        batched(ConservationExponent(activation)),
        (Point(parameters, float(exponent), margin=margin, resolution=RESOLUTION),),
        profile.scale(QUADRATIC_SEEDS),
    )
    restate = partial(_requantified, claim, activation)
    form = ClosedForm("conserved quantity", QUADRATIC, {"all weights": _weights}, restate)
    return replace(claim, closed_forms=(form,)), _quadratic_for_linear(claim)


def _weights(rng: random.Random) -> Mapping[Symbol, Rational]:
    symbols = (FIRST_WEIGHT, SECOND_WEIGHT, FIRST_EIGENVALUE, SECOND_EIGENVALUE)
    return {symbol: Rational(rng.randint(10, 99), 37) for symbol in symbols}


def _requantified(claim: Claim, activation: Expr, form: Expr) -> Claim:
    return replace(claim, experiment=batched(ConservationExponent(activation, form)))


def _quadratic_for_linear(claim: Claim) -> Claim:
    return replace(
        claim,
        name="law of multiplicity 2 for multiplicity 1",
        statement="the same for tanh",
        experiment=batched(ConservationExponent(TANH)),
        expected="refuted",
        reason="tanh(z) has multiplicity 1: the components across v rest while that along v grows, at a rate "
        "that does not shrink with the size, so that the quantity changes more the smaller the weights are",
    )


def _regimes(profile: Profile) -> tuple[Claim, Claim]:
    claim = Claim(
        "phases of wide networks",
        r"with $m^{-\gamma}$ in front and weights of order 1, training of a ReLU network to an equal small "
        r"loss changes its weights by a relative amount of order $m^{\gamma - 1}$ for $\gamma < 1$ (the "
        r"linear regime, where Luo et al. show that it tends to 0; the power is a count), and "
        r"$m^{(\gamma - 1)/2}$ for $\gamma > 1$ (the condensed regime, where it tends to infinity; the power "
        r"is a scaling argument); assumed for the margin: what is left out has relative size at most "
        r"$m^{-|\alpha|}$ with constant 1, $\alpha$ the power, here $\gamma = "
        + ", ".join(map(str, DECAYS))
        + "$",
        Exponent(),
        batched(change_exponent),
        tuple(_regime_point(decay, CHANGE) for decay in DECAYS),
        profile.scale(REGIME_SEEDS),
    )
    regimes = {"linear": partial(_decay, 1, 36), "condensed": partial(_decay, 38, 99)}
    form = ClosedForm("exponent of the width", CHANGE, regimes, partial(_with_exponent, claim))
    return replace(claim, closed_forms=(form,)), _linear_everywhere(claim)


def _decay(low: int, high: int, rng: random.Random) -> Mapping[Symbol, Rational]:
    return {DECAY: Rational(rng.randint(low, high), 37)}


def _regime_point(decay: Rational, exponent: Expr) -> Point:
    """The margin is the finite-size term that the scaling argument names, with an assumed constant of 1.

    Two things of relative order m^(-|exponent|) are left out: for gamma < 1 training leaves its linearization
    by the relative change itself, and for gamma > 1 the trained weights remember the initial ones by its
    inverse. Between two widths this moves the slope by at most as much, at the first, over ln of their ratio.
    """
    parameters = {
        "decay": float(decay),
        "widths": WIDTHS,
        "inputs": REGIME_INPUTS,
        "targets": REGIME_TARGETS,
        "loss": SMALL_LOSS,
    }
    order = abs(float(CHANGE.subs(DECAY, decay)))
    margin = WIDTHS[0] ** -order / log(WIDTHS[1] / WIDTHS[0])
    predicted = float(value_of(exponent, {DECAY: decay}))
    return Point(parameters, predicted, margin=margin, resolution=RESOLUTION)


def _with_exponent(claim: Claim, form: Expr) -> Claim:
    return replace(claim, grid=tuple(_regime_point(decay, form) for decay in DECAYS))


def _linear_everywhere(claim: Claim) -> Claim:
    return replace(
        claim,
        name="exponent of the linear regime in the condensed one",
        statement=r"the relative amount is of order $m^{\gamma - 1}$ for $\gamma > 1$ too",
        grid=(_regime_point(DECAYS[-1], DECAY - 1),),
        expected="refuted",
        reason="for gamma > 1 training does not stay near its linearization: weights stop to grow where the "
        "network fits, at m^(-gamma) m r^2 of order 1",
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
