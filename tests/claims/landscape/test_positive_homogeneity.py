"""Homogeneous networks: derivation, the certificate by other means, verdicts, planted errors, bad input."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sympy import Eq

from proofs_checks import verify
from proofs_checks.claims.landscape.positive_homogeneity import claims
from proofs_checks.homogeneity import networks
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
        found = networks.circle_polar(inputs, residual)
        slack = np.linalg.norm(residual) * np.linalg.norm(inputs) * np.pi / 400_000
        assert grid * (1 - 1e-14) <= found <= grid + slack


def test_the_certificate_never_promises_too_much():
    """No network of three units found by quasi-Newton steps from many starts beats the dual value."""
    random = np.random.default_rng(1)
    inputs = np.concatenate([random.normal(size=(9, 1)), np.ones((9, 1))], axis=1)
    targets, decay = random.normal(size=9), 0.2

    def objective(weights):
        first, second = weights[:6].reshape(3, 2), weights[6:]
        outputs = np.maximum(inputs @ first.T, 0) @ second
        return (np.sum((targets - outputs) ** 2) + decay * np.sum(weights**2)) / 2

    best = min(minimize(objective, random.normal(size=9)).fun for _ in range(20))
    for _ in range(50):
        outputs = random.normal(size=9)
        polar = networks.circle_polar(inputs, targets - outputs)
        gap = networks._gap(targets, outputs, 0.0, decay, polar)
        primal = np.sum((targets - outputs) ** 2) / 2
        assert primal * (1 - gap) <= best


@pytest.mark.parametrize("parameters", [{}, {"widths": "2,5,1", "weight_decay": "1/5"}])
def test_judged_as_expected(parameters):
    verify("landscape.positive_homogeneity", seed=7, **parameters).raise_if_unexpected()


@pytest.mark.parametrize("name", ["degree of every layer", "every step of every unit"])
def test_planted_errors_are_seen(name):
    claim = next(one for one in claims(Profile("quick")) if one.name == name)
    form, point = claim.closed_forms[0], claim.grid[1]
    with float64():
        right = claim.experiment.function(5, **point.parameters)
        wrong = form.restate(form.expression * 2).experiment.function(5, **point.parameters)
    assert np.max(np.abs(right)) <= 1 < np.max(np.abs(wrong))


@pytest.mark.parametrize(
    ("given", "text"),
    [({"widths": "3,4"}, "widths"), ({"widths": "3,4,2"}, "one output"), ({"weight_decay": "0"}, "above 0")],
)
def test_bad_parameters_are_refused(given, text):
    with pytest.raises(InputError, match=text):
        resolve(PARAMETERS, given)
