"""Reads text into SymPy expressions: Python's own parser, then a whitelist over every node of the tree.

Nothing is ever evaluated as code, and what a number may grow to is bounded before it is computed, so that
no input costs more than milliseconds.
"""

from __future__ import annotations

import ast
import difflib
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NoReturn, TypeVar

import sympy
from sympy import Expr, Integer, Rational, Symbol

from theory.errors import InputError
from theory.grammar.functions import FUNCTIONS, NAMED_NUMBERS, Form
from theory.grammar.limits import bounded_argument, bounded_power, bounded_result, refuse, shown, vanishes

LONGEST_TEXT = 2000
MOST_NODES = 1000
DEEPEST_NESTING = 30
LONGEST_NAME = 32
LARGEST_DECIMAL_EXPONENT = 1000

REAL: Mapping[str, bool] = {"real": True}
Result = TypeVar("Result")

_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
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
_FOREIGN: dict[type[ast.AST], str] = {
    ast.Attribute: "a dot after a name",
    ast.Subscript: "square brackets",
    ast.List: "square brackets",
    ast.Lambda: "lambda",
    ast.IfExp: "if ... else (write where(condition, a, b))",
    ast.Tuple: "a comma outside a call",
    ast.JoinedStr: "a string",
    ast.Compare: "a comparison outside Piecewise(...) or where(...)",
    ast.BoolOp: "and/or outside Piecewise(...) or where(...)",
    ast.BinOp: "this operator",
    ast.UnaryOp: "this operator",
}
_NOT_REAL_NUMBERS = frozenset({"I", "j", "oo", "zoo", "nan", "inf", "Inf", "infinity", "True", "False"})
_ALLOWED = "allowed are numbers, names, + - * / ^, brackets and calls such as exp(x)"


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
    return _guarded(text, lambda tree, source: _Reader(source, symbols, functions, assumptions).whole(tree))


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

    def read(tree: ast.expr, source: str) -> tuple[Expr, ...]:
        items = tree.elts if isinstance(tree, ast.Tuple | ast.List) else [tree]
        reader = _Reader(source, (), FUNCTIONS, REAL)
        return tuple(reader.whole(item) for item in items)

    return _guarded(text, read)


def _guarded(text: str, read: Callable[[ast.expr, str], Result]) -> Result:
    """Run ``read`` on the tree of ``text``; whatever SymPy cannot build becomes an InputError too."""
    source = _source(text)
    try:
        return read(_tree(source), source)
    except RecursionError:
        refuse(text, "it is nested too deeply", f"use at most {DEEPEST_NESTING} levels")
    except InputError:
        raise
    except (ValueError, TypeError, ArithmeticError, NotImplementedError, AttributeError) as error:
        refuse(text, f"SymPy cannot build it ({shown(str(error))})", "write it in a simpler form")


def _source(text: object) -> str:
    """The text as Python's parser is to see it, after the checks that need no tree."""
    if not isinstance(text, str):
        refuse(text, f"this is {type(text).__name__}, not text", "give a string such as 'max(0, x)'")
    if len(text) > LONGEST_TEXT:
        refuse(text, f"{len(text)} characters", f"use at most {LONGEST_TEXT}")
    if not text.strip():
        refuse(text, "there is nothing to read", "give an expression such as max(0, x)")
    strange = next((character for character in text if not " " <= character <= "~"), None)
    if strange is not None:
        refuse(text, f"the character {strange!r} is not allowed", "use plain ASCII: pi, x^2, sqrt(x)")
    for character, name in (("'", "a string"), ('"', "a string"), ("`", "a backquote"), ("#", "a comment")):
        if character in text:
            refuse(text, f"{name} is not allowed", _ALLOWED)
    if "__" in text:
        refuse(text, "two underscores are not allowed", "use names such as x or x_1")
    _shallow(text)
    return text.strip().replace("^", "**")


def _shallow(text: str) -> None:
    # Before Python's parser sees it: hundreds of brackets or signs overflow its stack.
    depth = deepest = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    if deepest > DEEPEST_NESTING or re.search(r"(?:[-+~]\s*){" + str(DEEPEST_NESTING) + "}", text):
        refuse(text, "it is nested too deeply", f"use at most {DEEPEST_NESTING} levels")


