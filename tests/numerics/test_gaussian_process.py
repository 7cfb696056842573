import math
from functools import partial

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from scipy.linalg import expm
from scipy.stats import multivariate_normal

from numerics.data import sphere
from numerics.gaussian_process import IllConditioned, KernelMatrices, marginal_likelihood, predict
from numerics.networks import Network, apply, initialize
from numerics.tangents import layerwise_tangent_kernel

TRAIN, TEST = 6, 4
TARGETS = jax.random.normal(jax.random.key(5), (TRAIN, 3))


def matrices(seed: int, rank: int = 40) -> KernelMatrices:
    """A positive definite kernel of all inputs, cut into its parts."""
    features = jax.random.normal(jax.random.key(seed), (TRAIN + TEST, rank)) / math.sqrt(rank)
    kernel = features @ features.T
    return KernelMatrices(kernel[:TRAIN, :TRAIN], kernel[TRAIN:, :TRAIN], kernel[TRAIN:, TRAIN:])


NNGP, NTK = matrices(0), matrices(1)


def test_posterior_vs_conditioned_joint_normal():
    """By the inverse of the precision matrix: the covariance of f(X*) given y is the inverse of its block."""
    noise = 0.1
    joint = np.block([[NNGP.train + noise * np.eye(TRAIN), NNGP.cross.T], [NNGP.cross, NNGP.test]])
    precision = np.linalg.inv(joint)
    covariance = np.linalg.inv(precision[TRAIN:, TRAIN:])
    mean = -covariance @ precision[TRAIN:, :TRAIN] @ TARGETS
    found = predict(TARGETS, nngp=NNGP, noise=noise)
    # Condition numbers below 1e3: some 1e-13.
    np.testing.assert_allclose(found.mean, mean, atol=1e-12)
    np.testing.assert_allclose(found.covariance, covariance, atol=1e-12)
    np.testing.assert_allclose(found.condition, np.linalg.cond(NNGP.train + noise * np.eye(TRAIN)), rtol=1e-9)


@pytest.mark.parametrize("noise", [0.0, 0.3])
@pytest.mark.parametrize("time", [0.0, 0.7, 30.0])
def test_gradient_flow_vs_matrix_exponential_of_the_linear_equation(noise, time):
    """d/dt (w, f*) = (-(Theta + noise) w + y, Theta(X*, X) (y - f)) for f = Theta w: one linear equation."""
    system = np.zeros((TRAIN + TEST + 1, TRAIN + TEST + 1))
    system[:TRAIN, :TRAIN] = -np.asarray(NTK.train) - noise * np.eye(TRAIN)
    system[TRAIN:-1, :TRAIN] = np.asarray(NTK.cross) @ system[:TRAIN, :TRAIN]
    found = predict(TARGETS, ntk=NTK, time=time, noise=noise).mean
    for output in range(TARGETS.shape[1]):
        system[:TRAIN, -1] = TARGETS[:, output]
        system[TRAIN:-1, -1] = NTK.cross @ TARGETS[:, output]
        final = expm(time * system) @ np.eye(TRAIN + TEST + 1)[-1]
        np.testing.assert_allclose(found[:, output], final[TRAIN:-1], atol=1e-11)


@pytest.mark.parametrize("size", [0.05, 0.8])  # below and above 1 / (largest eigenvalue), about 2
@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_gradient_descent_vs_its_steps(size, noise):
    weights, steps = np.zeros((TRAIN, 3)), 7
    for _ in range(steps):
        weights += size * (TARGETS - NTK.train @ weights - noise * weights)
    found = predict(TARGETS, ntk=NTK, time=float(steps), steps_of=size, noise=noise).mean
    np.testing.assert_allclose(found, NTK.cross @ weights, atol=1e-12)


def test_steps_tend_to_the_flow():
    time = 2.0
    flow = predict(TARGETS, ntk=NTK, time=time).mean
    errors = [
        float(jnp.max(jnp.abs(predict(TARGETS, ntk=NTK, time=n, steps_of=time / n).mean - flow)))
        for n in (1000.0, 2000.0)
    ]
    assert 1.9 < errors[0] / errors[1] < 2.1  # an Euler method is of first order


