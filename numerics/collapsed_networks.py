"""Preactivations of a few inputs in a Gaussian network, drawn without its weight matrices.

Given the activations h_1, ..., h_k in R^n of k inputs in one layer, the preactivations of the next layer,
z_i = (z_i1, ..., z_ik) for neuron i, are independent over the neurons with

    z_i ~ N(0, C_b + C_W G),        G = H^T H / n,        H = (h_1, ..., h_k),

since the weights are independent Gaussians of variance C_W/n. One vector of length k for each neuron thus
has *exactly* the law that a row of n weights gives it, at every width and depth: n k numbers for a layer
instead of n^2. Tangents may stand among the k columns: what is pushed through a layer is the pair
(s(z), s'(z) z'), and the same holds of it (see ``with_tangents``).

Source: A. Matthews et al. (2018), Gaussian process behaviour in wide deep neural networks, section 2, where
the conditional law is the first step of the proof; here it is the sampler.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, Key

from numerics.devices import PRECISION

# Of a pivot in units of its diagonal entry: below, what is left of a singular matrix is rounding.
_ROUNDING_UNITS = 64

RowMap = Callable[[Array], Array]


def semidefinite_root(matrix: Float[Array, "k k"]) -> Float[Array, "k k"]:
    """A lower triangular L with L L^T = matrix, for a positive semidefinite matrix that may be singular.

    Cholesky without pivoting; a column whose pivot is rounding (dead units, parallel inputs, fewer neurons
    than inputs) is zero, as it is in exact arithmetic.
    """
    size = matrix.shape[0]
    floor = _ROUNDING_UNITS * size * float(np.finfo(matrix.dtype).eps) * jnp.diagonal(matrix)
    rest, columns = matrix, []
    for index in range(size):
        pivot = rest[index, index]
        usable = pivot > floor[index]
        column = jnp.where(usable, rest[:, index] / jnp.sqrt(jnp.where(usable, pivot, 1.0)), 0.0)
        column = jnp.where(jnp.arange(size) < index, 0.0, column)
        rest = rest - jnp.outer(column, column)
        columns.append(column)
    return jnp.stack(columns, axis=1)


def with_tangents(activation: Callable[[Array], Array], of: Sequence[int | None]) -> RowMap:
    """The map of columns of which some are tangents: z -> s(z), and z' -> s'(z) z'.

    ``of`` names for each column the column whose tangent it is, None for an input itself. Raises ValueError
    where a tangent is said to belong to a tangent.
    """
    owners = [column if owner is None else owner for column, owner in enumerate(of)]
    if any(of[owner] is not None for owner in owners):
        raise ValueError(f"of = {tuple(of)}: a tangent must belong to an input, which has None")
    moved = jnp.asarray([owner is not None for owner in of])

    def mapped(preactivations: Array) -> Array:
        base = preactivations[..., jnp.asarray(owners)]
        values, slopes = jax.jvp(activation, (base,), (jnp.ones_like(base),))
        return jnp.where(moved, slopes * preactivations, values)

    return mapped


def sample_preactivations(
    key: Key[Array, ""],
    first: Float[Array, "k k"],
    widths: Sequence[int],
    row_map: RowMap,
    weight_variance: float | Float[Array, ""] = 1.0,
    bias_covariance: Float[Array, "k k"] | float = 0.0,
) -> tuple[Float[Array, "_ k"], ...]:
    """z^1, ..., z^L of k inputs, layer l with ``widths[l - 1]`` neurons: one draw of the whole network.

    ``first`` is the covariance of the first preactivations, C_b + C_W x_i . x_j / n_0; ``bias_covariance``
    what the biases add in every later layer: C_b for two inputs, 0 where one of the two is a tangent.
    ``row_map`` takes preactivations to activations: the activation itself, or ``with_tangents``. Map over
    keys for many networks. Raises ValueError for widths that are none.
    """
    draws = jax.random.normal(key, (sum(widths) * first.shape[0],), first.dtype)
    draws = draws.reshape(-1, first.shape[0])
    return preactivations_from(draws, first, widths, row_map, weight_variance, bias_covariance)


def preactivations_from(
    draws: Float[Array, "neurons k"],
    first: Float[Array, "k k"],
    widths: Sequence[int],
    row_map: RowMap,
    weight_variance: float | Float[Array, ""] = 1.0,
    bias_covariance: Float[Array, "k k"] | float = 0.0,
) -> tuple[Float[Array, "_ k"], ...]:
    """The same from standard normal draws, a row for every neuron: one flat draw may serve many networks."""
    if not widths or any(width < 1 for width in widths) or draws.shape[0] != sum(widths):
        raise ValueError(
            f"widths are {tuple(widths)}; give numbers of neurons, each at least 1, {draws.shape[0]} in all"
        )

    def step(covariance: Array, rows: Array) -> tuple[Array, Array]:
        layer = jnp.matmul(rows, semidefinite_root(covariance).T, precision=PRECISION)
        return next_covariance(layer, row_map, weight_variance, bias_covariance), layer

    if len(set(widths)) == 1:  # layers that are alike are compiled once
        return tuple(lax.scan(step, first, draws.reshape(len(widths), widths[0], -1))[1])
    covariance, start, layers = first, 0, []
    for width in widths:
        covariance, layer = step(covariance, draws[start : start + width])
        layers.append(layer)
        start += width
    return tuple(layers)


def next_covariance(
    layer: Float[Array, "n k"],
    row_map: RowMap,
    weight_variance: float | Float[Array, ""] = 1.0,
    bias_covariance: Float[Array, "k k"] | float = 0.0,
) -> Float[Array, "k k"]:
    """C_b + C_W H^T H / n: the covariance of the next preactivations, given this layer's.

    Its mean is the mean of z z^T over networks, with less noise, and its variance is the covariance of the
    squares of two neurons, exactly (Rao and Blackwell).
    """
    hidden = row_map(layer)
    return (
        bias_covariance
        + weight_variance * jnp.matmul(hidden.T, hidden, precision=PRECISION) / hidden.shape[0]
    )
