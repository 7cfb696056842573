"""Value, gradient and Hessian of a tape on a box, by forward differentiation in ball arithmetic.

A part of a jet is ``()`` where it vanishes identically and None where it does not exist or is not known:
at a kink the gradient is an enclosure of Clarke's generalized gradient (Clarke 1983, section 2.2), for
which the mean value theorem holds, and the Hessian is None; at a jump the gradient is None too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple, TypeAlias

from theory.bump_networks.arithmetic import Ball, ball, hull
from theory.bump_networks.tape import Affine, Instruction, Tape

Box: TypeAlias = Sequence[tuple[Fraction, Fraction]]
Part: TypeAlias = tuple[Ball, ...] | None


class Jet(NamedTuple):
    """Value; gradient (d balls); Hessian (d(d+1)/2 balls: 11, 12, ..., 1d, 22, ...)."""

    value: Ball
    gradient: Part = ()
    hessian: Part = ()


def evaluate(tape: Tape, box: Box) -> Jet:
    """Enclosures over a box of the value and of the derivatives up to order two."""
    return run(tape, [variable(axis, box) for axis in range(len(box))], box)


def variable(axis: int, box: Box) -> Jet:
    """The jet of one coordinate on a box."""
    unit = tuple(ball(1 if other == axis else 0) for other in range(len(box)))
    return Jet(hull(*box[axis]), unit)


def run(tape: Tape, inputs: Sequence[Jet], box: Box | None = None) -> Jet:
    """Run a tape on jets; ``box`` lets kinks with a rational affine argument be decided exactly."""
    registers: list[Jet] = []
    for instruction in tape.instructions:
        if instruction.operation == "variable":
            assert isinstance(instruction.data, int)
            registers.append(inputs[instruction.data])
        else:
            arguments = [registers[index] for index in instruction.arguments]
            registers.append(_apply(instruction, arguments, box))
    return registers[-1]


def _apply(instruction: Instruction, arguments: list[Jet], box: Box | None) -> Jet:
    operation, data = instruction.operation, instruction.data
    if operation in _BINARY:
        return _BINARY[operation](*arguments)
    if operation in _SMOOTH:
        return chain(arguments[0], *_SMOOTH[operation](arguments[0].value))
    if operation == "constant":
        return Jet(ball(data))
    if operation == "pi":
        return Jet(ball(0).acos() * 2)
    if operation == "integer power":
        return chain(arguments[0], *_integer_power(arguments[0].value, int(data)))  # type: ignore[arg-type]
    if operation == "real power":
        return chain(arguments[0], *_real_power(arguments[0].value, Fraction(data)))  # type: ignore[arg-type]
    kink = data if isinstance(data, Affine) and box is not None else None
    return _kinked(operation, arguments, kink.range(box) if kink is not None and box is not None else None)


def chain(jet: Jet, value: Ball, first: Ball, second: Ball) -> Jet:
    """The jet of g(u) from g, g', g'' at u and the jet of u."""
    if jet.gradient == ():
        return Jet(value)
    if jet.gradient is None:
        return Jet(value, None, None)
    gradient = tuple(first * part for part in jet.gradient)
    if jet.hessian is None:
        return Jet(value, gradient, None)
    size = len(jet.gradient)
    pairs = [(i, j) for i in range(size) for j in range(i, size)]
    outer = [second * jet.gradient[i] * jet.gradient[j] for i, j in pairs]
    if jet.hessian != ():
        outer = [left + first * right for left, right in zip(outer, jet.hessian, strict=True)]
    return Jet(value, gradient, tuple(outer))


def add(left: Jet, right: Jet) -> Jet:
    """The jet of a sum."""
    return Jet(
        left.value + right.value, _sum(left.gradient, right.gradient), _sum(left.hessian, right.hessian)
    )


def scale(jet: Jet, factor: Ball) -> Jet:
    """The jet of a constant multiple."""
    gradient = None if jet.gradient is None else tuple(factor * part for part in jet.gradient)
    hessian = None if jet.hessian is None else tuple(factor * part for part in jet.hessian)
    return Jet(factor * jet.value, gradient, hessian)


def _sum(left: Part, right: Part) -> Part:
    if left is None or right is None:
        return None
    if not left or not right:
        return left or right
    return tuple(a + b for a, b in zip(left, right, strict=True))


def _multiply(left: Jet, right: Jet) -> Jet:
    if left.gradient == ():
        return scale(right, left.value)
    if right.gradient == ():
        return scale(left, right.value)
    value = left.value * right.value
    if left.gradient is None or right.gradient is None:
        return Jet(value, None, None)
    gradient = tuple(
        a * right.value + left.value * b for a, b in zip(left.gradient, right.gradient, strict=True)
    )
    if left.hessian is None or right.hessian is None:
        return Jet(value, gradient, None)
    size = len(gradient)
    pairs = [(i, j) for i in range(size) for j in range(i, size)]
    mixed = tuple(
        left.gradient[i] * right.gradient[j] + left.gradient[j] * right.gradient[i] for i, j in pairs
    )
    curved = _sum(
        scale(Jet(left.value, (), left.hessian), right.value).hessian,
        scale(Jet(right.value, (), right.hessian), left.value).hessian,
    )
    return Jet(value, gradient, _sum(mixed, curved))


def _integer_power(base: Ball, exponent: int) -> tuple[Ball, Ball, Ball]:
    def power(k: int) -> Ball:
        # For an even power the square of |u| is tight on a ball that contains 0.
        return (
            (abs(base) if k % 2 == 0 else base) ** k if k > 0 else (ball(1) if k == 0 else 1 / base ** (-k))
        )

    first = exponent * power(exponent - 1)
    return (
        power(exponent),
        first,
        exponent * (exponent - 1) * power(exponent - 2) if exponent != 1 else ball(0),
    )


