"""Experiments on trained two-layer networks: how fast their kernel stops moving as they become wider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from sympy import Expr

from numerics.data import Data
from numerics.ensembles import map_seeds
from numerics.networks import apply
from numerics.tangents import layerwise_tangent_kernel
from numerics.training import GradientDescent, train
from proofs_checks.lowering import lower
from proofs_checks.two_layer_formulas import COUNT, RATE, START, STEP, TARGET
from proofs_checks.two_layer_networks import Rows, network_of, normal_draws, parameters_of

Drift: TypeAlias = Literal["mean", "root_mean_square"]


@dataclass(frozen=True)
class TrainedNetworks:
    """For each width the relative drift of the kernel, and every network's outputs before and after.

    A block trains ``networks[k]`` networks of width ``widths[k]`` by full-batch gradient descent on
    |f(X) - y|^2/2. With D the change of one network's kernel, its drift is (E |D|^2)^(1/2)
    (``"root_mean_square"``) or |E D| (``"mean"``), relative to the kernel before training. |E D|^2 is
    estimated by the mean of <D, D'> over pairs of different networks, in which the fluctuations between
    networks cancel, however they scale with the width; it is nan where the pairs do not resolve it.
    """

    activation: Expr

    def __call__(
        self,
        key: jax.Array,
        *,
        inputs: Rows,
        targets: Sequence[float],
        widths: Sequence[int],
        networks: Sequence[int],
        step_size: float,
        steps: int,
        drift: Drift,
        parametrization: str,
    ) -> tuple[tuple[jax.Array, jax.Array, jax.Array], ...]:
        data = Data(jnp.asarray(inputs), jnp.asarray(targets)[:, None])
        columns = data.inputs.shape[1] + 1
        sizes = np.multiply(widths, networks)
        parts = jnp.split(normal_draws(key, (int(sizes.sum()), columns)), np.cumsum(sizes)[:-1])
        one = partial(self._one, data, step_size, steps, parametrization)
        results = []
        for part, width, count in zip(parts, widths, networks, strict=True):
            before, after, first, last = jax.lax.map(one, part.reshape(count, width, columns))
            results.append((_drift(before, after, drift), first, last))
        return tuple(results)

    def _one(
        self, data: Data, step_size: float, steps: int, parametrization: str, draws: jax.Array
    ) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
        """One network: its tangent kernel before and after training, and its outputs."""
        width, start = draws.shape[0], parameters_of(draws)
        network = network_of(self.activation, data.inputs.shape[1], width, parametrization)
        # The mean-field kernel is m times smaller; a step m times larger gives the same motion of f.
        scale = width if parametrization == "mean_field" else 1
        forward = jax.vmap(partial(apply, network), in_axes=(None, 0))
        loss = lambda parameters: 0.5 * jnp.sum((forward(parameters, data.inputs) - data.targets) ** 2)  # noqa: E731
        final, _ = train(loss, GradientDescent(step_size * scale), start, steps)
        tangent = partial(layerwise_tangent_kernel, network, x1=data.inputs, contraction="trace")
        # one program for both kernels: compiling takes longer than running
        before, after = jax.lax.map(
            tangent, jax.tree.map(lambda *pair: jnp.stack(pair), start, final.parameters)
        )
        first, last = (forward(parameters, data.inputs)[:, 0] for parameters in (start, final.parameters))
        return before, after, first, last


def _drift(before: jax.Array, after: jax.Array, drift: Drift) -> jax.Array:
    """The size of the kernel's change, relative to the kernel, from the networks of one width."""
    moved, count = after - before, before.shape[0]
    squares = jnp.sum(moved**2)
    if drift == "mean":
        squares = (jnp.sum(moved.sum(axis=0) ** 2) - squares) / (count - 1)
    return jnp.sqrt(squares / count) / jnp.linalg.norm(before.mean(axis=0))


@dataclass(frozen=True)
class WidthExponents:
    """Slopes against log width within a block: the drift of the kernel, the distance to kernel regression.

    Takes all keys at once. The distance is the geometric mean over networks of |f_n - regression|, with
    ``regression`` a formula in f_0, y, eta, n and lambda along the eigenvectors of the limiting kernel.
    Training does not depend on it, so that all formulas share one compiled program.
    """

    activation: Expr
    regression: Expr

    def __call__(
        self, keys: jax.Array, *, kernel: Rows, statistics: int, **setting: Any
    ) -> NDArray[np.float64]:
        blocks = map_seeds(partial(TrainedNetworks(self.activation), **setting), keys)
        logarithms = np.stack(
            [(np.log(drift), self._distance(first, last, kernel, setting)) for drift, first, last in blocks]
        )[:, :statistics]  # (widths, statistics, seeds)
        x = np.log(np.asarray(setting["widths"], dtype=float))
        x = x - x.mean()
        return np.asarray(np.einsum("w,wsk->ks", x, logarithms) / (x @ x))

    def _distance(
        self, first: NDArray[Any], last: NDArray[Any], kernel: Rows, setting: Mapping[str, Any]
    ) -> NDArray[np.float64]:
        """Its logarithm for each block: (seeds, networks, data) to (seeds,)."""
        rates, vectors = np.linalg.eigh(np.asarray(kernel))
        formula = lower(self.regression, (START, TARGET, RATE, STEP, COUNT))
        start, target = first @ vectors, np.asarray(setting["targets"]) @ vectors
        target, rates = (np.broadcast_to(values, start.shape) for values in (target, rates))
        predicted = formula(
            start,
            target,
            rates,
            np.full(start.shape, setting["step_size"]),
            np.full(start.shape, float(setting["steps"])),
        )
        distances = np.linalg.norm(last @ vectors - np.asarray(predicted), axis=-1)
        return np.asarray(np.log(distances).mean(axis=-1))
