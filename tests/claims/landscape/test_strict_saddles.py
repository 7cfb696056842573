"""The time to leave a saddle: derivation, the law by summation, verdicts, planted errors, bad input."""

import math
from fractions import Fraction

import numpy as np
import pytest
from sympy import Eq, Rational

from proofs_checks import verify
from proofs_checks.claims.landscape.strict_saddles import claims
from proofs_checks.precision import float64
from proofs_checks.profile import Profile
from proofs_checks.saddles import descent
from theory.errors import InputError
from theory.landscape.strict_saddles import PARAMETERS, derivation
from theory.parameters import resolve
from theory.proving.outcome import Answer
from theory.saddles import rows as theorem

DERIVATION = derivation()
CONCLUSION = DERIVATION.statement.conclusion.args


def test_only_measure_zero_and_the_gamma_function_are_cited():
    counts = DERIVATION.counts
    assert DERIVATION.status == "derived"
    assert (counts["cited"], counts["open"], counts["not run"]) == (2, 0, 0)


@pytest.mark.parametrize("position", range(len(CONCLUSION)))
def test_a_wrong_conclusion_is_not_discharged(position):
    row = next(row for row in DERIVATION.rows if row.relation == CONCLUSION[position])
    left, right = row.relation.args
    wrong = Eq(left, right * Rational(100, 99), evaluate=False)
    assert row.method.discharge(wrong, DERIVATION.statement.domain).answer is not Answer.YES


def test_moments_of_the_logarithm_by_quadrature():
    """Trapezoidal rule in t = ln x, where the density 2 phi(e^t) e^t decays at least exponentially."""
    t = np.linspace(-60, 4, 200_001)
    weight = 2 * np.exp(-np.exp(2 * t) / 2 + t) / math.sqrt(2 * math.pi) * (64 / 200_000)
    assert np.sum(weight * t) == pytest.approx(float(theorem.mean_logarithm()), abs=1e-12)
    assert np.sum(weight * t**2) == pytest.approx(float(theorem.SQUARE.rhs), abs=1e-12)


def test_the_law_of_the_time_by_counting():
    """T of 200,000 starts by its definition: steps of multiplication in NumPy."""
    random, count = np.random.default_rng(0), 200_000
    height, left = np.abs(1e-3 * random.normal(size=count)), np.zeros(count, int)
    for _ in range(300):
        left += height < 1
        height *= 1.05
    letters = {theorem.eta: Rational(1, 20), theorem.mu: 1, theorem.R: 1, theorem.s: Rational(1, 1000)}
    for k in (120, 145, 180):
        predicted = float(theorem.survival().subs({**letters, theorem.k: k}))
        deviation = math.sqrt(predicted * (1 - predicted) / count)
        assert abs(np.mean(left > k) - predicted) < 5 * deviation


def test_judged_as_expected():
    verify("landscape.strict_saddles", seed=6).raise_if_unexpected()


@pytest.mark.parametrize("name", ["slope for a network", "two steps of fixed length"])
def test_planted_errors_are_seen(name):
    claim = next(one for one in claims(Profile("quick")) if one.name == name)
    (form,) = claim.closed_forms
    point = claim.grid[0]
    with float64():
        right = claim.experiment.function(5, **point.parameters)
        wrong = form.restate(form.expression * Rational(1001, 1000)).experiment.function(
            5, **point.parameters
        )
    assert abs(right) <= point.margin < abs(wrong)


def test_a_third_of_the_starts_falls_on_the_maximum_in_one_step_too_long():
    """[2, 3] and its mirror image are a third of [-3, 3]; no start does so with a step below 2/3."""
    share = descent.steep_starts(0, step_size="1") / descent.STEEP_STARTS
    assert abs(share - 1 / 3) < 5 * math.sqrt(2 / 9 / descent.STEEP_STARTS)
    assert descent.steep_starts(0, step_size="3/5") == 0
    assert descent._steep_slope(Fraction(1, 2)) == Fraction(-1, 4)
    assert descent._steep_slope(Fraction(-2)) == -2


def test_half_of_the_starts_stay_at_a_saddle_that_is_not_strict():
    with float64():
        share = descent.stuck_starts(0, step_size=0.05, strict=0.0) / descent.STARTS
    assert abs(share - 1 / 2) < 5 / (2 * math.sqrt(descent.STARTS))


@pytest.mark.parametrize("given", ["0", "1/2", "-1/20", "x"])
def test_bad_steps_are_refused(given):
    with pytest.raises(InputError):
        resolve(PARAMETERS, {"step_size": given})
