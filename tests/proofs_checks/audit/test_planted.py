"""Planted errors: claims that notice them, and claims that cannot."""

from dataclasses import replace

import jax
import numpy as np
import pytest
import sympy
from sympy import Rational, Symbol

from proofs_checks.audit.displacements import displacements
from proofs_checks.audit.effort import Effort
from proofs_checks.audit.planted import TRUE, PlantedRow, Undisplaced, planted_errors
from proofs_checks.audit.tolerance import toothless
from proofs_checks.audit.trials import Bench
from proofs_checks.challenge import ClosedForm
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Bound, Distribution, Enclosure, Identity, Mean, Ordering
from proofs_checks.experiment import batched, on_host
from proofs_checks.judge import judge
from proofs_checks.precision import float64
from proofs_checks.store import open_store
from theory.errors import InputError

EFFORT = Effort(
    trials=3,
    deterministic_trials=2,
    only_with_a_goal=False,
    seconds=60.0,
    mutants=100,
    compiled=1,
    points=3,
    attacked=1,
    starts=1,
    steps=1,
)
s = Symbol("s", positive=True)


@pytest.fixture(autouse=True)
def _double_precision():
    with float64():
        yield


def exponential(keys, rates):
    """Blocks of 100 exponential variables of each rate; their means."""
    draws = jax.vmap(lambda key: jax.random.exponential(key, (len(rates), 100)))(keys).mean(axis=2)
    return draws / np.array(rates)


def means(resolution=0.04):
    """Exponential variables of rates 1 and 4 have means 1 and 1/4."""
    point = Point({"rates": [1.0, 4.0]}, (1.0, 0.25), resolution=(resolution, resolution / 4))
    return Claim("means", "1/rate", Mean(), batched(exponential), (point,), seeds=64)


def table(claim):
    bench = Bench("a_theorem", seed=0)
    with bench.trial(0) as first:
        rows = planted_errors(claim, bench, first, EFFORT, lambda doing: None)
    return {row.error: row for row in rows}


def test_a_fine_claim_refutes_every_planted_error_and_supports_the_truth():
    found = table(means())
    true = found.pop("none: the true claim")
    assert (true.refuted, true.supported, true.status) == (0, 6, "met")
    assert set(found) == {"x 0.95", "x 1.05", "- 2 rho", "+ 2 rho"}
    for row in found.values():
        # two components, one displaced at a time, in three trials
        assert (row.trials, row.checks, row.refuted, row.supported) == (3, 2, 6, 0)
        assert (row.goal, row.status) == (True, "met")
        assert row.limit == pytest.approx(1 - 0.05 ** (1 / 3))  # no failure in three trials


def test_only_the_displaced_component_is_counted():
    first = next(one for one in displacements(means()) if one.error == "x 1.05")
    (point,) = first.state().grid
    assert point.predicted == (1.05, 0.25)
    assert point.resolution == (0.04, 0.01)  # not that of the displaced prediction
    assert set(first.goals) == {(0, 0)}


def test_a_coarse_claim_says_so_and_has_a_goal_at_2_rho():
    found = table(replace(means(resolution=0.3), seeds=20))
    assert found["x 1.05"].status == "no goal"
    assert found["x 1.05"].note == "no goal at 5 %: the resolution is 30 %"
    # 5 % is two standard errors of 20 blocks of 100: such an error slips through, as declared
    assert found["x 1.05"].supported >= 5
    assert found["+ 2 rho"].status == "met"


def test_what_has_no_goal_may_be_left_out_but_not_in_silence():
    claim = replace(means(resolution=0.3), seeds=20)
    bench = Bench("tests", 0)
    with bench.trial(0) as first:
        rows = planted_errors(claim, bench, first, replace(EFFORT, only_with_a_goal=True), lambda doing: None)
    assert [row.error for row in rows if isinstance(row, PlantedRow)] == [TRUE, "- 2 rho", "+ 2 rho"]
    assert [row.reason for row in rows if isinstance(row, Undisplaced)] == [
        "no goal at 5 %: the resolution is 30 %"
    ]


def test_a_true_claim_that_is_never_supported_is_no_success():
    noisy = table(replace(means(resolution=0.002), seeds=4))[TRUE]
    assert (noisy.refuted, noisy.supported, noisy.status) == (0, 0, "undecided")


SEEN: list[int] = []


def recorded(seed):
    SEEN.append(seed)
    return float(np.random.default_rng(seed).normal(1.0, 0.01))


def test_an_audit_never_measures_the_seeds_of_a_verification():
    claim = Claim("recorded", "1", Mean(), on_host(recorded), (Point({}, 1.0, resolution=0.04),), seeds=32)
    SEEN.clear()
    with open_store(None) as store:
        for seed in (0, 2**20, 2**20 + 1):
            judge(claim, theorem="a_theorem", store=store, seed=seed)
    verified = set(SEEN)
    SEEN.clear()
    table(claim)
    assert len(set(SEEN)) == len(SEEN) > 3 * 32  # once for all claims of a trial, fresh for each trial
    assert not verified & set(SEEN)


def exponential_law(x):
    return -np.expm1(-np.maximum(x, 0.0))


