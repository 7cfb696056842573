from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from numerics.data import sphere
from numerics.memory import OutOfMemory
from numerics.networks import Network, apply, initialize
from numerics.tangents import (
    empirical_tangent_kernel,
    layerwise_bytes,
    layerwise_tangent_kernel,
    tangent_kernel_slabs,
)

FIRST, SECOND = sphere(jax.random.key(1), 5, 4), sphere(jax.random.key(2), 3, 4)
NETWORKS = [
    Network((4, 16, 1), jnp.tanh, input_scaling=False),
    Network((4, 16, 8, 3), jnp.tanh, weight_scale=1.4, bias_scale=(0.3, None, 0.2)),
    Network((4, 16, 8, 3), jax.nn.relu, "mean_field", bias_scale=0.5),
    Network((4, 16, 2), jnp.sin, "standard", bias_scale=0.1),
    Network((4, 2), jnp.tanh, bias_scale=0.1),
]


def naive(network, parameters, first, second):
    """The definition: Jacobians, contracted."""

    full_jacobian = jax.jit(jax.vmap(jax.jacobian(partial(apply, network)), in_axes=(None, 0)))

    def jacobian(inputs):
        full = full_jacobian(parameters, inputs)
        leaves = jax.tree.leaves(full)
        return np.concatenate([np.reshape(leaf, (*leaf.shape[:2], -1)) for leaf in leaves], axis=-1)

    return np.einsum("iap,jbp->ijab", jacobian(first), jacobian(second))


@pytest.mark.parametrize("network", NETWORKS)
def test_three_routes_agree(network):
    parameters = initialize(network, jax.random.key(0))
    expected = naive(network, parameters, FIRST, SECOND)
    implicit = jax.jit(partial(empirical_tangent_kernel, partial(apply, network)))(parameters, FIRST, SECOND)
    layerwise = jax.jit(partial(layerwise_tangent_kernel, network))(parameters, FIRST, SECOND)
    # Sums over at most 300 parameters.
    np.testing.assert_allclose(implicit, expected, atol=1e-13 * np.abs(expected).max())
    np.testing.assert_allclose(layerwise, expected, atol=1e-13 * np.abs(expected).max())


@pytest.mark.parametrize("route", ["implicit", "layerwise"])
def test_trace_is_the_sum_of_the_diagonal(route):
    network = NETWORKS[1]
    parameters = initialize(network, jax.random.key(0))
    kernel = {
        "implicit": partial(empirical_tangent_kernel, partial(apply, network), parameters),
        "layerwise": partial(layerwise_tangent_kernel, network, parameters),
    }[route]
    trace = jax.jit(partial(kernel, contraction="trace"))(FIRST)
    np.testing.assert_allclose(trace, np.trace(jax.jit(kernel)(FIRST), axis1=2, axis2=3), rtol=1e-13)


def test_kernel_vs_finite_differences():
    network = Network((4, 6, 2), jnp.tanh, bias_scale=0.5)
    parameters = initialize(network, jax.random.key(0))
    flat, unravel = ravel_pytree(parameters)
    step = 1e-5  # balances the error step^2 against the rounding 1e-16 / step
    outputs = jax.jit(jax.vmap(lambda theta: jax.vmap(partial(apply, network, unravel(theta)))(FIRST)))
    forward, backward = (outputs(flat + sign * step * jnp.eye(flat.size)) for sign in (1, -1))
    slopes = (forward - backward) / (2 * step)
    expected = np.einsum("pia,pjb->ijab", slopes, slopes)
    kernel = jax.jit(partial(layerwise_tangent_kernel, network))(parameters, FIRST)
    np.testing.assert_allclose(kernel, expected, atol=1e-8)


def test_any_function_of_one_datum():
    def function(parameters, x):
        return jnp.array([parameters["a"] * jnp.sin(x[0]), parameters["a"] ** 2 + parameters["b"] * x[1]])

    parameters = {"a": jnp.array(1.5), "b": jnp.array(-2.0)}
    kernel = jax.jit(partial(empirical_tangent_kernel, function))(parameters, FIRST, SECOND)
    s1, s2 = np.sin(FIRST[:, 0]), np.sin(SECOND[:, 0])
    expected = np.empty((5, 3, 2, 2))
    expected[:, :, 0, 0] = np.outer(s1, s2)
    expected[:, :, 0, 1] = np.outer(s1, 3 * np.ones(3))
    expected[:, :, 1, 0] = np.outer(3 * np.ones(5), s2)
    expected[:, :, 1, 1] = 9 + np.outer(FIRST[:, 1], SECOND[:, 1])
    np.testing.assert_allclose(kernel, expected, atol=1e-14)