def _real_power(base: Ball, exponent: Fraction) -> tuple[Ball, Ball, Ball]:
    # u^q = u^ceil(q) / u^(ceil(q) - q) has no meaning for negative u; at 0 the derivatives do not exist.
    value = base.sqrt() if exponent == Fraction(1, 2) else base ** ball(exponent)
    first = ball(exponent) * value / base
    return value, first, ball(exponent - 1) * first / base


def _kinked(operation: str, arguments: list[Jet], known: tuple[Fraction, Fraction] | None) -> Jet:
    first = arguments[0]
    second = arguments[1] if len(arguments) > 1 else Jet(ball(0))
    difference = first.value - second.value
    above = known[0] >= 0 if known is not None else bool(difference >= 0)
    below = known[1] <= 0 if known is not None else bool(difference <= 0)
    if operation == "step":
        # The value at the jump itself is a convention: only a strict sign gives a constant.
        strictly = (known[0] > 0, known[1] < 0) if known is not None else (difference > 0, difference < 0)
        return Jet(ball(1)) if strictly[0] else Jet(ball(0)) if strictly[1] else Jet(_unit(), None, None)
    if operation == "absolute":
        return first if above else scale(first, ball(-1)) if below else _undecided_absolute(first)
    if operation == "minimum":
        above, below = below, above
    if above:
        return first
    if below:
        return second
    value = first.value.max(second.value) if operation == "maximum" else first.value.min(second.value)
    return Jet(value, _union(first.gradient, second.gradient), None)


def _undecided_absolute(jet: Jet) -> Jet:
    gradient = None if jet.gradient is None else tuple(part.union(-part) for part in jet.gradient)
    return Jet(abs(jet.value), gradient, None)


def _union(left: Part, right: Part) -> Part:
    if left is None or right is None:
        return None
    zero = ball(0)
    size = max(len(left), len(right))
    pairs = zip(left or (zero,) * size, right or (zero,) * size, strict=True)
    return tuple(a.union(b) for a, b in pairs)


def _unit() -> Ball:
    return ball(0).union(ball(1))


def _sin(u: Ball) -> tuple[Ball, Ball, Ball]:
    sine, cosine = u.sin_cos()
    return sine, cosine, -sine


def _cos(u: Ball) -> tuple[Ball, Ball, Ball]:
    sine, cosine = u.sin_cos()
    return cosine, -sine, -cosine


def _tan(u: Ball) -> tuple[Ball, Ball, Ball]:
    value = u.tan()
    first = 1 + value**2
    return value, first, 2 * value * first


def _tanh(u: Ball) -> tuple[Ball, Ball, Ball]:
    value = u.tanh()
    first = 1 / u.cosh() ** 2
    return value, first, -2 * value * first


def _exp(u: Ball) -> tuple[Ball, Ball, Ball]:
    value = u.exp()
    return value, value, value


def _log(u: Ball) -> tuple[Ball, Ball, Ball]:
    inverse = 1 / u
    return u.log(), inverse, -(inverse**2)


def _asin(u: Ball) -> tuple[Ball, Ball, Ball]:
    first = (1 - u**2).rsqrt()
    return u.asin(), first, u * first**3


def _acos(u: Ball) -> tuple[Ball, Ball, Ball]:
    _, first, second = _asin(u)
    return u.acos(), -first, -second


def _atan(u: Ball) -> tuple[Ball, Ball, Ball]:
    first = 1 / (1 + abs(u) ** 2)
    return u.atan(), first, -2 * u * first**2


def _asinh(u: Ball) -> tuple[Ball, Ball, Ball]:
    first = (1 + abs(u) ** 2).rsqrt()
    return u.asinh(), first, -u * first**3


def _acosh(u: Ball) -> tuple[Ball, Ball, Ball]:
    first = (u**2 - 1).rsqrt()
    return u.acosh(), first, -u * first**3


def _atanh(u: Ball) -> tuple[Ball, Ball, Ball]:
    first = 1 / (1 - u**2)
    return u.atanh(), first, 2 * u * first**2


def _sinh(u: Ball) -> tuple[Ball, Ball, Ball]:
    sine, cosine = u.sinh_cosh()
    return sine, cosine, sine


def _cosh(u: Ball) -> tuple[Ball, Ball, Ball]:
    sine, cosine = u.sinh_cosh()
    return cosine, sine, cosine


def _erf(u: Ball) -> tuple[Ball, Ball, Ball]:
    first = 2 * (-(abs(u) ** 2)).exp() / ball(0).acos().__mul__(2).sqrt()
    return u.erf(), first, -2 * u * first


def _erfc(u: Ball) -> tuple[Ball, Ball, Ball]:
    _, first, second = _erf(u)
    return u.erfc(), -first, -second


_BINARY: dict[str, Callable[[Jet, Jet], Jet]] = {"add": add, "multiply": _multiply}
_SMOOTH: dict[str, Callable[[Ball], tuple[Ball, Ball, Ball]]] = {
    "exp": _exp,
    "log": _log,
    "sin": _sin,
    "cos": _cos,
    "tan": _tan,
    "asin": _asin,
    "acos": _acos,
    "atan": _atan,
    "sinh": _sinh,
    "cosh": _cosh,
    "tanh": _tanh,
    "asinh": _asinh,
    "acosh": _acosh,
    "atanh": _atanh,
    "erf": _erf,
    "erfc": _erfc,
}
