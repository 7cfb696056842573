"""Mutants of closed forms on trial: those that a sound claim kills, and grids that let them through."""

from dataclasses import replace
from functools import partial

import jax
import numpy as np
import pytest
from sympy import Piecewise, Rational, cos, exp, sqrt, symbols

from proofs_checks.audit.effort import Effort
from proofs_checks.audit.mutants import mutants_of
from proofs_checks.audit.trials import Bench
from proofs_checks.challenge import ClosedForm
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Bound, Identity, Mean
from proofs_checks.experiment import batched, on_host
from proofs_checks.precision import float64
from theory.errors import InputError
from theory.mutants import mutants

a, b = symbols("a b", positive=True)
EFFORT = Effort(
    trials=1,
    deterministic_trials=1,
    only_with_a_goal=False,
    seconds=60.0,
    mutants=1000,
    compiled=1,
    points=4,
    attacked=1,
    starts=1,
    steps=1,
)
GENERIC = ((1.5, 0.75), (0.5, 1.25))


@pytest.fixture(autouse=True)
def _double_precision():
    with float64():
        yield


def number(form, place):
    value = form.xreplace({a: Rational(place[0]), b: Rational(place[1])}).evalf(25)
    if not value.is_Float and not value.is_Rational:
        raise InputError(f"{form} has no finite real value")
    return float(value)


def anywhere(source):
    return {a: Rational(source.randint(11, 40), 20), b: Rational(source.randint(11, 40), 20)}


def noisy(seed, value):
    return float(np.random.default_rng(seed).normal(value, 0.1 * abs(value)))


def claim_of(form, grid=GENERIC, regimes=None):
    """A noisy measurement of the closed form, resolved to 4 %."""
    true = [number(form, place) for place in grid]

    def restate(expression):
        points = [
            Point({"value": value}, number(expression, place), resolution=0.04 * abs(value))
            for value, place in zip(true, grid, strict=True)
        ]
        return Claim("noisy", "form", Mean(), on_host(noisy), tuple(points), seeds=160)

    declared = ClosedForm("form", form, regimes or {"all": anywhere}, restate)
    return replace(restate(form), closed_forms=(declared,))


def verdicts(claim):
    (form,) = claim.closed_forms
    with Bench("a_theorem", 0).trial(0) as trial:
        return mutants_of(claim, form, trial, 0, EFFORT, lambda doing: None)


def test_a_generic_grid_kills_every_mutant():
    row = verdicts(claim_of(a * exp(b) + 2 * sqrt(b)))
    assert row.generated == len(mutants(a * exp(b) + 2 * sqrt(b))) > 20
    assert row.judged == row.refuted == row.generated - row.equivalent
    assert row.killed == row.killable >= row.judged - 1  # one is displaced by less than 4 %, and refuted too
    assert (row.supported, row.undecided, row.survivors) == (0, 0, ())
    assert (row.faithful, row.status) == (True, "met")


def test_equivalent_mutants_are_counted_and_not_judged():
    form = cos(a - b) + 3  # even in a - b
    row = verdicts(claim_of(form, grid=((1.5, 0.25), (2.5, 0.5))))
    assert row.equivalent == 1  # a and b exchanged
    assert row.judged == row.generated - 1


def test_a_degenerate_grid_is_named():
    row = verdicts(claim_of(a**2 * b, grid=((1.0, 0.75), (1.0, 1.5))))
    assert row.status == "missed"
    survivors = {one.change for one in row.survivors}
    assert survivors >= {"a**2 -> a**3", "a**2 -> a**1"}
    assert {one.reason for one in row.survivors} == {"degenerate grid"}
    assert {one.outcome for one in row.survivors} == {"supported"}
    assert {one.displacement for one in row.survivors} == {0.0}


def test_a_branch_that_no_grid_point_visits_is_a_degenerate_grid():
    form = Piecewise((a + b, a < 1), (a * b, True))

    def small(source):
        return {a: Rational(source.randint(1, 19), 20), b: Rational(source.randint(21, 40), 20)}

    def large(source):
        return {a: Rational(source.randint(21, 40), 20), b: Rational(source.randint(21, 40), 20)}

    both = {"a < 1": small, "a >= 1": large}
    row = verdicts(claim_of(form, ((0.5, 1.25), (0.75, 1.75)), both))
    assert row.status == "missed"
    assert any(one.change == "a*b -> a" for one in row.survivors)
    assert all(one.reason == "degenerate grid" for one in row.survivors if one.killable)
    mended = verdicts(claim_of(form, ((0.5, 1.25), (1.75, 1.25), (1.25, 3.0)), both))
    assert not [one for one in mended.survivors if one.reason == "degenerate grid"]


def test_what_is_below_the_resolution_survives_and_is_named():
    row = verdicts(claim_of(a * b + b / 1000))
    (dropped,) = [one for one in row.survivors if one.operator == "term dropped"]
    assert dropped.reason == "below resolution"
    assert dropped.outcome == "supported"
    assert not dropped.killable
    # 0.001 b of a b + 0.001 b, in units of 4 %, at a = 0.5
    assert dropped.displacement == pytest.approx(0.001 / (0.501 * 0.04), rel=1e-6)
    assert row.status == "met"
    assert row.killed == row.killable


