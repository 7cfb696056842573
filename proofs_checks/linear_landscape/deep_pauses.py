"""Deep linear networks trained from small random weights: at which losses they pause.

Three layers and more leave a saddle like a power of time, so that weights cannot be as small as with two. In
which order they learn depends on the start; that every pause is at a critical value does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from sympy import Expr

from numerics.linear_networks import loss
from numerics.training import GradientDescent, train
from proofs_checks.linear_landscape import trained
from proofs_checks.linear_landscape.formulas import all_sets, critical_value, loss_at
from proofs_checks.linear_landscape.quantization import distance_bound

SLOWNESS = {"coarse": 30.0, "fine": 300.0}  # scale^-(H - 2), how long the first mode takes
LEARNED = 3  # modes that the run has the time for
ROOM = 6.0  # for directions that the start holds less of
RELATIVE_STEP = 0.5  # of 1 / (H s^(2 - 2 / H)), the inverse curvature at a balanced minimum
RECORDED_EVERY = 10


class _Course(NamedTuple):
    """Singular values that can be learned, tr Sigma_YY, and the pauses of training."""

    levels: list[float]
    total: float
    pauses: list[trained.Pause]


def value_error(
    seed: int,
    *,
    data: str,
    widths: Sequence[int],
    without_largest: bool = False,
    value: Expr | None = None,
) -> float:
    """The largest distance of a pause from the nearest critical value, in units of its budget.

    Of the pauses whose budget is less than a quarter of the least gap between critical values.
    ``without_largest`` takes index sets without the first eigenvalue only; ``value`` is a form of 2 L in the
    letters of the theorem, by default its own. Raises ArithmeticError where no pause is that close.
    """
    course = _course(seed, data, tuple(widths), "fine")
    values = _values(course, widths, without_largest, value)
    gap = np.diff(np.sort(_values(course, widths, False, None))).min()
    near = [pause for pause in course.pauses if pause.budget < gap / 4]
    if not near:
        raise ArithmeticError("no pause is near enough to a critical point to name its value")
    return max(float(np.abs(values - pause.loss).min() / pause.budget) for pause in near)


def sharper(seed: int, *, data: str, widths: Sequence[int]) -> float:
    """1.0 if the pauses between the first and the last are nearer to critical values from smaller weights."""
    errors = []
    for scale in SLOWNESS:
        course = _course(seed, data, tuple(widths), scale)
        values = _values(course, widths, False, None)
        errors.append(max(np.abs(values - pause.loss).min() for pause in course.pauses[1:-1]))
    return float(errors[1] < errors[0])


def _values(course: _Course, widths: Sequence[int], without_largest: bool, value: Expr | None) -> np.ndarray:
    rank = len(course.levels)
    form = critical_value(rank) if value is None else value
    squares = [level**2 for level in course.levels]
    sets = all_sets(rank, min(*widths[1:-1], rank))
    kept = [chosen for chosen in sets if not (without_largest and 0 in chosen)]
    return np.array([float(loss_at(form, course.total, squares, chosen)) for chosen in kept])


@lru_cache(maxsize=32)
def _course(seed: int, data: str, widths: tuple[int, ...], scale: str) -> _Course:
    problem = trained.training_data(data, seed, widths)
    levels, total = trained.spectrum(problem)
    inputs, targets = np.asarray(problem.inputs), np.asarray(problem.targets)
    depth = len(widths) - 1
    step = RELATIVE_STEP / (depth * levels[0] ** (2 - 2 / depth))
    last = levels[min(len(levels), *widths, LEARNED) - 1]
    time = ROOM * SLOWNESS["fine"] / ((depth - 2) * last)
    random = np.random.default_rng(seed)
    deviation = SLOWNESS[scale] ** (-1 / (depth - 2))
    start = [
        jnp.asarray(random.normal(scale=deviation / before**0.5, size=(after, before)))
        for before, after in pairwise(widths)
    ]
    steps = RECORDED_EVERY * int(np.ceil(time / step / RECORDED_EVERY))
    losses, norms, layers = _descent(steps)(tuple(start), problem, step)
    norms.block_until_ready()
    cross, shown = targets.T @ inputs, [np.asarray(layer) for layer in layers]
    pauses = [
        trained.Pause(
            float(losses[k]), float(norms[k]), distance_bound(cross, [one[k] for one in shown], targets)
        )
        for k in trained.pauses(np.asarray(norms))
    ]
    return _Course(levels, total, pauses)


@lru_cache
def _descent(steps: int) -> Any:
    def run(start: Any, data: Any, step: Array) -> Any:
        def value(layers: Any) -> Array:
            return jnp.asarray(loss(layers, data.inputs, data.targets))

        _, found = train(
            value,
            GradientDescent(step),
            start,
            steps,
            observe=lambda layers: layers,
            record_every=RECORDED_EVERY,
        )
        return (*found.diagnostics, found.observations)

    return jax.jit(run)
