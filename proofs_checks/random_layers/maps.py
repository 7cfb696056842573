"""Experiments on one random layer: distances, inner products, signs and norms of its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import bdtr, gammainc, ndtr
from sympy import Expr

from proofs_checks.two_layer_networks import Rows, lowered

Entries = Literal["gaussian", "rademacher"]


def draw(key: jax.Array, shape: tuple[int, ...], entries: Entries) -> jax.Array:
    """Independent entries of mean 0 and variance 1: standard Gaussians, or random signs."""
    flat = (prod(shape),)  # XLA compiles threefry of a flat shape ten times faster
    if entries == "rademacher":
        return jax.random.rademacher(key, flat, jnp.float64).reshape(shape)
    return jax.random.normal(key, flat).reshape(shape)


@dataclass(frozen=True)
class LayerGeometry:
    """Of h(x) = m^(-1/2) s(W x) and of the signs of W x, for each pair, means over the networks of one block.

    In this order: |h - h'|^2, h . h', the share H/m of different signs, m (|h - h'|^2 - center)^2 and
    m (H/m - share)^2. With the true means as ``centers`` and ``shares`` the last two are unbiased for m times
    the variances.
    """

    activation: Expr

    def __call__(
        self,
        key: jax.Array,
        *,
        inputs: Rows,
        pairs: Sequence[tuple[int, int]],
        centers: Sequence[float],
        shares: Sequence[float],
        width: int,
        networks: int,
        entries: Entries = "gaussian",
    ) -> jax.Array:
        x, (left, right) = jnp.asarray(inputs), jnp.asarray(pairs).T
        fields = draw(key, (networks, width, x.shape[1]), entries) @ x.T
        hidden = lowered(self.activation)(fields)
        p, q = hidden[..., left], hidden[..., right]
        distances = ((p - q) ** 2).mean(axis=1)
        different = ((fields[..., left] > 0) != (fields[..., right] > 0)).astype(p.dtype).mean(axis=1)
        means = [value.mean(axis=0) for value in (distances, (p * q).mean(axis=1), different)]
        spread = [
            (width * (value - jnp.asarray(center)) ** 2).mean(axis=0)
            for value, center in ((distances, centers), (different, shares))
        ]
        return jnp.concatenate([*means, *spread])


def hamming_distance(key: jax.Array, *, inputs: Rows, width: int, probability: float) -> jax.Array:
    """H plus a uniform variable: continuous, and it has the law ``spread_binomial`` if H is binomial."""
    x = jnp.asarray(inputs)
    # One draw for all: every call of threefry is compiled anew. Phi of a Gaussian is uniform.
    draws = draw(key, (width + 1, x.shape[1]), "gaussian")
    positive = draws[:-1] @ x.T > 0
    return (positive[:, 0] != positive[:, 1]).astype(draws.dtype).sum() + jax.scipy.special.ndtr(draws[-1, 0])


def spread_binomial(values: np.ndarray, width: int, probability: float) -> np.ndarray:
    """The distribution function of a binomial plus an independent uniform variable on [0, 1]."""
    whole = np.clip(np.floor(values), 0, width)
    below = np.where(whole > 0, bdtr(np.maximum(whole - 1, 0), width, probability), 0.0)
    here = bdtr(whole, width, probability) - below
    return np.clip(below + np.clip(values - whole, 0, 1) * here, 0.0, 1.0)


def squared_norm(key: jax.Array, *, x: Sequence[float], width: int) -> jax.Array:
    """|W x|^2 / |x|^2."""
    point = jnp.asarray(x)
    image = draw(key, (width, point.shape[0]), "gaussian") @ point
    return image @ image / (point @ point)


def chi_squared(values: np.ndarray, width: int) -> np.ndarray:
    """The distribution function of chi-squared with ``width`` degrees of freedom."""
    return np.asarray(gammainc(width / 2, np.maximum(values, 0.0) / 2))


def gaussian_limit(values: np.ndarray, width: int) -> np.ndarray:
    """The normal distribution function of mean m and variance 2 m, the limit of chi-squared."""
    return np.asarray(ndtr((values - width) / np.sqrt(2 * width)))
