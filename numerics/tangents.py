"""Empirical neural tangent kernels without the full Jacobian.

For f(theta, x) in R^k,

    Theta_{ab}(x, x') = < d f_a(x) / d theta, d f_b(x') / d theta >,

summed over all parameters (no normalization by their number or by k). Results have shape (n1, n2, k, k)
for ``full`` and (n1, n2) for ``trace``, which is sum_a Theta_{aa}.

Sources: Jacot, Gabriel and Hongler (2018), section 4; the implicit contraction is the "NTK-vector products"
of Novak, Sohl-Dickstein and Schoenholz (2022), section 3.3.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import DTypeLike
from jaxtyping import Float, PyTree

from numerics.devices import PRECISION
from numerics.memory import OutOfMemory, free_bytes
from numerics.networks import Network, Parameters, scales

Contraction = Literal["full", "trace"]

_DEFAULT_BYTES = 2**28
# Tiles of a symmetric kernel: products of fewer rows than the first run at half the speed, of as many as the
# second at all of it; more than eight in a row save less than a sixteenth of the work.
_LEAST_ROWS, _GOOD_ROWS, _MOST_TILES = 64, 256, 8
# Tiles written out run side by side, but the compiler then keeps the products of all of them at once.
_UNROLLED_TILES, _UNROLLED_BYTES = 3, 2**23


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

    Raises OutOfMemory where the result itself does not fit.
    """
    others = x1 if x2 is None else x2
    outputs = jax.eval_shape(apply, parameters, x1[0]).shape[0]
    # The columns, and their transpose.
    _require(2 * _result_bytes(x1, others, outputs, "full"), "give fewer rows of x1 at a time")

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

    at a cost of n1 n2 k^2 times the *number of units* instead of the number of parameters; where x2 is None,
    about half of it, by symmetry. Rows of x1 are taken in panels whose working set, by ``layerwise_bytes``,
    stays below ``maximum_bytes`` where one row at a time can achieve that. The signals h and delta of all
    data are held at once: ``tangent_kernel_slabs`` is for data too many for that.

    Raises OutOfMemory where result and working set do not fit into what is free.
    """
    others = x1 if x2 is None else x2
    rows = _rows_within(network, x1.shape[0], others.shape[0], x1.dtype, contraction, maximum_bytes)
    columns = others.shape[0] if x2 is not None or rows < x1.shape[0] else None
    needed = layerwise_bytes(network, rows, columns, x1.dtype, contraction)
    result = _result_bytes(x1, others, network.widths[-1], contraction)
    _require(needed + result, "take the slabs of tangent_kernel_slabs one at a time")
    if x2 is None:
        return _symmetric(network, contraction, rows, parameters, x1)
    return _rectangular(network, contraction, rows, parameters, x1, x2)


def tangent_kernel_slabs(
    network: Network,
    parameters: Parameters,
    x1: Float[Array, "n1 inputs"],
    x2: Float[Array, "n2 inputs"] | None = None,
    *,
    contraction: Contraction = "full",
    rows: int = 256,
) -> Iterator[tuple[slice, np.ndarray]]:
    """The rows of ``layerwise_tangent_kernel``, some at a time, in the memory of the host.

    Yields (slice of x1, slab), a slab of shape (rows, n2, k, k) or (rows, n2). Signals of ``rows`` data of x1
    and as many of x2 exist at a time, computed anew for every pair of them. Not for use inside jit.

    Raises ValueError unless ``rows`` >= 1.
    """
    if rows < 1:
        raise ValueError(f"rows is {rows}; give a whole number >= 1")
    others = x1 if x2 is None else x2
    for start in range(0, x1.shape[0], rows):
        taken = slice(start, min(start + rows, x1.shape[0]))
        tiles = (
            np.asarray(
                layerwise_tangent_kernel(
                    network, parameters, x1[taken], others[first : first + rows], contraction=contraction
                )
            )
            for first in range(0, others.shape[0], rows)
        )
        yield taken, np.concatenate(list(tiles), axis=1)


def layerwise_bytes(
    network: Network, rows: int, columns: int | None, dtype: DTypeLike, contraction: Contraction = "full"
) -> int:
    """Predicted peak of ``layerwise_tangent_kernel``, without its final result.

    For a panel of rows: signals h and delta of both sides, two Gram matrices and their product. With
    ``columns=None``, for ``rows`` data with themselves: the signals once, and a tile.
    """
    outputs, hidden = network.widths[-1], network.widths[1:-1]
    # The delta of the last layer is the identity, that of the last but one a product made when needed.
    signals = sum(network.widths[:-1]) + outputs * sum(hidden)
    across = outputs if contraction == "full" else 1
    if columns is None:
        side = -(-rows // _tiles(rows, across, rows))
        floats = (signals + sum(hidden)) * rows + 3 * (side * across) ** 2  # with the slopes
    else:
        floats = signals * (rows + columns) + 3 * rows * columns * across**2
    return jnp.dtype(dtype).itemsize * floats


class _Forward(NamedTuple):
    """Of n data: h^{l-1} of every layer, shape (n, n_{l-1}), and the slopes s'(z^l) of the hidden ones."""

    inputs: tuple[Array, ...]
    slopes: tuple[Array, ...]

    def rows(self, start: Any, count: int) -> "_Forward":
        return jax.tree.map(partial(lax.dynamic_slice_in_dim, start_index=start, slice_size=count), self)


