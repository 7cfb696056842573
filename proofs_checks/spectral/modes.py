"""Experiments on two-layer networks on circles and spheres: modes of the kernel, and of trained networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray
from scipy.special import eval_gegenbauer, eval_legendre, roots_jacobi
from sympy import Expr

from numerics.data import circle
from numerics.networks import Layer, Network, Parameters, apply
from proofs_checks.two_layer_networks import network_of, normal_draws

Values = NDArray[np.float64]


def waves(points: int, frequencies: Sequence[int]) -> Values:
    """cos(k phi_i) on equispaced points: (frequencies, points)."""
    angles = 2 * np.pi * np.arange(points) / points
    return np.cos(np.outer(np.asarray(frequencies), angles))


def zonal_rule(sphere: int, nodes: int) -> tuple[Values, Values]:
    """Gauss-Jacobi nodes t and weights, of sum 1, of the first coordinate of a uniform point on S^sphere."""
    exponent = sphere / 2 - 1
    places, weights = roots_jacobi(nodes, exponent, exponent)
    return places, weights / weights.sum()


def harmonics(sphere: int, frequencies: Sequence[int], places: Values) -> Values:
    """P_k(t), 1 at t = 1: (frequencies, nodes)."""
    if sphere == 1:
        return np.stack([np.cos(k * np.arccos(places)) for k in frequencies])
    order = (sphere - 1) / 2
    if order == 0.5:
        return np.stack([eval_legendre(k, places) for k in frequencies])
    return np.stack([eval_gegenbauer(k, order, places) / eval_gegenbauer(k, order, 1.0) for k in frequencies])


def build(activation: Expr, inputs: int, width: int, biases: bool) -> Network:
    """A two-layer network; biases multiply a constant 1 and are trained."""
    network = network_of(activation, inputs, width)
    return replace(network, bias_scale=(1.0, None)) if biases else network


def unpack(draws: Array, biases: bool) -> Parameters:
    """Weights from normal draws (width, inputs + 1); biases start at 0."""
    start = jnp.zeros(draws.shape[0]) if biases else None
    return Layer(draws[:, :-1], start), Layer(draws[None, :, -1], None)


def icosahedron() -> Values:
    """Its 12 vertices on S^2, the first at the pole: (12, 3).

    The functions on them are the harmonics of degree 0, 1, 2 and three of degree 3, each an irreducible
    representation of its group and no two alike: by Schur's lemma every kernel that is a function of the
    angle has them as eigenvectors.
    """
    height, radius = 5**-0.5, 2 * 5**-0.5
    turns = 2 * np.pi * np.arange(5) / 5
    ring = np.stack([radius * np.cos(turns), radius * np.sin(turns), np.full(5, height)], axis=1)
    pole = np.asarray([[0.0, 0.0, 1.0]])
    return np.concatenate([pole, ring, -pole, -ring])


@dataclass(frozen=True)
class CircleModes:
    """v^T Theta_m v / (n |v|^2), v = cos(k phi_i) on n equispaced points, mean over the networks of a block.

    Its mean is the eigenvalue of the limiting kernel on the grid at every width. ``slope`` returns the slope
    of its logarithm against log k instead.
    """

    activation: Expr

    def __call__(
        self,
        key: Array,
        *,
        points: int,
        frequencies: Sequence[int],
        width: int,
        networks: int,
        biases: bool = False,
        slope: bool = False,
    ) -> Array:
        shapes = waves(points, frequencies)
        modes = jnp.asarray(shapes / (np.sqrt(points) * np.linalg.norm(shapes, axis=1, keepdims=True)))
        energies = _block(self.activation, key, circle(points), modes, modes, width, networks, biases)
        if not slope:
            return energies
        x = np.log(np.asarray(frequencies, dtype=float))
        x = x - x.mean()
        return jnp.log(energies) @ jnp.asarray(x / (x @ x))


@dataclass(frozen=True)
class SphereModes:
    """sum_i w_i P_k(t_i) Theta_m(x, y_i), x . y_i = t_i, by Gauss-Jacobi quadrature on S^sphere."""

    activation: Expr

    def __call__(
        self, key: Array, *, sphere: int, nodes: int, frequencies: Sequence[int], width: int, networks: int
    ) -> Array:
        places, weights = zonal_rule(sphere, nodes)
        others = np.zeros((nodes + 1, sphere + 1))
        others[:nodes, 0], others[:nodes, 1], others[nodes, 0] = places, np.sqrt(1 - places**2), 1.0
        right = np.pad(harmonics(sphere, frequencies, places) * weights, ((0, 0), (0, 1)))
        left = np.zeros_like(right)
        left[:, nodes] = 1.0
        x, before, after = (jnp.asarray(values) for values in (others, left, right))
        return _block(self.activation, key, x, before, after, width, networks, False)


def _block(
    activation: Expr,
    key: Array,
    inputs: Array,
    left: Array,
    right: Array,
    width: int,
    networks: int,
    biases: bool,
) -> Array:
    """left_k Theta_m right_k^T from gradients of combinations of outputs, mean over networks."""
    network = build(activation, inputs.shape[1], width, biases)
    draws = normal_draws(key, (networks, width, inputs.shape[1] + 1))

    def one(mine: Array) -> Array:
        forward = jax.vmap(partial(apply, network), in_axes=(None, 0))
        _, pull = jax.vjp(lambda parameters: forward(parameters, inputs)[:, 0], unpack(mine, biases))
        (gradients,) = jax.vmap(pull)(jnp.concatenate([left, right]))
        leaves = [leaf.reshape(leaf.shape[0], -1) for leaf in jax.tree.leaves(gradients)]
        count = left.shape[0]
        return sum((jnp.sum(g[:count] * g[count:], axis=1) for g in leaves), jnp.zeros(count))

    return jnp.asarray(jax.lax.map(one, draws).mean(axis=0))
