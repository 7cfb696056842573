"""The embedding principle: derivation, networks and counts by other means, verdicts, parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import null_space
from scipy.optimize import minimize
from sympy import Eq, Rational, tanh

from proofs_checks import verify
from proofs_checks.embeddings import exact, line, trained
from proofs_checks.embeddings import tanh as network
from proofs_checks.insertion import value_of
from proofs_checks.precision import float64
from theory.certified_minima import fukumizu_amari
from theory.certified_minima.functions import of_expression, summed
from theory.certified_minima.minimum import certify
from theory.embeddings import counts
from theory.embeddings.copies import m
from theory.errors import InputError
from theory.landscape import embedding_principle as theorem
from theory.parameters import resolve
from theory.proving.consequence import Consequence
from theory.proving.identity import Identity
from theory.proving.matrix_words import MatrixWords
from theory.proving.outcome import Answer

pytest.importorskip("flint", reason="python-flint is not installed: nothing can be certified here")

DERIVATION = theorem.derivation()
EQUATIONS = [row for row in DERIVATION.rows if isinstance(row.method, Identity | MatrixWords)]
COUNTS = [row for row in DERIVATION.rows if isinstance(row.method, Consequence)]
COPIES = ("2", "-3/2", "1/2")


def test_only_laws_of_inertia_are_cited():
    cited = {one.outcome.how for one in DERIVATION.checked if one.status.value == "cited"}
    assert DERIVATION.status == "derived"
    assert len(cited) == 1
    assert "Matrix Analysis" in cited.pop()


@pytest.mark.parametrize("position", range(len(EQUATIONS)))
def test_a_wrong_right_hand_side_is_refuted(position):
    row = EQUATIONS[position]
    wrong = Eq(row.relation.lhs, 2 * row.relation.rhs, evaluate=False)
    assert row.method.discharge(wrong, row.domain).answer is Answer.NO


@pytest.mark.parametrize("position", range(len(COUNTS)))
def test_a_wrong_count_does_not_follow(position):
    row = COUNTS[position]
    wrong = Eq(row.relation.lhs, row.relation.rhs + 1, evaluate=False)
    assert row.method.discharge(wrong, row.domain).answer is not Answer.YES


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"outputs": "1", "copies": "1/2,1/2", "points": 10, "steepness": 4, "share": "2"},
        {"outputs": "3", "copies": "-1,0,-1,3"},
    ],
)
def test_judged_as_expected(parameters):
    verify("landscape.embedding_principle", seed=3, **parameters).raise_if_unexpected()


@pytest.mark.parametrize("seed", range(4))
def test_counts_of_copies_by_eigenvalues(seed):
    """Random B and C of rank 1, the form of all moves on the kernel of A^T, and its eigenvalues."""
    random = np.random.default_rng(seed)
    inputs, outputs, alphas = 4, 3, np.array([[2, -1.5, 0.5], [0.25, 0, 0.75], [3, -1, -1], [1, 0, 0]])[seed]
    B = random.normal(size=(inputs, inputs))
    B, C = B + B.T, np.outer(random.normal(size=inputs), random.normal(size=outputs))
    block = [np.block([[alpha * B, C], [C.T, np.zeros((outputs, outputs))]]) for alpha in alphas]
    size = inputs + outputs
    form = np.zeros((3 * size, 3 * size))
    dual = np.zeros((size, 3 * size))
    for k, alpha in enumerate(alphas):
        part = slice(k * size, (k + 1) * size)
        form[part, part] = block[k]
        dual[:, part] = np.diag([alpha] * inputs + [1.0] * outputs)
    moves = null_space(dual)
    found = _signs(moves.T @ form @ moves)
    kernel = null_space(C.T)
    bent = _signs(kernel.T @ B @ kernel)
    letters = {counts.k_n: sum(alphas < 0), counts.k_0: sum(alphas == 0), counts.k_p: sum(alphas > 0)}
    letters |= dict(zip((counts.b_n, counts.b_0, counts.b_p), bent, strict=True))
    letters |= {counts.rank: 1, m: outputs}
    values = {letter: Rational(int(number)) for letter, number in letters.items()}
    forms = counts.negative(), counts.zero(), counts.positive()
    assert tuple(value_of(form, values) for form in forms) == found


def _signs(matrix):
    values = np.linalg.eigvalsh(matrix)
    return int(sum(values < -1e-9)), int(sum(abs(values) <= 1e-9)), int(sum(values > 1e-9))


def test_rational_networks_by_automatic_differentiation():
    """Rounding of sums of about 40 terms: 1e-10 of the largest entry is 1e6 units of it."""
    wide = exact.embedded(1, 2, COPIES)[-1].wide
    weights, values, inputs, targets = map(_floats, (wide.weights, wide.outputs, wide.data, wide.targets))

    def loss(flat):
        units = flat.reshape(len(weights), -1)
        z = inputs @ units[:, : weights.shape[1]].T
        return jnp.sum(((z + z**2 / 2 - z**3 / 3) @ units[:, weights.shape[1] :] - targets) ** 2) / 2

    with float64():
        flat = jnp.asarray(np.hstack([weights, values]).ravel())
        slopes, matrix = jax.jit(lambda at: (jax.grad(loss)(at), jax.hessian(loss)(at)))(flat)
    scale = float(np.abs(matrix).max())
    np.testing.assert_allclose(slopes, _floats(wide.gradient()).ravel(), atol=1e-10 * scale)
    np.testing.assert_allclose(matrix, _floats(wide.hessian()), atol=1e-10 * scale)


def _floats(matrix):
    return np.array(matrix.to_Matrix().tolist(), dtype=float)


def test_rational_networks_differ():
    """Negative and zero weights, C of rank 0 and more, added units: all occur."""
    found = [one for seed in range(6) for one in exact.gains(seed, 2, COPIES)]
    units = [dict(unit) for one in found for unit in one.units]
    assert {0, 1, 2} <= {int(unit[counts.rank]) for unit in units}
    assert {0, 1} <= {int(unit[counts.k_n]) for unit in units}
    assert {int(dict(one.added)[counts.added]) for one in found} == {0, 1, 2}


def test_a_trained_network_is_stationary():
    """Central differences, step 1e-6: errors of order 1e-12 times third derivatives, and rounding of 1e-9."""
    with float64():
        found = trained.trained(2, 2, 5)
    cut = found.weights.size

    def loss(flat):
        weights, outputs = flat[:cut].reshape(2, -1), flat[cut:].reshape(2, -1)
        return np.sum((np.tanh(found.inputs @ weights.T) @ outputs - found.targets) ** 2) / 2

    flat = np.concatenate([found.weights.ravel(), found.outputs.ravel()])
    slopes = [(loss(flat + 1e-6 * e) - loss(flat - 1e-6 * e)) / 2e-6 for e in np.eye(len(flat))]
    np.testing.assert_allclose(slopes, 0, atol=1e-7)
    assert loss(flat) > 1e-3
    assert found.inputs.shape[1] == network.INPUTS


def test_a_sum_over_points_is_one_expression():
    term, places = fukumizu_amari.loss_term(6), fukumizu_amari.places(10)
    whole = sum(term.subs(fukumizu_amari.x, place) for place in places)
    first = certify(summed(term, fukumizu_amari.WEIGHTS, fukumizu_amari.x, places), fukumizu_amari.START)
    second = certify(of_expression(whole, fukumizu_amari.WEIGHTS), fukumizu_amari.START)
    assert first.value.overlaps(second.value)
    assert first.curvature.overlaps(second.curvature)
    assert all(one.overlaps(two) for one, two in zip(first.box, second.box, strict=True))


def test_the_certified_unit_by_another_minimizer():
    x = np.linspace(-2, 2, 30)
    y = np.tanh(x) + np.tanh(6 * x)
    best = minimize(lambda t: np.sum((t[1] * np.tanh(t[0] * x) - y) ** 2) / 2, [1.0, 1.0], tol=1e-10)
    found = fukumizu_amari.minimum(30, 6)
    np.testing.assert_allclose(
        best.x, found.point, atol=1e-5
    )  # slopes of 1e-8 by differences, curvature 0.37
    assert best.fun == pytest.approx(float(found.value.mid()), abs=1e-9)
    # The published prototype has the mean: 0.0049036.
    assert float(found.value.mid()) / 30 == pytest.approx(0.0049036, abs=5e-8)


def test_two_units_reach_zero():
    place = fukumizu_amari.places(30)[3]
    assert fukumizu_amari.target(place, 6) - tanh(place) - tanh(6 * place) == 0


def test_a_share_between_0_and_1_is_left():
    setting = {"points": 30, "steepness": 6, "radius": "1e-13", "precision": 120, "outputs": 1, "units": 4}
    with float64():
        stays = line.residual(0, share=1.5, **setting)
        left = line.residual(0, share=0.5, **setting)
    assert abs(stays) <= 1 < -left


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"outputs": "4"}, "from 1 to 3"),
        ({"copies": "1"}, "2 to 4"),
        ({"copies": "1/2,1/3"}, "sum 1"),
        ({"copies": "20,-19"}, "from -10 to 10"),
        ({"copies": 1}, "such as"),
        ({"copies": "1/2,x"}, "x"),
        ({"points": "11"}, "even"),
        ({"points": "32"}, "1 to 30"),
        ({"steepness": "2"}, "from 4 to 8"),
        ({"share": "1/2"}, "saddle"),
        ({"radius": "1"}, "at most"),
        ({"precision": "10"}, "64"),
    ],
)
def test_what_the_theorem_does_not_allow_is_refused(given, text):
    with pytest.raises(InputError, match=text):
        resolve(theorem.PARAMETERS, given)


def test_hypotheses_can_fail():
    statement = theorem.statement()
    for letter in (theorem.value_at_0, *theorem.DEFAULT_COPIES):
        broken = {
            name: value + 1 if letter in (name, value) else value
            for name, value in statement.instance.items()
        }
        assert not all(one.satisfied_by(broken) for one in statement.hypotheses)
