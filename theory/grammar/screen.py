"""The first look at a text: Python's own parser, then a whitelist over every node of the tree.

Free of SymPy, so that the command line refuses what is no expression before SymPy is imported. Every number
is bounded before it is computed. What passes may still be refused by the reader, which knows the values of
functions; what the reader accepts always passes, since the reader begins here.
"""

from __future__ import annotations

import ast
import difflib
import re
import warnings
from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from typing import NoReturn

from theory.grammar.names import ARITIES, GROWING, NUMBERS, TakesArguments
from theory.grammar.sizes import (
    LARGEST_CONSTANT_ARGUMENT,
    bits,
    bounded_exponent,
    bounded_number,
    huge_exponential,
    refuse,
    shown,
)

LONGEST_TEXT = 2000
MOST_NODES = 1000
DEEPEST_NESTING = 30
LONGEST_NAME = 32
LARGEST_DECIMAL_EXPONENT = 1000

_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_RELATIONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
_PASSING = 4  # a sum or product may pass through numbers so many times longer than it ends with
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


def screen(
    text: str,
    symbols: Collection[str] | None = None,
    functions: Mapping[str, TakesArguments] = ARITIES,
) -> tuple[ast.expr, str]:
    """The tree of one expression and the text it was read from, every node of it allowed.

    ``symbols`` are the names that may occur, any name where it is None. Raises InputError otherwise.
    """
    source = _source(text)
    tree = _tree(source)
    _guarded(source, [tree], symbols, functions)
    return tree, source


def screen_constants(text: str, symbols: Collection[str] | None = ()) -> tuple[Sequence[ast.expr], str]:
    """The same for a comma-separated list, which brackets may enclose, of constant expressions."""
    source = _source(text)
    tree = _tree(source)
    items = tree.elts if isinstance(tree, ast.Tuple | ast.List) else [tree]
    _guarded(source, items, symbols, ARITIES)
    return items, source


def screen_setting(text: str) -> None:
    """The same for the value of a parameter: expressions in any names, commas and semicolons between them."""
    for part in text.split(";"):
        screen_constants(part, None)


def exact_number(text: str, node: ast.Constant) -> Fraction:
    """The number that a constant of the tree of ``text`` is, as it was written: ``0.1`` is 1/10."""
    source = text[node.col_offset : node.end_col_offset]
    if not _NUMBER.fullmatch(source):
        refuse(text, f"{shown(source)[1:-1]} is not a number here", "write numbers as 3, 0.25 or 1e-3")
    exponent = int(re.split("[eE]", source)[1]) if "e" in source.lower() else 0
    if abs(exponent) > LARGEST_DECIMAL_EXPONENT:
        refuse(text, f"the number {source} is too large or small", "keep decimal exponents below 1000")
    return Fraction(source)


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
        code = f"U+{ord(strange):04X}"
        refuse(text, f"the character {code} is not allowed", "use plain ASCII: pi, x^2, sqrt(x)")
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
        _too_deep(text)


def _too_deep(text: str) -> NoReturn:
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


def _guarded(
    source: str,
    nodes: Sequence[ast.expr],
    symbols: Collection[str] | None,
    functions: Mapping[str, TakesArguments],
) -> None:
    try:
        for node in nodes:
            _Screen(source, symbols, functions).expression(node)
    except RecursionError:
        _too_deep(source)


