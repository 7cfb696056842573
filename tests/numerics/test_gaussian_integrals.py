"""Means over one normal variable against their closed forms."""

import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import erf

from numerics.gaussian_integrals import gaussian_mean

VARIANCES = jnp.asarray([[0.01, 1.0], [3.0, 10.0]])


@pytest.mark.parametrize(
    ("function", "closed"),
    [
        (lambda u: u**6, lambda q: 15 * q**3),
        (lambda u: jnp.maximum(u, 0.0) ** 2, lambda q: q / 2),
        (lambda u: erf(u) ** 2, lambda q: 2 / np.pi * np.arcsin(2 * q / (1 + 2 * q))),
        (lambda u: jnp.cos(u), lambda q: np.exp(-q / 2)),
    ],
)
def test_means_vs_closed_forms(function, closed):
    # 288 nodes: sums of positive terms of order one, some hundred rounding units
    assert np.asarray(gaussian_mean(function, VARIANCES)) == pytest.approx(
        closed(np.asarray(VARIANCES)), rel=1e-12
    )


def test_a_pytree_of_functions_is_averaged_entry_by_entry():
    first, second = gaussian_mean(lambda u: (u**2, u**4), VARIANCES)
    assert np.asarray(second) == pytest.approx(3 * np.asarray(first) ** 2, rel=1e-12)
