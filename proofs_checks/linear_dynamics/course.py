"""``dynamics``: the course of training of a linear network on a user's data, predicted and measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from os import PathLike
from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from numerics import linear_networks
from numerics.gradient_flow import gradient_flow
from numerics.linear_ensembles import descend_together
from proofs_checks.linear_dynamics.levels import plateaus
from proofs_checks.linear_dynamics.moments import Matrix, Modes, Moments, modes, moments
from proofs_checks.linear_dynamics.prediction import predicted
from proofs_checks.linear_dynamics.result import Dynamics
from proofs_checks.precision import float64
from theory.errors import InputError

Initialization = Literal["random", "balanced", "aligned"]
Source = str | PathLike[str] | np.ndarray
Data = tuple[Source, Source]

RECORDS = 200
MOST_STEPS = 1_000_000
MOST_WEIGHTS = 1_000_000
CAUTION = 20  # the default step is this part of the inverse of the largest curvature
RELATIVE, ABSOLUTE = 1e-9, 1e-13  # tolerances of the flow


@dataclass(frozen=True)
class Setting:
    """The run asked for, checked."""

    widths: tuple[int, ...]
    scale: float
    asked: int
    step_size: float
    seed: int
    initialization: Initialization

    @property
    def every(self) -> int:
        """Steps from record to record."""
        return max(1, self.asked // RECORDS)

    @property
    def steps(self) -> int:
        """A multiple of it, at most as many as were asked for."""
        return self.asked // self.every * self.every

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.widths) - 1


def dynamics(
    data: Data,
    widths: str | Sequence[int],
    scale: float = 1e-3,
    steps: int = 2000,
    *,
    step_size: float | None = None,
    seed: int = 0,
    initialization: Initialization = "random",
    whiten: bool = False,
) -> Dynamics:
    """The predicted course of training beside the trained one, for X (N, d_0) and Y (N, d_H).

    data
        Arrays or paths of npy files, examples in rows. L = |Y - X W^T|^2 / 2, summed over the examples.
    widths
        (d_0, ..., d_H), one hidden width at least.
    scale
        Of the initial weights: ``random`` layers have entries N(0, scale^2 / fan-in); ``balanced`` ones the
        singular values ``scale`` in random directions; ``aligned`` ones those in the directions of the data.
    steps, step_size
        Of full-batch gradient descent on all layers; rounded down to a multiple of the interval of records.
        The default step is about 1 / 20 of the inverse of the largest curvature on the way.
    whiten
        Train on X (X^T X)^(-1/2) instead of X.

    The prediction is the exact matrix solution for two layers with white inputs, the exact course of the
    modes for aligned layers of any depth where the moments commute, that from effective seeds for two layers
    with small random weights there, and otherwise the flow itself, integrated numerically: ``method`` says
    which, ``prediction_error`` how far it is from the flow.

    Raises InputError for bad data, shapes, scales and steps, and for steps so large that training diverges.
    """
    x, y, sizes = _read(data, widths)
    _check_options(seed, initialization)
    number, count = _positive("scale", scale), _steps(steps)
    found = _moments(x, y, whiten)
    step = default_step(sizes, found, number) if step_size is None else _positive("step size", step_size)
    return _run(Setting(sizes, number, count, step, int(seed), initialization), found, len(x), whiten)


def _run(setting: Setting, found: Moments, examples: int, whiten: bool) -> Dynamics:
    """Train, integrate and predict."""
    directions = modes(found) if found.commuting else None
    with float64():
        layers = _initial(setting, found, directions)
        trained = _trained(setting, found, layers)
        flow = _flow(setting, found, layers)
    records = setting.every * np.arange(len(trained))
    prediction = predicted(setting.initialization, found, directions, layers, setting.step_size * records)
    curve = flow if prediction.losses is None else prediction.losses
    return Dynamics(
        setting.widths,
        examples,
        setting.scale,
        setting.step_size,
        setting.initialization,
        setting.seed,
        whiten,
        records,
        trained,
        flow,
        curve,
        prediction.method,
        float(np.max(np.abs(curve - flow)) / flow[0]),
        float(np.max(np.abs(trained - flow)) / flow[0]),
        plateaus(setting.widths, setting.step_size, found, directions, records, curve, trained),
        _rates(found, directions),
        prediction.notes,
    )


def _read(data: Data, widths: str | Sequence[int]) -> tuple[Matrix, Matrix, tuple[int, ...]]:
    from proofs_checks.commands.critical_points import check_shapes, read_widths
    from proofs_checks.data_files import read_data

    if not isinstance(data, tuple | list) or len(data) != 2:
        raise InputError("the data must be two matrices, (X, Y), or the paths of two npy files")
    x, y = read_data(data[0], "X"), read_data(data[1], "Y")
    sizes = read_widths(widths)
    check_shapes(x, y, sizes)
    _check_size(sizes)
    return x.values, y.values, sizes


def _check_options(seed: int, initialization: str) -> None:
    if initialization not in get_args(Initialization):
        allowed = ", ".join(get_args(Initialization))
        raise InputError(f"the initialization {str(initialization)[:40]!r} is not allowed: choose {allowed}")
    if isinstance(seed, bool) or not hasattr(seed, "__index__") or not 0 <= seed < 2**32:
        raise InputError("the seed must be a whole number from 0 to 2^32 - 1")


def _moments(x: Matrix, y: Matrix, whiten: bool) -> Moments:
    if not x.any() or not y.any():
        raise InputError("X or Y is zero: there is nothing to learn")
    found = moments(x, y, whiten)
    if np.linalg.norm(found.cross) <= 1e-12 * np.sqrt(2 * found.total * found.variances.max()):
        raise InputError("the inputs explain nothing of the targets: Y^T X is zero, and so is every rate")
    return found


def _check_size(widths: Sequence[int]) -> None:
    count = sum(before * after for before, after in pairwise(widths))
    if count > MOST_WEIGHTS:
        raise InputError(
            f"widths {tuple(widths)} have {count} weights: give widths with at most {MOST_WEIGHTS}"
        )


def _positive(name: str, value: object) -> float:
    from theory.parameters import as_rational

    number = float(as_rational(value))
    if not 1e-100 < number < 1e100:
        raise InputError(f"the {name} {number:g} is not allowed: give a number > 0, for example 0.001")
    return number


def _steps(value: object) -> int:
    from theory.parameters import positive_integer

    return int(positive_integer(MOST_STEPS)(value))


def default_step(widths: Sequence[int], found: Moments, scale: float) -> float:
    """1 / (20 N mu_1 u^(2 - 2/N)), u the largest end s_i / mu_i of a mode, or the initial product.

    Where the moments do not commute, mu_i is the variance of the inputs along the singular vector of Y^T X.
    """
    depth = len(widths) - 1
    _, rates, right = np.linalg.svd(found.cross, full_matrices=False)
    ends = rates / (right**2 @ found.variances)
    size = max(float(ends.max()), scale**depth)
    return float(1 / (CAUTION * depth * found.variances.max() * size ** (2 - 2 / depth)))


def _initial(setting: Setting, found: Moments, directions: Modes | None) -> tuple[Matrix, ...]:
    key, widths, scale = jax.random.key(setting.seed), setting.widths, setting.scale
    if setting.initialization == "random":
        layers = linear_networks.small(key, widths, scale)
    else:
        # Balanced where the network sees the data: the first layer reads the range of X only.
        seen = (len(found.variances), *widths[1:])
        first, *others = linear_networks.balanced(key, jnp.full(min(seen), scale**setting.depth), seen)
        layers = (first @ found.basis.T, *others)
    weights = tuple(np.asarray(layer) for layer in layers)
    if setting.initialization == "aligned":
        weights = _aligned(setting, weights, found, directions)
    return weights


def _aligned(
    setting: Setting, layers: tuple[Matrix, ...], found: Moments, directions: Modes | None
) -> tuple[Matrix, ...]:
    """The first layer reads the right directions of the data, the last one writes the left ones."""
    if directions is None:
        raise InputError(
            "aligned layers need moments that commute, and X^T X does not commute with X^T Y Y^T X: "
            "whiten the inputs, or choose another initialization"
        )
    count = min(*setting.widths, len(directions.rates))
    frames = [np.linalg.svd(layer)[0][:, :count] for layer in layers[:-1]]
    frames = [found.basis @ directions.right[:, :count], *frames, directions.left[:, :count]]
    return tuple(setting.scale * upper @ lower.T for lower, upper in pairwise(frames))


def _trained(setting: Setting, found: Moments, layers: tuple[Matrix, ...]) -> Float[np.ndarray, " records"]:
    starts = tuple(jnp.asarray(layer)[None] for layer in layers)
    result = descend_together(
        starts, found.inputs, found.targets, setting.step_size, setting.steps, setting.every
    )
    losses = np.asarray(result.losses[0])
    lost = ~np.isfinite(losses) | (losses > 1e6 * losses[0])
    if lost.any():
        step = setting.every * int(np.argmax(lost))
        raise InputError(
            f"training diverges before step {step} with step size {setting.step_size:.3g}: "
            "give a smaller one, or none"
        )
    return losses


@jax.jit
def _integrated(
    layers: tuple[Array, ...], inputs: Array, targets: Array, times: Array
) -> tuple[Array, Array]:
    def loss(found: tuple[Array, ...]) -> Array:
        return jnp.asarray(linear_networks.loss(found, inputs, targets))

    flow = gradient_flow(
        loss, layers, times, relative_tolerance=RELATIVE, absolute_tolerance=ABSOLUTE, maximum_steps=10**6
    )
    return jax.vmap(loss)(flow.parameters), flow.completed


def _flow(setting: Setting, found: Moments, layers: tuple[Matrix, ...]) -> Float[np.ndarray, " records"]:
    times = setting.step_size * setting.every * np.arange(setting.steps // setting.every + 1)
    losses, completed = _integrated(layers, found.inputs, found.targets, times)
    if not completed:
        raise InputError(
            f"the gradient flow was not integrated to the time {times[-1]:.3g} in a million steps: "
            "give fewer steps, or a smaller step size"
        )
    return np.asarray(losses)


def _rates(found: Moments, directions: Modes | None) -> Float[np.ndarray, " modes"]:
    if directions is not None:
        return directions.rates
    return np.asarray(np.linalg.svd(found.cross, compute_uv=False))
