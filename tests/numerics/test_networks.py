import jax
import jax.numpy as jnp
import numpy as np
import pytest

from numerics.data import sphere
from numerics.networks import Layer, Network, apply, identity, initialize, parameter_count, parameters_from

UNIT_ROUNDOFF = 2.0**-53


def numpy_forward(weights, biases, gains, x):
    """z = gain W h + bias, tanh between layers, written out without the library."""
    for position, (weight, bias, gain) in enumerate(zip(weights, biases, gains, strict=True)):
        z = gain * (weight @ x) + bias
        x = np.tanh(z) if position < len(weights) - 1 else z
    return x


def as_numpy(parameters, bias_gain):
    weights = [np.asarray(layer.weight) for layer in parameters]
    biases = [0.0 if layer.bias is None else bias_gain * np.asarray(layer.bias) for layer in parameters]
    return weights, biases


@pytest.mark.parametrize(
    ("parametrization", "input_scaling", "gains", "bias_gain"),
    [
        ("ntk", True, (1.5 / 3**0.5, 1.5 / 8**0.5, 1.5 / 5**0.5), 0.5),
        ("ntk", False, (1.5, 1.5 / 8**0.5, 1.5 / 5**0.5), 0.5),
        ("mean_field", False, (1.5, 1.5 / 8, 1.5 / 5), 0.5),
        ("standard", True, (1.0, 1.0, 1.0), 1.0),
    ],
)
def test_apply_vs_the_equation_in_numpy(parametrization, input_scaling, gains, bias_gain):
    network = Network((3, 8, 5, 2), jnp.tanh, parametrization, 1.5, 0.5, input_scaling)
    parameters = initialize(network, jax.random.key(1))
    x = sphere(jax.random.key(2), 1, 3)[0]
    expected = numpy_forward(*as_numpy(parameters, bias_gain), gains, np.asarray(x))
    # Sums of at most 8 terms of order one, three layers deep.
    np.testing.assert_allclose(apply(network, parameters, x), expected, atol=100 * UNIT_ROUNDOFF)


@pytest.mark.parametrize(
    ("parametrization", "weight_deviation", "bias_deviation"),
    [("ntk", 1.0, 1.0), ("mean_field", 1.0, 1.0), ("standard", 1.5 / 40**0.5, 0.5)],
)
def test_initial_deviations(parametrization, weight_deviation, bias_deviation):
    network = Network((40, 500), jnp.tanh, parametrization, 1.5, 0.5)
    (layer,) = initialize(network, jax.random.key(3))
    for draws, deviation in ((layer.weight, weight_deviation), (layer.bias, bias_deviation)):
        # The mean square of n normals has relative standard error sqrt(2/n); 4.5 of them: 7e-6.
        relative = float(jnp.mean(draws**2)) / deviation**2 - 1
        assert abs(relative) < 4.5 * (2 / draws.size) ** 0.5


def test_ntk_vs_standard_with_the_scale_moved_into_the_weights():
    ntk = Network((3, 8, 2), jnp.tanh, "ntk", weight_scale=(1.5, 0.7))
    standard = Network((3, 8, 2), jnp.tanh, "standard")
    first, second = initialize(ntk, jax.random.key(0))
    moved = (Layer(1.5 / 3**0.5 * first.weight, None), Layer(0.7 / 8**0.5 * second.weight, None))
    x = jnp.array([0.3, -1.0, 0.5])
    np.testing.assert_allclose(
        apply(ntk, (first, second), x), apply(standard, moved, x), rtol=100 * UNIT_ROUNDOFF
    )


def test_linear_network_is_the_product_of_its_matrices():
    network = Network((4, 3, 2), identity, "standard")
    first, second = initialize(network, jax.random.key(0))
    x = jnp.arange(4, dtype=float)
    expected = np.asarray(second.weight) @ np.asarray(first.weight) @ np.arange(4.0)
    np.testing.assert_allclose(apply(network, (first, second), x), expected, rtol=100 * UNIT_ROUNDOFF)
    assert first.bias is None
    assert second.bias is None


def test_biases_of_one_layer_only():
    network = Network((4, 3, 2), jnp.tanh, bias_scale=(1.0, None))
    parameters = initialize(network, jax.random.key(0))
    assert parameters[1].bias is None
    assert parameter_count(network) == sum(leaf.size for leaf in jax.tree.leaves(parameters)) == 12 + 3 + 6


def test_float32_parameters_are_the_rounded_float64_parameters():
    network = Network((4, 3, 2), jnp.tanh, bias_scale=1.0)
    double = initialize(network, jax.random.key(0))
    single = initialize(network, jax.random.key(0), jnp.float32)
    assert jax.tree.all(jax.tree.map(lambda a, b: bool(jnp.all(a.astype(jnp.float32) == b)), double, single))
    assert apply(network, single, jnp.ones(4, jnp.float32)).dtype == jnp.float32
    assert apply(network, double, jnp.ones(4)).dtype == jnp.float64


def test_products_ask_for_full_precision():
    network = Network((4, 3, 2), jnp.tanh)
    program = jax.make_jaxpr(lambda theta, x: apply(network, theta, x))
    text = str(program(initialize(network, jax.random.key(0)), jnp.ones(4)))
    assert text.count("dot_general") == text.count("precision=(Precision.HIGHEST, Precision.HIGHEST)") == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"widths": (3,)}, "at least two integers"),
        ({"widths": (3, 0, 1)}, "at least two integers"),
        ({"weight_scale": (1.0,)}, "weight_scale .* one for each of 2 layers"),
        ({"weight_scale": float("nan")}, "one finite number"),
        ({"bias_scale": -1.0}, "bias_scale .* one finite number"),
    ],
)
def test_bad_networks_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Network(**{"widths": (3, 4, 1), "activation": jnp.tanh, **arguments})


def test_parameters_from_draws_are_scaled_layer_by_layer():
    network = Network((2, 3, 1), jnp.tanh, "standard", weight_scale=2.0, bias_scale=(0.5, None))
    draws = jnp.arange(12.0)
    first, second = parameters_from(network, draws)
    assert np.allclose(first.weight, 2 / np.sqrt(2) * np.arange(6).reshape(3, 2))
    assert np.allclose(first.bias, 0.5 * np.arange(6, 9))
    assert np.allclose(second.weight, 2 / np.sqrt(3) * np.arange(9, 12).reshape(1, 3))
    assert second.bias is None
    with pytest.raises(ValueError, match="draws have the shape"):
        parameters_from(network, draws[1:])
