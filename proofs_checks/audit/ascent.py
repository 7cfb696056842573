"""Projected gradient ascent from many starts at once, for functions with kinks, flats and holes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jax.flatten_util import ravel_pytree

# Rounds of ascent; between them most starts are placed anew, around the best so far or at random.
ROUNDS = 4
# First step of a start, in units of how far the starts lie apart along each coordinate.
SIZES = (0.3, 0.03, 3e-3, 3e-4)
# Over a round Adam's steps shrink by this factor, so that the last ones resolve a maximum at a kink.
SHRINKAGE = 1e-7
# A careful step grows where it led upwards, else it shrinks; below the least size it starts afresh.
GROWTH, CUT, LEAST = 1.6, 0.4, 1e-14
# Of all starts, those that go on from their best place, and those placed near the best of all.
KEPT, NEAR = 0.25, 0.5
# Places drawn and measured for each start of each round.
SCOUTS = 16
# Random directions of one start and round, used in turn where the gradient says nothing.
DIRECTIONS = 16


class Attacked(NamedTuple):
    """measured: place -> number to be made large; start: key -> place; project: place -> allowed place."""

    measured: Callable[[Any], Array]
    start: Callable[[Array], Any]
    project: Callable[[Any], Any]


class _Climber(NamedTuple):
    """One start: where it is, its Adam state, its careful step, and the best it has seen with its slope."""

    place: Array
    adam: Any
    size: Array
    best: Array
    best_place: Array
    best_slope: Array


def ascend(goal: Attacked, key: Array, starts: int, steps: int) -> Any:
    """The best place over all starts and steps.

    Half of the starts follow Adam with shrinking steps; the others step from their best place along its
    gradient, or a random direction, as long as that leads upwards. Values that are not finite count as the
    lowest; where a gradient is 0, NaN or infinite, random directions take its place.
    """
    random = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    _, unravel = ravel_pytree(goal.start(key))
    pool, scale = _scouted(goal, unravel, key, starts)
    climb = _climb(goal, unravel, jnp.asarray(scale), max(1, steps // ROUNDS))
    places = kept = pool[0]
    best = np.full(starts, -np.inf)
    for number in range(ROUNDS):
        noise = random.standard_normal((starts, DIRECTIONS + 1, kept.shape[1]))
        if number:
            places, best = _placed(scale * noise[:, -1], kept, best, pool[number])
        best, kept = map(np.asarray, climb(places, best, places, noise[:, :-1]))
    return unravel(jnp.asarray(kept[np.argmax(best)]))


def _scouted(
    goal: Attacked, unravel: Callable[[Array], Any], key: Array, starts: int
) -> tuple[np.ndarray, np.ndarray]:
    """Fresh places of all rounds, and how far they lie apart: half the best of many, half just drawn.

    Drawn and measured in batches of the number of starts, so that memory stays that of one step.
    """

    def drawn_and_measured(one: Array) -> tuple[Array, Array]:
        place = goal.project(goal.start(one))
        return ravel_pytree(place)[0], goal.measured(place)

    look = jax.jit(jax.vmap(drawn_and_measured))
    keys = np.asarray(jax.random.key_data(jax.random.split(key, ROUNDS * SCOUTS * starts)))
    batches = np.split(keys, ROUNDS * SCOUTS)
    looked = [look(jax.random.wrap_key_data(jnp.asarray(batch))) for batch in batches]
    drawn, values = (np.concatenate([np.asarray(one[k]) for one in looked]) for k in (0, 1))
    scale = np.ptp(drawn, axis=0)
    scale = np.where(scale > 0, scale, np.maximum(np.abs(drawn[0]), 1.0))
    pool = []
    for places, heights in zip(np.split(drawn, ROUNDS), np.split(values, ROUNDS), strict=True):
        order = np.argsort(np.where(np.isfinite(heights), -heights, np.inf), kind="stable")
        pool.append(np.concatenate([places[order[: starts // 2]], places[: starts - starts // 2]]))
    return np.stack(pool), scale


def _climb(goal: Attacked, unravel: Callable[[Array], Any], scale: Array, steps: int) -> Callable[..., Any]:
    """One round: places, best so far and its places, noise to best values and places; compiled once."""
    optimizer = optax.scale_by_adam(b1=0.7, b2=0.9)
    value_and_slope = jax.value_and_grad(lambda flat: goal.measured(unravel(flat)))

    def allowed(place: Array) -> Array:
        return ravel_pytree(goal.project(unravel(place)))[0]

    def run(place: Array, best: Array, best_place: Array, noise: Array, index: Array) -> tuple[Array, Array]:
        first, adaptive = jnp.asarray(SIZES)[(index // 2) % len(SIZES)], index % 2 == 0

        def step(climber: _Climber, now: tuple[Array, Array]) -> tuple[_Climber, None]:
            shrunk, number = now
            value, slope = value_and_slope(climber.place)
            slope = slope * scale
            climber = _after(climber, value, slope, first)
            random = noise[number % DIRECTIONS]
            with jax.numpy_dtype_promotion("standard"):  # Optax mixes integers and floats
                direction, adam = optimizer.update(_usable(slope, random), climber.adam)
            steady = climber.place + first * shrunk * scale * direction
            # Every third careful step is a random one: a gradient may lead against a wall.
            uphill = jnp.where(number % 3 == 2, random, _usable(climber.best_slope, random))
            careful = climber.best_place + climber.size * scale * uphill
            return climber._replace(place=allowed(jnp.where(adaptive, steady, careful)), adam=adam), None

        start = _Climber(
            allowed(place), optimizer.init(place), first, best, best_place, jnp.zeros_like(place)
        )
        sizes = jnp.asarray(np.geomspace(1.0, SHRINKAGE, steps))
        end, _ = jax.lax.scan(step, start, (sizes, jnp.arange(steps)))
        return end.best, end.best_place

    mapped = jax.jit(jax.vmap(run))
    return lambda *arrays: mapped(*arrays, jnp.arange(len(arrays[0])))


def _after(climber: _Climber, value: Array, slope: Array, first: Array) -> _Climber:
    """The climber with one evaluation at its place; the slope is in units of the scale."""
    value = jnp.where(jnp.isfinite(value), value, -jnp.inf)
    better = value > climber.best
    size = climber.size * jnp.where(better, GROWTH, CUT)
    return climber._replace(
        size=jnp.where(size < LEAST, first, jnp.minimum(size, 1.0)),
        best=jnp.where(better, value, climber.best),
        best_place=jnp.where(better, climber.place, climber.best_place),
        best_slope=jnp.where(better, slope, climber.best_slope),
    )


def _usable(slope: Array, random: Array) -> Array:
    """The unit vector along the slope, or the random direction where the slope says nothing."""
    size = jnp.max(jnp.abs(slope))
    good = jnp.isfinite(size) & (size > 0)
    # Divided by the largest entry first: a norm may overflow.
    chosen = jnp.where(good, slope / jnp.where(good, size, 1.0), random)
    return chosen / jnp.linalg.norm(chosen)


def _placed(
    noise: np.ndarray, kept: np.ndarray, best: np.ndarray, fresh: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Starts of the next round: the best go on, others start near them or anew, without their past."""
    order = np.argsort(-best, kind="stable")
    kept, best = kept[order], best[order]
    starts = len(best)
    leaders, near = max(1, int(KEPT * starts)), int((KEPT + NEAR) * starts)
    number = np.arange(starts)
    around = kept[number % leaders] + np.asarray(SIZES)[number % len(SIZES), None] * noise
    others = np.where((number < near)[:, None], around, fresh)
    return (
        np.where((number < leaders)[:, None], kept, others),
        np.where(number < leaders, best, -np.inf),
    )
