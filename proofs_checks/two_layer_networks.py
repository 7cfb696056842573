"""Experiments on two-layer networks: their tangent kernel at initialization and its drift in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from sympy import Expr, Symbol

from numerics.data import Data
from numerics.networks import Layer, Network, Parameters, apply
from numerics.tangents import layerwise_tangent_kernel
from numerics.training import GradientDescent, train
from proofs_checks.lowering import lower

Rows = Sequence[Sequence[float]]


def _network(activation: Expr, inputs: int, width: int, parametrization: Any, input_scaling: bool) -> Network:
    (variable,) = activation.free_symbols or {Symbol("z", real=True)}
    return Network(
        (inputs, width, 1),
        lower(activation, (variable,)),
        parametrization=parametrization,
        input_scaling=input_scaling,
    )


def _draws(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Standard normal draws. XLA compiles threefry of a flat shape ten times faster than of a matrix."""
    return jax.random.normal(key, (prod(shape),)).reshape(shape)


def _parameters(draws: jax.Array) -> Parameters:
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
        network = _network(self.activation, len(inputs[0]), width, "ntk", input_scaling)
        x, rows, columns = jnp.asarray(inputs), *jnp.asarray(pairs).T

        def one(draws: jax.Array) -> jax.Array:
            kernel = layerwise_tangent_kernel(network, _parameters(draws), x, contraction="trace")
            return kernel[rows, columns]

        values = jax.vmap(one)(_draws(key, (networks, width, x.shape[1] + 1)))
        if statistic == "mean":
            return values.mean(axis=0)
        return (width * (values - jnp.asarray(centers)) ** 2).mean(axis=0)


@dataclass(frozen=True)
class WidthExponents:
    """Slopes against log width, one network of each width: kernel drift, distance to kernel regression.

    The network is trained by n steps of full-batch gradient descent on |f(X) - y|^2/2. Its distance is
    measured from f_0 + (1 - (1 - eta K)^n)(y - f_0), kernel regression by the same n steps.
    """

    activation: Expr

    def __call__(
        self,
        key: jax.Array,
        *,
        inputs: Rows,
        targets: Sequence[float],
        kernel: Rows,
        widths: Sequence[int],
        step_size: float,
        steps: int,
        parametrization: str = "ntk",
        statistics: int = 2,
    ) -> jax.Array:
        data = Data(jnp.asarray(inputs), jnp.asarray(targets)[:, None])
        draws = _draws(key, (sum(widths), data.inputs.shape[1] + 1))
        starts = jnp.split(draws, np.cumsum(widths)[:-1])
        sizes = [
            self._changes(_parameters(start), data, jnp.asarray(kernel), step_size, steps, parametrization)
            for start in starts
        ]
        logarithms = jnp.log(jnp.stack(sizes))[:, :statistics]
        x = jnp.log(jnp.asarray(widths, dtype=logarithms.dtype))
        x = x - x.mean()
        return (x @ logarithms) / (x @ x)

    def _changes(
        self,
        start: Parameters,
        data: Data,
        kernel: jax.Array,
        step_size: float,
        steps: int,
        parametrization: str,
    ) -> jax.Array:
        """Relative drift of the tangent kernel, and distance from kernel regression."""
        width = start[0].weight.shape[0]
        network = _network(self.activation, data.inputs.shape[1], width, parametrization, False)
        # The mean-field kernel is m times smaller; a step m times larger gives the same motion of f.
        scale = width if parametrization == "mean_field" else 1
        count = data.inputs.shape[0]
        forward = jax.vmap(partial(apply, network), in_axes=(None, 0))
        loss = lambda parameters: 0.5 * jnp.sum((forward(parameters, data.inputs) - data.targets) ** 2)  # noqa: E731
        final, _ = train(loss, GradientDescent(step_size * scale), start, steps)
        tangent = partial(layerwise_tangent_kernel, network, x1=data.inputs, contraction="trace")
        # one program for both kernels: compiling takes longer than running
        before, after = jax.lax.map(
            tangent, jax.tree.map(lambda *pair: jnp.stack(pair), start, final.parameters)
        )
        drift = jnp.linalg.norm(after - before) / jnp.linalg.norm(before)
        first, last = (forward(parameters, data.inputs)[:, 0] for parameters in (start, final.parameters))
        contraction = jnp.linalg.matrix_power(jnp.eye(count) - step_size * kernel, steps)
        residual = data.targets[:, 0] - first
        regression = first + residual - contraction @ residual
        return jnp.stack([drift, jnp.linalg.norm(last - regression)])
