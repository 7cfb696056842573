"""Parameters of a theorem: what a user may set, from the command line or from Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Expr, Rational, Symbol, nsimplify

from theory.errors import InputError
from theory.grammar import parse, parse_integers, parse_interval, parse_rational
from theory.grammar.sizes import shown
from theory.suggestions import suggest

Reader = Callable[[object], Any]


@dataclass(frozen=True)
class Parameter:
    """One parameter: ``read`` turns a string or a Python value into what the theorem takes.

    ``read`` raises InputError for anything it does not allow.
    """

    name: str
    description: str
    default: object
    read: Reader


def resolve(parameters: Sequence[Parameter], given: Mapping[str, object]) -> dict[str, Any]:
    """The value of every parameter: the given one where there is one, else the default.

    Raises InputError for a name that no parameter has, naming the nearest, and for values refused.
    """
    names = [parameter.name for parameter in parameters]
    for name in given:
        if name not in names:
            raise InputError(f"unknown parameter {shown(name)}: {suggest(name, names)}")
    return {parameter.name: _read(parameter, given) for parameter in parameters}


def _read(parameter: Parameter, given: Mapping[str, object]) -> Any:
    value = given.get(parameter.name, parameter.default)
    try:
        return parameter.read(value)
    except InputError as error:
        raise InputError(f"parameter {parameter.name}: {error}") from None


def expression_in(*symbols: str) -> Reader:
    """Read an expression in the given real symbols; SymPy expressions and callables are taken as they are."""

    def read(value: object) -> Expr:
        if isinstance(value, str):
            return parse(value, symbols=symbols)
        allowed = [Symbol(name, real=True) for name in symbols]
        if callable(value) and not isinstance(value, Expr):
            value = value(*allowed)
        if not isinstance(value, Expr):
            raise InputError(f"{shown(value)} is not an expression: give a string or a SymPy expression")
        renamed = value.subs({symbol: Symbol(symbol.name, real=True) for symbol in value.free_symbols})
        unknown = sorted(str(symbol) for symbol in renamed.free_symbols - set(allowed))
        if unknown:
            raise InputError(f"free symbols {', '.join(unknown)}: allowed are {', '.join(symbols)}")
        return renamed

    return read


def positive_integer(maximum: int = 10**9) -> Reader:
    """Read one integer between 1 and ``maximum``."""

    def read(value: object) -> int:
        return positive_integers(1, maximum)(value)[0]

    return read


def positive_integers(length: int | None = None, maximum: int = 10**9) -> Reader:
    """Read a tuple of integers between 1 and ``maximum``, of the given length if there is one."""

    def read(value: object) -> tuple[int, ...]:
        numbers = parse_integers(value) if isinstance(value, str) else _as_integers(value)
        if length is not None and len(numbers) != length:
            raise InputError(f"{shown(value)} has {len(numbers)} entries: give {length}")
        wrong = [number for number in numbers if not 1 <= number <= maximum]
        if wrong or not numbers:
            raise InputError(f"{shown(value)} is not allowed: give whole numbers from 1 to {maximum}")
        return numbers

    return read


def layer_widths(maximum: int, deepest: int) -> Reader:
    """Read (d_0, ..., d_H), inputs first, of two to ``deepest`` layers, each width at most ``maximum``."""

    def read(value: object) -> tuple[int, ...]:
        found: tuple[int, ...] = positive_integers(maximum=maximum)(value)
        if not 3 <= len(found) <= deepest + 1:
            raise InputError(f"{len(found)} widths are not allowed: give 3 to {deepest + 1}, inputs first")
        return found

    return read


def _as_integers(value: object) -> tuple[int, ...]:
    items = tuple(value) if isinstance(value, Iterable) else (value,)
    if not all(hasattr(item, "__index__") and not isinstance(item, bool) for item in items):
        raise InputError(f"{shown(value)} is not allowed: give whole numbers")
    return tuple(item.__index__() for item in items)


def positive_rational() -> Reader:
    """Read a number > 0 exactly: ``1e-3`` is 1/1000, and a Python float its shortest decimal."""

    def read(value: object) -> Rational:
        number = as_rational(value)
        if number <= 0:
            raise InputError(f"{shown(value)} is not positive: give a number > 0, for example 0.01")
        return number

    return read


def as_rational(value: object) -> Rational:
    """One exact rational from a string, an integer, a Rational, or a float through its shortest decimal."""
    if isinstance(value, str):
        return parse_rational(value)
    if isinstance(value, bool) or not (hasattr(value, "__float__") or hasattr(value, "__index__")):
        raise InputError(f"{shown(value)} is not a number: give one such as 0.01 or 1/100")
    if isinstance(value, Rational):
        return value
    return parse_rational(repr(value if isinstance(value, int) else float(value)))  # type: ignore[arg-type]


def intervals() -> Reader:
    """Read one interval ``LO,HI`` or several: a string, a pair, or a sequence of them; endpoints exact."""

    def read(value: object) -> tuple[tuple[Expr, Expr], ...]:
        if isinstance(value, str):
            return tuple(parse_interval(part) for part in value.split(";"))
        if isinstance(value, Sequence) and value and all(isinstance(v, (str, Sequence)) for v in value):
            return tuple(read(part)[0] for part in value)
        if isinstance(value, Sequence) and len(value) == 2:
            return (parse_interval(f"{_endpoint(value[0])},{_endpoint(value[1])}"),)
        raise InputError(f"{shown(value)} is not an interval: give LO,HI with LO < HI")

    return read


def _endpoint(value: object) -> str:
    if isinstance(value, Expr):
        return str(nsimplify(value)) if value.is_Float else str(value)
    return str(as_rational(value))


def one_of(*choices: str) -> Reader:
    """Read one of the listed words."""

    def read(value: object) -> str:
        if value not in choices:
            raise InputError(f"{shown(value)} is not allowed: {suggest(str(value), choices)}")
        return str(value)

    return read
