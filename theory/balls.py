"""SymPy expressions in ball arithmetic: rigorous enclosures by Arb, through python-flint.

Rationals go in exactly, and what comes out contains the true value, or the whole image of the given
intervals. An expression that is undefined somewhere on its arguments encloses to nan, never to a number.
Importing this module works without python-flint; `available` says whether it is there.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import sympy
from sympy import Expr, Rational, Symbol
from sympy.functions.elementary.piecewise import ExprCondPair

from theory.errors import BallsUnavailable as BallsUnavailable  # re-exported: part of this module
from theory.errors import OutsideClass

flint: Any
try:
    flint = importlib.import_module("flint")
except ImportError:  # some machines have no python-flint: certified rows then say that they were not run
    flint = None

Ball = Any  # flint.arb, which has no types
Slots = list[Any]
Step = Callable[[Slots], Any]
BallFunction = Callable[[Sequence[Ball]], Ball]

GUARD_BITS = 20
PRECISION_DOUBLINGS = 4


class OutsideBalls(OutsideClass):
    """The expression contains a function that has no ball arithmetic here."""


def available() -> bool:
    """Whether python-flint is installed."""
    return flint is not None


def ball(value: object) -> Ball:
    """One number as a ball at the current precision: exact rationals, decimal strings, pairs (LO, HI), balls.

    A pair is an interval. A binary float is taken at its exact value. Raises OutsideBalls for others.
    """
    _require_flint()
    if isinstance(value, flint.arb):
        return value
    if isinstance(value, tuple) and len(value) == 2:
        return _interval(ball(value[0]), ball(value[1]))
    if isinstance(value, str | int | float):
        return _decimal(value)
    if isinstance(value, Rational):
        return flint.arb(flint.fmpq(int(value.p), int(value.q)))
    if isinstance(value, Fraction):
        return flint.arb(flint.fmpq(value.numerator, value.denominator))
    if isinstance(value, Expr) and not value.free_symbols:
        return lower_function(value, ())(())
    raise OutsideBalls(f"{value!r} is not a number: give a rational, an interval (LO, HI) or a ball")


def _decimal(value: str | int | float) -> Ball:
    try:
        return flint.arb(value)
    except ValueError:
        raise OutsideBalls(f"{value!r} is not a number: give a decimal such as 0.1") from None


def _interval(low: Ball, high: Ball) -> Ball:
    middle, radius = (low + high) / 2, (high - low) / 2
    if radius < 0:
        raise OutsideBalls(f"({low}, {high}) is not an interval: give (LO, HI) with LO <= HI")
    return middle + flint.arb(0, radius)


def enclose(expression: Expr, values: Mapping[Symbol, object], digits: int = 30) -> Ball:
    """A ball that contains the expression at ``values``, computed with at least ``digits`` digits.

    Values are what `ball` takes: an interval (LO, HI) gives an enclosure of the whole image. At exact points
    the precision is raised until the ball is relatively narrower than 10^-digits, or four times doubled.
    The precision of the caller is left as it was. Raises OutsideBalls for functions without ball arithmetic
    and for symbols without a value, BallsUnavailable where python-flint is missing.
    """
    _require_flint()
    symbols = tuple(sorted(expression.free_symbols, key=lambda symbol: symbol.sort_key()))
    missing = [symbol.name for symbol in symbols if symbol not in values]
    if missing:
        raise OutsideBalls(f"{expression} has no value for {', '.join(missing)}")
    given = [values[symbol] for symbol in symbols]
    for symbol, value in zip(symbols, given, strict=True):
        if symbol.is_nonnegative and _below_zero(value):
            raise OutsideBalls(f"{symbol} is assumed to be >= 0, and {value} is not")
        if symbol.is_nonpositive and _above_zero(value):
            raise OutsideBalls(f"{symbol} is assumed to be <= 0, and {value} is not")
    function = _on_half_lines(expression, symbols, tuple(map(_never_negative, given)))
    exact = not any(isinstance(value, tuple | flint.arb) for value in given)
    precision = math.ceil(digits * math.log2(10)) + GUARD_BITS
    for _ in range(PRECISION_DOUBLINGS if exact else 0):
        result = _evaluate(function, given, precision)
        if result.rel_accuracy_bits() >= digits * math.log2(10):
            return result
        precision *= 2
    return _evaluate(function, given, precision)


def _evaluate(function: BallFunction, values: Sequence[object], precision: int) -> Ball:
    with flint.ctx.workprec(precision):
        return function([ball(value) for value in values])


def _end(value: object, index: int) -> Any:
    end = value[index] if isinstance(value, tuple) else value
    return end if isinstance(end, int | float | Rational | Fraction) else None


def _never_negative(value: object) -> bool:
    low = _end(value, 0)
    return low is not None and bool(low >= 0)


def _below_zero(value: object) -> bool:
    low = _end(value, 0)
    return low is not None and bool(low < 0)


def _above_zero(value: object) -> bool:
    high = _end(value, 1)
    return high is not None and bool(high > 0)


@lru_cache(maxsize=1024)
def _on_half_lines(
    expression: Expr, symbols: tuple[Symbol, ...], never_negative: tuple[bool, ...]
) -> BallFunction:
    # A ball around [0, 1] reaches slightly below 0, where sqrt(x) is undefined: the sign has to be told.
    renamed = {
        symbol: sympy.Dummy(symbol.name, **{**symbol.assumptions0, "nonnegative": True})
        for symbol, known in zip(symbols, never_negative, strict=True)
        if known and symbol.is_nonnegative is None
    }
    replaced = tuple(renamed.get(symbol, symbol) for symbol in symbols)
    return lower_function(expression.xreplace(renamed), replaced)


@lru_cache(maxsize=1024)
def lower_function(expression: Expr, symbols: tuple[Symbol, ...]) -> BallFunction:
    """Compile an expression once: the returned function maps balls for ``symbols`` to a ball.

    It works at the precision that is set when it is called (``flint.ctx.prec``) and evaluates common
    subexpressions once. Raises OutsideBalls for functions without ball arithmetic and for other symbols.
    """
    _require_flint()
    _refuse_unknown(expression)
    places: dict[Any, int] = {symbol: place for place, symbol in enumerate(symbols)}
    steps: list[Step] = []
    for node in _distinct_nodes(expression):
        if node not in places:
            places[node] = len(symbols) + len(steps)
            steps.append(_step(node, [places[argument] for argument in _operands(node)]))
    result = places[expression]

    def function(values: Sequence[Ball]) -> Ball:
        if len(values) != len(symbols):
            raise OutsideBalls(f"{len(values)} values for the {len(symbols)} symbols {symbols}")
        slots = list(values)
        for step in steps:
            slots.append(step(slots))
        return slots[result]

    return function


def _require_flint() -> None:
    if flint is None:
        raise BallsUnavailable("python-flint is not installed: pip install python-flint")


def _refuse_unknown(expression: Expr) -> None:
    """Name the outermost subexpression that has no ball arithmetic, before anything is built."""
    for node in reversed(_distinct_nodes(expression)):
        known = node.func in _FUNCTIONS or node.func in _BUILDERS or isinstance(node, _LEAVES)
        if not known or (isinstance(node, sympy.polygamma) and node.args[0] != 0):
            raise OutsideBalls(f"{node} has no ball arithmetic here ({node.func.__name__})")


def _operands(node: Any) -> tuple[Any, ...]:
    """The arguments that are evaluated before the node: of a constant power, the base alone."""
    if isinstance(node, sympy.Pow) and isinstance(node.exp, Rational):
        return (node.base,)
    if isinstance(node, sympy.Piecewise):
        return tuple(part for piece in node.args for part in piece.args)
    return tuple(node.args)


def _distinct_nodes(expression: Expr) -> list[Any]:
    """Every subexpression once, operands before the nodes that use them."""
    ordered: dict[Any, None] = {}
    pending: list[tuple[Any, bool]] = [(expression, False)]
    while pending:
        node, ready = pending.pop()
        if ready:
            ordered[node] = None
        elif node not in ordered:
            pending.append((node, True))
            pending.extend((operand, False) for operand in _operands(node))
    return list(ordered)


def _step(node: Any, places: list[int]) -> Step:
    if isinstance(node, sympy.Number | sympy.NumberSymbol):
        return _constant(node)
    if isinstance(node, sympy.Pow) and isinstance(node.exp, Rational):
        return _rational_power(node, places[0])
    if node.func in _BUILDERS:
        return _BUILDERS[node.func](places)
    apply = _FUNCTIONS[node.func]
    if len(places) == 1:
        (place,) = places
        return lambda slots: apply(slots[place])
    return lambda slots: apply(*[slots[place] for place in places])


def _constant(number: Any) -> Step:
    """A constant, rounded outwards at the precision of each call and kept per precision."""
    kept: dict[int, Ball] = {}

    def step(_: Slots) -> Ball:
        precision = flint.ctx.prec
        if precision not in kept:
            kept[precision] = _number(number)
        return kept[precision]

    return step


def _number(number: Any) -> Ball:
    if isinstance(number, Rational):
        return flint.arb(flint.fmpq(int(number.p), int(number.q)))
    if isinstance(number, sympy.Float):  # its exact binary value
        sign, mantissa, exponent, _ = number._mpf_
        power = flint.fmpq(2) ** int(exponent)
        return flint.arb(flint.fmpq(int(mantissa)) * power * (-1 if sign else 1))
    if number == sympy.pi:
        return flint.arb.pi()
    if number == sympy.E:
        return flint.arb.const_e()
    if number == sympy.EulerGamma:
        return flint.arb.const_euler()
    if number == sympy.Catalan:
        return flint.arb.const_catalan()
    if number == sympy.GoldenRatio:
        return (1 + flint.arb(5).sqrt()) / 2
    if number in (sympy.oo, -sympy.oo):
        return flint.arb.pos_inf() if number == sympy.oo else flint.arb.neg_inf()
    return flint.arb.nan()


def _rational_power(node: sympy.Pow, place: int) -> Step:
    """The real power; of a negative base it is nan unless the exponent is an integer."""
    numerator, denominator = int(node.exp.p), int(node.exp.q)
    known_nonnegative = bool(node.base.is_nonnegative)

    def step(slots: Slots) -> Ball:
        base = slots[place]
        if known_nonnegative and not base >= 0 and not base < 0:  # else the arguments break the assumptions
            base = base.nonnegative_part()
        if denominator == 2:
            base = base.sqrt()
        elif denominator > 2:
            base = base.root(denominator) if base >= 0 else flint.arb.nan()
        return integer_power(base, numerator)

    return step


def integer_power(base: Ball, exponent: int) -> Ball:
    """``base`` to an integer power, tight on balls that contain 0.

    python-flint's own power of a ball around 0 is nan, and a product of the ball with itself forgets that a
    square is not negative.
    """
    if exponent < 0:
        return 1 / integer_power(base, -exponent)
    if exponent == 0:
        return flint.arb(1)
    if exponent == 1 or base > 0 or base < 0 or not base.is_finite():
        return base if exponent == 1 else base ** flint.fmpz(exponent)
    low, high = base.lower() if exponent % 2 else flint.arb(0), base.upper()
    if exponent % 2 == 0:
        high = base.abs_upper()
    return _exact_power(low, exponent).union(_exact_power(high, exponent))


def _exact_power(base: Ball, exponent: int) -> Ball:
    return flint.arb(0) if base == 0 else base ** flint.fmpz(exponent)


def _general_power(base: Ball, exponent: Ball) -> Ball:
    if exponent.is_integer():  # an exact one: then the base may be negative
        return integer_power(base, int(exponent.unique_fmpz()))
    if not base >= 0:
        return flint.arb.nan()
    return base**exponent


def _hull(values: Sequence[Ball]) -> Ball:
    result = values[0]
    for value in values[1:]:
        result = result.union(value)
    return result


def _heaviside(x: Ball, at_zero: Ball) -> Ball:
    if x > 0 or x < 0:
        return flint.arb(1 if x > 0 else 0)
    if x.is_nan():
        return x
    if x == 0:  # the exact ball 0
        return at_zero
    possible = [at_zero] + [flint.arb(side) for side, met in ((0, not x >= 0), (1, not x <= 0)) if met]
    return _hull(possible)


def _sign(x: Ball) -> Ball:
    return x if x.is_nan() else x.sgn()


def _maximum(*values: Ball) -> Ball:
    result = values[0]
    for value in values[1:]:
        result = result.max(value)
    return result


def _minimum(*values: Ball) -> Ball:
    return -_maximum(*[-value for value in values])


def _sum(places: list[int]) -> Step:
    if len(places) == 2:
        first, second = places
        return lambda slots: slots[first] + slots[second]

    def step(slots: Slots) -> Ball:
        total = slots[places[0]]
        for place in places[1:]:
            total = total + slots[place]
        return total

    return step


def _product(places: list[int]) -> Step:
    if len(places) == 2:
        first, second = places
        return lambda slots: slots[first] * slots[second]

    def step(slots: Slots) -> Ball:
        result = slots[places[0]]
        for place in places[1:]:
            result = result * slots[place]
        return result

    return step


def _piecewise(places: list[int]) -> Step:
    """The first piece whose condition holds; the hull of all that may be it where balls do not decide."""
    pieces = list(zip(places[::2], places[1::2], strict=True))

    def step(slots: Slots) -> Ball:
        possible = []
        for value, condition in pieces:
            if slots[condition] is False:
                continue
            possible.append(slots[value])
            if slots[condition] is True:
                return _hull(possible)
        return flint.arb.nan()  # it may be that no condition holds: undefined there

    return step


# Conditions are three-valued: True, False, or None where the balls do not decide.


def _less(low: Ball, high: Ball) -> bool | None:
    return True if low < high else (False if low >= high else None)


def _at_most(low: Ball, high: Ball) -> bool | None:
    return True if low <= high else (False if low > high else None)


def _equal(left: Ball, right: Ball) -> bool | None:
    difference = left - right
    if difference == 0:
        return True
    return None if difference.overlaps(flint.arb(0)) else False


def _negation(truth: bool | None) -> bool | None:
    return None if truth is None else not truth


def _all(*truths: bool | None) -> bool | None:
    return False if False in truths else (None if None in truths else True)


def _any(*truths: bool | None) -> bool | None:
    return True if True in truths else (None if None in truths else False)


_LEAVES = (Symbol, sympy.Number, sympy.NumberSymbol, ExprCondPair)

_BUILDERS: dict[Any, Callable[[list[int]], Step]] = {
    sympy.Add: _sum,
    sympy.Mul: _product,
    sympy.Piecewise: _piecewise,
}

_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    type(sympy.true): lambda: True,
    type(sympy.false): lambda: False,
    sympy.Lt: _less,
    sympy.Le: _at_most,
    sympy.Gt: lambda left, right: _less(right, left),
    sympy.Ge: lambda left, right: _at_most(right, left),
    sympy.Eq: _equal,
    sympy.Ne: lambda left, right: _negation(_equal(left, right)),
    sympy.And: _all,
    sympy.Or: _any,
    sympy.Not: _negation,
    sympy.Pow: _general_power,
    sympy.Abs: abs,
    sympy.sign: _sign,
    sympy.Heaviside: _heaviside,
    sympy.Max: _maximum,
    sympy.Min: _minimum,
    sympy.polygamma: lambda _, x: x.digamma(),  # of order 0: the others are refused
    sympy.atan2: lambda y, x: flint.arb.atan2(y, x),
}


def _method(name: str) -> Callable[[Ball], Ball]:
    def apply(x: Ball) -> Ball:
        return getattr(x, name)()

    return apply


_FUNCTIONS |= {
    getattr(sympy, sympy_name): _method(arb_name)
    for sympy_name, arb_name in {
        "exp": "exp",
        "log": "log",
        "sin": "sin",
        "cos": "cos",
        "tan": "tan",
        "cot": "cot",
        "sec": "sec",
        "csc": "csc",
        "asin": "asin",
        "acos": "acos",
        "atan": "atan",
        "sinh": "sinh",
        "cosh": "cosh",
        "tanh": "tanh",
        "coth": "coth",
        "asinh": "asinh",
        "acosh": "acosh",
        "atanh": "atanh",
        "erf": "erf",
        "erfc": "erfc",
        "gamma": "gamma",
        "loggamma": "lgamma",
        "floor": "floor",
        "ceiling": "ceil",
    }.items()
}


def register(function: Any, rule: Callable[..., Ball]) -> None:
    """Give a SymPy function class its ball arithmetic: ``rule`` maps balls of its arguments to a ball."""
    _FUNCTIONS[function] = rule
