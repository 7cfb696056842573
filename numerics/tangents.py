"""Empirical neural tangent kernels without the full Jacobian.

For f(theta, x) in R^k,

    Theta_{ab}(x, x') = < d f_a(x) / d theta, d f_b(x') / d theta >,

summed over all parameters (no normalization by their number or by k). Results have shape (n1, n2, k, k)
for ``full`` and (n1, n2) for ``trace``, which is sum_a Theta_{aa}.

Sources: Jacot, Gabriel and Hongler (2018), section 4; the implicit contraction is the "NTK-vector products"
of Novak, Sohl-Dickstein and Schoenholz (2022), section 3.3.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import DTypeLike
from jaxtyping import Float, PyTree

from numerics.devices import PRECISION
from numerics.networks import Network, Parameters, preactivations, scales

Contraction = Literal["full", "trace"]

_DEFAULT_BYTES = 2**28


def empirical_tangent_kernel(
    apply: Callable[[Any, Array], Array],
    parameters: PyTree,
    x1: Float[Array, "n1 inputs"],
    x2: Float[Array, "n2 inputs"] | None = None,
    *,
    contraction: Contraction = "full",
    block: int = 1,
) -> Float[Array, "n1 n2 k k"] | Float[Array, "n1 n2"]:
    """Theta(x1, x2) of any JAX function of one datum; ``x2=None`` means x1.

    Column (x', b) is the derivative of f(theta, x1) in the direction of the gradient of f_b(theta, x'):
    one vjp, then one jvp of all n1 outputs. Beyond the result, ``block`` rows of x2 hold block * k
    gradients and block * k * n1 sets of activations at a time; the Jacobian is never formed.
    """
    others = x1 if x2 is None else x2

    def column(x: Array) -> Array:
        output, pullback = jax.vjp(lambda theta: apply(theta, x), parameters)
        (gradients,) = jax.vmap(pullback)(jnp.eye(output.shape[0], dtype=output.dtype))
        return jax.vmap(partial(_derivative, apply, parameters, x1))(gradients)

    columns = lax.map(column, others, batch_size=block)  # (n2, k of x2, n1, k of x1)
    if contraction == "trace":
        return jnp.einsum("jbib->ij", columns)
    return jnp.transpose(columns, (2, 0, 3, 1))


def layerwise_tangent_kernel(
    network: Network,
    parameters: Parameters,
    x1: Float[Array, "n1 inputs"],
    x2: Float[Array, "n2 inputs"] | None = None,
    *,
    contraction: Contraction = "full",
    maximum_bytes: int = _DEFAULT_BYTES,
) -> Float[Array, "n1 n2 k k"] | Float[Array, "n1 n2"]:
    """Theta(x1, x2) of a fully connected network from Gram matrices of its layers.

    With delta^l_a(x) = d f_a(x) / d z^l and g_l, b_l of ``numerics.networks``,

        Theta_{ab}(x, x') = sum_l (g_l^2 <h^{l-1}(x), h^{l-1}(x')> + b_l^2) <delta^l_a(x), delta^l_b(x')>,

    at a cost of n1 n2 k^2 times the *number of units* instead of the number of parameters. Rows of x1 are
    taken in blocks whose working set, by ``layerwise_bytes``, stays below ``maximum_bytes`` where one row
    at a time can achieve that.
    """
    others = x1 if x2 is None else x2
    second = jax.vmap(partial(_layer_signals, network, parameters))(others)
    rows = _rows_within(network, x1.shape[0], others.shape[0], x1.dtype, contraction, maximum_bytes)

    def row(x: Array) -> Array:
        first = _layer_signals(network, parameters, x)
        return _contract(network, first, second, contraction)

    return lax.map(row, x1, batch_size=rows)


def layerwise_bytes(
    network: Network, rows: int, columns: int, dtype: DTypeLike, contraction: Contraction = "full"
) -> int:
    """Predicted peak of ``layerwise_tangent_kernel`` for a block of rows, without its final result.

    Signals h and delta of both sides, two Gram matrices and their product.
    """
    outputs = network.widths[-1]
    signals = sum(network.widths[:-1]) + outputs * sum(network.widths[1:])
    entries = rows * columns * (outputs**2 if contraction == "full" else 1)
    return jnp.dtype(dtype).itemsize * (signals * (rows + columns) + 3 * entries)


class _Signals(NamedTuple):
    """Of every layer: h^{l-1}, shape (n_{l-1},), and delta^l, shape (k, n_l)."""

    inputs: tuple[Array, ...]
    sensitivities: tuple[Array, ...]


def _derivative(
    apply: Callable[[Any, Array], Array], parameters: PyTree, inputs: Array, direction: PyTree
) -> Array:
    outputs = lambda theta: jax.vmap(partial(apply, theta))(inputs)  # noqa: E731
    return jax.jvp(outputs, (parameters,), (direction,))[1]


def _layer_signals(network: Network, parameters: Parameters, x: Array) -> _Signals:
    before = preactivations(network, parameters, x)
    inputs, slopes = [x], []
    for z in before[:-1]:
        value, slope = jax.jvp(network.activation, (z,), (jnp.ones_like(z),))
        inputs.append(value)
        slopes.append(slope)
    sensitivities = [jnp.eye(network.widths[-1], dtype=before[-1].dtype)]
    for layer in range(network.depth - 1, 0, -1):
        gain = scales(network, layer).weight_multiplier
        back = gain * jnp.matmul(sensitivities[0], parameters[layer].weight, precision=PRECISION)
        sensitivities.insert(0, back * slopes[layer - 1])
    return _Signals(tuple(inputs), tuple(sensitivities))


def _contract(network: Network, first: _Signals, second: _Signals, contraction: Contraction) -> Array:
    """One row of the kernel: ``first`` is of one datum, ``second`` of n2."""
    total: Array | float = 0.0
    subscripts = "au,jbu->jab" if contraction == "full" else "au,jau->j"
    for layer in range(network.depth):
        scale = scales(network, layer)
        gram = jnp.matmul(second.inputs[layer], first.inputs[layer], precision=PRECISION)
        weight = scale.weight_multiplier**2 * gram
        if network.bias_scales[layer] is not None:
            weight = weight + scale.bias_multiplier**2
        deltas = first.sensitivities[layer], second.sensitivities[layer]
        overlap = jnp.einsum(subscripts, *deltas, precision=PRECISION)
        total = total + jnp.expand_dims(weight, tuple(range(1, overlap.ndim))) * overlap
    return jnp.asarray(total)


def _rows_within(
    network: Network, n1: int, n2: int, dtype: DTypeLike, contraction: Contraction, maximum_bytes: int
) -> int:
    one, two = (layerwise_bytes(network, rows, n2, dtype, contraction) for rows in (1, 2))
    affordable = 1 + max(0, maximum_bytes - one) // (two - one)
    return min(n1, affordable)
