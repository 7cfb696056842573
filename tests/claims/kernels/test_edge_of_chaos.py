"""The edge of chaos: rows, false rows, the trial and its predictions by other routes."""

import dataclasses
from math import asin, pi, sqrt

import jax
import numpy as np
import pytest
from scipy import integrate, optimize
from sympy import Rational

from proofs_checks import verify
from proofs_checks.claims.kernels import edge_of_chaos as trial
from proofs_checks.deep_kernels.edge_networks import OneHiddenLayer, ThroughDepth
from proofs_checks.engine import Remembering
from proofs_checks.judge import judge
from proofs_checks.profile import Profile
from proofs_checks.store import open_store
from theory.deep_kernels.edge_certified import (
    SlopeOfCorrelations,
    bias_at,
    chaos,
    fixed_correlation,
    number,
    slope_about,
    slopes_at,
)
from theory.deep_kernels.edge_rows import RELU, relu_rows
from theory.derivation import check
from theory.errors import InputError
from theory.grammar import parse
from theory.kernels.edge_of_chaos import derivation
from theory.proving.outcome import Status

QUICK = Profile("quick")


def activation(text):
    return parse(text, symbols=("z",))


def named(name, *arguments):
    return next(claim for claim in trial.claims(QUICK, *arguments) if claim.name == name)


@pytest.mark.parametrize("text", ["erf(z)", "max(z, 0)"])
def test_the_derivation_has_no_open_row(text):
    found = derivation(activation(text))
    assert found.status == "derived"
    assert found.counts["proved"] >= 0.65 * found.counts["rows"]


def test_the_verdicts_are_as_expected():
    verify("kernels.edge_of_chaos", profile="quick", seed=11).raise_if_unexpected()


def outcome(claim, seed=1):
    with open_store(None) as store:
        return judge(claim, theorem="kernels.edge_of_chaos", store=store, seed=seed).verdict.outcome


@pytest.mark.parametrize("name", ["correlation length", "off the critical line"])
def test_sine_at_another_fixed_point_and_depth(name):
    claim = named(name, activation("sin(z)"), Rational(3, 2), 3)
    assert outcome(claim) == claim.expected


@pytest.mark.parametrize("place", [2, 4, 6, 7, 10])
def test_a_wrong_rate_of_relu_stays_open(place):
    row = relu_rows(RELU)[place]
    wrong = row.relation.func(row.relation.lhs, 2 * row.relation.rhs, evaluate=False)
    assert check(row).status is Status.PROVED
    assert check(dataclasses.replace(row, relation=wrong)).status is Status.OPEN


def test_the_rate_of_relu_by_iteration():
    """R(rho) iterated in the angle, which loses no digits near 1: (1 - rho_l) l^2 -> 9 pi^2 / 2."""
    angle, layers = 1.0, 20_000
    for _ in range(layers):
        deviation = 2 * np.sin(angle / 2) ** 2 - (np.sin(angle) - angle * np.cos(angle)) / pi
        angle = 2 * np.arcsin(sqrt(deviation / 2))
    # u_l = l sqrt(2)/(3 pi) + O(log l)
    assert 2 * np.sin(angle / 2) ** 2 * layers**2 / (4.5 * pi**2) == pytest.approx(
        1, abs=10 * np.log(layers) / layers
    )


def test_one_layer_predictions_by_quadrature():
    claim = named("one layer", activation("sin(z)"))
    (point,) = claim.grid
    a, b, rho = (point.parameters[name] for name in ("a", "b", "rho"))

    def mean(function):
        def integrand(y, x):
            v = sqrt(b) * (rho * x + sqrt(1 - rho**2) * y)
            return function(sqrt(a) * x, v) * np.exp(-(x**2 + y**2) / 2) / (2 * pi)

        return integrate.dblquad(integrand, -8, 8, -8, 8, epsabs=1e-9)[0]

    expected = (
        mean(lambda u, v: np.sin(u) ** 2),
        mean(lambda u, v: np.cos(v) ** 2),
        mean(lambda u, v: np.sin(u) * np.sin(v)),
        mean(lambda u, v: np.cos(u) * np.cos(v)),
    )
    assert point.predicted == pytest.approx(expected, rel=1e-6)


def test_the_line_of_erf_in_floats():
    (_, point, _) = named("critical line").grid
    q = 0.8
    slopes, square = 4 / pi / sqrt(1 + 4 * q), 2 / pi * asin(2 * q / (1 + 2 * q))
    assert point.predicted == pytest.approx((slopes, square))


@pytest.fixture(scope="module")
def tanh_rows():
    return derivation(activation("tanh(z)"))


def test_tanh_has_certified_numbers_and_a_proved_line(tanh_rows):
    assert tanh_rows.status == "derived"
    assert tanh_rows.counts["certified"] == 8
    numbers = {number for number, one in enumerate(tanh_rows.checked, 1) if one.status is Status.PROVED}
    assert set(tanh_rows.concluding_steps) <= numbers


