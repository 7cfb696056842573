"""Logistic units of any steepness on a tent f(x) = L |x - c|, where the tails of both sides add up.

At the construction's own steepness the tails are a small part of the bound; shallow units make them most of
it, and at the top of a tent every unit's tail has the same sign.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from sympy import Expr, Rational, Symbol

from proofs_checks.bump_networks.bounds import main_term
from proofs_checks.challenge import Attack
from proofs_checks.insertion import value_of
from theory.bump_networks.rows import symbols as letter
from theory.bump_networks.rows.symbols import axis_symbols
from theory.errors import InputError
from theory.parameters import as_rational

FORM = main_term(1, "lipschitz", "logistic")
PER_CELL = 8


def letters(slope: str, width: str, steepness: str) -> dict[Symbol, Rational]:
    """L, h and u."""
    (slopes,), (widths,) = axis_symbols("L", 1), axis_symbols("h", 1)
    return {slopes: as_rational(slope), widths: as_rational(width), letter.u: as_rational(steepness)}


def largest(seed: int, *, slope: str, width: str, steepness: str, cells: int) -> float:
    """The error on a fine grid, the top included, in units of the closed-form bound."""
    values = letters(slope, width, steepness)
    points = np.linspace(0.0, float(as_rational(width)) * cells, 2 * PER_CELL * cells + 1)
    errors = _errors(cells)(points, *map(float, values.values()))
    return float(jnp.max(errors)) / float(value_of(FORM, values))


@lru_cache(maxsize=8)
def _errors(cells: int) -> Callable[..., Array]:
    """|f - N| at points, from L, h and u; compiled once for all of them."""
    return jax.jit(jax.vmap(partial(_error, cells), in_axes=(0, None, None, None)))


def over_bound(place: Array, *, slope: str, width: str, steepness: str, cells: int) -> Array:
    """|f - N| at a point in units of the closed-form bound."""
    values = letters(slope, width, steepness)
    return _error(cells, place, *map(float, values.values())) / float(value_of(FORM, values))


def _error(cells: int, place: Array, slope: float, width: float, steepness: float) -> Array:
    top, centers = width * cells / 2, width * (np.arange(cells) + 0.5)
    heights = slope * jnp.abs(centers - top)
    units = jax.nn.sigmoid(2 * steepness / width * (place - width * np.arange(1.0, cells)))
    network = heights[0] + jnp.sum(jnp.diff(heights) * units)
    return jnp.abs(slope * jnp.abs(place - top) - network)


def ratio(other: Expr, slope: str, width: str, steepness: str) -> float:
    """Another bound in units of the closed form. Raises InputError unless it is finite, real and positive."""
    values = letters(slope, width, steepness)
    found = value_of(other, values)
    if found <= 0:
        raise InputError(f"{other} is {float(found):.6g} here: no bound of an error")
    return float(found / value_of(FORM, values))


def start(key: Array, *, width: str, cells: int, **others: Any) -> Array:
    """A point of the interval."""
    return jax.random.uniform(key, ()) * float(as_rational(width)) * cells


def project(place: Array, *, width: str, cells: int, **others: Any) -> Array:
    """The nearest point of the interval."""
    return jnp.clip(place, 0.0, float(as_rational(width)) * cells)


ON_A_TENT = Attack(over_bound, start, project)
