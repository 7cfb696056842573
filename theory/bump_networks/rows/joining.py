"""From the lemmas to the conclusion: the shares of the error at one point, added up and bounded.

The first row of each list adds the shares by the triangle inequality; it is cited and argued in words. What
follows it is computed.
"""

from __future__ import annotations

from sympy import Eq, Expr, Integer, Le, Rational, Sum, Symbol, exp, sinh, tanh

from theory.bump_networks.rows.steps import LEBOURG
from theory.bump_networks.rows.symbols import (
    HALF,
    D,
    E,
    axis_symbols,
    curvature_symbol,
    delta,
    h,
    k,
    m,
    n,
    omega,
    rho,
    s,
    tau,
    u,
)
from theory.derivation import Row
from theory.proving import Citation, Definition, Nonnegativity
from theory.proving.consequence import Consequence
from theory.statement import Source

TAYLOR = Source("Rudin, W.", "Principles of Mathematical Analysis", 1976, "Theorem 5.15")
MODULUS = Source(
    "DeVore, R. A. and Lorentz, G. G.", "Constructive Approximation", 1993, "Chapter 2, Section 6"
)
ADDED = "The shares at the point of greatest error, added by the triangle inequality (argued, not computed): "


def _conclude(rows: list[Row], conclusion: Le, *lemmas: Eq) -> list[Row]:
    premises = (*lemmas, *(row.relation for row in rows))
    return [*rows, Row(conclusion, "The shares inserted and chained.", Consequence(premises))]


def _between(axes: int) -> list[Symbol]:
    return [Symbol(f"alpha_{axis + 1}" if axes > 1 else "alpha", real=True) for axis in range(axes)]


def steps(dimension: int, conclusion: Le) -> list[Row]:
    """Half a cell along every axis."""
    names = [""] if dimension == 1 else [f"_{axis + 1}" for axis in range(dimension)]
    near, far, left, widths = Integer(0), Integer(0), Integer(0), []
    for name, slope, width in zip(
        names, axis_symbols("L", dimension), axis_symbols("h", dimension), strict=True
    ):
        distance, rest = Symbol(f"d{name}", nonnegative=True), Symbol(f"r{name}", nonnegative=True)
        near, far = near + slope * distance, far + slope * (distance + rest)
        left += slope * rest
        reason = "What is left of half a cell beyond the distance to its center."
        widths.append(Row(Eq(rest, width / 2 - distance), reason, Definition()))
    rows = [
        Row(Le(E, near + rho), ADDED + "distance to the center, and rounding.", Citation(LEBOURG)),
        Row(Le(near + rho, far + rho), "Distances are at most half a cell.", Nonnegativity(left)),
        *widths,
    ]
    return _conclude(rows, conclusion)


def relu(dimension: int, curved: bool, conclusion: Le) -> list[Row]:
    """Barycentric means of distances, or half those of their products."""
    alphas, widths = _between(dimension), axis_symbols("h", dimension)
    spread = [alpha * (1 - alpha) for alpha in alphas]
    gaps = [(alpha - HALF) ** 2 for alpha in alphas]
    total, rest = Integer(0), Integer(0)
    for i, width in enumerate(widths):
        if not curved:
            slope = axis_symbols("L", dimension)[i]
            total, rest = total + 2 * slope * width * spread[i], rest + 2 * slope * width * gaps[i]
            continue
        for j, other in enumerate(widths):
            weight = curvature_symbol(i, j, dimension) * width * other / 4
            total += weight * (spread[i] + spread[j])
            rest += weight * (gaps[i] + gaps[j])
    what = "Taylor remainders, with mixed products by the mean of squares," if curved else "mean distances"
    first = Row(Le(E, total + rho), f"{ADDED}{what} and rounding.", Citation(TAYLOR if curved else LEBOURG))
    second = Row(Le(total + rho, conclusion.rhs), "Each product is at most one quarter.", Nonnegativity(rest))
    return _conclude([first, second], conclusion)