def test_mean_and_covariance_vs_an_ensemble_of_linearized_networks():
    """Networks f_0 + J d theta, linear in d theta, trained by their own gradient flow from random f_0."""
    network = Network((3, 8, 1), jnp.tanh, bias_scale=0.5)
    x = sphere(jax.random.key(1), TRAIN + TEST, 3)
    parameters = initialize(network, jax.random.key(0))
    theta = layerwise_tangent_kernel(network, parameters, x, contraction="trace")
    ntk = KernelMatrices(theta[:TRAIN, :TRAIN], theta[TRAIN:, :TRAIN])
    count, time = 20_000, 1.3
    joint = np.block([[NNGP.train, NNGP.cross.T], [NNGP.cross, NNGP.test]])
    draws = np.random.default_rng(2).multivariate_normal(np.zeros(TRAIN + TEST), joint, size=count)
    decay = expm(-time * np.asarray(ntk.train))
    residual = draws[:, :TRAIN] - np.asarray(TARGETS[:, 0])
    # Residuals at the training data decay as exp(-t Theta); what the test outputs move is driven by them.
    moved = np.linalg.solve(np.asarray(ntk.train), (np.eye(TRAIN) - decay) @ residual.T)
    trained = draws[:, TRAIN:] - (np.asarray(ntk.cross) @ moved).T
    found = predict(TARGETS[:, 0], ntk=ntk, nngp=NNGP, time=time)
    covariance = np.asarray(found.covariance)
    deviations = np.sqrt(np.diag(covariance))
    # Five standard errors of a mean, and of a covariance of normal variables.
    assert np.all(np.abs(trained.mean(0) - found.mean) < 5 * deviations / math.sqrt(count))
    error = np.sqrt((np.outer(deviations**2, deviations**2) + covariance**2) / count)
    assert np.all(np.abs(np.cov(trained.T) - covariance) < 5 * error)


def nearly_singular(seed: int) -> KernelMatrices:
    """Two inputs of the training set 1e-5 apart: a condition number of some 1e11."""
    features = np.array(jax.random.normal(jax.random.key(seed), (TRAIN + TEST, 40)) / math.sqrt(40))
    features[1] = features[0] + 1e-5 * features[1]
    kernel = jnp.asarray(features @ features.T)
    return KernelMatrices(kernel[:TRAIN, :TRAIN], kernel[TRAIN:, :TRAIN], kernel[TRAIN:, TRAIN:])


@pytest.mark.parametrize("noise", [0.0, 1e-3])
@pytest.mark.parametrize("time", [0.0, 1.0, 1e5, math.inf])
def test_nearly_singular_kernels_vs_their_formulas_in_fifty_digits(noise, time):
    nngp, ntk = nearly_singular(0), nearly_singular(1)
    found = predict(TARGETS, nngp=nngp, ntk=ntk, time=time, noise=noise)
    with mpmath.workdps(50):
        exact = lambda array: mpmath.matrix(np.asarray(array).tolist())  # noqa: E731
        values, vectors = mpmath.eigsy(exact(ntk.train))
        grown = [1 - mpmath.exp(-(value + noise) * time) if time < math.inf else 1 for value in values]
        gains = [part / (value + noise) for part, value in zip(grown, values, strict=True)]
        weights = exact(ntk.cross) * vectors * mpmath.diag(gains) * vectors.T
        mixed = weights * exact(nngp.cross).T
        covariance = exact(nngp.test) + weights * exact(nngp.train) * weights.T - mixed - mixed.T
        mean = np.array((weights * exact(TARGETS)).tolist(), float)
        covariance = np.array(covariance.tolist(), float)
    # Eigenvalues are known to 1e-16 of the largest, the rest follows from what the formula divides by.
    divisor = min(1 / max(float(gain) for gain in gains), 1.0) if time else 1.0
    assert np.abs(found.mean - mean).max() <= 1e-14 / divisor * max(np.abs(mean).max(), 1)
    assert np.abs(found.covariance - covariance).max() <= 1e-14 / divisor
    assert np.array_equal(found.covariance, found.covariance.T)
    assert np.linalg.eigvalsh(found.covariance)[0] > -1e-14


def test_own_prediction_of_one_network():
    start = jax.random.normal(jax.random.key(7), (TRAIN, 3)), jax.random.normal(jax.random.key(8), (TEST, 3))
    found = predict(TARGETS, ntk=NTK, time=0.9, initial=start)
    assert found.covariance is None
    without = predict(TARGETS - start[0], ntk=NTK, time=0.9).mean
    np.testing.assert_allclose(found.mean, start[1] + without, atol=1e-13)
    np.testing.assert_allclose(predict(TARGETS, ntk=NTK, time=0.0, initial=start).mean, start[1])


def test_training_inputs_are_interpolated_without_variance_at_infinite_time():
    at_training = [KernelMatrices(kernel.train, kernel.train, kernel.train) for kernel in (NNGP, NTK)]
    for found in (
        predict(TARGETS, nngp=at_training[0]),
        predict(TARGETS, nngp=at_training[0], ntk=at_training[1]),
    ):
        np.testing.assert_allclose(found.mean, TARGETS, atol=1e-12)
        np.testing.assert_allclose(found.covariance, 0, atol=1e-12)


def test_a_vector_of_times_vs_one_time_after_the_other():
    times = np.array([[0.0, 0.5, 3.0], [10.0, 1e9, math.inf]])
    together = predict(TARGETS, ntk=NTK, nngp=NNGP, time=times)
    assert together.mean.shape == (2, 3, TEST, 3)
    assert together.covariance.shape == (2, 3, TEST, TEST)
    for index, time in np.ndenumerate(times):
        alone = predict(TARGETS, ntk=NTK, nngp=NNGP, time=float(time))
        np.testing.assert_allclose(together.mean[index], alone.mean, atol=1e-13)
        np.testing.assert_allclose(together.covariance[index], alone.covariance, atol=1e-13)
    # At time 0 nothing is learned.
    np.testing.assert_allclose(together.mean[0, 0], 0)
    np.testing.assert_allclose(together.covariance[0, 0], NNGP.test)


