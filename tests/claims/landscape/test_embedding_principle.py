"""The embedding principle: derivation, critical points and Hessians by other means, verdicts, parameters."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sympy import Eq, Rational, tanh

from proofs_checks import verify
from proofs_checks.certified_minima import embedding
from proofs_checks.precision import float64
from theory.certified_minima import fukumizu_amari
from theory.errors import InputError
from theory.landscape import embedding_principle as theorem
from theory.parameters import resolve
from theory.proving.identity import Identity
from theory.proving.outcome import Answer

pytest.importorskip("flint", reason="python-flint is not installed: nothing can be certified here")

DERIVATION = theorem.derivation()
IDENTITIES = [row for row in DERIVATION.rows if isinstance(row.method, Identity)]


def test_derived():
    assert DERIVATION.status == "derived"
    assert DERIVATION.counts["cited"] == 0


@pytest.mark.parametrize("position", range(len(IDENTITIES)))
def test_a_wrong_right_hand_side_is_refuted(position):
    row = IDENTITIES[position]
    wrong = Eq(row.relation.lhs, row.relation.rhs + theorem.p**2, evaluate=False)
    assert row.method.discharge(wrong, row.domain).answer is Answer.NO


@pytest.mark.parametrize("parameters", [{}, {"points": 10, "steepness": 4, "share": "2"}])
def test_judged_as_expected(parameters):
    verify("landscape.embedding_principle", seed=3, **parameters).raise_if_unexpected()


def test_a_made_critical_point_is_critical():
    """Central differences of the loss in NumPy, step 1e-6: errors of order 1e-12 times third derivatives, and
    rounding u L / step of order 1e-9."""
    point = embedding.critical(np.random.default_rng(1))

    def loss(flat):
        weights, outputs = flat[:6].reshape(2, 3), flat[6:]
        return np.sum((np.tanh(point.inputs @ weights.T) @ outputs - point.targets) ** 2) / 2

    flat = np.array([*point.weights.ravel(), *point.outputs])
    slopes = [(loss(flat + 1e-6 * e) - loss(flat - 1e-6 * e)) / 2e-6 for e in np.eye(8)]
    np.testing.assert_allclose(slopes, 0, atol=1e-7)
    assert loss(flat) > 1


def test_bending_by_differences():
    """B is the second difference of the loss where only the output of the last unit bends."""
    point = embedding.critical(np.random.default_rng(2))
    direction, step = np.array([0.3, -1.0, 0.5]), 1e-4

    def output(t):
        return point.outputs[-1] * np.tanh(point.inputs @ (point.weights[-1] + t * direction))

    second = (output(step) - 2 * output(0) + output(-step)) / step**2
    found = direction @ point.bending @ direction
    assert found == pytest.approx(point.residual @ second, abs=1e-5)  # u / step^2 = 1e-8, times 30 residuals


def test_the_certified_unit_by_another_minimizer():
    x = np.linspace(-2, 2, 30)
    y = np.tanh(x) + np.tanh(6 * x)
    best = minimize(lambda t: np.sum((t[1] * np.tanh(t[0] * x) - y) ** 2) / 2, [1.0, 1.0], tol=1e-10)
    found = fukumizu_amari.minimum(30, 6)
    np.testing.assert_allclose(
        best.x, found.point, atol=1e-5
    )  # slopes of 1e-8 by differences, curvature 0.37
    assert best.fun == pytest.approx(float(found.value.mid()), abs=1e-9)
    # The published prototype has the mean: 0.0049036.
    assert float(found.value.mid()) / 30 == pytest.approx(0.0049036, abs=5e-8)


def test_two_units_reach_zero():
    x = fukumizu_amari.places(30)[3]
    assert fukumizu_amari.target(x, 6) - tanh(x) - tanh(6 * x) == 0


def test_a_share_between_0_and_1_is_left():
    setting = {"points": 30, "steepness": 6, "radius": "1e-13", "precision": 120}
    with float64():
        kept = embedding.line_residual(0, share=1.5, **setting)
        left = embedding.line_residual(0, share=0.5, **setting)
    assert abs(kept) <= 1 < -left


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"points": "11"}, "even"),
        ({"points": "32"}, "1 to 30"),
        ({"steepness": "2"}, "from 4 to 8"),
        ({"share": "1/2"}, "saddle"),
        ({"radius": "1"}, "at most"),
        ({"precision": "10"}, "64"),
    ],
)
def test_what_the_theorem_does_not_allow_is_refused(given, text):
    with pytest.raises(InputError, match=text):
        resolve(theorem.PARAMETERS, given)


def test_hypotheses_can_fail():
    statement = theorem.statement()
    broken = {**statement.instance, theorem.a: Rational(0)}
    assert not all(one.satisfied_by(broken) for one in statement.hypotheses)
