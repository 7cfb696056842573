"""Deep linear networks as tuples of matrices (W_1, ..., W_H), W_h of shape (d_h, d_{h-1}).

The network is x -> W x with the product W = W_H ... W_1. Rows of inputs X (N, d_0) and targets Y (N, d_H)
are examples, so that all outputs are X W^T and the squared loss is

    L = |Y - X W^T|^2 / 2,

a sum over the examples. For any loss of the product with gradient G at W, the gradient in layer h is

    G_h = (W_H ... W_{h+1})^T G (W_{h-1} ... W_1)^T.

What only multiplies takes NumPy arrays as well as JAX arrays, and gives back what it was given.
"""

from collections.abc import Sequence
from functools import reduce
from itertools import accumulate, pairwise

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key

from numerics.devices import PRECISION

Matrix = Float[Array, "_ _"] | Float[np.ndarray, "_ _"]
Layers = Sequence[Matrix]
Scalar = Float[Array, ""] | Float[np.floating, ""] | float


def product(layers: Layers) -> Matrix:
    """W_H ... W_1, of shape (d_H, d_0)."""
    return reduce(lambda before, layer: multiply(layer, before), layers)


def predictions(layers: Layers, inputs: Matrix) -> Matrix:
    """X W^T: one row an example, propagated layer by layer."""
    return reduce(lambda signal, layer: multiply(signal, layer.T), layers, inputs)


def loss(layers: Layers, inputs: Matrix, targets: Matrix) -> Scalar:
    """|Y - X W^T|^2 / 2, the sum over all examples and outputs."""
    residual = targets - predictions(layers, inputs)
    return (residual**2).sum() / 2


def product_gradient(product: Matrix, inputs: Matrix, targets: Matrix) -> Matrix:
    """The gradient of the squared loss in the product: (X W^T - Y)^T X, of shape (d_H, d_0)."""
    return multiply((multiply(inputs, product.T) - targets).T, inputs)


def layer_gradients(layers: Layers, gradient: Matrix) -> tuple[Matrix, ...]:
    """G_1, ..., G_H from the gradient G in the product, for any loss of the product."""
    before = list(accumulate(layers[:-1], lambda found, layer: multiply(layer, found)))
    pulled = gradient
    result = []
    for layer, lower in zip(reversed(layers), [*reversed(before), None], strict=True):
        result.append(pulled if lower is None else multiply(pulled, lower.T))
        pulled = multiply(layer.T, pulled)
    return tuple(reversed(result))


def gradients(layers: Layers, inputs: Matrix, targets: Matrix) -> tuple[Matrix, ...]:
    """The gradient of the squared loss in every layer."""
    return layer_gradients(layers, product_gradient(product(layers), inputs, targets))


def imbalances(layers: Layers) -> tuple[Matrix, ...]:
    """D_h = W_{h+1}^T W_{h+1} - W_h W_h^T, of shape (d_h, d_h), for h = 1, ..., H - 1."""
    return tuple(multiply(upper.T, upper) - multiply(lower, lower.T) for lower, upper in pairwise(layers))


def small(key: Key[Array, ""], widths: Sequence[int], scale: float | Array) -> tuple[Array, ...]:
    """Independent layers with entries N(0, scale^2 / d_{h-1}), drawn in JAX's default float type.

    Raises ValueError unless ``widths`` are two positive integers or more.
    """
    sizes = _checked(widths)
    draws = _normal(key, [(after, before) for before, after in pairwise(sizes)])
    return tuple(scale * draw / draw.shape[1] ** 0.5 for draw in draws)


def balanced(
    key: Key[Array, ""],
    target: Float[Array, "outputs inputs"] | Float[Array, " modes"],
    widths: Sequence[int],
) -> tuple[Array, ...]:
    """Layers with W_{h+1}^T W_{h+1} = W_h W_h^T for all h, and a given product.

    ``target`` is the product itself, or its singular values, whose singular vectors are then random too.
    The layers have its float type. With W = U diag(s) V^T, k the least of the widths, and random R_h (d_h, k)
    with orthonormal columns,

        W_h = R_h diag(s)^{1/H} R_{h-1}^T,  where R_0 = V and R_H = U.

    A product of rank above k is replaced by its best approximation of rank k; of k singular values the
    missing ones are zero. Raises ValueError on widths or targets of other shapes.
    """
    sizes = _checked(widths)
    rank = min(sizes)
    frames = [
        jnp.linalg.qr(draw.astype(target.dtype))[0] for draw in _normal(key, [(size, rank) for size in sizes])
    ]
    if target.ndim == 1:
        if len(target) > rank:
            raise ValueError(
                f"{len(target)} singular values do not fit through widths {sizes}; give <= {rank}"
            )
        values = jnp.pad(target, (0, rank - len(target)))
    else:
        if target.shape != (sizes[-1], sizes[0]):
            raise ValueError(
                f"the product has the shape {target.shape}; widths {sizes} need {(sizes[-1], sizes[0])}"
            )
        left, values, right = jnp.linalg.svd(target, full_matrices=False)
        frames[0], values, frames[-1] = right[:rank].T, values[:rank], left[:, :rank]
    root = values ** (1 / (len(sizes) - 1))
    return tuple(jnp.matmul(upper * root, lower.T, precision=PRECISION) for lower, upper in pairwise(frames))


def multiply(left: Matrix, right: Matrix) -> Matrix:
    """left @ right; on an accelerator in full precision."""
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        return np.matmul(left, right)
    return jnp.matmul(left, right, precision=PRECISION)


def _checked(widths: Sequence[int]) -> tuple[int, ...]:
    if len(widths) < 2 or any(width < 1 for width in widths):
        raise ValueError(f"widths are {tuple(widths)}; give at least two integers >= 1, inputs first")
    return tuple(widths)


def _normal(key: Key[Array, ""], shapes: Sequence[tuple[int, int]]) -> list[Array]:
    """Standard normal matrices from one flat draw: XLA compiles every call of threefry anew."""
    counts = [rows * columns for rows, columns in shapes]
    draws = jax.random.normal(key, (sum(counts),))
    starts = list(accumulate(counts, initial=0))
    return [
        draws[start:end].reshape(shape) for (start, end), shape in zip(pairwise(starts), shapes, strict=True)
    ]
