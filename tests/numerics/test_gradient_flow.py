from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from numerics.data import gaussian_teacher
from numerics.gradient_flow import gradient_flow
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
