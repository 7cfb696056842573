"""Bounds of |f - N| on one leaf of a subdivision: order 0, order 1, and the range of a quadratic form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from theory.bump_networks import jets, ranges
from theory.bump_networks.arithmetic import Ball, ball
from theory.bump_networks.jets import Box, Jet
from theory.bump_networks.tape import Tape

Point: TypeAlias = tuple[Fraction, ...]
# A network on a box: a jet, and a radius within which the network stays around it.
Local: TypeAlias = Callable[[Box], tuple[Jet, Ball]]
_CORNER = Fraction(1, 2**24)  # corners are approached from inside: a network may jump at the boundary


@dataclass(frozen=True)
class BoxLeaf:
    """A box on which the network has one known form ``local``."""

    box: Box
    local: Local

    def bound(self, tape: Tape) -> Ball:
        """An upper bound of sup |f - N| on the closed box; infinite where nothing could be enclosed."""
        network, slack = self.local(self.box)
        negative = jets.scale(network, ball(-1))
        difference = jets.add(jets.evaluate(tape, self.box), negative)
        bounds = [_order_zero(tape, self.box, difference.value, network.value)]
        if difference.gradient is not None and all(part.is_finite() for part in difference.gradient):
            at_center = self._at_center(tape, network)
            radii = [ball((high - low) / 2) for low, high in self.box]
            bounds.append(_order_one(at_center, difference, radii))
            if difference.hessian is not None and at_center.gradient is not None:
                bounds.append(_order_two(at_center, difference, radii))
        finite = [bound for bound in bounds if bound.is_finite()]
        return least(finite) + slack.upper() if finite else ball("inf")

    def center(self) -> Point:
        """The midpoint, exactly."""
        return tuple((low + high) / 2 for low, high in self.box)

    def _at_center(self, tape: Tape, network: Jet) -> Jet:
        """The jet of f - N at the center, N being the same function as on the whole leaf."""
        place = [(coordinate, coordinate) for coordinate in self.center()]
        # A constant form stands for every point of the leaf within the slack: evaluated at the center alone
        # it would be another constant, and the expansion about the center would not hold.
        there = network if network.gradient == () else self.local(place)[0]
        return jets.add(jets.evaluate(tape, place), jets.scale(there, ball(-1)))

    def difference(self, tape: Tape, point: Point) -> Ball:
        """An enclosure of f - N at an interior point."""
        place = [(coordinate, coordinate) for coordinate in point]
        network, slack = self.local(place)
        error = slack.upper()
        return jets.evaluate(tape, place).value - network.value + (-error).union(error)

    def split(self) -> Sequence[BoxLeaf]:
        """Two halves across the longest side."""
        axis = max(range(len(self.box)), key=lambda k: self.box[k][1] - self.box[k][0])
        low, high = self.box[axis]
        middle = (low + high) / 2
        return [
            BoxLeaf(_replaced(self.box, axis, part), self.local) for part in ((low, middle), (middle, high))
        ]

    def candidates(self) -> list[Point]:
        """Interior points at which the error may be large: the center and points next to the corners."""
        corners: list[Point] = [()]
        for low, high in self.box:
            step = (high - low) * _CORNER
            corners = [(*corner, end) for corner in corners for end in (low + step, high - step)]
        return [self.center(), *corners]


def _replaced(box: Box, axis: int, part: tuple[Fraction, Fraction]) -> Box:
    return tuple(part if k == axis else side for k, side in enumerate(box))


def least(values: Sequence[Ball]) -> Ball:
    """The smallest of exact balls."""
    best = values[0]
    for value in values[1:]:
        if value < best:
            best = value
    return best


def greatest(values: Sequence[Ball]) -> Ball:
    """The largest of exact balls."""
    best = values[0]
    for value in values[1:]:
        if value > best:
            best = value
    return best


def _order_zero(tape: Tape, box: Box, difference: Ball, network: Ball) -> Ball:
    if difference.is_finite():
        return difference.abs_upper()
    try:
        value = ranges.evaluate(tape, [ranges.interval(*side) for side in box], box)
    except ranges.Undefined:
        return ball("inf")
    if not value.finite or not network.is_finite():
        return ball("inf")
    return (value.low.union(value.high) - network).abs_upper()


def _order_one(center: Jet, whole: Jet, radii: Sequence[Ball]) -> Ball:
    assert whole.gradient is not None
    total = center.value.abs_upper()
    for part, radius in zip(whole.gradient, radii, strict=False):
        total += part.abs_upper() * radius
    return total.upper()


def _order_two(center: Jet, whole: Jet, radii: Sequence[Ball]) -> Ball:
    """The larger one-sided supremum of g(m) + b.t + t'At/2 over |t_i| <= r_i, A enclosing the Hessian.

    Diagonal terms are maximized exactly, sup b t + a t^2/2 = b^2/(2|a|) at an interior vertex; mixed
    terms are bounded by |A_ij| r_i r_j.
    """
    assert whole.hessian is not None
    assert center.gradient is not None
    dimension = len(radii)
    if not whole.hessian:
        diagonal, mixed = [ball(0)] * dimension, ball(0)
    else:
        diagonal, mixed = [], ball(0)
        entries = iter(whole.hessian)
        for i in range(dimension):
            for j in range(i, dimension):
                entry = next(entries)
                if i == j:
                    diagonal.append(entry)
                else:
                    mixed += entry.abs_upper() * radii[i] * radii[j]
    slopes = [part.abs_upper() for part in center.gradient] or [ball(0)] * dimension
    sides = []
    for sign in (1, -1):
        total = sign * center.value + mixed
        for slope, curvature, radius in zip(slopes, diagonal, radii, strict=True):
            total += _parabola(slope, (sign * curvature).upper(), radius)
        sides.append(total.upper())
    return greatest(sides)


def _parabola(slope: Ball, curvature: Ball, radius: Ball) -> Ball:
    """An upper bound of sup over |t| <= radius of slope t + curvature t^2 / 2, slope >= 0."""
    if curvature < 0 and bool(slope <= -curvature * radius):
        return slope**2 / (-2 * curvature)
    return slope * radius + curvature * radius**2 / 2