def logistic(modulus: bool, conclusion: Le, geometric: Eq) -> list[Row]:
    """The nearest unit as a convex combination, and the geometric sum of the others."""
    weight, slope = Symbol("w", real=True), Symbol("L", positive=True)
    size = Symbol("W", nonnegative=True)  # the modulus, as a symbol whose sign is known
    jump = size if modulus else slope * h
    helped = Integer(0) if modulus else slope * s * tanh(k * s / 2)
    near = jump if modulus else slope * ((1 - weight) * (h / 2 + s) + weight * (h / 2 - s))
    left = jump if modulus else slope * h / 2 - helped
    # With omega the conclusion has room for twice the tails.
    spare = jump / sinh(u) if modulus else Integer(0)
    tails = Sum(2 * exp(-(2 * m - 1) * u), (m, 1, n))
    closed = (1 - exp(-2 * n * u)) / sinh(u)
    certificate = helped + spare + jump * exp(-2 * n * u) / sinh(u)
    rows = [
        Row(
            Le(E, near + jump * tails + rho),
            ADDED + "the nearest unit, the tails of at most $n$ others on each side, and rounding.",
            Citation(MODULUS if modulus else LEBOURG),
        ),
        Row(Eq(weight, (1 + tanh(k * s / 2)) / 2), "The logistic at $k s$, its weight.", Definition()),
        Row(
            Le(left + jump * closed + rho, conclusion.rhs.subs(omega(h), size)),
            "The nearest unit helps, and a finite sum is below the infinite one.",
            Nonnegativity(certificate),
        ),
    ]
    if modulus:
        rows.insert(0, Row(Eq(size, omega(h)), "The modulus on one cell.", Definition()))
    return _conclude(rows, conclusion, geometric)


def sigmoid(modulus: bool, zone: Rational, tails: Rational, conclusion: Le) -> list[Row]:
    """Any other sigmoid in one dimension: zone with overshoot, and n tails."""
    over = Symbol("s", nonnegative=True)
    jump = 2 * omega(h) if modulus else Symbol("L", positive=True) * h
    rows = [
        Row(
            Le(E, jump * (1 + 2 * over) * (HALF + zone) + n * jump * delta + rho),
            ADDED + "the zone of the nearest unit, $n$ tails, and rounding.",
            Citation(MODULUS if modulus else LEBOURG),
        ),
        Row(Eq(delta, tails / n), "The tail that the steepness is chosen for.", Definition()),
    ]
    return _conclude(rows, conclusion)


def crossings(dimension: int, zone: Rational, conclusion: Le) -> list[Row]:
    """Sigmoids in more dimensions."""
    total: Expr = D + tau + rho
    rows = []
    for axis, (slope, width) in enumerate(
        zip(axis_symbols("L", dimension), axis_symbols("h", dimension), strict=True)
    ):
        half = Symbol(f"z_{axis + 1}", positive=True)
        total += slope * (width / 2 + half)
        rows.append(Row(Eq(half, zone * width), "The half-width of a zone.", Definition()))
    reason = ADDED + "the convex combination, the crossing, the units and rounding."
    return _conclude([Row(Le(E, total), reason, Citation(LEBOURG)), *rows], conclusion)


def by_modulus(stairs: bool, conclusion: Le) -> list[Row]:
    """Steps and ReLU where f has no Lipschitz constant."""
    if stairs:
        distance = Symbol("d", nonnegative=True)
        rows = [
            Row(Le(E, omega(distance) + rho), ADDED + "distance to the center.", Citation(MODULUS)),
            Row(Le(omega(distance) + rho, conclusion.rhs), "The modulus increases.", Citation(MODULUS)),
        ]
    else:
        part = _between(1)[0]
        both = (1 - part) * omega(h) + part * omega(h)
        rows = [Row(Le(E, both + rho), ADDED + "both ends of the cell.", Citation(MODULUS))]
    return _conclude(rows, conclusion)
