"""Experiments on two-layer networks at initialization: their tangent kernel, and the moments of one unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from sympy import Expr, Symbol

from numerics.networks import Layer, Network, Parameters
from numerics.tangents import layerwise_tangent_kernel
from proofs_checks.lowering import lower

Rows = Sequence[Sequence[float]]


def lowered(activation: Expr) -> Callable[..., Any]:
    """The activation as a JAX function."""
    (variable,) = activation.free_symbols or {Symbol("z", real=True)}
    return lower(activation, (variable,))


def network_of(
    activation: Expr, inputs: int, width: int, parametrization: Any = "ntk", input_scaling: bool = False
) -> Network:
    """A two-layer network without biases and with one output."""
    return Network(
        (inputs, width, 1),
        lowered(activation),
        parametrization=parametrization,
        input_scaling=input_scaling,
    )


def normal_draws(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Standard normal draws. XLA compiles threefry of a flat shape ten times faster than of a matrix."""
    return jax.random.normal(key, (prod(shape),)).reshape(shape)


def parameters_of(draws: jax.Array) -> Parameters:
    """A two-layer network from standard normal draws (width, inputs + 1): both layers have deviation 1.

    One draw serves all networks of an experiment, since every call of threefry is compiled anew, and
    `numerics.networks.initialize` has six of them.
    """
    return Layer(draws[:, :-1], None), Layer(draws[None, :, -1], None)


@dataclass(frozen=True)
class KernelAtInitialization:
    """Mean of Theta_ij and of m (Theta_ij - center_ij)^2 over the networks of one block, for each pair.

    With the center equal to E Theta the second statistic is unbiased for m Var Theta.
    """

    activation: Expr

    def __call__(
        self,
        key: jax.Array,
        *,
        inputs: Rows,
        pairs: Sequence[tuple[int, int]],
        centers: Sequence[float],
        width: int,
        networks: int,
        statistic: str,
        input_scaling: bool = False,
    ) -> jax.Array:
        network = network_of(self.activation, len(inputs[0]), width, input_scaling=input_scaling)
        x, rows, columns = jnp.asarray(inputs), *jnp.asarray(pairs).T

        def one(draws: jax.Array) -> jax.Array:
            kernel = layerwise_tangent_kernel(network, parameters_of(draws), x, contraction="trace")
            return kernel[rows, columns]

        values = jax.vmap(one)(normal_draws(key, (networks, width, x.shape[1] + 1)))
        if statistic == "mean":
            return values.mean(axis=0)
        return (width * (values - jnp.asarray(centers)) ** 2).mean(axis=0)


@dataclass(frozen=True)
class MomentsOfOneUnit:
    """Means of S^p D^q over independent units, S = s(u) s(v), D = s'(u) s'(v).

    Every entry ((p, q), (i, j)) asks for one, with u = w . x_i and v = w . x_j.
    """

    activation: Expr

    def __call__(
        self,
        key: jax.Array,
        *,
        inputs: Rows,
        entries: Sequence[tuple[tuple[int, int], tuple[int, int]]],
        units: int,
    ) -> jax.Array:
        x = jnp.asarray(inputs)
        preactivations = normal_draws(key, (units, x.shape[1])) @ x.T
        function = lowered(self.activation)
        values, slopes = jax.jvp(function, (preactivations,), (jnp.ones_like(preactivations),))
        products = [
            (values[:, i] * values[:, j]) ** p * (slopes[:, i] * slopes[:, j]) ** q
            for (p, q), (i, j) in entries
        ]
        return jnp.stack(products).mean(axis=1)
