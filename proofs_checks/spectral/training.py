"""Trained two-layer networks on a circle and on a sphere: what is left of every mode, from one program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from sympy import Expr

from proofs_checks.deep_kernels.draws import Program, in_chunks, over_draws
from proofs_checks.spectral.modes import harmonics, icosahedron, waves
from proofs_checks.two_layer_networks import lowered

Values = NDArray[np.float64]
POINTS, DIMENSION, MODES = 16, 3, 7  # of the program: what is smaller is filled up with zeros
PAIRS = 512  # of the wider networks; the narrower ones have half as many
NETWORKS = 2  # of each width, for one key


def places(sphere: int) -> Values:
    """The training inputs: 16 equispaced points of the circle, or the icosahedron."""
    if sphere == 2:
        return icosahedron()
    turns = 2 * np.pi * np.arange(POINTS) / POINTS
    return np.stack([np.cos(turns), np.sin(turns)], axis=1)


def shapes(sphere: int, frequencies: Sequence[int]) -> Values:
    """Zonal harmonics at the training inputs: (frequencies, points)."""
    if sphere == 2:
        return harmonics(2, frequencies, icosahedron()[:, 2])
    return waves(POINTS, frequencies)


@dataclass(frozen=True)
class TrainedModes:
    """What is left of mode k of the residual after T_k steps, mean over networks, with 1/m extrapolated away.

    Units come in pairs with opposite readout weights, so that f = 0 before training; the target is small.
    With r(m) the mean at m pairs the statistic is 2 r(2 m) - r(m).
    """

    activation: Expr

    def __call__(
        self,
        keys: jax.Array,
        *,
        sphere: int,
        frequencies: Sequence[int],
        steps: Sequence[int],
        step_size: float,
        amplitude: float,
        biases: bool = False,
    ) -> Values:
        modes = shapes(sphere, frequencies)
        widths = (PAIRS // 2, PAIRS)
        target = amplitude * modes.sum(axis=0)
        learned = _trained(
            self.activation, keys, sphere, modes, target, widths, steps, step_size, biases, paired=True
        )[0]
        left = 1 - learned / amplitude
        return np.asarray(2 * left[:, 1] - left[:, 0])


@dataclass(frozen=True)
class SilentModes:
    """Components of a trained network along modes that it cannot represent, in units of rounding.

    |sum_i f(x_i) v_k(x_i)| / (n eps m max |f|) after training on a target that consists of these modes and
    of others.
    """

    activation: Expr

    def __call__(
        self,
        keys: jax.Array,
        *,
        sphere: int,
        frequencies: Sequence[int],
        width: int,
        steps: int,
        step_size: float,
        biases: bool = False,
    ) -> Values:
        modes = shapes(sphere, frequencies)
        others = shapes(sphere, range(3 if sphere == 2 else 4))
        target = modes.sum(axis=0) + others.sum(axis=0)
        counts = [steps] * len(frequencies)
        widths = (width // 2, width // 2)
        learned, last = _trained(
            self.activation, keys, sphere, modes, target, widths, counts, step_size, biases, paired=False
        )
        budget = last.shape[-1] * np.finfo(last.dtype).eps * width * np.abs(last[:, 0]).max(axis=-1)
        return np.asarray(np.abs(learned[:, 0] * (modes**2).sum(axis=1)) / budget[:, None])


def _trained(
    activation: Expr,
    keys: jax.Array,
    sphere: int,
    modes: Values,
    target: Values,
    pairs: Sequence[int],
    steps: Sequence[int],
    step_size: float,
    biases: bool,
    paired: bool,
) -> tuple[Values, Values]:
    """Component of f along each mode after its steps, mean over networks; f of the first one at the end.

    Of shape (keys, widths, modes) and (keys, widths, points).
    """
    x = places(sphere)
    count, kept = len(x), len(modes)
    inputs = np.pad(x, ((0, POINTS - count), (0, DIMENSION - x.shape[1])))
    shares = modes / (modes**2).sum(axis=1, keepdims=True)
    rows = np.pad(shares, ((0, MODES - kept), (0, POINTS - count)))
    size = NETWORKS * 3 * (PAIRS // 2) * (DIMENSION + 1)
    learned, last = in_chunks(
        _program(activation),
        keys,
        size,
        pairs,
        inputs,
        np.pad(np.full(count, 1 / count), (0, POINTS - count)),
        np.pad(target, (0, POINTS - count)),
        rows,
        np.pad(np.asarray(steps), (0, MODES - kept)),
        step_size,
        biases,
        -1.0 if paired else 1.0,
    )
    return learned[..., :kept], last[..., :count]


@lru_cache(maxsize=8)
def _program(activation: Expr) -> Program:
    """Inputs, modes, numbers of steps, and whether there are biases, are data: one program serves all."""
    function = lowered(activation)
    narrow = NETWORKS * (PAIRS // 2)

    def one(draws: jax.Array, pairs: jax.Array, *setting: jax.Array) -> tuple[jax.Array, jax.Array]:
        rows = draws.reshape(-1, DIMENSION + 1)
        first = jnp.pad(rows[:narrow].reshape(NETWORKS, PAIRS // 2, -1), ((0, 0), (0, PAIRS // 2), (0, 0)))
        second = rows[narrow:].reshape(NETWORKS, PAIRS, -1)
        both = jnp.stack([first, second]).reshape(2 * NETWORKS, PAIRS, -1)
        counts = jnp.repeat(pairs, NETWORKS)
        learned, last = jax.lax.map(lambda case: _train(function, *case, *setting), (both, counts))
        means = learned.reshape(2, NETWORKS, -1).mean(axis=1)
        return means, last.reshape(2, NETWORKS, -1)[:, 0]

    return over_draws(one)


def _train(
    function: Any,
    units: jax.Array,
    pairs: jax.Array,
    x: jax.Array,
    weights: jax.Array,
    target: jax.Array,
    modes: jax.Array,
    steps: jax.Array,
    step_size: jax.Array,
    biases: jax.Array,
    sign: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """Gradient descent on sum_i weights_i (f(x_i) - y_i)^2 / 2 with the first ``pairs`` pairs of units.

    Units beyond have no part in f, and no gradient; so have biases where there are none.
    """
    present = jnp.tile(jnp.arange(PAIRS, dtype=pairs.dtype) < pairs, 2)
    scale = present.astype(units.dtype) / jnp.sqrt(2 * pairs)
    doubled = jnp.concatenate([units, units.at[:, -1].multiply(sign)])
    start = doubled[:, :-1], jnp.zeros(2 * PAIRS), doubled[:, -1]

    def forward(parameters: Any) -> jax.Array:
        w, b, a = parameters
        return (scale * a) @ function(w @ x.T + biases * b[:, None])

    def advance(now: Any) -> Any:
        count, parameters, learned, _ = now
        f, pull = jax.vjp(forward, parameters)
        (slopes,) = pull(weights * (f - target))
        moved = jax.tree.map(lambda value, slope: value - step_size * slope, parameters, slopes)
        return count + 1, moved, jnp.where(count == steps, modes @ f, learned), f

    begin = jnp.zeros(()), start, jnp.zeros(MODES), jnp.zeros(POINTS)
    _, _, learned, last = jax.lax.while_loop(lambda now: now[0] <= steps.max(), advance, begin)
    return learned, last
