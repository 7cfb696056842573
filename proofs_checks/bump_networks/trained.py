"""A rival of the same size, trained by Adam on the same function and certified in the same way."""

from __future__ import annotations

from collections.abc import Callable
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

Parameters = tuple[jax.Array, ...]

RIVALS = 2  # both claims look at the same trained networks
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
    state, seen = _trainer(function, box, epsilon)(_start(seed, built))
    network = _exact(state, built)
    return Rival(network, certified(built.approximation.problem, network), float(seen))


@lru_cache(maxsize=16)
def _trainer(function: str, box: str, epsilon: str) -> Callable[[Parameters], tuple[Parameters, jax.Array]]:
    """Compiled once for all seeds: initial to final parameters, and their largest error on the points."""
    built = case(function, box, epsilon, "relu")
    places = np.linspace(built.low[0], built.high[0], POINTS)

    def run(parameters: Parameters) -> tuple[Parameters, jax.Array]:
        targets = jax.vmap(built.function)(jnp.asarray(places))

        def loss(current: Parameters) -> jax.Array:
            return jnp.mean((_evaluate(current, jnp.asarray(places)) - targets) ** 2)

        optimizer = Optax(optax.adam(optax.cosine_decay_schedule(STEP_SIZE, STEPS)))
        state, _ = train(loss, optimizer, parameters, STEPS, record_every=STEPS)
        error = jnp.max(jnp.abs(_evaluate(state.parameters, jnp.asarray(places)) - targets))
        return state.parameters, error

    return jax.jit(run)


def _start(seed: int, built: Case) -> Parameters:
    random = np.random.default_rng(seed)
    units = min(max(built.units(), 1), MOST_UNITS)
    weights = random.choice([-1.0, 1.0], units)
    knots = random.uniform(built.low[0], built.high[0], units)
    outer = random.standard_normal(units) / units
    return tuple(jnp.asarray(part) for part in (weights, -weights * knots, outer, np.zeros(())))


def _evaluate(parameters: Parameters, places: jax.Array) -> jax.Array:
    weights, offsets, outer, bias = parameters
    return jnp.maximum(places[:, None] * weights + offsets, 0.0) @ outer + bias


def _exact(parameters: Parameters, built: Case) -> Shallow:
    weights, offsets, outer = (
        tuple(Fraction(float(value)) for value in np.asarray(part)) for part in parameters[:3]
    )
    problem = built.approximation.problem
    cuts = tuple(problem.tape.breakpoints(0))
    return Shallow(RELU, weights, offsets, outer, Fraction(float(parameters[3])), problem.box[0], cuts)


def trained_error(seed: int, function: str, box: str, epsilon: str) -> float:
    """Certified error of the rival over that of the best constant, (max f - min f)/2 on the points."""
    found = rival(seed % RIVALS, function, box, epsilon)
    built = case(function, box, epsilon, "relu")
    upper = found.certificate.upper
    return float("inf") if upper is None else float(upper) / best_constant(built)


def best_constant(built: Case) -> float:
    """The error of the best constant; points give a lower bound of it, so that no rival is flattered."""
    values = _targets(built, np.linspace(built.low[0], built.high[0], POINTS))
    return float(np.max(values) - np.min(values)) / 2


def sampled_over_certified(seed: int, function: str, box: str, epsilon: str, points: int) -> float:
    """Largest float64 error of the rival on a fresh dense sample over its certified bound plus rounding."""
    found = rival(seed % RIVALS, function, box, epsilon)
    built = case(function, box, epsilon, "relu")
    places = np.random.default_rng(seed).uniform(built.low[0], built.high[0], points)
    inner, outer = found.network.layers()
    parts = (found.network.weights, inner.bias, found.network.outer)
    weights, offsets, slopes = (np.array([float(value) for value in part]) for part in parts)
    bias = float(outer.bias[0])
    computed = np.maximum(places[:, None] * weights + offsets, 0.0) @ slopes + bias
    errors = np.abs(computed - _targets(built, places))
    farthest = max(abs(built.low[0]), abs(built.high[0]))
    size = float(np.sum(np.abs(slopes) * (np.abs(weights) * farthest + np.abs(offsets)))) + abs(bias) + 1
    # Rounding of one evaluation: a dot product of this many terms, each of three roundings.
    slack = (len(weights) + 8) * 2.0**-53 * size
    upper = found.certificate.upper
    return float("inf") if upper is None else float(np.max(errors)) / (float(upper) + slack)


def _targets(built: Case, places: np.ndarray) -> np.ndarray:
    return np.asarray(_compiled(built.function)(places))


@lru_cache(maxsize=16)
def _compiled(function: Callable[[jax.Array], jax.Array]) -> Callable[[np.ndarray], jax.Array]:
    return jax.jit(jax.vmap(function))