class _Signals(NamedTuple):
    """Of n data: h^{l-1} of every layer, shape (n, n_{l-1}), and delta^l of all but the last, (n, k, n_l).

    The delta of the last hidden layer, cheap and as large as the others, is made when needed, from its slopes
    (n, n_l).
    """

    inputs: tuple[Array, ...]
    sensitivities: tuple[Array, ...]
    last: Array | None

    def deltas(self, network: Network, parameters: Parameters) -> tuple[Array, ...]:
        if self.last is None:
            return ()
        return (*self.sensitivities, _last_delta(network, parameters, self.last))


@partial(jax.jit, static_argnums=(0, 1, 2))
def _symmetric(
    network: Network, contraction: Contraction, rows: int, parameters: Parameters, x: Array
) -> Array:
    """Theta(x, x): tiles on and above the diagonal, and their mirror images below it."""
    count, outputs = x.shape[0], network.widths[-1] if contraction == "full" else 1
    tiles = _tiles(count, outputs, rows)
    if tiles > _MOST_TILES:
        return _rectangular(network, contraction, rows, parameters, x, x)
    side = -(-count // tiles)
    # Tiles of one size: the last one of a row reaches back over entries that are there already.
    starts = np.array([min(start, count - side) for start in range(0, count, side)])
    pairs = np.array([(i, j) for i in range(len(starts)) for j in range(i, len(starts))])
    forward = _forward(network, parameters, x)

    def panel(start: Any) -> tuple[Any, _Signals]:
        return start, _backward(network, parameters, forward.rows(start, side))

    def add(result: Array, first: tuple[Any, _Signals], second: tuple[Any, _Signals]) -> Array:
        tile = _contract(network, parameters, first[1], second[1], contraction)
        rest = (0,) * (result.ndim - 2)
        result = lax.dynamic_update_slice(result, tile, (first[0], second[0], *rest))
        return lax.dynamic_update_slice(result, _mirrored(tile), (second[0], first[0], *rest))

    result = jnp.zeros((count, count, *((outputs, outputs) if contraction == "full" else ())), x.dtype)
    if tiles <= _UNROLLED_TILES and network.depth * result.nbytes <= _UNROLLED_BYTES:
        written = [panel(start) for start in starts]
        for i, j in pairs:
            result = add(result, written[i], written[j])
        return result
    panels = lax.map(panel, starts)

    def one(total: Array, pair: Array) -> tuple[Array, None]:
        return add(total, _taken(panels, pair[0]), _taken(panels, pair[1])), None

    return lax.scan(one, result, jnp.asarray(pairs))[0]


def _taken(panels: Any, number: Any) -> Any:
    return jax.tree.map(lambda array: array[number], panels)


def _tiles(count: int, outputs: int, rows: int) -> int:
    """How many tiles of at most ``rows`` data make up one row of a symmetric kernel."""
    across = count * outputs
    return max(-(-count // rows), min(across // _LEAST_ROWS, max(3, across // _GOOD_ROWS), _MOST_TILES), 1)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _rectangular(
    network: Network, contraction: Contraction, rows: int, parameters: Parameters, x1: Array, x2: Array
) -> Array:
    second = _backward(network, parameters, _forward(network, parameters, x2))

    def panel(inputs: Array) -> Array:
        first = _backward(network, parameters, _forward(network, parameters, inputs))
        return _contract(network, parameters, first, second, contraction)

    whole = x1.shape[0] // rows * rows
    parts = [panel(x1[whole:])] if whole < x1.shape[0] else []
    if whole == rows:
        parts.insert(0, panel(x1[:whole]))
    elif whole:
        panels = lax.map(panel, x1[:whole].reshape(-1, rows, x1.shape[1]))
        parts.insert(0, panels.reshape(whole, *panels.shape[2:]))
    return jnp.concatenate(parts) if len(parts) > 1 else parts[0]


def _mirrored(tile: Array) -> Array:
    return tile.transpose(1, 0, 3, 2) if tile.ndim == 4 else tile.T


def _derivative(
    apply: Callable[[Any, Array], Array], parameters: PyTree, inputs: Array, direction: PyTree
) -> Array:
    outputs = lambda theta: jax.vmap(partial(apply, theta))(inputs)  # noqa: E731
    return jax.jvp(outputs, (parameters,), (direction,))[1]


def _forward(network: Network, parameters: Parameters, x: Array) -> _Forward:
    """Of all rows of x at once, so that every layer is one product of matrices."""
    inputs, slopes = [x], []
    for layer, values in enumerate(parameters[:-1]):
        scale = scales(network, layer)
        z = scale.weight_multiplier * _product(inputs[-1], values.weight.T)
        if values.bias is not None:
            z = z + scale.bias_multiplier * values.bias
        value, slope = jax.jvp(network.activation, (z,), (jnp.ones_like(z),))
        inputs.append(value)
        slopes.append(slope)
    return _Forward(tuple(inputs), tuple(slopes))


def _backward(network: Network, parameters: Parameters, forward: _Forward) -> _Signals:
    """The deltas of all outputs at once: every layer is one product of (n k, n_l) and (n_l, n_{l-1})."""
    if network.depth == 1:
        return _Signals(forward.inputs, (), None)
    sensitivities: list[Array] = []
    back = _last_delta(network, parameters, forward.slopes[-1])
    for layer in range(network.depth - 2, 0, -1):
        gain = scales(network, layer).weight_multiplier
        flat = _product(back.reshape(-1, back.shape[-1]), parameters[layer].weight)
        slopes = jnp.repeat(gain * forward.slopes[layer - 1], back.shape[1], axis=0)
        back = (flat * slopes).reshape(*back.shape[:2], -1)
        sensitivities.insert(0, back)
    return _Signals(forward.inputs, tuple(sensitivities), forward.slopes[-1])


def _last_delta(network: Network, parameters: Parameters, slopes: Array) -> Array:
    """delta of the last hidden layer: the weights of the outputs, times the slopes."""
    gain = scales(network, network.depth - 1).weight_multiplier
    return (gain * slopes)[:, None] * parameters[-1].weight[None]


def _contract(
    network: Network, parameters: Parameters, first: _Signals, second: _Signals, contraction: Contraction
) -> Array:
    """The kernel of n1 data and n2 data, from their signals."""
    outputs = network.widths[-1]
    both = (signals.deltas(network, parameters) for signals in (first, second))
    total: Array | float = 0.0
    for layer, deltas in enumerate(zip(*both, strict=True)):
        weight = _weight(network, layer, first, second)
        if contraction == "full":
            # As (n1, k, n2, k), the layout of the product; transposed once, at the end.
            total = total + weight[:, None, :, None] * _tensor_product(*deltas)
        else:
            flat = (delta.reshape(delta.shape[0], -1) for delta in deltas)
            total = total + weight * _gram(*flat)
    # <delta^L_a, delta^L_b> is 1 for a = b, else 0.
    weight = _weight(network, network.depth - 1, first, second)
    if contraction == "trace":
        return total + outputs * weight
    own = weight[:, None, :, None] * jnp.eye(outputs, dtype=weight.dtype)[:, None, :]
    return jnp.transpose(total + own, (0, 2, 1, 3))


def _weight(network: Network, layer: int, first: _Signals, second: _Signals) -> Array:
    """g_l^2 <h^{l-1}(x), h^{l-1}(x')> + b_l^2."""
    scale = scales(network, layer)
    weight = scale.weight_multiplier**2 * _gram(first.inputs[layer], second.inputs[layer])
    return weight if network.bias_scales[layer] is None else weight + scale.bias_multiplier**2


def _tensor_product(first: Array, second: Array) -> Array:
    """<delta_a(x), delta_b(x')> of shape (n1, k, n2, k), by one product of matrices."""
    flat = (delta.reshape(-1, delta.shape[-1]) for delta in (first, second))
    return _gram(*flat).reshape(*first.shape[:2], *second.shape[:2])


def _gram(first: Array, second: Array) -> Array:
    return _product(first, second.T)


def _product(first: Array, second: Array) -> Array:
    return jnp.matmul(first, second, precision=PRECISION)


def _result_bytes(x1: Array, x2: Array, outputs: int, contraction: Contraction) -> int:
    entries = x1.shape[0] * x2.shape[0] * (outputs**2 if contraction == "full" else 1)
    return jnp.dtype(x1.dtype).itemsize * entries


def _require(needed: int, instead: str) -> None:
    """Refuse before anything is allocated what the default device cannot hold."""
    free = free_bytes(jax.devices()[0])
    if needed > free:
        raise OutOfMemory(needed, free, instead)


def _rows_within(
    network: Network, n1: int, n2: int, dtype: DTypeLike, contraction: Contraction, maximum_bytes: int
) -> int:
    one, two = (layerwise_bytes(network, rows, n2, dtype, contraction) for rows in (1, 2))
    affordable = 1 + max(0, maximum_bytes - one) // (two - one)
    return min(n1, affordable)
