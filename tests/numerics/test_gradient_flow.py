from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from numerics.data import gaussian_teacher
from numerics.gradient_flow import gradient_flow, logarithmic_times
from numerics.linear_networks import loss as linear_loss
from numerics.losses import empirical_loss
from numerics.networks import Network, apply, identity, initialize

TIMES = jnp.array([0.0, 0.3, 1.0, 4.0])
START = jnp.array([1.0, -2.0, 0.5])
EIGENVALUES = np.array([0.1, 1.0, 5.0])
BASIS, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
MATRIX = jnp.asarray(BASIS * EIGENVALUES @ BASIS.T)
EXACT = np.exp(-np.outer(TIMES, EIGENVALUES)) * (BASIS.T @ np.asarray(START)) @ BASIS.T


def quadratic(theta):
    return theta @ MATRIX @ theta / 2


def error(tolerance, solver="explicit"):
    flow = gradient_flow(
        quadratic,
        START,
        TIMES,
        relative_tolerance=tolerance,
        absolute_tolerance=tolerance,
        solver=solver,
    )
    assert bool(flow.completed)
    return np.abs(flow.parameters - EXACT).max()


@pytest.mark.parametrize("solver", ["explicit", "implicit"])
def test_flow_of_a_quadratic_vs_the_matrix_exponential(solver):
    # Local errors of 1e-9 (1 + |theta|) add up over about a hundred steps of a contraction.
    assert error(1e-9, solver) < 1e-7


def test_a_tighter_tolerance_is_closer():
    assert error(1e-10) < error(1e-7) / 100 < error(1e-4) / 1e4


def test_a_stiff_flow_needs_the_implicit_solver():
    def stiff(theta):
        return theta @ (jnp.array([0.1, 1.0, 1e6]) * theta) / 2

    implicit = gradient_flow(stiff, START, TIMES, solver="implicit", maximum_steps=2000)
    assert bool(implicit.completed)
    exact = np.asarray(START) * np.exp(-np.outer(TIMES, [0.1, 1.0, 1e6]))
    np.testing.assert_allclose(implicit.parameters, exact, atol=1e-6)
    # Stability bounds the explicit steps by a few 1e-6, so 2000 of them do not reach t = 4.
    assert not bool(gradient_flow(stiff, START, TIMES, maximum_steps=2000).completed)


def test_linear_networks_conserve_their_balance_along_the_flow():
    network = Network((4, 3, 2), identity, "standard")
    data = gaussian_teacher(jax.random.key(0), lambda x: jnp.array([x[0], x[1] + x[2]]), 20, 4)
    loss = partial(empirical_loss(partial(apply, network)), data=data)
    flow = gradient_flow(loss, initialize(network, jax.random.key(1)), jnp.array([0.0, 5.0]))
    first, second = (layer.weight for layer in flow.parameters)
    balance = jnp.einsum("tab,tcb->tac", first, first) - jnp.einsum("tba,tbc->tac", second, second)
    # W1 W1^T - W2^T W2 is exactly constant along the flow; the tolerance is 1e-8 a step.
    np.testing.assert_allclose(balance[1], balance[0], atol=1e-6)


def test_giving_up_is_a_value():
    flow = gradient_flow(quadratic, START, TIMES, maximum_steps=2)
    assert not bool(flow.completed)
    assert not np.isfinite(flow.parameters[-1]).any()


def test_a_tolerance_beyond_the_type_is_refused():
    with pytest.raises(ValueError, match="use float64"):
        gradient_flow(lambda theta: theta @ theta, jnp.ones(3, jnp.float32), TIMES.astype(jnp.float32))


def test_a_deep_plateau_is_crossed_in_few_implicit_steps():
    # Four layers of size a = 0.003: by da/dt = s a^3 the mode s = 2 waits for 1 / (2 s a^2) = 27,800
    # units of time, the mode s = 1 twice as long. Euler's step is at most 2 / (4 s^(3/2) s) = 0.2.
    target, size = jnp.diag(jnp.array([2.0, 1.0])), 0.003
    times = jnp.asarray(logarithmic_times(1e4, 1e5, 32))

    def loss(layers):
        return linear_loss(layers, jnp.eye(2), target)

    flow = gradient_flow(loss, (size * jnp.eye(2),) * 4, times, solver="implicit")
    assert bool(flow.completed)
    assert int(flow.steps) < 1e5 / 0.2 / 100
    losses = jax.vmap(loss)(flow.parameters)
    left = [float(times[int(jnp.argmax(losses < level))]) for level in (1.5, 0.25)]
    # Times on the grid have the ratio 1.08; the power law leaves out the last part of the rise.
    np.testing.assert_allclose(left, [1 / (4 * size**2), 1 / (2 * size**2)], rtol=0.09)


def test_recorded_times_are_ends_of_steps():
    # Interpolation between long steps would lose digits at times in between.
    flow = gradient_flow(quadratic, START, TIMES, relative_tolerance=1e-11, absolute_tolerance=1e-13)
    np.testing.assert_allclose(flow.parameters, EXACT, atol=1e-11)


def test_logarithmic_times_have_a_constant_ratio():
    assert logarithmic_times(1.0, 8.0, 4) == pytest.approx([0.0, 1.0, 2.0, 4.0, 8.0])
    with pytest.raises(ValueError, match="give 0 < first < last"):
        logarithmic_times(0.0, 1.0, 5)