class _Screen:
    """Walks a tree. Every method returns the exact value of a rational constant, None for all else."""

    def __init__(
        self, text: str, symbols: Collection[str] | None, functions: Mapping[str, TakesArguments]
    ) -> None:
        self.text, self.symbols, self.functions = text, symbols, functions
        self.depth = 0

    def refuse(self, problem: str, advice: str) -> NoReturn:
        refuse(self.text, problem, advice)

    def expression(self, node: ast.expr) -> Fraction | None:
        self.depth += 1
        if self.depth > DEEPEST_NESTING:
            _too_deep(self.text)
        value = self._visit(node)
        if value is not None:
            bounded_number(self.text, bits(value))
        self.depth -= 1
        return value

    def _visit(self, node: ast.expr) -> Fraction | None:
        match node:
            case ast.Constant():
                return exact_number(self.text, node)
            case ast.Name(id=name):
                self._name(name)
                return None
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
                value = self.expression(operand)
                return -value if value is not None and isinstance(node.op, ast.USub) else value
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                return self._sum(node)
            case ast.BinOp(op=ast.Mult() | ast.Div()):
                return self._product(node)
            case ast.BinOp(op=ast.Pow(), left=left, right=right):
                return self._power(self.expression(left), self.expression(right))
            case ast.Call():
                self._call(node)
                return None
        what = _FOREIGN.get(type(node), f"Python's {type(node).__name__}")
        self.refuse(f"not allowed here: {what}", _ALLOWED)

    def _sum(self, node: ast.expr) -> Fraction | None:
        total, complete = Fraction(0), True
        for term, minus in left_spine(node, ast.Add, ast.Sub):
            value = self.expression(term)
            complete = complete and value is not None
            total = self._passing(total + (-(value or 0) if minus else value or 0))
        return total if complete else None

    def _product(self, node: ast.expr) -> Fraction | None:
        total, complete = Fraction(1), True
        for factor, below in left_spine(node, ast.Mult, ast.Div):
            value = self.expression(factor)
            if below and value == 0:
                self.refuse("a division by zero", "keep every denominator different from 0")
            complete = complete and value is not None
            total = total if value is None else self._passing(total / value if below else total * value)
        return total if complete else None

    def _passing(self, total: Fraction) -> Fraction:
        """A sum or product on its way; SymPy too collects the numbers among the terms."""
        bounded_number(self.text, bits(total) // _PASSING)
        return total

    def _power(self, base: Fraction | None, exponent: Fraction | None) -> Fraction | None:
        if exponent is None:
            return None
        bounded_exponent(self.text, 1 if base is None else bits(base), exponent)
        if base == 0 and exponent < 0:
            self.refuse("a division by zero", "keep every denominator different from 0")
        return None if base is None or exponent.denominator > 1 else base**exponent.numerator

    def _name(self, name: str) -> None:
        if name in NUMBERS or (self.symbols is not None and name in self.symbols):
            return
        if name in self.functions:
            self.refuse(f"{name} is a function", f"call it, as in {name}(x)")
        if self.symbols is not None:
            self._unknown(f"unknown name {shown(name)[1:-1]}", name, [*self.symbols, *NUMBERS])
        if name in _NOT_REAL_NUMBERS:
            self.refuse(f"{name} is not a real, finite number", "keep to real, finite values")
        if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
            self.refuse(f"{shown(name)} is not a name here", "use names such as x or x_1")

    def _unknown(self, problem: str, name: str, known: Sequence[str]) -> NoReturn:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
        self.refuse(problem, f"did you mean {near[0]}?" if near else f"allowed are {', '.join(known)}")

    def _call(self, node: ast.Call) -> None:
        if not isinstance(node.func, ast.Name):
            self.refuse("only a named function can be called", "call functions as in exp(x)")
        name = node.func.id
        if name not in self.functions:
            self._unknown(f"unknown function {shown(name)[1:-1]}", name, list(self.functions))
        if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
            self.refuse(f"{name} takes plain arguments only", f"call it as in {name}(x)")
        fewest, most = self.functions[name].fewest, self.functions[name].most
        if not fewest <= len(node.args) <= most:
            count = str(fewest) if fewest == most else f"{fewest} to {most}"
            self.refuse(f"{name} has {len(node.args)} arguments", f"it takes {count}")
        self._arguments(name, node.args)

    def _arguments(self, name: str, nodes: list[ast.expr]) -> None:
        if name == "Piecewise":
            for node in nodes:
                self._piece(node)
            return
        if name == "where":
            condition, *nodes = nodes
            self._condition(condition)
        values = [self.expression(node) for node in nodes]
        known = [abs(value) for value in values if value is not None]
        if name in GROWING and max(known, default=0) > LARGEST_CONSTANT_ARGUMENT:
            huge_exponential(self.text)

    def _piece(self, node: ast.expr) -> None:
        if not (isinstance(node, ast.Tuple) and len(node.elts) == 2):
            self.refuse("Piecewise takes pairs", "write Piecewise((x, x > 0), (0, True))")
        self.expression(node.elts[0])
        self._condition(node.elts[1])

    def _condition(self, node: ast.expr) -> None:
        match node:
            case ast.Constant(value=bool()):
                return
            case ast.Compare(left=left, ops=operators, comparators=comparators):
                if not all(isinstance(operator, _RELATIONS) for operator in operators):
                    self.refuse("this comparison is not allowed", "allowed are <, <=, >, >=, ==, !=")
                for side in (left, *comparators):
                    self.expression(side)
            case ast.BoolOp(values=values):
                for value in values:
                    self._condition(value)
            case ast.BinOp(op=ast.BitAnd() | ast.BitOr(), left=left, right=right):
                self._condition(left)
                self._condition(right)
            case ast.Call(func=ast.Name(id="Eq" | "Ne"), args=[left, right], keywords=[]):
                self.expression(left)
                self.expression(right)
            case _:
                self.refuse("a condition is missing", "write one such as x > 0, or True for the last piece")


def left_spine(
    node: ast.expr, plain: type[ast.operator], inverse: type[ast.operator]
) -> list[tuple[ast.expr, bool]]:
    """The terms of ``a - b + c`` (or factors of ``a/b*c``) in order, and whether each is taken inversely.

    A sum of n terms is a tree of depth n: walked along its left spine, not by recursion.
    """
    parts: list[tuple[ast.expr, bool]] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, plain | inverse):
        parts.append((node.right, isinstance(node.op, inverse)))
        node = node.left
    return [(node, False), *reversed(parts)]
