"""Fully connected networks as plain pytrees, for one datum; vectorize with ``jax.vmap`` at the boundary.

With h^0 = x in R^{n_0}, layer l = 1, ..., L maps

    z^l = g_l W^l h^{l-1} + b_l beta^l,      h^l = sigma(z^l),      f(x) = z^L,

where W^l, beta^l are the trained parameters, drawn from N(0, r_l^2) and N(0, q_l^2). The parametrization
decides where the scale s_l = sigma_w n_{l-1}^{-p_l} goes:

    ================  ==================  ===================================  =======================
    parametrization   g_l, r_l            b_l, q_l                             p_l
    ================  ==================  ===================================  =======================
    ``ntk``           s_l, 1              sigma_b, 1                           1/2
    ``standard``      1, s_l              1, sigma_b                           1/2
    ``mean_field``    s_l, 1              sigma_b, 1                           1/2 (l = 1), 1 (l > 1)
    ================  ==================  ===================================  =======================

``input_scaling=False`` sets p_1 = 0: the first layer is then sigma_w W x. Without hidden layers p_1 is
always that of a first layer.

Sources: Jacot, Gabriel and Hongler (2018), section 3, and Lee et al. (2019), equation 1 (``ntk`` and
``standard``); Mei, Montanari and Nguyen (2018), equation 1 (``mean_field``, with ``input_scaling=False``).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float, Key

from numerics.devices import PRECISION

Parametrization = Literal["ntk", "standard", "mean_field"]


class Layer(NamedTuple):
    """Weights and biases of one layer; ``bias`` is None where the layer has none."""

    weight: Float[Array, "fan_out fan_in"]
    bias: Float[Array, " fan_out"] | None


Parameters = tuple[Layer, ...]


def identity(z: Array) -> Array:
    """The activation of deep linear networks."""
    return z


@dataclass(frozen=True)
class Network:
    """Architecture and scales; the parameters are a separate pytree (see ``initialize``).

    ``widths`` runs from the input to the output dimension. ``weight_scale`` is sigma_w and ``bias_scale``
    is sigma_b, each one number or one per layer; a ``bias_scale`` of None means no biases at all.
    Raises ValueError on anything else.
    """

    widths: tuple[int, ...]
    activation: Callable[[Array], Array]
    parametrization: Parametrization = "ntk"
    weight_scale: float | tuple[float, ...] = 1.0
    bias_scale: float | tuple[float | None, ...] | None = None
    input_scaling: bool = True

    def __post_init__(self) -> None:
        if len(self.widths) < 2 or any(width < 1 for width in self.widths):
            raise ValueError(f"widths are {self.widths}; give at least two integers >= 1, input first")
        if self.parametrization not in get_args(Parametrization):
            allowed = ", ".join(get_args(Parametrization))
            raise ValueError(f"parametrization is {self.parametrization!r}; allowed: {allowed}")
        for name, scales in (("weight_scale", self.weight_scales), ("bias_scale", self.bias_scales)):
            _check_scales(name, scales, self.depth)

    @property
    def depth(self) -> int:
        """Number of layers with parameters, L."""
        return len(self.widths) - 1

    @property
    def weight_scales(self) -> tuple[float, ...]:
        """sigma_w of every layer."""
        given = self.weight_scale
        return given if isinstance(given, tuple) else (given,) * self.depth

    @property
    def bias_scales(self) -> tuple[float | None, ...]:
        """sigma_b of every layer, None where there is no bias."""
        given = self.bias_scale
        return given if isinstance(given, tuple) else (given,) * self.depth


class Scales(NamedTuple):
    """The numbers of one layer in the table above: g_l, r_l, b_l, q_l."""

    weight_multiplier: float
    weight_deviation: float
    bias_multiplier: float
    bias_deviation: float


def scales(network: Network, layer: int) -> Scales:
    """Multipliers and initial deviations of a layer, counted from 0."""
    weight = network.weight_scales[layer] * network.widths[layer] ** -_fan_in_exponent(network, layer)
    bias = network.bias_scales[layer] or 0.0
    if network.parametrization == "standard":
        return Scales(1.0, weight, 1.0, bias)
    return Scales(weight, 1.0, bias, 1.0)


def initialize(network: Network, key: Key[Array, ""], dtype: DTypeLike | None = None) -> Parameters:
    """Independent Gaussian parameters, W^l ~ N(0, r_l^2) and beta^l ~ N(0, q_l^2).

    Drawn in JAX's default float type and cast to ``dtype`` afterwards, so that a float32 run sees the
    rounded parameters of the float64 run: draws in the two types from one key are unrelated.
    """
    return tuple(
        _initialize_layer(network, layer, jax.random.fold_in(key, layer), dtype)
        for layer in range(network.depth)
    )


def parameters_from(network: Network, draws: Float[Array, " parameters"]) -> Parameters:
    """The parameters that standard normal ``draws`` give, layer by layer, weights before biases.

    One flat draw serves many networks at once: XLA compiles every call of threefry anew, and ``initialize``
    has several for each layer. Raises ValueError unless there is one draw for each parameter.
    """
    if draws.shape != (parameter_count(network),):
        raise ValueError(f"draws have the shape {draws.shape}; give ({parameter_count(network)},)")
    start, layers = 0, []
    for layer, (fan_in, fan_out) in enumerate(zip(network.widths[:-1], network.widths[1:], strict=True)):
        scale, end = scales(network, layer), start + fan_in * fan_out
        weight = scale.weight_deviation * draws[start:end].reshape(fan_out, fan_in)
        start = end
        if network.bias_scales[layer] is None:
            layers.append(Layer(weight, None))
        else:
            start = end + fan_out
            layers.append(Layer(weight, scale.bias_deviation * draws[end:start]))
    return tuple(layers)


def preactivations(
    network: Network, parameters: Parameters, x: Float[Array, " inputs"]
) -> tuple[Float[Array, " _"], ...]:
    """z^1, ..., z^L for one datum; the last is the output."""
    signal, result = x, []
    for layer in range(network.depth):
        result.append(_affine(network, layer, parameters[layer], signal))
        signal = network.activation(result[-1])
    return tuple(result)


def apply(network: Network, parameters: Parameters, x: Float[Array, " inputs"]) -> Float[Array, " outputs"]:
    """The output f(x) = z^L for one datum."""
    return preactivations(network, parameters, x)[-1]


def parameter_count(network: Network) -> int:
    """Number of trained parameters."""
    fans = zip(network.widths[:-1], network.widths[1:], network.bias_scales, strict=True)
    return sum(fan_out * (fan_in + (bias is not None)) for fan_in, fan_out, bias in fans)


def _fan_in_exponent(network: Network, layer: int) -> float:
    if layer == 0:
        return 0.5 if network.input_scaling else 0.0
    return 1.0 if network.parametrization == "mean_field" else 0.5


def _initialize_layer(network: Network, layer: int, key: Key[Array, ""], dtype: DTypeLike | None) -> Layer:
    fan_in, fan_out = network.widths[layer : layer + 2]
    scale = scales(network, layer)
    weight_key, bias_key = jax.random.split(key)
    weight = scale.weight_deviation * jax.random.normal(weight_key, (fan_out, fan_in))
    if network.bias_scales[layer] is None:
        return Layer(weight.astype(dtype or weight.dtype), None)
    bias = scale.bias_deviation * jax.random.normal(bias_key, (fan_out,))
    return Layer(weight.astype(dtype or weight.dtype), bias.astype(dtype or bias.dtype))


def _affine(network: Network, layer: int, parameters: Layer, signal: Array) -> Array:
    scale = scales(network, layer)
    result = scale.weight_multiplier * jnp.matmul(parameters.weight, signal, precision=PRECISION)
    return result if parameters.bias is None else result + scale.bias_multiplier * parameters.bias


def _check_scales(name: str, given: tuple[float | None, ...], depth: int) -> None:
    usable = all(scale is None or (math.isfinite(scale) and scale >= 0) for scale in given)
    if len(given) != depth or not usable or (name == "weight_scale" and None in given):
        raise ValueError(f"{name} is {given}; give one finite number >= 0, or one for each of {depth} layers")
