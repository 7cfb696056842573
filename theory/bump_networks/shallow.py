"""One hidden layer in one dimension: N(x) = b + sum_j a_j sigma(w_j x + v_j), and its form cell by cell."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, pairwise

from sympy import Expr

from theory.bump_networks import jets, ranges
from theory.bump_networks.activation import RELU, STEP, Sigmoid, Z
from theory.bump_networks.arithmetic import Ball, ball, hull
from theory.bump_networks.jets import Box, Jet
from theory.bump_networks.leaf import BoxLeaf, Local
from theory.bump_networks.network import Layer
from theory.bump_networks.tape import Tape, compiled

_TRAINED_CELLS = 32  # equal cells to start from where the network has no exact kinks to align with


@dataclass(frozen=True)
class Shallow:
    """Weights of b + sum_j a_j sigma(w_j x + v_j) on ``side``; ``cuts`` are further cell boundaries.

    sigmoid
        Set for sigmoidal constructions with one steepness and sorted knots: units farther than ``reach``
        are then enclosed by the tail, and only the others are evaluated.
    steep
        Whether units jump within a small part of a cell: they are then enclosed as ranges, not as jets.
    """

    activation: Expr
    weights: tuple[Fraction, ...]
    offsets: tuple[Fraction, ...]
    outer: tuple[Fraction, ...]
    bias: Fraction
    side: tuple[Fraction, Fraction]
    cuts: tuple[Fraction, ...] = ()
    sigmoid: Sigmoid | None = None
    reach: Fraction = Fraction(0)
    steep: bool = False

    @property
    def units(self) -> int:
        """Number of hidden units."""
        return len(self.outer)

    def layers(self) -> tuple[Layer, ...]:
        """The hidden layer and the output layer."""
        inner = tuple((row, 0, weight) for row, weight in enumerate(self.weights))
        outer = tuple((0, column, weight) for column, weight in enumerate(self.outer))
        return (
            Layer(1, inner, self.offsets, self.activation),
            Layer(self.units, outer, (self.bias,)),
        )

    def with_outer(self, index: int, value: Fraction) -> Shallow:
        """The same network with one outer weight replaced."""
        return replace(self, outer=(*self.outer[:index], value, *self.outer[index + 1 :]))

    def leaves(self) -> list[BoxLeaf]:
        """A cover of the interval by cells on which the network has one form."""
        if self.activation in (RELU, STEP):
            return self._polynomial_leaves()
        low, high = self.side
        if not self.units:
            return [BoxLeaf((self.side,), affine((Fraction(0),), self.bias))]
        if self.sigmoid is not None:
            shift = self.reach if self.steep else Fraction(0)
            edges = [knot + side * shift for knot in self._knots() for side in (-1, 1)]
            local, ends = self._sigmoid_local(self.sigmoid), {low, high, *self._inside(edges)}
        else:
            local = self._smooth_local()
            ends = {low + (high - low) * Fraction(k, _TRAINED_CELLS) for k in range(_TRAINED_CELLS + 1)}
        ends |= set(self._inside(self.cuts))
        points = sorted(ends)
        return [BoxLeaf((cell,), local) for cell in pairwise(points)]

    def _knots(self) -> list[Fraction]:
        pairs = zip(self.weights, self.offsets, strict=True)
        return [-offset / weight for weight, offset in pairs if weight != 0]

    def _inside(self, points: Sequence[Fraction]) -> list[Fraction]:
        return [point for point in points if self.side[0] < point < self.side[1]]

    def _polynomial_leaves(self) -> list[BoxLeaf]:
        """Cells between knots: there the network is constant or affine, by prefix sums in exact rationals."""
        low, high = self.side
        change: dict[Fraction, tuple[Fraction, Fraction]] = {}
        slope, constant = Fraction(0), self.bias
        for weight, offset, outer in zip(self.weights, self.offsets, self.outer, strict=True):
            unit = (outer * weight, outer * offset) if self.activation == RELU else (Fraction(0), outer)
            knot = low if weight == 0 else -offset / weight
            if (weight > 0 and knot <= low) or (weight < 0 and knot > low) or (weight == 0 and offset > 0):
                slope, constant = slope + unit[0], constant + unit[1]
            if weight != 0 and low < knot < high:
                sign = 1 if weight > 0 else -1
                before = change.get(knot, (Fraction(0), Fraction(0)))
                change[knot] = (before[0] + sign * unit[0], before[1] + sign * unit[1])
        points = sorted({low, high, *change, *self._inside(self.cuts)})
        leaves = []
        for cell in pairwise(points):
            step = change.get(cell[0], (Fraction(0), Fraction(0)))
            slope, constant = slope + step[0], constant + step[1]
            leaves.append(BoxLeaf((cell,), affine((slope,), constant)))
        return leaves

    def _sigmoid_local(self, sigmoid: Sigmoid) -> Local:
        """Near units as jets or ranges; those beyond ``reach`` replaced by their limits, within the tail."""
        knots, reach = self._knots(), self.reach
        sums = [Fraction(0), *accumulate(self.outer)]
        size = sum(map(abs, self.outer)) * abs(sigmoid.high - sigmoid.low)
        slack = ball(size * sigmoid.tail(self.weights[0] * reach))
        offsets, outer = [ball(v) for v in self.offsets], [ball(a) for a in self.outer]
        slope, unit = (
            ball(self.weights[0]),
            self._range_unit(sigmoid) if self.steep else _jet_unit(sigmoid.tape),
        )

        def local(box: Box) -> tuple[Jet, Ball]:
            low, high = box[0]
            # A unit exactly at distance ``reach`` counts as far.
            first, last = bisect_right(knots, low - reach), bisect_left(knots, high + reach)
            total = Jet(ball(self.bias + sums[first] * sigmoid.high + (sums[-1] - sums[last]) * sigmoid.low))
            argument = slope * hull(low, high)
            for j in range(first, last):
                total = jets.add(total, jets.scale(unit(argument + offsets[j], slope), outer[j]))
            if not self.steep:
                return total, slack
            center = total.value.mid()
            return Jet(center), (total.value - center).abs_upper() + slack

        return local

    def _range_unit(self, sigmoid: Sigmoid) -> Callable[[Ball, Ball], Jet]:
        """The range of one unit, cut to what the overshoot allows."""
        span, over = sigmoid.high - sigmoid.low, sigmoid.overshoot
        ends = sorted((sigmoid.low - over * span, sigmoid.high + over * span))
        least, most = ball(ends[0]), ball(ends[1])

        def unit(argument: Ball, slope: Ball) -> Jet:
            value = ranges.evaluate(sigmoid.tape, [ranges.Range(argument.lower(), argument.upper())])
            low, high = value.low.max(least), value.high.min(most)
            return Jet(low.union(high))

        return unit

    def _smooth_local(self) -> Local:
        """Every unit as a jet: for networks whose weights follow no pattern, such as trained ones."""
        tape = compiled(self.activation, (Z,))
        units = [tuple(map(ball, unit)) for unit in zip(self.weights, self.offsets, self.outer, strict=True)]

        def local(box: Box) -> tuple[Jet, Ball]:
            place, total = hull(*box[0]), Jet(ball(self.bias))
            for weight, offset, outer in units:
                unit = jets.run(tape, [Jet(weight * place + offset, (weight,))])
                total = jets.add(total, jets.scale(unit, outer))
            return total, ball(0)

        return local


def _jet_unit(tape: Tape) -> Callable[[Ball, Ball], Jet]:
    return lambda argument, slope: jets.run(tape, [Jet(argument, (slope,))])


def affine(slopes: Sequence[Fraction], constant: Fraction) -> Local:
    """The local form slopes . x + constant, exactly."""
    gradient = tuple(ball(slope) for slope in slopes)
    start = ball(constant)
    flat = not any(slopes)

    def local(box: Box) -> tuple[Jet, Ball]:
        if flat:
            return Jet(start), ball(0)
        total = start
        for slope, side in zip(gradient, box, strict=True):
            total += slope * hull(*side)
        return Jet(total, gradient), ball(0)

    return local
