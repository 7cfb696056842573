"""A rival of the same size, trained by Adam on the same function and certified in the same way."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from numerics.training import Optax, train
from proofs_checks.bump_networks.cases import Case, case
from theory.bump_networks import Certificate, certified
from theory.bump_networks.activation import RELU
from theory.bump_networks.shallow import Shallow

STEPS = 2000
MOST_UNITS = 128  # larger constructions get a rival of this size
POINTS = 257
STEP_SIZE = 5e-3


class Rival(NamedTuple):
    """A trained ReLU network, its certificate, and its largest error on the training points."""

    network: Shallow
    certificate: Certificate
    seen: float


@lru_cache(maxsize=16)
def rival(seed: int, function: str, box: str, epsilon: str) -> Rival:
    """Train b + sum a_j ReLU(w_j x + v_j) with as many units as the construction.

    Weights are doubles, hence dyadic rationals, and the certificate is one of exactly this network.

    Mean squared error on an equidistant grid, full-batch Adam with a cosine schedule, kinks spread over the
    interval at the start.
    """
    built = case(function, box, epsilon, "relu")
    low, high = float(built.low[0]), float(built.high[0])
    places = jnp.linspace(low, high, POINTS)
    targets = jax.vmap(built.function)(places)
    start = _start(seed, min(max(built.units(), 1), MOST_UNITS), low, high)

    def loss(parameters: tuple[jax.Array, ...]) -> jax.Array:
        return jnp.mean((_evaluate(parameters, places) - targets) ** 2)

    schedule = optax.cosine_decay_schedule(STEP_SIZE, STEPS)
    state, _ = jax.jit(lambda p: train(loss, Optax(optax.adam(schedule)), p, STEPS, record_every=STEPS))(
        start
    )
    network = _exact(state.parameters, built)
    seen = float(jnp.max(jnp.abs(_evaluate(state.parameters, places) - targets)))
    return Rival(network, certified(built.approximation.problem, network), seen)


def _start(seed: int, units: int, low: float, high: float) -> tuple[jax.Array, ...]:
    key_signs, key_knots, key_outer = jax.random.split(jax.random.key(seed), 3)
    weights = jnp.where(jax.random.bernoulli(key_signs, 0.5, (units,)), 1.0, -1.0)
    knots = jax.random.uniform(key_knots, (units,), minval=low, maxval=high)
    outer = jax.random.normal(key_outer, (units,)) / units
    return weights, -weights * knots, outer, jnp.zeros(())


def _evaluate(parameters: tuple[jax.Array, ...], places: jax.Array) -> jax.Array:
    weights, offsets, outer, bias = parameters
    return jnp.maximum(places[:, None] * weights + offsets, 0.0) @ outer + bias


def _exact(parameters: tuple[jax.Array, ...], built: Case) -> Shallow:
    weights, offsets, outer = (
        tuple(Fraction(float(value)) for value in np.asarray(part)) for part in parameters[:3]
    )
    problem = built.approximation.problem
    cuts = tuple(problem.tape.breakpoints(0))
    return Shallow(RELU, weights, offsets, outer, Fraction(float(parameters[3])), problem.box[0], cuts)


def trained_error(seed: int, function: str, box: str, epsilon: str) -> float:
    """Certified error of the rival over that of the best constant, (max f - min f)/2 on the points."""
    found = rival(seed, function, box, epsilon)
    built = case(function, box, epsilon, "relu")
    values = np.asarray(
        jax.vmap(built.function)(jnp.linspace(float(built.low[0]), float(built.high[0]), POINTS))
    )
    # Points give a lower bound of the oscillation, so the ratio is never flattered.
    constant = float(np.max(values) - np.min(values)) / 2
    upper = found.certificate.upper
    return float("inf") if upper is None else float(upper) / constant


def sampled_over_certified(seed: int, function: str, box: str, epsilon: str, points: int) -> float:
    """Largest float64 error of the rival on a fresh dense sample over its certified bound plus rounding."""
    found = rival(seed % 2, function, box, epsilon)
    built = case(function, box, epsilon, "relu")
    places = jnp.asarray(np.random.default_rng(seed).uniform(built.low[0], built.high[0], points))
    inner, outer = found.network.layers()
    parts = (found.network.weights, inner.bias, found.network.outer)
    weights, offsets, slopes = (np.array([float(value) for value in part]) for part in parts)
    bias = jnp.asarray(float(outer.bias[0]))
    computed = _evaluate((jnp.asarray(weights), jnp.asarray(offsets), jnp.asarray(slopes), bias), places)
    errors = np.abs(np.asarray(computed - jax.vmap(built.function)(places)))
    farthest = max(abs(built.low[0]), abs(built.high[0]))
    size = (
        float(np.sum(np.abs(slopes) * (np.abs(weights) * farthest + np.abs(offsets)))) + abs(float(bias)) + 1
    )
    # Rounding of one evaluation: a dot product of this many terms, each of three roundings.
    slack = (len(weights) + 8) * 2.0**-53 * size
    upper = found.certificate.upper
    return float("inf") if upper is None else float(np.max(errors)) / (float(upper) + slack)
