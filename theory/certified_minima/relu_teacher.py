r"""The loss of a ReLU network that learns another one on Gaussian inputs, in closed form and in balls.

$F(W) = \frac{1}{2} E_{x \sim N(0, I_k)} (\sum_i \mathrm{relu}(w_i^T x) - \sum_j \mathrm{relu}(x_j))^2$ for
rows $w_i$ of a $k \times k$ matrix: the teacher has orthonormal weights. With $a = |w|^2, b = w^T v,
c = |v|^2$, $E \, \mathrm{relu}(w^T x) \, \mathrm{relu}(v^T x) = \kappa(a, b, c)$, and all
derivatives of $F$ follow from those of $\kappa$ by the chain rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from sympy import Expr, Rational, acos, pi, sqrt, symbols

from theory.balls import Ball, flint, lower_function
from theory.certified_minima.functions import Point, Smooth
from theory.certified_minima.minimum import PRECISION, RADIUS, CertifiedMinimum, certify

a, c = symbols("a c", positive=True)
b = symbols("b", real=True)
LETTERS = (a, b, c)

SMALLEST, LARGEST = 6, 12  # numbers of units with a start below and a certificate within seconds

# A few digits of the minimum with six units; Newton's method finds from them the one of each larger number.
# Row 1 is (FIRST, REST, ..., REST); row j is (COLUMN, OTHER, ..., OWN at j, ..., OTHER).
FIRST, REST, COLUMN, OWN, OTHER = (Rational(one) for one in ("-0.60", "0.22", "0.31", "0.99", "-0.05"))


def kernel() -> Expr:
    """E relu(w^T x) relu(v^T x) in a = |w|^2, b = w^T v, c = |v|^2."""
    return (sqrt(a * c - b**2) + b * (pi - acos(b / sqrt(a * c)))) / (2 * pi)


def slopes() -> tuple[Expr, Expr, Expr]:
    """The derivatives of the kernel by a, b and c."""
    root = sqrt(a * c - b**2)
    return root / (4 * pi * a), (pi - acos(b / sqrt(a * c))) / (2 * pi), root / (4 * pi * c)


def start(units: int) -> list[Rational]:
    """Near the spurious minimum, row by row."""
    first = [FIRST, *([REST] * (units - 1))]
    rest = [
        [COLUMN, *(OWN if column == row else OTHER for column in range(1, units))] for row in range(1, units)
    ]
    return [entry for row in (first, *rest) for entry in row]


@lru_cache
def spurious_minimum(units: int, radius: Rational = RADIUS, precision: int = PRECISION) -> CertifiedMinimum:
    """The certified minimum for this many units. Raises NotCertified where there is none near the start."""
    return certify(loss(units), start(units), radius, precision)


@lru_cache
def loss(units: int) -> Smooth:
    """F with gradient and Hessian as a function of the k^2 weights, row by row; nan at parallel rows."""
    teacher = [[flint.arb(int(i == j)) for j in range(units)] for i in range(units)]

    def rows(point: Point) -> list[list[Ball]]:
        return [list(point[units * i : units * (i + 1)]) for i in range(units)]

    return Smooth(
        units**2,
        lambda point: _value(rows(point), teacher),
        lambda point: _gradient(rows(point), teacher),
        lambda point: _hessian(rows(point), teacher),
    )


def _others(rows: list[list[Ball]], teacher: list[list[Ball]], i: int) -> list[tuple[int, list[Ball]]]:
    """(sign, v) for every other unit of the network and of the teacher."""
    return [(1, row) for j, row in enumerate(rows) if j != i] + [(-1, row) for row in teacher]


def _value(rows: list[list[Ball]], teacher: list[list[Ball]]) -> Ball:
    (function,) = _lowered(0)
    total = sum((_dot(row, row) for row in [*rows, *teacher]), flint.arb(0)) / 4
    for i, row in enumerate(rows):
        total += sum((function(_products(row, other)) for other in rows[:i]), flint.arb(0))
        total -= sum((function(_products(row, other)) for other in teacher), flint.arb(0))
    for j, row in enumerate(teacher):
        total += sum((function(_products(row, other)) for other in teacher[:j]), flint.arb(0))
    return total


def _gradient(rows: list[list[Ball]], teacher: list[list[Ball]]) -> list[Ball]:
    by_a, by_b, _ = _lowered(1)
    found = []
    for i, row in enumerate(rows):
        slope = [entry / 2 for entry in row]
        for sign, other in _others(rows, teacher, i):
            letters = _products(row, other)
            along, across = sign * 2 * by_a(letters), sign * by_b(letters)
            slope = [s + along * w + across * v for s, w, v in zip(slope, row, other, strict=True)]
        found += slope
    return found


def _hessian(rows: list[list[Ball]], teacher: list[list[Ball]]) -> list[list[Ball]]:
    units = len(rows)
    found = [[flint.arb(0)] * units**2 for _ in range(units**2)]
    for i, row in enumerate(rows):
        block = [[flint.arb(int(p == q)) / 2 for q in range(units)] for p in range(units)]
        for sign, other in _others(rows, teacher, i):
            _add(block, _own_block(row, other), sign)
        _put(found, block, i, i)
        for j in range(i):
            mixed = _mixed_block(row, rows[j])
            _put(found, mixed, i, j)
            _put(found, [list(column) for column in zip(*mixed, strict=True)], j, i)
    return found


def _own_block(w: list[Ball], v: list[Ball]) -> list[list[Ball]]:
    """2 k_a + 4 k_aa w w^T + 2 k_ab (w v^T + v w^T) + k_bb v v^T."""
    letters = _products(w, v)
    by_a, (aa, ab, bb, _, _) = _lowered(1)[0](letters), (one(letters) for one in _lowered(2))
    size = range(len(w))
    return [
        [
            2 * by_a * int(p == q)
            + 4 * aa * w[p] * w[q]
            + 2 * ab * (w[p] * v[q] + v[p] * w[q])
            + bb * v[p] * v[q]
            for q in size
        ]
        for p in size
    ]


def _mixed_block(w: list[Ball], v: list[Ball]) -> list[list[Ball]]:
    """k_b + 2 k_ab w w^T + 4 k_ac w v^T + k_bb v w^T + 2 k_bc v v^T."""
    letters = _products(w, v)
    by_b, (_, ab, bb, ac, bc) = _lowered(1)[1](letters), (one(letters) for one in _lowered(2))
    size = range(len(w))
    return [
        [
            by_b * int(p == q)
            + 2 * ab * w[p] * w[q]
            + 4 * ac * w[p] * v[q]
            + bb * v[p] * w[q]
            + 2 * bc * v[p] * v[q]
            for q in size
        ]
        for p in size
    ]


@lru_cache
def _lowered(order: int) -> tuple[Callable[[Sequence[Ball]], Ball], ...]:
    by_a, by_b, by_c = slopes()
    second = (by_a.diff(a), by_a.diff(b), by_b.diff(b), by_a.diff(c), by_c.diff(b))
    forms: tuple[Expr, ...] = ((kernel(),), (by_a, by_b, by_c), second)[order]
    return tuple(lower_function(form, LETTERS) for form in forms)


def _products(w: list[Ball], v: list[Ball]) -> list[Ball]:
    return [_dot(w, w), _dot(w, v), _dot(v, v)]


def _dot(w: list[Ball], v: list[Ball]) -> Ball:
    return sum((p * q for p, q in zip(w, v, strict=True)), flint.arb(0))


def _add(block: list[list[Ball]], other: list[list[Ball]], sign: int) -> None:
    for p, row in enumerate(other):
        for q, entry in enumerate(row):
            block[p][q] += sign * entry


def _put(found: list[list[Any]], block: list[list[Ball]], i: int, j: int) -> None:
    size = len(block)
    for p in range(size):
        found[size * i + p][size * j : size * (j + 1)] = block[p]
