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
from proofs_checks.linear_landscape.formulas import critical_value, loss_at

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

    def distance(
        self, pause: trained.Pause, without_largest: bool = False, value: tuple[int, Expr] | None = None
    ) -> float:
        """Of the loss there from the critical value of its index set."""
        covered = value is not None and max(pause.chosen, default=0) < value[0]
        form = value[1] if value and covered else critical_value(len(self.levels))
        chosen = [k for k in pause.chosen if not (without_largest and k == 0)]
        squares = [level**2 for level in self.levels]
        return float(abs(loss_at(form, self.total, squares, chosen) - pause.loss))


def value_error(
    seed: int,
    *,
    data: str,
    widths: Sequence[int],
    without_largest: bool = False,
    value: tuple[int, Expr] | None = None,
) -> float:
    """The largest distance of a pause from the critical value of its index set, in units of its budget.

    Of the pauses whose budget is less than a quarter of the least eigenvalue, which decides their index set.
    ``without_largest`` leaves the first eigenvalue out of every set; ``value`` is a form of 2 L in the first
    so many eigenvalues, used for sets of these, by default the theorem's own. Raises ArithmeticError where no
    pause is that close.
    """
    course = _course(seed, data, tuple(widths), "fine")
    near = [pause for pause in course.pauses if pause.budget < course.levels[-1] ** 2 / 8]
    if not near:
        raise ArithmeticError("no pause is near enough to a critical point to name its index set")
    return max(course.distance(pause, without_largest, value) / pause.budget for pause in near)


def sharper(seed: int, *, data: str, widths: Sequence[int]) -> float:
    """1.0 if all pauses but the last, which may be the end of the run, are nearer from smaller weights."""
    errors = []
    for scale in SLOWNESS:
        course = _course(seed, data, tuple(widths), scale)
        errors.append(max(course.distance(pause) for pause in course.pauses[:-1]))
    return float(errors[1] < errors[0])


@lru_cache(maxsize=32)
def _course(seed: int, data: str, widths: tuple[int, ...], scale: str) -> _Course:
    problem = trained.training_data(data, seed, widths)
    levels, total = trained.spectrum(problem)
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
    shown = [np.asarray(layer) for layer in layers]
    found = [
        trained.Pause.of(problem, float(losses[k]), [one[k] for one in shown])
        for k in trained.pauses(np.asarray(norms))
    ]
    return _Course(levels, total, found)


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
