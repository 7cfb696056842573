"""Strict and non-strict saddles: rows, the rule at hand-made points, wrong rules, and the verdicts."""

from dataclasses import replace

import pytest
from sympy import Eq, Integer, Le, Matrix, Rational, expand, hessian, symbols

from proofs_checks import verify
from proofs_checks.claims.linear_networks.second_order import claims
from proofs_checks.judge import judge
from proofs_checks.linear_landscape import deep_exact
from proofs_checks.profile import Profile
from proofs_checks.store import open_store
from theory.derivation import check
from theory.linear_landscape import deep_counts, descent_curves, strings
from theory.linear_networks.second_order import derivation
from theory.proving.outcome import Answer, Status

DERIVATION = derivation()


def test_no_row_is_open_and_the_conclusion_is_shown():
    assert DERIVATION.status == "derived"
    assert DERIVATION.concludes


def test_another_depth_is_derived():
    assert derivation((2, 3, 2)).status == "derived"


def test_sharper_bounds_are_not_shown():
    # The sum over pivots is up to 2 c for three layers: c alone does not bound it.
    row = DERIVATION.rows[-1]
    c, t = deep_counts.crossings(3), deep_counts.untightened(3)
    assert check(replace(row, relation=Le(t, c, evaluate=False))).status is Status.OPEN
    count = DERIVATION.rows[-3]
    pairs = deep_counts.closed_pairs(3)
    assert check(replace(count, relation=Le(count.relation.lhs, pairs, evaluate=False))).status is Status.OPEN


@pytest.mark.parametrize(("layers", "most"), [(2, 1), (3, 2), (4, 4), (5, 6)])
def test_most_entries_that_multiply_are_those_of_two_halves(layers, most):
    # |X| |Y| for disjoint sets X, Y of layers: at most (H / 2)^2.
    assert deep_counts.most(layers) == most == layers**2 // 4
    assert strings.arcs(layers)


# L = (s - w_3 w_2 w_1)^2 / 2 with one unit a layer: everything by hand.
W = symbols("w_1:4", real=True)
SCALAR = (2 - W[0] * W[1] * W[2]) ** 2 / 2


@pytest.mark.parametrize(
    ("point", "negative"),
    # One layer open leaves a product of the other two to descend along; at the origin there is none.
    [((0, 0, 0), 0), ((0, 3, 0), 1), ((1, 0, 0), 1), ((0, 0, 5), 1), ((1, 2, 1), 0)],
)
def test_one_unit_a_layer(point, negative):
    at = dict(zip(W, point, strict=True))
    assert [SCALAR.diff(w).subs(at) for w in W] == [0, 0, 0]
    eigenvalues = hessian(SCALAR, W).subs(at).eigenvals(multiple=True)
    assert sum(bool(value < 0) for value in eigenvalues) == negative
    rank = Integer(point == (1, 2, 1))
    layers = [Matrix([[one]]) for one in point]
    values = letters(layers, Matrix([[2]]), rank)
    assert deep_counts.index(3).xreplace(values) == negative
    assert (deep_counts.untightened(3).xreplace(values) > 0) == bool(negative)


def letters(layers, data, rank):
    """The letters of the closed forms by SymPy's ranks."""

    def path(a, b):
        found = Matrix.eye(data.shape[0] if a == 0 else layers[a - 1].rows)
        for layer in layers[a:b]:
            found = layer * found
        return found

    values = {}
    for letter in deep_counts.ranks(3):
        a, b = map(int, letter.name[2:])
        matrix = path(a, b) if letter.name[0] == "f" else path(0, b) * data * path(a, 3)
        values[letter] = Integer(matrix.rank())
    sizes = [layers[0].cols, *(layer.rows for layer in layers)]
    widths = {deep_counts.width(node): Integer(size) for node, size in enumerate(sizes)}
    return {
        **values,
        **widths,
        deep_counts.r: rank,
        deep_counts.inv: Integer(0),
        deep_counts.ties: Integer(0),
    }


def test_a_non_strict_saddle_is_no_minimum():
    # Third order descends at the origin, whose Hessian is zero.
    t = Rational(1, 10)
    assert hessian(SCALAR, W).subs(dict.fromkeys(W, 0)).is_zero_matrix
    assert SCALAR.subs(dict.fromkeys(W, t)) < SCALAR.subs(dict.fromkeys(W, 0))


def test_rows_of_the_curve_with_a_planted_error_are_refuted():
    for row in descent_curves.rows()[:2]:
        left, right = row.relation.args
        assert row.method.discharge(row.relation, None).answer is Answer.YES
        assert row.method.discharge(Eq(left, 2 * right, evaluate=False), None).answer is Answer.NO


@pytest.mark.parametrize("layers", [2, 3, 5])
def test_the_change_along_the_curve_at_the_origin(layers):
    # All layers t e_1 e_1^T and M = diag(3, 2): the loss is ((3 - t^H)^2 + 4) / 2.
    t = descent_curves.t
    loss = ((3 - t**layers) ** 2 + 4) / 2
    change = descent_curves.drop(layers).subs(descent_curves.s, 3)
    assert expand(loss - loss.subs(t, 0) - change) == 0


def test_all_saddles_of_two_layers_are_strict():
    case = {"widths": (3, 2, 3), "levels": (3, 2, 1)}
    for found in deep_exact.inertias(1, **case):
        chosen = found.values[deep_counts.r]
        if chosen < 2:
            assert found.inertia.negative > 0


@pytest.mark.parametrize("rule", ["middle block", "outer block", "always"])
def test_wrong_rules_are_wrong_and_the_rule_is_right(rule):
    case = {"widths": (3, 2, 2, 3), "levels": (3, 2)}
    assert deep_exact.misclassified(3, **case, rule="pivots") == 0
    assert deep_exact.misclassified(3, **case, rule=rule) > 0


def test_both_kinds_of_points_are_tried():
    found = deep_exact.inertias(0, (3, 3, 3, 3), (5, 3))
    nested = [one for one in found if one.values[deep_counts.inv] == 0 and one.values[deep_counts.r] < 2]
    assert {one.inertia.negative > 0 for one in nested} == {True, False}


def test_verdicts_are_as_expected_and_controls_fail_for_their_reason():
    report = verify("linear_networks.second_order", profile="quick", seed=7)
    found = {one["name"]: one for one in report.to_dict()["theorems"][0]["claims"]}
    assert report.as_expected
    assert found["three layers pause at non-strict saddles"]["estimate"] == [0, 0, 0, 0]
    # q (rho - r) with q = 3 - r open units, as if the middle were not there.
    assert found["an open middle"]["estimate"] == [9, 4, 1, 0]


@pytest.mark.parametrize("widths", [(1, 1, 1), (2, 3, 1, 2), (3, 3, 3, 3, 3)])
def test_claims_exist_for_all_widths(widths):
    found = claims(Profile("quick"), widths)
    assert len({claim.name for claim in found}) == len(found)


@pytest.mark.parametrize(("name", "letter"), [("sum over pivots", "g_31"), ("sum over pivots", "r")])
def test_planted_errors_in_closed_forms_are_refuted(name, letter):
    claim = next(one for one in claims(Profile("quick")) if one.name == name)
    form = claim.closed_forms[0]
    symbol = next(one for one in form.expression.free_symbols if one.name == letter)
    spoiled = form.restate(form.expression.subs(symbol, symbol + 1))
    with open_store(None) as store:
        assert judge(spoiled, theorem="tests", store=store, seed=5).verdict.outcome == "refuted"
