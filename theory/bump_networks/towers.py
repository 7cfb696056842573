"""Three layers on a grid in d >= 2 dimensions: Heaviside towers, sigmoidal orthants, and the control.

Plain sigmoidal towers are here only to fail: at a corner of the grid each of the 2^d towers that meet there
sees a sum below its threshold, so the network is near 0 and the error near |f| however fine the grid.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations, pairwise, product
from math import prod

from sympy import Expr

from theory.bump_networks import ranges
from theory.bump_networks.activation import STEP, Sigmoid
from theory.bump_networks.arithmetic import Ball, ball, hull
from theory.bump_networks.jets import Box, Jet
from theory.bump_networks.leaf import BoxLeaf, Local, greatest, least
from theory.bump_networks.network import Entry, Layer
from theory.bump_networks.shallow import affine

Index = tuple[int, ...]


@dataclass(frozen=True)
class Grid:
    """Interior knots on each axis of a box, and one value for each cell (row-major)."""

    box: tuple[tuple[Fraction, Fraction], ...]
    knots: tuple[tuple[Fraction, ...], ...]
    outer: tuple[Fraction, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of cells on each axis."""
        return tuple(len(axis) + 1 for axis in self.knots)

    def value(self, cell: Index) -> Fraction:
        """The value of one cell."""
        position = 0
        for size, step in zip(self.shape, cell, strict=True):
            position = position * size + step
        return self.outer[position]

    def cells(self) -> Iterator[Index]:
        """All cells, row-major."""
        return product(*map(range, self.shape))

    def sides(self, cell: Index) -> Box:
        """The closed box of a cell."""
        ends = [(low, *axis, high) for (low, high), axis in zip(self.box, self.knots, strict=True)]
        return tuple((axis[i], axis[i + 1]) for axis, i in zip(ends, cell, strict=True))

    def gates(self) -> list[tuple[int, int]]:
        """The inner units: (axis, number of the knot)."""
        return [(axis, j) for axis, knots in enumerate(self.knots) for j in range(len(knots))]

    def difference(self, cell: Index, axes: Sequence[int]) -> Fraction:
        """The mixed first difference of the values over ``axes``, the cell being the upper corner."""
        total = Fraction(0)
        for size in range(len(axes) + 1):
            for back in combinations(axes, size):
                corner = tuple(i - (k in back) for k, i in enumerate(cell))
                total += (-1) ** size * self.value(corner)
        return total


@dataclass(frozen=True)
class StepTowers:
    """sum over cells of c_m H(sum_k [H(x_k - a_k) - H(x_k - b_k)] - d + 1/2), with H(0) = 1."""

    grid: Grid

    @property
    def outer(self) -> tuple[Fraction, ...]:
        """The output weights: the values of the cells."""
        return self.grid.outer

    @property
    def units(self) -> int:
        """Inner and outer step units."""
        return len(self.grid.gates()) + prod(self.grid.shape)

    def with_outer(self, index: int, value: Fraction) -> StepTowers:
        """The same network with one cell value replaced."""
        outer = self.grid.outer
        return StepTowers(replace(self.grid, outer=(*outer[:index], value, *outer[index + 1 :])))

    def leaves(self) -> list[BoxLeaf]:
        """One leaf for each cell: with H(0) = 1 the network has exactly the cell's value on it."""
        zero = (Fraction(0),) * len(self.grid.knots)
        return [
            BoxLeaf(self.grid.sides(cell), affine(zero, self.grid.value(cell))) for cell in self.grid.cells()
        ]

    def layers(self) -> tuple[Layer, ...]:
        """Gates, towers, and their weighted sum."""
        gates = self.grid.gates()
        inner = _gate_layer(self.grid, Fraction(1), STEP)
        entries, bias = _tower_entries(self.grid, gates)
        towers = Layer(len(gates), entries, bias, STEP)
        outer = tuple((0, j, weight) for j, weight in enumerate(self.outer))
        return inner, towers, Layer(len(self.outer), outer, (Fraction(0),))


