"""The inertia of deep linear networks: rows, exact Hessians by another route, float64, and the verdicts."""

from dataclasses import replace
from random import Random

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sympy import Eq, Integer

from numerics.linear_networks import loss
from numerics.path_ranks import path_ranks
from proofs_checks import verify
from proofs_checks.claims.linear_networks.hessian_index import claims
from proofs_checks.judge import judge
from proofs_checks.linear_landscape import deep_exact, deep_floats
from proofs_checks.linear_landscape.linear_inertia import linear_inertia
from proofs_checks.precision import float64
from proofs_checks.profile import Profile
from proofs_checks.store import open_store
from theory import rational_matrices
from theory.derivation import check
from theory.errors import InputError
from theory.linear_landscape import any_depth, deep_counts, paths, strings
from theory.linear_landscape.deep_points import DeepPoint
from theory.linear_landscape.formulas import Sizes, inertia
from theory.linear_landscape.instances import RationalProblem
from theory.linear_networks.hessian_index import DEFAULT_WIDTHS, PARAMETERS, derivation
from theory.parameters import resolve
from theory.proving.matrix_words import MatrixWords
from theory.proving.outcome import Answer, Status

DERIVATION = derivation()
LAYERS = len(DEFAULT_WIDTHS) - 1
WORD_ROWS = [row for row in DERIVATION.rows if isinstance(row.method, MatrixWords)]


def deep_points(widths, levels, seed=0):
    return list(deep_exact.points(seed, widths, levels))


def test_no_row_is_open_and_the_conclusion_is_shown():
    assert DERIVATION.status == "derived"
    assert DERIVATION.concludes


@pytest.mark.parametrize("widths", [(2, 3, 2), (1, 2, 1, 2, 1)])
def test_other_depths_are_derived(widths):
    assert derivation(widths).status == "derived"


@pytest.mark.parametrize("position", range(len(WORD_ROWS)))
def test_planted_errors_in_word_rows_are_refuted(position):
    row = WORD_ROWS[position]
    left, right = row.relation.args
    planted = row.method.discharge(Eq(left, 2 * right, evaluate=False), None)
    assert planted.answer is Answer.NO


def test_without_a_vanishing_gradient_the_three_parts_are_not_shown():
    row = WORD_ROWS[-1]
    assert len(row.method.rules) == LAYERS
    weaker = replace(row, method=replace(row.method, rules=row.method.rules[1:]))
    assert check(weaker).status is Status.OPEN


def test_the_index_without_one_pair_of_layers_is_not_shown():
    row = next(row for row in DERIVATION.rows if row.relation == deep_counts.index_relation(LAYERS))
    lost = deep_counts.width(1) - deep_counts.forward(1, 2)
    spoiled = Eq(row.relation.lhs, row.relation.rhs.subs(lost, 0), evaluate=False)
    assert spoiled != row.relation
    assert check(replace(row, relation=spoiled)).status is Status.OPEN


@pytest.mark.parametrize(
    ("widths", "levels"),
    [((3, 3, 2, 3), (3, 2)), ((2, 3, 3, 2), (2, 2)), ((3, 2, 2, 2, 2), (3, 1)), ((3, 4, 3), (2, 1)),
     ((2, 1, 2, 1, 2, 2), (3, 2))],
)  # fmt: skip
def test_exact_inertia_is_that_of_ranks(widths, levels):
    for point in deep_points(widths, levels, seed=5):
        assert all(slope.is_zero_matrix for slope in point.gradient)
        assert rational_matrices.inertia(point.hessian()) == point.predicted_inertia


