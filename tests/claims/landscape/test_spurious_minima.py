"""Spurious minima: derivation, parameters, verdicts, and the networks by other means."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sympy import Rational

from proofs_checks import verify
from proofs_checks.certified_minima import relu, unit
from proofs_checks.precision import float64
from theory.certified_minima import separating
from theory.certified_minima.minimum import PRECISION, RADIUS
from theory.errors import InputError
from theory.landscape import spurious_minima as theorem
from theory.parameters import resolve

pytest.importorskip("flint", reason="python-flint is not installed: nothing can be certified here")

CERTIFICATE = {"radius": "1e-13", "precision": 120}


@pytest.mark.parametrize(
    "parameters",
    [{}, {"units": 8, "patterns": "four_inputs", "base": 16, "examples": 4, "far": "7", "inputs": 1}],
)
def test_derived(parameters):
    found = theorem.derivation(**resolve(theorem.PARAMETERS, parameters))
    assert found.status == "derived"
    assert found.counts["cited"] == 0


@pytest.mark.parametrize(
    "parameters",
    [{}, {"units": 7, "patterns": "four_inputs", "base": 32, "examples": 2, "far": "12", "inputs": 3}],
)
def test_judged_as_expected(parameters):
    verify("landscape.spurious_minima", seed=5, **parameters).raise_if_unexpected()


def test_least_squares_in_numpy():
    inputs = np.array([[0.0, 1], [0, 1], [1, 1], [4, 1]])
    solution = np.linalg.lstsq(inputs, np.array([-1.0, -1, 1, 1]), rcond=None)[0]
    assert float(theorem.output_at_one().subs(theorem.m, 1)) == pytest.approx(solution.sum(), abs=1e-14)
    assert theorem.output_at_one().subs(theorem.m, 1) == Rational(-5, 43)


def test_the_relu_minimum_by_another_minimizer():
    """BFGS in NumPy stops at slopes of 1e-5: with curvatures above .0047, at most 4e-7 above the minimum."""

    def kernel(w, v):
        lengths = np.linalg.norm(w) * np.linalg.norm(v)
        angle = np.arccos(np.clip(w @ v / lengths, -1, 1))
        return lengths * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi)

    def loss(flat):
        rows, teacher = flat.reshape(6, 6), np.eye(6)
        total = sum(kernel(w, v) for w in rows for v in rows) - 2 * sum(
            kernel(w, v) for w in rows for v in teacher
        )
        return (total + sum(kernel(w, v) for w in teacher for v in teacher)) / 2

    center = relu.weights(6, **CERTIFICATE)
    start = center.ravel() + 1e-3 * np.random.default_rng(0).normal(size=36)
    assert minimize(loss, start, method="BFGS", options={"maxiter": 60}).fun == pytest.approx(
        relu.predicted_loss(center), abs=4e-7
    )


def test_small_random_weights_of_the_tanh_unit_end_at_zero():
    data = unit.examples(theorem.single_units.SIX["three_inputs"])
    with float64():
        ends = [
            unit.descend(data, unit.TANH, 0.1 * np.random.default_rng(seed).normal(size=4), 0.05)
            for seed in range(5)
        ]
    assert all(np.abs(end.weights).max() < 1e-10 and abs(end.loss - 6) < 1e-12 for end in ends)


def test_no_weights_that_separate_are_as_good_as_the_minimum_that_errs():
    """On a grid of weights in NumPy, up to responses of 20, where tanh is 1 to rounding."""
    w, b = np.meshgrid(np.linspace(-10, 10, 801), np.linspace(-20, 20, 1601))
    x, t = np.array([0, 0, 1, 5, 5]), np.array([-1, -1, 1, 1, 1]) / 2
    responses = w[..., None] * x + b[..., None]
    loss = np.sum((np.tanh(responses) - t) ** 2, axis=-1)
    separates = np.all(responses * t > 0, axis=-1)
    best = np.unravel_index(np.argmin(loss), loss.shape)
    assert responses[best][2] < 0
    assert loss[separates].min() > 0.47
    found = separating.minimum(RADIUS, PRECISION)
    # The grid is 0.025 wide. The second derivative of (tanh z - t)^2 is 2 (1 - T^2) (1 - 3 T^2 + 2 t T),
    # below 2.2 for |t| = 1/2, and X^T X has an eigenvalue of 53.5: the curvature of the loss is below 118.
    assert 0 <= loss[best] - float(found.value.mid()) < 118 * 2 * 0.0125**2 / 2
    assert np.allclose(found.point, (w[best], b[best]), atol=0.025)


def test_several_inputs_have_the_minima_that_a_grid_finds():
    """On a grid of log w in NumPy, points below their eight neighbors: 9, each near a certified one."""

    def one(u):
        inputs = 8.0 ** np.arange(1, 4)
        outputs = 1 / (1 + np.exp(-np.exp(u)[:, None] * inputs))
        return ((outputs - 1 / (1 + np.exp(-1))) ** 2).sum(axis=1)

    u = np.arange(-4 * np.log(8), 0.0, 0.05)
    losses = one(u)[:, None] + one(u)
    inner = losses[1:-1, 1:-1]
    steps = [(i, j) for i in range(3) for j in range(3) if (i, j) != (1, 1)]
    around = [losses[i : i + len(u) - 2, j : j + len(u) - 2] for i, j in steps]
    grid = u[1:-1][np.argwhere(np.all([inner < other for other in around], axis=0))]
    found = np.array([each.point for each in theorem.single_units.axes_minima(8, 3, 2)])
    distances = np.abs(grid[:, None] - found).max(axis=2)
    assert distances.shape == (9, 9)
    assert (distances.min(axis=0) < 0.05).all()


def test_a_ratio_too_small_leaves_a_single_minimum():
    with pytest.raises(theorem.single_units.NotCertified):
        theorem.single_units.axes_minima(2, 3, 2)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"units": "5"}, "from 6 to 12"),
        ({"units": "13"}, "1 to 12"),
        ({"far": "3"}, "above 3"),
        ({"radius": "0"}, "above 0"),
        ({"precision": "20"}, "64"),
        ({"inputs": "4"}, "3"),
        ({"base": "4"}, "from 8"),
        ({"patterns": "five"}, "three_inputs"),
    ],
)
def test_what_the_theorem_does_not_allow_is_refused(given, text):
    with pytest.raises(InputError, match=text):
        resolve(theorem.PARAMETERS, given)
