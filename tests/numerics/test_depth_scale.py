import math

import jax.numpy as jnp
import numpy as np
import pytest

from numerics.depth_scale import depth_scales


def at(values):
    return np.asarray(values, dtype=float)


def test_ordered_phase_is_that_of_equal_inputs():
    """ReLU: chi_1 = sigma_w^2 / 2, so that xi = 1 / log(2 / sigma_w^2)."""
    weight = at([0.5, 1.0, 1.9])
    found = depth_scales(lambda z: jnp.maximum(z, 0), at([0.3, 0.4, 2.0]), weight / 2, weight, at([0.1] * 3))
    np.testing.assert_allclose(found, 1 / np.log(2 / weight))


@pytest.mark.parametrize(("weight", "bias"), [(2.0, 0.05), (3.0, 0.3), (1.5, 0.0), (4.0, 0.0)])
def test_chaotic_phase_of_sine_vs_its_closed_form(weight, bias):
    """E s s = exp(-q) sinh(q rho) and E s' s' = exp(-q) cosh(q rho); both fixed points by iteration."""
    q = 1.0
    for _ in range(2000):
        q = bias + weight * (1 - math.exp(-2 * q)) / 2
    chi = weight * (1 + math.exp(-2 * q)) / 2
    assert chi > 1, "not in the chaotic phase: the example is of no use"
    rho = 0.0
    for _ in range(20_000):
        rho = (bias + weight * math.exp(-q) * math.sinh(q * rho)) / q
    expected = -1 / math.log(weight * math.exp(-q) * math.cosh(q * rho))
    (found,) = depth_scales(jnp.sin, at([q]), at([chi]), at([weight]), at([bias]))
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_nothing_is_finite_at_the_edge_and_where_variances_grow():
    found = depth_scales(jnp.sin, at([1.0, math.inf]), at([1.0, 0.5]), at([1.0, 3.0]), at([0.1, 0.1]))
    assert np.all(np.isinf(found))
