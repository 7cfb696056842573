"""Deep linear networks against NumPy's own products, automatic differentiation and exact small cases."""

from functools import partial, reduce
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from numerics import linear_networks

UNIT_ROUNDOFF = 2.0**-53
WIDTHS = (5, 3, 4, 2)


def random_network(seed=0, widths=WIDTHS, examples=7):
    random = np.random.default_rng(seed)
    layers = tuple(random.normal(size=(b, a)) for a, b in pairwise(widths))
    return layers, random.normal(size=(examples, widths[0])), random.normal(size=(examples, widths[-1]))


def budget(*sizes):
    """A few hundred roundings of numbers of this size."""
    return 300 * UNIT_ROUNDOFF * float(np.prod(sizes))


def test_product_and_loss_of_integers_are_exact():
    layers = (np.array([[1.0, 2.0]]), np.array([[3.0], [-1.0]]))
    inputs, targets = np.array([[1.0, 0.0], [2.0, 1.0]]), np.array([[1.0, 1.0], [0.0, 0.0]])
    assert linear_networks.product(layers).tolist() == [[3, 6], [-1, -2]]
    assert linear_networks.predictions(layers, inputs).tolist() == [[3, -1], [12, -4]]
    assert linear_networks.loss(layers, inputs, targets) == (4 + 4 + 144 + 16) / 2
    assert linear_networks.imbalances(layers)[0].tolist() == [[10 - 5]]


def test_a_single_layer_is_its_own_product():
    layers, inputs, targets = random_network(widths=(3, 2))
    assert linear_networks.product(layers) is layers[0]
    assert linear_networks.imbalances(layers) == ()
    expected = (inputs @ layers[0].T - targets).T @ inputs
    assert np.array_equal(linear_networks.gradients(layers, inputs, targets)[0], expected)


@pytest.mark.parametrize("widths", [WIDTHS, (3, 2), (2, 6, 1), (1, 1, 1, 1, 1)])
def test_gradients_against_automatic_differentiation(widths):
    layers, inputs, targets = random_network(1, widths)
    traced = tuple(map(jnp.asarray, layers))
    expected = jax.grad(linear_networks.loss)(traced, jnp.asarray(inputs), jnp.asarray(targets))
    found = linear_networks.gradients(layers, inputs, targets)
    size = max(np.abs(one).max() for one in expected)
    for one, other in zip(found, expected, strict=True):
        assert isinstance(one, np.ndarray)
        assert np.abs(one - np.asarray(other)).max() <= budget(size)


def test_gradients_of_any_loss_of_the_product():
    layers = tuple(map(jnp.asarray, random_network(2)[0]))
    loss_of = lambda matrix: jnp.sum(jnp.log1p(jnp.exp(matrix)))  # noqa: E731
    gradient = jax.grad(loss_of)(linear_networks.product(layers))
    expected = jax.grad(lambda found: loss_of(linear_networks.product(found)))(layers)
    found = linear_networks.layer_gradients(layers, gradient)
    assert max(
        float(jnp.abs(one - other).max()) for one, other in zip(found, expected, strict=True)
    ) <= budget(10)


@pytest.mark.parametrize("widths", [WIDTHS, (2, 2), (3, 5, 5, 4)])
def test_balanced_layers_with_a_given_product(widths):
    rank = min(widths)
    random = np.random.default_rng(3)
    target = random.normal(size=(widths[-1], rank)) @ random.normal(size=(rank, widths[0]))
    layers = linear_networks.balanced(jax.random.key(0), jnp.asarray(target), widths)
    assert [layer.shape for layer in layers] == [(b, a) for a, b in pairwise(widths)]
    found = reduce(lambda before, layer: np.asarray(layer) @ before, layers, np.eye(widths[0]))
    assert np.abs(found - target).max() <= budget(np.abs(target).max())
    assert all(np.abs(one).max() <= budget(10) for one in linear_networks.imbalances(layers))


def test_balanced_layers_with_given_singular_values():
    layers = linear_networks.balanced(jax.random.key(1), jnp.array([3.0, 0.5]), (4, 3, 5, 3))
    values = np.linalg.svd(np.asarray(linear_networks.product(layers)), compute_uv=False)
    assert values == pytest.approx([3.0, 0.5, 0.0], abs=budget(3))
    assert np.linalg.svd(np.asarray(layers[1]), compute_uv=False)[:2] == pytest.approx(
        [3 ** (1 / 3), 0.5 ** (1 / 3)]
    )


def test_a_product_that_does_not_fit_is_approximated_best():
    target = np.diag([4.0, 3.0, 2.0])
    found = linear_networks.product(
        linear_networks.balanced(jax.random.key(2), jnp.asarray(target), (3, 2, 3))
    )
    assert np.asarray(found) == pytest.approx(np.diag([4.0, 3.0, 0.0]), abs=budget(4))


def test_small_layers_have_the_declared_deviation():
    layers = linear_networks.small(jax.random.key(3), (400, 100, 200), 0.01)
    for layer, fan_in in zip(layers, (400, 100), strict=True):
        scaled = np.asarray(layer) * fan_in**0.5 / 0.01
        # The variance of n squared normals is 2 n; five deviations.
        assert abs(np.mean(scaled**2) - 1) <= 5 * (2 / scaled.size) ** 0.5
        assert abs(np.mean(scaled)) <= 5 / scaled.size**0.5


def test_everything_maps_over_seeds_under_jit():
    keys = jax.random.split(jax.random.key(4), 3)
    _, inputs, targets = random_network(4)
    data = jnp.asarray(inputs), jnp.asarray(targets)

    def run(key):
        layers = linear_networks.small(key, WIDTHS, 1.0)
        even = linear_networks.balanced(key, linear_networks.product(layers), WIDTHS)
        return linear_networks.loss(layers, *data), linear_networks.loss(even, *data)

    batched = jax.jit(jax.vmap(run))(keys)
    one_by_one = [run(key) for key in keys]
    assert np.asarray(batched[0]) == pytest.approx([float(first) for first, _ in one_by_one], rel=1e-12)
    # Balancing keeps the product, which is of the least width's rank, and so the loss.
    assert np.asarray(batched[0]) == pytest.approx(np.asarray(batched[1]), rel=1e-10)


@pytest.mark.parametrize("make", [linear_networks.small, linear_networks.balanced])
def test_bad_widths_are_refused(make):
    for widths in ((3,), (3, 0, 2)):
        with pytest.raises(ValueError, match="at least two integers >= 1, inputs first"):
            make(
                jax.random.key(0),
                *((widths, 1.0) if make is linear_networks.small else (jnp.ones(1), widths)),
            )


def test_targets_that_do_not_fit_are_refused():
    build = partial(linear_networks.balanced, jax.random.key(0))
    with pytest.raises(ValueError, match="3 singular values do not fit"):
        build(jnp.ones(3), (4, 2, 4))
    with pytest.raises(ValueError, match=r"shape \(2, 3\); widths \(2, 2, 3\) need \(3, 2\)"):
        build(jnp.ones((2, 3)), (2, 2, 3))
