"""The velocity of a product of balanced layers, beside the gradient that the product itself preconditions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from sympy import Expr

from numerics import linear_networks
from proofs_checks.linear_flow import training
from proofs_checks.linear_flow.common import Entries, evaluated, extrapolated, setting_of
from proofs_checks.linear_flow.training import Setting, Start, Task
from theory.linear_flow.balanced import a, b, gain, norm, radial, tangential

HALVINGS = 3
TIME_STEPS = 16  # of the largest step size: training is then on its way still


class Velocity(NamedTuple):
    """The product, its gradient, the velocity through the layers, and a rounding budget of the latter."""

    product: Entries
    gradient: Entries
    rate: Entries
    budget: float


def velocity_residual(
    seed: int, *, widths: Sequence[int], form: Expr | None = None, stretch: float = 1.0, **setting: Any
) -> float:
    """The velocity by the gradients that JAX takes in the layers, minus that by the form, in roundings."""
    found = _measured(seed, tuple(widths), setting_of(widths, setting), Start(True, stretch))
    depth = len(widths) - 1
    inserted = gain(depth) if form is None else form
    predicted = -_preconditioned(found.product, found.gradient, min(widths), depth, inserted)
    return float(np.abs(found.rate - predicted).max() / found.budget)


def single_output_residual(
    seed: int,
    *,
    widths: Sequence[int],
    along: Expr | None = None,
    across: Expr | None = None,
    stretch: float = 1.0,
    **setting: Any,
) -> tuple[float, float]:
    """The same for one output, along w and across: what multiplies the gradient there minus the form."""
    depth = len(widths) - 1
    found = _propagated(seed, (*widths[:-1], 1), setting_of(widths, setting), Start(True, stretch))
    length = np.linalg.norm(found.product)
    unit = found.product / length
    forms = (radial(depth) if along is None else along, tangential(depth) if across is None else across)
    gains = [evaluated(form, {norm: length}) for form in forms]
    residuals = [
        part(found.rate, unit) + gained * part(found.gradient, unit)
        for part, gained in zip((_along, _across), gains, strict=True)
    ]
    return tuple(float(np.abs(one).max() / found.budget) for one in residuals)  # type: ignore[return-value]


def product_limit(
    seed: int,
    *,
    widths: Sequence[int],
    layers: int | None = None,
    stretch: float = 1.0,
    form: Expr | None = None,
    **setting: Any,
) -> float:
    """The product of trained layers, extrapolated to vanishing steps, minus the preconditioned flow.

    The distance is relative to the way of the product. ``layers`` is the depth with which is preconditioned,
    by default that of the network.
    """
    given, start = setting_of(widths, setting), Start(True, stretch)
    ends = []
    for halvings in range(HALVINGS + 1):
        finer = given._replace(step_size=given.step_size / 2**halvings)
        found = training.record(seed, tuple(widths), finer, start).layers
        ends.append(_product(found, TIME_STEPS * 2**halvings))
    first = _product(found, 0)
    depth = len(widths) - 1 if layers is None else layers
    inserted = gain(depth) if form is None else form
    predicted = _flow(first, _task(seed, widths, start), given, min(widths), depth, inserted)
    return float(np.linalg.norm(extrapolated(ends) - predicted) / np.linalg.norm(predicted - first))


def _task(seed: int, widths: Sequence[int], start: Start) -> Task:
    """The task of the training with this seed."""
    return training.problem(np.random.default_rng(seed), widths, start)[1]


def _flow(first: Entries, task: Task, given: Setting, rank: int, depth: int, form: Expr) -> Entries:
    """dW / dt = - preconditioned gradient up to the time of the training, by the Runge-Kutta rule of order 4.

    Equal steps, half of the training's largest: their error is far below what extrapolation leaves, and a
    wrong form cannot keep the solver busy.
    """

    def velocity(W: Entries) -> Entries:
        gradient = training.product_gradient(W, task, bool(given.logistic))
        return -_preconditioned(W, gradient, rank, depth, form)

    step, W = given.step_size / 2, first
    for _ in range(2 * TIME_STEPS):
        first_slope = velocity(W)
        second = velocity(W + step / 2 * first_slope)
        third = velocity(W + step / 2 * second)
        W = W + step / 6 * (first_slope + 2 * second + 2 * third + velocity(W + step * third))
    return W


def _preconditioned(W: Entries, gradient: Entries, rank: int, depth: int, form: Expr) -> Entries:
    """U (form(s_r, s_q) times entry (r, q) of U^T G V) V^T with s the roots of all singular values.

    Those beyond the rank are zeros: a small power of what rounding leaves in their place would be large.
    """
    if not np.all(np.isfinite(W)):  # of a wrong form; the judge is told
        return np.full_like(W, np.nan)
    U, values, Vt = np.linalg.svd(W)
    roots = [np.pad(values[:rank], (0, size - rank)) ** (1 / depth) for size in W.shape]
    gains = evaluated(form, {a: roots[0][:, None], b: roots[1][None, :]})
    with np.errstate(all="ignore"):
        return np.asarray(U @ (gains * (U.T @ gradient @ Vt.T)) @ Vt)


def _measured(seed: int, widths: tuple[int, ...], given: Setting, start: Start) -> Velocity:
    found = training.record(seed, widths, given, start)
    layers, slopes = ([one[0] for one in stacks] for stacks in (found.layers, found.slopes))
    return _velocity(layers, slopes, found.task, given)


def _propagated(seed: int, widths: tuple[int, ...], given: Setting, start: Start) -> Velocity:
    layers, task = training.problem(np.random.default_rng(seed), widths, start)
    gradient = training.product_gradient(
        np.asarray(linear_networks.product(layers)), task, bool(given.logistic)
    )
    return _velocity(layers, linear_networks.layer_gradients(layers, gradient), task, given)


def _velocity(layers: Sequence[Any], slopes: Sequence[Any], task: Task, given: Setting) -> Velocity:
    """d/dt (W_H ... W_1) = - sum of W_H ... W_{h+1} G_h W_{h-1} ... W_1.

    The budget has the longest chain of operations, and the conditioning of the roots of singular values of
    LEAST or more; the 1 is for the logistic loss.
    """
    W = np.asarray(linear_networks.product(layers))
    below = list(accumulate(layers[:-1], lambda held, layer: layer @ held, initial=np.eye(W.shape[1])))
    above = list(accumulate(layers[:0:-1], lambda held, layer: held @ layer, initial=np.eye(W.shape[0])))
    rate = -sum(L @ G @ R for L, G, R in zip(reversed(above), slopes, below, strict=True))
    gradient = training.product_gradient(W, task, bool(given.logistic))
    sizes = sum(layer.shape[1] for layer in layers) + W.shape[0] + len(task.inputs)
    spread = max(float(np.linalg.norm(layer, ord=2)) for layer in layers) ** (2 * len(layers))
    scale = (
        len(layers)
        * spread
        * sum(float(np.linalg.norm(one)) for one in task[:2])
        * (float(np.linalg.norm(task.inputs)) + 1)
    )
    return Velocity(W, gradient, rate, 4 * sizes * training.UNIT * scale / training.LEAST**2)


def _product(stacks: Sequence[Any], step: int) -> Entries:
    return np.asarray(linear_networks.product([stack[step] for stack in stacks]))


def _along(row: Entries, unit: Entries) -> Entries:
    return row @ unit.T


def _across(row: Entries, unit: Entries) -> Entries:
    return row - row @ unit.T @ unit
