"""From a problem and an activation to explicit weights: the closed-form bound fixes the number of units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, pairwise, product
from math import isqrt, prod

from sympy import Expr

from theory.bump_networks import jets, ranges
from theory.bump_networks.activation import RELU, STEP, Sigmoid, sigmoid
from theory.bump_networks.arithmetic import ROUNDING_BITS, ball, round_up
from theory.bump_networks.kuhn import KuhnHats
from theory.bump_networks.network import Network
from theory.bump_networks.problem import Problem
from theory.bump_networks.regularity import (
    Regularity,
    oscillation_cells,
    pieces,
    product_boxes,
    regularity,
    require_bounded,
)
from theory.bump_networks.shallow import Shallow
from theory.bump_networks.tape import Tape
from theory.bump_networks.towers import Grid, Orthants, StepTowers
from theory.errors import InputError, OutsideClass

MAXIMUM_CELLS = {1: 20_000, 2: 10_000, 3: 8_000}
STEEPNESS = Fraction(4)  # k h / 2 of a logistic network: the tail 1/sinh(4) adds 3.7 % of L h to the L h/2
ZONE = Fraction(1, 64)  # half-width of a transition, in cells, of general sigmoids
TAIL_SHARE = Fraction(1, 32)  # of epsilon (of L h in one dimension) that all tails together may use
FAR_SHARE = Fraction(1, 512)  # of epsilon that far units may add to a certificate
_SHORT = 64  # bits of numerator and denominator up to which an exact rational weight is kept


@dataclass(frozen=True)
class Construction:
    """A network, the closed-form bound it was built for, and what entered that bound.

    rule
        ``curvature``: h^2/8 remainder; ``lipschitz``; ``modulus``: modulus of continuity.
    widths
        The cell widths h_k (per axis the largest).
    bound
        The a priori bound of sup |f - N|, at most epsilon; it includes ``rounding``,
        what rounding the values to short rationals may add.
    """

    network: Network
    rule: str
    regularity: Regularity
    cells: tuple[int, ...]
    widths: tuple[Fraction, ...]
    bound: Fraction
    rounding: Fraction
    sigmoid: Sigmoid | None = None


def construct(problem: Problem, activation: Expr) -> Construction:
    """Build the network. Call inside ``arithmetic.precision``.

    Raises InputError where f is undefined, unbounded, discontinuous or needs too many units, OutsideClass
    where the activation is neither ReLU nor sigmoidal.
    """
    unit = None if activation in (RELU, STEP) else sigmoid(activation)
    cuts = pieces(problem.tape, problem.box)
    boxes = product_boxes(cuts)
    require_bounded(problem.tape, boxes, str(problem.function))
    smooth = regularity(problem.tape, boxes)
    if activation == RELU:
        return _linear(problem, smooth, cuts)
    if unit is not None and problem.dimension > 1 and unit.overshoot > Fraction(1, 2**40):
        raise OutsideClass(
            f"{activation} leaves the interval between its limits: in two and more dimensions use a "
            "sigmoid that does not, such as 1/(1 + exp(-z))"
        )
    return _constant(problem, smooth, unit)


def _accuracy(problem: Problem, overshoot: Fraction = Fraction(0)) -> tuple[Fraction, Fraction, Fraction]:
    """What is left of epsilon for the construction, the rounding of one value, and of the whole network.

    On a leaf the network is a combination of values whose absolute coefficients sum to at most 3^d (1 + 2s).
    """
    rounding = problem.epsilon / 2**ROUNDING_BITS
    spread = 3**problem.dimension * (1 + 2 * overshoot) * rounding
    return problem.epsilon - spread, rounding, spread


def _refuse(problem: Problem, cells: int | None) -> None:
    most = MAXIMUM_CELLS[problem.dimension]
    if cells is None or cells > most:
        needed = f"about {cells:.3g}" if cells is not None else f"more than {most}"
        raise InputError(
            f"epsilon = {problem.epsilon} needs {needed} cells, and at most {most} are built in "
            f"{problem.dimension} dimension(s): try a larger epsilon, a smaller box, or relu"
        )


# --- ReLU -------------------------------------------------------------------------------------------------


def _linear(problem: Problem, smooth: Regularity, cuts: list[list[Fraction]]) -> Construction:
    if problem.dimension == 1:
        return _broken_line(problem, smooth, cuts[0])
    goal, rounding, spread = _accuracy(problem)
    lengths = [max(b - a for a, b in pairwise(axis)) for axis in cuts]
    rule, bound, ratios = _linear_rule(problem, smooth)
    widths = _widths(problem, lengths, ratios, bound, goal)
    knots = tuple(_refined(axis, width) for axis, width in zip(cuts, widths, strict=True))
    cells = tuple(len(axis) - 1 for axis in knots)
    _refuse(problem, prod(cells))
    values = tuple(value_near(problem.tape, point, rounding) for point in product(*knots))
    largest = tuple(max(b - a for a, b in pairwise(axis)) for axis in knots)
    return Construction(
        KuhnHats(knots, values), rule, smooth, cells, largest, bound(largest) + spread, spread
    )


Bound = Callable[[Sequence[Fraction]], Fraction]


def _linear_rule(problem: Problem, smooth: Regularity) -> tuple[str, Bound, list[Fraction]]:
    size = problem.dimension
    axes = range(size)
    if None not in smooth.second:

        def remainder(h: Sequence[Fraction]) -> Fraction:
            return sum(
                (_known(smooth.curvature(k, m)) * h[k] * h[m] / 8 for k in axes for m in axes), Fraction(0)
            )

        rows = [sum(_known(smooth.curvature(k, m)) for m in axes) for k in axes]
        return "curvature", remainder, [_inverse_root(Fraction(row)) for row in rows]
    return "lipschitz", *_lipschitz_rule(problem, smooth)


def _lipschitz_rule(problem: Problem, smooth: Regularity) -> tuple[Bound, list[Fraction]]:
    if None in smooth.lipschitz:
        raise InputError(
            f"no Lipschitz constant of {problem.function} could be certified on this box (a jump, or an "
            "infinite slope): choose a smaller box, or a function of one variable"
        )

    def bound(h: Sequence[Fraction]) -> Fraction:
        return sum((_known(c) * width / 2 for c, width in zip(smooth.lipschitz, h, strict=True)), Fraction(0))

    return bound, [1 / value if value else Fraction(0) for value in map(_known, smooth.lipschitz)]


def _known(value: Fraction | None) -> Fraction:
    assert value is not None
    return value


def _inverse_root(value: Fraction) -> Fraction:
    return (
        Fraction(1) / Fraction(float(value) ** 0.5).limit_denominator(10**6)
        if value > Fraction(1, 10**9)
        else Fraction(0)
    )


def _widths(
    problem: Problem, lengths: Sequence[Fraction], ratios: Sequence[Fraction], bound: Bound, goal: Fraction
) -> list[Fraction]:
    """The largest widths h_k = length_k / n_k, n_k near length_k / (s ratio_k), with bound(h) <= goal."""

    def at(scale: Fraction) -> list[Fraction]:
        counts = [
            max(1, -((-length / (scale * ratio)).__floor__())) if ratio else 1
            for length, ratio in zip(lengths, ratios, strict=True)
        ]
        return [length / count for length, count in zip(lengths, counts, strict=True)]

    scale = max(
        [length / ratio for length, ratio in zip(lengths, ratios, strict=True) if ratio], default=Fraction(1)
    )
    while bound(at(scale)) > goal:
        scale /= 2
        _refuse(problem, prod(round(a / b) for a, b in zip(lengths, at(4 * scale), strict=True)))
    low, high = scale, 2 * scale
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if bound(at(middle)) <= goal else (low, middle)
    return at(low)


def _refined(cuts: Sequence[Fraction], width: Fraction) -> tuple[Fraction, ...]:
    points = []
    for low, high in pairwise(cuts):
        count = max(1, -((-(high - low) / width).__floor__()))
        points += [low + (high - low) * Fraction(step, count) for step in range(count)]
    return (*points, cuts[-1])


def _broken_line(problem: Problem, smooth: Regularity, cuts: list[Fraction]) -> Construction:
    goal, rounding, spread = _accuracy(problem)
    knots: list[Fraction] = []
    largest, rules, worst = Fraction(0), set(), Fraction(0)
    if None in smooth.lipschitz:
        cuts = [cuts[0], cuts[-1]]  # the modulus of continuity is one of the whole interval
    for low, high in pairwise(cuts):
        rule, count, bound = _piece(problem, (low, high), goal)
        _refuse(problem, count + len(knots))
        knots += [low + (high - low) * Fraction(step, count) for step in range(count)]
        largest, worst = max(largest, (high - low) / count), max(worst, bound)
        rules.add(rule)
    ends = [*knots, cuts[-1]]
    values = [value_near(problem.tape, (knot,), rounding) for knot in ends]
    slopes = [(d - c) / (b - a) for a, b, c, d in zip(ends, ends[1:], values, values[1:], strict=False)]
    changes = [slopes[0], *[b - a for a, b in pairwise(slopes)]]
    kept = [(knot, change) for knot, change in zip(knots, changes, strict=True) if change or knot == knots[0]]
    network = Shallow(
        RELU,
        (Fraction(1),) * len(kept),
        tuple(-knot for knot, _ in kept),
        tuple(change for _, change in kept),
        values[0],
        problem.box[0],
        tuple(cuts[1:-1]),
    )
    rule = next(iter(rules)) if len(rules) == 1 else "lipschitz" if "modulus" not in rules else "modulus"
    return Construction(network, rule, smooth, (len(knots),), (largest,), worst + spread, spread)


def _piece(problem: Problem, side: tuple[Fraction, Fraction], goal: Fraction) -> tuple[str, int, Fraction]:
    """Rule, number of cells and bound on an interval without known kinks: h^2 M/8, or L h/2, or omega(h)."""
    local = regularity(problem.tape, [(side,)])
    length, second, slope = side[1] - side[0], local.second[0], local.lipschitz[0]
    if second is not None:
        count = max(1, _ceil_root(length**2 * second / (8 * goal)))
        return "curvature", count, (length / count) ** 2 * second / 8
    if slope is not None:
        count = max(1, -((-length * slope / (2 * goal)).__floor__()))
        return "lipschitz", count, length / count * slope / 2
    cells = oscillation_cells(problem.tape, side, goal, MAXIMUM_CELLS[1])
    _refuse(problem, cells)
    assert cells is not None
    return "modulus", cells, goal


def _ceil_root(value: Fraction) -> int:
    """The least integer n with n^2 >= value."""
    whole = -((-value).__floor__())
    root = isqrt(max(whole, 0))
    return root if root * root >= whole else root + 1


# --- steps and sigmoids -----------------------------------------------------------------------------------


def _constant(problem: Problem, smooth: Regularity, unit: Sigmoid | None) -> Construction:
    if problem.dimension == 1:
        return _staircase(problem, smooth, unit)
    goal, rounding, spread = _accuracy(problem)
    lengths = [high - low for low, high in problem.box]
    half, ratios = _lipschitz_rule(problem, smooth)
    share = goal if unit is None else goal * (1 - TAIL_SHARE)

    def bound(h: Sequence[Fraction]) -> Fraction:
        return half(h) if unit is None else half(h) * (1 + 2 * ZONE) + corner_excess(smooth, h)

    widths = _widths(problem, lengths, ratios, bound, share)
    cells = tuple(round(length / width) for length, width in zip(lengths, widths, strict=True))
    _refuse(problem, prod(cells))
    knots = tuple(
        tuple(low + width * step for step in range(1, count))
        for (low, _), width, count in zip(problem.box, widths, cells, strict=True)
    )
    centers = [
        [low + width * (step + Fraction(1, 2)) for step in range(count)]
        for (low, _), width, count in zip(problem.box, widths, cells, strict=True)
    ]
    grid = Grid(
        problem.box, knots, tuple(value_near(problem.tape, point, rounding) for point in product(*centers))
    )
    if unit is None:
        return Construction(
            StepTowers(grid), "lipschitz", smooth, cells, tuple(widths), bound(widths) + spread, spread
        )
    network = orthants(grid, unit, tuple(ZONE * width for width in widths), goal * TAIL_SHARE)
    total = bound(widths) + network.tail + spread
    return Construction(network, "lipschitz", smooth, cells, tuple(widths), total, spread, unit)


def corner_excess(smooth: Regularity, h: Sequence[Fraction]) -> Fraction:
    """sum over sets S of two or more axes of D_S >= |Delta_S c|: what crossing zones add where they meet."""
    total = Fraction(0)
    slopes = [_known(value) * width for value, width in zip(smooth.lipschitz, h, strict=True)]
    for size in range(2, len(h) + 1):
        for axes in combinations(range(len(h)), size):
            bounds = [2 ** (size - 1) * min(slopes[k] for k in axes)]
            for k, m in combinations(axes, 2):
                mixed = smooth.curvature(k, m)
                if mixed is not None:
                    bounds.append(2 ** (size - 2) * mixed * h[k] * h[m])
            total += min(bounds)
    return total


def orthants(grid: Grid, unit: Sigmoid, zones: tuple[Fraction, ...], tail: Fraction) -> Orthants:
    """Choose both steepnesses so that all units together are within ``tail`` of their idealization."""
    dimension = len(zones)
    plain = Orthants(grid, unit, zones, (Fraction(1),) * dimension, Fraction(1), Fraction(0))
    weight = sum(map(abs, plain.outer), Fraction(0))
    if not weight:
        return plain
    target = tail / weight
    outer = unit.threshold(target)
    steepness = 4 * outer  # the argument of a saturated unit is at least k2 (1/2 - d delta) >= k2/4
    gap = min(Fraction(1, 4 * dimension), target / (unit.lipschitz * steepness * dimension))
    inner = unit.threshold(gap)
    miss = max(unit.tail(inner), unit.overshoot)
    moved = max(
        unit.tail(steepness * (Fraction(1, 2) - dimension * miss)),
        unit.lipschitz * steepness * dimension * miss,
    )
    return Orthants(grid, unit, zones, tuple(inner / zone for zone in zones), steepness, weight * moved)


def _staircase(problem: Problem, smooth: Regularity, unit: Sigmoid | None) -> Construction:
    goal, rounding, spread = _accuracy(problem, unit.overshoot if unit else Fraction(0))
    (low, high), slope = problem.box[0], smooth.lipschitz[0]
    factor = near_factor(unit)
    if slope is not None:
        cells = max(1, -((-slope * (high - low) * factor / goal).__floor__()))
        rule, bound = "lipschitz", slope * (high - low) / cells * factor
    else:
        share = goal / (2 * factor)  # omega(h) instead of L h/2 on either side of a knot
        found = oscillation_cells(problem.tape, problem.box[0], share if unit else goal, MAXIMUM_CELLS[1])
        _refuse(problem, found)
        assert found is not None
        # For steps omega(h/2) <= epsilon is enough.
        cells, rule, bound = found if unit else -(-found // 2), "modulus", goal
    _refuse(problem, cells)
    width = (high - low) / cells
    centers = [low + width * (step + Fraction(1, 2)) for step in range(cells)]
    values = [value_near(problem.tape, (center,), rounding) for center in centers]
    knots = [low + width * step for step in range(1, cells)]
    network = _stairs(problem, unit, knots, values, width, rounding)
    return Construction(network, rule, smooth, (cells,), (width,), bound + spread, spread, unit)


def near_factor(unit: Sigmoid | None) -> Fraction:
    """The bound in units of L h: 1/2 for steps, 1/2 + 1/sinh(kh/2) for the logistic, else with zones."""
    half = Fraction(1, 2)
    if unit is None:
        return half
    if unit.logistic:
        return half + round_up_ball(1 / ball(STEEPNESS).sinh())
    return (1 + 2 * unit.overshoot) * (half + ZONE) + TAIL_SHARE


def round_up_ball(value: object) -> Fraction:
    """A short rational upper bound of a positive ball."""
    from theory.bump_networks.arithmetic import upper

    return round_up(upper(value))


def _stairs(
    problem: Problem,
    unit: Sigmoid | None,
    knots: list[Fraction],
    values: list[Fraction],
    width: Fraction,
    rounding: Fraction,
) -> Shallow:
    jumps = [b - a for a, b in pairwise(values)]
    if unit is None:
        return Shallow(
            STEP,
            (Fraction(1),) * len(knots),
            tuple(-knot for knot in knots),
            tuple(jumps),
            values[0],
            problem.box[0],
            tuple(problem.tape.breakpoints(0)),
        )
    steepness = 2 * STEEPNESS / width
    if not unit.logistic:
        steepness = unit.threshold(TAIL_SHARE / max(1, len(knots))) / (ZONE * width)
    span = unit.high - unit.low
    size = sum(map(abs, jumps)) or Fraction(1)
    reach = ZONE * width
    if unit.logistic:
        reach = max(unit.threshold(problem.epsilon * FAR_SHARE / size) / steepness, width)
    return Shallow(
        unit.expression,
        (steepness,) * len(knots),
        tuple(-steepness * knot for knot in knots),
        tuple(jump / span for jump in jumps),
        values[0] - sum(jumps) * unit.low / span,
        problem.box[0],
        tuple(problem.tape.breakpoints(0)),
        unit,
        reach,
        not unit.logistic,
    )


# --- values -----------------------------------------------------------------------------------------------


def value_near(tape: Tape, point: Sequence[Fraction], rounding: Fraction) -> Fraction:
    """f at a rational point: exactly where that is a short rational, else within ``rounding``."""
    exact = exact_value(tape, point)
    if exact is not None and max(exact.numerator.bit_length(), exact.denominator.bit_length()) <= _SHORT:
        return exact
    value = jets.evaluate(tape, [(coordinate, coordinate) for coordinate in point]).value
    if not value.is_finite():  # at the edge of a domain, as x^(1/3) at 0, balls say nothing
        edge = ranges.evaluate(tape, [ranges.interval(x, x) for x in point], [(x, x) for x in point])
        value = edge.low.union(edge.high)
    step = Fraction(1, 2 ** ((1 / rounding).__ceil__().bit_length()))
    middle = value.mid()
    mantissa, exponent = middle.man_exp()
    return round(Fraction(int(mantissa)) * Fraction(2) ** int(exponent) / step) * step


def exact_value(tape: Tape, point: Sequence[Fraction]) -> Fraction | None:
    """f at a rational point in rational arithmetic, or None where an operation leaves the rationals."""
    registers: list[Fraction] = []
    for operation, arguments, data in tape.instructions:
        inputs = [registers[index] for index in arguments]
        if operation == "variable":
            registers.append(point[data])  # type: ignore[index]
        elif operation == "constant":
            registers.append(data)  # type: ignore[arg-type]
        elif operation in _RATIONAL and not (operation == "integer power" and data < 0 and not inputs[0]):  # type: ignore[operator]
            registers.append(_RATIONAL[operation](inputs, data))
        else:
            return None
    return registers[-1]


_RATIONAL: dict[str, Callable[..., Fraction]] = {
    "add": lambda inputs, data: inputs[0] + inputs[1],
    "multiply": lambda inputs, data: inputs[0] * inputs[1],
    "integer power": lambda inputs, data: inputs[0] ** data,
    "absolute": lambda inputs, data: abs(inputs[0]),
    "maximum": lambda inputs, data: max(inputs),
    "minimum": lambda inputs, data: min(inputs),
}
