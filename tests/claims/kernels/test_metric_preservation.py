"""Random layers as maps: derivation against quadrature and known values, verdicts, planted errors."""

import dataclasses
import math

import jax
import numpy as np
import pytest
from scipy import stats
from sympy import Max, Rational, Symbol, limit, pi

from proofs_checks.claims.kernels import metric_preservation as trial
from proofs_checks.engine import Remembering
from proofs_checks.insertion import value_of
from proofs_checks.judge import judge
from proofs_checks.profile import Profile
from proofs_checks.random_layers.maps import chi_squared, gaussian_limit, spread_binomial
from proofs_checks.store import open_store
from theory.errors import InputError, OutsideClass
from theory.gaussian.expectation import A, B, C
from theory.grammar import parse
from theory.kernels.metric_preservation import derivation, distance, inner_product, relu_distance, statement

Z = Symbol("z", real=True)
RELU = Max(Z, 0)


def certificate(claim, seed=1, engine=None):
    with open_store(None) as store:
        return judge(claim, theorem="kernels.metric_preservation", store=store, seed=seed, engine=engine)


@pytest.mark.parametrize("text", ["max(z, 0)", "sign(z)"])
def test_it_is_derived(text):
    found = derivation(parse(text, symbols=("z",)))
    assert found.status == "derived"
    assert found.concludes


def gaussian_pairs(text):
    """(u, v) with covariance [[0.9, 0.3], [0.3, 0.7]] and weights whose sum is 1.

    Homogeneous functions are averaged over the directions in the plane and multiplied by moments of the
    radius, E r^2 = 2 and E r^4 = 8; smooth ones by Gauss-Hermite sums.
    """
    if text == "sin(z)":
        nodes, weights = np.polynomial.hermite_e.hermegauss(60)
        s, t = (grid.ravel() for grid in np.meshgrid(nodes, nodes))
        both = np.outer(weights, weights).ravel() / weights.sum() ** 2
    else:
        angles = 2 * np.pi * (np.arange(400_000) + 0.5) / 400_000
        s, t, both = np.cos(angles), np.sin(angles), np.full(400_000, 1 / 400_000)
    return math.sqrt(0.9) * s, 0.3 / math.sqrt(0.9) * s + math.sqrt(0.7 - 0.1) * t, both


@pytest.mark.parametrize("text", ["max(z, 0)", "sin(z)", "abs(z)"])
def test_closed_forms_against_sums(text):
    function = {"max(z, 0)": lambda t: np.maximum(t, 0), "sin(z)": np.sin, "abs(z)": np.abs}[text]
    u, v, weights = gaussian_pairs(text)
    p, q = function(u), function(v)
    second, fourth = (1, 1) if text == "sin(z)" else (2, 8)
    point = {A: Rational(9, 10), B: Rational(7, 10), C: Rational(3, 10)}
    found = trial.forms(parse(text, symbols=("z",)))
    # The midpoint rule at a kink errs by the square of the spacing, 2.5e-10.
    for form, values, factor in (
        (found.distance, (p - q) ** 2, second),
        (found.inner, p * q, second),
        (found.quartic, (p - q) ** 4, fourth),
    ):
        assert float(value_of(form, point)) == pytest.approx(factor * (weights @ values), abs=1e-8)


def test_published_values_at_one_radian():
    """E |rho(Mx) - rho(My)|^2 for unit vectors at the angle 1, worked out by hand."""
    sine, cosine = math.sin(1.0), math.cos(1.0)
    psi = (sine - cosine) / math.pi
    point = {A: Rational(1), B: Rational(1), C: Rational(cosine)}
    assert float(value_of(distance(RELU), point)) == pytest.approx(1 - cosine - psi, abs=1e-14)
    assert float(value_of(inner_product(RELU), point)) == pytest.approx((cosine + psi) / 2, abs=1e-14)


def test_the_opposite_sign_triples_the_distance_of_opposite_inputs():
    """For y = -x the squared distance is |x|^2: every unit is active for exactly one of the two."""
    opposite = {
        sign: limit(relu_distance(sign).subs({B: A}).subs(C, -A * (1 - Z)).subs(A, 1), Z, 0)
        for sign in (-1, 1)
    }
    assert opposite == {-1: 1, 1: 3}


def test_the_sign_changes_with_the_angle_over_pi():
    """Orthogonal inputs are told apart by half of the units, those at sixty degrees by a third."""
    differ = trial.forms(RELU).differ
    for cosine, share in ((Rational(0), Rational(1, 2)), (Rational(1, 2), Rational(1, 3))):
        assert differ.subs({A: 1, B: 1, C: cosine}) == share
    assert (differ * pi).subs({A: 4, B: 1, C: -1}) == 2 * pi / 3


def test_laws_against_scipy():
    values = np.linspace(-1.0, 20.0, 43)
    assert chi_squared(values, 8) == pytest.approx(stats.chi2(8).cdf(values))
    assert gaussian_limit(values, 8) == pytest.approx(stats.norm(8, 4).cdf(values))
    whole = np.arange(0, 18)
    law = stats.binom(16, 0.3)
    assert spread_binomial(whole.astype(float), 16, 0.3) == pytest.approx(law.cdf(whole - 1))
    assert spread_binomial(whole + 0.25, 16, 0.3) == pytest.approx(law.cdf(whole - 1) + law.pmf(whole) / 4)


@pytest.mark.parametrize("text", ["max(z, 0)"])
def test_it_is_judged_as_expected(text):
    for claim in trial.claims(Profile("quick"), parse(text, symbols=("z",))):
        assert certificate(claim).verdict.outcome == claim.expected, claim.name


def test_a_planted_error_of_five_percent_is_refuted_in_every_entry():
    (claim, *_), engine = trial.claims(Profile("quick")), Remembering()
    (point,) = claim.grid
    for place in range(0, point.components, 4):
        wrong = tuple(v * (1.05 if k == place else 1) for k, v in enumerate(point.predicted))
        planted = dataclasses.replace(claim, grid=(dataclasses.replace(point, predicted=wrong),))
        assert certificate(planted, engine=engine).verdict.outcome == "refuted"


def test_the_measured_distance_is_that_of_the_layer_itself():
    """The experiment against h(x) = rho(M x) with M of variance 1/m, written out."""
    (claim, *_) = trial.claims(Profile("quick"))
    parameters = {**claim.grid[0].parameters, "networks": 1}
    measured = claim.experiment(jax.random.key(3), **parameters)
    m, x = parameters["width"], np.asarray(parameters["inputs"])
    weights = np.asarray(jax.random.normal(jax.random.key(3), (m * 3,))).reshape(m, 3) / np.sqrt(m)
    h = np.maximum(weights @ x.T, 0)
    (i, j) = parameters["pairs"][1]
    assert float(measured[1]) == pytest.approx(((h[:, i] - h[:, j]) ** 2).sum(), rel=1e-12)
    assert float(measured[4]) == pytest.approx(h[:, i] @ h[:, j], rel=1e-12)


def test_what_it_refuses():
    with pytest.raises(InputError, match="constant"):
        statement(parse("2", symbols=("z",)))
    with pytest.raises(InputError, match="square integrable"):
        derivation(parse("exp(z**2/3)", symbols=("z",)))
    with pytest.raises(OutsideClass):
        statement(parse("tanh(z)", symbols=("z",)))
