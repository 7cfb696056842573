"""Experiments on random deep networks: their covariances and tangent kernels, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import pairwise
from math import prod, sqrt
from typing import Any, Literal, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from sympy import Expr, Symbol

from numerics.networks import Layer, Network, Parameters, apply, preactivations, scales
from numerics.tangents import layerwise_tangent_kernel
from proofs_checks.deep_kernels.draws import Program, in_chunks, over_draws
from proofs_checks.deep_kernels.series import DUAL, SQUARE, LayerSeries
from proofs_checks.lowering import lower
from theory.gaussian.expectation import A, B, C

Rows: TypeAlias = Sequence[Sequence[float]]
Pairs: TypeAlias = Sequence[tuple[int, int]]
Kind: TypeAlias = Literal["outputs", "covariance", "tangent"]
Draws: TypeAlias = tuple[Layer, ...]

SINGULAR = 1e-9  # relative: with one active neuron the covariance has rank one
SMALL = 0.05


def network_of(
    activation: Expr,
    widths: Sequence[int],
    weight_variance: float,
    bias_variance: float,
    parametrization: Any = "ntk",
) -> Network:
    """A fully connected network; without biases where their variance is 0."""
    (variable,) = activation.free_symbols or {Symbol("z", real=True)}
    return Network(
        tuple(widths),
        lower(activation, (variable,)),
        parametrization=parametrization,
        weight_scale=sqrt(weight_variance),
        bias_scale=sqrt(bias_variance) if bias_variance else None,
    )


def draws_of(count: int, *shapes: Sequence[int], biases: bool) -> int:
    """How many draws ``normals`` needs for ``count`` networks of each of the given widths."""
    return count * sum(prod(size) for network in _sizes(shapes, biases) for size in network)


def normals(flat: jax.Array, count: int, *shapes: Sequence[int], biases: bool) -> tuple[Draws, ...]:
    """The layers of ``count`` networks of each of the given widths, from flat standard normal draws."""
    sizes = _sizes(shapes, biases)
    lengths = [prod(size) for network in sizes for size in network]
    parts = iter(jnp.split(flat.reshape(count, -1), np.cumsum(lengths)[:-1], axis=1))
    return tuple(
        tuple(_layer(next(parts).reshape(count, *size), biases) for size in network) for network in sizes
    )


def _sizes(shapes: Sequence[Sequence[int]], biases: bool) -> list[list[tuple[int, int]]]:
    return [[(out, fan_in + biases) for fan_in, out in pairwise(widths)] for widths in shapes]


def _layer(draws: jax.Array, biases: bool) -> Layer:
    return Layer(draws[..., :-1], draws[..., -1]) if biases else Layer(draws, None)


def parameters_of(network: Network, draws: Draws) -> Parameters:
    """The parameters of one network from standard normal draws."""
    found = []
    for layer, (weight, bias) in enumerate(draws):
        scale = scales(network, layer)
        found.append(
            Layer(scale.weight_deviation * weight, None if bias is None else scale.bias_deviation * bias)
        )
    return tuple(found)


def halved(draws: Draws) -> Draws:
    """The draws of the two networks among the halves of every hidden layer: of twice as many networks."""
    last = len(draws) - 1
    found = []
    for layer, (weight, bias) in enumerate(draws):
        rows, columns = ([] if layer == last else [1]), ([] if layer == 0 else [2])
        found.append(Layer(_halves(weight, rows + columns), None if bias is None else _halves(bias, rows)))
    return tuple(found)


def _halves(array: jax.Array, axes: Sequence[int]) -> jax.Array:
    """The first halves along the axes, then the second, joined along the axis that counts networks."""

    def half(second: int) -> jax.Array:
        part = array
        for axis in axes:
            size = array.shape[axis] // 2
            part = jax.lax.slice_in_dim(part, size * second, size * (1 + second), axis=axis)
        return part

    return jnp.concatenate([half(0), half(1)])


def kernel_of(kind: Kind, network: Network, inputs: jax.Array, draws: Draws) -> jax.Array:
    """One network's kernel on all inputs, shape (N, N).

    ``outputs``: the mean of f_i(x) f_i(y) over outputs; ``covariance``: that of the outputs given the hidden
    layers, sigma_b^2 + sigma_w^2 h.h/n; ``tangent``: that of the parameters, summed over outputs.
    """
    parameters = parameters_of(network, draws)
    if kind == "tangent":
        return layerwise_tangent_kernel(network, parameters, inputs, contraction="trace")
    if kind == "outputs":
        values = jax.vmap(partial(apply, network, parameters))(inputs)
        return values @ values.T / values.shape[1]
    hidden = jax.vmap(partial(preactivations, network, parameters))(inputs)[-2]
    return _covariance(network, network.activation(hidden))


def _covariance(network: Network, signals: jax.Array) -> jax.Array:
    variance = (network.bias_scales[-1] or 0.0) ** 2
    return variance + network.weight_scales[-1] ** 2 * (signals @ signals.T) / signals.shape[1]


@dataclass(frozen=True)
class Setting:
    """What a compiled program is made for: networks of some widths, their number, inputs and variances."""

    activation: Expr
    kind: Kind
    inputs: tuple[tuple[float, ...], ...]
    shapes: tuple[tuple[int, ...], ...]
    networks: int
    weight_variance: float
    bias_variance: float
    parametrization: Any = "ntk"

    @property
    def biases(self) -> bool:
        return self.bias_variance > 0

    @property
    def draws(self) -> int:
        """Standard normal draws for a block of networks of all shapes."""
        return draws_of(self.networks, *self.shapes, biases=self.biases)

    def normals(self, flat: jax.Array) -> tuple[Draws, ...]:
        """The draws of the layers of the networks of each shape."""
        return normals(flat, self.networks, *self.shapes, biases=self.biases)

    def network(self, shape: Sequence[int]) -> Network:
        return network_of(
            self.activation, shape, self.weight_variance, self.bias_variance, self.parametrization
        )

    def kernels(self, shape: Sequence[int], draws: Draws) -> jax.Array:
        """The kernels of networks of one shape, (networks, N, N)."""
        return jax.vmap(partial(kernel_of, self.kind, self.network(shape), jnp.asarray(self.inputs)))(draws)

    def shape(self, depth: int, width: int) -> tuple[int, ...]:
        return (len(self.inputs[0]), *(width,) * depth, 1)


@dataclass(frozen=True)
class KernelMean:
    """The mean of a kernel over the networks of a block, at each pair of inputs. Takes all keys at once."""

    activation: Expr
    kind: Kind

    def __call__(
        self, keys: jax.Array, *, pairs: Pairs, widths: Sequence[int], **setting: Any
    ) -> NDArray[np.float64]:
        rows, columns = np.asarray(pairs).T
        found = Setting(self.activation, self.kind, shapes=(tuple(widths),), **setting)
        return np.asarray(in_chunks(_mean(found), keys, found.draws)[:, rows, columns])


@lru_cache(maxsize=32)
def _mean(setting: Setting) -> Program:
    def one(flat: jax.Array) -> jax.Array:
        (shape,), (draws,) = setting.shapes, setting.normals(flat)
        return setting.kernels(shape, draws).mean(axis=0)

    return over_draws(one)


@dataclass(frozen=True)
class ExtrapolatedKernel:
    """2 w_{2n} K_{2n} - w_n K_n, in which a term of order 1/n cancels; hidden layers of width 2n and n.

    The networks of width n are the two halves of that of width 2n, which saves most of the variance. Takes
    all keys at once.
    """

    activation: Expr
    kind: Kind

    def __call__(
        self,
        keys: jax.Array,
        *,
        pairs: Pairs,
        depth: int,
        width: int,
        weights: Sequence[float],
        **setting: Any,
    ) -> NDArray[np.float64]:
        found = Setting(self.activation, self.kind, shapes=(), **setting)
        found = replace(found, shapes=(found.shape(depth, 2 * width),))
        wide, narrow = in_chunks(_wide_and_narrow(found), keys, found.draws)
        rows, columns = np.asarray(pairs).T
        return np.asarray((2 * weights[0] * wide - weights[1] * narrow)[:, rows, columns])


@lru_cache(maxsize=32)
def _wide_and_narrow(setting: Setting) -> Program:
    (wide,) = setting.shapes
    narrow = (wide[0], *(width // 2 for width in wide[1:-1]), wide[-1])

    def one(flat: jax.Array) -> tuple[jax.Array, jax.Array]:
        (draws,) = setting.normals(flat)
        found = setting.kernels(wide, draws), setting.kernels(narrow, halved(draws))
        return found[0].mean(axis=0), found[1].mean(axis=0)

    return over_draws(one)


@lru_cache(maxsize=32)
def _kernels(setting: Setting) -> Program:
    """For every shape the kernels of the networks of one block, (networks, N, N)."""

    def one(flat: jax.Array) -> tuple[jax.Array, ...]:
        found = zip(setting.shapes, setting.normals(flat), strict=True)
        return tuple(setting.kernels(shape, draws) for shape, draws in found)

    return over_draws(one)


@dataclass(frozen=True)
class FluctuationExponent:
    """The slope, in the logarithm of the width, of the logarithm of a kernel's relative variance.

    The variance is that over the networks of a block, added up over pairs of inputs. With ``spread`` the
    output of every other network has the factor (1 + spread)^(1/2), that of the rest (1 - spread)^(1/2).
    Takes all keys at once.
    """

    activation: Expr
    kind: Kind

    def __call__(
        self, keys: jax.Array, *, widths: Sequence[int], depth: int, spread: float = 0.0, **setting: Any
    ) -> NDArray[np.float64]:
        found = Setting(self.activation, self.kind, shapes=(), **setting)
        found = replace(found, shapes=tuple(found.shape(depth, width) for width in widths))
        kernels = in_chunks(_kernels(found), keys, found.draws)
        first, last = (self._logarithm(one, spread) for one in kernels)
        return np.asarray((last - first) / np.log(widths[-1] / widths[0]))

    def _logarithm(self, kernels: NDArray[Any], spread: float) -> NDArray[Any]:
        """Of the relative variance, for each block: (seeds, networks, N, N) to (seeds,)."""
        signs = np.where(np.arange(kernels.shape[1]) % 2, -1.0, 1.0)
        scaled = kernels * (1 + spread * signs)[:, None, None]
        norms = np.sqrt(np.diagonal(scaled.mean(axis=1), axis1=-2, axis2=-1))
        relative = scaled.var(axis=1, ddof=1) / (norms[:, :, None] * norms[:, None, :]) ** 2
        return np.asarray(np.log(relative.sum(axis=(-2, -1))))


@lru_cache(maxsize=32)
def _covariances(setting: Setting) -> Program:
    """Of every network of a block the covariances K_n of all layers, (networks, depth + 1, N, N)."""
    (shape,), x = setting.shapes, jnp.asarray(setting.inputs)
    network = setting.network(shape)

    def one(draws: Draws) -> jax.Array:
        before = jax.vmap(partial(preactivations, network, parameters_of(network, draws)))(x)
        signals = (x, *map(network.activation, before[:-1]))
        return jnp.stack([_covariance(network, signal) for signal in signals])

    return over_draws(lambda flat: jax.vmap(one)(setting.normals(flat)[0]))


@dataclass(frozen=True)
class LayerRatios:
    """The mean of (K_xx + 2 K_xy + K_yy)/(F_xx + 2 F_xy + F_yy), K = K_n^{l+1}, F = F(K_n^l), for all l.

    These are variances of f(x) + f(y), which vanish for opposite outputs only.

    Takes all keys at once; the map F, for different inputs in (a, b, c) and for equal ones in a, enters only
    here, so that all formulas share one compiled program. Where K_n^l is singular, or the denominator below
    SMALL (F_xx + F_yy), the ratio is replaced by 1, the mean that it has given K_n^l.
    """

    activation: Expr
    different: Expr
    equal: Expr

    def __call__(
        self, keys: jax.Array, *, pairs: Pairs, depth: int, width: int, **setting: Any
    ) -> NDArray[np.float64]:
        networks = Setting(self.activation, "covariance", shapes=(), **setting)
        networks = replace(networks, shapes=(networks.shape(depth, width),))
        found = in_chunks(_covariances(networks), keys, networks.draws)
        before, after = found[:, :, :-1], found[:, :, 1:]
        series = self._series(before, networks.weight_variance)
        parts = [self._ratio(before, after, i, j, series) for i, j in pairs]
        return np.stack(parts, axis=-1).mean(axis=1).reshape(len(found), -1)

    def _series(self, before: NDArray[Any], weight: float) -> LayerSeries | None:
        """Where the map has no closed form: its expectations at what was measured."""
        if not (self.equal.has(SQUARE) or self.different.has(DUAL)):
            return None
        return LayerSeries(self.activation, np.diagonal(before, axis1=-2, axis2=-1), weight)

    def _ratio(
        self, before: NDArray[Any], after: NDArray[Any], i: int, j: int, series: LayerSeries | None = None
    ) -> NDArray[Any]:
        a, b, c = before[..., i, i], before[..., j, j], before[..., i, j]
        regular = (a > 0) & (b > 0) & ((i == j) | (c**2 < (1 - SINGULAR) * a * b))
        a, b, c = (np.where(regular, value, other) for value, other in ((a, 1.0), (b, 1.0), (c, 0.0)))
        first, predicted, second = self._mapped(a, b, c, i, j, series)
        total = first + 2 * predicted + second
        regular &= total > SMALL * (first + second)
        total = np.where(regular, total, 1.0)
        measured = after[..., i, i] + 2 * after[..., i, j] + after[..., j, j]
        if series is not None:
            series.require_small(i, j, c, np.where(regular, measured / total**2, 0.0))
        return np.where(regular, measured / total, 1.0)

    def _mapped(
        self, a: NDArray[Any], b: NDArray[Any], c: NDArray[Any], i: int, j: int, series: LayerSeries | None
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """F_xx, F_xy and F_yy."""
        if series is None:
            first, second = (_evaluated(self.equal, (A,), value) for value in (a, b))
            return first, first if i == j else _evaluated(self.different, (A, B, C), a, b, c), second
        first, second = (_evaluated(self.equal, (SQUARE,), *one) for one in series.singles(i, j))
        if i == j:
            return first, first, second
        return first, _evaluated(self.different, (DUAL,), *series.pair(i, j, a, b, c)), second


def _evaluated(expression: Expr, symbols: tuple[Symbol, ...], *values: NDArray[Any]) -> NDArray[Any]:
    return np.broadcast_to(np.asarray(lower(expression, symbols)(*values)), values[0].shape)
