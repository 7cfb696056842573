"""The law of log R: its transform against the derived one, its distribution function by other routes."""

import dataclasses

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from sympy import I, Integer, N, Rational

from proofs_checks.comparators import Distribution
from proofs_checks.deep_kernels import width_law as law
from proofs_checks.judge import judge
from proofs_checks.profile import Profile
from proofs_checks.store import open_store
from theory.deep_kernels.width_rows import POWER, linear_transform, relu_transform, widths

PLACES = np.linspace(-3.0, 3.0, 9)


@pytest.mark.parametrize(
    ("form", "numbers"), [(linear_transform, law.chi_squared), (relu_transform, law.thinned)]
)
def test_transforms_are_those_that_are_derived(form, numbers):
    (n,) = widths(1)
    for width, time in ((3, Rational(1, 2)), (6, Rational(7, 3))):
        exact = complex(N(form(1).subs({n: Integer(width), POWER: I * time}).doit(), 20))
        assert numbers(np.asarray([1j * float(time)]), width)[0] == pytest.approx(exact, rel=1e-12)


def test_one_linear_layer_is_chi_squared():
    assert law.linear_law(PLACES, (5,)) == pytest.approx(stats.chi2(5).cdf(5 * np.exp(PLACES)), abs=1e-13)


def test_one_layer_of_relu_is_a_mixture():
    n, mixture = (
        4,
        1 / 16 + sum(stats.binom(4, 0.5).pmf(k) * stats.chi2(k).cdf(2 * np.exp(PLACES)) for k in range(1, 5)),
    )
    # the mass that the midpoint rule wraps around, see STEP
    assert law.relu_law(PLACES, (n,)) == pytest.approx(mixture, abs=1e-12)


def test_two_linear_layers_by_quadrature():
    first, second = stats.chi2(3), stats.chi2(2)
    for x in PLACES[::2]:
        product, _ = quad(lambda y, x=x: first.pdf(y) * second.cdf(6 * np.exp(x) / y), 0, np.inf)
        assert law.linear_law(x, (3, 2)) == pytest.approx(product, abs=1e-7)  # of the quadrature


def test_dead_networks_have_their_mass():
    found = law.relu_law(np.asarray([-2 * law.DEAD, -1.5 * law.DEAD, -law.DEAD, -50.0]), (2, 3))
    dead = 1 - (3 / 4) * (7 / 8)
    # one neuron is active somewhere: at -50 the others are up to exp(-25) times a factor
    assert found == pytest.approx([0, dead / 2, dead, dead], abs=1e-9)


def wider(x, widths):
    """What a gate that is open a little more often than not would do: log R moved by 0.2."""
    return law.relu_law(x - 0.2, widths)


def test_a_law_that_is_moved_is_refuted():
    claim = law.law_claims(Profile("quick"), (4, 3))[1]
    planted = dataclasses.replace(claim, comparator=Distribution(wider))
    with open_store(None) as store:
        found = judge(planted, theorem="kernels.finite_width", store=store, seed=3)
    assert found.verdict.outcome == "refuted"


@pytest.mark.parametrize("function", [law.linear_law, law.relu_law])
def test_it_is_a_distribution_function_far_out(function):
    """Where the inversion would wrap around, too: it rises from the dead networks' mass to 1."""
    size = np.geomspace(1e-3, 1e5, 400)
    found = function(np.concatenate([-size[::-1], size]), widths=(8, 5, 6))
    assert np.all(np.diff(found) >= -1e-13)
    assert found[0] == 0
    assert found[-1] == pytest.approx(1, abs=1e-13)
