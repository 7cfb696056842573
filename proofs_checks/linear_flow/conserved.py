"""The conservation laws against trained networks, exact steps and the flow."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.integrate import solve_ivp
from sympy import Expr

from numerics import linear_networks
from proofs_checks.linear_flow import training
from proofs_checks.linear_flow.common import Entries, evaluated, extrapolated, setting_of
from proofs_checks.linear_flow.training import Setting
from theory.linear_flow.balance import (
    DRIFTED,
    FLOWED,
    LEADING,
    STEPPED,
    entry,
    integral,
    lower,
    start,
    t,
    total,
    upper,
)
from theory.linear_flow.chain import decay, eta

HALVINGS = 3
TIME_STEPS = 32  # of the largest step size; the smallest has eight times as many
TOLERANCE = 1e-12  # relative, of the flow's solver
EVALUATIONS = 12  # of the velocity in a step of DOP853


def step_residual(seed: int, *, widths: Sequence[int], form: Expr = STEPPED, **setting: Any) -> float:
    """D_h after each step minus the form, the largest over steps and entries, in units of rounding."""
    given = setting_of(widths, setting)
    found = training.record(seed, tuple(widths), given)
    D, (P, Q) = training.differences(found.layers), training.second_moments(found.slopes)
    letters = {entry: D[:-1], upper: P[:-1], lower: Q[:-1], eta: given.step_size, decay: given.decay[0]}
    error = np.abs(D[1:] - evaluated(form, letters)) / training.rounding(found, given)[:-1, None]
    return float(error.max())


def drift_residual(seed: int, *, widths: Sequence[int], form: Expr = DRIFTED, **setting: Any) -> float:
    """D_h after all steps without decay minus the form, likewise."""
    given = setting_of(widths, setting)
    found = training.record(seed, tuple(widths), given)
    D, G = training.differences(found.layers), training.differences(found.slopes)
    letters = {start: D[0], total: G[:-1].sum(axis=0), eta: given.step_size}
    budget = training.rounding(found, given).sum()
    return float(np.abs(D[-1] - evaluated(form, letters)).max() / budget)


def drift_limit(seed: int, *, widths: Sequence[int], form: Expr = LEADING, **setting: Any) -> float:
    """Drift over the step size, extrapolated to none, minus the form over the step size, relative.

    Powers of the step size are removed one by one from the drifts at one time with the step size, a half, a
    quarter and an eighth of it (Romberg's scheme). The largest entry is relative to the largest integral of
    |G_{h+1}^T G_{h+1}| + |G_h G_h^T|, which does not cancel.
    """
    given = setting_of(widths, setting)
    limit = flow(seed, tuple(widths), given)
    rates, scale = [], 0.0
    for halvings in range(HALVINGS + 1):
        finer = given._replace(step_size=given.step_size / 2**halvings)
        found, steps = training.record(seed, tuple(widths), finer), TIME_STEPS * 2**halvings
        D, moments = training.differences(found.layers), training.second_moments(found.slopes)
        predicted = evaluated(form, {integral: limit.integral, eta: finer.step_size})
        rates.append((D[steps] - D[0] - predicted) / finer.step_size)
        scale = finer.step_size * float(sum(np.abs(one[:steps]).sum(axis=0).max() for one in moments))
    return float(np.abs(extrapolated(rates)).max() / scale)


def flow_residual(seed: int, *, widths: Sequence[int], form: Expr = FLOWED, **setting: Any) -> float:
    """D_h along the flow minus the form, the largest over times and entries, in units of the solver's."""
    given = setting_of(widths, setting)
    found = flow(seed, tuple(widths), given)
    letters = {start: found.differences[0], decay: given.decay[0], t: found.times[:, None]}
    return float(np.abs(found.differences - evaluated(form, letters)).max() / found.budget)


class Flow(NamedTuple):
    """D_h at some times, the integral of the same differences of the gradients up to the last, and an error.

    ``budget`` bounds the error of an entry of D_h. What D_h does it does from every point, so that the errors
    of single steps only add: each is at most the solver's tolerance, and moves D_h by 2 |W| times as much.
    """

    times: Float[np.ndarray, " times"]
    differences: Entries
    integral: Entries
    budget: float


@lru_cache(maxsize=64)
def flow(seed: int, widths: tuple[int, ...], given: Setting) -> Flow:
    """dW_h / dt = -G_h - lambda_h W_h from the layers of the training with this seed."""
    layers, task = training.problem(np.random.default_rng(seed), widths)
    sizes = [layer.size for layer in layers]
    cuts, count = np.cumsum(sizes)[:-1], sum(sizes)

    def unpacked(state: Entries) -> list[Entries]:
        parts = np.split(state[:count], cuts)
        return [part.reshape(layer.shape) for part, layer in zip(parts, layers, strict=True)]

    def velocity(_: float, state: Entries) -> Entries:
        found = unpacked(state)
        slopes = _slopes(found, task, bool(given.logistic))
        moved = [-G - shrink * W for G, shrink, W in zip(slopes, given.decay, found, strict=True)]
        return np.concatenate([*(one.ravel() for one in moved), _between(slopes)])

    first = np.concatenate([*(layer.ravel() for layer in layers), np.zeros_like(_between(layers))])
    times = np.linspace(0, TIME_STEPS * given.step_size, 5)
    options = {"method": "DOP853", "rtol": TOLERANCE, "atol": TOLERANCE, "dense_output": False}
    solved = solve_ivp(velocity, (0, times[-1]), first, t_eval=times, **options)
    states = solved.y.T
    largest = float(np.linalg.norm(states[:, :count], axis=1).max())
    steps = solved.nfev / EVALUATIONS
    budget = 2 * largest * steps * TOLERANCE * (np.sqrt(first.size) + largest)
    between = np.array([_between(unpacked(state)) for state in states])
    return Flow(times, between, states[-1, count:], float(budget))


def _slopes(layers: Sequence[Entries], task: training.Task, logistic: bool) -> tuple[Any, ...]:
    gradient = training.product_gradient(np.asarray(linear_networks.product(layers)), task, logistic)
    return linear_networks.layer_gradients(layers, gradient)


def _between(matrices: Sequence[Entries]) -> Entries:
    found = [high.T @ high - low @ low.T for low, high in pairwise(matrices)]
    return np.concatenate([one.ravel() for one in found])
