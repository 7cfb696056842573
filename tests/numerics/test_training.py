from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from numerics.data import Data, gaussian_teacher
from numerics.ensembles import map_seeds, seed_keys
from numerics.gradient_flow import gradient_flow
from numerics.losses import empirical_loss
from numerics.training import (
    Batches,
    GradientDescent,
    Optax,
    StochasticGradientDescent,
    divergences,
    first_not_finite,
    train,
)


def linear(theta, x):
    return theta @ x


def regression(count=20):
    """Least squares in R^3 with one output: A = X^T X / n, b = X^T y / n."""
    data = gaussian_teacher(jax.random.key(0), lambda x: jnp.array([x[0] - 2 * x[1]]), count, 3, noise=0.5)
    inputs, targets = np.asarray(data.inputs), np.asarray(data.targets)
    return data, inputs.T @ inputs / count, inputs.T @ targets[:, 0] / count


def test_gradient_descent_vs_its_closed_form():
    data, matrix, vector = regression()
    theta, step_size, steps = jnp.array([[1.0, 1.0, -1.0]]), 0.3, 25
    loss = partial(empirical_loss(linear), data=data)
    final, trajectory = train(
        loss, GradientDescent(step_size), theta, steps, observe=lambda p: p[0], record_every=5
    )

    values, vectors = np.linalg.eigh(matrix)
    limit = np.linalg.solve(matrix, vector)

    def iterate(t):
        shrunk = (1 - step_size * values) ** t * (vectors.T @ (np.asarray(theta[0]) - limit))
        return limit + vectors @ shrunk

    # 25 contractions, each of a few roundings of numbers of order one.
    np.testing.assert_allclose(final.parameters[0], iterate(25), atol=1e-13)
    assert trajectory.iterations.tolist() == [0, 5, 10, 15, 20]
    np.testing.assert_allclose(trajectory.observations, [iterate(t) for t in range(0, 25, 5)], atol=1e-13)
    assert int(final.iteration) == 25


def test_diagnostics_are_those_before_the_step():
    data, matrix, vector = regression()
    theta = jnp.array([[1.0, 1.0, -1.0]])
    loss = partial(empirical_loss(linear), data=data)
    _, trajectory = train(loss, GradientDescent(0.1), theta, 3)
    gradient = matrix @ np.asarray(theta[0]) - vector
    assert float(trajectory.diagnostics.loss[0]) == pytest.approx(float(loss(theta)), rel=1e-14)
    assert float(trajectory.diagnostics.gradient_norm[0]) == pytest.approx(
        np.linalg.norm(gradient), rel=1e-13
    )


def test_gradient_descent_approaches_the_flow_at_first_order():
    data, _, _ = regression()
    theta = jnp.array([[1.0, 1.0, -1.0]])

    def loss(theta):  # not quadratic, so that the flow has no closed form
        return empirical_loss(lambda p, x: jnp.tanh(p @ x))(theta, data)

    flow = gradient_flow(loss, theta, jnp.array([2.0]), relative_tolerance=1e-11, absolute_tolerance=1e-12)
    counts = np.array([40, 80, 160, 320])
    errors = [
        float(
            jnp.linalg.norm(
                train(loss, GradientDescent(2.0 / n), theta, n)[0].parameters - flow.parameters[0]
            )
        )
        for n in counts.tolist()
    ]
    orders = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    # Local orders are 1 + O(step size); the last two are taken at step sizes below 1/40.
    np.testing.assert_allclose(orders[1:], 1.0, atol=0.05)


def test_full_batches_without_replacement_are_gradient_descent():
    data, _, _ = regression()
    theta = jnp.array([[1.0, 1.0, -1.0]])
    batches = Batches(data, 20, jax.random.key(1), replacement=False)
    stochastic, _ = train(empirical_loss(linear), StochasticGradientDescent(0.1, batches), theta, 10)
    full, _ = train(partial(empirical_loss(linear), data=data), GradientDescent(0.1), theta, 10)
    # The batch is a permutation of the data: only the order of a sum of 20 differs.
    np.testing.assert_allclose(stochastic.parameters, full.parameters, atol=1e-14)