def test_hessian_of_a_point_is_that_of_automatic_differentiation():
    point = deep_points((3, 2, 3, 2), (3, 1))[-2]
    layers = [jnp.asarray(deep_floats.to_floats(layer)) for layer in point.layers]
    x, y = (jnp.asarray(deep_floats.to_floats(data).T) for data in (point.problem.X, point.problem.Y))
    shapes = [layer.shape for layer in layers]
    cuts = np.cumsum([layer.size for layer in layers])[:-1]

    def flat_loss(theta):
        parts = jnp.split(theta, cuts)
        return loss([part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)], x, y)

    with float64():
        found = jax.jit(jax.hessian(flat_loss))(jnp.concatenate([layer.ravel() for layer in layers]))
    expected = deep_floats.to_floats(point.hessian())
    assert np.asarray(found) == pytest.approx(expected, abs=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize("seed", range(3))
def test_two_layers_agree_with_the_formula_in_sizes(seed):
    # Ranks of products against the closed form of two layers, which knows ranks of Z and V instead.
    for point in deep_points((4, 3, 3), (3, 2), seed):
        A, B = point.layers[1], point.layers[0]
        assert of_two_layers(point, A, B) == point.predicted_inertia


def of_two_layers(point, A, B):
    rank = len(point.chosen)
    data = point.problem.cross_covariance
    columns = rational_matrices.rank(A) - rational_matrices.rank(data.transpose() * A)
    rows = rational_matrices.rank(B) - rational_matrices.rank(B * data.transpose())
    sizes = Sizes(A.shape[0], B.shape[1], A.shape[1], point.problem.sizes.rank)
    return inertia(sizes, rank, *point.pairs, columns, rows)


def test_silent_and_open_points_agree_with_the_classes():
    widths, rho, chosen, units = (4, 3, 3, 3), 3, 1, 2
    values = deep_exact.silent(widths, rho, chosen)
    values[deep_counts.forward(1, 2)] = Integer(chosen + units)
    expected = any_depth.inertia(widths, rho, chosen, 0, 0, units)
    assert deep_counts.index(3).xreplace(values) == expected.negative
    assert deep_counts.nullity(3).xreplace(values) == expected.zero


@pytest.mark.parametrize("layers", [2, 3, 4, 5])
def test_two_strings_cross_at_most_once(layers):
    for first in strings.arcs(layers):
        for second in strings.arcs(layers):
            pair = (first, second)
            crossed = paths.crossings(
                layers,
                lambda a, b, pair=pair: strings.forward(pair, layers, a, b),
                lambda a, b, pair=pair: strings.around(pair, layers, a, b),
            )
            assert crossed == bool(strings.couplings(layers, first, second))


def test_random_strings_fill_the_nodes():
    random = Random(4)
    for _ in range(30):
        idle = [random.randint(0, 3) for _ in range(4)]
        unexplained = random.randint(0, min(idle[0], idle[-1]))
        found = strings.random_strings(random, idle, unexplained, random.random())
        assert [sum(one.has(4, node) for one in found) for node in range(4)] == idle
        assert sum(one.has(4, 3, 2) for one in found) == unexplained


def test_ranks_in_float64_survive_unbalanced_layers():
    case = {"widths": [3, 3, 2, 3], "levels": [3, 2], "stretch": 1000}
    assert deep_floats.miscounts(0, **case, method="ranks") == 0
    assert deep_floats.miscounts(0, **case, method="eigenvalues") > 0


def test_inertia_of_inputs_that_lack_rank():
    # Twice the same column: the layer is free along their difference, d_1 more zero eigenvalues.
    point = deep_points((2, 2, 2, 2), (3, 2))[-1]
    x, y = (deep_floats.to_floats(data).T for data in (point.problem.X, point.problem.Y))
    layers = [deep_floats.to_floats(layer) for layer in point.layers]
    whole = linear_inertia(layers, x, y)
    split = np.concatenate([layers[0][:, :1] / 2, layers[0][:, :1] / 2, layers[0][:, 1:]], axis=1)
    found = linear_inertia([split, *layers[1:]], np.concatenate([x[:, :1], x], axis=1), y)
    assert found.inertia.negative == whole.inertia.negative
    assert found.inertia.zero == whole.inertia.zero + 2
    assert found.inertia.positive == whole.inertia.positive


def test_numbers_near_a_threshold_are_doubtful_and_points_that_are_not_critical_show():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(9, 3)), random.normal(size=(9, 2))
    layers = [random.normal(size=shape) for shape in ((3, 3), (2, 3))]
    assert path_ranks(layers, x, y).defect > 1e-3
    zero = [np.zeros((3, 3)), np.zeros((2, 3))]
    clear = path_ranks(zero, x, y)
    assert clear.defect == 0
    assert not clear.doubtful
    nearly = [1e-15 * random.normal(size=(3, 3)), random.normal(size=(2, 3))]
    assert path_ranks(nearly, x, y).doubtful
    zero[0][0, 0] = 1e-13
    assert path_ranks([zero[0], np.eye(2, 3)], x, np.zeros((9, 2))).separation < clear.separation


