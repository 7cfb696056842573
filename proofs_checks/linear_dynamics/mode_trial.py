"""Modes on trial: aligned networks of any depth, trained by descent and extrapolated to the flow.

The flow is the limit of descent as its step tends to 0: from four step sizes, each half of the one before,
Richardson's extrapolation removes the first three orders. The difference of the last two levels is the unit
of all residuals: it is of the third order, what is left of the fourth.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from math import atanh
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.integrate import quad
from sympy import Expr, Integer, Rational, Symbol

from numerics import linear_networks
from proofs_checks.challenge import Sampler
from proofs_checks.insertion import value_of
from proofs_checks.linear_dynamics import networks
from proofs_checks.linear_dynamics.networks import Problem, Weights
from proofs_checks.lowering import lower
from theory.linear_dynamics import modes as w

LEVELS = (3.0, 1.7, 0.9)  # s of the modes
COVARIANCE = (1.3, 0.8, 0.6)  # mu of the modes; 1 in the other directions
LEVELS_OF_STEPS = 4
DURATION, FEWEST_STEPS = 0.8, 80
COARSEST = 0.02  # step of the delay; s eta = 0.06
SMALL_STEP = 0.01
FLOOR = 1e-12  # of residuals: rounding of some thousand steps

Modal = Float[np.ndarray, " modes"]


class Limit(NamedTuple):
    """What descent tends to, and the difference of the last two levels of the extrapolation."""

    value: Float[np.ndarray, ...]
    unit: Float[np.ndarray, ...]


def limit(values: Sequence[Float[np.ndarray, ...]]) -> Limit:
    """Richardson's extrapolation of values at steps eta, eta / 2, eta / 4, ... with an expansion in eta.

    A term may nearly vanish by accident. So the unit is no smaller than what the differences d_1, d_2, ... of
    the levels before let expect of the last one, if they shrink by equal factors: d_2^2 / d_1.
    """
    rows, finest = [np.asarray(value) for value in values], []
    for order in range(1, len(values)):
        finest.append(rows[-1])
        rows = [(2**order * fine - coarse) / (2**order - 1) for coarse, fine in pairwise(rows)]
    steps = [np.abs(after - before) for before, after in pairwise([*finest, rows[0]])]
    expected = steps[-2] ** 2 / (steps[-3] + FLOOR)
    return Limit(rows[0], np.maximum(steps[-1], expected) + FLOOR)


def modal(layers: Weights, data: Problem, count: int) -> Float[np.ndarray, "modes modes"]:
    """The product in the singular directions of the data."""
    product = linear_networks.product(layers)
    return np.asarray(data.left[:, :count].T @ product @ data.right[:, :count])


def flowed(layers: Weights, data: Problem, time: float, coarsest: int, count: int) -> Limit:
    """The modes of the product after this time of the gradient flow, from descent."""
    values = []
    for halving in range(LEVELS_OF_STEPS):
        steps = coarsest * 2**halving
        values.append(modal(networks.descent(layers, data, time / steps, steps), data, count))
    return limit(values)


def _setting(
    seed: int, widths: Sequence[int], turned: float, ratio: float
) -> tuple[Problem, Weights, list[Modal]]:
    """Data, aligned layers, and the entries of every layer; ``ratio`` multiplies the last one."""
    draws = np.random.default_rng(seed)
    count = min(*widths, len(LEVELS))
    data = networks.problem(draws, widths, LEVELS[:count], COVARIANCE[: min(count, widths[0])], turned)
    size = draws.uniform(0.25, 0.5, size=count)
    entries = [size for _ in range(len(widths) - 1)]
    entries[-1] = ratio * size
    return data, networks.aligned_layers(draws, data, widths, entries), entries


@lru_cache(maxsize=256)
def _trained(seed: int, widths: tuple[int, ...], turned: float, ratio: float) -> tuple[list[Modal], Limit]:
    """The entries of the layers at the start, and the modes at the end; mutants share them."""
    data, layers, entries = _setting(seed, widths, turned, ratio)
    return entries, flowed(layers, data, DURATION, FEWEST_STEPS, len(entries[0]))


def two_layer_residual(
    seed: int,
    widths: Sequence[int],
    *,
    ratio: float = 1.0,
    turned: float = 0.0,
    curve: Expr = w.CURVE,
) -> float:
    """Largest distance of the modes of a trained two-layer network from their curve, in units of the limit.

    Off-diagonal entries count too: the modes must not mix. Faults: ``ratio`` of the layers, which leaves the
    logistic curve, and data ``turned`` so that the moments do not commute.
    """
    entries, found = _trained(seed, (widths[0], widths[1], widths[-1]), turned, ratio)
    expected = np.diag(_curve(curve, entries, DURATION))
    return float(np.max(np.abs(found.value - expected) / np.max(found.unit)))


def _curve(curve: Expr, entries: Sequence[Modal], time: float) -> Modal:
    """The closed form at every mode, with the letters it has."""
    first, second = entries
    found = []
    for mode, (a, b) in enumerate(zip(first, second, strict=True)):
        s, mu = LEVELS[mode], COVARIANCE[mode]
        known = {w.RATE: s, w.VARIANCE: mu, w.SEED: a * b, w.TIME: time}
        gap = abs(a**2 - b**2)
        if gap:
            # u = c x / (1 - x^2) at the start, and the phase k that it gives.
            start = (np.sqrt(gap**2 + 4 * (a * b) ** 2) - gap) / (2 * a * b)
            speed = np.sqrt((mu * gap) ** 2 + 4 * s**2)
            known |= {w.GAP: gap, w.SHIFT: atanh((2 * s * start + mu * gap) / speed)}
        found.append(_at(curve, tuple(known.items())))
    return np.asarray(found)


@lru_cache(maxsize=4096)
def _at(form: Expr, known: tuple[tuple[Symbol, float], ...]) -> float:
    letters = form.free_symbols
    return float(value_of(form, {letter: Rational(value) for letter, value in known if letter in letters}))


def deep_residual(
    seed: int, widths: Sequence[int], *, ratio: float = 1.0, turned: float = 0.0, pace: Expr = w.PACE
) -> float:
    """Largest difference of the time that every mode took by its pace from the time of training.

    In units of the extrapolation's, carried over to times by the pace. The modes have not reached their ends.
    """
    entries, found = _trained(seed, tuple(widths), turned, ratio)
    starts = np.prod(np.stack(entries), axis=0)
    worst = float(np.max(np.abs(found.value - np.diag(np.diagonal(found.value))) / np.max(found.unit)))
    for mode, (start, end) in enumerate(zip(starts, np.diagonal(found.value), strict=True)):
        known = {w.RATE: LEVELS[mode], w.VARIANCE: COVARIANCE[mode], w.DEPTH: len(widths) - 1}
        speed = _numeric(pace, tuple(known.items()))
        taken, error = quad(lambda u, speed=speed: 1 / speed(u), start, end, epsabs=1e-13, epsrel=1e-12)
        unit = np.max(found.unit) / abs(speed(end)) + error
        worst = max(worst, float(abs(taken - DURATION) / unit))
    return worst


def _numeric(pace: Expr, known: tuple[tuple[Symbol, float], ...]) -> Callable[[float], float]:
    """The pace as a function of u."""
    letters = [letter for letter, _ in known]
    numbers = [float(number) for _, number in known]
    function = lower(pace, (*letters, w.VALUE))
    return lambda u: float(function(*numbers, u))


def descent_delay(seed: int, widths: Sequence[int], *, delay: Expr = w.HALF_DELAY) -> float:
    """How far the delay of descent at half-time, per step, is from its closed form, in units of the limit.

    Of the fastest mode of a two-layer network; between steps the half-time is interpolated in the log-odds.
    """
    data, layers, entries = _setting(seed, (widths[0], widths[1], widths[-1]), 0.0, 1.0)
    s, mu, start = LEVELS[0], COVARIANCE[0], float(entries[0][0] * entries[1][0])
    known = tuple({w.RATE: s, w.VARIANCE: mu, w.SEED: start}.items())
    flow = _at(w.HALF_TIME, known)
    late = []
    for halving in range(LEVELS_OF_STEPS):
        step = COARSEST / 2**halving
        late.append(np.asarray([(_half_time(layers, data, step, flow, s / mu) - flow) / step]))
    found = limit(late)
    return float(abs(found.value[0] - _at(delay, known)) / found.unit[0])


def _half_time(layers: Weights, data: Problem, step: float, guess: float, end: float) -> float:
    """When the log-odds of the first mode vanish, through the five steps nearest to the guess."""
    first = round(guess / step) - 2
    current, odds = networks.descent(layers, data, step, first), []
    for _ in range(5):
        u = float(modal(current, data, 1)[0, 0])
        odds.append(np.log(u / (end - u)))
        current = networks.descent(current, data, step, 1)
    inverse = np.polyfit(odds, np.arange(5.0), 4)
    return float(step * (first + inverse[-1]))


def modes_learned(
    seed: int, widths: Sequence[int], *, delta: float, tau: float, turned: float = 0.0
) -> float:
    """How many modes are beyond half of their ends after the time delta tau, from layers of size e^-delta."""
    ends = (widths[0], widths[1], widths[-1])
    draws = np.random.default_rng(seed)
    count = min(*ends, len(LEVELS))
    data = networks.problem(draws, ends, LEVELS[:count], COVARIANCE[: min(count, ends[0])], turned)
    layers = networks.aligned_layers(draws, data, ends, [np.full(count, np.exp(-delta))] * 2)
    steps = round(delta * tau / SMALL_STEP)
    found = np.diagonal(modal(networks.descent(layers, data, SMALL_STEP, steps), data, count))
    return float(np.sum(found > np.asarray(LEVELS[:count]) / np.asarray(COVARIANCE[:count]) / 2))


def seed_error(seed: int, widths: Sequence[int], *, scale: float, balanced: bool = True) -> float:
    """Log-odds of the fastest mode of small random layers, less those of its closed form, near half-time.

    The effective seed is |W_2^T u + W_1 v|^2 / 4; the fault takes |W_2^T u| |W_1 v|, as if they agreed.
    """
    ends = (widths[0], widths[1], widths[-1])
    draws = np.random.default_rng(seed)
    data = networks.problem(draws, ends, LEVELS[: min(ends[0], ends[2], len(LEVELS))])
    shapes = [(after, before) for before, after in pairwise(ends)]
    layers = tuple(scale * draws.normal(size=shape) / np.sqrt(shape[1]) for shape in shapes)
    upper, lower = layers[1].T @ data.left[:, 0], layers[0] @ data.right[:, 0]
    start = np.sum((upper + lower) ** 2) / 4
    if not balanced:
        start = np.linalg.norm(upper) * np.linalg.norm(lower)
    time = float(np.log(LEVELS[0] / start) / (2 * LEVELS[0]))
    u = float(flowed(layers, data, time, FEWEST_STEPS, 1).value[0, 0])
    expected = 2 * LEVELS[0] * time + np.log(start / (LEVELS[0] - start))
    return float(np.log(u / (LEVELS[0] - u)) - expected)


def letters(*names: Symbol) -> Mapping[str, Sampler]:
    """Samplers of a closed form in these letters: seeds below their ends, before and after half-time."""

    def sampler(early: bool) -> Sampler:
        def sample(rng: random.Random) -> Mapping[Symbol, Rational]:
            low, high = (10, 40) if early else (60, 150)
            drawn = {
                w.RATE: Rational(rng.randint(80, 300), 100),
                w.VARIANCE: Rational(rng.randint(55, 135), 100),
                w.SEED: Rational(rng.randint(5, 30), 100),
                w.VALUE: Rational(rng.randint(5, 50), 100),
                w.TIME: Rational(rng.randint(low, high), 100),
                w.GAP: Rational(rng.randint(5, 40), 100),
                w.SHIFT: Rational(rng.randint(5, 60), 100),
                w.DEPTH: Integer(rng.randint(2, 6)),
            }
            return {letter: drawn[letter] for letter in names}

        return sample

    return {"early": sampler(True), "late": sampler(False)}
