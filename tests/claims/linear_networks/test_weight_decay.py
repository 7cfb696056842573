"""Weight decay: derivation, the threshold by convex optimization, verdicts, planted errors, bad input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sympy import Eq, Rational

from proofs_checks import verify
from proofs_checks.claims.linear_networks.weight_decay import claims
from proofs_checks.linear_minima import decayed
from proofs_checks.precision import float64
from proofs_checks.profile import Profile
from theory.errors import InputError
from theory.linear_networks import weight_decay as theorem
from theory.linear_networks.weight_decay import PARAMETERS, derivation
from theory.parameters import resolve
from theory.proving.matrix_words import MatrixWords
from theory.proving.outcome import Answer

DERIVATION = derivation()
WORD_ROWS = [row for row in DERIVATION.rows if isinstance(row.method, MatrixWords)]


def test_spectral_theorems_and_counting_alone_are_cited():
    counts = DERIVATION.counts
    assert DERIVATION.status == "derived"
    assert (counts["cited"], counts["open"], counts["not run"]) == (6, 0, 0)


def test_other_widths_are_derived():
    assert derivation((2, 5, 3), (Rational(1, 3), Rational(1, 3))).status == "derived"


@pytest.mark.parametrize("position", range(len(WORD_ROWS)))
def test_planted_errors_in_word_rows_are_refuted(position):
    row = WORD_ROWS[position]
    left, right = row.relation.args
    wrong = Eq(left, 2 * right, evaluate=False)
    if (2 * right).doit() == right.doit():  # the right side is 0
        wrong = Eq(left, theorem.w.B * theorem.w.B.T, evaluate=False)
    assert row.method.discharge(wrong, None).answer is Answer.NO


def test_the_minimum_is_the_proximal_map_of_the_nuclear_norm():
    """Full rank: proximal gradient of |M - W|^2 / 2 + lambda |W|_*, one step of which is exact for M itself.

    Its optimality is checked by the subgradient: M - W = lambda (U V^T + C), |C| <= 1 outside W's spaces.
    """
    random = np.random.default_rng(0)
    target, decay = random.normal(size=(4, 5)), 0.7
    left, levels, right = np.linalg.svd(target, full_matrices=False)
    kept = np.maximum(levels - decay, 0)
    minimizer = left * kept @ right
    certificate = (target - minimizer) / decay
    assert np.linalg.norm(certificate, 2) <= 1 + 1e-14
    assert np.sum(certificate * minimizer) == pytest.approx(kept.sum(), rel=1e-13)
    value = np.sum((target - minimizer) ** 2) / 2 + decay * kept.sum()
    letters = decayed._letters((5, 4, 4), np.sum(target**2), levels, decay, range(int(np.sum(kept > 0))))
    predicted = theorem.value((5, 4, 4)).subs(letters) / 2
    assert float(predicted) == pytest.approx(value, rel=1e-13)


def test_slope_and_curvature_are_those_of_jax():
    random = np.random.default_rng(1)
    covariance = np.diag([1.0, 2.0, 3.0])
    problem = decayed._Problem(covariance, random.normal(size=(2, 3)), (0.3, 0.5), 2, 4.0)

    def loss(weights):
        A, B = weights[:4].reshape(2, 2), weights[4:].reshape(2, 3)
        product = A @ B
        fit = 4.0 - 2 * jnp.sum(problem.cross * product) + jnp.sum(product @ covariance * product)
        return (fit + 0.5 * jnp.sum(A**2) + 0.3 * jnp.sum(B**2)) / 2

    weights = random.normal(size=10)
    with float64():
        derivatives = jax.jit(lambda flat: (loss(flat), jax.grad(loss)(flat), jax.hessian(loss)(flat)))
        value, slope, curvature = derivatives(jnp.asarray(weights))
    assert problem.loss(weights) == pytest.approx(float(value), rel=1e-14)
    np.testing.assert_allclose(problem.slope(weights), slope, atol=1e-13)
    np.testing.assert_allclose(problem.curvature(weights), curvature, atol=1e-13)


@pytest.mark.parametrize("parameters", [{}, {"widths": "4,2,4", "weight_decay": "3/10"}])
def test_judged_as_expected(parameters):
    verify("linear_networks.weight_decay", seed=4, **parameters).raise_if_unexpected()


@pytest.mark.parametrize("name", ["value", "index", "nullity"])
def test_planted_errors_are_seen(name):
    claim = claims(Profile("quick"))[0]
    form = next(one for one in claim.closed_forms if one.name == name)
    widths = claim.grid[0].parameters
    wrong = form.restate(form.expression + 1).experiment.function(3, **widths)
    assert claim.experiment.function(3, **widths) == (0, 0, 0, 0)
    assert sum(wrong) > 0


def test_most_of_the_search_converges_and_finds_several_classes():
    found = decayed._limits(0, (5, 3, 4), (0.25, 1.0), 0.0)
    assert len(found.limits) >= decayed.STARTS - 2
    assert len({round(limit.loss, 8) for limit in found.limits}) >= 3


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"weight_decay": "0"}, "above 0"),
        ({"weight_decay": "1,1,1"}, "one or two"),
        ({"weight_decay": "2"}, "at most 1"),
        ({"widths": "3,2"}, "3"),
    ],
)
def test_bad_parameters_are_refused(given, text):
    with pytest.raises(InputError, match=text):
        resolve(PARAMETERS, given)


@pytest.mark.parametrize("weight_decay", [(Rational(3, 5), Rational(3, 5)), (Rational(9, 25), Rational(1))])
def test_a_decay_that_is_a_singular_value_is_refused(weight_decay):
    with pytest.raises(InputError, match=r"too near the singular value 0\.6"):
        claims(Profile("quick"), weight_decay=weight_decay)
    with pytest.raises(InputError, match="more zero eigenvalues"):
        theorem.check([Rational(3, 2), Rational(3, 5)], weight_decay)
    theorem.check([Rational(3, 2), Rational(1, 2)], weight_decay)


def test_at_such_a_decay_the_nullity_is_larger():
    """One input and output, s = lambda: at the origin the Hessian is [[s, -s], [-s, s]], of rank one."""
    problem = decayed._Problem(np.eye(1), np.array([[0.5]]), (0.5, 0.5), 1, 0.25)
    np.testing.assert_allclose(np.linalg.eigvalsh(problem.curvature(np.zeros(2))), [0, 1], atol=1e-15)
    assert theorem.nullity().subs({theorem.p: 1, theorem.r: 0}) == 0


def test_no_factors_are_better():
    """Factors near the soft-thresholded ones and far away; the decays differ."""
    random = np.random.default_rng(3)
    target, decays = random.normal(size=(3, 4)), (0.3, 0.5)
    left, levels, right = np.linalg.svd(target, full_matrices=False)
    kept = np.sqrt(np.maximum(levels - np.sqrt(decays[0] * decays[1]), 0))[:2]
    scale = (decays[0] / decays[1]) ** 0.25
    best = np.concatenate([(scale * left[:, :2] * kept).ravel(), (kept[:, None] * right[:2] / scale).ravel()])
    problem = decayed._Problem(np.eye(4), target, decays, 2, float(np.sum(target**2)))
    least = (np.sum(target**2) - np.sum(kept**4)) / 2
    assert problem.loss(best) == pytest.approx(least, rel=1e-14)
    moved = [problem.loss(best + size * random.normal(size=14)) for size in np.geomspace(1e-6, 3, 500)]
    assert min(moved) >= least * (1 - 1e-14)


def test_training_on_real_data_ends_there():
    with float64():
        found = decayed.final_residual(0, data="diabetes", widths=(6, 3, 5), decays=(0.25, 1.0))
    assert abs(found) <= 1


def test_a_decay_that_leaves_no_weight_is_refused():
    with pytest.raises(InputError, match="smaller decays"):
        claims(Profile("quick"), weight_decay=(Rational(1), Rational(1)))