@pytest.mark.parametrize("replacement", [True, False])
def test_gradient_noise_of_batches(replacement):
    count, size, draws = 6, 2, 20_000
    values = np.array([0.0, 1.0, 3.0, -2.0, 0.5, 4.0])
    data = Data(jnp.asarray(values)[:, None], jnp.zeros((count, 1)))
    batches = Batches(data, size, jax.random.key(5), replacement)
    means = np.asarray(jax.vmap(lambda t: batches.draw(t).inputs.mean())(jnp.arange(draws)))
    variance = values.var() / size * (1.0 if replacement else (count - size) / (count - 1))
    # Standard error of a mean; and of a variance, from the measured fourth moment. 4.5 of them: 7e-6.
    assert abs(means.mean() - values.mean()) < 4.5 * (variance / draws) ** 0.5
    squares = (means - values.mean()) ** 2
    assert abs(squares.mean() - variance) < 4.5 * squares.std() / draws**0.5


def test_optax_sgd_vs_gradient_descent():
    data, _, _ = regression()
    theta = jnp.array([[1.0, 1.0, -1.0]])
    loss = partial(empirical_loss(linear), data=data)
    ours, _ = train(loss, GradientDescent(0.1), theta, 10)
    theirs, _ = train(loss, Optax(optax.sgd(0.1)), theta, 10)
    np.testing.assert_allclose(ours.parameters, theirs.parameters, atol=1e-15)


def test_adam_first_step_is_the_sign_of_the_gradient():
    data, matrix, vector = regression()
    theta = jnp.array([[1.0, 1.0, -1.0]])
    loss = partial(empirical_loss(linear), data=data)
    final, _ = train(loss, Optax(optax.adam(1e-3)), theta, 1)
    gradient = matrix @ np.asarray(theta[0]) - vector
    # Adam's epsilon of 1e-8 shortens the step by the factor |g| / (|g| + epsilon).
    np.testing.assert_allclose(
        final.parameters[0], np.asarray(theta[0]) - 1e-3 * np.sign(gradient), atol=1e-3 * 1e-7
    )


def test_optax_with_batches_decreases_the_loss():
    data, _, _ = regression()
    theta = jnp.array([[1.0, 1.0, -1.0]])
    optimizer = Optax(optax.adam(0.05), Batches(data, 5, jax.random.key(2)))
    final, trajectory = train(empirical_loss(linear), optimizer, theta, 200, record_every=20)
    assert trajectory.diagnostics.loss.shape == (10,)
    assert (
        float(empirical_loss(linear)(final.parameters, data)) < float(empirical_loss(linear)(theta, data)) / 4
    )


def test_records_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="steps is 10 and record_every 3"):
        train(jnp.sum, GradientDescent(0.1), jnp.ones(2), 10, record_every=3)


def diverging(key, step_size=11.0):
    """theta_k = (1 - step_size)^k theta_0 under theta^2/2, with theta_0 uniform on [1, 2]."""
    start = jax.random.uniform(key, (), minval=1.0, maxval=2.0)
    final, _ = train(lambda theta: theta**2 / 2, GradientDescent(step_size), start, 400, record_every=100)
    return final.parameters


def overflow(key):
    """The first k with theta_k^2 beyond the doubles, in integers: 100^k theta_0^2 >= 2^1024."""
    numerator, denominator = float(jax.random.uniform(key, (), minval=1.0, maxval=2.0)).as_integer_ratio()
    return next(k for k in range(200) if 100**k * numerator**2 >= 2**1024 * denominator**2)


@pytest.mark.parametrize("wrapped", [lambda f: f, jax.jit], ids=["plain", "jitted by its author"])
def test_the_first_step_that_is_not_finite_is_found_by_running_again(wrapped):
    keys, function = seed_keys(0, count=6), wrapped(diverging)
    assert not np.any(np.isfinite(map_seeds(function, keys)))
    with divergences() as found:
        map_seeds(function, keys)
    expected = [overflow(key) for key in keys]
    assert sorted(found) == sorted(expected)
    assert len(set(expected)) > 1
    # Nothing of it stays in the compiled programs.
    map_seeds(function, keys)
    assert sorted(found) == sorted(expected)


def test_a_training_that_stays_finite_reports_nothing():
    with divergences() as found:
        map_seeds(partial(diverging, step_size=0.5), seed_keys(0, count=3))
    assert found == []


def test_parameters_may_be_lost_in_the_last_step_alone():
    def cliff(theta):
        return jnp.sum(1e150 * theta)

    steps = partial(first_not_finite, cliff, GradientDescent(1e200), jnp.ones(2))
    assert int(steps(0)) == -1
    assert int(steps(1)) == 1
    assert int(steps(5)) == 1
