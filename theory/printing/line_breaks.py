r"""A long relation over several lines, so that nothing leaves the page.

The relation is taken apart along its SymPy tree into pieces between which a line may end: before a relation
sign, before a sign of a sum, before a factor, inside brackets only if need be. A shortest path over the
pieces (after Knuth and Plass 1981) then chooses the ends of the lines, with a price on depth and short lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from sympy import (
    Add,
    And,
    Basic,
    Derivative,
    Function,
    Integral,
    MatAdd,
    MatMul,
    MatrixSymbol,
    Max,
    Min,
    Mul,
    Or,
    Pow,
    Product,
    S,
    Sum,
    Symbol,
    Trace,
    Tuple,
    fraction,
)
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational

from theory.printing.mathematics import PaperPrinter, latex_of, normal_argument, positive_first
from theory.printing.width import width

# LaTeX's article at 10 pt has lines of 34.5 em; an equation number takes about 2.5 em of them.
LINE = 32.0
_INDENT = 2.0
_DEPTH_PRICE = 0.35
_OVERFULL_PRICE = 1000.0
_SHORT_LEFT_SIDE = 0.3
_LISTS = {And: r", \quad", Or: r" \;\vee"}
_OPERATORS = (Integral, Sum, Product, Derivative)
_RELATIONS = {"==": "=", "<=": r"\leq", ">=": r"\geq", "<": "<", ">": ">", "!=": r"\neq"}


@dataclass(frozen=True)
class Piece:
    """LaTeX that stays together; ``lead`` is written only if a line starts with it."""

    latex: str
    depth: int = 0
    lead: str = ""


@dataclass(frozen=True)
class Broken:
    """The lines of one relation; with ``aligned`` each continues to the right of the relation sign."""

    lines: tuple[str, ...]
    left_side: str = ""

    @property
    def aligned(self) -> bool:
        return bool(self.left_side)


def break_lines(relation: Basic, line: float = LINE) -> Broken:
    """The lines of a relation, none wider than ``line`` em where the model of widths can see to it."""
    printer = _Breaker(line)
    whole = printer.latex(relation)
    if width(whole) <= line:
        return Broken((whole,))
    if isinstance(relation, Relational):
        left = printer.latex(relation.lhs)
        room = line - width(left)
        sign = _RELATIONS[relation.rel_op]
        pieces = [
            Piece(rf"{sign} {first.latex}" if k == 0 else first.latex, first.depth, first.lead)
            for k, first in enumerate(printer.pieces(relation.rhs, 0))
        ]
        if width(left) <= _SHORT_LEFT_SIDE * line and _widest(pieces) <= room - _INDENT:
            return Broken(tuple(_fill(pieces, room)), left)
    return Broken(tuple(_fill(printer.pieces(relation, 0), line)))


def _widest(pieces: list[Piece]) -> float:
    return max(width(piece.latex) for piece in pieces)


def _fill(pieces: list[Piece], line: float) -> list[str]:
    """Lines of least total price; the first starts at the margin, the others are indented."""
    count = len(pieces)
    best: list[tuple[float, int]] = [(0.0, 0)] + [(float("inf"), 0)] * count
    for end in range(1, count + 1):
        for start in range(end):
            price = best[start][0] + _price(pieces, start, end, line)
            best[end] = min(best[end], (price, start))
    ends = [count]
    while ends[-1]:
        ends.append(best[ends[-1]][1])
    ends.reverse()
    return [_join(pieces[start:end], start > 0) for start, end in pairwise(ends)]


def _price(pieces: list[Piece], start: int, end: int, line: float) -> float:
    room = line - (_INDENT if start else 0.0)
    used = sum(width(piece.latex) for piece in pieces[start:end])
    depth = pieces[start].depth if start else 0
    excess = _OVERFULL_PRICE * max(0.0, used - room)
    slack = 0.0 if end == len(pieces) else max(0.0, 1 - used / room) ** 2
    return 1.0 + slack + _DEPTH_PRICE * depth + excess


def _join(pieces: list[Piece], continued: bool) -> str:
    lead = pieces[0].lead if continued else ""
    return lead + " ".join(piece.latex for piece in pieces)


def _glue(pieces: list[Piece], head: str, tail: str) -> list[Piece]:
    """Fasten an opening to the first piece and a closing to the last."""
    pieces = [replace(pieces[0], latex=head + pieces[0].latex), *pieces[1:]]
    return [*pieces[:-1], replace(pieces[-1], latex=pieces[-1].latex + tail)]


def _opening(pieces: list[Piece]) -> str:
    if any(r"\begin" in piece.latex for piece in pieces):
        return r"\Biggl"
    return r"\Bigl" if any(r"\frac" in piece.latex for piece in pieces) else r"\bigl"


def _brackets(pieces: list[Piece], tail: str = "", head: str = "") -> list[Piece]:
    size = _opening(pieces)
    return _glue(pieces, f"{head}{size}( ", rf" {size[:-1]}r){tail}")


class _Breaker:
    """Takes expressions apart into pieces; ``line`` decides what is small enough to stay whole."""

    def __init__(self, line: float) -> None:
        self._printer = PaperPrinter()
        self._room = line - 2 * _INDENT

    def latex(self, expression: Basic) -> str:
        return latex_of(expression)

    def pieces(self, expression: Basic, depth: int) -> list[Piece]:
        """Pieces of an expression; a sum comes without brackets around it."""
        if isinstance(expression, Relational):
            left, right = self.pieces(expression.lhs, depth), self.pieces(expression.rhs, depth)
            return left + _glue(right, _RELATIONS[expression.rel_op] + " ", "")
        for kind, separator in _LISTS.items():
            if isinstance(expression, kind):
                return self._list(expression.args, separator, depth)
        if isinstance(expression, Tuple):
            return _glue(self._list(expression.args, ",", depth), r"\bigl( ", r" \bigr)")
        if isinstance(expression, Add | MatAdd) and (depth == 0 or not self._fits(expression)):
            return list(self._terms(expression, depth))
        return self._factors(expression, depth)

    def _fits(self, expression: Basic) -> bool:
        return width(self.latex(expression)) <= self._room

    def _list(self, parts: tuple[Any, ...], separator: str, depth: int) -> list[Piece]:
        """The parts one after the other; a line ends between them rather than inside one."""
        pieces: list[Piece] = []
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            whole = [Piece(latex_of(part), depth)] if self._fits(part) else None
            first, *rest = whole or self.pieces(part, depth + 1)
            pieces += _glue([replace(first, depth=depth), *rest], "", "" if last else separator)
        return pieces

    def _terms(self, expression: Any, depth: int) -> Iterator[Piece]:
        for number, term in enumerate(self._ordered(expression)):
            negative = self.latex(term).startswith("-")
            sign = "- " if negative else "+ " if number else ""
            first, *rest = self._factors(-term if negative else term, depth)
            yield replace(first, latex=sign + first.latex, depth=depth, lead="{} " if number else "")
            yield from rest

    def _ordered(self, expression: Any) -> list[Any]:
        if isinstance(expression, MatAdd):
            return positive_first(expression.args)
        return list(self._printer._as_ordered_terms(expression))

    def _factors(self, expression: Any, depth: int) -> list[Piece]:
        if self._fits(expression):
            printed = self.latex(expression)
            return [Piece(printed, depth)]
        if isinstance(expression, Mul) and expression.is_commutative:
            return self._quotient(expression, depth)
        if isinstance(expression, Mul | MatMul):
            return self._product(list(expression.args), depth)
        if isinstance(expression, Pow) and expression.exp.is_number:
            exponent = self.latex(expression.exp).replace(r"\frac{1}{2}", "1/2")
            return _brackets(self.pieces(expression.base, depth + 1), f"^{{{exponent}}}")
        return self._inside(expression, depth)

    def _quotient(self, expression: Any, depth: int) -> list[Piece]:
        coefficient, rest = expression.as_coeff_Mul()
        numerator, denominator = fraction(rest, exact=True)
        numerator, denominator = numerator * coefficient.p, denominator * coefficient.q
        if denominator == 1:
            return self._product(numerator.as_ordered_factors(), depth)
        if self._fits(denominator):
            head = self.latex(1 / denominator) + " "
            return _glue(self._product(numerator.as_ordered_factors(), depth), head, "")
        below = _brackets(self.pieces(denominator, depth + 1), "^{-1}")
        return self._product(numerator.as_ordered_factors(), depth) + _times(below)

    def _product(self, factors: list[Any], depth: int) -> list[Piece]:
        pieces: list[Piece] = []
        if len(factors) > 1 and factors[0] == S.NegativeOne:
            factors = factors[1:]
            pieces = [Piece("-", depth)]
        for factor in factors:
            bracketed = isinstance(factor, Add | MatAdd) and normal_argument(factor) is None
            new = _brackets(self.pieces(factor, depth + 1)) if bracketed else self._factors(factor, depth + 1)
            pieces += _times(new) if pieces and pieces[-1].latex != "-" else new
        return _merge_sign(pieces)

    def _inside(self, expression: Any, depth: int) -> list[Piece]:
        """Function, integral, sum, derivative, trace: the shell, then the argument broken."""
        if isinstance(expression, AppliedUndef | Max | Min) and len(expression.args) > 1:
            name = self._printer.function_name(type(expression).__name__)
            return _brackets(self._list(expression.args, ",", depth + 1), head=name)
        template = _around_placeholder(expression)
        if template is None:
            return [Piece(self.latex(expression), depth)]
        marker, shell = template
        head, found, tail = self.latex(shell).partition(self.latex(marker))
        if not found:
            return [Piece(self.latex(expression), depth)]
        body = self.pieces(expression.args[0], depth + 1)
        opening = _opening(body)
        closing = opening[:-1] + "r"
        head = head.replace(r"{\left", opening).replace(r"\left", opening)
        tail = tail.replace(r"\right)}", closing + ")").replace(r"\right", closing)
        bare = isinstance(expression, _OPERATORS) and isinstance(expression.args[0], Add)
        return _glue(_brackets(body) if bare else body, head, tail)


def _times(pieces: list[Piece]) -> list[Piece]:
    return [replace(pieces[0], lead=r"\times "), *pieces[1:]]


def _merge_sign(pieces: list[Piece]) -> list[Piece]:
    if pieces and pieces[0].latex == "-" and len(pieces) > 1:
        return [replace(pieces[1], latex="- " + pieces[1].latex, lead=""), *pieces[2:]]
    return pieces


def _around_placeholder(expression: Any) -> tuple[Any, Any] | None:
    """A placeholder, and the expression with its argument replaced by it."""
    if isinstance(expression, Trace):
        matrix = MatrixSymbol("BODY", *expression.arg.shape)
        return matrix, Trace(matrix)
    if isinstance(expression, Derivative):
        body = Function("BODY")(*expression.variables)
        return body, Derivative(body, *expression.args[1:])
    marker = Symbol("BODY")
    if isinstance(expression, _OPERATORS):
        return marker, expression.func(marker, *expression.args[1:])
    if isinstance(expression, Function) and len(expression.args) == 1:
        return marker, expression.func(marker, evaluate=False)
    return None