def test_twice_the_value_of_tanh_stays_open(tanh_rows):
    rows = [one.row for one in tanh_rows.checked if one.status is Status.CERTIFIED]
    slope, gap, length = rows[4:7]
    for row in (slope, length):
        (node,) = row.relation.atoms(SlopeOfCorrelations)
        wrong = row.relation.xreplace({node: node * Rational(1001, 1000)})
        assert check(dataclasses.replace(row, relation=wrong)).status is Status.OPEN
    shifted = gap.relation.xreplace({gap.relation.rhs: gap.relation.rhs / 10**6})
    assert check(dataclasses.replace(gap, relation=shifted)).status is Status.OPEN


def normal_mean(function, q):
    def integrand(z):
        return function(sqrt(q) * z) * np.exp(-(z**2) / 2) / sqrt(2 * pi)

    return integrate.quad(integrand, -12, 12, epsabs=1e-12)[0]


def test_the_phase_diagram_of_tanh():
    """On the line at sigma_b^2 = 1/20 the weight variance is 1.76 (Schoenholz et al. 2017, figure 1)."""
    f = activation("tanh(z)")

    def bias(q):
        return q - normal_mean(lambda z: np.tanh(z) ** 2, q) / normal_mean(lambda z: np.cosh(z) ** -4, q)

    q = optimize.brentq(lambda q: bias(q) - 0.05, 0.1, 2)
    place = Rational(str(round(q, 6)))
    assert float(number(bias_at(f, place))) == pytest.approx(0.05, abs=1e-5)
    weight = float(number(1 / slopes_at(f, place)))
    assert weight == pytest.approx(1 / normal_mean(lambda z: np.cosh(z) ** -4, q), rel=1e-5)
    assert weight == pytest.approx(1.76, abs=0.005)


def test_the_fixed_correlation_of_tanh_by_iteration():
    """R iterated with Gauss-Hermite sums, and the slope of R there by differences."""
    f, q, chi = activation("tanh(z)"), 0.8, chaos(activation("tanh(z)"), Rational(4, 5))
    x, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    weight = float(chi) / normal_mean(lambda z: np.cosh(z) ** -4, q)
    bias = q - weight * normal_mean(lambda z: np.tanh(z) ** 2, q)

    def step(rho):
        v = sqrt(q) * (rho * x[:, None] + sqrt(1 - rho**2) * x)
        return (bias + weight * weights @ (np.tanh(sqrt(q) * x)[:, None] * np.tanh(v)) @ weights) / q

    rho = 0.5
    for _ in range(400):
        rho = step(rho)
    found = fixed_correlation(f, Rational(4, 5), chi)
    assert float(found) == pytest.approx(rho, abs=1e-6)
    slope = (step(rho + 1e-4) - step(rho - 1e-4)) / 2e-4
    assert float(number(slope_about(f, Rational(4, 5), chi, found))) == pytest.approx(slope, abs=1e-5)


@pytest.mark.parametrize("name", ["correlation length", "wrong slope at equal inputs"])
def test_verdicts_of_tanh(name):
    claim = named(name, activation("tanh(z)"))
    assert outcome(claim) == claim.expected


def test_relu_has_no_chaotic_phase_of_the_same_variance():
    assert not any("length" in claim.name for claim in trial.claims(QUICK, RELU))


def test_no_resolution_hides_behind_its_margin():
    for claim in trial.claims(QUICK):
        for point in claim.grid:
            margins, resolutions = (np.atleast_1d(v) for v in (point.margin, point.resolution))
            assert np.all(margins <= resolutions / 4)


def test_a_planted_error_in_the_growth_is_refuted():
    claim, engine = named("gradients through depth"), Remembering()
    (form,) = claim.closed_forms
    with open_store(None) as store:
        planted = form.restate(form.expression * Rational(6, 5))
        certificate = judge(planted, theorem="kernels.edge_of_chaos", store=store, seed=2, engine=engine)
    assert certificate.verdict.outcome == "refuted"


def test_deep_networks_of_linear_units_keep_every_covariance_in_the_mean():
    """With s = z nothing changes from layer to layer: exact for sampler and extrapolation."""
    first = ((1.0, 0.3, 0.2), (0.3, 1.0, 0.0), (0.2, 0.0, 1.0))
    with jax.enable_x64(True):
        values = ThroughDepth(activation("z"))(
            jax.random.split(jax.random.key(1), 320),
            first=first,
            entries=((0, 0), (0, 1), (0, 2), (2, 2)),
            width=16,
            depth=3,
            networks=16,
            weight_variance=1.0,
            bias_variance=0.0,
        )
    error = values.std(axis=0) / sqrt(320)
    assert np.all(np.abs(values.mean(axis=0) - (1.0, 0.3, 0.2, 1.0)) < 5 * error)


def test_number_of_seeds_does_not_change_the_values():
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(2), 20)
        options = {"a": 0.5, "b": 1.2, "rho": 0.3, "width": 4, "networks": 2, "entries": (0, 3)}
        many, few = (OneHiddenLayer(RELU)(part, **options) for part in (keys, keys[:3]))
    assert many.shape == (20, 2)
    assert np.array_equal(many[:3], few)


def test_refusals():
    for text in ("cos(z)", "softplus(z)"):
        with pytest.raises(InputError, match="is critical with variance 4/5"):
            derivation(activation(text))
    with pytest.raises(InputError, match="2 to 8 hidden layers"):
        verify("kernels.edge_of_chaos", depth=20)
