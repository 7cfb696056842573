"""The errors that are planted in a claim: which predictions are displaced, how far, and what is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from sympy import Expr, Rational

from proofs_checks.audit.disguise import Disguised
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Bound, Distribution, Enclosure, Exponent, Identity, Mean, Ordering
from proofs_checks.comparators.protocol import Target, Values

# A planted error of 5 % must be refuted by every claim that resolves 4.5 %.
FINE = 0.045
FACTORS = ((Rational(19, 20), "x 0.95"), (Rational(21, 20), "x 1.05"))

Check = tuple[int, int]
"""A grid point and a component of it."""


@dataclass(frozen=True)
class Displacement:
    """A claim with an error planted in it.

    error
        What was done, in the words of the table.
    state
        Makes the false claim; raises InputError where the false prediction is refused at once.
    goals
        For each check that is displaced whether its refutation is demanded. Empty where the claim as a
        whole is displaced: then its verdict counts.
    demanded
        For a claim displaced as a whole whether its refutation is demanded.
    note
        Why nothing is demanded, or what the error amounts to.
    """

    error: str
    state: Callable[[], Claim]
    goals: Mapping[Check, bool]
    demanded: bool = True
    note: str = ""

    @property
    def graded(self) -> bool:
        """Whether a refutation is demanded anywhere."""
        return any(self.goals.values()) if self.goals else self.demanded


def relative_resolution(target: Target) -> float:
    """What the check lets through, in units of its prediction; infinite for a prediction of 0."""
    size = abs(target.predicted)
    return (target.margin + target.resolution) / size if size else float("inf")


def displacements(claim: Claim) -> tuple[Displacement, ...] | str:
    """Every error planted in the claim, or why none can be."""
    comparator = claim.comparator
    if isinstance(comparator, Mean | Exponent):
        return (*_numbers(claim), *(() if _predicts_numbers(claim) else _scaled_forms(claim, False)))
    if isinstance(comparator, Bound):
        return (
            tuple(_twin(claim, comparator)) or "the bound declares no tightness: nothing says what must break"
        )
    if isinstance(comparator, Distribution):
        return (_scaled_law(claim, comparator),)
    if isinstance(comparator, Ordering):
        return (_swapped(claim, comparator),)
    if isinstance(comparator, Identity | Enclosure):
        return (
            tuple(_deterministic(claim)) or "it predicts 0 and declares no closed form: nothing to displace"
        )
    return f"no planted error is known for the comparator {comparator.name!r}"


def _predicts_numbers(claim: Claim) -> bool:
    return any(target.predicted for targets in _targets(claim) for target in targets)


def _targets(claim: Claim) -> list[tuple[Target, ...]]:
    return [point.targets(claim.comparator) for point in claim.grid]


def _numbers(claim: Claim) -> Iterator[Displacement]:
    """One component at a time, at every grid point: 5 % and 2 rho, both ways."""
    targets = _targets(claim)
    for component in range(max(map(len, targets))):
        for factor, error in FACTORS:
            moved = _scaled(float(factor))
            yield _displaced(claim, targets, component, error, moved, _fine)
        for sign, error in ((-1, "- 2 rho"), (1, "+ 2 rho")):
            yield _displaced(claim, targets, component, error, _shifted(sign), _always)


def _scaled(factor: float) -> Callable[[Target], float]:
    return lambda target: factor * target.predicted


def _shifted(sign: int) -> Callable[[Target], float]:
    return lambda target: target.predicted + 2 * sign * target.resolution


def _fine(target: Target) -> bool:
    return relative_resolution(target) <= FINE


def _always(target: Target) -> bool:
    return True


def _displaced(
    claim: Claim,
    targets: list[tuple[Target, ...]],
    component: int,
    error: str,
    moved: Callable[[Target], float],
    demands: Callable[[Target], bool],
) -> Displacement:
    """One component displaced at every point that has it; margin and resolution stay what they were."""
    goals = {
        (index, component): demands(goal[component])
        for index, goal in enumerate(targets)
        if component < len(goal) and moved(goal[component]) != goal[component].predicted
    }

    def state() -> Claim:
        grid = [
            _with_predictions(point, goal, {component: moved} if (index, component) in goals else {})
            for index, (point, goal) in enumerate(zip(claim.grid, targets, strict=True))
        ]
        return replace(claim, grid=tuple(grid))

    coarse = [relative_resolution(targets[index][k]) for (index, k), goal in goals.items() if not goal]
    note = f"no goal at 5 %: the resolution is {100 * max(coarse):.2g} %" if coarse else ""
    return Displacement(error, state, goals, note=note)


def _with_predictions(
    point: Point, targets: tuple[Target, ...], moved: Mapping[int, Callable[[Target], float]]
) -> Point:
    predicted = [moved[k](goal) if k in moved else goal.predicted for k, goal in enumerate(targets)]
    return Point(
        point.parameters,
        tuple(predicted),
        tuple(goal.margin for goal in targets),
        # an identity has no resolution of its own
        tuple(goal.resolution for goal in targets) if all(goal.resolution for goal in targets) else None,
    )


def _twin(claim: Claim, bound: Bound) -> Iterator[Displacement]:
    """The bound shrunk by its declared slack, one component at a time."""
    if bound.tightness is None:
        return
    ratio = bound.tightness
    bare = replace(claim, comparator=replace(bound, tightness=None))
    targets = _targets(bare)
    for component in range(max(map(len, targets))):
        yield _displaced(bare, targets, component, f"shrunk x {ratio:g}", _scaled(ratio), _always)


def _scaled_law(claim: Claim, law: Distribution) -> Displacement:
    factor = 1.05
    disguised = replace(claim, comparator=Disguised(law, _Scaling(factor), f"x {factor}"))
    needed = max(goal.margin + goal.resolution for targets in _targets(claim) for goal in targets)
    distance = min(_distance(law, point, factor) for point in claim.grid)
    note = (
        "" if distance > needed else f"no goal: the laws are {distance:.2g} apart, {needed:.2g} is resolved"
    )
    return Displacement("cdf at 1.05 x values", lambda: disguised, {}, distance > needed, note)


def _distance(law: Distribution, point: Point, factor: float) -> float:
    """sup |F(x) - F(factor x)| over a grid of x of both signs."""
    size = np.geomspace(1e-6, 1e6, 6001)
    places = np.concatenate([-size[::-1], size])
    before, after = (law.evaluate(scale * places, point.parameters) for scale in (1.0, factor))
    return float(np.max(np.abs(before - after)))


@dataclass(frozen=True)
class _Scaling:
    factor: float

    def __call__(self, values: Values) -> Values:
        return self.factor * values


def _swapped(claim: Claim, order: Ordering) -> Displacement:
    swapped = replace(claim, comparator=Disguised(order, _complement, "A and B swapped"))
    highest = max(1.0 - goal.predicted for targets in _targets(claim) for goal in targets)
    demanded = highest < order.probability
    note = "" if demanded else f"no goal: B comes before A with probability up to {highest:.2g}"
    return Displacement("A and B swapped", lambda: swapped, {}, demanded, note)


def _complement(values: Values) -> Values:
    return 1.0 - values


def _deterministic(claim: Claim) -> Iterator[Displacement]:
    """Every closed form scaled by 5 %; without one, the numbers that the grid predicts."""
    if claim.closed_forms:
        yield from _scaled_forms(claim, True)
        return
    targets = _targets(claim)
    if isinstance(claim.comparator, Enclosure):
        for factor, error in FACTORS:
            yield Displacement(error, _scaled_intervals(claim, float(factor)), {}, _predicts_numbers(claim))
        return
    for component in range(max(map(len, targets))):
        for factor, error in FACTORS:
            found = _displaced(claim, targets, component, error, _scaled(float(factor)), _fine)
            if found.goals:
                yield found


def _scaled_intervals(claim: Claim, factor: float) -> Callable[[], Claim]:
    def state() -> Claim:
        grid = []
        for point, (goal,) in zip(claim.grid, _targets(claim), strict=True):
            assert goal.upper is not None
            ends = sorted((factor * goal.predicted, factor * goal.upper))
            grid.append(Point(point.parameters, tuple(ends), resolution=goal.resolution))
        return replace(claim, grid=tuple(grid))

    return state


def _scaled_forms(claim: Claim, demanded: bool) -> Iterator[Displacement]:
    """Through ``restate``, for claims whose prediction is part of the experiment."""
    note = "" if demanded else "no goal at 5 %: the grid predicts 0, which has no relative scale"
    for form in claim.closed_forms:
        for factor, error in FACTORS:
            state = _restated(form.restate, factor * form.expression)
            yield Displacement(f"{form.name} {error}", state, {}, demanded, note)


def _restated(restate: Callable[[Expr], Claim], expression: Expr) -> Callable[[], Claim]:
    return lambda: restate(expression)
