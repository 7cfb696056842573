"""Energy propagation on trial: ReLU networks, tight frames and random filters, and their controls."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from math import cos, pi, sqrt

from sympy import Expr, Integer, Matrix, N, Rational, Symbol

from proofs_checks.challenge import ClosedForm
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Identity, Mean
from proofs_checks.insertion import value_of
from proofs_checks.profile import Profile
from proofs_checks.random_layers.energy import filtered_energy, frame_residual, network_energy
from theory.kernels.energy_propagation import (
    CHANNELS,
    DEPTH,
    ENERGY,
    FILTERS,
    SQUARES,
    TAPS,
    TAU,
    log_moments,
)
from theory.random_layers.units import WIDTH

Sizes = tuple[int, ...] | int
NETWORKS, SEEDS, CONTROL_SEEDS = 64, 192, 24
# Layers over which second moments are tested: products become heavy-tailed, and logarithms do not. In narrow
# networks two layers are too many.
STEPS, NARROW = 2, 10
LENGTH, BLOCKS = 16, 256
LINE, PLANE, SQUARE = (1, LENGTH), (4, 4), 2  # the signals in one dimension and as images; sides of filters
FRAMES = 64
ROWS, COLUMNS = 9, 5
# Shares of the prediction in the quick profile.
MEAN_RESOLUTION, SQUARE_RESOLUTION, LOG_RESOLUTION, VARIANCE_RESOLUTION = 0.02, 0.04, 0.03, 0.045


def signals() -> tuple[tuple[Rational, ...], ...]:
    """A unit pulse, a constant, a smooth one and a rough one."""
    smooth = tuple(Rational(round(100 * (1 + cos(2 * pi * t / LENGTH))), 100) for t in range(LENGTH))
    rough = tuple(Rational((7 * t * t + 3 * t) % 11 - 4, 5) for t in range(LENGTH))
    pulse = tuple(Integer(int(t == 0)) for t in range(LENGTH))
    return pulse, (Integer(1),) * LENGTH, smooth, rough


def claims(
    profile: Profile,
    widths: Sizes = 12,
    depth: Sizes = 4,
    taps: Sizes = 5,
    channels: Sizes = 2,
) -> tuple[Claim, ...]:
    """Networks, frames and filters, each with a control or two."""
    n, layers, k, c = (
        values if isinstance(values, int) else values[0] for values in (widths, depth, taps, channels)
    )
    network = _network(profile, n, layers)
    frames = _frames(profile)
    filters = _filters(profile, k, c)
    return (
        network,
        frames,
        filters,
        _small_weights(network),
        *_broken_frames(frames),
        *_white(filters, k, c),
    )


def _network_claim(profile: Profile, width: int, depth: int, squares: Expr) -> Claim:
    mean, variance = (float(N(value, 30)) for value in log_moments(width))
    steps = min(STEPS if width >= NARROW else 1, depth)
    alive = [(1 - 0.5**width) ** layer for layer in range(depth + 1)]
    defined = sum(alive[: depth + 1 - steps]) / (depth + 1 - steps)
    second, truth = (
        float(value_of(form, {WIDTH: Integer(width), DEPTH: Integer(steps)}))
        for form in (squares, SQUARES.rhs)
    )
    predicted = (defined, defined * second, alive[-1] * depth * mean, alive[-1] * depth * variance)
    # The drift is small beside the spread where networks are wide and shallow.
    sizes = (1.0, truth, max(abs(predicted[2]), 0.5 * sqrt(predicted[3])), predicted[3])
    shares = (MEAN_RESOLUTION, SQUARE_RESOLUTION, LOG_RESOLUTION, VARIANCE_RESOLUTION)
    parameters = {
        "width": width,
        "depth": depth,
        "networks": NETWORKS,
        "gain": 2.0,
        "drift": depth * mean,
        "steps": steps,
    }
    resolution = tuple(share * size / sqrt(profile.factor) for share, size in zip(shares, sizes, strict=True))
    return Claim(
        "energy of ReLU networks",
        rf"over {steps} layers the energy grows by a factor of mean 1 and second moment "
        rf"$(1 + 5/m)^{{{steps}}}$; mean and variance of $\ln q_{{{depth}}}$; exactly, at width {width} "
        "(what a dead layer leaves undefined counts as 0)",
        Mean(),
        network_energy,
        (Point(parameters, predicted, resolution=resolution),),
        profile.scale(SEEDS),
    )


def _network(profile: Profile, width: int, depth: int) -> Claim:
    def restate(form: Expr) -> Claim:
        return _network_claim(profile, width, depth, form)

    def sample(rng: random.Random) -> Mapping[Symbol, Rational]:
        return {WIDTH: Integer(rng.randint(2, 40)), DEPTH: Integer(rng.randint(1, 9))}

    form = ClosedForm("second moment of the energy", SQUARES.rhs, {"all sizes": sample}, restate)
    return replace(restate(SQUARES.rhs), closed_forms=(form,))


def _small_weights(claim: Claim) -> Claim:
    (point,) = claim.grid
    return replace(
        claim,
        name="weights of variance 1/m",
        grid=(replace(point, parameters={**point.parameters, "gain": 1.0}),),
        seeds=claim.seeds * CONTROL_SEEDS // SEEDS,
        expected="refuted",
        reason="with weights of variance 1/m every layer halves the energy in the mean: ln q_L falls by L "
        "ln 2",
        closed_forms=(),
    )


def _frames(profile: Profile) -> Claim:
    parameters = {"rows": ROWS, "columns": COLUMNS, "activation": "concatenated", "dropped": 0}
    return Claim(
        "tight frames keep energy",
        rf"$|\rho(W x)|^2 + |\rho(-W x)|^2 = |x|^2$ for random {ROWS} x {COLUMNS} matrices with $W^T W = "
        rf"I$, up "
        "to rounding",
        Identity(),
        frame_residual,
        (Point(parameters, 0.0, margin=1.0),),
        profile.scale(FRAMES),
    )


def _broken_frames(claim: Claim) -> tuple[Claim, Claim]:
    (point,) = claim.grid

    def broken(name: str, reason: str, **changes: object) -> Claim:
        changed = replace(point, parameters={**point.parameters, **changes})
        return replace(claim, name=name, reason=reason, expected="refuted", grid=(changed,))

    return (
        broken(
            "frame that is not tight", "one row of the frame is 0: its share of the energy is lost", dropped=1
        ),
        broken(
            "one sign alone",
            "a plain ReLU in place of both signs keeps half of the energy on average, not for each input",
            activation="relu",
        ),
    )


@lru_cache(maxsize=8)
def _autocorrelations(
    taps: int, sides: tuple[int, int] = LINE, rows: int = 1
) -> tuple[tuple[Rational, Rational], ...]:
    """|x|^2 and tr R^2 of each signal, for filters of ``rows`` x ``taps``."""
    found = []
    for x in signals():
        shifted = Matrix(
            [
                [
                    x[(i - r) % sides[0] * sides[1] + (j - s) % sides[1]]
                    for i in range(sides[0])
                    for j in range(sides[1])
                ]
                for r in range(rows)
                for s in range(taps)
            ]
        )
        correlation = shifted * shifted.T
        found.append((correlation[0, 0], (correlation * correlation).trace()))
    return tuple(found)


def _filters_point(
    profile: Profile, sides: tuple[int, int], rows: int, taps: int, channels: int, relative: Expr
) -> Point:
    def values(form: Expr) -> tuple[float, ...]:
        sizes = {TAPS: Integer(rows * taps), CHANNELS: Integer(channels)}
        pairs = _autocorrelations(taps, sides, rows)
        return tuple(float(value_of(form, {**sizes, ENERGY: e, TAU: tau})) for e, tau in pairs)

    truth = values(FILTERS.rhs)
    parameters = {
        "signals": tuple(tuple(map(float, x)) for x in signals()),
        "sides": sides,
        "filters": (rows, taps),
        "channels": channels,
        "blocks": BLOCKS,
    }
    resolution = (*(MEAN_RESOLUTION for _ in truth), *(VARIANCE_RESOLUTION * value for value in truth))
    return Point(
        parameters,
        (*(1.0 for _ in truth), *values(relative)),
        resolution=tuple(value / sqrt(profile.factor) for value in resolution),
    )


def _filters_claim(profile: Profile, taps: int, channels: int, relative: Expr) -> Claim:
    return Claim(
        "energy of random filters",
        rf"{channels} circular filters of {taps} taps keep energy in the mean, with relative variance "
        r"$2 \mathrm{tr} R^2 / (k^2 c |x|^4)$, exactly: a pulse, a constant, a smooth and a rough signal; "
        rf"and, as images of {PLANE[0]} x {PLANE[1]}, under filters of {SQUARE} x {SQUARE}",
        Mean(),
        filtered_energy,
        (
            _filters_point(profile, LINE, 1, taps, channels, relative),
            _filters_point(profile, PLANE, SQUARE, SQUARE, channels, relative),
        ),
        profile.scale(SEEDS),
    )


def _filters(profile: Profile, taps: int, channels: int) -> Claim:
    def restate(form: Expr) -> Claim:
        return _filters_claim(profile, taps, channels, form)

    def sample(rng: random.Random) -> Mapping[Symbol, Rational]:
        energy, k = Rational(rng.randint(1, 90), 10), rng.randint(2, 9)
        share = Rational(rng.randint(100, 100 * k), 100)  # tr R^2 lies between k e^2 and k^2 e^2
        return {
            TAPS: Integer(k),
            CHANNELS: Integer(rng.randint(2, 9)),
            ENERGY: energy,
            TAU: k * share * energy**2,
        }

    form = ClosedForm("relative variance of the energy", FILTERS.rhs, {"all signals": sample}, restate)
    return replace(restate(FILTERS.rhs), closed_forms=(form,))


def _white(claim: Claim, taps: int, channels: int) -> tuple[Claim, ...]:
    """Where there is more than one tap, smooth signals fluctuate more than white ones."""
    if taps == 1:
        return ()
    point = claim.grid[0]
    count = len(signals())
    wrong = (*(1.0,) * count, *(2 / (taps * channels),) * count)
    return (
        replace(
            claim,
            name="every signal taken as white",
            statement=r"the relative variance is $2 / (k c)$",
            grid=(replace(point, predicted=wrong),),
            seeds=claim.seeds * CONTROL_SEEDS // SEEDS,
            expected="refuted",
            reason="the outputs of one filter at different places are dependent: only for a white signal "
            "does "
            "the energy fluctuate as k c independent squares do",
            closed_forms=(),
        ),
    )
