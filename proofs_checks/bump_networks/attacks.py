"""Where the audit climbs: the error of one network at a point of the box, in the units of a claim."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from proofs_checks.bump_networks.bounds import granted
from proofs_checks.bump_networks.bounds import unit as unit_of
from proofs_checks.bump_networks.cases import Case, case
from proofs_checks.bump_networks.evaluation import forward, rounding_budget
from proofs_checks.bump_networks.trained import RIVALS, best_constant, rival
from proofs_checks.challenge import Attack
from theory.parameters import intervals

PLACES = 16  # at which the rounding budget is computed
SAFETY = 4.0  # times the largest of them, for all other places


def start(key: Array, *, box: str, **others: Any) -> Array:
    """A point of the box."""
    low, high = _sides(box)
    return jax.random.uniform(key, low.shape, minval=low, maxval=high)


def project(place: Array, *, box: str, **others: Any) -> Array:
    """The nearest point of the box."""
    return jnp.clip(place, *_sides(box))


def over_epsilon(place: Array, *, function: str, box: str, epsilon: str, activation: str) -> Array:
    """|f - N| at a point in units of epsilon."""
    found = case(function, box, epsilon, activation)
    return _error(found, place) / float(found.approximation.problem.epsilon)


def over_certificate(
    place: Array, *, function: str, box: str, epsilon: str, activation: str, points: int
) -> Array:
    """|f - N| at a point in units of the certified bound plus rounding."""
    found = case(function, box, epsilon, activation)
    return _error(found, place) / (found.upper + _rounding(function, box, epsilon, activation))


def over_closed_form(
    place: Array, *, function: str, box: str, epsilon: str, activation: str, rule: str
) -> Array:
    """|f - N| at a point, less what is granted, in units of the closed form."""
    found = case(function, box, epsilon, activation)
    slack = float(granted(found.approximation)) + _rounding(function, box, epsilon, activation)
    return (_error(found, place) - slack) / float(unit_of(found.approximation, rule, activation))


def over_constant(place: Array, *, function: str, box: str, epsilon: str) -> Array:
    """The larger |f - N| of the trained rivals at a point, in units of the error of the best constant."""
    built = case(function, box, epsilon, "relu")
    with jax.ensure_compile_time_eval():  # trained while the error is being compiled
        networks = [rival(seed, function, box, epsilon).network for seed in range(RIVALS)]
        unit = best_constant(built)
    errors = [jnp.abs(_evaluated(network, place[0]) - built.function(*place)) for network in networks]
    return jnp.max(jnp.stack(errors)) / unit


IN_THE_BOX = {
    "epsilon": Attack(over_epsilon, start, project),
    "certificate": Attack(over_certificate, start, project),
    "closed form": Attack(over_closed_form, start, project),
    "constant": Attack(over_constant, start, project),
}


def _sides(box: str) -> tuple[np.ndarray, np.ndarray]:
    sides = [[float(end) for end in side] for side in intervals()(box)]
    return np.array([low for low, _ in sides]), np.array([high for _, high in sides])


def _error(found: Case, place: Array) -> Array:
    return jnp.abs(found.function(*place) - forward(found.floats, place))


def _evaluated(network: Any, place: Array) -> Array:
    inner, outer = network.layers()
    parts = (network.weights, inner.bias, network.outer)
    weights, offsets, slopes = (np.array([float(value) for value in part]) for part in parts)
    return jnp.maximum(place * weights + offsets, 0.0) @ slopes + float(outer.bias[0])


@lru_cache(maxsize=32)
def _rounding(function: str, box: str, epsilon: str, activation: str) -> float:
    """What rounding may add to |f - N|, from places that no knot is near.

    Within rounding of a knot a step may be on or off, but both of its values are bounded there.
    """
    found = case(function, box, epsilon, activation)
    places = np.random.default_rng(0).uniform(found.low, found.high, (PLACES, len(found.low)))
    with jax.ensure_compile_time_eval():  # asked for while the error is being compiled
        largest = max(rounding_budget(found.floats, place) for place in places)
    return SAFETY * largest + 64 * 2.0**-53
