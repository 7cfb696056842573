"""Losses of predictions, and the empirical loss of a parametrized function on data."""

from collections.abc import Callable
from typing import Literal, TypeVar

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from numerics.data import Data

P = TypeVar("P")
Normalization = Literal["mean", "sum"]
PredictionLoss = Callable[[Array, Array], Array]


def squared_loss(
    predictions: Float[Array, "data outputs"],
    targets: Float[Array, "data outputs"],
    normalization: Normalization = "mean",
) -> Float[Array, ""]:
    """Half the squared error, c/2 sum_i |f_i - y_i|^2 with c = 1/n (``mean``) or c = 1 (``sum``).

    The sum over the output components is never averaged.
    """
    total = jnp.sum((predictions - targets) ** 2) / 2
    return total / predictions.shape[0] if normalization == "mean" else total


def cross_entropy(
    predictions: Float[Array, "data outputs"], targets: Float[Array, "data outputs"]
) -> Float[Array, ""]:
    """Mean cross-entropy of softmax(f_i) against the class probabilities y_i (one-hot or not)."""
    return -jnp.sum(targets * jax.nn.log_softmax(predictions)) / predictions.shape[0]


def empirical_loss(
    apply: Callable[[P, Array], Array], loss: PredictionLoss = squared_loss
) -> Callable[[P, Data], Array]:
    """L(theta, data) = loss((f(theta, x_i))_i, (y_i)_i) for f written for one datum.

    ``functools.partial(L, data=data)`` is the full-batch loss of theta alone.
    """

    def of_parameters(parameters: P, data: Data) -> Array:
        predictions = jax.vmap(apply, in_axes=(None, 0))(parameters, data.inputs)
        return loss(predictions, data.targets)

    return of_parameters
