"""Experiments on two-layer networks: their tangent kernel at initialization and its drift in training."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from sympy import Expr, Symbol

from numerics.data import Data
from numerics.networks import Network, apply, initialize
from numerics.tangents import layerwise_tangent_kernel
from numerics.training import GradientDescent, train
from proofs_checks.lowering import lower


def _network(activation: Expr, inputs: int, width: int, parametrization: Any, input_scaling: bool) -> Network:
    (variable,) = activation.free_symbols or {Symbol("z", real=True)}
    return Network(
        (inputs, width, 1),
        lower(activation, (variable,)),
        parametrization=parametrization,
        input_scaling=input_scaling,
    )


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
        inputs: list[list[float]],
        pairs: list[list[int]],
        centers: list[float],
        width: int,
        networks: int,
        statistic: str,
        input_scaling: bool = False,
    ) -> jax.Array:
        network = _network(self.activation, len(inputs[0]), width, "ntk", input_scaling)
        x, rows, columns = jnp.asarray(inputs), *jnp.asarray(pairs).T

        def one(inner: jax.Array) -> jax.Array:
            kernel = layerwise_tangent_kernel(network, initialize(network, inner), x, contraction="trace")
            return kernel[rows, columns]

        values = jax.vmap(one)(jax.random.split(key, networks))
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
        inputs: list[list[float]],
        targets: list[float],
        kernel: list[list[float]],
        widths: list[int],
        step_size: float,
        steps: int,
        parametrization: str = "ntk",
        statistics: int = 2,
    ) -> jax.Array:
        data = Data(jnp.asarray(inputs), jnp.asarray(targets)[:, None])
        sizes = [
            self._changes(
                jax.random.fold_in(key, width), width, data, jnp.asarray(kernel), step_size, steps, parametrization
            )
            for width in widths
        ]
        logarithms = jnp.log(jnp.stack(sizes))[:, :statistics]
        x = jnp.log(jnp.asarray(widths, dtype=logarithms.dtype))
        x = x - x.mean()
        return (x @ logarithms) / (x @ x)

    def _changes(
        self,
        key: jax.Array,
        width: int,
        data: Data,
        kernel: jax.Array,
        step_size: float,
        steps: int,
        parametrization: str,
    ) -> jax.Array:
        """Relative drift of the tangent kernel, and distance from kernel regression."""
        network = _network(self.activation, data.inputs.shape[1], width, parametrization, False)
        # The mean-field kernel is m times smaller; a step m times larger gives the same motion of f.
        scale = width if parametrization == "mean_field" else 1
        start = initialize(network, key)
        count = data.inputs.shape[0]
        forward = jax.vmap(partial(apply, network), in_axes=(None, 0))
        loss = lambda parameters: 0.5 * jnp.sum((forward(parameters, data.inputs) - data.targets) ** 2)  # noqa: E731
        final, _ = train(loss, GradientDescent(step_size * scale), start, steps)
        tangent = partial(layerwise_tangent_kernel, network, x1=data.inputs, contraction="trace")
        before, after = tangent(start), tangent(final.parameters)
        drift = jnp.linalg.norm(after - before) / jnp.linalg.norm(before)
        first, last = (forward(parameters, data.inputs)[:, 0] for parameters in (start, final.parameters))
        contraction = jnp.linalg.matrix_power(jnp.eye(count) - step_size * kernel, steps)
        residual = data.targets[:, 0] - first
        regression = first + residual - contraction @ residual
        return jnp.stack([drift, jnp.linalg.norm(last - regression)])
