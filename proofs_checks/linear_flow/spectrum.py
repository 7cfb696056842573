"""Singular values of deep factorizations in training: how they move, and that none appears."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from sympy import Expr

from numerics import linear_networks
from proofs_checks.linear_flow import training
from proofs_checks.linear_flow.common import Entries, evaluated, extrapolated, setting_of
from proofs_checks.linear_flow.training import Setting, Start
from theory.linear_flow.singular_values import potential, sigma, size, slope, velocity

HALVINGS = 4
POWERS = 3
RANK_STEPS = 32  # of half the step size
TIME_STEPS = 16  # of the largest step size: training is then on its way still


class Course(NamedTuple):
    """Singular values (step, r) of the product before each step, and gamma_r = u_r^T G v_r.

    All steps of a record, so that closed forms see arrays of one shape; ``steps`` reach the common time.
    """

    values: Entries
    slopes: Entries
    step_size: float
    steps: int

    def integral(self, rates: Entries) -> Entries:
        """Over the time, by the trapezoidal rule."""
        inner = rates[1 : self.steps].sum(axis=0)
        return np.asarray(self.step_size * (inner + (rates[0] + rates[self.steps]) / 2))


def movement_errors(
    seed: int, *, widths: Sequence[int], form: Expr | None = None, layers: int | None = None, **options: Any
) -> tuple[float, ...]:
    """Change of sum_r sigma_r^{2 p} / (2 p), p = 1, ..., POWERS, minus what the form gives.

    The form is integrated as sum_r sigma_r^{2 p - 1} form: power sums are smooth where singular values nearly
    meet, and as many of them as there are singular values determine these. The differences are extrapolated
    to vanishing steps, and relative to the integral of the absolute values. ``layers`` is the depth in the
    form, by default that of the network.
    """
    inserted = velocity(layers or len(widths) - 1) if form is None else form
    errors, way = [], np.ones(POWERS)
    for course in _courses(seed, tuple(widths), options):
        rates = evaluated(inserted, {sigma: course.values, slope: course.slopes})
        powers = [course.values ** (2 * p - 1) for p in range(1, POWERS + 1)]
        sums = np.array([(course.values ** (2 * p)).sum(axis=1) / (2 * p) for p in range(1, POWERS + 1)])
        integrals = np.array([course.integral((power * rates).sum(axis=1)) for power in powers])
        errors.append(sums[:, course.steps] - sums[:, 0] - integrals)
        way = np.array([course.integral(np.abs(power * rates).sum(axis=1)) for power in powers])
    return tuple(map(float, extrapolated(errors) / way))


def potential_error(seed: int, *, widths: Sequence[int], form: Expr | None = None, **options: Any) -> float:
    """Change of the potentials of all singular values plus H times the integral of gamma, likewise."""
    depth = len(widths) - 1
    inserted = potential(depth) if form is None else form
    errors, way = [], 1.0
    for course in _courses(seed, tuple(widths), options):
        first, last = (evaluated(inserted, {size: course.values[k]}).sum() for k in (0, course.steps))
        errors.append(last - first + depth * course.integral(course.slopes.sum(axis=1)))
        way = depth * float(course.integral(np.abs(course.slopes).sum(axis=1)))
    return float(extrapolated(errors) / way)


def rank_residual(seed: int, *, widths: Sequence[int], rank: int, idle: float = 0.0, **options: Any) -> float:
    """The largest singular value beyond the first ``rank`` in RANK_STEPS steps, in units of rounding.

    Rounding leaves the space of these layers, and there it grows at most at the rate of the gradient times
    the norms of the other layers.
    """
    given, start = _started(widths, options, rank=rank, idle=idle)
    given = given._replace(step_size=given.step_size / 2)
    found = training.record(seed, tuple(widths), given, start)
    stacks = [stack[:RANK_STEPS] for stack in found.layers]
    W = _products(stacks)
    gradients = training.product_gradient(W, found.task, bool(given.logistic))
    largest = max(1.0, *(np.linalg.norm(stack, ord=2, axis=(1, 2)).max() for stack in stacks))
    growth = given.step_size * np.linalg.norm(gradients, ord=2, axis=(1, 2)).sum()
    growth *= largest ** (len(stacks) - 2)
    budget = _layer_rounding(stacks, found.task, given) * len(stacks) * largest ** (len(stacks) - 1)
    budget *= np.exp(growth)
    return float(np.linalg.svd(W, compute_uv=False)[:, rank].max() / budget)


def _layer_rounding(stacks: Sequence[Entries], task: training.Task, given: Setting) -> float:
    """What rounding may do to all layers in all steps: gradients of the absolute values of all that occurs.

    The 1 is the largest slope of the logistic loss.
    """
    layers = tuple(np.abs(stack).max(axis=0) for stack in stacks)
    inputs, targets = np.abs(task.inputs), np.abs(task.targets)
    outputs = inputs @ np.asarray(linear_networks.product(layers)).T + targets + 1
    slopes = linear_networks.layer_gradients(layers, (task.weights * outputs).T @ inputs)
    sizes = sum(layer.shape[1] for layer in layers) + len(layers[-1]) + len(inputs)
    moved = (
        np.linalg.norm(W) + given.step_size * np.linalg.norm(G) for W, G in zip(layers, slopes, strict=True)
    )
    return float(len(stacks[0]) * 4 * sizes * training.UNIT * sum(moved))


def _courses(seed: int, widths: tuple[int, ...], options: dict[str, Any]) -> list[Course]:
    """The course up to one time with the step size, a half, a quarter and so on."""
    given, start = _started(widths, options)
    return [
        _course(seed, widths, given._replace(step_size=given.step_size / 2**k), start, TIME_STEPS * 2**k)
        for k in range(HALVINGS + 1)
    ]


def _course(seed: int, widths: tuple[int, ...], given: Setting, start: Start, steps: int) -> Course:
    """Singular values in decreasing order: what is summed over all of them does not depend on it."""
    found = training.record(seed, widths, given, start)
    W = _products(found.layers)
    U, values, Vt = np.linalg.svd(W, full_matrices=False)
    gradients = training.product_gradient(W, found.task, bool(given.logistic))
    slopes = np.einsum("tir,tij,trj->tr", U, gradients, Vt)
    rank = start.rank or min(widths)
    return Course(values[:, :rank], slopes[:, :rank], given.step_size, steps)


def _started(widths: Sequence[int], options: dict[str, Any], **more: Any) -> tuple[Setting, Start]:
    """Setting and start from the keywords of an experiment."""
    named = {name: value for name, value in options.items() if name in Start._fields}
    others = {name: value for name, value in options.items() if name not in named}
    return setting_of(widths, others), Start(True, **named, **more)


def _products(stacks: Sequence[Any]) -> Entries:
    """The products of all steps."""
    return np.asarray(reduce(lambda below, layer: layer @ below, stacks))
