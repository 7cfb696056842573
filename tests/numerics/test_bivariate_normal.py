"""Bivariate normal probabilities against balls, from independence to the last digits before +-1."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from numerics.bivariate_normal import bivariate_normal_cdf

flint = pytest.importorskip("flint")

ANGLES = (1.5, 1.0, 0.3, 1e-2, 4.5e-4, 1e-5, 1e-8)  # 4.5e-4: correlation 0.9999999
PROBABILITY = jax.jit(bivariate_normal_cdf)
GRADIENT = jax.jit(jax.grad(bivariate_normal_cdf, argnums=(0, 1, 2, 3)))


def enclosed(h, k, u, v):
    """By another route: ball integration of the density in the correlation."""
    from theory.gaussian.special import enclose_bivariate

    with flint.ctx.workprec(200):
        u, v = flint.arb(u), flint.arb(v)
        return enclose_bivariate(flint.arb(h), flint.arb(k), u / (u * u + v * v).sqrt())


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("angle", ANGLES)
def test_probabilities_vs_balls(angle, sign):
    """1e-15 absolutely: 4 units of rounding, as many as there are terms; the thresholds nearly agree, too."""
    generator = np.random.default_rng(0)
    firsts = [*(2 * generator.standard_normal(6)), 0.0, 1.2, -0.7]
    for h in firsts:
        for k in (sign * h, sign * h + angle * generator.standard_normal(), generator.standard_normal()):
            legs = sign * math.cos(angle), math.sin(angle)
            found = float(PROBABILITY(*map(jnp.asarray, (h, k, *legs))))
            assert abs(found - float(enclosed(h, k, *legs).mid())) < 1e-15


@pytest.mark.parametrize("correlation", [0.1, 0.6, -0.95])
def test_derivatives_vs_differences(correlation):
    """Central differences with steps of 1e-6: 1e-12 of truncation and 1e-10 of rounding."""
    point = jnp.array([0.4, -1.1, correlation, math.sqrt(1 - correlation**2)])
    gradient = GRADIENT(*point)
    for place in range(4):
        step = 1e-6 * jnp.eye(4)[place]
        above, below = PROBABILITY(*(point + step)), PROBABILITY(*(point - step))
        assert float(gradient[place]) == pytest.approx(float(above - below) / 2e-6, abs=1e-9)


@pytest.mark.parametrize("legs", [(1.0, 0.0), (-1.0, 0.0), (0.0, 0.0)])
@pytest.mark.parametrize("thresholds", [(0.5, 0.5), (0.5, -0.5), (0.0, 0.0), (np.inf, 1.0)])
def test_limits_have_finite_derivatives(thresholds, legs):
    assert np.all(np.isfinite(GRADIENT(*map(jnp.asarray, (*thresholds, *legs)))))


def test_equal_and_opposite_variables():
    """P(X <= h, X <= k) = Phi(min), P(X <= h, -X <= k) = max(0, Phi(h) - Phi(-k))."""
    normal = [math.erfc(-x / math.sqrt(2)) / 2 for x in (0.3, 0.8, -0.8)]
    values = map(jnp.asarray, (0.3, 0.8, 1.0, 0.0))
    assert float(PROBABILITY(*values)) == pytest.approx(normal[0], abs=1e-15)
    opposite = map(jnp.asarray, (0.3, 0.8, -1.0, 0.0))
    assert float(PROBABILITY(*opposite)) == pytest.approx(normal[0] - normal[2], abs=1e-15)
