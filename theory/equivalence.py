"""Whether two expressions agree: their values to 40 digits at random points of every regime.

Points are no proof: expressions that agree are *equal at all points tried*, no more. Those that differ at one
point are different, and where ball arithmetic computes the values that is rigorous.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

import mpmath
import sympy
from sympy import Expr, Rational, Symbol

from theory import balls
from theory.errors import InputError, OutsideClass
from theory.time_limit import ChildDied, TimeLimitExceeded, run_with_time_limit

DIGITS = 40
GUARD_DIGITS = 10
# Two values to 40 digits that agree in 30 are equal: cancellation may have cost the rest.
AGREEMENT = mpmath.mpf(10) ** -30
SECONDS = 5.0

Point: TypeAlias = Mapping[Symbol, Rational]
Sampler: TypeAlias = Callable[[random.Random], Point]


class Missing(Enum):
    """Why there is no value at a point."""

    UNDEFINED = "undefined"  # infinite, complex or not a number
    UNKNOWN = "unknown"  # not computed to the digits asked for, or not in time


Value: TypeAlias = "mpmath.mpf | Missing"


@dataclass(frozen=True)
class Sample:
    """A point of a regime, and the value there of the expression that others are compared with."""

    regime: str
    point: Point
    value: mpmath.mpf


@dataclass(frozen=True)
class Comparison:
    """One expression against another at the points of all regimes.

    kind
        ``equal`` at all points tried; ``different`` at some; ``undefined`` at all of them; ``unknown`` where
        too little could be computed to tell.
    regimes
        Those in which a point shows a difference.
    values
        The other expression at each sample.
    """

    kind: str
    regimes: tuple[str, ...]
    values: tuple[Value, ...]


def samples(expression: Expr, regimes: Mapping[str, Sampler], seed: int, count: int) -> tuple[Sample, ...]:
    """The expression at ``count`` random points of each regime.

    Raises InputError where it has no value: the regimes must satisfy the hypotheses.
    """
    places = [
        (name, regimes[name](random.Random(f"{seed}:{name}:{index}")))
        for name in regimes
        for index in range(count)
    ]
    found = values(expression, [point for _, point in places])
    for (name, point), value in zip(places, found, strict=True):
        if isinstance(value, Missing):
            where = ", ".join(f"{symbol} = {number}" for symbol, number in point.items())
            raise InputError(
                f"{expression} is {value.value} at {where or 'its only point'}, of regime {name!r}"
            )
    return tuple(Sample(*place, value) for place, value in zip(places, found, strict=True))


def compare(original: Sequence[Sample], expression: Expr) -> Comparison:
    """The expression against the values of the original at the points of all its regimes."""
    found = _values_by_regime(original, expression)
    if all(value is Missing.UNDEFINED for value in found):
        return Comparison("undefined", (), tuple(found))
    pairs = list(zip(original, found, strict=True))
    differing = dict.fromkeys(sample.regime for sample, value in pairs if differ(sample.value, value))
    if differing:
        return Comparison("different", tuple(differing), tuple(found))
    known = {sample.regime for sample, value in pairs if not isinstance(value, Missing)}
    complete = known == {sample.regime for sample in original}
    return Comparison("equal" if complete else "unknown", (), tuple(found))


def _values_by_regime(original: Sequence[Sample], expression: Expr) -> list[Value]:
    """As ``values``, where one confirmation that it is undefined stands for all points of a regime."""
    found = [_enclosed(expression, sample.point) for sample in original]
    first = {
        sample.regime: index
        for index, sample in reversed(list(enumerate(original)))
        if found[index] is Missing.UNDEFINED
    }
    _confirm(found, expression, original, list(first.values()))
    unsure = [
        index
        for index, sample in enumerate(original)
        if found[index] is Missing.UNKNOWN
        or (found[index] is Missing.UNDEFINED and found[first[sample.regime]] is not Missing.UNDEFINED)
    ]
    _confirm(found, expression, original, unsure)
    return found


def _confirm(found: list[Value], expression: Expr, original: Sequence[Sample], places: Sequence[int]) -> None:
    """Let SymPy have the last word at these points."""
    if places:
        again = _evaluated(expression, [original[index].point for index in places])
        for index, value in zip(places, again, strict=True):
            found[index] = value


def differ(first: mpmath.mpf, second: Value) -> bool:
    """Whether the second is undefined, or not the same number by more than the working precision."""
    if isinstance(second, Missing):
        return second is Missing.UNDEFINED
    with mpmath.workdps(DIGITS + GUARD_DIGITS):
        return bool(abs(first - second) > AGREEMENT * max(abs(first), abs(second)))


def values(expression: Expr, points: Sequence[Point]) -> list[Value]:
    """The expression to 40 digits at each point: by ball arithmetic, else by SymPy under a time limit.

    A ball that contains no number may only say that rounding reached over the edge of a domain, as in
    sqrt(1 - 1/3*3): SymPy, which inserts the rational point exactly, then has the last word.
    """
    found = [_enclosed(expression, point) for point in points]
    open_ = [index for index, value in enumerate(found) if isinstance(value, Missing)]
    again = _evaluated(expression, [points[index] for index in open_]) if open_ else []
    for index, value in zip(open_, again, strict=True):
        found[index] = value
    return found


def _enclosed(expression: Expr, point: Point) -> Value:
    try:
        ball = balls.enclose(expression, point, digits=DIGITS)
    except (OutsideClass, NotImplementedError, balls.BallsUnavailable):
        return Missing.UNKNOWN
    if not ball.is_finite():
        return Missing.UNDEFINED
    with mpmath.workdps(DIGITS + GUARD_DIGITS):
        middle, radius = (_mpf(part) for part in (ball.mid(), ball.rad()))
        if radius <= AGREEMENT**2:  # a sum that cancels to 0 has no relative precision
            return middle if abs(middle) > 2 * radius else mpmath.mpf(0)
        return middle if radius <= AGREEMENT * abs(middle) / 4 else Missing.UNKNOWN


def _mpf(exact: balls.Ball) -> mpmath.mpf:
    mantissa, exponent = exact.man_exp()
    return mpmath.ldexp(mpmath.mpf(int(mantissa)), int(exponent))


def _evaluated(expression: Expr, points: Sequence[Point]) -> list[Value]:
    try:
        texts = run_with_time_limit(_numbers, expression, [dict(point) for point in points], seconds=SECONDS)
    except (TimeLimitExceeded, ChildDied):
        return [Missing.UNKNOWN] * len(points)
    with mpmath.workdps(DIGITS + GUARD_DIGITS):
        return [Missing(text) if text.isalpha() else mpmath.mpf(text) for text in texts]


def _numbers(expression: Expr, points: Sequence[Point]) -> list[str]:
    """Decimal texts, or why there is none; runs in the child process of ``theory.time_limit``."""
    return [_number(expression.xreplace(dict(point))) for point in points]


def _number(constant: Expr) -> str:
    try:
        found = sympy.N(constant, DIGITS + GUARD_DIGITS)
    except (TypeError, ValueError, ArithmeticError, RecursionError):
        return Missing.UNKNOWN.value
    if found.is_Float or found.is_Rational:
        return str(found)
    infinite = found.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo)
    return (Missing.UNDEFINED if infinite or found.has(sympy.I) else Missing.UNKNOWN).value
