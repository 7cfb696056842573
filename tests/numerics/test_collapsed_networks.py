"""Collapsed networks against real weight matrices and against exact laws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from numerics.collapsed_networks import (
    next_covariance,
    sample_preactivations,
    semidefinite_root,
    with_tangents,
)
from numerics.networks import Network, parameter_count, parameters_from, preactivations

INPUTS = jnp.asarray([[0.9, -0.4, 1.1], [0.3, 1.2, -0.5]])
WEIGHT, BIAS = 1.7, 0.3
WIDTHS = (5, 4, 3)
NETWORKS = 20_000
# Both samples have 20,000 values: a difference of the laws of 0.025 has p below 1e-5.
SIGNIFICANCE = 1e-5


def real_layers(activation, seed, bias=BIAS):
    """Values at both inputs, and the tangent at the second, from weight matrices."""
    network = Network((3, *WIDTHS), activation, weight_scale=WEIGHT**0.5, bias_scale=bias**0.5)
    draws = jax.random.normal(jax.random.key(seed), (NETWORKS * parameter_count(network),))

    def one(draws):
        parameters = parameters_from(network, draws)
        second, moved = jax.jvp(
            lambda x: preactivations(network, parameters, x)[-1], (INPUTS[1],), (INPUTS[0],)
        )
        return jnp.stack([preactivations(network, parameters, INPUTS[0])[-1], second, moved], axis=1)

    return np.asarray(jax.jit(jax.vmap(one))(draws.reshape(NETWORKS, -1)))


def collapsed_layers(activation, seed, bias=BIAS):
    """The same three columns from the sampler."""
    columns = jnp.stack([*INPUTS, INPUTS[0]])
    biases = bias * jnp.outer(jnp.asarray([1.0, 1.0, 0.0]), jnp.asarray([1.0, 1.0, 0.0]))
    first = biases + WEIGHT * columns @ columns.T / 3
    row_map = with_tangents(activation, (None, None, 1))

    def one(key):
        return sample_preactivations(key, first, WIDTHS, row_map, WEIGHT, biases)[-1]

    return np.asarray(jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(seed), NETWORKS)))


STATISTICS = (
    lambda z: z[:, 0, 0],
    lambda z: z[:, 0, 0] * z[:, 0, 1],
    lambda z: z[:, 1, 1] * z[:, 1, 2],
    lambda z: np.sum(z[..., 2] ** 2, axis=1),
    lambda z: z[:, 0, 0] ** 2 * z[:, 1, 1] ** 2,
)


def p_values(first, second):
    return [stats.ks_2samp(statistic(first), statistic(second)).pvalue for statistic in STATISTICS]


@pytest.mark.parametrize("activation", [jnp.tanh, jax.nn.relu])
def test_values_and_tangents_have_the_law_of_real_networks(activation):
    """Two inputs and the tangent at one of them, in the last of three narrow layers."""
    assert min(p_values(real_layers(activation, 1), collapsed_layers(activation, 2))) > SIGNIFICANCE


def test_other_biases_are_told_apart():
    other = p_values(real_layers(jnp.tanh, 3, bias=0.5 * BIAS), collapsed_layers(jnp.tanh, 4))
    assert min(other) < SIGNIFICANCE


def test_linear_network_is_a_product_of_chi_squares():
    widths = (3, 5)
    keys = jax.random.split(jax.random.key(4), NETWORKS)

    def ratio(key):
        last = sample_preactivations(key, jnp.ones((1, 1)), widths, lambda z: z)[-1]
        return jnp.mean(last**2)

    measured = np.asarray(jax.jit(jax.vmap(ratio))(keys))
    generator = np.random.default_rng(5)
    product = np.prod([generator.chisquare(n, NETWORKS) / n for n in widths], axis=0)
    assert stats.ks_2samp(measured, product).pvalue > SIGNIFICANCE


@pytest.mark.parametrize("rank", [0, 1, 2, 3, 4])
def test_root_of_a_singular_matrix(rank):
    factor = np.random.default_rng(rank).normal(size=(4, max(rank, 1)))
    matrix = jnp.asarray(factor @ factor.T if rank else np.zeros((4, 4)))
    root = semidefinite_root(matrix)
    # backward error of a Cholesky factorization, Higham 2002, theorem 10.3: k^2 rounding units
    assert np.asarray(root @ root.T) == pytest.approx(
        np.asarray(matrix), abs=1e-14 * (1 + np.abs(matrix).max())
    )
    assert np.count_nonzero(np.abs(np.diagonal(root)) > 0) == rank


def test_equal_inputs_stay_equal_and_a_dead_layer_stays_dead():
    ones = jnp.ones((2, 2))
    last = sample_preactivations(jax.random.key(6), ones, (6, 6), jnp.tanh)[-1]
    assert np.asarray(last[:, 0]) == pytest.approx(np.asarray(last[:, 1]), rel=1e-12)
    dead = sample_preactivations(jax.random.key(7), ones, (6, 6), lambda z: 0 * z)
    assert np.all(np.asarray(dead[-1]) == 0)


def test_next_covariance_is_the_conditional_second_moment():
    layer = jnp.asarray([[1.0, -2.0], [0.5, 3.0]])
    found = next_covariance(layer, jax.nn.relu, 2.0, 0.1)
    assert np.asarray(found) == pytest.approx(np.array([[1.25 + 0.1, 1.5 + 0.1], [1.5 + 0.1, 9.0 + 0.1]]))


def test_refusals():
    with pytest.raises(ValueError, match="each at least 1"):
        sample_preactivations(jax.random.key(0), jnp.ones((1, 1)), (3, 0), jnp.tanh)
    with pytest.raises(ValueError, match="must belong to an input"):
        with_tangents(jnp.tanh, (None, 0, 1))