def single(keys):
    return jax.vmap(jax.random.exponential)(keys)


def test_a_scaled_law_is_refuted_where_the_laws_are_far_enough_apart():
    # sup |exp(-x) - exp(-1.05 x)| = 0.0180 at x = 1
    fine = Claim(
        "law", "exponential", Distribution(exponential_law), batched(single),
        (Point({}, 0.0, resolution=0.012),), seeds=30_000,
    )  # fmt: skip
    row = table(fine)["cdf at 1.05 x values"]
    assert (row.refuted, row.status) == (3, "met")
    coarse = replace(fine, grid=(Point({}, 0.0, resolution=0.05),), seeds=2_000)
    row = table(coarse)["cdf at 1.05 x values"]
    assert row.status == "no goal"
    assert row.note == "no goal: the laws are 0.018 apart, 0.05 is resolved"


def test_a_swapped_order_is_refuted():
    claim = Claim(
        "order", "before", Ordering(0.5), on_host(lambda seed: float(seed % 10 > 0)),
        (Point({}, 0.9),), seeds=64,
    )  # fmt: skip
    row = table(claim)["A and B swapped"]
    assert (row.refuted, row.status) == (3, "met")


def cosine(seed, scale):
    return float(scale * np.cos(np.random.default_rng(seed).uniform(0, 0.5)))


def bound(value, tightness):
    comparator = Bound(tightness=tightness, exhaustive=True)
    return Claim("bound", "cos <= 1", comparator, on_host(cosine), (Point({"scale": 1.0}, value),), seeds=20)


def test_the_shrunk_twin_of_a_sharp_bound_breaks():
    row = table(bound(1.0, 0.9))["shrunk x 0.9"]
    assert (row.trials, row.refuted, row.status) == (2, 2, "met")


def test_a_vacuous_bound_is_exposed():
    row = table(bound(7.0, 0.9))["shrunk x 0.9"]
    assert (row.refuted, row.supported, row.status) == (0, 2, "missed")


def test_a_bound_without_tightness_is_listed_with_the_reason():
    bench = Bench("a_theorem", 0)
    (row,) = planted_errors(bound(7.0, None), bench, bench.trial(0), EFFORT, lambda doing: None)
    assert isinstance(row, Undisplaced)
    assert row.reason == "the bound declares no tightness: nothing says what must break"


def residual(seed, scale, form):
    """The measured square minus the closed form, in units of 1e-12."""
    return float((scale**2 - float(sympy.N(form.subs(s, Rational(scale)), 30))) / 1e-12)


def square(margin):
    def restate(form):
        if form.has(sympy.I, sympy.zoo):
            raise InputError("no real number")
        experiment = on_host(lambda seed, scale: residual(seed, scale, form))
        return Claim("square", "s^2", Identity(), experiment, (Point({"scale": 3.0}, 0.0, margin),), seeds=2)

    form = ClosedForm("square", s**2, {"all": lambda source: {s: Rational(source.randint(1, 9))}}, restate)
    return replace(restate(s**2), closed_forms=(form,))


def test_a_closed_form_inside_an_experiment_is_scaled():
    found = table(square(margin=1.0))
    for error in ("square x 0.95", "square x 1.05"):
        assert (found[error].refuted, found[error].status) == (2, "met")


def test_a_tolerance_so_wide_that_nothing_can_fail_is_exposed():
    found = table(square(margin=1e15))
    for error in ("square x 0.95", "square x 1.05"):
        assert (found[error].supported, found[error].status) == (2, "missed")
    wide = replace(means(), grid=(Point({"rates": [1.0, 4.0]}, (1.0, 0.25), resolution=(0.04, 0.3)),))
    assert list(toothless(means())) == []
    (sentence,) = toothless(wide)
    assert "component 2: nothing need fail" in sentence
    assert "(0.3) is not below the prediction (0.25)" in sentence


def test_numbers_that_an_identity_predicts_are_displaced():
    claim = Claim("five", "5", Identity(), on_host(lambda seed: 5.0), (Point({}, 5.0),), seeds=1)
    assert table(claim)["x 1.05"].status == "met"
    zero = replace(claim, grid=(Point({}, 0.0, margin=1.0),))
    bench = Bench("a_theorem", 0)
    (row,) = planted_errors(zero, bench, bench.trial(0), EFFORT, lambda doing: None)
    assert row.reason == "it predicts 0 and declares no closed form: nothing to displace"


def test_an_enclosure_is_displaced_as_an_interval():
    claim = Claim(
        "pi", "3.14159", Enclosure(), on_host(lambda seed: (3.14159, 3.1416)),
        (Point({}, (3.1415, 3.1416), resolution=0.01),), seeds=1,
    )  # fmt: skip
    found = table(claim)
    assert {row.status for row in found.values()} == {"met"}
    assert found["x 0.95"].refuted == 2


def test_a_refused_prediction_counts_as_refuted():
    claim = square(margin=1.0)
    (form,) = claim.closed_forms

    def refuse(expression):
        if expression == s**2:
            return claim
        raise InputError("no finite real number")

    broken = replace(claim, closed_forms=(replace(form, restate=refuse),))
    assert table(broken)["square x 1.05"].refuted == 2
