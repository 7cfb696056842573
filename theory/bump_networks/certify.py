"""Branch and bound: a certified upper bound of sup |f - N| on the whole box, and a witness from below."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any, Protocol

from theory.bump_networks.arithmetic import Ball, ball, lower, upper
from theory.bump_networks.leaf import Point
from theory.bump_networks.tape import Tape

# Refinement stops when the two sides agree to this ratio, or after this many further leaves.
AGREEMENT = Fraction(101, 100)
FURTHER_LEAVES = 300
NEGLIGIBLE = Fraction(1, 2**20)  # an upper bound this far below epsilon is not refined any more
MAXIMUM_LEAVES = 40_000
_CORNERED = 12  # how many of the worst leaves are also searched for a witness next to their corners


class Leaf(Protocol):
    """What branch and bound needs of one leaf."""

    def bound(self, tape: Tape) -> Ball: ...

    def difference(self, tape: Tape, point: Point) -> Ball: ...

    def split(self) -> Sequence[Any]: ...

    def center(self) -> Point: ...

    def candidates(self) -> list[Point]: ...


@dataclass(frozen=True)
class Certificate:
    """A two-sided statement: ``lower <= sup |f - N| <= upper`` on the whole closed box.

    ``witness`` is a point with |f - N| >= ``lower`` there; ``leaves`` the size of the cover; ``complete``
    is False when the search was cut off, and then ``upper`` is the bound reached so far (possibly None).
    """

    upper: Fraction | None
    lower: Fraction
    witness: Point
    leaves: int

    def holds(self, epsilon: Fraction) -> bool | None:
        """True if the error is at most epsilon, False if the witness exceeds it, None if undecided."""
        if self.upper is not None and self.upper <= epsilon:
            return True
        return False if self.lower > epsilon else None


@dataclass
class _Search:
    tape: Tape
    best: Ball
    witness: Point
    heap: list[tuple[float, int, Ball, Any]]
    order: Any

    def push(self, leaf: Leaf, limit: Ball | None = None) -> None:
        bound = leaf.bound(self.tape)
        if limit is not None and bool(limit < bound):
            bound = limit
        heappush(self.heap, (-float(bound), next(self.order), bound, leaf))

    def look(self, leaf: Leaf, points: Iterable[Point]) -> None:
        for point in points:
            size = leaf.difference(self.tape, point).abs_lower()
            if size > self.best:
                self.best, self.witness = size, point


def certify(
    tape: Tape, leaves: Sequence[Leaf], epsilon: Fraction | None = None, further: int = FURTHER_LEAVES
) -> Certificate:
    """Bound sup |f - N| over the union of ``leaves``.

    Leaves are bisected, worst first, until the upper bound is below ``epsilon`` or a witness above it, and
    then until upper and lower bound agree to one per cent or ``further`` bisections were spent.
    """
    search = _Search(tape, ball(0), leaves[0].center(), [], count())
    search.heap = [(-float(b), next(search.order), b, leaf) for leaf in leaves for b in (leaf.bound(tape),)]
    heapify(search.heap)
    goal = None if epsilon is None else ball(epsilon)
    floor = ball(0) if goal is None else goal * ball(NEGLIGIBLE)
    spent = 0
    for step in range(MAXIMUM_LEAVES):
        _, _, bound, leaf = search.heap[0]
        search.look(leaf, leaf.candidates() if step < _CORNERED else [leaf.center()])
        decided = goal is None or bool(bound <= goal) or bool(search.best > goal)
        if decided:
            spent += 1
        if bool(bound <= search.best * ball(AGREEMENT) + floor) or (decided and spent > further):
            break
        heappop(search.heap)
        for part in leaf.split():
            search.push(part, bound)
    top = search.heap[0][2]
    size = upper(top) if top.is_finite() else None
    return Certificate(size, lower(search.best), search.witness, len(search.heap))
