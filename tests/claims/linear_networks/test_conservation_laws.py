"""Conservation laws of linear networks: derivation, exact and trained checks, controls, planted errors."""

import random
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sympy import QQ, Eq

from numerics import linear_networks
from proofs_checks import verify
from proofs_checks.claims.linear_networks.conservation_laws import claims
from proofs_checks.insertion import value_of
from proofs_checks.judge import judge
from proofs_checks.linear_flow import conserved, exact, training
from proofs_checks.linear_flow.training import Setting
from proofs_checks.precision import float64
from proofs_checks.profile import Profile
from proofs_checks.store import open_store
from theory.derivation import check
from theory.errors import InputError
from theory.linear_flow.balance import STEPPED, Balance, entry, lower, upper
from theory.linear_flow.chain import Chain, decay, eta
from theory.linear_networks.conservation_laws import PARAMETERS, derivation
from theory.parameters import resolve
from theory.proving.matrix_words import MatrixWords
from theory.proving.outcome import Answer, Status
from theory.proving.words.evaluation import holds_at

WIDTHS = (4, 3, 5, 2)
DERIVATION = derivation()
WORD_ROWS = [row for row in DERIVATION.rows if isinstance(row.method, MatrixWords)]


def test_no_open_row_and_only_the_convergence_of_descent_is_cited():
    counts = DERIVATION.counts
    assert DERIVATION.status == "derived"
    assert counts["open"] == counts["not run"] == 0
    assert counts["cited"] == 1
    assert counts["proved"] >= 15


@pytest.mark.parametrize("widths", [(1, 1, 1), (2, 3, 7, 1, 4)])
def test_other_depths_are_derived(widths):
    found = derivation(widths)
    assert found.status == "derived"
    # A derivative along the flow and a step of descent for each pair of neighbors.
    assert len(found.statement.conclusion.args) == 2 * (len(widths) - 2)


@pytest.mark.parametrize("position", range(len(WORD_ROWS)))
def test_planted_errors_in_word_rows_are_refuted(position):
    row = WORD_ROWS[position]
    left, right = row.relation.args
    for wrong in (-right, 2 * right):
        assert row.method.discharge(Eq(left, wrong, evaluate=False), None).answer is Answer.NO


def test_what_is_conserved_is_the_difference_of_these_products():
    # The sum, and the products the other way round, are not.
    chain = Chain(2)
    balance = Balance(chain)
    (low, high), (G_1, G_2), (after_1, after_2) = chain.layers, chain.slopes, balance.stepped
    rules = (*chain.slope_rules, *balance.steps)
    drift = eta**2 * (G_2.T * G_2 - G_1 * G_1.T)
    shrunk = (1 - eta * decay) ** 2
    right = Eq(after_2.T * after_2 - after_1 * after_1.T, shrunk * (high.T * high - low * low.T) + drift)
    summed = Eq(after_2.T * after_2 + after_1 * after_1.T, shrunk * (high.T * high + low * low.T) + drift)
    method = balance.words(*rules)
    assert method.discharge(right, None).answer is Answer.YES
    assert method.discharge(summed, None).answer is Answer.NO
    shared = Eq(high.T * G_2, G_1.T * low, evaluate=False)
    assert method.discharge(shared, None).answer is Answer.NO


def test_without_the_gradients_words_the_law_is_not_shown():
    balance = Balance(Chain(3))
    row = next(row for row in DERIVATION.rows if row.relation in balance.descended)
    unaware = replace(row, method=balance.words(*balance.definitions, *balance.steps))
    assert check(unaware).status is Status.OPEN


def test_the_program_descends_as_numpy_does():
    layers, (inputs, targets, _) = training.problem(np.random.default_rng(3), WIDTHS)
    setting = Setting(0.05, (0.1,) * 3)
    with float64():
        found = training.record(3, WIDTHS, setting)
    for step in range(4):
        slopes = linear_networks.gradients(layers, inputs, targets)
        for layer, slope, record, recorded in zip(layers, slopes, found.layers, found.slopes, strict=True):
            assert np.allclose(record[step], layer, rtol=0, atol=1e-14)
            assert np.allclose(recorded[step], slope, rtol=0, atol=1e-13)
        layers = tuple(W - 0.05 * (G + 0.1 * W) for W, G in zip(layers, slopes, strict=True))


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ({"momentum": 0.5}, optax.sgd(0.01, momentum=0.5)),
        ({"momentum": 0.9, "adaptive": 1.0}, optax.adam(0.01, b1=0.9, b2=training.SECOND_DECAY)),
    ],
)
def test_the_faulty_rules_are_those_of_optax(fault, rule):
    with float64(), jax.numpy_dtype_promotion("standard"):
        found = training.record(1, WIDTHS, Setting(0.01, (0.0,) * 3, **fault))
        parameters = tuple(jnp.asarray(one[0]) for one in found.layers)
        memory = rule.init(parameters)
        for step in range(3):
            slopes = tuple(jnp.asarray(one[step]) for one in found.slopes)
            updates, memory = rule.update(slopes, memory)
            parameters = optax.apply_updates(parameters, updates)
        for layer, record in zip(parameters, found.layers, strict=True):
            assert np.allclose(layer, record[3], rtol=0, atol=1e-14)


