"""Homogeneous networks: derivation, the certificate by other means, verdicts, planted errors, bad input."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sympy import Eq

from proofs_checks import verify
from proofs_checks.claims.landscape.positive_homogeneity import claims
from proofs_checks.homogeneity import certificate, minima
from proofs_checks.precision import float64
from proofs_checks.profile import Profile
from theory.errors import InputError
from theory.landscape.positive_homogeneity import PARAMETERS, derivation
from theory.parameters import resolve
from theory.proving.outcome import Answer

DERIVATION = derivation()
CONCLUSION = DERIVATION.statement.conclusion.args


def test_only_the_global_certificate_is_cited():
    counts = DERIVATION.counts
    assert DERIVATION.status == "derived"
    assert (counts["cited"], counts["open"], counts["not run"]) == (1, 0, 0)


@pytest.mark.parametrize("position", range(len(CONCLUSION)))
def test_a_wrong_conclusion_is_refuted(position):
    row = next(row for row in DERIVATION.rows if row.relation == CONCLUSION[position])
    left, right = row.relation.args
    wrong = Eq(left, 2 * right, evaluate=False)
    assert row.method.discharge(wrong, DERIVATION.statement.domain).answer is Answer.NO


def test_other_depths_are_derived():
    assert derivation((4, 5, 5, 5, 1)).status == "derived"


def test_the_polar_on_the_circle_against_a_fine_grid():
    """With Lipschitz constant |r| |X| the grid misses the maximum by that times half a step."""
    random = np.random.default_rng(0)
    angles = np.linspace(0, 2 * np.pi, 400_001)
    directions = np.stack([np.cos(angles), np.sin(angles)])
    for _ in range(20):
        inputs, residual = random.normal(size=(9, 2)), random.normal(size=9)
        grid = np.max(np.abs(residual @ np.maximum(inputs @ directions, 0)))
        direction, found = certificate.steepest(inputs, residual)
        slack = np.linalg.norm(residual) * np.linalg.norm(inputs) * np.pi / 400_000
        assert grid * (1 - 1e-14) <= abs(found) <= grid + slack
        assert np.linalg.norm(direction) == pytest.approx(1, abs=1e-15)


def _problem(seed):
    random = np.random.default_rng(seed)
    inputs = np.concatenate([random.normal(size=(9, 1)), np.ones((9, 1))], axis=1)
    return random, inputs, random.normal(size=9)


def _loss(first, second, inputs, targets, decay):
    outputs = np.maximum(inputs @ first.T, 0) @ second
    return (np.sum((targets - outputs) ** 2) + decay * (np.sum(first**2) + np.sum(second**2))) / 2


def test_the_certificate_never_promises_too_much():
    """No network of three units found by quasi-Newton steps from many starts beats the dual value."""
    random, inputs, targets = _problem(1)

    def objective(weights):
        return _loss(weights[:6].reshape(3, 2), weights[6:], inputs, targets, 0.2)

    best = min(minimize(objective, random.normal(size=9)).fun for _ in range(20))
    for _ in range(50):
        first, second = random.normal(size=(5, 2)), random.normal(size=5)
        share = certificate.certified(first, second, inputs, targets, 0.2)
        assert _loss(first, second, inputs, targets, 0.2) * (1 - share) <= best


def test_refitted_sizes_against_the_conditions_of_their_minimum():
    """The slope in c is 0 where c > 0, else not negative; rounding is that of 9 examples."""
    random = np.random.default_rng(3)
    for decay in (0.02, 0.5):
        features, targets = np.maximum(random.normal(size=(9, 30)), 0), random.normal(size=9)
        sizes = certificate.refitted(features, targets, decay)
        slopes = decay - features.T @ (targets - features @ sizes)
        assert np.min(sizes) >= 0 < np.max(sizes)
        assert np.max(np.abs(slopes[sizes > 0])) <= 1e-12
        assert np.min(slopes) >= -1e-12


@pytest.mark.parametrize("decay", [0.02, 0.1, 0.5])
def test_a_finished_network_beats_trained_ones(decay):
    """Its loss is below what quasi-Newton steps on eight units find, and what the certificate allows."""
    random, inputs, targets = _problem(2)
    start = random.normal(size=(8, 2)), random.normal(size=8)
    first, second = certificate.finished(*start, inputs, targets, decay)
    found = _loss(first, second, inputs, targets, decay)

    def objective(weights):
        return _loss(weights[:16].reshape(8, 2), weights[16:], inputs, targets, decay)

    assert found <= minimize(objective, np.concatenate([start[0].ravel(), start[1]])).fun
    assert certificate.certified(first, second, inputs, targets, decay) <= 2 * certificate.TIGHT
    assert len(first) <= len(targets)


def test_a_network_may_be_finished_from_nothing():
    _, inputs, targets = _problem(4)
    first, second = certificate.finished(np.zeros((3, 2)), np.zeros(3), inputs, targets, 0.1)
    assert len(first) > 0
    assert certificate.certified(first, second, inputs, targets, 0.1) <= 2 * certificate.TIGHT


def test_training_that_diverges_is_no_result(monkeypatch):
    monkeypatch.setattr(minima, "STEP", 1.0)
    minima._descent.cache_clear()  # the step is compiled
    try:
        with float64(), pytest.raises(FloatingPointError, match="too long"):
            minima.factor_gap(0, units=40, decay=0.5)
    finally:
        minima._descent.cache_clear()


@pytest.mark.parametrize("parameters", [{}, {"widths": "2,5,1", "weight_decay": "1/50"}])
def test_judged_as_expected(parameters):
    verify("landscape.positive_homogeneity", seed=7, **parameters).raise_if_unexpected()


@pytest.mark.parametrize("name", ["degree of every layer", "every step of every unit", "what 200 steps keep"])
def test_planted_errors_are_seen(name):
    claim = next(one for one in claims(Profile("quick")) if one.name == name)
    form, point = claim.closed_forms[0], claim.grid[1]
    with float64():
        right = claim.experiment.function(5, **point.parameters)
        wrong = form.restate(form.expression * 2).experiment.function(5, **point.parameters)
    assert np.max(np.abs(right)) <= 1 < np.max(np.abs(wrong))


def test_a_planted_ratio_is_seen():
    claim = next(one for one in claims(Profile("quick")) if one.name == "balance after training")
    form, point = claim.closed_forms[0], claim.grid[2]
    wrong = form.restate(1 / form.expression).grid[2]
    with float64():
        ratio, _ = claim.experiment.function(5, **point.parameters)
    assert abs(ratio - point.predicted[0]) <= point.margin[0]
    assert abs(ratio - wrong.predicted[0]) > wrong.margin[0]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"widths": "3,4"}, "widths"),
        ({"widths": "3,4,2"}, "one output"),
        ({"weight_decay": "0"}, "1/50 to 1/2"),
        ({"weight_decay": "3/5"}, "1/50 to 1/2"),
    ],
)
def test_bad_parameters_are_refused(given, text):
    with pytest.raises(InputError, match=text):
        resolve(PARAMETERS, given)
