"""Attacks against bounds whose largest value is known from mathematics."""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from proofs_checks.audit.ascent import Attacked, ascend
from proofs_checks.audit.attack import attack_claim
from proofs_checks.challenge import Attack
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Bound, Identity, Mean
from proofs_checks.experiment import on_host
from proofs_checks.precision import float64

BOX = 10.0
CENTER = np.array([3.217, -7.73, 1.9])


def hill(place, width, height=2.0):
    """A slope of height 1 over the whole box, and a needle of the given width on top of it."""
    distance = jnp.sqrt(jnp.sum((place - CENTER) ** 2) + 1e-300)
    return 1.0 / (1.0 + distance) + (height - 1.0) * jnp.exp(-((distance / width) ** 2))


def start(key, **parameters):
    return jax.random.uniform(key, (3,), minval=-BOX, maxval=BOX)


def project(place, **parameters):
    return jnp.clip(place, -BOX, BOX)


def claim(measured, comparator=None, predicted=1.5, experiment=None, **parameters):
    def sampled(key, **parameters):
        return measured(start(key), **parameters)

    return Claim(
        "a bound",
        "",
        comparator or Bound(),
        experiment or sampled,
        (Point(parameters, predicted),),
        256,
        attack=Attack(measured, start, project),
    )


def test_a_sliver_that_random_points_miss_is_found():
    # The needle fills (4/3) pi 1e-9 / 8000 of the box: 100,000 random points meet it with probability 5e-8.
    with float64():
        places = jax.vmap(start)(jax.random.split(jax.random.key(0), 100_000))
        sampled = float(jnp.max(jax.vmap(lambda place: hill(place, 1e-3))(places)))
    (attempt,) = attack_claim(claim(hill, width=1e-3))
    assert sampled < 1.5 < attempt.best
    assert attempt.broken
    # The needle's top is 2: the slope adds 1, the needle 1, both at the center.
    assert attempt.best == pytest.approx(2.0, rel=1e-3)
    assert attempt.where == pytest.approx(CENTER, abs=1e-3)


def test_the_best_attempt_is_what_is_measured_at_its_place():
    (attempt,) = attack_claim(claim(hill, width=1e-3))
    with float64():
        assert float(hill(jnp.asarray(attempt.where), 1e-3)) == pytest.approx(attempt.best, rel=1e-15)


def test_a_true_bound_is_reached_and_not_broken():
    def wave(place, size):
        return size * jnp.prod(jnp.sin(place))

    (attempt,) = attack_claim(claim(wave, predicted=3.0, size=3.0))
    assert attempt.best == pytest.approx(3.0, rel=1e-9)
    assert attempt.best <= 3.0
    assert not attempt.broken


@pytest.mark.parametrize(
    ("tightness", "measured", "vacuous"),
    [(0.9, 1.0, False), (0.9, 0.5, True), (None, 0.5, None)],
)
def test_a_bound_whose_twin_survives_is_vacuous(tightness, measured, vacuous):
    def dome(place, top):
        return top - 1e-3 * jnp.sum(place**2)

    tried = claim(dome, Bound(tightness=tightness), 1.0, top=measured)
    (attempt,) = attack_claim(tried)
    assert attempt.vacuous is (vacuous is True)
    assert attempt.twin == (None if tightness is None else pytest.approx(0.9))
    assert not attempt.broken


def test_the_claims_own_measurement_breaks_the_twin_too():
    def flat(place):
        return 0.0 * jnp.sum(place)

    for measured, broken in ((0.95, True), (0.85, False)):
        tried = claim(flat, Bound(tightness=0.9), 1.0, on_host(lambda seed, value=measured: value))
        (attempt,) = attack_claim(tried)
        assert attempt.best == 0.0
        assert attempt.twin_broken is broken


def test_projected_places_stay_inside():
    # The gradient points out of the box everywhere: the largest value is at a corner.
    (attempt,) = attack_claim(claim(lambda place: jnp.sum(place), predicted=30.0))
    assert attempt.best == 30.0
    assert attempt.where == [BOX] * 3
    assert not attempt.broken


@pytest.mark.parametrize("spoiled", [jnp.nan, jnp.inf])
def test_gradients_that_are_not_finite_do_not_stop_it(spoiled):
    def treacherous(place):  # as `where` around an undefined branch: a value everywhere, a slope nowhere
        @jax.custom_jvp
        def value(place):
            return -jnp.sum((place - CENTER) ** 2)

        value.defjvp(lambda primals, tangents: (value(*primals), spoiled * jnp.sum(tangents[0])))
        return value(place)

    (attempt,) = attack_claim(claim(treacherous, predicted=0.0))
    # The box is 20 wide: random directions alone lead to within a tenth of the top.
    assert -0.01 < attempt.best <= 0.0


