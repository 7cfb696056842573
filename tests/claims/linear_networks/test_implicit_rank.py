"""Singular values of deep factorization: derivation, planted errors, measurement and controls."""

import random

import numpy as np
import pytest
from sympy import Abs, Eq, Rational, oo

from proofs_checks import verify
from proofs_checks.claims.linear_networks.implicit_rank import claims
from proofs_checks.judge import judge
from proofs_checks.linear_flow import common, exact, spectrum, training
from proofs_checks.linear_flow.training import Setting, Start
from proofs_checks.precision import float64
from proofs_checks.profile import Profile
from proofs_checks.store import open_store
from theory.derivation import check
from theory.errors import InputError
from theory.linear_flow.singular_values import potential, sigma, singular_value, size, slope, velocity
from theory.linear_networks.implicit_rank import PARAMETERS, derivation
from theory.parameters import resolve
from theory.proving.consequence import Consequence
from theory.proving.matrix_words import MatrixWords
from theory.proving.outcome import Answer, Status

WIDTHS = (5, 4, 5, 4)
DERIVATION = derivation()
WORD_ROWS = [row for row in DERIVATION.rows if isinstance(row.method, MatrixWords)]


@pytest.mark.parametrize("widths", [WIDTHS, (1, 1, 1), (2, 3, 2, 1, 4)])
def test_derived_at_every_depth(widths):
    found = derivation(widths)
    assert found.status == "derived"
    assert found.counts["cited"] == 1  # the preconditioned flow, which is derived itself


@pytest.mark.parametrize("position", range(len(WORD_ROWS)))
def test_planted_errors_in_word_rows_are_refuted(position):
    row = WORD_ROWS[position]
    left, right = row.relation.args
    for wrong in (-right, 2 * right):
        assert row.method.discharge(Eq(left, wrong, evaluate=False), None).answer is Answer.NO


def test_turning_vectors_matter_where_they_do_not_keep_their_length():
    letters = singular_value(3)
    row = WORD_ROWS[0]
    kept = tuple(rule for rule in letters.singular if letters.turning[0] not in rule.free_symbols)
    assert MatrixWords(letters.instance, kept).discharge(row.relation, None).answer is not Answer.YES


def test_another_exponent_does_not_follow():
    row = next(row for row in DERIVATION.rows if isinstance(row.method, Consequence))
    assert check(row).status is Status.PROVED
    for wrong in (-3 * Abs(sigma) * slope, -3 * sigma ** Rational(4, 3) * slope, velocity(2)):
        assert (
            row.method.discharge(Eq(row.relation.lhs, wrong, evaluate=False), None).answer is not Answer.YES
        )


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_the_potential_is_infinite_at_zero(depth):
    assert potential(depth).limit(size, 0, "+") == -oo
    # Two layers: log; deeper ones reach a given value from smaller ones ever later.
    assert potential(depth).diff(size).subs(size, Rational(1, 4)) == 4 ** (2 - Rational(2, depth))


def test_scalar_flow_of_three_layers_by_its_own_solution():
    # The loss -w: sigma' = 3 sigma^{4/3}, so sigma = (sigma_0^{-1/3} - t)^{-3}.
    start, time = 0.125, 0.5
    reached = (start ** (-1 / 3) - time) ** -3
    grown = float(potential(3).subs(size, reached) - potential(3).subs(size, start))
    assert grown == pytest.approx(3 * time, rel=1e-12)


def test_extrapolation_removes_powers_one_by_one():
    values = [np.array([2.0 + 3 * h - h**2 + 5 * h**3, 1.0 - h]) for h in (0.4, 0.2, 0.1, 0.05)]
    assert common.extrapolated(values) == pytest.approx([2, 1], rel=1e-13)


