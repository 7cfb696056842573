"""Certified bounds of the function over the box: Lipschitz constants, second derivatives, oscillation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from heapq import heapify, heappop, heappush
from itertools import count, pairwise, product

from theory.bump_networks import jets, ranges
from theory.bump_networks.arithmetic import Ball, ball, round_up, upper
from theory.bump_networks.jets import Box, Jet
from theory.bump_networks.tape import Tape
from theory.errors import InputError

AGREEMENT = 1.03  # a derivative bound is refined until it exceeds a certified lower bound by 3 %
SPLITS = 300
DEEPEST = Fraction(1, 2**40)  # a leaf this much smaller than its box is no longer split
_LARGEST_COVER = 20_000


@dataclass(frozen=True)
class Regularity:
    """Bounds over one box; None where none exists or none could be certified.

    lipschitz
        L_k >= sup |d_k f|, one per axis (Clarke's gradient where f has kinks).
    second
        M_kl >= sup |d_k d_l f| in the order 11, 12, ..., 1d, 22, ...
    """

    lipschitz: tuple[Fraction | None, ...]
    second: tuple[Fraction | None, ...]

    def curvature(self, first: int, second: int) -> Fraction | None:
        """M_kl for any order of the indices."""
        low, high, size = min(first, second), max(first, second), len(self.lipschitz)
        return self.second[low * size - low * (low - 1) // 2 + high - low]


def pieces(tape: Tape, box: Box) -> list[list[Fraction]]:
    """For each axis its ends and the exact kinks between them: f is smooth between consecutive entries."""
    found = []
    for axis, (low, high) in enumerate(box):
        inner = [point for point in tape.breakpoints(axis) if low < point < high]
        found.append([low, *inner, high])
    return found


def product_boxes(cuts: Sequence[Sequence[Fraction]]) -> list[Box]:
    """The boxes of the grid with these cuts."""
    return list(product(*[list(pairwise(axis)) for axis in cuts]))


def require_bounded(tape: Tape, boxes: Sequence[Box], text: str) -> None:
    """Show that f is defined and bounded on every box.

    Raises InputError, with a place, where a cover by enclosures fails at every scale.
    """
    waiting = [(box, Fraction(1)) for box in boxes]
    for _ in range(_LARGEST_COVER):
        if not waiting:
            return
        box, size = waiting.pop()
        problem = _undefined(tape, box)
        if problem is None:
            continue
        center = [(low + high) / 2 for low, high in box]
        at_center = _undefined(tape, [(c, c) for c in center])
        if size < DEEPEST or at_center is not None:
            where = ", ".join(f"{v} = {float(c):.6g}" for v, c in zip(tape.variables, center, strict=True))
            raise InputError(
                f"{text} is undefined or unbounded near {where} ({at_center or problem}): "
                "choose a box on which it is finite"
            )
        waiting += [(half, size / 2) for half in halves(box)]
    raise InputError(f"{text} could not be shown to be bounded on this box: try a smaller one")


def _undefined(tape: Tape, box: Box) -> str | None:
    try:
        value = ranges.evaluate(tape, [ranges.interval(*side) for side in box], box)
    except ranges.Undefined as problem:
        return str(problem)
    return None if value.finite else "infinite"


def halves(box: Box) -> list[Box]:
    """The box bisected across its longest side."""
    axis = max(range(len(box)), key=lambda k: box[k][1] - box[k][0])
    low, high = box[axis]
    middle = (low + high) / 2
    return [
        tuple(part if k == axis else side for k, side in enumerate(box))
        for part in ((low, middle), (middle, high))
    ]


def regularity(tape: Tape, boxes: Sequence[Box]) -> Regularity:
    """Bounds of all first and second derivatives over the union of boxes."""
    size = len(tape.variables)
    leaves = [(box, jets.evaluate(tape, box)) for box in boxes]
    smallest = max(_width(box) for box in boxes) * DEEPEST
    found: list[Fraction | None] = []
    for component in range(size + size * (size + 1) // 2):
        read = _component(component, size)
        value, leaves = _supremum(tape, leaves, read, smallest)
        found.append(value)
    return Regularity(tuple(found[:size]), tuple(found[size:]))


def _component(index: int, size: int) -> Callable[[Jet], Ball]:
    """The enclosure of one derivative: the gradient's entries first, then the Hessian's."""

    def read(jet: Jet) -> Ball:
        part, position = (jet.gradient, index) if index < size else (jet.hessian, index - size)
        if part is None:
            return ball("nan")
        return part[position] if part else ball(0)

    return read


def _width(box: Box) -> Fraction:
    return max(high - low for low, high in box)


Leaves = list[tuple[Box, Jet]]


def _supremum(
    tape: Tape, leaves: Leaves, read: Callable[[Jet], Ball], smallest: Fraction
) -> tuple[Fraction | None, Leaves]:
    order = count()

    def entry(box: Box, jet: Jet) -> tuple[float, int, Ball, Box, Jet]:
        value = read(jet)
        size = value.abs_upper() if value.is_finite() else ball("inf")
        return -float(size), next(order), size, box, jet

    heap = [entry(box, jet) for box, jet in leaves]
    heapify(heap)
    floor = max((float(v.abs_lower()) for _, jet in leaves if (v := read(jet)).is_finite()), default=0.0)
    splits = 0
    while True:
        _, _, size, box, _ = heap[0]
        infinite = not size.is_finite()
        if infinite and _width(box) <= smallest:
            return None, [(item[3], item[4]) for item in heap]
        if not infinite and (float(size) <= AGREEMENT * floor or splits >= SPLITS):
            break
        splits += 1
        heappop(heap)
        for half in halves(box):
            jet = jets.evaluate(tape, half)
            heappush(heap, entry(half, jet))
            if (value := read(jet)).is_finite():
                floor = max(floor, float(value.abs_lower()))
        if splits > 4 * SPLITS:
            return None, [(item[3], item[4]) for item in heap]
    return round_up(upper(heap[0][2])), [(item[3], item[4]) for item in heap]


def oscillation_cells(tape: Tape, side: tuple[Fraction, Fraction], target: Fraction, most: int) -> int | None:
    """A number N of cells, near the least, with omega((b - a)/N) <= target.

    For functions without a Lipschitz constant, in one dimension. None when more than ``most`` are needed;
    InputError when f jumps: then no N serves.
    """
    _refuse_jump(tape, side, target)
    enough = 1
    while not modulus_at_most(tape, side, enough, target):
        enough *= 2
        if enough > most:
            return None
    short = enough // 2
    while enough - short > max(1, enough // 32):
        middle = (short + enough) // 2
        if modulus_at_most(tape, side, middle, target):
            enough = middle
        else:
            short = middle
    return enough


def modulus_at_most(tape: Tape, side: tuple[Fraction, Fraction], cells: int, target: Fraction) -> bool:
    """Whether f varies by at most ``target`` on every window of length h = (b - a)/cells, by enclosures.

    Every window lies in some [p, q + h] of a cover by intervals [p, q]; those are bisected down to h/8.
    """
    start, end = side
    length = (end - start) / cells
    waiting = [(start, end)]
    while waiting:
        low, high = waiting.pop()
        value = _enclosed(tape, low, min(high + length, end))
        if upper(value.high - value.low) <= target:
            continue
        if high - low <= length / 8:
            return False
        middle = (low + high) / 2
        waiting += [(low, middle), (middle, high)]
    return True


def _enclosed(tape: Tape, low: Fraction, high: Fraction) -> ranges.Range:
    return ranges.evaluate(tape, [ranges.interval(low, high)], [(low, high)])


def _refuse_jump(tape: Tape, side: tuple[Fraction, Fraction], target: Fraction) -> None:
    low, high = side
    smallest = (high - low) * DEEPEST
    waiting = [(low, high)]
    for _ in range(_LARGEST_COVER):
        if not waiting:
            return
        low, high = waiting.pop()
        value = _enclosed(tape, low, high)
        if upper(value.high - value.low) <= target:
            continue
        if high - low < smallest:
            raise InputError(
                f"the function jumps or oscillates near {float(low):.6g} by more than epsilon: no network "
                "with finitely many units is close to it in supremum norm; choose a continuous function"
            )
        middle = (low + high) / 2
        waiting += [(low, middle), (middle, high)]
