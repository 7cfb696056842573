"""Energy of random layers: derivation, closed forms against sums and simulation, verdicts, planted errors."""

import dataclasses

import numpy as np
import pytest
from scipy import stats
from sympy import Integer, N

from proofs_checks.claims.kernels import energy_propagation as trial
from proofs_checks.insertion import value_of
from proofs_checks.judge import judge
from proofs_checks.profile import Profile
from proofs_checks.store import open_store
from theory.kernels.energy_propagation import (
    CHANNELS,
    DEPTH,
    ENERGY,
    FILTERS,
    SQUARES,
    TAPS,
    TAU,
    derivation,
    drift,
    log_moments,
)
from theory.random_layers.units import WIDTH


def certificate(claim, seed=1):
    with open_store(None) as store:
        return judge(claim, theorem="kernels.energy_propagation", store=store, seed=seed)


def claims(**parameters):
    return {claim.name: claim for claim in trial.claims(Profile("quick"), **parameters)}


def test_it_is_derived():
    found = derivation()
    assert found.status == "derived"
    assert found.concludes


def test_logarithm_of_one_layer_against_the_density_of_chi_squared():
    """E ln r and Var ln r of a layer of width 5 by numerical integration over each chi-squared law."""
    width = 5
    weights = stats.binom(width, 0.5).pmf(range(1, width + 1)) / (1 - 0.5**width)
    first, second = (
        sum(
            w * stats.chi2(j).expect(lambda t, k=k: np.log(2 * t / width) ** k)
            for j, w in zip(range(1, width + 1), weights, strict=True)
        )
        for k in (1, 2)
    )
    mean, variance = (float(N(value, 20)) for value in log_moments(width))
    # The density of one degree of freedom is unbounded at 0: the quadrature reports errors near 1e-7.
    assert mean == pytest.approx(first, abs=1e-6)
    assert variance == pytest.approx(second - first**2, abs=1e-6)
    assert float(N(drift(Integer(width), Integer(3)).doit(), 20)) == pytest.approx(3 * mean, rel=1e-12)


def test_wide_networks_drift_by_five_over_two_n():
    """ln q ~ N(-5L/2n, 5L/n) to first order (Hanin and Nica 2018); the next order is (1/n)^2."""
    width = 60
    mean, variance = (float(N(value, 20)) for value in log_moments(width))
    assert mean == pytest.approx(-5 / (2 * width), rel=5 / width)
    assert variance == pytest.approx(5 / width, rel=5 / width)


def test_second_moment_of_one_layer_by_the_chi_squared_law():
    """E r^2 = sum over j of the binomial law times E chi^4 = j (j + 2), times 4/n^2."""
    width = 7
    law = stats.binom(width, 0.5)
    expected = sum(law.pmf(j) * j * (j + 2) for j in range(width + 1)) * 4 / width**2
    assert float(value_of(SQUARES.rhs, {WIDTH: Integer(width), DEPTH: Integer(1)})) == pytest.approx(expected)


def test_variance_of_filters_by_isserlis():
    """Summed over all quadruples of taps: cov(w_s w_t, w_p w_q) = v^2 (d_sp d_tq + d_sq d_tp)."""
    taps, channels, x = 3, 2, np.asarray([float(entry) for entry in trial.signals()[3]])
    shifts = np.stack([np.roll(x, s) for s in range(taps)])
    correlation, variance, unit = shifts @ shifts.T, 1 / (taps * channels), np.eye(taps)
    pairs = np.einsum("sp,tq->stpq", unit, unit) + np.einsum("sq,tp->stpq", unit, unit)
    total = channels * variance**2 * np.einsum("st,pq,stpq->", correlation, correlation, pairs)
    energy, tau = trial._autocorrelations(taps)[3]
    point = {TAPS: Integer(taps), CHANNELS: Integer(channels), ENERGY: energy, TAU: tau}
    assert float(value_of(FILTERS.rhs, point)) == pytest.approx(total / (x @ x) ** 2, rel=1e-12)


@pytest.mark.parametrize("parameters", [{}, {"widths": 7, "depth": 3, "taps": 2, "channels": 1}])
def test_it_is_judged_as_expected(parameters):
    for name, claim in claims(**parameters).items():
        assert certificate(claim).verdict.outcome == claim.expected, name


@pytest.mark.parametrize("name", ["energy of ReLU networks", "energy of random filters"])
def test_a_planted_error_of_five_percent_is_refuted(name):
    claim = claims()[name]
    point = claim.grid[-1]
    for place in (1, point.components - 1):
        wrong = tuple(v * (1.05 if k == place else 1) for k, v in enumerate(point.predicted))
        planted = dataclasses.replace(claim, grid=(dataclasses.replace(point, predicted=wrong),))
        assert certificate(planted).verdict.outcome == "refuted"
