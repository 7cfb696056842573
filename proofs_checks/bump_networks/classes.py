"""The closed-form bounds over a class of functions: sums of sines on a fixed interval and grid.

f(x) = sum_k a_k sin(k x + phi_k), k = 1, ..., K, a_k > 0 (phases carry the signs), has
|f'| <= L = sum k a_k and |f''| <= M = sum k^2 a_k. The networks are those of the theorem with cells of one
width; the bound does not see the phases, and its ratio to the error does not see the scale of f.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from sympy import Symbol

from proofs_checks.bump_networks.bounds import main_term
from proofs_checks.challenge import Attack
from proofs_checks.lowering.expressions import lower
from theory.bump_networks.construct import STEEPNESS
from theory.bump_networks.rows import symbols as letter
from theory.bump_networks.rows.symbols import axis_symbols, curvature_symbol

WAVES = 5
LENGTH = 6.0  # of the interval, from 0
PER_CELL = 16  # places of a cell at which a sampled function is compared with its network
SPREAD = 3.0  # deviation of log a_k of a sampled function: often one wave dominates, as in the worst case
SMALLEST = -40.0  # log a_k of a wave that is absent, the largest being 0


class Place(NamedTuple):
    """A function of the class, its amplitudes as logarithms, and a point of the interval."""

    sizes: Array
    phases: Array
    point: Array


def largest(seed: int, *, activation: str, rule: str, cells: int) -> float:
    """The error of a random function on a fine grid, in units of its bound."""
    random = np.random.default_rng(seed)
    sizes, phases = SPREAD * random.normal(size=WAVES), random.uniform(0, 2 * np.pi, WAVES)
    return float(_on_a_grid(activation, rule, cells)(sizes, phases))


@lru_cache(maxsize=8)
def _on_a_grid(activation: str, rule: str, cells: int) -> Callable[[np.ndarray, np.ndarray], Array]:
    points = jnp.linspace(0.0, LENGTH, cells * PER_CELL + 1)

    def run(sizes: Array, phases: Array) -> Array:
        def error(point: Array) -> Array:
            place = Place(sizes, phases, point)
            return over_bound(place, activation=activation, rule=rule, cells=cells)

        return jnp.max(jax.vmap(error)(points))

    return jax.jit(run)


def over_bound(place: Place, *, activation: str, rule: str, cells: int) -> Array:
    """|f - N| at the point, in units of the closed-form bound of this function."""
    width = LENGTH / cells
    network = _NETWORKS[activation]
    error = jnp.abs(_function(place, place.point) - network(place, width, cells))
    waves, sizes = np.arange(1.0, WAVES + 1), jnp.exp(place.sizes)
    return error / _bound(activation, rule)(
        jnp.asarray(width), jnp.sum(waves * sizes), jnp.sum(waves**2 * sizes), jnp.asarray(float(STEEPNESS))
    )


def start(key: Array, **others: Any) -> Place:
    """Log-normal amplitudes, and phases and a point, at random."""
    normal, uniform = jax.random.split(key)
    turns = jax.random.uniform(uniform, (WAVES + 1,))
    return Place(SPREAD * jax.random.normal(normal, (WAVES,)), 2 * np.pi * turns[:-1], LENGTH * turns[-1])


def project(place: Place, **others: Any) -> Place:
    """The point into the interval; of the amplitudes, whose scale does not matter, the largest to 1."""
    sizes = jnp.maximum(place.sizes - jnp.max(place.sizes), SMALLEST)
    return Place(sizes, place.phases, jnp.clip(place.point, 0.0, LENGTH))


OVER_THE_CLASS = Attack(over_bound, start, project)


def _function(place: Place, point: Array) -> Array:
    waves = np.arange(1.0, WAVES + 1)
    return jnp.sum(jnp.exp(place.sizes) * jnp.sin(waves * point[..., None] + place.phases), axis=-1)


def _broken_line(place: Place, width: float, cells: int) -> Array:
    """c_0 + sum of the changes of slope times ReLU(x - t_j)."""
    knots = width * np.arange(cells + 1)
    values = _function(place, jnp.asarray(knots))
    slopes = jnp.diff(values) / width
    changes = jnp.diff(slopes, prepend=0.0)
    return values[0] + jnp.sum(changes * jnp.maximum(place.point - knots[:-1], 0.0))


def _staircase(unit: Callable[[Array, float], Array]) -> Callable[[Place, float, int], Array]:
    """c_0 + sum of the jumps between the centers of neighboring cells times a unit at the knot between."""

    def network(place: Place, width: float, cells: int) -> Array:
        values = _function(place, jnp.asarray(width * (np.arange(cells) + 0.5)))
        return values[0] + jnp.sum(jnp.diff(values) * unit(place.point - width * np.arange(1, cells), width))

    return network


_NETWORKS: dict[str, Callable[[Place, float, int], Array]] = {
    "relu": _broken_line,
    "heaviside": _staircase(lambda distance, width: jnp.where(distance >= 0, 1.0, 0.0)),
    "logistic": _staircase(lambda distance, width: jax.nn.sigmoid(2 * float(STEEPNESS) / width * distance)),
}


@lru_cache(maxsize=8)
def _bound(activation: str, rule: str) -> Callable[..., Array]:
    symbols: tuple[Symbol, ...] = (
        *axis_symbols("h", 1),
        *axis_symbols("L", 1),
        curvature_symbol(0, 0, 1),
        letter.u,
    )
    return lower(main_term(1, rule, activation), symbols)