def test_exact_slopes_are_those_of_the_layers():
    # Differences of the loss; the squared loss squared has those of the loss times twice the loss.
    layers, slopes, _ = exact._step(0, (2, 3, 2), "squared", "1/2", "0")
    _, squares, _ = exact._step(0, (2, 3, 2), "quartic", "1/2", "0")
    pairs = [
        pair
        for G, Q in zip(slopes, squares, strict=True)
        for pair in zip(_entries(G), _entries(Q), strict=True)
    ]
    (twice,) = {q / g for g, q in pairs if g}
    assert twice > 0
    assert layers[1].transpose() * slopes[1] == slopes[0] * layers[0].transpose()


def test_exact_steps_notice_every_wrong_form():
    case = {"widths": [2, 2, 2], "loss": "squared", "step_size": "1/3", "decay_rate": "1/2"}
    assert exact.step_mismatches(0, **case) == 0
    for wrong in (
        (1 - eta * decay) * entry + eta**2 * (upper - lower),
        (1 - eta * decay) ** 2 * entry + eta * (upper - lower),
        (1 - eta * decay) ** 2 * entry + eta**2 * (lower - upper),
    ):
        assert exact.step_mismatches(0, **case, form=wrong) >= 3  # of four entries, two of which are equal


def test_the_flow_is_that_of_the_program_with_vanishing_steps():
    given = Setting(0.05, (0.1, 0.1, 0.1), logistic=1.0)
    with float64():
        errors = []
        for halvings in (2, 3):
            finer = given._replace(step_size=0.05 / 2**halvings)
            D = training.differences(training.record(2, WIDTHS, finer).layers)
            errors.append(
                D[conserved.TIME_STEPS * 2**halvings] - conserved.flow(2, WIDTHS, given).differences[-1]
            )
    # First order: Richardson's extrapolation leaves an error of second order, a tenth of the step.
    coarse, fine = (np.linalg.norm(error) for error in errors)
    assert 1.8 < coarse / fine < 2.2
    assert np.linalg.norm(2 * errors[1] - errors[0]) < 0.1 * fine


def test_the_budget_of_the_flow_covers_looser_tolerances(monkeypatch):
    with float64():
        for tolerance in (1e-6, 1e-9):
            monkeypatch.setattr(conserved, "TOLERANCE", tolerance)
            conserved.flow.cache_clear()
            assert conserved.flow_residual(5, widths=WIDTHS, step_size=0.05, decay=0.2) < 1
        conserved.flow.cache_clear()


def test_verdicts_are_as_expected_and_controls_fail_by_far():
    report = verify("linear_networks.conservation_laws", profile="quick", seed=5)
    found = {one["name"]: one for one in report.to_dict()["theorems"][0]["claims"]}
    assert report.as_expected
    for name in ("heavy ball", "Adam", "tanh units", "decay of the first layer only"):
        assert found[name]["estimate"] > 1e6
    for name in ("steps of training", "drift of training", "gradient flow"):
        assert max(found[name]["estimate"]) < 0.5


def test_other_parameters_are_judged_as_expected():
    given = {"widths": "2,1,3,2,1", "step_size": "1/10", "weight_decay": "0"}
    verify("linear_networks.conservation_laws", profile="quick", seed=2, **given).raise_if_unexpected()


@pytest.mark.parametrize(
    "given",
    [
        {"widths": "4,3"},
        {"widths": "1,1,1,1,1,1,1,1"},
        {"widths": "4,0,2"},
        {"step_size": "0"},
        {"step_size": "1/2"},
        {"weight_decay": "-1"},
        {"weight_decay": "nan"},
    ],
)
def test_bad_parameters_are_refused(given):
    with pytest.raises(InputError):
        resolve(PARAMETERS, given)


CHALLENGED = [(claim, form) for claim in claims(Profile("quick")) for form in claim.closed_forms]


def test_every_claim_declares_its_closed_form():
    assert {claim.name for claim, _ in CHALLENGED} == {
        claim.name for claim in claims(Profile("quick")) if not claim.control
    }


@pytest.mark.parametrize(("claim", "form"), CHALLENGED, ids=[claim.name for claim, _ in CHALLENGED])
def test_a_form_off_by_a_thousandth_is_refuted(claim, form):
    with open_store(None) as store, float64():
        verdict = judge(form.restate(form.expression * 1.001), theorem="tests", store=store, seed=5).verdict
        assert verdict.outcome == "refuted"
    for sample in form.regimes.values():
        assert form.expression.free_symbols <= set(sample(random.Random(0)))


def test_the_measured_form_is_the_conclusion_entry_by_entry():
    balance = Balance(Chain(2))
    for seed in range(5):
        instance = balance.instance(random.Random(seed))
        assert all(holds_at(relation, instance) for relation in balance.descended)
        (D,), (after,), (G_1, G_2) = (
            [instance[letter] for letter in row]
            for row in (balance.differences, balance.following, balance.chain.slopes)
        )
        P, Q = G_2.transpose() * G_2, G_1 * G_1.transpose()
        numbers = {letter: instance[letter] for letter in (eta, decay)}
        for d, p, q, found in zip(*(_entries(one) for one in (D, P, Q, after)), strict=True):
            assert value_of(STEPPED, {**numbers, entry: d, upper: p, lower: q}) == found


def _entries(matrix):
    return [QQ.to_sympy(one) for row in matrix.to_list() for one in row]
