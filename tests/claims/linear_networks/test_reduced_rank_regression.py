"""Reduced-rank regression: derivation, the minimum by other means, verdicts, planted errors."""

import numpy as np
import pytest
import scipy.linalg
from sympy import And, Eq, Rational

from proofs_checks import verify
from proofs_checks.claims.linear_networks.reduced_rank_regression import DIABETES, claims
from proofs_checks.linear_minima import regression
from proofs_checks.precision import float64
from proofs_checks.profile import Profile
from theory.errors import InputError
from theory.linear_minima import regression_rows
from theory.linear_networks import reduced_rank_regression as theorem
from theory.parameters import resolve
from theory.proving.identity import Identity
from theory.proving.matrix_words import MatrixWords
from theory.proving.outcome import Answer

DERIVATION = theorem.derivation()
WORDS = [row for row in regression_rows.excess_rows() if isinstance(row.method, MatrixWords)]
WIDTHS = (5, 2, 4)


@pytest.mark.parametrize("widths", [(5, 2, 4), (1, 1, 1), (2, 5, 3), (4, 3, 2, 5)])
def test_every_row_is_discharged(widths):
    derivation = theorem.derivation(widths)
    assert derivation.status == "derived"
    assert (derivation.counts["open"], derivation.counts["not run"]) == (0, 0)


@pytest.mark.parametrize("position", range(len(WORDS)))
def test_a_wrong_right_hand_side_stays_open(position):
    row = WORDS[position]
    wrong = Eq(row.relation.lhs, 2 * row.relation.rhs, evaluate=False)
    assert row.method.discharge(wrong, None).answer is not Answer.YES


def test_a_wrong_sum_of_misses_is_refuted():
    row = regression_rows.bound_row(theorem.eigenvalues(WIDTHS), theorem.shares(WIDTHS), 2)
    wrong = regression_rows.bound_row(theorem.eigenvalues(WIDTHS), theorem.shares(WIDTHS), 1).relation.rhs
    changed = Eq(row.relation.lhs, wrong, evaluate=False)
    assert Identity().discharge(changed, DERIVATION.statement.domain).answer is Answer.NO


def test_the_minimum_is_that_of_the_generalized_eigenproblem():
    """Eigenvalues of the pencil (Sigma_XY Sigma_YX, Sigma_XX) by scipy.linalg.eigh, without whitening."""
    problem = regression.Problem.random(np.random.default_rng(1), WIDTHS)
    cross, moment = problem.targets.T @ problem.inputs, problem.inputs.T @ problem.inputs
    levels = scipy.linalg.eigh(cross.T @ cross, moment, eigvals_only=True)[::-1][:4]
    np.testing.assert_allclose(levels, problem.levels**2, rtol=1e-12)  # condition numbers are below 2
    left = float(np.sum(problem.targets**2) - levels[0] - levels[1]) / 2
    assert regression._minimum(problem, 2, WIDTHS, theorem.minimum(WIDTHS)) == pytest.approx(left, rel=1e-12)


def test_no_product_of_low_rank_is_better():
    """Least squares onto 2,000 random subspaces of dimension 2, some near the best, stays above."""
    random = np.random.default_rng(2)
    problem = regression.Problem.random(random, WIDTHS)
    minimum = regression._minimum(problem, 2, WIDTHS, None)
    fit = np.linalg.lstsq(problem.inputs, problem.targets, rcond=None)[0]
    losses = []
    for radius in np.repeat([0.0, 1e-3, 0.1, 10.0], 500):
        frame = np.linalg.qr(problem.basis[:, :2] + radius * random.normal(size=(4, 2)))[0]
        losses.append(np.sum((problem.targets - problem.inputs @ fit @ frame @ frame.T) ** 2) / 2)
    assert minimum * (1 - 1e-13) <= min(losses) <= minimum * (1 + 1e-13)


@pytest.mark.parametrize("widths", [None, "3,4,2", "2,2,2,3"])
def test_judged_as_expected(widths):
    given = {} if widths is None else {"widths": widths}
    verify("linear_networks.reduced_rank_regression", seed=3, **given).raise_if_unexpected()


def test_training_on_real_data_ends_there():
    with float64():
        above, below = regression.final_residual(0, widths=DIABETES, data="diabetes")
    assert abs(above) <= 1
    assert below <= 1


def test_canonical_correlations_choose_otherwise():
    """The weighted regression is the unweighted one in targets that are made white first."""
    problem = regression.Problem.random(np.random.default_rng(3), WIDTHS)
    white = np.linalg.cholesky(np.linalg.inv(problem.targets.T @ problem.targets))
    other = regression.Problem.of(problem.inputs, problem.targets @ white)
    fit = other.basis[:, :2] @ other.basis[:, :2].T @ other.targets.T @ other.frame
    left = problem.targets - problem.frame @ fit.T @ np.linalg.inv(white)
    assert regression._canonical_loss(problem, 2) == pytest.approx(np.sum(left**2) / 2, rel=1e-10)
    assert regression._canonical_loss(problem, 2) > 1.001 * regression._minimum(problem, 2, WIDTHS, None)


@pytest.mark.parametrize("name", ["excess in training", "minimum of training"])
def test_planted_errors_are_seen(name):
    claim = next(one for one in claims(Profile("quick")) if one.name == name)
    form = claim.closed_forms[0]
    with float64():
        right = claim.experiment.function(5, **claim.grid[0].parameters)
        planted = form.restate(form.expression * Rational(101, 100))
        wrong = planted.experiment.function(5, **claim.grid[0].parameters)
    assert np.max(np.abs(right)) <= 1 < np.max(np.abs(wrong))


def test_controls_that_need_a_cut_are_left_out_without_one():
    names = {claim.name for claim in claims(Profile("quick"), (3, 3, 3))}
    assert "canonical correlations" not in names
    assert "a rank too small" in names


def test_ties_at_the_cut_are_ties():
    problem = regression.Problem.random(np.random.default_rng(4), WIDTHS, tied=True)
    assert problem.levels[1] == pytest.approx(problem.levels[2], rel=1e-14)
    assert problem.gap(2) == pytest.approx(problem.levels[1] - problem.levels[3])


@pytest.mark.parametrize(
    ("widths", "text"),
    [("3,2", "widths"), ("3,0,2", "whole numbers"), ("40,2,3", "12"), ("1,1,1,1,1,1,1", "3 to 6")],
)
def test_other_widths_are_refused(widths, text):
    with pytest.raises(InputError, match=text):
        resolve(theorem.PARAMETERS, {"widths": widths})


def test_the_conclusion_is_the_minimum_plus_the_excess():
    conclusion = DERIVATION.statement.conclusion
    assert isinstance(conclusion, And)
    letters = {letter: 1 for letter in theorem.shares(WIDTHS)[:2]} | {theorem.DISTANCE: 0}
    best = {**letters, **{letter: 0 for letter in theorem.shares(WIDTHS)[2:]}}
    assert theorem.excess(WIDTHS).subs(best).expand() == 0
