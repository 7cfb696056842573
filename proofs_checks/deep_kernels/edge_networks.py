"""Experiments on variance, correlation and tangents of random networks.

Each compiles one program for an activation; phases and inputs are data of it, so that claims and controls
share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from sympy import Expr

from numerics.collapsed_networks import next_covariance, preactivations_from, with_tangents
from numerics.networks import Network, parameter_count, parameters_from, preactivations
from proofs_checks.deep_kernels.draws import Program, in_chunks, over_draws
from proofs_checks.two_layer_networks import lowered

DIMENSION = 3
# Columns of a deep network: two inputs, and a tangent at the second.
OWNERS = (None, None, 1)


@dataclass(frozen=True)
class OneHiddenLayer:
    """Real weight matrices of variance 1/fan-in, no biases: s(u) and s'(v) v' seen through one more layer.

    The first preactivations have the covariance [[a, sqrt(ab) rho], [., b]]; v' is the tangent at the second
    input, at right angles to it. Means over neurons and networks of z(x)^2, z'(y)^2/b, z(x) z(y) and
    z(x) z'(y) / (sqrt(ab) sqrt(1 - rho^2)), unbiased for E s(u)^2, E s'(v)^2, E s(u) s(v), E s'(u) s'(v) at
    every width; of these the ``entries``.
    """

    activation: Expr

    def __call__(
        self,
        keys: jax.Array,
        *,
        a: float,
        b: float,
        rho: float,
        width: int,
        networks: int,
        entries: Sequence[int],
    ) -> NDArray[np.float64]:
        size = networks * parameter_count(_two_layers(self.activation, width))
        program = _one_layer(self.activation, width, networks)
        return np.asarray(in_chunks(program, keys, size, a, b, rho)[:, list(entries)])


def _two_layers(activation: Expr, width: int) -> Network:
    return Network((DIMENSION, width, width), lowered(activation))


@lru_cache(maxsize=32)
def _one_layer(activation: Expr, width: int, networks: int) -> Program:
    network = _two_layers(activation, width)

    def one(draws: jax.Array, a: jax.Array, b: jax.Array, rho: jax.Array) -> jax.Array:
        inputs = _inputs(a, b, rho)
        rows = draws.reshape(networks, -1)
        products = jax.vmap(lambda draw: _products(network, draw, inputs))(rows)
        scale = jnp.stack([jnp.ones_like(a), b, jnp.ones_like(a), jnp.sqrt(a * b * (1 - rho**2))])
        return products.mean(axis=0) / scale

    return over_draws(one)


def _products(network: Network, draws: jax.Array, inputs: jax.Array) -> jax.Array:
    parameters = parameters_from(network, draws)

    def output(x: jax.Array) -> jax.Array:
        return preactivations(network, parameters, x)[-1]

    first = output(inputs[0])
    second, tangent = jax.jvp(output, (inputs[1],), (inputs[2],))
    products = (first**2, tangent**2, first * second, first * tangent)
    return jnp.stack([jnp.mean(product) for product in products])


def _inputs(a: jax.Array, b: jax.Array, rho: jax.Array) -> jax.Array:
    """x and y with first preactivations of this covariance, and a tangent at y that turns towards x."""
    sine, zero = jnp.sqrt(1 - rho**2), jnp.zeros_like(rho)
    directions = jnp.stack([zero + 1, zero, zero, rho, sine, zero, sine, -rho, zero]).reshape(3, 3)
    return directions * jnp.sqrt(DIMENSION * jnp.stack([a, b, b]))[:, None]


@dataclass(frozen=True)
class ThroughDepth:
    """Entries of the covariance that ``depth`` hidden layers leave, extrapolated from two widths.

    Twice the mean over networks of width 2 n minus that of width n: what is of order 1/n cancels. The columns
    are two inputs x and y and a tangent at y; ``first`` is their first covariance. Sampled without weight
    matrices, which changes no law (``numerics.collapsed_networks``).
    """

    activation: Expr

    def __call__(
        self,
        keys: jax.Array,
        *,
        first: Sequence[Sequence[float]],
        entries: Sequence[tuple[int, int]],
        width: int,
        depth: int,
        networks: int,
        weight_variance: float,
        bias_variance: float,
    ) -> NDArray[np.float64]:
        program = _through_depth(self.activation, width, depth, networks)
        size = 3 * networks * width * depth * len(OWNERS)
        covariances = in_chunks(program, keys, size, first, weight_variance, bias_variance)
        rows, columns = np.asarray(entries).T
        return np.asarray(covariances[:, rows, columns])


@lru_cache(maxsize=32)
def _through_depth(activation: Expr, width: int, depth: int, networks: int) -> Program:
    row_map = with_tangents(lowered(activation), OWNERS)
    inputs = jnp.asarray([owner is None for owner in OWNERS], jnp.float64)

    def mean(draws: jax.Array, width: int, first: jax.Array, weight: jax.Array, bias: jax.Array) -> jax.Array:
        biases = bias * jnp.outer(inputs, inputs)

        def last(draw: jax.Array) -> jax.Array:
            layers = preactivations_from(draw, first, (width,) * depth, row_map, weight, biases)
            return next_covariance(layers[-1], row_map, weight, biases)

        shape = (networks, width * depth, len(OWNERS))
        return jax.vmap(last)(draws.reshape(shape)).mean(axis=0)

    def one(draws: jax.Array, first: jax.Array, weight: jax.Array, bias: jax.Array) -> jax.Array:
        size = networks * width * depth * len(OWNERS)
        wide = mean(draws[size:], 2 * width, first, weight, bias)
        return 2 * wide - mean(draws[:size], width, first, weight, bias)

    return over_draws(one)
