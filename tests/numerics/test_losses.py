import jax.numpy as jnp
import numpy as np
import pytest

from numerics.data import Data
from numerics.losses import cross_entropy, empirical_loss, squared_loss

PREDICTIONS = jnp.array([[1.0, 2.0], [0.0, -1.0], [3.0, 0.5]])
TARGETS = jnp.array([[0.0, 2.0], [1.0, 1.0], [3.0, 0.0]])


@pytest.mark.parametrize(("normalization", "expected"), [("sum", 6.25 / 2), ("mean", 6.25 / 6)])
def test_squared_loss_by_hand(normalization, expected):
    # Squares: 1 + 0 + 1 + 4 + 0 + 0.25.
    assert float(squared_loss(PREDICTIONS, TARGETS, normalization)) == pytest.approx(expected, rel=1e-15)


def test_cross_entropy_of_equal_scores_is_log_k():
    assert float(cross_entropy(jnp.zeros((5, 7)), jnp.eye(7)[:5])) == pytest.approx(np.log(7), rel=1e-15)


def test_empirical_loss_vs_a_loop_over_data():
    def affine(theta, x):
        return theta @ x

    theta = jnp.array([[1.0, -1.0, 0.5], [0.0, 2.0, 1.0]])
    data = Data(jnp.arange(12, dtype=float).reshape(4, 3), jnp.ones((4, 2)))
    errors = [theta @ x - y for x, y in zip(data.inputs, data.targets, strict=True)]
    expected = sum(float(error @ error) for error in errors) / 8
    assert float(empirical_loss(affine)(theta, data)) == pytest.approx(expected, rel=1e-15)
