"""Comparators against exact probabilities, and against each other's nulls."""

import math
from fractions import Fraction

import numpy as np
import pytest

from benchmarks.judge_levels import ALLOWED, DISTRIBUTIONS, LEVEL, tails, verdicts
from proofs_checks.comparators import (
    Bound,
    Comparator,
    Distribution,
    Enclosure,
    Exponent,
    Identity,
    Levels,
    Mean,
    Ordering,
    Target,
    moments,
)
from proofs_checks.comparators.binomial import least, most, upper_limit
from theory.errors import InputError

LEVELS = Levels()
ALL = (Mean(), Exponent(), Identity(), Enclosure(), Bound(), Distribution(lambda x: x), Ordering())


def column(*values):
    return np.array(values, dtype=np.float64)[:, None]


def outcome(comparator, values, target):
    """Invalid, the sign of a rejection, or whether the values support the target."""
    summary = comparator.summarize(values, target, {})
    if comparator.invalid(summary, target):
        return "invalid"
    sign = comparator.rejects(summary, target, LEVELS)
    if sign:
        return sign
    return "supported" if comparator.supports(summary, target, LEVELS) else "undecided"


@pytest.mark.parametrize("comparator", ALL, ids=lambda one: one.name)
def test_every_comparator_keeps_the_protocol(comparator):
    assert isinstance(comparator, Comparator)
    assert comparator.describe()["name"] == comparator.name


def test_levels_multiply_out_to_the_declared_ones():
    looks, stages = LEVELS.looks, LEVELS.stages
    assert 2 * looks * LEVELS.stage_level**stages == pytest.approx(LEVELS.nominal_alpha)
    assert looks * LEVELS.support_level == pytest.approx(LEVELS.beta)
    # The reserve between nominal and declared alpha is what an excess of 8e-4 over 5e-4 uses, per set.
    assert LEVELS.nominal_alpha * (ALLOWED / LEVEL) ** stages == pytest.approx(LEVELS.alpha, rel=0.03)


class TestMoments:
    def test_moments_of_a_known_sample(self):
        found = moments.summarize_moments(np.array([0.0, 0.0, 0.0, 4.0]))
        assert found["mean"] == 1.0
        assert found["deviation"] == pytest.approx(2.0)  # sum of squares 12 over 3
        assert found["skewness"] == pytest.approx(6 / 3**1.5)  # third moment 24/4, variance 12/4

    def test_moments_survive_extreme_scales(self):
        for scale in (1e-200, 1e200):
            found = moments.summarize_moments(np.array([0.0, 0.0, 0.0, 4.0]) * scale)
            assert found["deviation"] == pytest.approx(2.0 * scale)
            assert found["skewness"] == pytest.approx(6 / 3**1.5)

    def test_critical_value_grows_with_skewness_and_tends_to_the_normal_quantile(self):
        def at(count, skewness):
            return moments.critical_value({"count": count, "skewness": skewness}, 5e-4)

        assert at(100, 0.0) < at(100, 0.5) == at(100, -0.5) < at(100, 1.0)
        assert at(1e9, 0.0) == pytest.approx(3.2905, abs=1e-3)  # 1 - Phi(3.2905) = 5e-4

    def test_abstains_below_four_g_squared_z_squared(self):
        level = LEVELS.stage_level
        assert moments.abstains({"count": 16.0, "skewness": 0.0}, level)
        assert not moments.abstains({"count": 64.0, "skewness": 0.0}, level)
        assert moments.abstains({"count": 64.0, "skewness": 2.0}, level)
        assert not moments.abstains({"count": 1024.0, "skewness": 2.0}, level)
        assert moments.abstains({"count": 1.0, "skewness": 0.0}, level)


# Repetitions for the quick table: the standard error of a tail of 5e-4 is then 1e-4.
REPETITIONS = 50_000


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("count", [32, 128])
def test_tail_of_a_seed_set_is_at_most_what_the_reserve_allows(name, count):
    # Three standard errors of a simulated frequency at the allowed level.
    slack = 3 * math.sqrt(ALLOWED / REPETITIONS)
    assert max(tails(name, count, REPETITIONS)) <= ALLOWED + slack


def test_the_same_simulation_exposes_the_uncorrected_test(monkeypatch):
    monkeypatch.setattr(moments, "cautious_skewness", lambda summary: 0.0 * summary["skewness"])
    assert max(tails("lognormal(1)", 32, 20_000)) > 10 * ALLOWED


