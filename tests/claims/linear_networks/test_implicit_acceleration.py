"""The preconditioner of balanced linear networks: derivation, planted errors, measurement and controls."""

import random
from itertools import pairwise

import numpy as np
import pytest
from scipy.linalg import fractional_matrix_power
from sympy import Eq, Rational

from proofs_checks import verify
from proofs_checks.claims.linear_networks.implicit_acceleration import claims
from proofs_checks.judge import judge
from proofs_checks.linear_flow import exact, preconditioned, training
from proofs_checks.linear_flow.training import BALANCED
from proofs_checks.precision import float64
from proofs_checks.profile import Profile
from proofs_checks.store import open_store
from theory.derivation import check
from theory.errors import InputError
from theory.linear_flow.balanced import BalancedFlow, SingleOutput, a, b, gain
from theory.linear_flow.chain import Chain
from theory.linear_networks.implicit_acceleration import PARAMETERS, derivation
from theory.parameters import resolve
from theory.proving.matrix_words import MatrixWords
from theory.proving.outcome import Answer, Status

DERIVATION = derivation()
WORD_ROWS = [row for row in DERIVATION.rows if isinstance(row.method, MatrixWords)]


@pytest.mark.parametrize("widths", [(4, 2, 5, 3), (1, 1, 1), (2, 3, 1, 4, 2)])
def test_derived_at_every_depth(widths):
    found = derivation(widths)
    assert found.status == "derived"
    # That a positive semidefinite root is unique is cited, for either side; nothing else is.
    assert found.counts["cited"] == 2


@pytest.mark.parametrize("position", range(len(WORD_ROWS)))
def test_planted_errors_in_word_rows_are_refuted(position):
    row = WORD_ROWS[position]
    left, right = row.relation.args
    assert row.method.discharge(Eq(left, -right, evaluate=False), None).answer is Answer.NO
    assert row.method.discharge(Eq(left, 2 * right, evaluate=False), None).answer is Answer.NO


def test_without_balance_the_velocity_is_not_shown():
    flow = BalancedFlow(Chain(3))
    method = flow.words(*flow.chain.slope_rules, *flow.definitions)
    assert method.discharge(flow.flowing, None).answer is not Answer.YES


def test_a_single_output_amplified_once_more_is_refuted():
    single = SingleOutput(3)
    left, right = single.velocity.args
    row = single.rows()[-1]
    assert check(row).status is Status.PROVED
    wrong = Eq(left, right * Rational(4, 3), evaluate=False)
    assert row.method.discharge(wrong, None).answer is Answer.NO


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_gains_are_divided_differences(depth):
    # (a^{2H} - b^{2H}) / (a^2 - b^2), and its limit H a^{2(H-1)} where both are equal.
    found = gain(depth)
    assert found.subs({a: 3, b: 2}) == Rational(9**depth - 4**depth, 5)
    assert found.subs({a: 2, b: 2}) == depth * 4 ** (depth - 1)
    assert found.subs({a: 2, b: 0}) == 4 ** (depth - 1)


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_the_preconditioner_is_that_of_fractional_powers(depth):
    numbers = np.random.default_rng(depth)
    W, G = numbers.normal(size=(3, 3)), numbers.normal(size=(3, 3))
    terms = [
        fractional_matrix_power(W @ W.T, (depth - j) / depth)
        @ G
        @ fractional_matrix_power(W.T @ W, (j - 1) / depth)
        for j in range(1, depth + 1)
    ]
    found = preconditioned._preconditioned(W, G, 3, depth, gain(depth))
    # scipy's Schur-Padé powers lose some digits, times the conditioning of the smallest singular value.
    assert np.allclose(found, sum(terms), rtol=0, atol=1e-9)


def test_singular_products_keep_the_identity_at_the_ends():
    # Of rank one: across the row and the column only j = 1 and j = H are left, 0^0 = 1.
    W, G = np.diag([8.0, 0.0]), np.ones((2, 2))
    found = preconditioned._preconditioned(W, G, 1, 3, gain(3))
    assert np.allclose(found, [[48, 16], [16, 0]], rtol=1e-14, atol=1e-14)


def test_balanced_starts_are_balanced_with_known_singular_values():
    layers, _ = training.problem(np.random.default_rng(0), (4, 2, 5, 3), BALANCED)
    for low, high in pairwise(layers):
        assert np.allclose(high.T @ high, low @ low.T, rtol=0, atol=1e-14)
    values = np.linalg.svd(layers[2] @ layers[1] @ layers[0], compute_uv=False)
    assert np.all((values[:2] >= training.LEAST) & (values[:2] <= 1))
    assert values[2] < 1e-14


def test_exact_velocities_need_balance():
    case = {"widths": [3, 2, 3, 2], "loss": "quartic"}
    assert exact.gain_mismatches(1, **case) == 0
    assert exact.gain_mismatches(1, **case, stretch="3/2") > 0
    assert exact.gain_mismatches(1, **case, form=gain(3) + 1) == 6


def test_exact_velocities_of_two_layers_are_those_written_out():
    found, gradient, roots = exact._velocity(2, (2, 3, 2), "squared", "1")
    for r in range(2):
        for q in range(2):
            assert found[r][q] == -(roots[r] ** 2 + roots[q] ** 2) * gradient[r][q]


def test_verdicts_are_as_expected_and_controls_fail_by_far():
    report = verify("linear_networks.implicit_acceleration", profile="quick", seed=3)
    found = {one["name"]: one for one in report.to_dict()["theorems"][0]["claims"]}
    assert report.as_expected
    assert found["layers out of balance"]["estimate"] > 1e6
    assert found["training out of balance"]["estimate"] > 1e-2
    assert found["another depth"]["estimate"] > 1e-2
    assert max(map(abs, found["product along training"]["estimate"])) < 1e-5


def test_other_parameters_are_judged_as_expected():
    given = {"widths": "1,2,1,1,2", "step_size": "1/10"}
    verify("linear_networks.implicit_acceleration", profile="quick", seed=4, **given).raise_if_unexpected()


@pytest.mark.parametrize("given", [{"widths": "3,2"}, {"widths": "3,2,x"}, {"step_size": "1"}])
def test_bad_parameters_are_refused(given):
    with pytest.raises(InputError):
        resolve(PARAMETERS, given)


CHALLENGED = [(claim, form) for claim in claims(Profile("quick")) for form in claim.closed_forms]


@pytest.mark.parametrize(
    ("claim", "form"), CHALLENGED, ids=[f"{claim.name}: {form.name}" for claim, form in CHALLENGED]
)
def test_a_form_off_by_a_hundredth_is_refuted(claim, form):
    with open_store(None) as store, float64():
        verdict = judge(
            form.restate(form.expression * Rational(101, 100)), theorem="tests", store=store, seed=5
        )
        assert verdict.verdict.outcome == "refuted"
    for sample in form.regimes.values():
        assert form.expression.free_symbols <= set(sample(random.Random(0)))