@dataclass(frozen=True)
class Orthants:
    """c_0 + sum_m w_m s(k2 (sum_k s(k1 (x_k - t_(m_k))) - d + 1/2)): mixed differences w of the cell values.

    s is the activation normalized to the limits 0 and 1; a factor with m_k = 0 is the constant 1. Gates are
    within ``inner_tail`` of 0 or 1 at distance ``zone`` from their knots; ``tail`` bounds what all units
    together differ from their idealization.
    """

    grid: Grid
    sigmoid: Sigmoid
    zones: tuple[Fraction, ...]
    inner: tuple[Fraction, ...]
    steepness: Fraction
    tail: Fraction

    @property
    def units(self) -> int:
        """Inner gates and outer units; the cell in the lowest corner is the bias."""
        return len(self.grid.gates()) + prod(self.grid.shape) - 1

    @property
    def outer(self) -> tuple[Fraction, ...]:
        """Normalized output weights: the mixed differences of the cell values, lowest corner first."""
        return tuple(self.grid.difference(cell, _positive(cell)) for cell in self.grid.cells())

    def leaves(self) -> list[BoxLeaf]:
        """Cells, and zones around the knots, on each axis."""
        axes = []
        for (low, high), knots, zone in zip(self.grid.box, self.grid.knots, self.zones, strict=True):
            cuts = [low, *(end for knot in knots for end in (knot - zone, knot + zone)), high]
            axes.append([(side, (number + 1) // 2, number % 2) for number, side in enumerate(pairwise(cuts))])
        return [
            BoxLeaf(
                tuple(a[0] for a in parts),
                self._local(tuple(a[1] for a in parts), tuple(a[2] for a in parts)),
            )
            for parts in product(*axes)
        ]

    def _local(self, cell: Index, crossing: Index) -> Local:
        """On a product of cells and zones: c + sum over sets S of crossed axes of g_S Delta_S c."""
        crossed = [axis for axis, flag in enumerate(crossing) if flag]
        lowest = tuple(i - flag for i, flag in zip(cell, crossing, strict=True))
        sets = [s for size in range(1, len(crossed) + 1) for s in combinations(crossed, size)]
        base = ball(self.grid.value(lowest))
        steps = [ball(self._step(lowest, s)) for s in sets]
        slack = ball(self.tail)

        def local(box: Box) -> tuple[Jet, Ball]:
            missing = {axis: self._missing(axis, cell[axis] - 1, box[axis]) for axis in crossed}
            total = base
            for axes, step in zip(sets, steps, strict=True):
                total += step * self._gate(
                    ball(self.steepness) * (ball(Fraction(1, 2)) - sum(missing[k] for k in axes))
                )
            center = total.mid()
            return Jet(center), (total - center).abs_upper() + slack

        return local

    def _step(self, lowest: Index, axes: Sequence[int]) -> Fraction:
        upper = tuple(i + (k in axes) for k, i in enumerate(lowest))
        return self.grid.difference(upper, axes)

    def _missing(self, axis: int, knot: int, side: tuple[Fraction, Fraction]) -> Ball:
        """1 - s(k1 (x - t)) on a side."""
        place = self.grid.knots[axis][knot]
        ends = [self.inner[axis] * (end - place) for end in side]
        return 1 - self._gate(hull(*ends))

    def _gate(self, argument: Ball) -> Ball:
        value = ranges.evaluate(self.sigmoid.tape, [ranges.Range(argument.lower(), argument.upper())])
        # What the overshoot allows: z/(1 + |z|) alone encloses badly on wide arguments.
        over = self.sigmoid.overshoot
        ends = [self.sigmoid.normalized(end) for end in value]
        low, high = (least(ends), greatest(ends))
        return low.max(ball(-over)).union(high.min(ball(1 + over)))

    def layers(self) -> tuple[Layer, ...]:
        """Gates, orthants, and their weighted sum; the normalization of s is folded into the weights."""
        gates, span = self.grid.gates(), self.sigmoid.high - self.sigmoid.low
        inner = _gate_layer(self.grid, self.inner, self.sigmoid.expression)
        cells = [cell for cell in self.grid.cells() if any(cell)]
        number = {gate: j for j, gate in enumerate(gates)}
        entries: list[Entry] = []
        bias = []
        for row, cell in enumerate(cells):
            used = _positive(cell)
            entries += [(row, number[k, cell[k] - 1], self.steepness / span) for k in used]
            bias.append(self.steepness * (Fraction(1, 2) - len(used) - len(used) * self.sigmoid.low / span))
        weights = [self.grid.difference(cell, _positive(cell)) / span for cell in cells]
        start = self.grid.value((0,) * len(self.grid.shape)) - sum(weights) * self.sigmoid.low
        outer = tuple((0, j, weight) for j, weight in enumerate(weights))
        middle = Layer(len(gates), tuple(entries), tuple(bias), self.sigmoid.expression)
        return inner, middle, Layer(len(cells), outer, (start,))


@dataclass(frozen=True)
class SigmoidTowers:
    """The control: towers of sigmoids, which do not converge in supremum norm in d >= 2 dimensions."""

    grid: Grid
    sigmoid: Sigmoid
    inner: tuple[Fraction, ...]
    steepness: Fraction

    def layers(self) -> tuple[Layer, ...]:
        """The layers of StepTowers with every step replaced by a steep sigmoid."""
        gates, span = self.grid.gates(), self.sigmoid.high - self.sigmoid.low
        entries, bias = _tower_entries(self.grid, gates)
        scaled = tuple((row, column, weight * self.steepness / span) for row, column, weight in entries)
        balance = [Fraction(0)] * len(bias)
        for row, _, weight in entries:
            balance[row] += weight * self.sigmoid.low / span
        shifted = tuple(self.steepness * (b - c) for b, c in zip(bias, balance, strict=True))
        weights = [value / span for value in self.grid.outer]
        outer = tuple((0, j, weight) for j, weight in enumerate(weights))
        return (
            _gate_layer(self.grid, self.inner, self.sigmoid.expression),
            Layer(len(gates), scaled, shifted, self.sigmoid.expression),
            Layer(len(weights), outer, (-sum(weights) * self.sigmoid.low,)),
        )

    def corner(self) -> tuple[Fraction, ...]:
        """The grid corner nearest the middle of the box: where the control is furthest off."""
        return tuple(axis[len(axis) // 2] for axis in self.grid.knots)


def _positive(cell: Index) -> tuple[int, ...]:
    return tuple(axis for axis, i in enumerate(cell) if i > 0)


def _gate_layer(grid: Grid, steepness: Fraction | Sequence[Fraction], activation: Expr) -> Layer:
    gates = grid.gates()
    slopes = steepness if isinstance(steepness, Sequence) else (steepness,) * len(grid.knots)
    entries = tuple((row, axis, slopes[axis]) for row, (axis, _) in enumerate(gates))
    offsets = tuple(-slopes[axis] * grid.knots[axis][j] for axis, j in gates)
    return Layer(len(grid.knots), entries, offsets, activation)


def _tower_entries(
    grid: Grid, gates: list[tuple[int, int]]
) -> tuple[tuple[Entry, ...], tuple[Fraction, ...]]:
    """+1 on the gate at the lower end of each side, -1 at the upper end; at the boundary a constant."""
    number = {gate: j for j, gate in enumerate(gates)}
    entries: list[Entry] = []
    bias = []
    for row, cell in enumerate(grid.cells()):
        constant = Fraction(1, 2) - len(grid.shape)
        for axis, i in enumerate(cell):
            if i > 0:
                entries.append((row, number[axis, i - 1], Fraction(1)))
            else:
                constant += 1
            if i < grid.shape[axis] - 1:
                entries.append((row, number[axis, i], Fraction(-1)))
        bias.append(constant)
    return tuple(entries), tuple(bias)