def test_planted_error_is_refuted_and_the_truth_supported():
    trials, resolution = 1000, 0.045
    deviation = resolution * math.sqrt(64 / 14.5)
    refuted, supported, _, _ = verdicts(0.05, resolution, deviation, 64, trials)
    # One-sided: three standard errors of a frequency of 0.01 in 1000 trials are 0.0095.
    assert refuted >= 0.99 - 0.0095
    assert supported <= 0.01 + 0.0095
    refuted, supported, _, _ = verdicts(0.0, resolution, deviation, 64, trials)
    assert refuted == 0
    assert supported >= 0.99 - 0.0095


class TestMean:
    target = Target(1.0, 0.0, 0.05)
    noise = np.random.default_rng(0).standard_normal((400, 1))

    def test_three_outcomes_of_one_seed_set(self):
        assert outcome(Mean(), 1 + 0.1 * self.noise, self.target) == "supported"
        assert outcome(Mean(), 1.1 + 0.1 * self.noise, self.target) == 1
        assert outcome(Mean(), 0.9 + 0.1 * self.noise, self.target) == -1
        assert outcome(Mean(), 1 + 5 * self.noise, self.target) == "undecided"

    def test_margin_is_granted(self):
        granted = Target(1.0, 0.1, 0.4)
        assert outcome(Mean(), 1.1 + 0.1 * self.noise, granted) == "supported"

    @pytest.mark.parametrize("value", [0.0, 1.0, 1e-300, 1e300])
    def test_a_constant_is_invalid(self, value):
        assert outcome(Mean(), np.full((50, 1), value), Target(value, 0.0, 1.0)) == "invalid"

    def test_rounding_is_no_spread(self):
        values = 1.0 + np.finfo(np.float64).eps * np.arange(8.0)[:, None]
        assert outcome(Mean(), values, self.target) == "invalid"

    def test_margin_above_a_quarter_of_the_resolution_is_refused(self):
        assert Mean().targets((1.0,), (0.0125,), (0.05,)) == (Target(1.0, 0.0125, 0.05),)
        with pytest.raises(InputError, match=r"margin 0\.013 is above 0\.25 of the resolution 0\.05"):
            Mean().targets((1.0,), (0.013,), None)
        assert Exponent().targets((1.0,), (0.05,), None)  # a declared finite-size term
        with pytest.raises(InputError, match="margin"):
            Exponent().targets((1.0,), (0.051,), None)

    def test_zero_has_no_relative_resolution(self):
        with pytest.raises(InputError, match="give the point a resolution"):
            Mean().targets((0.0,), (0.0,), None)


class TestIdentityAndEnclosure:
    def test_identity_inside_and_outside(self):
        target = Target(0.0, 1.0, 1.0)
        assert outcome(Identity(), column(0.5, -1.0, 1.0), target) == "supported"
        assert outcome(Identity(), column(0.5, -1.1), target) == -1
        assert outcome(Identity(), column(1.0), Target(0.0, 0.0, 0.0)) == 1

    def test_enclosure_disjoint_narrow_and_wide(self):
        (target,) = Enclosure().targets((1.0, 1.01), (0.0, 0.0), (0.05, 0.05))
        assert outcome(Enclosure(), np.array([[0.99, 1.0]]), target) == "supported"
        assert outcome(Enclosure(), np.array([[1.02, 1.03]]), target) == 1
        assert outcome(Enclosure(), np.array([[0.90, 0.99]]), target) == -1
        assert outcome(Enclosure(), np.array([[0.90, 1.02]]), target) == "undecided"
        assert outcome(Enclosure(), np.array([[1.01, 1.0]]), target) == "invalid"

    @pytest.mark.parametrize("predicted", [(1.0,), (2.0, 1.0), (0.0, 0.0)])
    def test_enclosure_refuses_what_is_no_interval(self, predicted):
        with pytest.raises(InputError, match="enclosure"):
            Enclosure().targets(predicted, (0.0,) * len(predicted), None)


def exact_most(successes, count, probability):
    p = Fraction(probability)
    return float(sum(math.comb(count, k) * p**k * (1 - p) ** (count - k) for k in range(successes + 1)))


