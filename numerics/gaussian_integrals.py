"""Means over one normal variable, for functions that are smooth on both sides of 0."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

# Panels in standard deviations, a kink at 0 on an edge. Beyond 12 lies less than 1e-32 of the weight.
_EDGES = (-12.0, -8.0, -5.0, -3.0, -1.5, -0.5, 0.0, 0.5, 1.5, 3.0, 5.0, 8.0, 12.0)
_NODES = 24


def gaussian_mean(function: Callable[[Array], Any], variance: Float[Array, "*shape"]) -> Any:
    """E f(u) for u ~ N(0, variance), for every entry of ``variance``; f may give a pytree of arrays.

    Gauss-Legendre rules of 24 nodes on 12 panels: rounding accuracy for functions that are analytic on
    either side of 0 and vary on the scale of a standard deviation, such as tanh for variances up to 10;
    kinks elsewhere cost accuracy.
    """
    nodes, weights = normal_rule()
    values = function(jnp.sqrt(variance)[..., None] * jnp.asarray(nodes))
    return jax.tree.map(lambda value: jnp.sum(value * jnp.asarray(weights), axis=-1), values)


def normal_rule() -> tuple[np.ndarray, np.ndarray]:
    """Nodes z and weights with sum_k w_k f(z_k) = E f(z) for standard normal z."""
    base, weights = np.polynomial.legendre.leggauss(_NODES)
    edges = np.asarray(_EDGES)
    middles, halves = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
    nodes = (middles[:, None] + halves[:, None] * base).ravel()
    density = np.exp(-(nodes**2) / 2) / np.sqrt(2 * np.pi)
    return nodes, (halves[:, None] * weights).ravel() * density
