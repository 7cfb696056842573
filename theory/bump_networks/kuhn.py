"""Piecewise linear interpolation on the Kuhn triangulation of a grid, as a ReLU network of hats.

Every cube of the grid is cut into d! simplices by the order of its local coordinates (Kuhn 1960,
Freudenthal 1942); halving all cubes refines the triangulation, which is what makes leaves splittable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise, product
from math import prod

from theory.bump_networks import jets
from theory.bump_networks.activation import RELU
from theory.bump_networks.arithmetic import Ball, ball
from theory.bump_networks.jets import Box
from theory.bump_networks.leaf import BoxLeaf, Point, greatest, least
from theory.bump_networks.network import Entry, Layer, hidden_units
from theory.bump_networks.tape import Tape

Index = tuple[int, ...]


@dataclass(frozen=True)
class KuhnHats:
    """Nodal values at the grid of ``knots`` (one increasing tuple for each axis), row-major."""

    knots: tuple[tuple[Fraction, ...], ...]
    outer: tuple[Fraction, ...]
    cache: dict[Point, Ball] = field(default_factory=dict, compare=False, repr=False)

    @property
    def units(self) -> int:
        """Number of ReLU units in all layers."""
        return hidden_units(self.layers())

    def with_outer(self, index: int, value: Fraction) -> KuhnHats:
        """The same network with one nodal value replaced."""
        return replace(self, outer=(*self.outer[:index], value, *self.outer[index + 1 :]), cache={})

    def node(self, index: Index) -> Fraction:
        """The value at a node of the grid."""
        position = 0
        for axis, step in enumerate(index):
            position = position * len(self.knots[axis]) + step
        return self.outer[position]

    def interpolate(self, cell: Index, point: Point) -> Fraction:
        """The value at a point of a closed cell: walk from its lowest corner along decreasing coordinates."""
        local = [
            (x - axis[i]) / (axis[i + 1] - axis[i])
            for x, axis, i in zip(point, self.knots, cell, strict=True)
        ]
        corner, total = list(cell), self.node(cell)
        for axis in sorted(range(len(cell)), key=lambda k: -local[k]):
            before = self.node(tuple(corner))
            corner[axis] += 1
            total += local[axis] * (self.node(tuple(corner)) - before)
        return total

    def leaves(self) -> list[KuhnLeaf]:
        """One leaf for each cube."""
        cells = product(*(range(len(axis) - 1) for axis in self.knots))
        return [
            KuhnLeaf(
                tuple((axis[i], axis[i + 1]) for axis, i in zip(self.knots, cell, strict=True)), cell, self
            )
            for cell in cells
        ]

    def layers(self) -> tuple[Layer, ...]:
        """Warp to integer coordinates (where the grid is uneven), maxima by ReLU, hats, and their sum.

        The hat is ReLU(1 - max(0, u_1, ..., u_d) - max(0, -u_1, ..., -u_d)) with u = x/h - m, and
        max(0, u_1, ..., u_k) = M + ReLU(u_k - M) for M = max(0, u_1, ..., u_(k-1)).
        """
        return _Builder(self.knots).build(self.outer)


@dataclass(frozen=True)
class KuhnLeaf:
    """A cube, or a dyadic part of one, on which the interpolant is affine on every Kuhn simplex."""

    box: Box
    cell: Index
    network: KuhnHats

    def bound(self, tape: Tape) -> Ball:
        """max |f - N| over the corners plus the remainder of linear interpolation of f."""
        corners = greatest([self.at(tape, corner).abs_upper() for corner in product(*self.box)])
        return corners + self._remainder(tape).upper()

    def _remainder(self, tape: Tape) -> Ball:
        """The smaller of 1/8 sum_kl sup|H_kl| h_k h_l and 1/2 sum_k rad(d_k f) h_k."""
        jet = jets.evaluate(tape, self.box)
        sides = [ball(high - low) for low, high in self.box]
        found = []
        if jet.hessian is not None:
            total = ball(0)
            pairs = [(k, m) for k in range(len(sides)) for m in range(k, len(sides))]
            for (k, m), entry in zip(pairs, jet.hessian, strict=False):
                total += entry.abs_upper() * sides[k] * sides[m] * (1 if k == m else 2) / 8
            found.append(total.upper())
        if jet.gradient is not None:
            radii = [(part - part.mid()).abs_upper() for part in jet.gradient]
            found.append(sum((r * h / 2 for r, h in zip(radii, sides, strict=False)), ball(0)).upper())
        finite = [bound for bound in found if bound.is_finite()]
        return least(finite) if finite else ball("inf")

    def at(self, tape: Tape, point: Point) -> Ball:
        """f - N at a point, remembered: neighbouring cubes share their corners."""
        known = self.network.cache
        if point not in known:
            known[point] = self.difference(tape, point)
        return known[point]

    def difference(self, tape: Tape, point: Point) -> Ball:
        """An enclosure of f - N at a point of the closed cell."""
        place = [(coordinate, coordinate) for coordinate in point]
        return jets.evaluate(tape, place).value - ball(self.network.interpolate(self.cell, point))

    def center(self) -> Point:
        """The midpoint."""
        return tuple((low + high) / 2 for low, high in self.box)

    def candidates(self) -> list[Point]:
        """Points at which the error may be large."""
        return BoxLeaf(self.box, lambda box: (jets.Jet(ball(0)), ball(0))).candidates()

    def split(self) -> Sequence[KuhnLeaf]:
        """The 2^d halves: they refine the triangulation."""
        parts = [((low, (low + high) / 2), ((low + high) / 2, high)) for low, high in self.box]
        return [replace(self, box=tuple(box)) for box in product(*parts)]


Sums = tuple[dict[int, Fraction], Fraction]  # a linear form in the previous layer, and a constant
Name = tuple[int, int, int]  # sign, axis, number of the knot
Parts = dict[Name, Sums]
Maxima = dict[tuple[int, Index], Sums]


class _Builder:
    """Layers one after the other; maxima are kept as linear forms in the layer before."""

    def __init__(self, knots: tuple[tuple[Fraction, ...], ...]) -> None:
        self.knots = knots
        self.layers: list[Layer] = []
        self.width = len(knots)

    def build(self, values: tuple[Fraction, ...]) -> tuple[Layer, ...]:
        coordinates = self._warp()
        grid = [range(len(axis)) for axis in self.knots]
        shifted = {
            (k, i): (coordinates[k][0], coordinates[k][1] - i) for k, axis in enumerate(grid) for i in axis
        }
        names: list[Name] = [(sign, *key) for key in shifted for sign in (1, -1)]
        self._layer([_scaled(shifted[name[1:]], name[0]) for name in names])
        parts: Parts = {name: ({place: Fraction(1)}, Fraction(0)) for place, name in enumerate(names)}
        maxima: Maxima = {(sign, (i,)): parts[sign, 0, i] for sign in (1, -1) for i in grid[0]}
        for k in range(1, len(grid)):
            parts, maxima = self._maximum(k, parts, maxima, grid)
        hats = []
        for index in product(*grid):
            total = _added(_scaled(maxima[1, index], -1), _scaled(maxima[-1, index], -1))
            hats.append((total[0], total[1] + 1))
        self._layer(hats)
        self.layers.append(Layer(self.width, tuple((0, j, v) for j, v in enumerate(values)), (Fraction(0),)))
        return tuple(self.layers)

    def _maximum(self, k: int, parts: Parts, maxima: Maxima, grid: list[range]) -> tuple[Parts, Maxima]:
        """One more coordinate: M + ReLU(u_k - M); what later layers need passes through, being >= 0."""
        forms: list[Sums] = []
        kept: dict[tuple[int, Index], int] = {}
        later: dict[Name, int] = {}
        for key, form in maxima.items():
            kept[key] = len(forms)
            forms.append(form)
        for name, form in parts.items():
            if name[1] > k:
                later[name] = len(forms)
                forms.append(form)
        fresh = {}
        for (sign, index), form in maxima.items():
            for i in grid[k]:
                u = _added(parts[sign, k, i], _scaled(parts[-sign, k, i], -1))
                fresh[sign, (*index, i)] = (kept[sign, index], len(forms))
                forms.append(_added(u, _scaled(form, -1)))
        self._layer(forms)
        one = Fraction(1)
        return (
            {name: ({place: one}, Fraction(0)) for name, place in later.items()},
            {name: ({old: one, new: one}, Fraction(0)) for name, (old, new) in fresh.items()},
        )

    def _warp(self) -> list[Sums]:
        """Each coordinate in units of its cells, linear in x, or in ReLU(x - b) where h changes."""
        steps = [_rates(axis) for axis in self.knots]
        if all(len(rates) == 1 for rates in steps):
            return [({k: rates[0][1]}, -rates[0][0] * rates[0][1]) for k, rates in enumerate(steps)]
        forms: list[Sums] = []
        result: list[Sums] = []
        for k, rates in enumerate(steps):
            form: dict[int, Fraction] = {}
            for start, change in rates:
                form[len(forms)] = change
                forms.append(({k: Fraction(1)}, -start))
            result.append((form, Fraction(0)))
        self._layer(forms)
        return result

    def _layer(self, forms: Sequence[Sums]) -> None:
        entries: list[Entry] = [
            (row, column, weight)
            for row, (form, _) in enumerate(forms)
            for column, weight in form.items()
            if weight
        ]
        self.layers.append(Layer(self.width, tuple(entries), tuple(constant for _, constant in forms), RELU))
        self.width = len(forms)


def _rates(axis: Sequence[Fraction]) -> list[tuple[Fraction, Fraction]]:
    """Where the rate 1/h of the coordinate changes, and by how much."""
    changes, rate = [], Fraction(0)
    for low, high in pairwise(axis):
        if 1 / (high - low) != rate:
            changes.append((low, 1 / (high - low) - rate))
            rate = 1 / (high - low)
    return changes


def _scaled(form: Sums, factor: int) -> Sums:
    return {column: factor * weight for column, weight in form[0].items()}, factor * form[1]


def _added(left: Sums, right: Sums) -> Sums:
    total = dict(left[0])
    for column, weight in right[0].items():
        total[column] = total.get(column, Fraction(0)) + weight
    return total, left[1] + right[1]


def hat_count(cells: Sequence[int]) -> int:
    """Number of nodes of a grid with this many cells on each axis."""
    return prod(count + 1 for count in cells)
