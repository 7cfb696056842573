"""Bottlenecks and arbitrary losses: derivation, the point by other means, verdicts, planted errors."""

import numpy as np
import pytest
from sympy import Eq, Rational

from proofs_checks import verify
from proofs_checks.claims.linear_networks.arbitrary_loss import claims
from proofs_checks.linear_minima import weighted
from proofs_checks.precision import float64
from proofs_checks.profile import Profile
from theory.errors import InputError
from theory.linear_networks import arbitrary_loss as theorem
from theory.parameters import resolve
from theory.proving.identity import Identity
from theory.proving.outcome import Answer

DERIVATION = theorem.derivation()
IDENTITIES = [row for row in DERIVATION.rows if isinstance(row.method, Identity)]
SETTING = {"values": [1.0, 0.9], "weight": 3.0}


def test_only_the_theorem_for_wide_layers_is_cited():
    counts = DERIVATION.counts
    assert DERIVATION.status == "derived"
    assert (counts["cited"], counts["open"], counts["not run"]) == (1, 0, 0)


@pytest.mark.parametrize("position", range(len(IDENTITIES)))
def test_a_wrong_right_hand_side_is_refuted(position):
    row = IDENTITIES[position]
    wrong = Eq(row.relation.lhs, row.relation.rhs + theorem.s_1, evaluate=False)
    assert row.method.discharge(wrong, DERIVATION.statement.domain).answer is Answer.NO


def test_the_point_by_finite_differences():
    """Central differences of the loss in NumPy: slopes 0 and curvatures omega s_2 -+ s_1, 2 s_2, 0."""

    def loss(x):
        product = np.outer(x[:2], x[2:])
        return np.sum(np.array([[1, 3], [3, 1]]) * (product - np.diag([1, 0.9])) ** 2) / 2

    point, step, unit = np.array([0, 0.9**0.5, 0, 0.9**0.5]), 1e-4, np.eye(4)
    slopes = [(loss(point + step * e) - loss(point - step * e)) / (2 * step) for e in unit]
    np.testing.assert_allclose(slopes, 0, atol=1e-7)  # step^2 times third derivatives
    corners = [
        [sum(a * b * loss(point + step * (a * e + b * f)) for a in (1, -1) for b in (1, -1)) for e in unit]
        for f in unit
    ]
    found = np.linalg.eigvalsh(np.array(corners) / (4 * step**2))
    np.testing.assert_allclose(found, [0, 1.7, 1.8, 3.7], atol=1e-6)  # rounding u / step^2, and step^2
    assert loss(point) == pytest.approx(0.5, abs=1e-15)


@pytest.mark.parametrize("parameters", [{}, {"singular_values": "10,6", "weight": "5/2"}])
def test_judged_as_expected(parameters):
    verify("linear_networks.arbitrary_loss", seed=3, **parameters).raise_if_unexpected()


def test_both_minima_are_found_from_random_weights():
    """About half of the networks end at each: 16 on one side only have probability 2^-15."""
    with float64():
        start = [_random_end(seed) for seed in range(16)]
    assert {round(loss, 6) for loss in start} == {0.5, 0.405}


def _random_end(seed):
    problem = weighted.Problem((1.0, 0.9), 3.0)
    random = np.random.default_rng(seed)
    layers = tuple(random.normal(scale=weighted.START, size=shape) for shape in ((1, 2), (2, 1)))
    return weighted._ended(problem, layers).loss


@pytest.mark.parametrize("name", ["curvatures at the point", "trapped"])
def test_planted_errors_are_seen(name):
    claim = next(one for one in claims(Profile("quick")) if one.name == name)
    form = claim.closed_forms[0]
    with float64():
        right = claim.experiment.function(5, **claim.grid[0].parameters)
        wrong = form.restate(form.expression * Rational(101, 100)).experiment.function(
            5, **claim.grid[0].parameters
        )
    assert np.max(np.abs(right)) <= 1 < np.max(np.abs(wrong))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"weight": "1"}, "saddle"),
        ({"singular_values": "1,1"}, "two numbers"),
        ({"singular_values": "1"}, "two numbers"),
        ({"weight": "-3"}, "above 0"),
    ],
)
def test_what_breaks_a_hypothesis_is_refused(given, text):
    with pytest.raises(InputError, match=text):
        theorem.statement(**resolve(theorem.PARAMETERS, given))


@pytest.mark.parametrize("given", [("1", "999/1000", "2"), ("1", "1/2", "201/100")])
def test_what_takes_too_long_is_refused(given):
    larger, smaller, weight = map(Rational, given)
    with pytest.raises(InputError, match="farther apart"):
        claims(Profile("quick"), (larger, smaller), weight)


def test_hypotheses_hold_in_the_instance():
    statement = theorem.statement()
    assert all(one.satisfied_by(statement.instance) for one in statement.hypotheses)
    flat = {**statement.instance, theorem.omega: Rational(1)}
    assert not all(one.satisfied_by(flat) for one in statement.hypotheses)


def test_a_problem_keeps_the_hypotheses():
    for seed in range(20):
        problem = weighted.Problem.near(seed, (1.0, 0.9), 3.0)
        assert problem.weight * problem.values[1] > problem.values[0] > problem.values[1]
