"""Experiments on deep networks of finite width: ratios of norms, dead networks, the spread of the kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from sympy import Expr

from numerics.collapsed_networks import next_covariance, preactivations_from
from numerics.networks import (
    Layer,
    Network,
    Parameters,
    identity,
    parameter_count,
    parameters_from,
    preactivations,
)
from proofs_checks.deep_kernels.draws import Program, in_chunks, over_draws
from proofs_checks.two_layer_networks import lowered

# Dense, and no direction of symmetry; the tangent is not at right angles to it.
INPUT, TURN = (0.7, -1.1, 0.4), (0.5, 0.2, -0.9)
ONE_HOT = (1.0, 0.0, 0.0)
DEAD = 1000.0  # far below the log R of any network that is not dead
UNIFORM = 3**0.5  # half the side of the interval on which the uniform law has variance 1


@dataclass(frozen=True)
class NormRatios:
    """log R of signal and tangent in networks of real weight matrices, and how many are dead.

    R = (|h^L|^2/n_L) / (|x|^2/n_0), and the same of the tangent. Means over the networks of a key of alive,
    alive log R, alive (log R - center)^2, for the signal and then for the tangent, of these the ``entries``.
    Weights have variance ``weight_variance``/fan-in, biases the deviation ``bias_deviation`` about
    ``bias_mean``.
    """

    kind: str
    uniform: bool = False
    one_hot: bool = False

    def __call__(
        self,
        keys: jax.Array,
        *,
        widths: Sequence[int],
        networks: int,
        weight_variance: float,
        center: float,
        entries: Sequence[int],
        bias_deviation: float = 0.0,
        bias_mean: float = 0.0,
    ) -> NDArray[np.float64]:
        program, size = _ratios(self, tuple(widths), networks), networks * parameter_count(_network(widths))
        found = in_chunks(program, keys, size, weight_variance, center, bias_deviation, bias_mean)
        return np.asarray(found[:, list(entries)])


def _network(widths: Sequence[int], activation: Callable[[jax.Array], jax.Array] = identity) -> Network:
    return Network((len(INPUT), *widths), activation, bias_scale=1.0)


def _ratios_of(experiment: NormRatios, widths: Sequence[int]) -> Callable[..., jax.Array]:
    """R of the signal and of the tangent, from the draws of one network and the moments of its entries."""
    activation = identity if experiment.kind == "linear" else jax.nn.relu
    network = _network(widths, activation)
    x, u = jnp.asarray(ONE_HOT if experiment.one_hot else INPUT), jnp.asarray(TURN)

    def ratios(draws: jax.Array, weight: jax.Array, deviation: jax.Array, mean: jax.Array) -> jax.Array:
        parameters = _scaled(parameters_from(network, draws), jnp.sqrt(weight), deviation, mean)
        signal, tangent = jax.jvp(
            lambda x: activation(preactivations(network, parameters, x)[-1]), (x,), (u,)
        )
        return jnp.stack([jnp.mean(signal**2) / jnp.mean(x**2), jnp.mean(tangent**2) / jnp.mean(u**2)])

    return ratios


@lru_cache(maxsize=32)
def _ratios(experiment: NormRatios, widths: tuple[int, ...], networks: int) -> Program:
    ratios = _ratios_of(experiment, widths)

    def one(draws: jax.Array, weight: jax.Array, center: jax.Array, *biases: jax.Array) -> jax.Array:
        # Phi of a Gaussian is uniform.
        entries = UNIFORM * (2 * jax.scipy.special.ndtr(draws) - 1) if experiment.uniform else draws
        found = jax.vmap(lambda draw: ratios(draw, weight, *biases))(entries.reshape(networks, -1))
        alive = found > 0
        logs = jnp.where(alive, jnp.log(jnp.where(alive, found, 1.0)), 0.0)
        spread = jnp.where(alive, (logs - center) ** 2, 0.0)
        return jnp.stack([alive.astype(logs.dtype), logs, spread]).mean(axis=1).T.ravel()

    return over_draws(one)


@dataclass(frozen=True)
class LogRatio:
    """log R of one network of real weight matrices for each key: of the signal, or of the tangent.

    A dead network has R = 0. It is given a uniform value between -2 DEAD and -DEAD, so that what is measured
    has a continuous law that shows how often that happens.
    """

    kind: str

    def __call__(
        self,
        keys: jax.Array,
        *,
        widths: Sequence[int],
        weight_variance: float,
        tangent: bool = False,
        bias_deviation: float = 0.0,
    ) -> NDArray[np.float64]:
        program, size = _log_ratio(self.kind, tuple(widths)), parameter_count(_network(widths)) + 1
        return np.asarray(in_chunks(program, keys, size, tangent, weight_variance, bias_deviation, 0.0))


@lru_cache(maxsize=32)
def _log_ratio(kind: str, widths: tuple[int, ...]) -> Program:
    """Signal or tangent is data: one program serves both."""
    ratios = _ratios_of(NormRatios(kind), widths)

    def one(draws: jax.Array, tangent: jax.Array, *moments: jax.Array) -> jax.Array:
        found = ratios(draws[1:], *moments)
        found = jnp.where(tangent > 0, found[1], found[0])
        silent = -DEAD * (1 + jax.scipy.special.ndtr(draws[0]))  # Phi of a Gaussian is uniform
        return jnp.where(found > 0, jnp.log(jnp.where(found > 0, found, 1.0)), silent)

    return over_draws(one)


def _scaled(parameters: Parameters, weight: jax.Array, deviation: jax.Array, mean: jax.Array) -> Parameters:
    return tuple(
        Layer(weight * layer.weight, None if layer.bias is None else mean + deviation * layer.bias)
        for layer in parameters
    )


@dataclass(frozen=True)
class CollapsedRelu:
    """The share of dead networks, and the mean of R^2, by sampling without weight matrices."""

    def __call__(
        self, keys: jax.Array, *, widths: Sequence[int], networks: int, entries: Sequence[int]
    ) -> NDArray[np.float64]:
        program = _collapsed_relu(tuple(widths), networks)
        return np.asarray(in_chunks(program, keys, networks * sum(widths))[:, list(entries)])


@lru_cache(maxsize=32)
def _collapsed_relu(widths: tuple[int, ...], networks: int) -> Program:
    def ratio(draws: jax.Array) -> jax.Array:
        # C_W = 2 at the first layer too: the input has |x|^2/n_0 = 1.
        last = preactivations_from(draws, 2.0 * jnp.ones((1, 1)), widths, jax.nn.relu, 2.0)[-1]
        return jnp.mean(jax.nn.relu(last) ** 2)

    def one(draws: jax.Array) -> jax.Array:
        found = jax.vmap(ratio)(draws.reshape(networks, -1, 1))
        return jnp.stack([jnp.mean((found == 0).astype(found.dtype)), jnp.mean(found**2)])

    return over_draws(one)


@dataclass(frozen=True)
class KernelSpread:
    """n Var k of the kernels that the first hidden layers leave, extrapolated from widths n and 2 n.

    Twice 2 n times the sample variance over the networks of width 2 n, minus the same at n: V_2, V_3, ...
    without their corrections of order 1/n.
    """

    activation: Expr

    def __call__(
        self, keys: jax.Array, *, kernel: float, weight_variance: float, width: int, depth: int, networks: int
    ) -> NDArray[np.float64]:
        program, size = _spread(self.activation, width, depth, networks), 3 * networks * width * depth
        return np.asarray(in_chunks(program, keys, size, kernel, weight_variance))


@lru_cache(maxsize=32)
def _spread(activation: Expr, width: int, depth: int, networks: int) -> Program:
    function = lowered(activation)

    def kernels(draws: jax.Array, width: int, kernel: jax.Array, weight: jax.Array) -> jax.Array:
        layers = preactivations_from(draws, kernel.reshape(1, 1), (width,) * depth, function, weight)
        return jnp.stack([next_covariance(layer, function, weight)[0, 0] for layer in layers])

    def scaled(draws: jax.Array, width: int, kernel: jax.Array, weight: jax.Array) -> jax.Array:
        shaped = draws.reshape(networks, width * depth, 1)
        found = jax.vmap(lambda draw: kernels(draw, width, kernel, weight))(shaped)
        return width * jnp.var(found, axis=0, ddof=1)

    def one(draws: jax.Array, kernel: jax.Array, weight: jax.Array) -> jax.Array:
        size = networks * width * depth
        wide = scaled(draws[size:], 2 * width, kernel, weight)
        return 2 * wide - scaled(draws[:size], width, kernel, weight)

    return over_draws(one)


@dataclass(frozen=True)
class KernelShift:
    """n (E[k_3 | k_2] - K_3 - C_W M'(K_2) (k_2 - K_2)), extrapolated from widths n and 2 n: delta_3.

    k_2 is the kernel that one hidden layer leaves; the mean of k_3 given k_2 is C_W M(k_2), and the linear
    term, whose mean is 0, takes most of the noise away. ``square`` is M in the symbol a.
    """

    activation: Expr
    square: Expr

    def __call__(
        self, keys: jax.Array, *, kernel: float, weight_variance: float, width: int, networks: int
    ) -> NDArray[np.float64]:
        program = _shift(self.activation, self.square, width, networks)
        return np.asarray(in_chunks(program, keys, 3 * networks * width, kernel, weight_variance))


@lru_cache(maxsize=32)
def _shift(activation: Expr, square: Expr, width: int, networks: int) -> Program:
    function, moment = lowered(activation), lowered(square)

    def mean(draws: jax.Array, width: int, kernel: jax.Array, weight: jax.Array) -> jax.Array:
        layer = jnp.sqrt(kernel) * draws.reshape(networks, width)
        found = weight * jnp.mean(function(layer) ** 2, axis=1)
        limit = weight * moment(kernel)
        value, slope = jax.jvp(moment, (limit,), (jnp.ones_like(limit),))
        gap = weight * (moment(found) - value - slope * (found - limit))
        return width * jnp.mean(gap)

    def one(draws: jax.Array, kernel: jax.Array, weight: jax.Array) -> jax.Array:
        size = networks * width
        wide = mean(draws[size:], 2 * width, kernel, weight)
        return 2 * wide - mean(draws[:size], width, kernel, weight)

    return over_draws(one)
