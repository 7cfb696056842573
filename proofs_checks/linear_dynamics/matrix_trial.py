"""The matrix solution on trial: gradient flow and descent of two-layer networks against the closed form."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from sympy import Expr, Integer, Rational, Symbol

from numerics import linear_networks
from numerics.matrix_riccati import riccati_factors
from proofs_checks.challenge import Sampler
from proofs_checks.insertion import value_of
from proofs_checks.linear_dynamics import networks
from proofs_checks.linear_dynamics.networks import Matrix, Problem, Weights
from proofs_checks.lowering import lower
from theory.linear_dynamics.matrix_rows import DRIFT, FASTEST, GAIN, GROWTH, RATE, SIZE, SPREAD, TIME

TIMES = (0.0, 0.3, 0.9, 2.1)
LEVELS = (3.0, 1.7, 0.9, 0.5)
NEAR = 1e-5


def flow_residual(
    seed: int,
    widths: Sequence[int],
    balance: float,
    *,
    rank: int,
    covariance: Sequence[float] = (),
    upper: float = 1.0,
    growth: Expr = GROWTH,
    gain: Expr = GAIN,
) -> float:
    """Largest distance of Q Q^T along the flow from the closed form, in units of the solver's own error.

    ``rank`` modes are not zero. Faults: ``covariance`` of inputs that are not white; ``upper`` multiplies
    W_2.

    The unit is steps (r |Q| + a) e^{f t} 2 |Q|: local errors by the tolerances r and a, which the flow
    amplifies by at most e^{f t} with f the largest eigenvalue of F, because dQ/dt = F Q - (gradient of
    |Q^T Q|^2 / 8), a convex function.
    """
    data, layers = _start(seed, widths, balance, rank, covariance, upper)
    course = networks.flow(layers, data, TIMES)
    stacks = np.stack([stacked(pair) for pair in zip(*course.layers, strict=True)])
    size = np.linalg.norm(stacks, axis=(1, 2))
    fastest = np.linalg.eigvalsh(generator(data, balance))[-1]
    local = course.steps * (networks.RELATIVE * size + networks.ABSOLUTE)
    budget = local * np.exp(fastest * np.asarray(TIMES)) * 2 * size
    expected = closed_form(generator(data, balance), stacked(layers), TIMES, growth, gain)
    distance = np.linalg.norm(stacks @ stacks.transpose(0, 2, 1) - expected, axis=(1, 2))
    return float(np.max(distance / budget))


def descent_order(
    seed: int, widths: Sequence[int], balance: float, *, rank: int, step_sizes: Sequence[float], time: float
) -> float:
    """log2 of the ratio of the distances of descent from the closed form, with a step and with half of it.

    The orders o of three step sizes are extrapolated: 2 o(eta / 2) - o(eta) is free of their first order.
    """
    data, layers = _start(seed, widths, balance, rank)
    expected = network_at(data, balance, layers, time)
    distances = []
    for step in step_sizes:
        last = networks.descent(layers, data, step, round(time / step))
        distances.append(np.linalg.norm(linear_networks.product(last) - expected))
    orders = np.log2(np.asarray(distances[:-1]) / np.asarray(distances[1:]))
    return float(2 * orders[1] - orders[0])


def imbalance_share(seed: int, widths: Sequence[int], *, rank: int, scale: float) -> float:
    """Distance of Q Q^T from the solution with lambda = 0, for small random weights, as a part of its bound.

    The bound on |Q - Q'| times |Q| + |Q'|, at the time ln(1 / scale) / s_1 that the first mode takes to rise.
    """
    draws = np.random.default_rng(seed)
    data = networks.problem(draws, widths, LEVELS[:rank])
    shapes = [(after, before) for before, after in pairwise(widths)]
    layers = tuple(scale * draws.normal(size=shape) / np.sqrt(shape[1]) for shape in shapes)
    times = np.linspace(0.0, np.log(1 / scale) / LEVELS[0], len(TIMES))
    course = networks.flow(layers, data, times)
    last = stacked([layer[-1] for layer in course.layers])
    F, start, time = generator(data, 0.0), stacked(layers), float(times[-1])
    (solved,) = riccati_factors(F, start, np.asarray([time]))
    (imbalance,) = linear_networks.imbalances(layers)
    spread, size = np.linalg.norm(imbalance, 2), np.linalg.norm(start)
    drift = lower(DRIFT, (FASTEST, SPREAD, SIZE, TIME))(LEVELS[0], spread, size, time)
    reach = np.linalg.norm(last) + np.linalg.norm(solved)
    return float(np.linalg.norm(last @ last.T - solved @ solved.T) / (drift * reach))


def _start(
    seed: int,
    widths: Sequence[int],
    balance: float,
    rank: int,
    covariance: Sequence[float] = (),
    upper: float = 1.0,
) -> tuple[Problem, Weights]:
    generator_ = np.random.default_rng(seed)
    data = networks.problem(generator_, widths, LEVELS[:rank], covariance)
    first, second = networks.balanced_pair(generator_, widths, balance)
    return data, (first, upper * second)


def stacked(layers: Sequence[Matrix]) -> Matrix:
    """Q = [W_1^T; W_2]."""
    return np.concatenate([layers[0].T, layers[1]])


def generator(data: Problem, balance: float) -> Matrix:
    """F = [-lambda / 2, S^T; S, lambda / 2]."""
    outputs, inputs = data.cross.shape
    half = balance / 2
    return np.block([[-half * np.eye(inputs), data.cross.T], [data.cross, half * np.eye(outputs)]])


def gram_at(F: Matrix, start: Matrix, time: float) -> Matrix:
    """Q Q^T at one time, from step to step."""
    (factor,) = riccati_factors(F, start, np.asarray([time]))
    return np.asarray(factor @ factor.T)


def network_at(data: Problem, balance: float, layers: Sequence[Matrix], time: float) -> Matrix:
    """W_2 W_1 at one time."""
    inputs = data.inputs.shape[1]
    return gram_at(generator(data, balance), stacked(layers), time)[inputs:, :inputs]


def closed_form(
    F: Matrix, start: Matrix, times: Sequence[float], growth: Expr = GROWTH, gain: Expr = GAIN
) -> Float[np.ndarray, "times k k"]:
    """E Q_0 [I + Q_0^T G Q_0]^-1 Q_0^T E with the given functions of the eigenvalues of F."""
    rates, basis = np.linalg.eigh(F)
    rotated = basis.T @ start
    found = []
    for grown, integral in zip(along(growth, rates, times), along(gain, rates, times), strict=True):
        with np.errstate(invalid="ignore", over="ignore"):  # a wrong closed form may have no value: NaN
            outer = (basis * grown) @ rotated
            bracket = np.eye(start.shape[1]) + rotated.T * integral @ rotated
            found.append(outer @ np.linalg.solve(bracket, outer.T))
    return np.stack(found)


def along(form: Expr, rates: Float[np.ndarray, " k"], times: Sequence[float]) -> Float[np.ndarray, "times k"]:
    """A function of eigenvalue and time, at all of them.

    At an eigenvalue 0 it is a limit, taken as the mean of the values at both sides: then what is neglected is
    of second order in NEAR, and rounding of order u / NEAR.
    """
    lowered = lower(form, (RATE, TIME))
    grid, clock = (values.ravel() for values in np.meshgrid(rates, np.asarray(times)))
    vanishing = np.abs(grid) < NEAR**2
    sides = [lowered(np.where(vanishing, side * NEAR, grid), clock) for side in (1, -1)]
    return np.asarray((sides[0] + sides[1]) / 2).reshape(len(times), len(rates))


def eigenvalues() -> Mapping[str, Sampler]:
    """Samplers of the closed forms: growing, decaying and nearly constant directions."""

    def sampler(low: int, high: int) -> Sampler:
        def sample(rng: random.Random) -> Mapping[Symbol, Rational]:
            rate = Rational(rng.randint(low, high), 100)
            return {RATE: rate, TIME: Rational(rng.randint(20, 210), 100)}

        return sample

    return {"growing": sampler(30, 320), "decaying": sampler(-320, -30), "slow": sampler(1, 9)}


def defined(*forms: Expr) -> None:
    """Raise InputError where a form has no finite real value at a generic point or at time 0."""
    for form in forms:
        value_of(form, {RATE: Rational(13, 7), TIME: Rational(1, 3)})
        value_of(form.subs(TIME, Integer(0)), {RATE: Rational(13, 7)})