def test_blocks_do_not_change_the_kernel():
    network = NETWORKS[1]
    parameters = initialize(network, jax.random.key(0))
    layerwise = partial(layerwise_tangent_kernel, network)
    whole = jax.jit(layerwise)(parameters, FIRST, SECOND)
    single = jax.jit(partial(layerwise, maximum_bytes=1))(parameters, FIRST, SECOND)
    np.testing.assert_allclose(whole, single, atol=1e-14)
    implicit = partial(empirical_tangent_kernel, partial(apply, network), block=2)
    blocked = jax.jit(implicit)(parameters, FIRST, SECOND)
    np.testing.assert_allclose(blocked, whole, atol=1e-14)


def temporary_bytes(function, *arguments):
    return jax.jit(function).lower(*arguments).compile().memory_analysis().temp_size_in_bytes


def test_wide_networks_never_meet_their_jacobian():
    network = Network((4, 256, 256, 2), jnp.tanh)
    parameters = initialize(network, jax.random.key(0))
    inputs = sphere(jax.random.key(1), 64, 4)
    jacobian = 8 * 64 * 2 * sum(leaf.size for leaf in jax.tree.leaves(parameters))
    implicit = temporary_bytes(
        lambda theta, x: empirical_tangent_kernel(partial(apply, network), theta, x), parameters, inputs
    )
    assert implicit < jacobian / 10
    layerwise = temporary_bytes(
        lambda theta, x: layerwise_tangent_kernel(network, theta, x), parameters, inputs
    )
    assert layerwise < jacobian / 10


@pytest.mark.parametrize("contraction", ["full", "trace"])
@pytest.mark.parametrize("count", [64, 150])  # with itself: two tiles written out, more of them in turn
@pytest.mark.parametrize("others", [None, 64])
def test_predicted_bytes_vs_the_compiler(contraction, count, others):
    network = Network((4, 256, 256, 2), jnp.tanh)
    parameters = initialize(network, jax.random.key(0))
    inputs = sphere(jax.random.key(1), count, 4)
    second = None if others is None else sphere(jax.random.key(2), others, 4)
    compiled = temporary_bytes(
        lambda theta, x, y: layerwise_tangent_kernel(network, theta, x, y, contraction=contraction),
        parameters,
        inputs,
        second,
    )
    predicted = layerwise_bytes(network, count, others, inputs.dtype, contraction)
    # A plan, not a bound: within a factor of 2 of what the compiler allocates.
    assert predicted / 2 < compiled < 2 * predicted


@pytest.mark.parametrize("contraction", ["full", "trace"])
@pytest.mark.parametrize("count", [7, 40])  # one tile, and several: written out, and in turn
def test_mirrored_tiles_vs_all_pairs(contraction, count):
    network = Network((4, 16, 8, 10), jnp.tanh, weight_scale=1.4, bias_scale=(0.3, None, 0.2))
    parameters = initialize(network, jax.random.key(0))
    inputs = sphere(jax.random.key(1), count, 4)
    kernel = partial(layerwise_tangent_kernel, network, parameters, contraction=contraction)
    whole = kernel(inputs, inputs)
    for limit in (2**28, layerwise_bytes(network, 7, count, inputs.dtype, contraction)):
        symmetric = kernel(inputs, maximum_bytes=limit)
        np.testing.assert_allclose(symmetric, whole, atol=1e-13 * np.abs(whole).max())


@pytest.mark.parametrize("rows", [1, 2, 5, 100])
def test_slabs_make_up_the_kernel(rows):
    network = NETWORKS[1]
    parameters = initialize(network, jax.random.key(0))
    whole = layerwise_tangent_kernel(network, parameters, FIRST, SECOND)
    slabs = list(tangent_kernel_slabs(network, parameters, FIRST, SECOND, rows=rows))
    assert [taken for taken, _ in slabs] == [slice(k, min(k + rows, 5)) for k in range(0, 5, rows)]
    np.testing.assert_allclose(np.concatenate([slab for _, slab in slabs]), whole, atol=1e-14)


def test_kernels_that_do_not_fit_are_refused_before_they_are_tried(monkeypatch):
    network = NETWORKS[1]
    parameters = initialize(network, jax.random.key(0))
    monkeypatch.setattr("numerics.tangents.free_bytes", lambda device: 2**12)
    with pytest.raises(OutOfMemory, match=r"needs .* are free: take the slabs of tangent_kernel_slabs"):
        layerwise_tangent_kernel(network, parameters, jnp.ones((40, 4)))
    with pytest.raises(OutOfMemory, match="fewer rows of x1"):
        empirical_tangent_kernel(partial(apply, network), parameters, jnp.ones((40, 4)))
    with pytest.raises(ValueError, match="rows is 0"):
        next(tangent_kernel_slabs(network, parameters, FIRST, rows=0))
