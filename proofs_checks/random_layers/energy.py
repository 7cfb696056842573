"""Experiments on the energy that random layers pass on: ReLU networks, frames, circular filters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from proofs_checks.random_layers.maps import draw

Activation = Literal["relu", "concatenated"]


def network_energy(
    key: jax.Array,
    *,
    width: int,
    depth: int,
    networks: int,
    gain: float,
    drift: float,
    steps: int,
) -> jax.Array:
    """Of ReLU networks with weights N(0, gain/m): means of g, g^2, ln q_L and (ln q_L - drift)^2.

    q_l = |h_l|^2/|h_0|^2, and g = q_{l + steps}/q_l, averaged over all l. What a dead layer leaves undefined
    counts as 0.
    """
    weights = draw(key, (networks, depth, width, width), "gaussian") * (gain / width) ** 0.5
    start = jnp.full((networks, width), width**-0.5)

    def layer(hidden: jax.Array, matrices: jax.Array) -> tuple[jax.Array, jax.Array]:
        passed = jax.nn.relu(jnp.einsum("nij,nj->ni", matrices, hidden))
        return passed, (passed**2).sum(axis=1)

    _, energies = jax.lax.scan(layer, start, jnp.swapaxes(weights, 0, 1))
    levels = jnp.concatenate([jnp.ones((1, networks)), energies])
    before, last = levels[:-steps], levels[-1]
    gains = jnp.where(before > 0, levels[steps:] / jnp.where(before > 0, before, 1.0), 0.0)
    alive = last > 0
    logarithm = jnp.where(alive, jnp.log(jnp.where(alive, last, 1.0)), 0.0)
    squared = jnp.where(alive, (logarithm - drift) ** 2, 0.0)
    return jnp.stack([gains.mean(), (gains**2).mean(), logarithm.mean(), squared.mean()])


def frame_residual(
    key: jax.Array, *, rows: int, columns: int, activation: Activation, dropped: int
) -> jax.Array:
    """The relative error of |rho(W x)|^2 + |rho(-W x)|^2 = |x|^2, in units of its rounding budget.

    W has orthonormal columns but for ``dropped`` rows that are set to 0; without ``concatenated`` the second
    term is left out. The budget is (rows + columns) units of rounding for each of the products.
    """
    draws = draw(key, (rows + 1, columns), "gaussian")
    frame, _ = jnp.linalg.qr(draws[:rows])
    kept = (jnp.arange(rows) >= dropped).astype(draws.dtype)
    image = (frame * kept[:, None]) @ draws[rows]
    energy = (jax.nn.relu(image) ** 2).sum()
    if activation == "concatenated":
        energy = energy + (jax.nn.relu(-image) ** 2).sum()
    exact = (draws[rows] ** 2).sum()
    budget = 4 * (rows + columns) * float(np.finfo(draws.dtype).eps)
    return (energy / exact - 1) / budget


def filtered_energy(
    key: jax.Array,
    *,
    signals: Sequence[Sequence[float]],
    sides: tuple[int, int],
    filters: tuple[int, int],
    channels: int,
    blocks: int,
) -> jax.Array:
    """For each signal: means of E and of (E - 1)^2, E = sum_i |w_i * x|^2/|x|^2, taps N(0, 1/(k c)).

    Circular convolution of signals on a torus with these ``sides`` (of which one may be 1), row by row, with
    filters whose k taps fill a rectangle of the sides ``filters``.
    """
    x = jnp.asarray(signals).reshape(-1, *sides)
    taps = filters[0] * filters[1]
    shifted = jnp.stack([jnp.roll(x, (t // filters[1], t % filters[1]), axis=(1, 2)) for t in range(taps)])
    weights = draw(key, (blocks, channels, taps), "gaussian") * (taps * channels) ** -0.5
    outputs = jnp.einsum("bck,ksn->bcsn", weights, shifted.reshape(taps, x.shape[0], -1))
    energies = (outputs**2).sum(axis=(1, 3)) / (x**2).sum(axis=(1, 2))
    return jnp.concatenate([energies.mean(axis=0), ((energies - 1) ** 2).mean(axis=0)])
