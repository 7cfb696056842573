"""Logistic units of any steepness on a tent f(x) = L |x - c|, where the tails of both sides add up.

At the construction's own steepness the tails are a small part of the bound; shallow units make them most of
it, and at the top of a tent every unit's tail has the same sign.
"""

from __future__ import annotations

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
    points = np.linspace(0.0, float(as_rational(width)) * cells, 2 * PER_CELL * cells + 1)

    def error(point: Array) -> Array:
        return over_bound(point, slope=slope, width=width, steepness=steepness, cells=cells)

    return float(jnp.max(jax.vmap(error)(jnp.asarray(points))))


def over_bound(place: Array, *, slope: str, width: str, steepness: str, cells: int) -> Array:
    """|f - N| at a point in units of the closed-form bound."""
    values = letters(slope, width, steepness)
    size, h, u = (float(number) for number in values.values())
    top, centers = h * cells / 2, h * (np.arange(cells) + 0.5)
    heights = size * np.abs(centers - top)
    units = jax.nn.sigmoid(2 * u / h * (place - h * np.arange(1, cells)))
    network = heights[0] + jnp.sum(np.diff(heights) * units)
    return jnp.abs(size * jnp.abs(place - top) - network) / float(value_of(FORM, values))


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
