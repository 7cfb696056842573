"""One compiled tanh network of one hidden layer: its gradient, Hessian and descent.

Narrower networks are computed in the same shapes, with units (0, 0), which descent leaves as they are.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.flatten_util import ravel_pytree

from numerics.curvature import hessian

INPUTS, EXAMPLES = 3, 30
STEPS = 10_000
STEP = 0.01  # times the largest curvature, about 50 for 30 points: 1/2

UNIT_ROUNDOFF = float(np.finfo(np.float64).eps) / 2
OPERATIONS = 100  # in the sums over 30 examples and a few units

Layers = tuple[Array, Array]  # weights (units, inputs) and output weights (units, outputs)


def padded(weights: np.ndarray, outputs: np.ndarray, units: int) -> Layers:
    """The network with units (0, 0) after its own."""
    missing = ((0, units - len(weights)), (0, 0))
    return jnp.asarray(np.pad(weights, missing)), jnp.asarray(np.pad(outputs, missing))


def kept(shape: tuple[int, int], units: int) -> list[int]:
    """Which numbers of all, weights first, are those of the first units; ``shape`` is that of the outputs."""
    total, outputs = shape
    offset = total * INPUTS
    return [*range(units * INPUTS), *range(offset, offset + units * outputs)]


def output(layers: Layers, inputs: Array) -> Array:
    """f, an example a row."""
    weights, outputs = layers
    return jnp.tanh(inputs @ weights.T) @ outputs


def loss(layers: Layers, inputs: Array, targets: Array) -> Array:
    """L = |f - Y|^2 / 2."""
    return jnp.sum((output(layers, inputs) - targets) ** 2) / 2


def derivatives(layers: Layers, inputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient and Hessian, weights first."""
    slopes, matrix = _second()(layers, jnp.asarray(inputs), jnp.asarray(targets))
    return np.asarray(slopes), np.asarray(matrix)


def descended(
    layers: Layers, inputs: np.ndarray, targets: np.ndarray, step: float = STEP
) -> tuple[Layers, float, float]:
    """Where gradient descent ends, the loss there and the norm of the gradient."""
    final, value, norm = _descend()(layers, jnp.asarray(inputs), jnp.asarray(targets), step)
    return final, float(value), float(norm)


@lru_cache
def _second() -> Any:
    def found(layers: Layers, inputs: Array, targets: Array) -> tuple[Array, Array]:
        slopes = jax.grad(loss)(layers, inputs, targets)
        return ravel_pytree(slopes)[0], hessian(lambda moved: loss(moved, inputs, targets), layers)

    return jax.jit(found)


@lru_cache
def _descend() -> Any:
    def run(start: Layers, inputs: Array, targets: Array, step: Array) -> tuple[Layers, Array, Array]:
        def moved(layers: Layers, _: None) -> tuple[Layers, None]:
            slopes = jax.grad(loss)(layers, inputs, targets)
            return jax.tree.map(lambda layer, slope: layer - step * slope, layers, slopes), None

        final = lax.scan(moved, start, length=STEPS)[0]
        slopes = jax.grad(loss)(final, inputs, targets)
        return final, loss(final, inputs, targets), jnp.sqrt(sum(jnp.sum(slope**2) for slope in slopes))

    return jax.jit(run)
