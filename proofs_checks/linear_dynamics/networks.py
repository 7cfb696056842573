"""Networks on trial: data with known covariances, balanced weights, gradient flow and gradient descent.

One compiled program of the flow and one of descent for all networks of the same widths: whatever differs
between claims and controls is data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from numerics import linear_networks
from numerics.gradient_flow import Flow, gradient_flow

RELATIVE, ABSOLUTE = 1e-11, 1e-13  # tolerances of the flow

Matrix = Float[np.ndarray, "_ _"]
Weights = tuple[Matrix, ...]


@dataclass(frozen=True)
class Problem:
    """Examples in rows, with X^T X = V diag(covariance) V^T and Y^T X = U diag(levels) V^T."""

    inputs: Matrix
    targets: Matrix
    left: Matrix
    right: Matrix
    covariance: Float[np.ndarray, " inputs"]

    @property
    def cross(self) -> Matrix:
        """Y^T X, outputs x inputs."""
        return np.asarray(self.targets.T @ self.inputs)


def orthogonal(random: np.random.Generator, rows: int, columns: int) -> Matrix:
    """A random matrix with orthonormal columns."""
    return np.linalg.qr(random.normal(size=(rows, columns)))[0]


def problem(
    random: np.random.Generator,
    widths: Sequence[int],
    levels: Sequence[float],
    covariance: Sequence[float] = (),
    turned: float = 0.0,
) -> Problem:
    """Random data with singular values ``levels`` of Y^T X and eigenvalues ``covariance`` of X^T X.

    ``covariance`` is 1 where it is not given. The singular vectors of Y^T X are those of X^T X, turned by the
    angle ``turned`` within the first two: other than 0 the moments do not commute.
    """
    inputs, outputs = widths[0], widths[-1]
    scales = np.ones(inputs)
    scales[: len(covariance)] = covariance
    frame, noise = np.split(orthogonal(random, 2 * inputs, inputs + 1), [inputs], axis=1)
    left, right = orthogonal(random, outputs, min(inputs, outputs)), orthogonal(random, inputs, inputs)
    x = frame * np.sqrt(scales) @ right.T
    kept = right.copy()
    cosine, sine = np.cos(turned), np.sin(turned)
    if turned:
        kept[:, :2] = right[:, :2] @ np.array([[cosine, -sine], [sine, cosine]])
    modes = np.zeros(left.shape[1])
    modes[: len(levels)] = levels
    cross = left * modes @ kept[:, : len(modes)].T
    regression = cross @ right / scales @ right.T
    targets = x @ regression.T + noise @ random.normal(size=(1, outputs))
    return Problem(x, targets, left, right, scales)


def balanced_pair(random: np.random.Generator, widths: Sequence[int], level: float) -> Weights:
    """W_1, W_2 of size about 1/2 with W_2^T W_2 - W_1 W_1^T = level I, in random directions."""
    inputs, hidden, outputs = widths
    sizes = random.uniform(0.3, 0.7, size=hidden)
    sizes[min(widths) :] = 0.0
    first, second = np.sqrt(sizes**2 + max(-level, 0.0)), np.sqrt(sizes**2 + max(level, 0.0))
    inner = orthogonal(random, hidden, hidden)
    lower, upper = (_frame(random, size, hidden) for size in (inputs, outputs))
    return inner * first @ lower.T, upper * second @ inner.T


def _frame(random: np.random.Generator, size: int, count: int) -> Matrix:
    """Orthonormal columns as far as there are any, zeros beside them."""
    found = np.zeros((size, count))
    shared = min(size, count)
    found[:, :shared] = orthogonal(random, size, shared)
    return found


def aligned_layers(
    random: np.random.Generator,
    data: Problem,
    widths: Sequence[int],
    seeds: Sequence[Sequence[float] | Float[np.ndarray, " modes"]],
) -> Weights:
    """W_h = R_h diag(a_h) R_{h-1}^T with random frames inside and the singular vectors of the data outside.

    ``seeds[h]`` holds the entries a_h of layer h, one for each mode; the remaining ones are zero.
    """
    count = len(seeds[0])
    inner = [orthogonal(random, size, count) for size in widths[1:-1]]
    frames = [data.right[:, :count], *inner, data.left[:, :count]]
    return tuple(
        upper * np.asarray(entries) @ lower.T
        for lower, upper, entries in zip(frames[:-1], frames[1:], seeds, strict=True)
    )


@jax.jit
def _flow(layers: tuple[Array, ...], inputs: Array, targets: Array, times: Array) -> Flow:
    return gradient_flow(
        lambda found: jnp.asarray(linear_networks.loss(found, inputs, targets)),
        layers,
        times,
        relative_tolerance=RELATIVE,
        absolute_tolerance=ABSOLUTE,
    )


class Course(NamedTuple):
    """Weights along the flow, stacked over the times, and how many steps the solver took."""

    layers: tuple[Float[np.ndarray, "times _ _"], ...]
    steps: int


def flow(layers: Weights, data: Problem, times: Sequence[float] | Float[np.ndarray, " times"]) -> Course:
    """The gradient flow of the loss, to the tolerances above; NaN where the solver gave up."""
    found = _flow(layers, data.inputs, data.targets, np.asarray(times, dtype=float))
    weights = tuple(np.where(found.completed, layer, np.nan) for layer in found.parameters)
    return Course(weights, int(found.steps))


def products(course: Course) -> Float[np.ndarray, "times outputs inputs"]:
    """W_H ... W_1 at every time."""
    return np.stack([linear_networks.product(layers) for layers in zip(*course.layers, strict=True)])


@jax.jit
def _descended(
    layers: tuple[Array, ...], inputs: Array, targets: Array, step_size: Array, steps: Array
) -> tuple[Array, ...]:
    def move(_: Array, current: tuple[Array, ...]) -> tuple[Array, ...]:
        slopes = linear_networks.gradients(current, inputs, targets)
        return tuple(layer - step_size * slope for layer, slope in zip(current, slopes, strict=True))

    return lax.fori_loop(0, steps, move, layers)


def descent(layers: Weights, data: Problem, step_size: float, steps: int) -> Weights:
    """The weights after so many steps of gradient descent on all layers."""
    found = _descended(layers, data.inputs, data.targets, jnp.asarray(step_size), jnp.asarray(steps))
    return tuple(np.asarray(layer) for layer in found)
