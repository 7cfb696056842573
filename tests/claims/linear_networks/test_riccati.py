"""The matrix solution: derived for every size, checked by other routes, judged as expected."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from sympy import Eq

from proofs_checks import verify
from proofs_checks.claims.linear_networks.riccati import claims
from proofs_checks.judge import judge
from proofs_checks.linear_dynamics import matrix_trial as trial
from proofs_checks.linear_dynamics import networks
from proofs_checks.precision import float64
from proofs_checks.profile import Profile
from proofs_checks.store import open_store
from theory.errors import InputError
from theory.linear_dynamics import letters as w
from theory.linear_dynamics.letters import balanced_pair
from theory.linear_dynamics.matrix_rows import GAIN, GROWTH, RATE, words
from theory.linear_networks.riccati import PARAMETERS, derivation
from theory.parameters import resolve
from theory.proving.matrix_words import MatrixWords
from theory.proving.outcome import Answer

DERIVATION = derivation()
WORD_ROWS = [row for row in DERIVATION.rows if isinstance(row.method, MatrixWords)]
SIGNED_ROWS = [row for row in WORD_ROWS if not getattr(row.relation.args[1], "is_ZeroMatrix", False)]


def test_no_open_row_and_the_conclusion_is_reached():
    assert DERIVATION.status == "derived"
    assert DERIVATION.counts["open"] == DERIVATION.counts["not run"] == 0
    # Uniqueness of the solution of an equation, and Gronwall's inequality.
    assert DERIVATION.counts["cited"] == 2


@pytest.mark.parametrize("position", range(len(SIGNED_ROWS)))
def test_planted_errors_in_word_rows_are_refuted(position):
    row = SIGNED_ROWS[position]
    left, right = row.relation.args
    for wrong in (-right, 2 * right):
        assert row.method.discharge(Eq(left, wrong, evaluate=False), None).answer is Answer.NO


@pytest.mark.parametrize(
    "relation",
    [
        # A lost factor 1/2, a factor 2 too many, and growth without saturation.
        Eq(w.STACKED_VELOCITY, w.GENERATOR * w.STACKED - w.STACKED * w.STACKED.T * w.STACKED, evaluate=False),
        Eq(w.M_dot, w.F * w.M + w.M * w.F - 2 * w.M * w.M, evaluate=False),
        Eq(w.P_dot, w.F * w.P + w.P * w.F, evaluate=False),
    ],
)
def test_wrong_equations_are_refuted(relation):
    assert words(*w.FLOW, w.BALANCED).discharge(relation, None).answer is Answer.NO


def test_without_balance_the_equation_is_not_shown():
    row = next(row for row in WORD_ROWS if row.relation.args[0] == w.STACKED_VELOCITY)
    assert words(*w.FLOW).discharge(row.relation, None).answer is not Answer.YES


def test_without_white_inputs_the_gradient_is_not_shown():
    row = next(row for row in WORD_ROWS if row.reason.startswith("matrix calculus"))
    assert words(w.WHITE[1]).discharge(row.relation, None).answer is not Answer.YES


@pytest.mark.parametrize("level", [-1, 0, 2])
def test_instances_are_balanced(level):
    first, second = (np.array(x.to_list(), dtype=float) for x in balanced_pair(Random(3), (3, 2, 4), level))
    np.testing.assert_allclose(second.T @ second - first @ first.T, level * np.eye(2), atol=1e-12)


@pytest.mark.parametrize("balance", [0.0, 0.7, -0.4])
def test_closed_form_vs_layers_integrated_by_another_solver(balance):
    random = np.random.default_rng(5)
    data = networks.problem(random, (4, 3, 5), trial.LEVELS)
    start = networks.balanced_pair(random, (4, 3, 5), balance)

    def slope(_, theta):
        first, second = theta[:12].reshape(3, 4), theta[12:].reshape(5, 3)
        residual = data.cross - second @ first
        return np.concatenate([(second.T @ residual).ravel(), (residual @ first.T).ravel()])

    begin = np.concatenate([layer.ravel() for layer in start])
    end = solve_ivp(slope, (0, 1.5), begin, method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
    expected = end[12:].reshape(5, 3) @ end[:12].reshape(3, 4)
    np.testing.assert_allclose(trial.network_at(data, balance, start, 1.5), expected, atol=1e-10)
    with float64():
        (found,) = trial.closed_form(trial.generator(data, balance), trial.stacked(start), (1.5,))
    # Eigenvalues 0 are taken as limits, to 1e-10.
    np.testing.assert_allclose(found[4:, :4], expected, atol=1e-8)


def test_functions_of_the_generator_vs_the_matrix_exponential():
    data = networks.problem(np.random.default_rng(2), (3, 2, 3), (2.0, 1.0, 0.4))
    F = trial.generator(data, 0.0)
    rates, basis = np.linalg.eigh(F)
    with float64():
        (grown,), (gain,) = trial.along(GROWTH, rates, (0.8,)), trial.along(GAIN, rates, (0.8,))
    np.testing.assert_allclose(basis * grown @ basis.T, expm(0.8 * F), atol=1e-12)
    resolvent = (expm(1.6 * F) - np.eye(6)) @ np.linalg.inv(2 * F)
    np.testing.assert_allclose(basis * gain @ basis.T, resolvent, atol=1e-12)


@pytest.mark.parametrize(
    "given", [{"balance": "5"}, {"balance": "x"}, {"widths": "3,2"}, {"widths": "3,0,2"}]
)
def test_bad_parameters_are_refused(given):
    with pytest.raises(InputError):
        resolve(PARAMETERS, given)


def test_weights_that_cannot_exist_are_refused():
    with pytest.raises(InputError, match="no such weights exist"):
        derivation((4, 6, 5), 1)
    assert derivation((4, 6, 5), 0).statement
    assert derivation((7, 6, 5), -1).statement


@pytest.mark.parametrize("widths", [(1, 1, 1), (2, 3, 7), (7, 2, 3)])
def test_claims_hold_at_other_widths(widths):
    claim = next(claim for claim in claims(Profile("quick"), widths, 0) if not claim.control)
    assert outcome(replace(claim, seeds=1)) == "supported"


def outcome(claim):
    with open_store(None) as store:
        return judge(claim, theorem="tests", store=store, seed=5).verdict.outcome


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("growth", GROWTH.subs(RATE, -RATE)), ("gain", 2 * GAIN)],
)
def test_planted_errors_in_closed_forms_are_refuted(name, wrong):
    forms = {form.name: form for claim in claims(Profile("quick")) for form in claim.closed_forms}
    assert outcome(forms[name].restate(wrong)) == "refuted"


def test_verdicts_are_as_expected_and_controls_fail_for_their_reason():
    report = verify("linear_networks.riccati", profile="quick", seed=3)
    found = {one["name"]: one for one in report.to_dict()["theorems"][0]["claims"]}
    assert report.as_expected
    # The faults are of order one, the unit of the order of the solver's error.
    assert all(one["estimate"] > 1e5 for one in found.values() if one["control"])
