from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from numerics.curvature import (
    extreme_curvatures,
    extreme_eigenvalues,
    hessian,
    hessian_vector_product,
    inertia,
    lanczos,
)
from numerics.data import gaussian_teacher
from numerics.losses import empirical_loss
from numerics.networks import Network, apply, initialize


def network_loss(widths=(3, 4, 2)):
    network = Network(widths, jnp.tanh, bias_scale=0.3)
    data = gaussian_teacher(jax.random.key(0), lambda x: jnp.sin(x[: widths[-1]]), 15, widths[0])
    loss = partial(empirical_loss(partial(apply, network)), data=data)
    return loss, initialize(network, jax.random.key(1))


def symmetric(eigenvalues):
    size = len(eigenvalues)
    basis, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(size, size)))
    return jnp.asarray(basis * np.asarray(eigenvalues) @ basis.T)


def test_hessian_vs_finite_differences_of_the_gradient():
    loss, parameters = network_loss()
    flat, unravel = ravel_pytree(parameters)
    gradient = jax.jit(jax.grad(lambda theta: loss(unravel(theta))))
    step = 1e-5  # balances the error step^2 against the rounding 1e-16 / step
    rows = [(gradient(flat + step * e) - gradient(flat - step * e)) / (2 * step) for e in jnp.eye(flat.size)]
    np.testing.assert_allclose(jax.jit(partial(hessian, loss))(parameters), np.stack(rows), atol=1e-8)


def test_hessian_vector_product_vs_the_hessian():
    loss, parameters = network_loss()
    direction = jax.tree.map(
        lambda leaf: jnp.cos(jnp.arange(leaf.size, dtype=float)).reshape(leaf.shape), parameters
    )
    product = jax.jit(partial(hessian_vector_product, loss))(parameters, direction)
    expected = jax.jit(partial(hessian, loss))(parameters) @ ravel_pytree(direction)[0]
    np.testing.assert_allclose(ravel_pytree(product)[0], expected, atol=1e-13)


def test_hessian_of_least_squares_is_the_gram_matrix():
    inputs = np.random.default_rng(0).normal(size=(10, 4))
    matrix = hessian(lambda theta: jnp.sum((jnp.asarray(inputs) @ theta - 1) ** 2) / 2, jnp.ones(4))
    np.testing.assert_allclose(matrix, inputs.T @ inputs, atol=1e-13)


@pytest.mark.parametrize(
    ("eigenvalues", "counts"),
    [
        ([-2.0, -1e-6, 0.0, 0.0, 3.0], (2, 2, 1)),
        ([1.0, 2.0, 3.0], (0, 0, 3)),
        ([0.0, 0.0], (0, 2, 0)),
    ],
)
def test_inertia_of_a_constructed_spectrum(eigenvalues, counts):
    counted = inertia(symmetric(eigenvalues))
    assert (int(counted.negative), int(counted.zero), int(counted.positive)) == counts


def test_inertia_says_how_doubtful_it_is():
    counted = inertia(symmetric([-2.0, 1e-9, 1e-3, 3.0]), tolerance=1e-6)
    assert int(counted.zero) == 1
    # eigvalsh has a backward error of a few units of roundoff times the norm 3.
    assert float(counted.largest_zero) == pytest.approx(1e-9, abs=1e-14)
    assert float(counted.smallest_nonzero) == pytest.approx(1e-3, abs=1e-14)


def test_lanczos_in_full_vs_numpy():
    eigenvalues = np.linspace(-1.0, 2.0, 12) ** 3
    matrix = symmetric(eigenvalues)
    result = lanczos(lambda v: matrix @ v, 12, jax.random.key(0), 12)
    tridiagonal = (
        np.diag(result.diagonal) + np.diag(result.off_diagonal, 1) + np.diag(result.off_diagonal, -1)
    )
    np.testing.assert_allclose(np.linalg.eigvalsh(tridiagonal), np.sort(eigenvalues), atol=1e-12)
    np.testing.assert_allclose(result.basis @ result.basis.T, np.eye(12), atol=1e-13)
    np.testing.assert_allclose(result.basis @ matrix @ result.basis.T, tridiagonal, atol=1e-12)


@pytest.mark.parametrize("eigenvalues", [[3.0] * 6, [1.0, 1.0, 1.0, 5.0, 5.0, 0.0], [0.0] * 6])
def test_lanczos_continues_past_an_invariant_subspace(eigenvalues):
    matrix = symmetric(eigenvalues)
    result = lanczos(lambda v: matrix @ v, 6, jax.random.key(0), 6)
    tridiagonal = (
        np.diag(result.diagonal) + np.diag(result.off_diagonal, 1) + np.diag(result.off_diagonal, -1)
    )
    np.testing.assert_allclose(np.linalg.eigvalsh(tridiagonal), np.sort(eigenvalues), atol=1e-12)


@pytest.mark.parametrize("steps", [5, 15, 40])
def test_residuals_bound_the_distance_to_the_spectrum(steps):
    eigenvalues = np.random.default_rng(1).normal(size=100)
    matrix = symmetric(eigenvalues)
    extremes = extreme_eigenvalues(lambda v: matrix @ v, 100, jax.random.key(0), steps)
    for value, residual in (
        (extremes.smallest, extremes.smallest_residual),
        (extremes.largest, extremes.largest_residual),
    ):
        assert np.abs(eigenvalues - float(value)).min() <= float(residual) + 1e-13
    if steps == 40:
        assert float(extremes.largest) == pytest.approx(eigenvalues.max(), abs=1e-8)


def test_extreme_curvatures_vs_the_exact_hessian():
    loss, parameters = network_loss((6, 12, 2))
    exact = np.linalg.eigvalsh(np.asarray(jax.jit(partial(hessian, loss))(parameters)))
    found = jax.jit(partial(extreme_curvatures, loss, steps=60))(parameters, jax.random.key(3))
    assert float(found.largest) == pytest.approx(exact[-1], abs=float(found.largest_residual) + 1e-13)
    assert float(found.smallest) == pytest.approx(exact[0], abs=float(found.smallest_residual) + 1e-13)
    assert float(found.largest_residual) < 1e-6


def test_more_steps_than_dimensions_are_refused():
    with pytest.raises(ValueError, match="give 1 to 3"):
        lanczos(lambda v: v, 3, jax.random.key(0), 4)
