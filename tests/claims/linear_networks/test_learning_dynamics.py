"""The course of modes: derived, its closed forms by other routes, judged as expected."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from sympy import Eq, Rational

from proofs_checks import verify
from proofs_checks.claims.linear_networks.learning_dynamics import claims
from proofs_checks.insertion import value_of
from proofs_checks.judge import judge
from proofs_checks.linear_dynamics import mode_trial as trial
from proofs_checks.linear_dynamics import networks
from proofs_checks.profile import Profile
from proofs_checks.store import open_store
from theory.derivation import check
from theory.errors import InputError
from theory.linear_dynamics import modes as w
from theory.linear_networks.learning_dynamics import PARAMETERS, derivation
from theory.parameters import resolve
from theory.proving import Identity, Nonnegativity, Status
from theory.proving.matrix_words import MatrixWords

DERIVATION = derivation()
PROVED = [row for row in DERIVATION.rows if isinstance(row.method, (Identity, MatrixWords, Nonnegativity))]
KNOWN = {w.RATE: Rational(2), w.VARIANCE: Rational(3, 2), w.SEED: Rational(1, 10)}


def test_no_open_row_and_the_conclusion_is_reached():
    assert DERIVATION.status == "derived"
    assert DERIVATION.counts["open"] == DERIVATION.counts["not run"] == 0
    assert DERIVATION.counts["cited"] == 1  # backward error analysis


@pytest.mark.parametrize("position", range(len(PROVED)))
def test_planted_errors_in_rows_stay_open(position):
    row = PROVED[position]
    if isinstance(row.relation, Eq):
        left, right = row.relation.args
        # A zero side has no factor to spoil.
        wrong = Eq(left, 2 * right if right != 0 else right + w.RATE, evaluate=False)
    else:
        wrong = row.relation.func(row.relation.rhs, row.relation.lhs, evaluate=False)
    assert check(replace(row, relation=wrong), DERIVATION.statement.domain).status is Status.OPEN


def test_without_commuting_moments_the_modes_are_not_shown_to_decouple():
    row = next(row for row in PROVED if row.relation == w.PULLED)
    rules = tuple(rule for rule in row.method.rules if rule != w.DATA[2])
    assert check(replace(row, method=replace(row.method, rules=rules))).status is Status.OPEN


def mode(depth, entries, time):
    """One mode of any layers, a_h' = (s - mu u) u / a_h, by an integrator."""

    def slope(_, a):
        u = np.prod(a)
        return (2 - 1.5 * u) * u / a

    return np.prod(solve_ivp(slope, (0, time), entries, method="DOP853", rtol=1e-12, atol=1e-14).y[:, -1])


def test_curves_vs_an_integrator_of_the_layers():
    size = float(np.sqrt(0.1))
    logistic = value_of(w.CURVE, {**KNOWN, w.TIME: Rational(9, 10)})
    assert float(logistic) == pytest.approx(mode(2, [size, size], 0.9), rel=1e-10)
    found = trial._curve(w.UNBALANCED, ([0.3], [0.5]), 0.9)

    def slope(_, a):
        return (trial.LEVELS[0] - trial.COVARIANCE[0] * a[0] * a[1]) * a[::-1]

    last = solve_ivp(slope, (0, 0.9), [0.3, 0.5], method="DOP853", rtol=1e-12, atol=1e-14).y[:, -1]
    assert found[0] == pytest.approx(np.prod(last), rel=1e-10)


@pytest.mark.parametrize("depth", [1, 2, 3, 6])
def test_pace_vs_an_integrator_of_the_layers(depth):
    end = mode(depth, [0.6] * depth, 0.3)
    pace = trial._numeric(w.PACE, ((w.RATE, 2.0), (w.VARIANCE, 1.5), (w.DEPTH, depth)))
    # JAX computes in float32 here.
    assert quad(lambda u: 1 / pace(u), 0.6**depth, end)[0] == pytest.approx(0.3, rel=1e-5)