def test_idle_units_leave_the_product_as_it_is():
    plain, other = (
        training.problem(np.random.default_rng(0), WIDTHS, Start(True, rank=2, idle=idle))[0]
        for idle in (0.0, 0.5)
    )
    products = [layers[2] @ layers[1] @ layers[0] for layers in (plain, other)]
    assert np.allclose(*products, rtol=0, atol=1e-15)
    assert np.linalg.matrix_rank(plain[0]) == 2
    assert np.linalg.matrix_rank(other[0]) == 4


def test_completion_sees_only_the_entries_with_a_weight():
    _, task = training.problem(np.random.default_rng(1), WIDTHS, Start(True, completion=True))
    W = np.random.default_rng(2).normal(size=(4, 5))
    expected = (task.weights[:5] * (W.T - task.targets[:5])).T
    assert np.array_equal(training.product_gradient(W, task, False), expected)
    assert 0 < task.weights[:5].sum() < 20


def test_gradients_of_a_stack_are_those_of_its_products():
    _, task = training.problem(np.random.default_rng(3), WIDTHS)
    stack = np.random.default_rng(4).normal(size=(3, 4, 5))
    for logistic in (False, True):
        found = training.product_gradient(stack, task, logistic)
        for one, W in zip(found, stack, strict=True):
            assert np.allclose(one, training.product_gradient(W, task, logistic), rtol=0, atol=1e-14)


def test_trained_singular_values_move_at_their_rate():
    # Difference quotients of one step: first order, with singular vectors that NumPy gives.
    given = Setting(1e-5, (0.0,) * 3)
    with float64():
        course = spectrum._course(5, WIDTHS, given, Start(True, completion=True), 1)
    moved = (course.values[1] - course.values[0]) / 1e-5
    expected = -3 * course.values[0] ** (4 / 3) * course.slopes[0]
    # Second order in the step, over gaps of singular values of a tenth.
    assert np.allclose(moved, expected, rtol=0, atol=1e-3)
    assert np.abs(expected).max() > 0.01


def test_exact_singular_values_need_balance_and_their_own_depth():
    case = {"widths": [3, 2, 3, 2], "loss": "quartic"}
    assert exact.singular_mismatches(1, **case) == 0
    assert exact.singular_mismatches(1, **case, stretch="3/2") == 2
    assert exact.singular_mismatches(1, **case, form=velocity(2)) == 2


def test_verdicts_are_as_expected_and_controls_fail_by_far():
    report = verify("linear_networks.implicit_rank", profile="quick", seed=3)
    found = {one["name"]: one for one in report.to_dict()["theorems"][0]["claims"]}
    assert report.as_expected
    assert found["idle units"]["estimate"] > 1e3
    for name in ("training out of balance", "another depth"):
        assert max(map(abs, found[name]["estimate"])) > 1e-2
    assert max(map(abs, found["singular values in training"]["estimate"])) < 2e-5


@pytest.mark.parametrize("given", [{"widths": "3,3,3", "step_size": "1/10"}, {"widths": "1,1,1,1"}])
def test_other_parameters_are_judged_as_expected(given):
    verify("linear_networks.implicit_rank", profile="quick", seed=4, **given).raise_if_unexpected()


@pytest.mark.parametrize("given", [{"widths": "3,2"}, {"widths": "3,-2,1"}, {"step_size": "-1"}])
def test_bad_parameters_are_refused(given):
    with pytest.raises(InputError):
        resolve(PARAMETERS, given)


CHALLENGED = [(claim, form) for claim in claims(Profile("quick")) for form in claim.closed_forms]


@pytest.mark.parametrize(("claim", "form"), CHALLENGED, ids=[claim.name for claim, _ in CHALLENGED])
def test_a_form_off_by_a_hundredth_is_refuted(claim, form):
    with open_store(None) as store, float64():
        judged = judge(
            form.restate(form.expression * Rational(101, 100)), theorem="tests", store=store, seed=5
        )
        assert judged.verdict.outcome == "refuted"
    for sample in form.regimes.values():
        assert form.expression.free_symbols <= set(sample(random.Random(0)))
