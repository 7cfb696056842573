"""Reads text into SymPy expressions: a screened tree, built node by node.

Nothing is ever evaluated as code, and what a number may grow to is bounded before it is computed, so that
no input costs more than milliseconds.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

import sympy
from sympy import Expr, Integer, Rational, Symbol

from theory.errors import InputError
from theory.grammar.functions import FUNCTIONS, NAMED_NUMBERS, Form
from theory.grammar.limits import bounded_argument, bounded_power, bounded_result, vanishes
from theory.grammar.screen import exact_number, left_spine, screen, screen_constants
from theory.grammar.sizes import refuse, shown

REAL: Mapping[str, bool] = {"real": True}
Result = TypeVar("Result")

_RELATIONS: dict[type[ast.cmpop], Callable[..., Any]] = {
    ast.Lt: sympy.Lt,
    ast.LtE: sympy.Le,
    ast.Gt: sympy.Gt,
    ast.GtE: sympy.Ge,
    ast.Eq: sympy.Eq,
    ast.NotEq: sympy.Ne,
}
_NAMED_RELATIONS = {"Eq": sympy.Eq, "Ne": sympy.Ne}
_CONNECTIVES: dict[type[ast.AST], Callable[..., Any]] = {
    ast.And: sympy.And,
    ast.BitAnd: sympy.And,
    ast.Or: sympy.Or,
    ast.BitOr: sympy.Or,
}


def parse(
    text: str,
    symbols: Sequence[str | Symbol] | None = None,
    *,
    functions: Mapping[str, Form] = FUNCTIONS,
    assumptions: Mapping[str, bool] = REAL,
) -> Expr:
    """Read one real expression; decimals are read exactly, ``0.1`` is 1/10.

    ``symbols`` are the names that may occur (any name where it is None): a name becomes a Symbol with
    ``assumptions``, a given Symbol is used as it is. ``^`` means power; ``pi`` and ``E`` are known, and the
    functions of FUNCTIONS. Raises InputError, in milliseconds, for everything else.

    >>> parse("max(0, x) + 0.5*x^2", ["x"])
    x**2/2 + Max(0, x)
    """
    names = None if symbols is None else [str(symbol) for symbol in symbols]
    tree, source = screen(text, names, functions)
    return _guarded(source, lambda: _Reader(source, symbols, functions, assumptions).whole(tree))


def parse_rational(text: str) -> Rational:
    """Read one exact rational number: ``0.1``, ``1e-3``, ``-2/3``."""
    value = parse(text, ())
    if not isinstance(value, Rational):
        raise InputError(f"{shown(text)} is not a rational number: give one such as 0.01, 1e-3 or 2/3")
    return value


def parse_integers(text: str) -> tuple[int, ...]:
    """Read whole numbers separated by commas: ``10,3,4``."""
    values = _constants(text)
    if not values or not all(isinstance(value, Integer) for value in values):
        raise InputError(f"{shown(text)} is not a list of whole numbers: give them as in 10,3,4")
    return tuple(int(value) for value in values)


def parse_interval(text: str) -> tuple[Expr, Expr]:
    """Read ``LO,HI`` with LO < HI; the endpoints are constant expressions such as ``2*pi``, kept exactly."""
    values = _constants(text)
    if len(values) != 2:
        raise InputError(f"{shown(text)} is not an interval: give LO,HI as in 0,6 or -pi,pi")
    low, high = values
    if not (high - low).is_positive:
        raise InputError(f"{shown(text)} is not an interval of positive length: give LO,HI with LO < HI")
    return low, high


def _constants(text: str) -> tuple[Expr, ...]:
    """The constant expressions of a comma-separated list, which brackets may enclose."""
    nodes, source = screen_constants(text)
    reader = _Reader(source, (), FUNCTIONS, REAL)
    return _guarded(source, lambda: tuple(map(reader.whole, nodes)))


def _guarded(text: str, build: Callable[[], Result]) -> Result:
    """Run ``build``; whatever SymPy cannot build becomes an InputError too."""
    try:
        return build()
    except InputError:
        raise
    except (ValueError, TypeError, ArithmeticError, NotImplementedError, AttributeError) as error:
        refuse(text, f"SymPy cannot build it ({shown(str(error))})", "write it in a simpler form")
    except RecursionError:
        refuse(text, "it is nested too deeply", "write it in a simpler form")


class _Reader:
    """Builds the SymPy object of each node of a screened tree, and knows the text for the messages."""

    def __init__(
        self,
        text: str,
        symbols: Sequence[str | Symbol] | None,
        functions: Mapping[str, Form],
        assumptions: Mapping[str, bool],
    ) -> None:
        self.text, self.functions, self.assumptions = text, functions, assumptions
        self.symbols = {str(symbol): self._symbol(symbol) for symbol in symbols or ()}

    def whole(self, node: ast.expr) -> Expr:
        value = self.expression(node)
        if value.has(sympy.I, sympy.oo, sympy.zoo, sympy.nan):
            self.refuse("a part of it is complex or infinite", "keep to real, finite values")
        for power in value.atoms(sympy.Pow):
            if isinstance(power.exp, Rational):
                bounded_power(self.text, Integer(1), power.exp)
        for number in value.atoms(Rational):
            bounded_result(self.text, number)
        return value

    def refuse(self, problem: str, advice: str) -> NoReturn:
        refuse(self.text, problem, advice)

    def expression(self, node: ast.expr) -> Expr:
        return bounded_result(self.text, self._build(node))

    def _build(self, node: ast.expr) -> Expr:
        match node:
            case ast.Constant():
                return Rational(exact_number(self.text, node))
            case ast.Name(id=name):
                return self._name(name)
            case ast.UnaryOp(op=operator, operand=operand):
                value = self.expression(operand)
                return -value if isinstance(operator, ast.USub) else value
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                terms = left_spine(node, ast.Add, ast.Sub)
                return sympy.Add(*(-value if minus else value for value, minus in self._each(terms)))
            case ast.BinOp(op=ast.Mult() | ast.Div()):
                factors = left_spine(node, ast.Mult, ast.Div)
                return sympy.Mul(
                    *(self._inverse(value) if below else value for value, below in self._each(factors))
                )
            case ast.BinOp(left=left, right=right):
                return self._power(self.expression(left), self.expression(right))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._call(name, arguments)
        raise AssertionError(f"the screen let {type(node).__name__} through")

    def _each(self, parts: Sequence[tuple[ast.expr, bool]]) -> list[tuple[Expr, bool]]:
        return [(self.expression(part), inverse) for part, inverse in parts]

    def _inverse(self, value: Expr) -> Expr:
        if vanishes(value):
            self.refuse("a division by zero", "keep every denominator different from 0")
        return self._power(value, Integer(-1))

    def _power(self, base: Expr, exponent: Expr) -> Expr:
        bounded_power(self.text, base, exponent)
        return base**exponent

    def _symbol(self, symbol: str | Symbol) -> Symbol:
        return symbol if isinstance(symbol, Symbol) else Symbol(symbol, **self.assumptions)

    def _name(self, name: str) -> Expr:
        return self.symbols.get(name) or NAMED_NUMBERS.get(name) or self._symbol(name)

    def _call(self, name: str, nodes: list[ast.expr]) -> Expr:
        form = self.functions[name]
        arguments = self._arguments(name, nodes)
        for argument in arguments:
            bounded_argument(self.text, name, argument)
        return form.build(*arguments)

    def _arguments(self, name: str, nodes: list[ast.expr]) -> list[Any]:
        if name == "Piecewise":
            pairs: list[Any] = [getattr(node, "elts", []) for node in nodes]
            return [(self.expression(value), self._condition(condition)) for value, condition in pairs]
        if name == "where":
            condition, *values = nodes
            return [self._condition(condition), *map(self.expression, values)]
        return [self.expression(node) for node in nodes]

    def _condition(self, node: ast.expr) -> Any:
        match node:
            case ast.Compare(left=left, ops=operators, comparators=comparators):
                return self._comparison([left, *comparators], operators)
            case ast.BoolOp(op=operator, values=values):
                return _CONNECTIVES[type(operator)](*map(self._condition, values))
            case ast.BinOp(op=connective, left=left, right=right):
                return _CONNECTIVES[type(connective)](self._condition(left), self._condition(right))
            case ast.Call(func=ast.Name(id=name), args=[left, right]):
                return _NAMED_RELATIONS[name](self.expression(left), self.expression(right))
            case ast.Constant(value=truth):
                return sympy.true if truth else sympy.false
        raise AssertionError(f"the screen let {type(node).__name__} through")

    def _comparison(self, nodes: list[ast.expr], operators: list[ast.cmpop]) -> Any:
        values = [self.expression(node) for node in nodes]
        pairs = zip(operators, values, values[1:], strict=False)
        return sympy.And(*(_RELATIONS[type(operator)](left, right) for operator, left, right in pairs))
