"""Many linear networks trained side by side on the same data, from any scales and seeds, as one program.

Full-batch descent on the summed loss L = |Y - X W^T|^2 / 2 needs of the data only X^T X and Y^T X, so that a
step costs products of the layers' sizes, whatever the number of examples. Small products of many runs at
once are then one batched product each. On two cores at width 32 this is several times as fast as a loop of
jitted runs over the examples (``benchmarks/linear_networks.py``).
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from numerics.linear_networks import layer_gradients, loss, multiply, product
from numerics.reduced_rank import compress


class Trained(NamedTuple):
    """``layers`` after the last step, first axis the run; ``losses`` (runs, steps / record_every + 1)."""

    layers: tuple[Float[Array, "runs _ _"], ...]
    losses: Float[Array, "runs records"]


def descend_together(
    starts: tuple[Float[Array, "runs _ _"], ...],
    inputs: Float[np.ndarray, "N d"],
    targets: Float[np.ndarray, "N k"],
    step_size: float,
    steps: int,
    record_every: int,
) -> Trained:
    """Gradient descent from each of ``starts`` (layers with a leading axis of runs), all with one step size.

    Losses are recorded at steps 0, r, 2r, ..., ``steps``, on at most d + k rows with the same loss. The
    gradient at W is W X^T X - Y^T X, with an error of a few u |X|^2 |W| + u |X| |Y|: near a perfect fit of
    ill-conditioned data that is larger than the error of the residual's gradient. The layers decide the
    float type. Raises ValueError unless ``record_every`` divides ``steps``.
    """
    if record_every < 1 or steps < 0 or steps % record_every:
        raise ValueError(f"steps is {steps} and record_every {record_every}; steps must be a multiple of it")
    rows = compress(np.asarray(inputs, np.float64), np.asarray(targets, np.float64))
    data = tuple(
        jnp.asarray(part, starts[0].dtype) for part in (rows[0].T @ rows[0], rows[1].T @ rows[0], *rows)
    )
    return _together(
        starts, data, jnp.asarray(step_size, starts[0].dtype), steps // record_every, record_every
    )


@partial(jax.jit, static_argnums=(3, 4))
def _together(
    starts: tuple[Array, ...], data: tuple[Array, ...], step_size: Array, records: int, every: int
) -> Trained:
    return Trained(*jax.vmap(lambda start: _descended(start, data, step_size, records, every))(starts))


def _descended(
    start: tuple[Array, ...], data: tuple[Array, ...], step_size: Array, records: int, every: int
) -> tuple[tuple[Array, ...], Array]:
    covariance, cross, inputs, targets = data

    def step(layers: tuple[Array, ...], _: None) -> tuple[tuple[Array, ...], None]:
        slope = multiply(product(layers), covariance) - cross
        moved = zip(layers, layer_gradients(layers, slope), strict=True)
        return tuple(layer - step_size * gradient for layer, gradient in moved), None

    def block(layers: tuple[Array, ...], _: None) -> tuple[tuple[Array, ...], Array]:
        return lax.scan(step, layers, length=every)[0], jnp.asarray(loss(layers, inputs, targets))

    final, losses = lax.scan(block, start, length=records)
    return final, jnp.append(losses, loss(final, inputs, targets))