def test_singular_kernel_is_refused_with_its_eigenvalue_unless_asked_otherwise():
    singular = matrices(3, rank=4)
    with pytest.raises(IllConditioned, match=r"smallest eigenvalue .*condition number .*noise > 0"):
        predict(TARGETS, nngp=singular)
    with pytest.raises(IllConditioned, match="finite time"):
        predict(TARGETS, ntk=singular, time=np.array([1.0, math.inf]))
    finite = predict(TARGETS, ntk=singular, time=1e4)
    least_norm = predict(TARGETS, ntk=singular, cutoff=1e-10)
    assert least_norm.rank == 4
    expected = singular.cross @ np.linalg.pinv(singular.train, rcond=1e-10) @ TARGETS
    np.testing.assert_allclose(least_norm.mean, expected, atol=1e-9)
    # Directions without eigenvalue move nothing: the flow tends to the same.
    np.testing.assert_allclose(finite.mean, expected, atol=1e-9)


def test_kernels_that_are_none_are_refused():
    indefinite = NTK._replace(train=NTK.train - 2 * jnp.eye(TRAIN))
    with pytest.raises(IllConditioned, match=r"not positive semidefinite.*smallest eigenvalue is -"):
        predict(TARGETS, ntk=indefinite, time=1.0)
    with pytest.raises(IllConditioned, match="smallest eigenvalue -"):
        marginal_likelihood(TARGETS, indefinite.train)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "no kernel"),
        ({"nngp": NNGP, "time": 1.0}, "belong to training"),
        ({"ntk": NTK, "time": -1.0}, "numbers >= 0"),
        ({"ntk": NTK, "time": math.nan}, "numbers >= 0"),
        ({"ntk": NTK, "noise": -0.1}, "noise >= 0"),
        ({"ntk": NTK, "time": 1.5, "steps_of": 0.1}, "whole numbers of steps"),
        ({"ntk": NTK, "steps_of": 100.0}, r"steps of 100.0 diverge.*take less than"),
        ({"ntk": NTK, "nngp": KernelMatrices(NNGP.train, NNGP.cross[:2])}, "given: train"),
    ],
)
def test_input_that_makes_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        predict(TARGETS, **options)


def test_marginal_likelihood_vs_the_normal_density_and_its_differences():
    noise = 0.2
    covariance = np.asarray(NNGP.train) + noise * np.eye(TRAIN)
    expected = sum(multivariate_normal(np.zeros(TRAIN), covariance).logpdf(row) for row in TARGETS.T)
    evidence = jax.jit(lambda scale, noise: marginal_likelihood(TARGETS, scale * NNGP.train, noise=noise))
    np.testing.assert_allclose(evidence(1.0, noise), expected, rtol=1e-12)
    step = 1e-5  # error step^2 against rounding 1e-16 / step
    slopes = jax.grad(evidence, argnums=(0, 1))(1.0, noise)
    for slope, ahead, behind in (
        (slopes[0], evidence(1 + step, noise), evidence(1 - step, noise)),
        (slopes[1], evidence(1.0, noise + step), evidence(1.0, noise - step)),
    ):
        np.testing.assert_allclose(slope, (ahead - behind) / (2 * step), rtol=1e-6)


def test_marginal_likelihood_inside_jit_is_nan_where_it_is_undefined():
    assert math.isnan(jax.jit(marginal_likelihood)(TARGETS, NTK.train - 2 * jnp.eye(TRAIN)))


def test_wide_network_trained_in_truth_vs_prediction():
    """Gradient descent at width 8192 stays within the drift, O(width^-1/2), of the prediction."""
    network = Network((3, 8192, 1), jnp.tanh, bias_scale=0.5)
    x = sphere(jax.random.key(1), TRAIN + TEST, 3)
    parameters = start = initialize(network, jax.random.key(0))
    outputs = jax.vmap(partial(apply, network), in_axes=(None, 0))
    y = TARGETS[:, :1]
    size, steps = 0.1, 40

    def loss(parameters):
        return jnp.sum((outputs(parameters, x[:TRAIN]) - y) ** 2) / 2

    descend = jax.jit(
        lambda parameters: jax.tree.map(lambda p, g: p - size * g, parameters, jax.grad(loss)(parameters))
    )
    for _ in range(steps):
        parameters = descend(parameters)
    theta = layerwise_tangent_kernel(network, start, x, contraction="trace")
    before = outputs(start, x)
    found = predict(
        y,
        ntk=KernelMatrices(theta[:TRAIN, :TRAIN], theta[TRAIN:, :TRAIN]),
        time=float(steps),
        steps_of=size,
        initial=(before[:TRAIN], before[TRAIN:]),
    )
    moved = np.abs(outputs(parameters, x)[TRAIN:] - before[TRAIN:]).max()
    np.testing.assert_allclose(found.mean, outputs(parameters, x)[TRAIN:], atol=moved * 8192**-0.5)