def test_delay_vs_descent_of_a_single_mode():
    flow = np.log(4 / 3 / 0.1 - 1) / 4

    def half_time(step):
        u, n = 0.1, 0
        while u < 2 / 3:
            before, u, n = u, u * (1 + step * (2 - 1.5 * u)) ** 2, n + 1
        odds = [np.log(x / (4 / 3 - x)) for x in (before, u)]
        return step * (n - 1 - odds[0] / (odds[1] - odds[0]))

    coarse, fine = ((half_time(step) - flow) / step for step in (1e-3, 5e-4))
    assert float(value_of(w.HALF_DELAY, KNOWN)) == pytest.approx(2 * fine - coarse, rel=1e-3)


def test_infinite_depth_is_the_limit():
    # N T(N) between two values of u, against the elementary time of infinite depth.
    def time(depth):
        return quad(lambda u: 1 / (u ** (2 - 2 / depth) * (2 - 1.5 * u)), 0.2, 1.0)[0]

    def endless(u):
        return 1.5 / 4 * np.log(u / (2 - 1.5 * u)) - 1 / (2 * u)

    errors = [abs(time(depth) - endless(1.0) + endless(0.2)) for depth in (50, 100)]
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.05)


def test_extrapolation_removes_three_orders():
    steps = np.array([0.1, 0.05, 0.025, 0.0125])
    exact = trial.limit(2 + 3 * steps - 5 * steps**2 + 7 * steps**3)
    assert exact.value == pytest.approx(2, abs=1e-13)
    smooth = trial.limit(np.exp(steps))
    assert abs(smooth.value - 1) < smooth.unit < 1e-4


def test_problem_has_the_moments_asked_for():
    data = networks.problem(np.random.default_rng(1), (4, 3), (3.0, 1.0), (1.3, 0.7))
    np.testing.assert_allclose(data.cross, data.left[:, :2] * [3, 1] @ data.right[:, :2].T, atol=1e-12)
    spectrum = data.right * data.covariance @ data.right.T
    np.testing.assert_allclose(data.inputs.T @ data.inputs, spectrum, atol=1e-12)
    turned = networks.problem(np.random.default_rng(1), (4, 3), (3.0, 1.0), (1.3, 0.7), 0.5)
    gram, moment = turned.cross.T @ turned.cross, turned.inputs.T @ turned.inputs
    assert np.linalg.norm(gram @ moment - moment @ gram) > 0.1


@pytest.mark.parametrize("given", ["5,3", "4,0,3", "4,300,3", "1,1,1,1,1,1,1,1", "a,b,c"])
def test_bad_widths_are_refused(given):
    with pytest.raises(InputError):
        resolve(PARAMETERS, {"widths": given})


@pytest.mark.parametrize("widths", [(1, 1, 1), (2, 6, 3), (3, 2, 2, 2, 4)])
def test_claims_hold_at_other_widths(widths):
    for claim in claims(Profile("quick"), widths):
        assert outcome(replace(claim, seeds=2)) == claim.expected


def outcome(claim):
    with open_store(None) as store:
        return judge(claim, theorem="tests", store=store, seed=5).verdict.outcome


FORMS = {claim.name: form for claim in claims(Profile("quick")) for form in claim.closed_forms}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("two balanced layers", w.CURVE.subs(w.TIME, w.TIME / 2)),
        ("two layers of different size", w.UNBALANCED.subs(w.GAP, 2 * w.GAP)),
        ("deep layers", w.PACE.subs(w.VARIANCE, 1)),
        ("delay of descent", 2 * w.HALF_DELAY),
    ],
)
def test_planted_errors_in_closed_forms_are_refuted(name, wrong):
    assert outcome(FORMS[name].restate(wrong)) == "refuted"


def test_verdicts_are_as_expected():
    verify("linear_networks.learning_dynamics", profile="quick", seed=3).raise_if_unexpected()