class TestBinomial:
    @pytest.mark.parametrize(("successes", "count"), [(0, 1), (0, 30), (3, 30), (29, 30), (30, 30)])
    def test_tails_and_limit_against_exact_sums(self, successes, count):
        below = exact_most(successes, count, 0.125)
        above = 1.0 if successes == 0 else 1 - exact_most(successes - 1, count, 0.125)
        assert most(successes, count, 0.125) == pytest.approx(below, rel=1e-12)
        # 1 - sum loses digits: absolute rounding of numbers of order one.
        assert least(successes, count, 0.125) == pytest.approx(above, abs=1e-15)
        limit = upper_limit(successes, count, 0.01)
        if successes == count:
            assert limit == 1.0
        else:
            assert exact_most(successes, count, limit) == pytest.approx(0.01)

    def test_bound_without_violations_is_supported_by_enough_seeds(self):
        target = Target(1.0, 0.0, 0.05)
        needed = math.ceil(math.log(LEVELS.support_level) / math.log(0.95))
        assert needed == 117
        assert outcome(Bound(), np.zeros((needed, 1)), target) == "supported"
        assert outcome(Bound(), np.zeros((needed - 1, 1)), target) == "undecided"
        assert outcome(Bound(), column(*[0.0] * 500, 1.001), target) == 1
        assert outcome(Bound(exhaustive=True), column(1.0), target) == "supported"

    def test_bound_with_allowed_violations(self):
        target, bound = Target(1.0, 0.0, 0.1), Bound(probability=0.1)
        values = np.zeros((400, 1))
        values[:40] = 2.0
        assert outcome(bound, values, target) == "supported"
        values[:80] = 2.0
        assert outcome(bound, values, target) == 1

    def test_twin_that_survives_is_vacuous(self):
        bound = Bound(tightness=0.5)
        target = Target(1.0, 0.0, 0.05)
        assert outcome(bound, np.full((1000, 1), 0.5), target) == "undecided"
        summary = bound.summarize(np.full((1000, 1), 0.5), target, {})
        assert "vacuous" in bound.hesitates(summary, target, LEVELS)
        assert outcome(bound, np.full((1000, 1), 0.51), target) == "supported"

    def test_twin_must_be_stricter(self):
        assert Bound(tightness=2.0).targets((-1.0,), (0.0,), None)
        for tightness, predicted in ((2.0, 1.0), (0.5, -1.0), (0.5, 0.0)):
            with pytest.raises(InputError, match="not stricter"):
                Bound(tightness=tightness).targets((predicted,), (0.0,), None)

    def test_ordering(self):
        (target,) = Ordering(0.5).targets((0.9,), (0.0,), None)
        assert target.resolution == pytest.approx(0.4)
        before = np.ones((60, 1))
        before[:5] = 0
        assert outcome(Ordering(0.5), before, target) == "supported"
        before[:30] = 0
        assert outcome(Ordering(0.5), before, target) == -1
        assert outcome(Ordering(0.5), column(0.5), target) == "invalid"
        with pytest.raises(InputError, match="predicts a probability"):
            Ordering(0.5).targets((0.5,), (0.0,), None)


class TestDistribution:
    def test_uniform_values(self):
        grid = (np.arange(4000)[:, None] + 0.5) / 4000
        target = Target(0.0, 0.0, 0.05)
        cdf = Distribution(lambda x: x)
        assert cdf.summarize(grid, target, {})["above"] == pytest.approx(1 / 8000)
        assert outcome(cdf, grid, target) == "supported"
        assert outcome(cdf, grid**1.3, target) == -1
        assert outcome(cdf, grid**0.7, target) == 1
        assert outcome(cdf, grid[::40], target) == "undecided"
        assert outcome(cdf, np.full((10, 1), 0.5), target) == "invalid"
        assert outcome(Distribution(lambda x: 2 * x), grid, target) == "invalid"

    def test_radius_of_the_band(self):
        # 1/(2n) + sqrt(log(2 / 0.0025) / (2n)) passes 0.05 between 1340 and 1360 values.
        for count, wanted in ((1340, "undecided"), (1360, "supported")):
            grid = (np.arange(count)[:, None] + 0.5) / count
            assert outcome(Distribution(lambda x: x), grid, Target(0.0, 0.0, 0.05)) == wanted

    def test_parameters_that_the_law_names_are_passed(self):
        law = Distribution(lambda x, scale: x / scale)
        values = np.linspace(0.01, 1.99, 4000)[:, None]
        assert law.summarize(values, Target(0, 0, 0.05), {"scale": 2.0, "width": 3})["above"] < 0.02

    def test_level_of_the_one_sided_test(self):
        rng = np.random.default_rng(3)
        samples, law = rng.random((4000, 50)), Distribution(lambda x: x)
        levels = Levels(nominal_alpha=2 * 4 * 0.02**3)  # stage level 0.02, twice for two signs
        hits = sum(
            law.rejects(law.summarize(row[:, None], Target(0, 0, 0.05), {}), Target(0, 0, 0.05), levels) != 0
            for row in samples
        )
        # Three standard errors of a frequency of 0.04 in 4000.
        assert abs(hits / 4000 - 0.04) < 3 * math.sqrt(0.04 / 4000)
