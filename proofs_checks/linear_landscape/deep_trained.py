"""Linear networks of any depth trained from small weights: the Hessian where they pause.

Inputs are the identity, so that the loss is |M - W|^2 / 2: every data set is of this form once its inputs are
whitened. M has singular values DECAY^k in random directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from numerics.curvature import hessian
from numerics.linear_networks import Layers, loss
from numerics.training import GradientDescent, train

DECAY = 0.5
MODES = 3  # more would need smaller weights, and longer runs, than three layers allow here
STEP = 0.2  # of 1 / s_1; descent is stable at a minimum of H balanced layers below 2 / H
RECORDED_EVERY = 10
# Scale of the weights and number of steps by depth: two layers leave a plateau exponentially, three like a
# power, 1 / (s_i scale), so that only directions that the data give keep the order of their modes.
SCHEDULES = {2: (1e-8, 1500), 3: (1e-2, 8000)}

Matrix = Float[np.ndarray, "rows columns"]


def negative_at_pauses(seed: int, *, widths: Sequence[int], open_middle: bool = False) -> tuple[float, ...]:
    """Numbers of eigenvalues below -s/2 where 0, 1, ... modes are learned, s the least singular value of M.

    Those that the closed form calls negative are near -s_i, those that it calls zero of the order of the
    small weights. A pause is where the loss is closest to its critical value. ``open_middle`` starts the
    layers between the first and the last at the identity.
    """
    sizes = tuple(widths)
    losses, layers = _trajectory(seed, sizes, open_middle)
    values = DECAY ** np.arange(modes(sizes))
    found = []
    for rank in range(min(*sizes, MODES) + 1):
        k = int(np.argmin(np.abs(losses - np.sum(values[rank:] ** 2) / 2)))
        point = tuple(jnp.asarray(layer[k]) for layer in layers)
        eigenvalues = np.linalg.eigvalsh(_hessian(sizes)(point, jnp.asarray(_target(seed, sizes))))
        found.append(float(np.sum(eigenvalues < -values[-1] / 2)))
    return tuple(found)


def modes(widths: Sequence[int]) -> int:
    """rho, the rank of M."""
    return min(widths[0], widths[-1], MODES)


@lru_cache(maxsize=16)
def _trajectory(
    seed: int, widths: tuple[int, ...], open_middle: bool
) -> tuple[Float[np.ndarray, " records"], tuple[Float[np.ndarray, "records _ _"], ...]]:
    """Losses and layers along gradient descent."""
    start = _start(seed, widths)
    if open_middle:
        start[1:-1] = [np.eye(*layer.shape) for layer in start[1:-1]]
    target = jnp.asarray(_target(seed, widths))
    losses, layers = _descent(widths)(tuple(map(jnp.asarray, start)), target)
    return np.asarray(losses), tuple(np.asarray(layer) for layer in layers)


@lru_cache
def _descent(widths: tuple[int, ...]) -> Any:
    _, steps = SCHEDULES[len(widths) - 1]

    def run(start: Any, target: Any) -> Any:
        _, found = train(
            lambda layers: _loss(layers, target),
            GradientDescent(STEP),
            start,
            steps,
            observe=lambda layers: layers,
            record_every=RECORDED_EVERY,
        )
        return found.diagnostics.loss, found.observations

    return jax.jit(run)


@lru_cache
def _hessian(widths: tuple[int, ...]) -> Any:
    return jax.jit(lambda layers, target: hessian(lambda moved: _loss(moved, target), layers))


def _loss(layers: Layers, target: Any) -> Any:
    return loss(layers, jnp.eye(target.shape[1], dtype=target.dtype), target.T)


def _start(seed: int, widths: Sequence[int]) -> list[Matrix]:
    """Gaussian for two layers; for three balanced, with a small multiple of M for product."""
    (scale, _), count = SCHEDULES[len(widths) - 1], modes(widths)
    random = np.random.default_rng((seed, 1))
    if len(widths) == 3:
        return [scale * random.normal(size=shape) for shape in zip(widths[1:], widths[:-1], strict=True)]
    inner = [_frame(random, size, min(count, size)) for size in widths[1:-1]]
    left, right = _frames(seed, widths)
    root, kept = scale * np.cbrt(DECAY ** np.arange(count)), min(count, *widths[1:-1])
    frames = [frame[:, :kept] for frame in (right, *inner, left)]
    return [upper * root[:kept] @ lower.T for lower, upper in pairwise(frames)]


def _target(seed: int, widths: Sequence[int]) -> Matrix:
    left, right = _frames(seed, widths)
    return np.asarray(left * DECAY ** np.arange(modes(widths)) @ right.T)


def _frames(seed: int, widths: Sequence[int]) -> tuple[Matrix, Matrix]:
    random = np.random.default_rng((seed, 0))
    left, right = (_frame(random, size, modes(widths)) for size in (widths[-1], widths[0]))
    return left, right


def _frame(random: np.random.Generator, size: int, count: int) -> Matrix:
    return np.asarray(np.linalg.qr(random.normal(size=(size, size)))[0][:, :count])