def test_a_mutant_without_a_real_value_is_refused():
    row = verdicts(claim_of(sqrt(a + b) + a, grid=GENERIC))
    assert row.refused > 0  # sqrt(-a - b) and its like
    assert row.status == "met"


def very_noisy(seed, value):
    return float(np.random.default_rng(seed).normal(value, 6 * abs(value)))


def test_a_tolerance_that_lets_every_mutant_through_is_exposed():
    claim = claim_of(1 + a / 2)
    (form,) = claim.closed_forms

    def wide(expression):
        stated = form.restate(expression)
        grid = tuple(replace(point, resolution=9.0) for point in stated.grid)
        return replace(stated, grid=grid, seeds=60, experiment=on_host(very_noisy))

    row = verdicts(replace(wide(form.expression), closed_forms=(replace(form, restate=wide),)))
    assert row.killable == row.refuted == 0
    assert (row.supported > 0, row.toothless, row.status) == (True, True, "missed")


def test_a_claim_that_ignores_its_closed_form_is_exposed():
    claim = claim_of(a + b)
    (form,) = claim.closed_forms
    deaf = replace(claim, closed_forms=(replace(form, restate=lambda expression: claim),))
    row = verdicts(deaf)
    assert (row.killed, row.supported, row.status) == (0, row.judged, "missed")


def test_a_claim_that_restates_something_else_is_exposed():
    claim, other = claim_of(a + b), claim_of(a + 2 * b)
    row = verdicts(replace(claim, closed_forms=other.closed_forms))
    assert (row.faithful, row.status) == (False, "missed")


def test_what_a_broken_restatement_raises_is_reported():
    claim = claim_of(a + b)
    (form,) = claim.closed_forms

    def fragile(expression):
        if expression != a + b:
            raise RuntimeError("this claim cannot be restated")
        return claim

    row = verdicts(replace(claim, closed_forms=(replace(form, restate=fragile),)))
    assert row.invalid == row.judged > 0
    assert {one.reason for one in row.survivors} == {"restating failed"}
    assert "RuntimeError: this claim cannot be restated" in row.survivors[0].detail
    assert row.status == "missed"


def residual(seed, value, place, form):
    return abs(value - number(form, place)) / 1e-12


def test_a_closed_form_inside_an_experiment_is_judged_by_what_it_measures():
    form = a * b + a / 1000

    def restate(expression):
        points = tuple(
            Point({"value": number(form, place), "place": list(place)}, 0.0, margin=1.0) for place in GENERIC
        )
        return Claim(
            "residual", "0", Identity(), on_host(partial(residual, form=expression)), points, seeds=1
        )

    declared = ClosedForm("form", form, {"all": anywhere}, restate)
    row = verdicts(replace(restate(form), closed_forms=(declared,)))
    assert row.judged == row.killable == row.killed == row.refuted
    assert row.status == "met"


def cosine(seed, scale):
    return float(scale * np.cos(np.random.default_rng(seed).uniform(0, 0.5)))


def test_a_bound_notices_mutants_beyond_its_slack_in_both_directions():
    form = a + b / 50

    def restate(expression):
        point = Point({"scale": number(form, (1.0, 1.0))}, number(expression, (1.0, 1.0)))
        return Claim(
            "bound", "<=", Bound(tightness=0.9, exhaustive=True), on_host(cosine), (point,), seeds=50
        )

    declared = ClosedForm("form", form, {"all": anywhere}, restate)
    row = verdicts(replace(restate(form), closed_forms=(declared,)))
    assert row.vacuous > 0  # a doubled
    assert row.refuted > 0  # a dropped
    assert row.status == "met" or {one.reason for one in row.survivors if one.killable} == {"degenerate grid"}
    below = [one for one in row.survivors if one.operator == "term doubled"]
    assert [one.reason for one in below] == ["below resolution"]


def weighted(keys, value, form):
    """A compiled experiment that carries the closed form: measured over predicted."""
    noise = jax.vmap(jax.random.normal)(keys)
    return value * (1 + 0.1 * noise) / number(form, GENERIC[0])


def test_mutants_that_need_a_compiled_experiment_each_are_limited():
    form = a * b + a

    def restate(expression):
        point = Point({"value": number(form, GENERIC[0])}, 1.0, resolution=0.04)
        experiment = batched(partial(weighted, form=expression))
        return Claim("ratio", "1", Mean(), experiment, (point,), seeds=160)

    declared = ClosedForm("form", form, {"all": anywhere}, restate)
    row = verdicts(replace(restate(form), closed_forms=(declared,)))
    assert row.generated > 5
    assert row.judged == EFFORT.compiled == 1
    assert (row.killed, row.status) == (1, "met")