def test_values_that_are_not_finite_are_no_violations():
    def poles(place):
        return jnp.where(place[0] > 5, jnp.nan, jnp.where(place[0] < -5, jnp.inf, jnp.tanh(place[1])))

    (attempt,) = attack_claim(claim(poles, predicted=1.0))
    assert attempt.best == pytest.approx(1.0, rel=1e-6)
    assert not attempt.broken
    (attempt,) = attack_claim(claim(lambda place: jnp.nan * place[0]))
    assert (attempt.best, attempt.broken, attempt.attacked) == (None, False, False)
    assert "nothing finite" in attempt.reason


def test_flat_stretches_and_kinks_do_not_stop_it():
    # Flat but for a tent over a cube of width 4 around the center: 1 in 125 places has a slope at all.
    def tent(place):
        return jnp.maximum(0.0, 1.0 - jnp.max(jnp.abs(place - CENTER)) / 2)

    (attempt,) = attack_claim(claim(tent, predicted=0.5))
    assert attempt.best == pytest.approx(1.0, rel=1e-3)


def test_any_tree_is_a_place():
    def measured(place, radius):
        return jnp.sum(place["angle"] * 0) + jnp.sin(place["angle"][0]) * place["parts"][0] / radius

    def begin(key, radius):
        first, second = jax.random.split(key)
        return {"angle": jax.random.normal(first, (2,)), "parts": (jax.random.normal(second, ()),)}

    def inside(place, radius):
        return {**place, "parts": (jnp.clip(place["parts"][0], -radius, radius),)}

    tried = Claim(
        "tree",
        "",
        Bound(),
        lambda key, radius: jnp.zeros(()),
        (Point({"radius": 2.0}, 1.0), Point({"radius": 5.0}, 0.5)),
        8,
        attack=Attack(measured, begin, inside),
    )
    first, second = attack_claim(tried)
    assert first.best == pytest.approx(1.0, rel=1e-9)
    assert not first.broken
    assert second.broken
    assert math.sin(second.where["angle"][0]) * second.where["parts"][0] == pytest.approx(5.0, rel=1e-6)


def test_components_are_attacked_one_by_one():
    def both(place):
        return jnp.stack([-jnp.sum(place**2), 2 - jnp.sum((place - 1) ** 2)])

    tried = Claim(
        "two",
        "",
        Bound(),
        lambda key: jnp.zeros(2),
        (Point({}, (0.5, 1.5)),),
        8,
        attack=Attack(both, start, project),
    )
    first, second = attack_claim(tried)
    assert (first.component, first.broken, second.component, second.broken) == (0, False, 1, True)
    assert first.best == pytest.approx(0.0, abs=1e-9)
    assert second.where == pytest.approx([1.0] * 3, abs=1e-4)


def test_an_attack_on_one_number_is_one_on_all_components():
    tried = replace(claim(lambda place: -jnp.sum(place**2)), grid=(Point({}, (0.5, -0.5)),))
    first, second = attack_claim(tried, 0, 16, 100)
    assert (first.component, first.broken, second.component, second.broken) == (0, False, 1, True)
    assert first.where == second.where


def test_sizes_in_units_of_a_budget_are_bounded_by_their_margin():
    tried = claim(lambda place: 2 - jnp.sum(place**2), Identity(), 0.0)
    for margin, broken in ((1.9, True), (2.1, False)):
        (attempt,) = attack_claim(replace(tried, grid=(Point({}, 0.0, margin=margin),)), 0, 16, 100)
        assert attempt.bound == margin
        assert attempt.broken is broken
    assert attack_claim(replace(tried, attack=None)) == ()


def test_the_same_seed_gives_the_same_attempt_and_another_seed_another():
    tried = claim(hill, width=1e-3)
    first, again, other = (attack_claim(tried, seed, 16, 100)[0] for seed in (0, 0, 1))
    assert first == again
    assert first.where != other.where


def test_what_is_not_attacked_says_why():
    plain = {"name": "n", "statement": "", "experiment": lambda key: jnp.zeros(()), "seeds": 8}
    grid = (Point({}, 1.0),)
    attack = Attack(lambda place: place[0], start, project)
    cases = (
        (Bound(), None, "no attack is declared"),
        (Bound(exhaustive=True), None, "a proof over a whole domain"),
        (Bound(probability=0.1), attack, "one place disproves nothing"),
    )
    for comparator, declared, reason in cases:
        (attempt,) = attack_claim(Claim(comparator=comparator, grid=grid, attack=declared, **plain))
        assert reason in attempt.reason
        assert not attempt.attacked
        assert attempt.to_dict()["attacked"] is False
    assert attack_claim(Claim(comparator=Mean(), grid=grid, **plain)) == ()


def test_more_effort_is_never_needed_for_a_smooth_hill():
    # The ascent alone: a concave function of 20 variables of unlike scales, in few steps.
    curvature = np.geomspace(1.0, 1e4, 20)

    def measured(place):
        return -jnp.sum(jnp.asarray(curvature) * (place - 0.3) ** 2)

    with float64():
        goal = Attacked(measured, lambda key: jax.random.normal(key, (20,)), lambda place: place)
        place = ascend(goal, jax.random.key(0), 32, 400)
        # Random places have values around -4e4.
        assert float(measured(place)) > -1.0
