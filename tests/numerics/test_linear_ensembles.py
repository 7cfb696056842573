"""Linear networks trained side by side, against one loop of plain NumPy."""

import jax
import numpy as np
import pytest

from numerics import linear_ensembles
from numerics.linear_networks import small


def descend(layers, x, y, step_size, steps):
    """Two layers, by the chain rule on the examples."""
    first, second = (np.asarray(layer) for layer in layers)
    losses = []
    for _ in range(steps + 1):
        hidden = x @ first.T
        residual = hidden @ second.T - y
        losses.append(np.sum(residual**2) / 2)
        down = residual.T @ hidden, (residual @ second).T @ x
        last = first, second
        first, second = first - step_size * down[1], second - step_size * down[0]
    return last, losses


def test_every_run_is_the_training_on_the_examples():
    generator = np.random.default_rng(0)
    x, y = generator.standard_normal((40, 5)), generator.standard_normal((40, 3))
    keys = jax.random.split(jax.random.key(0), 4)
    scales = np.array([0.01, 0.1, 0.5, 1.0])
    starts = jax.vmap(lambda key, scale: small(key, (5, 6, 3), scale))(keys, scales)
    trained = linear_ensembles.descend_together(starts, x, y, 1e-3, 60, 20)
    for run in range(4):
        layers, losses = descend([layer[run] for layer in starts], x, y, 1e-3, 60)
        # 60 stable steps, each rounding |W X^T X| ~ 10^3 to 1e-13 times the step size
        np.testing.assert_allclose(trained.losses[run], losses[::20], rtol=1e-12)
        for found, expected in zip(trained.layers, layers, strict=True):
            np.testing.assert_allclose(found[run], expected, atol=1e-12)


def test_records_divide_the_steps():
    with pytest.raises(ValueError, match="multiple"):
        linear_ensembles.descend_together((), np.ones((3, 1)), np.ones((3, 1)), 0.1, 10, 3)
