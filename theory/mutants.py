"""First-order mutants of an expression: one change at one place of its tree, as a slip of the pen makes it.

An audit puts every mutant of a closed form in its place: what judges the closed form must refute them.
The operators are those of mutation testing (DeMillo, Lipton, Sayward 1978, Hints on test data selection,
IEEE Computer 11) for formulas: constants, terms, factors, exponents, functions, symbols and branches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import sympy
from sympy import Add, Basic, Expr, Mul, Number, NumberSymbol, Piecewise, Pow, Symbol
from sympy.core.function import Application, Function
from sympy.core.relational import Relational
from sympy.functions.elementary.piecewise import ExprCondPair

Place = tuple[int, ...]
Change = tuple[str, Basic]

_EXCHANGED = (
    (sympy.sin, sympy.cos),
    (sympy.asin, sympy.acos),
    (sympy.sinh, sympy.cosh),
    (sympy.tan, sympy.cot),
    (sympy.tanh, sympy.coth),
    (sympy.atan, sympy.acot),
    (sympy.asinh, sympy.acosh),
    (sympy.sec, sympy.csc),
    (sympy.erf, sympy.erfc),
    (sympy.Max, sympy.Min),
    (sympy.floor, sympy.ceiling),
)
_PARTNERS = {first: second for pair in _EXCHANGED for first, second in (pair, pair[::-1])}
_BOUNDARIES = {
    sympy.Lt: (sympy.Le, sympy.Gt),
    sympy.Le: (sympy.Lt, sympy.Ge),
    sympy.Gt: (sympy.Ge, sympy.Lt),
    sympy.Ge: (sympy.Gt, sympy.Le),
    sympy.Eq: (sympy.Ne,),
    sympy.Ne: (sympy.Eq,),
}


@dataclass(frozen=True)
class Mutant:
    """An expression that differs from another in one place.

    operator
        What was done, in words.
    place
        The indices of the arguments that lead from the root to the node that was changed.
    before, after
        That node, and what stands there now.
    expression
        The whole mutant. It is not evaluated, so that no automatic simplification undoes the change.
    """

    operator: str
    place: Place
    before: Basic
    after: Basic
    expression: Expr

    @property
    def change(self) -> str:
        """The change in one line."""
        return f"{self.before} -> {self.after}"


def mutants(expression: Expr) -> tuple[Mutant, ...]:
    """Every first-order mutant, from the root downwards; of equal expressions the first is kept.

    A change after which SymPy refuses to build the expression (a sum with half a term) makes no mutant.
    """
    original = _key(expression)
    found: dict[Hashable, Mutant] = {}
    if isinstance(expression, Symbol):  # its coefficient and its exponent are not in the tree
        return tuple(
            Mutant(operator, (), expression, after, after) for operator, after in _implied(expression)
        )
    for place, node in _places(expression):
        for operator, after in changes(node):
            try:
                mutated = _replaced(expression, place, after)
            except (TypeError, ValueError, ZeroDivisionError):
                continue
            key = _key(mutated)
            if key != original:
                found.setdefault(key, Mutant(operator, place, node, after, mutated))
    return tuple(found.values())


def _key(node: Basic) -> Hashable:
    """The tree, whatever the order of terms and factors that were not evaluated."""
    if not node.args:
        return "leaf", node
    parts = tuple(map(_key, node.args))
    if isinstance(node, Add | Mul | sympy.Max | sympy.Min):
        return node.func.__name__, frozenset(Counter(parts).items())
    return node.func.__name__, parts


def _places(node: Basic, place: Place = ()) -> Iterator[tuple[Place, Basic]]:
    yield place, node
    for index, argument in enumerate(node.args):
        yield from _places(argument, (*place, index))


def _replaced(node: Basic, place: Place, after: Basic) -> Basic:
    if not place:
        return after
    arguments = list(node.args)
    arguments[place[0]] = _replaced(arguments[place[0]], place[1:], after)
    return _unevaluated(node.func, arguments)


def _unevaluated(head: Any, arguments: list[Basic]) -> Basic:
    """The head on these arguments, left as it is wherever SymPy allows that."""
    lazy = issubclass(head, Add | Mul | Pow | Function | Relational | sympy.Max | sympy.Min)
    return head(*arguments, evaluate=False) if lazy else head(*arguments)


def changes(node: Basic) -> Iterator[Change]:
    """Everything that one slip makes of this node: what was done, and what stands there then."""
    if isinstance(node, Number | NumberSymbol):
        yield from _constants(node)
    elif isinstance(node, Add):
        yield from _terms(node)
    elif isinstance(node, Mul):
        yield from _factors(node)
    elif isinstance(node, Pow | sympy.exp):
        yield from _exponents(node)
    elif isinstance(node, Piecewise):
        yield from _branches(node)
    elif type(node) in _BOUNDARIES:
        for head in _BOUNDARIES[type(node)]:
            yield "boundary of a condition flipped", _unevaluated(head, list(node.args))
    elif isinstance(node, Application) and node.func in _PARTNERS:
        swapped = _unevaluated(_PARTNERS[node.func], list(node.args))
        yield f"{node.func.__name__} and {swapped.func.__name__} exchanged", swapped
    yield from _exchanges(node)


def _implied(symbol: Symbol) -> Iterator[tuple[str, Expr]]:
    yield "term 1 added", symbol + 1
    yield "term 1 subtracted", symbol - 1
    yield "factor 2 added", 2 * symbol
    yield "factor 1/2 added", symbol / 2
    yield "negated", -symbol
    yield "exponent one more", symbol**2
    yield "exponent one less", sympy.S.One


def _constants(node: Expr) -> Iterator[Change]:
    if not node.is_finite:
        return
    yield "constant + 1", node + 1
    yield "constant - 1", node - 1
    yield "constant doubled", 2 * node
    yield "constant halved", node / 2
    yield "constant negated", -node
    if node is sympy.pi:
        yield "pi taken as 3", sympy.Integer(3)


def _terms(node: Add) -> Iterator[Change]:
    for index, term in enumerate(node.args):
        others = [*node.args[:index], *node.args[index + 1 :]]
        yield "term dropped", _joined(Add, others)
        yield "term doubled", _joined(Add, [*others, 2 * term])
        yield "term negated", _joined(Add, [*others, -term])


def _factors(node: Mul) -> Iterator[Change]:
    for index, factor in enumerate(node.args):
        others = [*node.args[:index], *node.args[index + 1 :]]
        yield "factor dropped", _joined(Mul, others)
        if factor not in (0, 1, -1) and factor.is_commutative:  # of a matrix, only where it has one
            yield "factor inverted", _joined(Mul, [*others, 1 / factor])


def _joined(head: Any, arguments: list[Expr]) -> Basic:
    return arguments[0] if len(arguments) == 1 else _unevaluated(head, arguments)


def _exponents(node: Expr) -> Iterator[Change]:
    for step, word in ((1, "one more"), (-1, "one less")):
        if isinstance(node, Pow):
            yield f"exponent {word}", _unevaluated(Pow, [node.base, node.exp + step])
        else:
            yield f"exponent {word}", _unevaluated(node.func, [node.args[0] + step])


def _branches(node: Piecewise) -> Iterator[Change]:
    pieces = list(node.args)
    for index, (value, condition) in enumerate(pieces):
        for other in pieces:
            if other.expr != value:
                changed = [*pieces[:index], ExprCondPair(other.expr, condition), *pieces[index + 1 :]]
                yield "branch replaced by another", _unevaluated(Piecewise, changed)


def _exchanges(node: Basic) -> Iterator[Change]:
    """Two symbols exchanged in everything below this node."""
    if not node.args or isinstance(node, ExprCondPair | sympy.Tuple):
        return
    symbols = sorted((one for one in node.free_symbols if isinstance(one, Symbol)), key=lambda one: one.name)
    for first, second in combinations(symbols, 2):
        yield f"{first} and {second} exchanged", _renamed(node, {first: second, second: first})


def _renamed(node: Basic, names: Mapping[Basic, Basic]) -> Basic:
    if not node.args:
        return names.get(node, node)
    return _unevaluated(node.func, [_renamed(argument, names) for argument in node.args])