def _tree(source: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "invalid decimal literal": the refusal below says more
            tree = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        offset = getattr(error, "offset", None)
        place = f" near character {offset}" if offset else ""
        refuse(source, f"it cannot be read{place}", "write products as 2*x, powers as x^2, calls as exp(x)")
    if sum(isinstance(node, ast.expr) for node in ast.walk(tree)) > MOST_NODES:
        refuse(source, "it has too many terms", f"use at most {MOST_NODES}")
    return tree


class _Reader:
    """Builds the SymPy object of each node, and knows the text for the messages."""

    def __init__(
        self,
        text: str,
        symbols: Sequence[str | Symbol] | None,
        functions: Mapping[str, Form],
        assumptions: Mapping[str, bool],
    ) -> None:
        self.text, self.functions, self.assumptions = text, functions, assumptions
        self.symbols = None if symbols is None else {str(s): self._symbol(s) for s in symbols}
        self.depth = 0

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
        self.depth += 1
        if self.depth > DEEPEST_NESTING:
            self.refuse("it is nested too deeply", f"use at most {DEEPEST_NESTING} levels")
        value = bounded_result(self.text, self._build(node))
        self.depth -= 1
        return value

    def _build(self, node: ast.expr) -> Expr:
        match node:
            case ast.Constant():
                return self._number(node)
            case ast.Name(id=name):
                return self._name(name)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
                value = self.expression(operand)
                return -value if isinstance(node.op, ast.USub) else value
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                return self._chain(node, (ast.Add, ast.Sub), sympy.Add, lambda term: -term)
            case ast.BinOp(op=ast.Mult() | ast.Div()):
                return self._chain(node, (ast.Mult, ast.Div), sympy.Mul, self._inverse)
            case ast.BinOp(op=ast.Pow(), left=left, right=right):
                return self._power(self.expression(left), self.expression(right))
            case ast.Call():
                return self._call(node)
        what = _FOREIGN.get(type(node), f"Python's {type(node).__name__}")
        self.refuse(f"not allowed here: {what}", _ALLOWED)

    def _chain(
        self,
        node: ast.expr,
        operators: tuple[type[ast.operator], type[ast.operator]],
        join: Callable[..., Expr],
        undo: Callable[[Expr], Expr],
    ) -> Expr:
        # A sum of n terms is a tree of depth n: walked along its left spine, not by recursion.
        parts: list[Expr] = []
        while isinstance(node, ast.BinOp) and isinstance(node.op, operators):
            value = self.expression(node.right)
            parts.append(undo(value) if isinstance(node.op, operators[1]) else value)
            node = node.left
        return join(self.expression(node), *reversed(parts))

    def _inverse(self, value: Expr) -> Expr:
        if vanishes(value):
            self.refuse("a division by zero", "keep every denominator different from 0")
        return self._power(value, Integer(-1))

    def _power(self, base: Expr, exponent: Expr) -> Expr:
        bounded_power(self.text, base, exponent)
        return base**exponent

    def _number(self, node: ast.Constant) -> Rational:
        source = self.text[node.col_offset : node.end_col_offset]
        if not _NUMBER.fullmatch(source):
            self.refuse(f"{source} is not a number here", "write numbers as 3, 0.25 or 1e-3")
        exponent = int(re.split("[eE]", source)[1]) if "e" in source.lower() else 0
        if abs(exponent) > LARGEST_DECIMAL_EXPONENT:
            self.refuse(f"the number {source} is too large or small", "keep decimal exponents below 1000")
        return Rational(Fraction(source))

    def _symbol(self, symbol: str | Symbol) -> Symbol:
        return symbol if isinstance(symbol, Symbol) else Symbol(symbol, **self.assumptions)

    def _name(self, name: str) -> Expr:
        if self.symbols is not None and name in self.symbols:
            return self.symbols[name]
        if name in NAMED_NUMBERS:
            return NAMED_NUMBERS[name]
        if name in self.functions:
            self.refuse(f"{name} is a function", f"call it, as in {name}(x)")
        if self.symbols is not None:
            self._unknown(f"unknown name {name}", name, [*self.symbols, *NAMED_NUMBERS])
        if name in _NOT_REAL_NUMBERS:
            self.refuse(f"{name} is not a real, finite number", "keep to real, finite values")
        if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
            self.refuse(f"{shown(name)} is not a name here", "use names such as x or x_1")
        return self._symbol(name)

    def _unknown(self, problem: str, name: str, known: Sequence[str]) -> NoReturn:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
        self.refuse(problem, f"did you mean {near[0]}?" if near else f"allowed are {', '.join(known)}")

    def _call(self, node: ast.Call) -> Expr:
        if not isinstance(node.func, ast.Name):
            self.refuse("only a named function can be called", "call functions as in exp(x)")
        name = node.func.id
        if name not in self.functions:
            self._unknown(f"unknown function {name}", name, list(self.functions))
        if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
            self.refuse(f"{name} takes plain arguments only", f"call it as in {name}(x)")
        form = self.functions[name]
        if not form.fewest <= len(node.args) <= form.most:
            count = str(form.fewest) if form.fewest == form.most else f"{form.fewest} to {form.most}"
            self.refuse(f"{name} has {len(node.args)} arguments", f"it takes {count}")
        arguments = self._arguments(name, node.args)
        for argument in arguments:
            bounded_argument(self.text, form.build, argument)
        return form.build(*arguments)

    def _arguments(self, name: str, nodes: list[ast.expr]) -> list[Any]:
        if name == "Piecewise":
            return [self._piece(node) for node in nodes]
        if name == "where":
            condition, *values = nodes
            return [self._condition(condition), *map(self.expression, values)]
        return [self.expression(node) for node in nodes]

    def _piece(self, node: ast.expr) -> tuple[Expr, Any]:
        if not (isinstance(node, ast.Tuple) and len(node.elts) == 2):
            self.refuse("Piecewise takes pairs", "write Piecewise((x, x > 0), (0, True))")
        return self.expression(node.elts[0]), self._condition(node.elts[1])

    def _condition(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=bool() as truth):
                return sympy.true if truth else sympy.false
            case ast.Compare(left=left, ops=operators, comparators=comparators):
                return self._comparison([left, *comparators], operators)
            case ast.BoolOp(op=operator, values=values):
                return _CONNECTIVES[type(operator)](*map(self._condition, values))
            case ast.BinOp(op=ast.BitAnd() | ast.BitOr() as connective, left=left, right=right):
                return _CONNECTIVES[type(connective)](self._condition(left), self._condition(right))
            case ast.Call(func=ast.Name(id="Eq" | "Ne" as name), args=[left, right], keywords=[]):
                return _NAMED_RELATIONS[name](self.expression(left), self.expression(right))
        self.refuse("a condition is missing", "write one such as x > 0, or True for the last piece")

    def _comparison(self, nodes: list[ast.expr], operators: list[ast.cmpop]) -> Any:
        if not all(type(operator) in _RELATIONS for operator in operators):
            self.refuse("this comparison is not allowed", "allowed are <, <=, >, >=, ==, !=")
        values = [self.expression(node) for node in nodes]
        pairs = zip(operators, values, values[1:], strict=False)
        return sympy.And(*(_RELATIONS[type(operator)](left, right) for operator, left, right in pairs))