def test_shapes_that_do_not_follow_each_other_are_refused():
    with pytest.raises(ValueError, match="do not follow each other"):
        path_ranks([np.eye(3), np.eye(2)], np.ones((4, 3)), np.ones((4, 2)))


@pytest.mark.parametrize("given", ["5,3", "3,3,3,3,3,3", "0,1,1", "5,3,400", "five,3,4"])
def test_bad_widths_are_refused(given):
    with pytest.raises(InputError):
        resolve(PARAMETERS, {"widths": given})


def test_verdicts_are_as_expected_and_controls_fail_for_their_reason():
    report = verify("linear_networks.hessian_index", profile="quick", seed=5)
    found = {one["name"]: one for one in report.to_dict()["theorems"][0]["claims"]}
    assert report.as_expected
    # (p - r)(rho - r) with p = rho = 3.
    assert found["index where training pauses"]["estimate"] == [9, 4, 1, 0]
    assert sum(one["control"] for one in found.values()) == 4


@pytest.mark.parametrize("widths", [(1, 1, 1), (2, 3, 1, 2), (5, 3, 1), (3, 3, 3, 3, 3)])
def test_claims_exist_for_all_widths(widths):
    found = claims(Profile("quick"), widths)
    assert len({claim.name for claim in found}) == len(found)
    assert sum(claim.control for claim in found) >= 2


@pytest.mark.parametrize(
    ("name", "position", "letter"),
    [("exact inertia", 0, "g_31"), ("exact inertia", 0, "f_12"), ("exact inertia", 1, "f_02"),
     ("critical manifold", 0, "r"), ("index where training pauses", 0, "d_1")],
)  # fmt: skip
def test_planted_errors_in_closed_forms_are_refuted(name, position, letter):
    claim = next(one for one in claims(Profile("quick")) if one.name == name)
    form = claim.closed_forms[position]
    symbol = next(one for one in form.expression.free_symbols if one.name == letter)
    spoiled = form.restate(form.expression.subs(symbol, symbol + 1))
    with open_store(None) as store:
        assert judge(spoiled, theorem="tests", store=store, seed=5).verdict.outcome == "refuted"


def test_regimes_give_counts_that_exist():
    for layers in (2, 3, 4):
        for sample in deep_exact.regimes(layers).values():
            for seed in range(10):
                values = sample(Random(seed))
                index = deep_counts.index(layers).xreplace(values)
                nullity = deep_counts.nullity(layers).xreplace(values)
                weights = deep_counts.weights(layers).xreplace(values)
                assert 0 <= index <= index + nullity <= weights


def test_a_point_of_every_string_pattern_has_the_ranks_of_its_strings():
    random = Random(2)
    problem = RationalProblem.random(random, (3, 3, 3), [3, 2])
    for silence in (0.0, 0.5, 1.0):
        point = DeepPoint.random(problem, (3, 3), (1,), random, silence)
        for a, b in ((0, 1), (1, 2), (2, 3), (0, 2), (1, 3)):
            assert point.forward(a, b) == 1 + strings.forward(point.strings, 3, a, b)
        for a, b in ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)):
            assert point.around(a, b) == 1 + strings.around(point.strings, 3, a, b)


def test_nullity_of_two_layers_is_that_of_the_other_theorem():
    # The formula in sizes with z = v = 0 against that in ranks at silent points.
    for chosen in range(3):
        values = deep_exact.silent((5, 4, 3), 3, chosen)
        other = inertia(Sizes(3, 5, 4, 3), chosen, 0)
        assert deep_counts.nullity(2).xreplace(values) == other.zero
