"""The theorem's rows, planted errors in them, and the theorem on trial; figures by other routes."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import least_squares
from sympy import Eq, Rational, Trace, log, sqrt, symbols

from proofs_checks import verify
from proofs_checks.claims.linear_networks.critical_points import claims
from proofs_checks.insertion import value_of
from proofs_checks.judge import judge
from proofs_checks.linear_landscape import constructed, deep_pauses, exact, search, trained
from proofs_checks.linear_landscape.formulas import critical_value, loss_at
from proofs_checks.linear_landscape.quantization import distance_bound
from proofs_checks.precision import float64
from proofs_checks.profile import Profile
from proofs_checks.store import open_store
from theory.derivation import Derivation, check
from theory.errors import InputError
from theory.linear_landscape import deep_critical
from theory.linear_landscape import letters as w
from theory.linear_landscape.first_order import words
from theory.linear_networks.critical_points import PARAMETERS, derivation
from theory.parameters import resolve
from theory.proving.matrix_words import MatrixWords
from theory.proving.outcome import Answer, Status

DERIVATION = derivation()
WORD_ROWS = [row for row in DERIVATION.rows if isinstance(row.method, MatrixWords)]
# A zero side has no sign to spoil: those rows have planted errors of their own below.
SIGNED_ROWS = [row for row in WORD_ROWS if not getattr(row.relation.args[1], "is_ZeroMatrix", False)]


def test_no_open_row_and_most_rows_are_proved():
    counts = DERIVATION.counts
    assert DERIVATION.status == "derived"
    assert counts["open"] == counts["not run"] == 0
    assert counts["proved"] >= 0.8 * (counts["rows"] - counts["defined"])


@pytest.mark.parametrize("widths", [(1, 1, 1), (2, 3, 7), (16, 16, 16)])
def test_other_widths_are_derived(widths):
    built = derivation(widths)
    rows = [row for row in built.rows if not isinstance(row.method, MatrixWords)]
    assert all(check(row, built.statement.domain).status is not Status.OPEN for row in rows)


@pytest.mark.parametrize(
    "widths",
    [
        *[(5, 3, 4), (2, 1, 1), (1, 1, 1), (3, 5, 3), (3, 2, 6), (16, 16, 16)],
        *[(4, 3, 3, 3), (1, 1, 1, 1), (3, 2, 5, 2, 6)],
    ],
)
def test_last_rows_follow_from_earlier_ones_and_are_the_conclusion(widths):
    found = derivation(widths)
    conclusion = set(found.statement.conclusion.args)
    last = [row for row in found.rows if row.relation in conclusion]
    assert {row.relation for row in last} == conclusion
    assert all(check(row, found.statement.domain).status is Status.PROVED for row in last)


def test_the_conclusion_is_shown():
    assert DERIVATION.concludes


@pytest.mark.parametrize(
    ("name", "letter", "factor"),
    # The wrong sign of the chosen eigenvalues, dropped inversions, and dropped r^2 + 2 r (p - r) + ...
    [("2*L", "lambda_2", -1), ("#_-", "chi_1", 0), ("#_0", "chi_1", 0)],
)
def test_planted_errors_in_the_conclusion_leave_it_open(name, letter, factor):
    concluding = {str(part.lhs): part for part in DERIVATION.statement.conclusion.args}
    row = next(row for row in DERIVATION.rows if row.relation == concluding[name])
    right = row.relation.rhs
    spoiled = right.subs({s: factor * s for s in right.free_symbols if s.name == letter})
    planted = replace(row, relation=Eq(row.relation.lhs, spoiled, evaluate=False))
    assert check(planted).status is Status.OPEN
    assert planted.relation not in DERIVATION.statement.conclusion.args


def test_another_number_of_classes_is_not_shown():
    row = next(
        row for row in DERIVATION.rows if str(row.relation.args[0]) == "#_S" and row.relation.rhs == 15
    )
    planted = replace(row, relation=Eq(row.relation.lhs, 16, evaluate=False))
    assert check(planted).status is Status.OPEN


def test_the_index_without_inversions_is_not_shown():
    row = DERIVATION.rows[-2]
    inversions = next(r.relation for r in DERIVATION.rows if str(r.relation.args[0]) == "inv").rhs
    planted = replace(row, relation=Eq(row.relation.lhs, row.relation.rhs - inversions, evaluate=False))
    assert check(planted).status is Status.OPEN
    spoiled = replace(DERIVATION, rows=(*DERIVATION.rows[:-2], planted, DERIVATION.rows[-1]))
    assert spoiled.status == "open"
    assert not spoiled.concludes


def test_steps_may_not_rest_on_what_no_step_establishes():
    with pytest.raises(ValueError, match="no earlier row establishes"):
        Derivation(DERIVATION.statement, DERIVATION.rows[-3:], DERIVATION.limiting_case)


@pytest.mark.parametrize("position", range(len(SIGNED_ROWS)))
def test_planted_errors_in_word_rows_are_refuted(position):
    # One spoiled side each: a wrong sign, and a doubled side.
    row = SIGNED_ROWS[position]
    left, right = row.relation.args
    assert row.method.discharge(row.relation, None).answer is Answer.YES
    for wrong in (-right, 2 * right):
        planted = row.method.discharge(Eq(left, wrong, evaluate=False), None)
        assert planted.answer is Answer.NO


@pytest.mark.parametrize(
    "relation",
    [
        # The sign of the regression term, a transposed word, and the projector on the wrong side.
        Eq(w.A.T * (w.A * w.B * w.S_XX + w.S_YX), 0 * w.B, evaluate=False),
        Eq((w.A * w.B * w.S_XX - w.S_YX).T * w.B.T, 0 * w.A, evaluate=False),
        Eq((w.A * w.B * w.S_XX - w.S_YX) * w.B, 0 * w.A, evaluate=False),
        Eq(w.U_S.T * w.U_S * w.U_S.T, w.U_S, evaluate=False),
        Eq(2 * w.loss(w.A, w.B), Trace(w.S_YY) + Trace(w.Lambda_S), evaluate=False),
        Eq(2 * w.loss(w.A, w.B), Trace(w.S_YY) - Trace(w.Lambda_C), evaluate=False),
    ],
)
def test_wrong_statements_about_constructed_points_are_refuted(relation):
    method = words(w.CONSTRUCTION, w.INVERSE_PAIR, w.EIGENVECTORS, w.MOMENTS)
    assert method.discharge(relation, None).answer is Answer.NO


def test_without_the_condition_on_V_the_gradient_is_not_proved_to_vanish():
    method = words(w.CONSTRUCTION[:2], w.INVERSE_PAIR, w.EIGENVECTORS)
    zero = next(row.relation for row in WORD_ROWS if row.relation.args[0] == w.GRADIENT_A)
    assert method.discharge(zero, None).answer is not Answer.YES


def test_points_found_from_random_starts_lie_on_the_classes():
    # Levenberg-Marquardt on the gradient: it knows nothing of eigenvectors.
    random = np.random.default_rng(3)
    x, y = random.normal(size=(3, 12)), random.normal(size=(2, 12))
    regression = y @ x.T @ np.linalg.inv(x @ x.T)
    values = np.linalg.eigvalsh(regression @ x @ y.T)
    classes = (np.sum(y**2) - np.array([0, values[0], values[1], values.sum()])) / 2

    def slopes(theta):
        A, B = theta[:4].reshape(2, 2), theta[4:].reshape(2, 3)
        error = (A @ B @ x - y) @ x.T
        return np.concatenate([(error @ B.T).ravel(), (A.T @ error).ravel()])

    found = set()
    for _ in range(60):
        end = least_squares(slopes, random.normal(size=10), method="lm", xtol=1e-15, ftol=1e-15, gtol=1e-15)
        A, B = end.x[:4].reshape(2, 2), end.x[4:].reshape(2, 3)
        if np.abs(end.fun).max() < 1e-10 and max(np.abs(A).max(), np.abs(B).max()) < 1e3:
            loss = np.sum((y - A @ B @ x) ** 2) / 2
            distance = np.abs(classes - loss)
            # The loss is stationary: a gradient of 1e-10 leaves an error of second order, and rounding.
            assert distance.min() < 1e-9 * classes[0]
            found.add(int(distance.argmin()))
    assert found == {0, 1, 2, 3}


def test_trained_loss_is_that_of_the_truncated_fit():
    with float64():
        problem = trained.training_data("diabetes", 0, (6, 2, 5))
        x, y = np.asarray(problem.inputs), np.asarray(problem.targets)
        last = trained.trained_pauses(problem, 2, 1e-7, 0, 1e-8)[-1]
    fit = x @ np.linalg.lstsq(x, y, rcond=None)[0]
    left, values, right = np.linalg.svd(fit, full_matrices=False)
    truncated = left[:, :2] * values[:2] @ right[:2]
    assert last.loss == pytest.approx(np.sum((y - truncated) ** 2) / 2, rel=1e-12)


def test_whitening_and_compression_leave_the_critical_values_of_the_raw_data():
    data = trained._raw("random", 5, (5, 3, 4))
    problem = trained.training_data("random", 5, (5, 3, 4))
    x, y = data
    fit = x @ np.linalg.lstsq(x, y, rcond=None)[0]
    gains = np.linalg.svd(fit, compute_uv=False) ** 2 / len(y)
    expected = (np.sum(y**2) / len(y) - np.concatenate([[0], np.cumsum(gains[:3])])) / 2
    assert trained.nested_values(problem, 3, 0) == pytest.approx(expected, rel=1e-10)


def test_rounding_of_whitening_is_no_mode():
    # Inputs of condition 1e3 and more: what stands in the place of a zero singular value must not be learned.
    with float64():
        for seed in range(20):
            problem = trained.training_data("random", seed, (16, 16, 16))
            assert len(trained.nested_values(problem, 16, 0)) == trained.MODES + 1


def test_budget_covers_points_near_every_kind_of_critical_point():
    # The bound from the gradient against the true distance, at perturbed critical points of all sizes.
    random = np.random.default_rng(0)
    with float64():
        problem = trained.training_data("random", 1, (5, 3, 4))
        M = np.asarray(problem.targets).T @ np.asarray(problem.inputs)
        U, s, Q = np.linalg.svd(M)
        for chosen in ([], [0], [1, 2], [0, 1, 2], [3]):
            for amplitude in (1e-2, 1e-4, 1e-6):
                a, b = np.zeros((4, 3)), np.zeros((3, 5))
                for unit, k in enumerate(chosen):
                    a[:, unit], b[unit] = U[:, k] * np.sqrt(s[k]), Q[k] * np.sqrt(s[k])
                a += amplitude * random.normal(size=a.shape)
                b += amplitude * random.normal(size=b.shape)
                distance = abs(np.sum((M - a @ b) ** 2) - np.sum(np.delete(s, chosen) ** 2)) / 2
                assert distance <= distance_bound(M, (b, a), np.asarray(problem.targets))


def test_constructed_point_is_critical_by_finite_differences():
    random = np.random.default_rng(1)
    problem = constructed.WhitenedProblem.random(random, (4, 3, 3))
    A, B = constructed.construct(random, problem, 3, [0, 2])

    def loss(left, right):
        return np.sum((problem.Y - left @ right @ problem.X) ** 2) / 2

    step = 1e-5  # central differences: the error is of order step^2
    for _ in range(10):
        F, H = random.normal(size=A.shape), random.normal(size=B.shape)
        slope = (loss(A + step * F, B + step * H) - loss(A - step * F, B - step * H)) / (2 * step)
        assert abs(slope) < 1e-8


def test_dropped_inversions_are_counted_as_exceptions():
    case = {"widths": [3, 2, 3], "levels": [3, 2, 1]}
    assert exact.inertia_mismatches(0, **case) == 0
    # Of {}, 1, 2, 3, 12, 13, 23 the sets 2, 3, 13, 23 have inversions.
    assert exact.inertia_mismatches(0, **case, inversions=False) == 4


def test_verdicts_are_as_expected_and_controls_fail_for_their_reason():
    report = verify("linear_networks.critical_points", profile="quick", seed=11)
    found = {one["name"]: one for one in report.to_dict()["theorems"][0]["claims"]}
    assert report.as_expected
    assert sum(one["control"] for one in found.values()) >= 6
    # A turned or swapped vector is no small fault, a perturbation of a millionth is one of that size.
    assert found["a swapped eigenvector"]["estimate"] > 1e8
    assert 1e2 < found["a perturbed point"]["estimate"] < 1e8
    # The pause at the start, S = {}, is common to both orders of the index sets.
    assert (
        abs(found["plateaus of the wrong index sets"]["estimate"][0])
        < 1
        < max(map(abs, found["plateaus of the wrong index sets"]["estimate"][1:]))
    )


@pytest.mark.parametrize("widths", [(1, 1, 1), (5, 3, 1), (2, 6, 2), (16, 16, 16)])
def test_claims_exist_for_all_widths(widths):
    names = [claim.name for claim in claims(Profile("quick"), widths)]
    assert len(set(names)) == len(names)
    assert "a perturbed point" in names


@pytest.mark.parametrize("widths", [(1, 1, 1, 1), (16, 1, 16, 2), (2, 3, 2, 3, 2, 3, 2)])
def test_claims_and_controls_exist_for_all_depths(widths):
    found = claims(Profile("quick"), widths)
    assert len({claim.name for claim in found}) == len(found)
    assert any(claim.control for claim in found)


def test_deep_networks_as_expected_and_controls_fail_for_their_reason():
    report = verify("linear_networks.critical_points", profile="quick", seed=11, widths=(3, 2, 3, 2))
    found = {one["name"]: one for one in report.to_dict()["theorems"][0]["claims"]}
    assert report.as_expected
    # Most limits are at saddles of sets that are not nested; of 3 choose 2 or fewer, 3 have two eigenvalues.
    assert found["limits at nested index sets only"]["estimate"] > 0.2
    assert found["classes of a narrower network"]["estimate"] == 1


def test_deep_rows_with_a_planted_error_are_refuted():
    # The wrong half of the eigenvectors, and a rest that the gradient must not let pass.
    kept = deep_critical.PRODUCT
    wrong = Eq(kept.lhs, kept.rhs.subs(w.U_S, w.A * w.A_plus * w.U_S) * 2, evaluate=False)
    method = deep_critical.product_rows()[1].method
    assert method.discharge(wrong, None).answer is Answer.NO
    for row in deep_critical.sufficiency_rows():
        left, right = row.relation.args
        assert row.method.discharge(row.relation, None).answer is Answer.YES
        assert row.method.discharge(Eq(left, 2 * right, evaluate=False), None).answer is Answer.NO


def test_deep_points_are_no_two_layer_points_with_a_longer_name():
    # The instances must hold rests Z_h: at some point a gradient of the two-layer problem is not zero.
    points = [deep_critical.any_deep_point(random.Random(seed)) for seed in range(40)]
    errors = [(point[w.A] * point[w.B] * point[w.S_XX] - point[w.S_YX]) for point in points]
    middle = [error * point[w.B].transpose() for error, point in zip(errors, points, strict=True)]
    assert not all(one.is_zero_matrix for one in middle)
    last = [error * point[deep_critical.B_H].transpose() for error, point in zip(errors, points, strict=True)]
    assert all(one.is_zero_matrix for one in last)


def test_limits_of_a_search_have_the_losses_of_index_sets():
    assert search.off_values(0, widths=(3, 2, 2), starts=8) == 0
    data, limits = search._limits(0, (3, 2, 2), 8)
    values = {sets: (data.total - sum(data.levels[list(sets)] ** 2)) / 2 for sets in ((), (0,), (1,), (0, 1))}
    for limit in limits:
        assert min(values, key=lambda sets: abs(limit.loss - values[sets])) == limit.chosen
        assert abs(limit.loss - values[limit.chosen]) < 1e-9


def test_pauses_of_deep_training_lie_within_their_budget_only():
    with float64():
        case = {"data": "random", "widths": (3, 2, 2, 3)}
        assert deep_pauses.value_error(0, **case) < 1
        assert deep_pauses.value_error(0, **case, without_largest=True) > 10


@pytest.mark.parametrize(
    "given", ["5,3", "0,1,1", "5,3,400", "5;3;4", "five,3,4", "2,2,2,2,2,2,2,2", "17,3,17"]
)
def test_bad_widths_are_refused(given):
    with pytest.raises(InputError):
        resolve(PARAMETERS, {"widths": given})


CHALLENGED = [(claim, form) for claim in claims(Profile("quick")) for form in claim.closed_forms]
NAMES = [f"{claim.name}: {form.name}" for claim, form in CHALLENGED]
FORMS = dict(zip(NAMES, (form for _, form in CHALLENGED), strict=True))


def outcome(claim):
    with open_store(None) as store:
        return judge(claim, theorem="tests", store=store, seed=5).verdict.outcome


def test_every_statistical_statement_declares_what_it_puts_on_trial():
    declared = {claim.name for claim, _ in CHALLENGED}
    claimed = {claim.name for claim in claims(Profile("quick")) if not claim.control}
    # These have no formula: a gradient is zero, a distance shrinks, a number is that of the index sets.
    assert claimed - declared == {
        "gradient of constructed points",
        "plateaus sharpen",
        "classes found by a search",
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_closed_form_in_its_own_place_changes_nothing(name):
    claim, form = CHALLENGED[NAMES.index(name)]
    again = form.restate(form.expression)
    assert [one.predicted for one in again.grid] == [one.predicted for one in claim.grid]
    assert [one.parameters for one in again.grid] == [one.parameters for one in claim.grid]
    with float64():
        point = claim.grid[0].parameters
        assert again.experiment.function(7, **point) == claim.experiment.function(7, **point)


def letters_of(name):
    return {symbol.name: symbol for symbol in FORMS[name].expression.free_symbols}


@pytest.mark.parametrize(
    ("name", "letter", "wrong"),
    [
        # A doubled eigenvalue, the wrong sign, the index without inversions, the nullity without ties or
        # without what kernel blocks take away.
        ("exact critical points: value", "lambda_4", lambda x: 2 * x),
        ("loss of constructed points: value", "lambda_2", lambda x: -x),
        ("exact inertia: index", "inv", lambda x: 0 * x),
        ("exact inertia: nullity", "tie", lambda x: 0 * x),
        ("exact inertia: nullity", "v", lambda x: 0 * x),
        ("exact inertia: nullity", "z", lambda x: 0 * x),
        ("Hessian of constructed points: index", "chi_2", lambda x: 1 - x),
        ("Hessian of constructed points: nullity", "chi_4", lambda x: 0 * x),
        ("plateaus of training: value", "lambda_3", lambda x: 0 * x),
        ("minimum of training: value of rank 5", "lambda_5", lambda x: 0 * x),
    ],
)
def test_planted_errors_in_closed_forms_are_refuted(name, letter, wrong):
    symbol = letters_of(name)[letter]
    spoiled = FORMS[name].expression.subs(symbol, wrong(symbol))
    assert outcome(FORMS[name].restate(spoiled)) == "refuted"


def test_forms_without_a_value_are_refused():
    chi = letters_of("Hessian of constructed points: index")["chi_1"]
    with pytest.raises(InputError, match="no finite real number"):
        FORMS["Hessian of constructed points: index"].restate(1 / chi)
    refused = FORMS["exact inertia: index"].restate(1 / letters_of("exact inertia: index")["inv"])
    assert outcome(refused) == "invalid"


def test_values_are_inserted_exactly():
    x, y = symbols("x y")
    assert value_of(x - y, {x: Rational(1, 3), y: Rational(1, 7)}) == Rational(4, 21)
    assert (
        loss_at(critical_value(3), 0.1, [], [0]) == Rational(0.1) / 2
    )  # eigenvalues that are not there are 0
    assert float(value_of(sqrt(x), {x: Rational(2)})) == math.sqrt(2)
    for undefined in (1 / (x - x * y), sqrt(-x), log(x - 1)):
        with pytest.raises(InputError, match="no finite real number"):
            value_of(undefined, {x: Rational(1), y: Rational(1)})


@pytest.mark.parametrize("name", NAMES)
def test_regimes_satisfy_the_hypotheses(name):
    form = FORMS[name]
    for regime, sample in form.regimes.items():
        for seed in range(20):
            point = {symbol.name: number for symbol, number in sample(random.Random(seed)).items()}
            assert set(letters_of(name)) <= set(point), regime
            chosen = [number for symbol, number in point.items() if symbol.startswith("chi")]
            levels = [number for symbol, number in point.items() if symbol.startswith("lambda")]
            assert set(chosen) <= {0, 1}
            assert levels == sorted(set(levels), reverse=True)
            assert all(level > 0 for level in levels)
            assert not levels or point["T"] > sum(levels)
            if "rho" in point:
                idle, pairs = point["p"] - point["r"], point["r"] * (point["rho"] - point["r"])
                assert 0 <= point["r"] <= min(point["p"], point["rho"])
                assert point["rho"] <= min(point["n"], point["m"])
                assert point["v"] + point["z"] <= idle
                assert point["v"] <= point["m"] - point["rho"]
                assert point["z"] <= point["n"] - point["rho"]
                assert point["inv"] + point["tie"] <= pairs
