"""Second derivatives against those of JAX, and critical points that are known beforehand."""

from itertools import pairwise

import jax
import numpy as np
import pytest

from numerics import linear_networks
from numerics.linear_second_derivatives import (
    Hessian,
    Problem,
    flat,
    gradient,
    newton,
    second_variation,
    shaped,
    silent_point,
    steepest_descent_direction,
)

WIDTHS = (3, 2, 4, 2)


def drawn(widths=WIDTHS, seed=0):
    random = np.random.default_rng(seed)
    layers = tuple(random.normal(size=(after, before)) for before, after in pairwise(widths))
    x, y = random.normal(size=(9, widths[0])), random.normal(size=(9, widths[-1]))
    return layers, x, y, Problem(x.T @ x, y.T @ x)


def diagonal_problem(values=(3.0, 2.0, 1.0), inputs=4):
    return Problem(None, np.eye(len(values), inputs) * np.array(values)[:, None])


def test_gradient_and_hessian_are_those_of_automatic_differentiation():
    layers, x, y, problem = drawn()

    def loss(vector):
        return linear_networks.loss(shaped_jax(vector), x, y)

    def shaped_jax(vector):
        ends = np.cumsum([layer.size for layer in layers])
        return tuple(
            vector[end - layer.size : end].reshape(layer.shape)
            for end, layer in zip(ends, layers, strict=True)
        )

    point = flat(layers)
    # Rounding only: entries are below 1e3, sums of a few dozen products.
    assert flat(gradient(problem, layers)) == pytest.approx(np.asarray(jax.grad(loss)(point)), abs=1e-10)
    assert np.allclose(Hessian(problem, layers).dense(), jax.hessian(loss)(point), rtol=0, atol=1e-10)


def test_second_variation_is_the_coefficient_of_the_square():
    layers, *_ = drawn()
    step = drawn(seed=1)[0]

    def product(t):
        moved = [layer + t * direction for layer, direction in zip(layers, step, strict=True)]
        return linear_networks.product(moved)

    # A cubic in t: its value at 0 and second difference with step 1 are exact but for rounding.
    assert np.allclose(second_variation(layers, step), (product(1) + product(-1) - 2 * product(0)) / 2)


@pytest.mark.parametrize("widths", [(4, 3, 3), (4, 3, 5, 3)])
def test_silent_point_is_critical_with_the_product_asked_for(widths):
    problem = diagonal_problem()
    layers = drawn(widths)[0]
    chosen = [0, 2]
    found = silent_point(layers, np.eye(3)[:, chosen], np.array([3.0, 1.0]), np.eye(4)[:, chosen])
    expected = np.zeros((3, 4))
    expected[0, 0], expected[2, 2] = 3, 1
    assert np.allclose(linear_networks.product(found), expected, atol=1e-12)
    assert np.linalg.norm(flat(gradient(problem, found))) < 1e-12


def test_newton_returns_to_the_saddle_it_was_pushed_from():
    problem = diagonal_problem()
    saddle = silent_point(drawn((4, 3, 3))[0], np.eye(3)[:, 1:2], np.array([2.0]), np.eye(4)[:, 1:2])
    push = 1e-3 * np.random.default_rng(3).normal(size=flat(saddle).size)
    found = newton(problem, shaped(flat(saddle) + push, saddle), 1e-12)
    assert found.converged
    assert np.allclose(linear_networks.product(found.layers), linear_networks.product(saddle), atol=1e-9)
    assert np.linalg.norm(flat(found.layers) - flat(saddle)) < 2 * np.linalg.norm(push)


def test_newton_says_when_it_ends_nowhere():
    layers, _, _, problem = drawn()
    assert not newton(problem, layers, 0.0).converged


@pytest.mark.parametrize("hidden", [2, 60])
def test_steepest_direction_of_the_origin_is_the_leading_mode(hidden):
    # At the origin of two layers the Hessian is [[0, -M], [-M^T, 0]]: the lowest eigenvalue is -s_1.
    origin = (np.zeros((hidden, 4)), np.zeros((3, hidden)))
    curvature, direction = steepest_descent_direction(diagonal_problem(), origin)
    assert curvature == pytest.approx(-3, rel=1e-4)
    assert np.linalg.norm(flat(direction)) == pytest.approx(1)
    assert second_variation(origin, direction)[0, 0] == pytest.approx(1 / 2, rel=1e-3)
