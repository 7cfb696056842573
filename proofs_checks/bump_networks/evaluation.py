"""An explicit network of exact rational weights as a JAX function, and what float64 may do to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from proofs_checks.lowering.expressions import lower
from theory.bump_networks.activation import RELU, STEP, Z
from theory.bump_networks.network import Layer

UNIT = 2.0**-53
# Units in the last place within which XLA evaluates an activation of a few elementary functions.
ACTIVATION_ULPS = 32


Activation = Callable[[Array], Array]
_BATCH = 256


class FloatLayer(NamedTuple):
    """A layer in float64: sparse weights as (row, column, weight), and its activation."""

    rows: np.ndarray
    columns: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    activation: Activation | None
    slope: float


def to_floats(layers: Sequence[Layer], slope: float) -> tuple[FloatLayer, ...]:
    """Round every weight to the nearest double; ``slope`` is a Lipschitz constant of the activation."""
    return tuple(
        FloatLayer(
            np.array([row for row, _, _ in layer.entries], dtype=np.int64),
            np.array([column for _, column, _ in layer.entries], dtype=np.int64),
            np.array([float(weight) for _, _, weight in layer.entries]),
            np.array([float(value) for value in layer.bias]),
            _lowered(layer),
            1.0 if layer.activation is None else slope,
        )
        for layer in layers
    )


def _lowered(layer: Layer) -> Activation | None:
    if layer.activation is None:
        return None
    if layer.activation == RELU:
        return _relu
    return _step if layer.activation == STEP else lower(layer.activation, (Z,))


def _relu(z: Array) -> Array:
    return jnp.maximum(z, 0.0)


def _step(z: Array) -> Array:
    return jnp.where(z >= 0, 1.0, 0.0)


def in_single_precision(layers: Sequence[FloatLayer]) -> tuple[FloatLayer, ...]:
    """The same layers with weights and biases rounded to float32: a control of the budget."""
    return tuple(
        layer._replace(
            weights=layer.weights.astype(np.float32).astype(np.float64),
            bias=layer.bias.astype(np.float32).astype(np.float64),
        )
        for layer in layers
    )


def forward(layers: Sequence[FloatLayer], point: Array) -> Array:
    """N(point) for one point of shape (d,)."""
    state = point
    for layer in layers:
        terms = layer.weights * state[layer.columns]
        total = jax.ops.segment_sum(terms, layer.rows, len(layer.bias)) + layer.bias
        state = total if layer.activation is None else layer.activation(total)
    return state[0]


def rounding_budget(layers: Sequence[FloatLayer], point: np.ndarray) -> float:
    """A bound on |computed - exact| at a point, by running error analysis.

    With n terms in a row, |fl(W x + b) - (W x + b)| <= (n + 3) u (|W||x| + |b|) to first order, one u for
    each rounded weight included, plus |W| times the error of x; activations pass errors on with their
    slope at the point and add a few ulps (Higham 2002, sections 3.1 and 3.3). Steps pass nothing on
    unless the error reaches their threshold.
    """
    state, error = np.asarray(point, dtype=np.float64), np.zeros(len(point))
    for layer in layers:
        count = np.bincount(layer.rows, minlength=len(layer.bias)) + 3
        total = _summed(layer, layer.weights * state[layer.columns]) + layer.bias
        size = _summed(layer, np.abs(layer.weights * state[layer.columns])) + np.abs(layer.bias)
        error = _summed(layer, np.abs(layer.weights) * error[layer.columns]) + count * UNIT * size
        if layer.activation is None:
            state = total
            continue
        state, slope = _value_and_slope(layer, total)
        error = _passed(layer, total, slope, error) + ACTIVATION_ULPS * UNIT * np.maximum(np.abs(state), UNIT)
    # First-order analysis: a factor of two is far more than the higher orders need here.
    return 2 * float(error[0])


def _passed(layer: FloatLayer, total: np.ndarray, slope: np.ndarray, error: np.ndarray) -> np.ndarray:
    """What becomes of an input error: the slope here, plus its change over the width of the error."""
    if np.isinf(layer.slope):
        return np.where(np.abs(total) > error, 0.0, 1.0)
    near = np.where(np.abs(total) <= error, layer.slope, 0.0)  # a kink, such as that of ReLU, within reach
    return np.maximum(np.minimum(np.abs(slope) + layer.slope * error, layer.slope), near) * error


def _value_and_slope(layer: FloatLayer, total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The activation and its derivative, in batches of one size, so that they are compiled once."""
    assert layer.activation is not None
    padded = np.zeros(max(1, -(-len(total) // _BATCH)) * _BATCH)
    padded[: len(total)] = total
    compiled = _compiled_slopes(layer.activation)
    parts = [compiled(padded[start : start + _BATCH]) for start in range(0, len(padded), _BATCH)]
    values, slopes = (np.concatenate([np.asarray(part[k]) for part in parts]) for k in (0, 1))
    return values[: len(total)], slopes[: len(total)]


@lru_cache(maxsize=64)
def _compiled_slopes(activation: Activation) -> Callable[[np.ndarray], tuple[Array, Array]]:
    return jax.jit(jax.vmap(jax.value_and_grad(activation)))


def _summed(layer: FloatLayer, terms: np.ndarray) -> np.ndarray:
    return np.bincount(layer.rows, weights=terms, minlength=len(layer.bias))
