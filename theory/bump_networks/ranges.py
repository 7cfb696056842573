"""Order-zero enclosures with exact endpoints that may be infinite: half-lines, roots at 0, domains.

Balls cannot do this: the ball of [0, h] contains negative numbers, and no ball is a half-line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

from theory.bump_networks.arithmetic import Ball, ball
from theory.bump_networks.tape import Affine, Instruction, Tape


class Range(NamedTuple):
    """All values between two exact balls, which may be infinite."""

    low: Ball
    high: Ball

    @property
    def finite(self) -> bool:
        """Whether both ends are finite numbers."""
        return bool(self.low.is_finite() and self.high.is_finite())


class Undefined(ArithmeticError):
    """The expression has no real value somewhere on the set, or none can be enclosed."""


def evaluate(
    tape: Tape, inputs: Sequence[Range], box: Sequence[tuple[Fraction, Fraction]] | None = None
) -> Range:
    """Enclose a tape on a product of (possibly infinite) intervals.

    Raises Undefined where a logarithm, root or quotient leaves its domain or the enclosure says nothing.
    """
    registers: list[Range] = []
    for instruction in tape.instructions:
        if instruction.operation == "variable":
            assert isinstance(instruction.data, int)
            registers.append(inputs[instruction.data])
            continue
        arguments = [registers[index] for index in instruction.arguments]
        registers.append(_sound(_apply(instruction, arguments, box)))
    return registers[-1]


def interval(low: Fraction, high: Fraction) -> Range:
    """The range of one coordinate with rational ends."""
    return Range(ball(low).lower(), ball(high).upper())


def infinity() -> Ball:
    """Plus infinity."""
    return ball("inf")


def _sound(result: Range) -> Range:
    if result.low.is_nan() or result.high.is_nan():
        raise Undefined("not defined")
    return result


def _apply(
    instruction: Instruction, arguments: list[Range], box: Sequence[tuple[Fraction, Fraction]] | None
) -> Range:
    operation, data = instruction.operation, instruction.data
    if operation in _INCREASING:
        return Range(
            _INCREASING[operation](arguments[0].low).lower(),
            _INCREASING[operation](arguments[0].high).upper(),
        )
    if operation in _SPECIAL:
        return _SPECIAL[operation](*arguments)
    if operation == "constant":
        return Range(ball(data).lower(), ball(data).upper())
    if operation == "pi":
        value = 2 * ball(0).acos()
        return Range(value.lower(), value.upper())
    if operation == "integer power":
        return _integer_power(arguments[0], int(data))  # type: ignore[arg-type]
    if operation == "real power":
        return _real_power(arguments[0], Fraction(data))  # type: ignore[arg-type]
    return _kinked(
        operation, arguments, data.range(box) if isinstance(data, Affine) and box is not None else None
    )


def _add(left: Range, right: Range) -> Range:
    low, high = left.low + right.low, left.high + right.high
    return Range(-infinity() if low.is_nan() else low.lower(), infinity() if high.is_nan() else high.upper())


def _multiply(left: Range, right: Range) -> Range:
    products = [_product(a, b) for a in left for b in right]
    return Range(_least(products), _greatest(products))


def _product(left: Ball, right: Ball) -> Ball:
    # 0 times infinity is 0 here: an infinite end stands for arbitrarily large finite values.
    return ball(0) if left.is_zero() or right.is_zero() else left * right


def _least(values: Sequence[Ball]) -> Ball:
    return _fold([value.lower() for value in values], smaller=True)


def _greatest(values: Sequence[Ball]) -> Ball:
    return _fold([value.upper() for value in values], smaller=False)


def _fold(ends: list[Ball], smaller: bool) -> Ball:
    best = ends[0]
    for end in ends[1:]:
        if (end < best) if smaller else (end > best):
            best = end
    return best


def _reciprocal(argument: Range) -> Range:
    if bool(argument.low >= 0) or bool(argument.high <= 0):
        low = -infinity() if argument.high.is_zero() else 1 / argument.high
        high = infinity() if argument.low.is_zero() else 1 / argument.low
        if argument.low.is_zero() and argument.high.is_zero():
            raise Undefined("division by zero")
        return Range(low.lower(), high.upper())
    raise Undefined("division by an interval that contains 0")


def _integer_power(base: Range, exponent: int) -> Range:
    if exponent < 0:
        if bool(base.low <= 0) and bool(base.high >= 0):
            raise Undefined("division by an interval that contains 0")
        return _reciprocal(_integer_power(base, -exponent))
    if exponent % 2 == 0:
        base = _absolute(base)
    return Range(_power(base.low, exponent).lower(), _power(base.high, exponent).upper())


def _power(end: Ball, exponent: int) -> Ball:
    if end.is_finite():
        return end**exponent
    return end if exponent % 2 or bool(end > 0) else -end


def _real_power(base: Range, exponent: Fraction) -> Range:
    if not bool(base.low >= 0):
        raise Undefined("a root of a negative number")
    if exponent < 0:
        if base.low.is_zero():
            raise Undefined("division by an interval that contains 0")
        return _reciprocal(_real_power(base, -exponent))
    ends = [end if not end.is_finite() or end.is_zero() else end ** ball(exponent) for end in base]
    return Range(ends[0].lower(), ends[1].upper())


def _absolute(argument: Range) -> Range:
    if bool(argument.low >= 0):
        return argument
    if bool(argument.high <= 0):
        return Range(-argument.high, -argument.low)
    return Range(ball(0), _greatest([-argument.low, argument.high]))


def _log(argument: Range) -> Range:
    if not bool(argument.low > 0):
        raise Undefined("the logarithm of a number that is not positive")
    high = argument.high if not argument.high.is_finite() else argument.high.log()
    return Range(argument.low.log().lower(), high.upper())


def _within_unit(function: str) -> Callable[[Range], Range]:
    def apply(argument: Range) -> Range:
        if not (bool(argument.low >= -1) and bool(argument.high <= 1)):
            raise Undefined(f"{function} outside [-1, 1]")
        ends = [getattr(end, function)() for end in argument]
        return Range(_least(ends), _greatest(ends))

    return apply


def _periodic(function: str) -> Callable[[Range], Range]:
    def apply(argument: Range) -> Range:
        if not argument.finite:
            return Range(ball(-1), ball(1))
        value = getattr(argument.low.union(argument.high), function)()
        return Range(_greatest([value.lower(), ball(-1)]), _least([value.upper(), ball(1)]))

    return apply


def _tan(argument: Range) -> Range:
    value = argument.low.union(argument.high).tan() if argument.finite else infinity() * 0
    if not value.is_finite():
        raise Undefined("a pole of the tangent")
    return Range(value.lower(), value.upper())


def _cosh(argument: Range) -> Range:
    low, high = _absolute(argument)
    return Range(low.cosh().lower(), (high.cosh() if high.is_finite() else high).upper())


def _acosh(argument: Range) -> Range:
    if not bool(argument.low >= 1):
        raise Undefined("acosh below 1")
    return Range(argument.low.acosh().lower(), argument.high.acosh().upper())


def _kinked(operation: str, arguments: list[Range], known: tuple[Fraction, Fraction] | None) -> Range:
    first, second = arguments[0], arguments[-1]
    if operation == "absolute":
        return _absolute(first)
    if operation == "maximum":
        return Range(_greatest([first.low, second.low]), _greatest([first.high, second.high]))
    if operation == "minimum":
        return Range(_least([first.low, second.low]), _least([first.high, second.high]))
    above = known[0] > 0 if known is not None else bool(first.low > 0)
    below = known[1] < 0 if known is not None else bool(first.high < 0)
    return Range(ball(1 if above else 0), ball(0 if below else 1))


def _monotone(function: str) -> Callable[[Ball], Ball]:
    limits = {"exp": (0, "inf"), "sinh": ("-inf", "inf"), "asinh": ("-inf", "inf"), "erf": (-1, 1)}

    def apply(end: Ball) -> Ball:
        if not end.is_finite() and function in limits:
            return ball(limits[function][1 if bool(end > 0) else 0])
        return getattr(end, function)()

    return apply


def _erfc(argument: Range) -> Range:
    low, high = (_monotone("erf")(end) for end in argument)
    tail = argument.high.erfc() if argument.high.is_finite() else 1 - high
    head = argument.low.erfc() if argument.low.is_finite() else 1 - low
    return Range(tail.lower(), head.upper())


_INCREASING: dict[str, Callable[[Ball], Ball]] = {
    name: _monotone(name) for name in ("exp", "sinh", "asinh", "erf", "tanh", "atan")
}
_SPECIAL: dict[str, Callable[..., Range]] = {
    "add": _add,
    "multiply": _multiply,
    "log": _log,
    "sin": _periodic("sin"),
    "cos": _periodic("cos"),
    "tan": _tan,
    "asin": _within_unit("asin"),
    "acos": _within_unit("acos"),
    "cosh": _cosh,
    "acosh": _acosh,
    "atanh": _within_unit("atanh"),
    "erfc": _erfc,
}
